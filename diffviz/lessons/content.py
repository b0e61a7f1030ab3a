"""The questions and cards of `assets/lessons`, read into typed records and checked on the way.

Every record has a permanent `id`. A file that breaks a rule raises ContentError, which names the file, the
item and the rule.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast, overload

from diffviz.paths import LESSONS

DIFFICULTIES = ("easy", "medium", "hard")
# What a question asks for, after the revised taxonomy of Bloom (Anderson & Krathwohl 2001). "calculation" is set apart
# from "application", since a number can be worked out on paper.
SKILLS = ("recall", "understanding", "application", "analysis", "calculation")


class ContentError(ValueError):
    """Lesson content that breaks a rule; the message says where and which."""


@dataclass(frozen=True)
class Demo:
    """A link to the page that shows the answer, in the state that shows it."""

    page: str
    label: str
    state: dict[str, str]


@dataclass(frozen=True)
class Item:
    """What all items have."""

    id: str
    concept: str
    difficulty: str
    demo: Demo | None


@dataclass(frozen=True)
class SelfCheck(Item):
    """A question to answer in one's own words; the key points are what a full answer holds."""

    prompt: str
    answer: str
    key_points: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """One stage of a process, and why it stands where it stands; `letter` names it while the order is open."""

    id: str
    letter: str
    text: str
    why: str


@dataclass(frozen=True)
class Ordering(Item):
    """Stages to be put in order; they are stored in the right one."""

    prompt: str
    explanation: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Prediction(Item):
    """A prediction to write down before a demo is run; the key points are what to compare it with afterwards."""

    prompt: str
    answer: str
    key_points: tuple[str, ...]


@dataclass(frozen=True)
class Flashcard(Item):
    """A card: question in front, short answer on the back."""

    front: str
    back: str


@dataclass(frozen=True)
class Option:
    """One option of a question, and why it is right or wrong.

    A wrong one of a `Choice` names the misconception that leads to it, a key of `misconceptions`.
    """

    text: str
    right: bool
    why: str
    misconception: str = ""


@dataclass(frozen=True)
class Choice(Item):
    """A multiple-choice question set in a scene; `skill` is one of SKILLS."""

    skill: str
    setting: str
    prompt: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Live(Item):
    """A question whose images and right answer come from a run; `run` names the function that makes them."""

    run: str
    setting: str
    prompt: str
    explanation: str


@dataclass(frozen=True)
class Interview(Item):
    """An interview question with a model answer."""

    prompt: str
    answer: str


KINDS: dict[str, type[Item]] = {
    "self_check": SelfCheck,
    "order": Ordering,
    "predictions": Prediction,
    "flashcards": Flashcard,
    "scenario_quiz": Choice,
    "page_quiz": Choice,
    "live": Live,
    "interview": Interview,
}
# The kinds whose answers are logged: what progress and mixed practice are made of.
PRACTISED = ("self_check", "order", "predictions", "flashcards", "scenario_quiz", "page_quiz", "live")
_PARTS = {"stages": Stage, "options": Option}


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ContentError(f"{path.name} cannot be read: {error}") from error


def _item(kind: type[Item], raw: dict[str, Any], where: str) -> Item:
    values = dict(raw)
    values["demo"] = Demo(**values["demo"]) if values.get("demo") else None
    for name, value in values.items():
        if isinstance(value, list):
            try:
                values[name] = _parts(name, cast("list[Any]", value))
            except TypeError as error:
                raise ContentError(f"{where}: {name} with missing or unknown fields: {error}") from error
    wanted = {f.name for f in fields(kind)}
    if set(values) != wanted:
        odd = sorted(set(values) ^ wanted)
        raise ContentError(f"{where}: these fields are missing or unknown: {', '.join(odd)}")
    item = kind(**values)
    problem = _problem(item)
    if problem:
        raise ContentError(f"{where}: {problem}")
    return item


def _parts(name: str, values: list[Any]) -> tuple[Any, ...]:
    """The values of a list: records where they are tables of a field that has records, else as they are."""
    part = _PARTS.get(name)
    if part is None or not all(isinstance(v, dict) for v in values):
        return tuple(values)
    return tuple(part(**v) for v in values)


