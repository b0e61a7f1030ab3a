"""The multiple-choice questions as the exporters take them."""

from __future__ import annotations

from diffviz.lessons import content, grading
from diffviz.lessons.content import Choice, Option

KINDS = ("scenario_quiz", "page_quiz")  # live questions need the network, and stay on the pages
LETTERS = "abcdef"


def questions() -> list[Choice]:
    """Every multiple-choice question that can stand on paper."""
    return [*content.load("scenario_quiz"), *content.load("page_quiz")]


def options(item: Choice, number: int) -> list[Option]:
    """The options in an order fixed by the number of the question, so that key and questions agree."""
    return [item.options[k] for k in grading.shuffled(len(item.options), 1000 + number)]
