"""What kinds of things a network draws well and badly, as measured; and of which kind a prompt is.

The drawings come in some ninety subgroups. A kind joins those that belong together, so that each has enough
test pictures to say something about. The figures are those of `diffviz.training.evaluate`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diffviz.evaluation import results
from diffviz.models.text_encoder import Vocabulary, tokenize
from diffviz.paths import ASSETS

# Kind -> subgroups, or what several subgroups begin with; the longest match counts.
CATEGORIES = {
    "faces": ("face", "cat-face", "monkey-face"),
    "hearts": ("heart",),
    "signs of feeling": ("emotion",),
    "hands": ("hand",),
    "parts of the body": ("body-parts",),
    "people": ("person", "family"),
    "animals": ("animal",),
    "plants": ("plant",),
    "fruit and vegetables": ("food-fruit", "food-vegetable"),
    "meals and drinks": ("food", "drink", "dishware"),
    "vehicles": ("transport",),
    "places": ("place", "hotel"),
    "sky and weather": ("sky-weather",),
    "clocks": ("time",),
    "shapes": ("geometric",),
    "sports and games": ("sport", "game", "award-medal"),
    "celebrations": ("event",),
    "clothes": ("clothing",),
    "music and sound": ("sound", "music"),
    "paper and money": ("book-paper", "mail", "office", "writing", "money"),
    "tools and devices": ("tool", "lock", "computer", "phone", "light-video", "science", "medical"),
    "household things": ("household", "other-object", "arts-crafts"),
}
_STARTS = {start: kind for kind, starts in CATEGORIES.items() for start in starts}
MIN_SAMPLES = 20  # test pictures below which nothing is said of a kind


@functools.cache
def category_of(subgroup: str) -> str:
    """The kind that a subgroup belongs to. Raises ValueError for one of no kind."""
    starts = [start for start in _STARTS if subgroup.startswith(start)]
    if not starts:
        raise ValueError(f"no kind for the subgroup {subgroup!r}")
    return _STARTS[max(starts, key=len)]


@dataclass(frozen=True)
class CategoryResult:
    """How often the classifier names what was asked for among its first five guesses, in pictures of one kind."""

    category: str
    n: int  # generated test pictures
    value: float
    interval: tuple[float, float]  # 95 %
    real: float  # the same in held-out real drawings
    n_real: int

    @property
    def weak(self) -> bool:
        """Whether it is sure that the network gets less than half of what real drawings get."""
        return self.n >= MIN_SAMPLES and self.interval[1] < self.real / 2


@functools.lru_cache
def category_results(name: str, sha256: str = "", assets: Path = ASSETS) -> dict[str, CategoryResult]:
    """What was measured of a network, by kind; nothing where its weights are not those of `sha256`, if given."""
    file = results.load_result("evaluation", name, assets / "curves")
    if file is None or (sha256 and not file.matches(sha256)):
        return {}
    return {
        kind: CategoryResult(
            kind,
            row["generated"]["n"],
            row["generated"]["label_top5"]["value"],
            tuple(row["generated"]["label_top5"]["interval"]),
            row["real"]["label_top5"]["value"],
            row["real"]["n"],
        )
        for kind, row in file.raw.get("all", {}).get("kinds", {}).items()
    }


def category_of_prompt(words: Sequence[str], vocabulary: Vocabulary) -> str | None:
    """The kind of the label that a prompt's words name; None where they name none, or labels of several kinds.

    A label is named by the words it shares with the prompt, if they are more than half of the words of both.
    """
    asked, fits = set(words), {}
    for label in vocabulary.labels:
        own = set(tokenize(label["label"]))
        if 2 * len(asked & own) > len(asked | own):
            fits.setdefault(len(asked & own) / len(asked | own), set()).add(category_of(label["subgroup"]))
    best = fits[max(fits)] if fits else set()
    return best.pop() if len(best) == 1 else None
