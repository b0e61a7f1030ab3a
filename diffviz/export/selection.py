"""What is exported: the concepts and levels that a teacher chose, and what of them a file holds."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from diffviz.lessons import content
from diffviz.lessons.content import Demo, Item

# What the items of each kind are called in a list of what a file holds. Live questions are in no file: they have no
# answer until they are run.
NAMES = {
    "scenario_quiz": "multiple choice",
    "page_quiz": "multiple choice",
    "order": "ordering",
    "self_check": "self-check",
    "predictions": "predictions",
    "flashcards": "flashcards",
    "interview": "interview",
}
EVERY_KIND = tuple(kind for kind in content.KINDS if kind in NAMES)
QUIZ_KINDS = ("scenario_quiz", "page_quiz", "order", "self_check", "predictions")
CARD_KINDS = ("flashcards", "self_check", "interview")


@dataclass(frozen=True)
class Selection:
    """Which items to export: those of these concepts and levels (of `content.DIFFICULTIES`); none named is all of them.

    `app_url` is where learners open the app: with it, questions link to their demos. Raises ValueError for a concept or
    level that does not exist, and for an address that is none.
    """

    concepts: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    app_url: str = ""

    def __post_init__(self) -> None:
        for name, asked, known in (
            ("concept", self.concepts, tuple(content.concepts())),
            ("level", self.levels, content.DIFFICULTIES),
        ):
            for value in asked:
                if value not in known:
                    near = difflib.get_close_matches(value, known, 1)
                    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
                    raise ValueError(f"there is no {name} {value!r}: {hint}")
        if self.app_url and not self.app_url.startswith(("http://", "https://")):
            raise ValueError(
                f"the address of the app must begin with http:// or https://, not {self.app_url!r}"
            )

    def items(self, *kinds: str) -> list[Item]:
        """The chosen items of these kinds, concept by concept in the order of `concepts.toml`."""
        place = {concept: i for i, concept in enumerate(content.concepts())}
        found = [item for kind in kinds for item in content.load(kind) if self._has(item)]
        return sorted(found, key=lambda item: place[item.concept])  # stable: kinds and files keep their order

    def _has(self, item: Item) -> bool:
        return (not self.concepts or item.concept in self.concepts) and (
            not self.levels or item.difficulty in self.levels
        )

    def holds(self, kinds: tuple[str, ...], noun: str) -> str:
        """What a file of these kinds holds, such as "36 cards: 10 flashcards, 6 self-check, 20 interview"."""
        counts = Counter[str]()
        for kind in (kind for kind in NAMES if kind in kinds):
            counts[NAMES[kind]] += len(self.items(kind))
        if not counts.total():
            return f"no {noun}"
        parts = ", ".join(_counted(n, name) for name, n in counts.items() if n)
        return f"{_counted(counts.total(), noun)}: {parts}"

    def link(self, demo: Demo) -> str:
        """The address of a demo in the state that it shows, or "" where the app's own is not known."""
        if not self.app_url:
            return ""
        query = urlencode(demo.state)
        return f"{self.app_url.rstrip('/')}/{demo.page}{'?' if query else ''}{query}"


def _counted(n: int, noun: str) -> str:
    """A number before a noun in the plural, which loses its s after 1."""
    return f"{n} {noun if n != 1 else ' '.join(word.removesuffix('s') for word in noun.split())}"


EVERYTHING = Selection()


class ExportFile(NamedTuple):
    """A file that can be exported: what it is called, which kinds of items it holds, and what makes its bytes."""

    name: str
    title: str
    mime: str
    kinds: tuple[str, ...]
    noun: str
    about: str
    make: Callable[[Selection], bytes]

    def holds(self, selection: Selection) -> str:
        """What the file holds of a selection, in words."""
        return selection.holds(self.kinds, self.noun)

    def is_empty(self, selection: Selection) -> bool:
        return not selection.items(*self.kinds)
