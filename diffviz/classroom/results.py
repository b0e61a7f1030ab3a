"""What a class answered: counts, who changed to what, the gain from one vote to the next, and all of it as a table."""

from __future__ import annotations

import csv
import functools
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from diffviz.classroom import activities, discrimination, preference, votes
from diffviz.classroom.activities import Activity, Draft
from diffviz.classroom.answers import BLIND
from diffviz.classroom.database import Database
from diffviz.classroom.discrimination import Discrimination
from diffviz.classroom.preference import Preference
from diffviz.classroom.rooms import Participant, Room
from diffviz.classroom.schema import PARTICIPANTS, SIGNALS
from diffviz.classroom.votes import Vote

COLUMNS = ("room", "question", "source", "kind", "prompt", "round", "participant", "nickname", "answer", "right",
           "misconception", "time")  # fmt: skip


def of_round(cast: Iterable[Vote], round_: int) -> list[Vote]:
    """The votes of one round."""
    return [v for v in cast if v.round == round_]


def counts(cast: Iterable[Vote], options: int) -> list[int]:
    """How many chose each option."""
    found = Counter(v.answer for v in cast)
    return [found[i] for i in range(options)]


def flow(cast: Sequence[Vote], options: int) -> list[list[int]]:
    """How many went from option i in the first vote to option j in the second, of those who cast both: [i][j]."""
    before = {v.participant: v.answer for v in of_round(cast, 1)}
    moves = Counter((before[v.participant], v.answer) for v in of_round(cast, 2) if v.participant in before)
    return [[moves[i, j] for j in range(options)] for i in range(options)]


def median(numbers: Sequence[float]) -> float:
    """The median of numbers in ascending order."""
    half = len(numbers) // 2
    return numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2


def share_right(question: Draft, cast: Sequence[Vote]) -> float | None:
    """The share of right answers among votes of one round; None without votes or without a right answer."""
    if question.right is None or not cast:
        return None
    return sum(bool(question.is_right(v.answer)) for v in cast) / len(cast)


@dataclass(frozen=True)
class Gain:
    """Shares of right answers of those who cast both votes, and their number.

    `normalized` is Hake's gain (1998, doi 10.1119/1.18809), (after - before) / (1 - before): the part of what could be
    gained; None where everybody was right before, and for a loss: there it has no floor, and is no part of anything.
    """

    before: float
    after: float
    people: int

    @property
    def normalized(self) -> float | None:
        lost = self.after < self.before
        return None if lost or self.before == 1 else (self.after - self.before) / (1 - self.before)


def gain(question: Draft, cast: Sequence[Vote]) -> Gain | None:
    """The gain from the first vote to the second; None without a right answer or without anybody who cast both."""
    first, second = ({v.participant: v.answer for v in of_round(cast, n)} for n in (1, 2))
    both = first.keys() & second.keys()
    if question.right is None or not both:
        return None
    before, after = (sum(bool(question.is_right(by[p])) for p in both) / len(both) for by in (first, second))
    return Gain(before, after, len(both))


def preferences(question: Draft, cast: Sequence[Vote]) -> list[Preference]:
    """Which of the compared options the class prefers, for each."""
    by_person = tuple(tuple((better, worse) for _, better, worse in v.answer) for v in cast)
    return _preferences(len(question.options), by_person)


@functools.lru_cache(maxsize=64)
def _preferences(n: int, by_person: tuple[tuple[tuple[int, int], ...], ...]) -> list[Preference]:
    return preference.preferences(n, by_person)


def told_apart(question: Draft, cast: Sequence[Vote]) -> Discrimination:
    """Up to which of its levels the class tells the images of a question from the last."""
    last = len(question.options) - 1
    by_person = tuple(
        tuple((min(chosen, other), chosen == last) for _, chosen, other in v.answer) for v in cast
    )
    return _told_apart(question.levels, by_person)


@functools.lru_cache(maxsize=64)
def _told_apart(
    levels: tuple[float, ...], by_person: tuple[tuple[tuple[int, bool], ...], ...]
) -> Discrimination:
    return discrimination.discrimination(levels, by_person)


def misconceptions_met(asked: Iterable[Activity], cast: Iterable[Vote]) -> Counter[str]:
    """The misconceptions behind the wrong options that were chosen in a first vote, with how many chose them."""
    questions = {a.id: a.question for a in asked if a.question.kind == "choice"}
    chosen = (questions[v.activity].chosen(v.answer) for v in of_round(cast, 1) if v.activity in questions)
    return Counter(option.misconception for option in chosen if option.misconception)


