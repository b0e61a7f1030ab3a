"""Categories of images: how well a network generates each, as measured, and the category of a prompt.

The labels come in some ninety subgroups. A category joins subgroups that belong together, so that it has enough test
images for a figure. The figures are those of `diffviz.training.evaluate`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diffviz.evaluation import results
from diffviz.models.text_encoder import Vocabulary
from diffviz.paths import ASSETS

# Category -> subgroups, or prefixes of several subgroups; the longest match counts.
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
_PREFIXES = {prefix: category for category, prefixes in CATEGORIES.items() for prefix in prefixes}
MIN_SAMPLES = 20  # test images, below which nothing is said of a category


@functools.cache
def category_of(subgroup: str) -> str:
    """The category of a subgroup. Raises ValueError for one that has none."""
    matches = [prefix for prefix in _PREFIXES if subgroup.startswith(prefix)]
    if not matches:
        raise ValueError(f"no category for the subgroup {subgroup!r}")
    return _PREFIXES[max(matches, key=len)]


@dataclass(frozen=True)
class CategoryResult:
    """Top-5 agreement of the classifier with the prompted label, over the images of one category."""

    category: str
    n: int  # generated test images
    value: float
    interval: tuple[float, float]  # 95 %
    real: float  # the same for held-out real images
    n_real: int

    @property
    def weak(self) -> bool:
        """Whether agreement is less than half of that of real images, by its 95 % interval."""
        return self.n >= MIN_SAMPLES and self.interval[1] < self.real / 2


@functools.lru_cache
def category_results(name: str, sha256: str = "", assets: Path = ASSETS) -> dict[str, CategoryResult]:
    """What was measured of a network, by category; empty if `sha256` is given and is not that of the measured weights."""
    file = results.load_result("evaluation", name, assets / "curves")
    if file is None or (sha256 and not file.matches(sha256)):
        return {}
    return {
        category: CategoryResult(
            category,
            row["generated"]["n"],
            row["generated"]["label_top5"]["value"],
            tuple(row["generated"]["label_top5"]["interval"]),
            row["real"]["label_top5"]["value"],
            row["real"]["n"],
        )
        for category, row in file.raw.get("all", {}).get("kinds", {}).items()
    }


def category_of_prompt(words: Sequence[str], vocabulary: Vocabulary) -> str | None:
    """The category of the label that a prompt names; None where it names none, or labels of several categories.

    A prompt names a label if they share more than half of the words of both together.
    """
    prompt, fits = set(words), {}
    for label, own in zip(vocabulary.labels, vocabulary.label_words, strict=True):
        if 2 * len(prompt & own) > len(prompt | own):
            fits.setdefault(len(prompt & own) / len(prompt | own), set()).add(category_of(label["subgroup"]))
    best = fits[max(fits)] if fits else set()
    return best.pop() if len(best) == 1 else None