def _problem(item: Item) -> str | None:
    """What is wrong with an item, or None."""
    if item.difficulty not in DIFFICULTIES:
        return f"difficulty must be one of {', '.join(DIFFICULTIES)}"
    if isinstance(item, Choice):
        if item.skill not in SKILLS:
            return f"skill must be one of {', '.join(SKILLS)}"
        if any(o.right == bool(o.misconception) for o in item.options):
            return "every wrong option, and no right one, must name a misconception"
        if sum(o.right for o in item.options) != 1:
            return "exactly one option must be right"
        if len(item.options) < 4 or not all(o.why for o in item.options):
            return "at least three wrong options are needed, and a reason for every option"
    if isinstance(item, SelfCheck | Prediction) and not 2 <= len(item.key_points) <= 3:
        return "two or three key points are needed"
    return None


@overload
def load(kind: Literal["self_check"], folder: Path = ...) -> tuple[SelfCheck, ...]: ...
@overload
def load(kind: Literal["order"], folder: Path = ...) -> tuple[Ordering, ...]: ...
@overload
def load(kind: Literal["predictions"], folder: Path = ...) -> tuple[Prediction, ...]: ...
@overload
def load(kind: Literal["flashcards"], folder: Path = ...) -> tuple[Flashcard, ...]: ...
@overload
def load(kind: Literal["scenario_quiz", "page_quiz"], folder: Path = ...) -> tuple[Choice, ...]: ...
@overload
def load(kind: Literal["live"], folder: Path = ...) -> tuple[Live, ...]: ...
@overload
def load(kind: Literal["interview"], folder: Path = ...) -> tuple[Interview, ...]: ...
@overload
def load(kind: str, folder: Path = ...) -> tuple[Item, ...]: ...
def load(kind: str, folder: Path = LESSONS) -> tuple[Item, ...]:
    """All items of one kind (a key of KINDS), in the order of the file."""
    return _load(kind, folder)


@lru_cache
def _load(kind: str, folder: Path) -> tuple[Item, ...]:
    name = f"{kind}.toml"
    raw = read_toml(folder / name)
    items = tuple(_item(KINDS[kind], r, f"{name}, {r.get('id', 'an item without id')}") for r in raw["item"])
    if len({i.id for i in items}) != len(items):
        raise ContentError(f"{name}: two items share an id")
    for item in items:
        if isinstance(item, Choice):
            unknown = {o.misconception for o in item.options if not o.right} - set(misconceptions(folder))
            if unknown:
                raise ContentError(f"{name}, {item.id}: no such misconception: {', '.join(sorted(unknown))}")
    return items


@dataclass(frozen=True)
class Misconception:
    """What somebody believes who picks a wrong option, and the demo that refutes it where one can."""

    id: str
    belief: str
    demo: Demo | None = None


@lru_cache
def misconceptions(folder: Path = LESSONS) -> dict[str, Misconception]:
    """Every misconception by its id. Raises ContentError where fields are wrong or an id is used twice."""
    found: dict[str, Misconception] = {}
    for raw in read_toml(folder / "misconceptions.toml")["misconception"]:
        where = f"misconceptions.toml, {raw.get('id', 'an entry without id')}"
        try:
            values: dict[str, Any] = {**raw, "demo": Demo(**raw["demo"]) if raw.get("demo") else None}
            entry = Misconception(**values)
        except TypeError as error:
            raise ContentError(f"{where}: these fields are missing or unknown: {error}") from error
        if entry.id in found:
            raise ContentError(f"{where}: two entries share this id")
        found[entry.id] = entry
    return found


@lru_cache
def merged(folder: Path = LESSONS) -> dict[str, str]:
    """Ids of items that were merged into another, with the id that now stands for them."""
    return read_toml(folder / "merged.toml")["merged"]


def current_id(item: str) -> str:
    """The id under which an item is known today: its own, or that of the item it was merged into."""
    return merged().get(item, item)


@dataclass(frozen=True)
class Phase:
    """A part of a class: what to do and to ask, with a model answer, and where to click.

    `misconception` is what will be heard, as a class says it, and `reply` is what to say to that.
    """

    minutes: int
    title: str
    do: str
    ask: str
    answer: str
    misconception: str
    reply: str
    demos: tuple[Demo, ...]


@dataclass(frozen=True)
class Plan:
    """A class of so many minutes, in phases; `slack` minutes are in none, and `objectives` say what it is for."""

    id: str
    title: str
    minutes: int
    slack: int
    for_whom: str
    objectives: tuple[str, ...]
    phases: tuple[Phase, ...]

    def begins(self) -> list[int]:
        """The minute at which each phase begins."""
        return [sum(p.minutes for p in self.phases[:k]) for k in range(len(self.phases))]

    def steps(self) -> list[tuple[int, Demo]]:
        """What is shown one after another: each demo, with the index of its phase."""
        return [(i, demo) for i, phase in enumerate(self.phases) for demo in phase.demos]


