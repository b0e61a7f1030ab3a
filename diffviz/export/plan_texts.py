"""What slides and worksheets take from a class plan: the one place that knows the fields of a phase beside its question."""

from __future__ import annotations

from diffviz.lessons.content import Phase, Plan


def goals(plan: Plan) -> tuple[str, ...]:
    """What the class can do at the end, a sentence each."""
    return (plan.goal,)


def notes(phase: Phase) -> tuple[tuple[str, str], ...]:
    """What the teacher does and may hear in a phase: pairs of a heading and a text."""
    return ("Do", phase.do), ("Expect to hear", phase.listen)


def key(phase: Phase) -> str:
    """What the key of a worksheet says to the question of a phase."""
    return phase.listen


def clock(minute: int) -> str:
    """A minute of the class as 0:05 or 1:10."""
    return f"{minute // 60}:{minute % 60:02d}"
