"""What slides and worksheets take from a class plan: the one place that knows the fields of a phase beside its question."""

from __future__ import annotations

from diffviz.lessons.content import Phase, Plan


def notes(phase: Phase) -> tuple[tuple[str, str], ...]:
    """What the teacher does and may hear in a phase, and replies: pairs of a heading and a text."""
    return ("Do", phase.do), ("Expect to hear", f"“{phase.misconception}”"), ("Reply", phase.reply)


def about(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Whom a plan is for, what they can do at the end, and its slack: pairs of a heading and a text."""
    objectives = "; ".join(plan.objectives)
    slack = f"{plan.slack} minutes of {plan.minutes}"
    return ("For", plan.for_whom), ("At the end they can", f"{objectives}."), ("In no phase", slack)


def clock(minute: int) -> str:
    """A minute of the class as 0:05 or 1:10."""
    return f"{minute // 60}:{minute % 60:02d}"