# --- who is lost -------------------------------------------------------------------------------------------


_LOST_NOW = sql.select(sql.func.count()).where(
    SIGNALS.c.id.in_(
        sql.select(sql.func.max(SIGNALS.c.id))
        .join(PARTICIPANTS, PARTICIPANTS.c.id == SIGNALS.c.participant_id)
        .where(PARTICIPANTS.c.room_id == sql.bindparam("room"))
        .group_by(SIGNALS.c.participant_id)
    ),
    SIGNALS.c.lost,
)


def lost_now(connection: sql.Connection, room: int) -> int:
    """How many participants have pressed "I'm lost" and not taken it back."""
    return connection.execute(_LOST_NOW, {"room": room}).scalar_one()


def is_lost(connection: sql.Connection, who: Participant) -> bool:
    """Whether a participant has pressed "I'm lost" and not taken it back."""
    newest = (
        sql.select(SIGNALS.c.lost).where(SIGNALS.c.participant_id == who.id).order_by(SIGNALS.c.id.desc())
    )
    return bool(connection.execute(newest.limit(1)).scalar())


def lost_curve(db: Database, room: Room) -> list[tuple[float, int]]:
    """How many were lost from each time on, in seconds since 1970: a step at each change."""
    chosen = (
        sql.select(SIGNALS.c.participant_id, SIGNALS.c.lost, SIGNALS.c.at)
        .join(PARTICIPANTS, PARTICIPANTS.c.id == SIGNALS.c.participant_id)
        .where(PARTICIPANTS.c.room_id == room.id)
        .order_by(SIGNALS.c.id)
    )
    with db.read() as connection:
        rows = connection.execute(chosen).all()
    lost: set[int] = set()
    curve: list[tuple[float, int]] = []
    for row in rows:
        (lost.add if row.lost else lost.discard)(row.participant_id)
        curve.append((row.at, len(lost)))
    return curve


# --- a table -----------------------------------------------------------------------------------------------


def as_csv(db: Database, room: Room) -> str:
    """Every vote that counts, as CSV with the columns of `COLUMNS`; times are UTC."""
    asked = {a.id: (n, a) for n, a in enumerate(activities.every(db, room), 1)}
    nicknames = _nicknames(db, room)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for vote in votes.of_room(db, room):
        number, activity = asked[vote.activity]
        question = activity.question
        right = question.is_right(vote.answer)
        writer.writerow(
            map(
                _cell,
                (
                    room.code,
                    number,
                    question.source,
                    question.kind,
                    question.prompt,
                    vote.round,
                    vote.participant,
                    nicknames.get(vote.participant, ""),
                    in_words(question, vote.answer),
                    "" if right is None else "yes" if right else "no",
                    question.chosen(vote.answer).misconception if question.kind == "choice" else "",
                    datetime.fromtimestamp(vote.at, UTC).isoformat(timespec="seconds"),
                ),
            )
        )
    return buffer.getvalue()


def number(value: float) -> str:
    """A number in full, as it was typed: 1234567, and not 1.23457e+06."""
    return f"{value:.12g}"


def in_words(question: Draft, answer: Any) -> str:
    """An answer as a person reads it."""
    if question.kind == "choice":
        return question.chosen(answer).text
    if question.kind == "order":
        return " → ".join(question.chosen(i).text for i in answer)
    if question.kind == "number":
        return f"{number(answer)} {question.unit}".strip()
    if question.kind in BLIND:
        return "; ".join(
            f"set {s + 1}: {question.chosen(a).text} over {question.chosen(b).text}" for s, a, b in answer
        )
    return answer if isinstance(answer, str) else json.dumps(answer)


def _nicknames(db: Database, room: Room) -> dict[int, str]:
    chosen = sql.select(PARTICIPANTS.c.number, PARTICIPANTS.c.nickname).where(
        PARTICIPANTS.c.room_id == room.id, PARTICIPANTS.c.nickname.is_not(None)
    )
    with db.read() as connection:
        return {row.number: row.nickname for row in connection.execute(chosen)}


def _cell(value: object) -> object:
    """A cell that a spreadsheet takes for text: what a participant wrote must not be run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") and value else value
