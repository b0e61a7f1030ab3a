"""The syllabus of `assets/lessons/syllabus.toml`: six weeks, each checked against what it names.

Raises ContentError, as `content` does, for a field that is missing or unknown, and for a plan, phase, paper, notebook, page
or question that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from diffviz.lessons import content, glossary, pages
from diffviz.lessons.content import (
    Choice,
    ContentError,
    Demo,
    Interview,
    Item,
    Plan,
    Prediction,
    SelfCheck,
)
from diffviz.lessons.glossary import Paper
from diffviz.paths import LESSONS, NOTEBOOKS

FILE = "syllabus.toml"
# The kinds that the questions of a self-check come from: those that have an answer without a run.
ASKED = ("self_check", "page_quiz", "scenario_quiz", "predictions", "interview")


@dataclass(frozen=True)
class PartOfPlan:
    """A class plan, or those of its phases that `only` names."""

    plan: Plan
    only: tuple[str, ...]

    @property
    def minutes(self) -> int:
        """Minutes of the phases that are taken; of the whole plan where all are."""
        taken = sum(p.minutes for p in self.plan.phases if p.title in self.only)
        return taken if self.only else self.plan.minutes


@dataclass(frozen=True)
class Reading:
    """A paper, and what of it to read."""

    paper: Paper
    what: str


@dataclass(frozen=True)
class Week:
    """A week of the course: `session` says what its class does, `lab` is the name of a notebook or empty."""

    number: int
    title: str
    objectives: tuple[str, ...]
    lessons: tuple[Demo, ...]
    session: str
    plans: tuple[PartOfPlan, ...]
    reading: tuple[Reading, ...]
    lab: str
    self_check: tuple[Item, ...]


def asked(item: Item) -> str:
    """What a question of a self-check asks. Raises TypeError for an item of another kind."""
    if not isinstance(item, SelfCheck | Choice | Prediction | Interview):
        raise TypeError(f"{item.id} asks nothing in a sentence")
    return item.prompt


@lru_cache
def weeks(folder: Path = LESSONS, notebooks: Path = NOTEBOOKS) -> tuple[Week, ...]:
    """The weeks in their order."""
    plans = {plan.id: plan for plan in content.plans(folder)}
    questions = {item.id: item for kind in ASKED for item in content.load(kind, folder)}
    papers = glossary.papers(folder)
    found: list[Week] = []
    for number, raw in enumerate(content.read_toml(folder / FILE)["week"], 1):
        where = f"{FILE}, week {number}"
        try:
            values: dict[str, Any] = {
                **raw,
                "objectives": tuple(raw["objectives"]),
                "lessons": tuple(Demo(**demo) for demo in raw["lessons"]),
                "plans": tuple(PartOfPlan(plans[p["id"]], tuple(p.get("only", ()))) for p in raw["plans"]),
                "reading": tuple(Reading(papers[r["paper"]], r["what"]) for r in raw["reading"]),
                "self_check": tuple(questions[item] for item in raw["self_check"]),
            }
            week = Week(number=number, **values)
        except KeyError as error:
            raise ContentError(f"{where}: there is no {error}") from error
        except TypeError as error:
            raise ContentError(f"{where}: these fields are missing or unknown: {error}") from error
        _check(week, where, notebooks)
        found.append(week)
    return tuple(found)


def _check(week: Week, where: str, notebooks: Path) -> None:
    """Raise ContentError where a week names what is not there, or leaves a part empty."""
    for part in week.plans:
        missing = set(part.only) - {phase.title for phase in part.plan.phases}
        if missing:
            raise ContentError(f"{where}: {part.plan.id} has no phase {', '.join(sorted(missing))}")
    unknown = sorted({demo.page for demo in week.lessons} - set(pages.BY_SLUG))
    if unknown:
        raise ContentError(f"{where}: there is no page {', '.join(unknown)}")
    if week.lab and not (notebooks / f"{week.lab}.ipynb").exists():
        raise ContentError(f"{where}: there is no notebook {week.lab}")
    needed: dict[str, Any] = {
        "objectives": week.objectives, "lessons": week.lessons, "plans": week.plans, "reading": week.reading,
        "self_check": week.self_check, "session": week.session,
    }  # fmt: skip
    empty = [name for name, value in needed.items() if not value]
    if empty:
        raise ContentError(f"{where}: nothing stands under {', '.join(empty)}")
