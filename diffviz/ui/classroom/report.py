"""What a class answered, question by question: for the screen, and as a page for the printer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from diffviz.classroom import activities, results, votes
from diffviz.classroom.activities import Activity
from diffviz.classroom.database import Database
from diffviz.classroom.rooms import Room
from diffviz.classroom.votes import Vote
from diffviz.lessons import content
from diffviz.ui import printing
from diffviz.ui.classroom import figures
from diffviz.ui.prose import counted

_CSS = """
@page { margin: 16mm; } body { font: 11pt/1.4 Georgia, serif; margin: 0; }
h1 { font-size: 17pt; margin: 0 0 4pt; } h2 { font-size: 12pt; margin: 12pt 0 2pt; } p { margin: 0 0 3pt; }
section { break-inside: avoid; } table { border-collapse: collapse; width: 100%; } small { color: #555; }
td, th { border-bottom: 1px solid #bbb; text-align: left; padding: 2pt 6pt 2pt 0; vertical-align: top; }
td.n { text-align: right; white-space: nowrap; }
"""


@dataclass(frozen=True)
class Asked:
    """A question with the votes that count, and its number in the class."""

    number: int
    activity: Activity
    cast: tuple[Vote, ...]

    def line(self) -> dict[str, str]:
        """A row of the table of all questions."""
        draft = self.activity.question
        first, second = (results.of_round(self.cast, r) for r in (1, 2))
        gain = results.gain(draft, self.cast)
        normalized = gain.normalized if gain else None
        return {
            "No.": str(self.number),
            "Question": draft.prompt,
            "Votes 1": str(len(first)),
            "Right 1": _percent(results.share_right(draft, first)),
            "Votes 2": str(len(second)) if second else "–",
            "Right 2": _percent(results.share_right(draft, second)),
            "Normalised gain": "–" if normalized is None else f"{normalized:.2f}",
        }


def collect(db: Database, room: Room) -> list[Asked]:
    """All questions of a room with their votes, in the order in which they were asked."""
    cast = votes.of_room(db, room)
    return [
        Asked(n, activity, tuple(v for v in cast if v.activity == activity.id))
        for n, activity in enumerate(activities.every(db, room), 1)
    ]


def misconceptions(asked: Sequence[Asked]) -> list[tuple[str, int]]:
    """The beliefs behind wrong options that were chosen in a first vote, with how many votes; the most common first."""
    found = results.misconceptions_met([a.activity for a in asked], [v for a in asked for v in a.cast])
    known = content.misconceptions()
    return [(known[name].belief, count) for name, count in found.most_common() if name in known]


def _zone() -> tzinfo:
    """The time zone of the host's browser; UTC where it does not say one that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def page(room: Room, asked: Sequence[Asked]) -> str:
    """The results as an HTML page for the printer."""
    day = datetime.fromtimestamp(room.opened_at, _zone()).strftime("%d %B %Y")
    title = escape(room.title or "Classroom")
    body = [f"<h1>{title}</h1><p>Room {room.code}, {day}. {counted(len(asked), 'question')}.</p>"]
    for one in asked:
        body.append(f"<section><h2>{one.number}. {escape(one.activity.question.prompt)}</h2>{_table(one)}")
        body += [f"<p>{escape(text)}</p>" for text in figures.summary(one.activity.question, one.cast)]
        body.append("</section>")
    if met := misconceptions(asked):
        rows = "".join(f'<tr><td>{escape(belief)}</td><td class="n">{n}</td></tr>' for belief, n in met)
        body.append(f"<section><h2>Misconceptions met in first votes</h2><table>{rows}</table></section>")
    body.append(
        "<p><small>Normalised gain: (right in vote 2 − right in vote 1) / (1 − right in vote 1), of those who voted both "
        "times (Hake 1998, doi 10.1119/1.18809). Within one question it tells what the discussion changed there, not "
        "what was learned in the course.</small></p>"
    )
    return printing.sheet(f"diffviz: {room.title or room.code}", _CSS, "".join(body))


def _table(one: Asked) -> str:
    draft = one.activity.question
    first, second = (results.of_round(one.cast, r) for r in (1, 2))
    if draft.kind == "choice":
        counts = [results.counts(cast, len(draft.options)) for cast in (first, second)]
        rows = "".join(
            f"<tr><td>{figures.LETTERS[i]}. {escape(option.text)}{' <b>(right)</b>' if draft.right == i else ''}</td>"
            f'<td class="n">{counts[0][i]}</td><td class="n">{counts[1][i] if second else "–"}</td></tr>'
            for i, option in enumerate(draft.options)
        )
        return f"<table><tr><th>Option</th><th>Vote 1</th><th>Vote 2</th></tr>{rows}</table>"
    cast = second or first
    if draft.kind == "text":
        shown = [v for v in cast if v.approved]
        hidden = len(cast) - len(shown)
        items = "".join(f"<li>{escape(v.answer)}</li>" for v in shown)
        return (
            f"<p>{counted(len(cast), 'answer')}, {hidden} of them not shown to the class.</p><ul>{items}</ul>"
        )
    if draft.kind == "pairs":
        found = zip(draft.options, results.preferences(draft, first), strict=True)
        rows = "".join(
            f'<tr><td>{escape(o.text)}</td><td class="n">{p.share:.0%}</td>'
            f'<td class="n">{"–" if p.low is None or p.high is None else f"{p.low:.0%} to {p.high:.0%}"}</td></tr>'
            for o, p in found
        )
        return f"<table><tr><th>Compared</th><th>Preferred</th><th>95 % interval</th></tr>{rows}</table>"
    if draft.kind == "tell":
        told = results.told_apart(draft, first)
        rows = "".join(
            f'<tr><td>{escape(o.text)}</td><td class="n">{right} of {n}</td></tr>'
            for o, right, n in zip(draft.options, told.right, told.trials, strict=False)
        )
        return (
            f"<table><tr><th>Told from {escape(draft.options[-1].text)}</th><th>Right</th></tr>{rows}</table>"
        )
    shares = [_percent(results.share_right(draft, votes_)) for votes_ in (first, second)]
    return f"<p>{counted(len(first), 'answer')} in vote 1, {len(second)} in vote 2. Right: {shares[0]}, {shares[1]}.</p>"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
