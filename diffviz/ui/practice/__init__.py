"""The exercises of the practice page, one module each; `show` of each draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Exercise:
    """An exercise: its title, the function that draws it, and the key of the learner's saved place in it, if any."""

    title: str
    show: Callable[[], None]
    progress_key: str = ""


EXERCISES = {
    "mixed": Exercise("Mixed practice", mixed_practice.show, "now"),
    "self_check": Exercise("Self-check", self_check.show, "check"),
    "order": Exercise("Order the stages", order.show, "order"),
    "predict": Exercise("Predict, observe, explain", predict.show, "predict"),
    "scenario_quiz": Exercise(
        "Scenario quiz", partial(quiz.show, "scenario_quiz"), quiz.DECKS["scenario_quiz"]
    ),
    "page_quiz": Exercise("Lesson quiz", partial(quiz.show, "page_quiz"), quiz.DECKS["page_quiz"]),
    "live": Exercise("Live-model quiz", partial(quiz.show, "live"), quiz.DECKS["live"]),
    "flashcards": Exercise("Flashcards", flashcards.show),
    "interview": Exercise("Interview questions", interview.show),
    "dictionary": Exercise("Dictionary", dictionary.show),
    "progress": Exercise("Progress", progress.show),
}
TITLES = {name: exercise.title for name, exercise in EXERCISES.items()}
# Titles that stood in addresses until version 0.1.
FORMERLY = {
    "practise now": "mixed",
    "self-check": "self_check",
    "order": "order",
    "predict": "predict",
    "work quiz": "scenario_quiz",
    "page quiz": "page_quiz",
    "live quiz": "live",
    "flashcards": "flashcards",
    "interview": "interview",
    "dictionary": "dictionary",
    "progress": "progress",
}
