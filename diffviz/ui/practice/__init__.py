"""The ways to practise, one module each; `show` of each draws it."""

from __future__ import annotations

from collections.abc import Callable

from diffviz.ui.practice import (
    dictionary,
    flashcards,
    interview,
    order,
    predict,
    progress,
    self_check,
    work_quiz,
)

WAYS: dict[str, Callable[[], None]] = {
    "self-check": self_check.show,
    "order": order.show,
    "predict": predict.show,
    "work quiz": work_quiz.show,
    "flashcards": flashcards.show,
    "progress": progress.show,
    "interview deck": interview.show,
    "dictionary": dictionary.show,
}
# Exercises whose place is kept, and under which key.
KEYS = {"self-check": "check", "order": "order", "predict": "predict", "work quiz": "quiz"}
