"""The ways to practise, one module each; `show` of each draws it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from diffviz.ui.practice import (
    dictionary,
    flashcards,
    interview,
    mixed_practice,
    order,
    predict,
    progress,
    quiz,
    self_check,
)

EXERCISES: dict[str, Callable[[], None]] = {
    "practise now": mixed_practice.show,
    "self-check": self_check.show,
    "order": order.show,
    "predict": predict.show,
    "work quiz": partial(quiz.show, "scenario_quiz"),
    "page quiz": partial(quiz.show, "page_quiz"),
    "live quiz": partial(quiz.show, "live"),
    "flashcards": flashcards.show,
    "interview": interview.show,
    "dictionary": dictionary.show,
    "progress": progress.show,
}
# Exercises whose place is kept, and under which key.
KEYS = {
    "practise now": "now",
    "self-check": "check",
    "order": "order",
    "predict": "predict",
    "work quiz": quiz.DECKS["scenario_quiz"],
    "page quiz": quiz.DECKS["page_quiz"],
    "live quiz": quiz.DECKS["live"],
}