def _phase(raw: dict[str, Any]) -> Phase:
    rest = {name: value for name, value in raw.items() if name != "demos"}
    return Phase(**rest, demos=tuple(Demo(**d) for d in raw["demos"]))


@lru_cache
def plans(folder: Path = LESSONS) -> tuple[Plan, ...]:
    """The class plans. Raises ContentError where fields are wrong or phases and slack do not add up to the class."""
    found: list[Plan] = []
    for raw in read_toml(folder / "plans.toml")["plan"]:
        where = f"plans.toml, {raw.get('id', 'a plan without id')}"
        try:
            phases = tuple(_phase(p) for p in raw["phase"])
            rest = {k: v for k, v in raw.items() if k not in ("phase", "objectives")}
            plan = Plan(**rest, objectives=tuple(raw["objectives"]), phases=phases)
        except (KeyError, TypeError) as error:
            raise ContentError(f"{where}: these fields are missing or unknown: {error}") from error
        if sum(p.minutes for p in plan.phases) + plan.slack != plan.minutes:
            raise ContentError(f"{where}: phases and slack do not add up to {plan.minutes} minutes")
        if plan.slack < 1 or not 2 <= len(plan.objectives) <= 5:
            raise ContentError(f"{where}: a plan has slack, and two to five objectives")
        if not all(p.demos and p.ask and p.answer and p.misconception and p.reply for p in plan.phases):
            raise ContentError(
                f"{where}: each phase has a demo, a question, its answer, a misconception and a reply"
            )
        found.append(plan)
    return tuple(found)


@dataclass(frozen=True)
class Exercise:
    """An exercise on paper, with its points and a worked solution."""

    title: str
    points: int
    task: str
    solution: str


@dataclass(frozen=True)
class Sheet:
    """A sheet of exercises for a class plan, named by the plan's id."""

    plan: str
    title: str
    exercises: tuple[Exercise, ...]

    @property
    def points(self) -> int:
        return sum(e.points for e in self.exercises)


@lru_cache
def sheets(folder: Path = LESSONS) -> dict[str, Sheet]:
    """The exercise sheets by the plan each is for. Raises ContentError where fields are wrong or a plan is unknown."""
    found: dict[str, Sheet] = {}
    for raw in read_toml(folder / "exercises.toml")["sheet"]:
        where = f"exercises.toml, {raw.get('title', 'a sheet without title')}"
        try:
            exercises = tuple(Exercise(**e) for e in raw["exercise"])
            sheet = Sheet(raw["plan"], raw["title"], exercises)
        except (KeyError, TypeError) as error:
            raise ContentError(f"{where}: these fields are missing or unknown: {error}") from error
        if sheet.plan not in {plan.id for plan in plans(folder)}:
            raise ContentError(f"{where}: there is no plan {sheet.plan}")
        found[sheet.plan] = sheet
    return found


@lru_cache
def dictionary(folder: Path = LESSONS) -> dict[str, Any]:
    """The dictionary file as it is: `entry` and `cheat_sheet`."""
    return read_toml(folder / "dictionary.toml")


@lru_cache
def concepts(folder: Path = LESSONS) -> dict[str, list[str]]:
    """Every concept with those it builds on. Raises ContentError when one is needed that is not there."""
    found: dict[str, list[str]] = read_toml(folder / "concepts.toml")["concepts"]
    missing = sorted({n for needs in found.values() for n in needs} - set(found))
    if missing:
        raise ContentError(f"concepts.toml: needed but not there: {', '.join(missing)}")
    return found


@lru_cache
def _closing(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    raw = read_toml(folder / "closing.toml")["closing"]
    found = {(r["page"], r["part"]): (r["question"], r["answer"]) for r in raw}
    if len(found) < len(raw) or len(set(found.values())) < len(raw):
        raise ContentError("closing.toml: a part or a question is there twice")
    return found


def closing_question(page: str, part: str, folder: Path = LESSONS) -> tuple[str, str]:
    """The question that a part of a lesson ends in, and its answer. Raises ContentError where it has none."""
    try:
        return _closing(folder)[page, part]
    except KeyError as error:
        raise ContentError(f"closing.toml: no question for the part {part} of {page}") from error
