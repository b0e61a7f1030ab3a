"""Votes: cast by a phone, each counted once, and the newest of each participant in a round."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from diffviz.classroom import answers, rooms
from diffviz.classroom.activities import ROUNDS, activity_of
from diffviz.classroom.database import Database
from diffviz.classroom.errors import NotThere, Refused, TooMany, Unfit
from diffviz.classroom.rooms import Participant, Room
from diffviz.classroom.schema import ACTIVITIES, PARTICIPANTS, VOTES

MAX_CHANGES = 50  # of mind, of a participant in a round
_TOKEN = re.compile(r"[0-9A-Za-z-]{8,40}")
_CLOSED = "This vote is closed."


@dataclass(frozen=True)
class Vote:
    """A vote that counts: who cast it (the number in the room), in which round, and what for."""

    id: int
    activity: int
    participant: int
    round: int
    answer: Any
    approved: bool
    at: float


def cast_vote(
    db: Database, room: Room, who: Participant, activity: Any, round_: Any, token: Any, raw: Any
) -> None:
    """Keep a vote; it is on the disk when this returns.

    `token` is made by the phone. A vote that is sent again changes nothing and is acknowledged again, also after its
    round was closed. Raises Refused for a round that is not open, Unfit for what is no answer, and TooMany for one who
    changes their mind without end.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unfit("A vote needs an id of 8 to 40 letters, digits and hyphens.")
    if type(activity) is not int or not 0 < activity < 2**31 or round_ not in ROUNDS.values():
        raise Unfit("A vote says for which question it is, and for which round.")
    # The row of the question is locked until the vote is kept: a round cannot be closed in between.
    asked = sql.select(ACTIVITIES).where(ACTIVITIES.c.id == activity, ACTIVITIES.c.room_id == room.id)
    mine = (VOTES.c.participant_id == who.id) & (VOTES.c.activity_id == activity)
    with db.write(room.id) as connection:
        row = connection.execute(asked.with_for_update(read=True)).first()
        if row is None:
            raise NotThere("There is no such question in this room.")
        if connection.execute(sql.select(VOTES.c.id).where(mine, VOTES.c.token == token)).first():
            return
        rooms.check_open(connection, room, db.clock())
        if ROUNDS.get(row.phase) != round_ or _is_superseded(connection, room, activity):
            raise Refused(_CLOSED)
        cast = connection.execute(
            sql.select(sql.func.count()).where(mine, VOTES.c.round == round_)
        ).scalar_one()
        if cast >= MAX_CHANGES:
            raise TooMany(f"You have voted {MAX_CHANGES} times on this question: the last vote counts.")
        question = activity_of(row).question
        answer = answers.checked(question.kind, len(question.options), raw, len(question.titles))
        values = {"activity_id": activity, "participant_id": who.id, "round": round_, "token": token,
                  "answer": json.dumps(answer), "approved": False, "at": db.clock()}  # fmt: skip
        insert = (sqlite if db.is_sqlite else postgresql).insert(VOTES).values(**values)
        connection.execute(insert.on_conflict_do_nothing(index_elements=["participant_id", "token"]))


def _is_superseded(connection: sql.Connection, room: Room, activity: int) -> bool:
    """Whether another question was asked since."""
    newest = sql.select(sql.func.max(ACTIVITIES.c.id)).where(ACTIVITIES.c.room_id == room.id)
    return connection.execute(newest).scalar() != activity


def _counting(*conditions: sql.ColumnElement[bool]) -> sql.Select[*tuple[Any, ...]]:
    """The newest vote of each participant in each round of each question, of the votes that meet the conditions."""
    newest = (
        sql.select(sql.func.max(VOTES.c.id))
        .join(PARTICIPANTS, PARTICIPANTS.c.id == VOTES.c.participant_id)
        .where(*conditions)
        .group_by(VOTES.c.activity_id, VOTES.c.round, VOTES.c.participant_id)
    )
    return (
        sql.select(VOTES, PARTICIPANTS.c.number)
        .join(PARTICIPANTS, PARTICIPANTS.c.id == VOTES.c.participant_id)
        .where(VOTES.c.id.in_(newest))
        .order_by(VOTES.c.id)
    )


def of_activity(connection: sql.Connection, activity: int) -> list[Vote]:
    """The votes of both rounds that count for a question, in the order of their arrival."""
    return _votes(connection.execute(_counting(VOTES.c.activity_id == activity)).all())


def of_room(db: Database, room: Room) -> list[Vote]:
    """The votes that count, for all questions of a room."""
    with db.read() as connection:
        return _votes(connection.execute(_counting(PARTICIPANTS.c.room_id == room.id)).all())


def of_participant(connection: sql.Connection, who: Participant) -> list[Vote]:
    """The votes of one participant that count."""
    return _votes(connection.execute(_counting(VOTES.c.participant_id == who.id)).all())


def voters(connection: sql.Connection, activity: int, round_: int) -> int:
    """How many participants have voted in a round."""
    chosen = sql.select(sql.func.count(sql.distinct(VOTES.c.participant_id))).where(
        VOTES.c.activity_id == activity, VOTES.c.round == round_
    )
    return connection.execute(chosen).scalar_one()


def _votes(rows: Sequence[sql.Row[Any]]) -> list[Vote]:
    return [
        Vote(r.id, r.activity_id, r.number, r.round, json.loads(r.answer), r.approved, r.at) for r in rows
    ]
