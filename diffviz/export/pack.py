"""The teaching pack as files: slides and worksheets of class plans, and the lab notebooks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from diffviz.export import labs, slides, worksheets
from diffviz.export.selection import Selection
from diffviz.lessons import content
from diffviz.lessons.content import Plan

# What a file is called, and what makes it.
Files = Iterator[tuple[str, Callable[[], bytes]]]


def _slides(plans: Sequence[Plan], selection: Selection) -> Files:
    for plan in plans:
        yield slides.name(plan), lambda plan=plan: slides.deck(plan, selection).encode()


def _worksheets(plans: Sequence[Plan], selection: Selection) -> Files:
    for plan in plans:
        yield worksheets.name(plan, key=False), lambda plan=plan: worksheets.worksheet_pdf(plan)
        yield worksheets.name(plan, key=True), lambda plan=plan: worksheets.key_pdf(plan)


def _labs(plans: Sequence[Plan], selection: Selection) -> Files:
    for lab in labs.labs().values():
        yield f"lab-{lab.student.name}", lab.student.read_bytes
        yield f"solution-{lab.solution.name}", lab.solution.read_bytes


PACK: dict[str, Callable[[Sequence[Plan], Selection], Files]] = {
    "slides": _slides,
    "worksheets": _worksheets,
    "labs": _labs,
}
OF_PLANS = ("slides", "worksheets")  # the parts that are made for each plan


def plans_by_name() -> dict[str, Plan]:
    """The class plans by their short names, "first" for "plan-first"."""
    return {plan.id.removeprefix("plan-"): plan for plan in content.plans()}


def plans_named(names: Sequence[str]) -> tuple[Plan, ...]:
    """The plans with these ids, with or without "plan-"; all of them where none is named. Raises ValueError."""
    known = plans_by_name()
    short = [name.removeprefix("plan-") for name in names]
    for name in short:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
            raise ValueError(f"there is no plan {name!r}: {hint}")
    return tuple(known[name] for name in dict.fromkeys(short or known))


def write(part: str, folder: Path, plans: Sequence[Plan], selection: Selection) -> Iterator[Path]:
    """Write the files of one part of PACK into a folder, made if need be; yields each path when it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PACK[part](plans, selection):
        path = folder / name
        path.write_bytes(make())
        yield path
