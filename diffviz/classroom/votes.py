"""Votes: cast by a phone, each counted once, and the newest of each participant in a round."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from diffviz.classroom import answers, rooms
from diffviz.classroom.activities import ROUNDS, Activity, activity_of
from diffviz.classroom.database import Database
from diffviz.classroom.errors import ClassroomError, NotThere, Refused, TooMany, Unfit
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


@dataclass(frozen=True)
class Ballot:
    """A vote as a phone sent it, not yet looked at: `token` is made by the phone, `secret` says whose it is."""

    code: str
    secret: str | None
    activity: Any
    round: Any
    token: Any
    answer: Any


def cast_vote(
    db: Database, room: Room, who: Participant, activity: Any, round_: Any, token: Any, raw: Any
) -> None:
    """Keep a vote; it is on the disk when this returns.

    `token` is made by the phone. A vote that is sent again changes nothing and is acknowledged again, also after its
    round was closed. Raises Refused for a round that is not open, Unfit for what is no answer, and TooMany for one who
    changes their mind without end.
    """
    with db.write(room.id) as connection:
        _Count(db, connection).keep(room, who, activity, round_, token, raw)


def cast_all(
    db: Database, ballots: Sequence[Ballot], allow: Callable[[Participant], None] = lambda _: None
) -> list[ClassroomError | None]:
    """Keep votes that came together in one transaction, as `cast_vote` keeps one: for each what is wrong with it, or None.

    A class that votes at once so waits for few commits, each of which a disk has to confirm. `allow` may raise a
    ClassroomError for one who asks too often; who has not joined is a Stranger. What fails for all is raised.
    """
    outcomes: list[ClassroomError | None] = []
    changed: set[int] = set()
    with db.write() as connection:
        count, known = _Count(db, connection), dict[str, Room]()
        for ballot in ballots:
            try:  # all checks of a vote come before anything is written of it
                if ballot.code not in known:
                    known[ballot.code] = rooms.room_in(connection, ballot.code)
                room = known[ballot.code]
                who = rooms.participant_in(connection, room, ballot.secret)
                allow(who)
                count.keep(room, who, ballot.activity, ballot.round, ballot.token, ballot.answer)
            except ClassroomError as error:
                outcomes.append(error)
            else:
                outcomes.append(None)
                changed.add(room.id)
    for room_id in changed:
        db.tell(room_id)
    return outcomes


_MINE = sql.select(
    sql.func.count().filter(VOTES.c.round == sql.bindparam("round")),
    sql.func.count().filter(VOTES.c.token == sql.bindparam("token")),
).where(VOTES.c.participant_id == sql.bindparam("who"), VOTES.c.activity_id == sql.bindparam("activity"))


# The row of the question is locked until the vote is kept: a round cannot be closed in between.
_ASKED = (
    sql.select(ACTIVITIES)
    .where(ACTIVITIES.c.id == sql.bindparam("activity"), ACTIVITIES.c.room_id == sql.bindparam("room"))
    .with_for_update(read=True)
)
_NEWEST = sql.select(sql.func.max(ACTIVITIES.c.id)).where(ACTIVITIES.c.room_id == sql.bindparam("room"))


class _Count:
    """Votes kept within one transaction; what holds for all votes on a question is asked once."""

    def __init__(self, db: Database, connection: sql.Connection) -> None:
        self._db, self._connection = db, connection
        self._insert = (sqlite if db.is_sqlite else postgresql).insert(VOTES)
        self._insert = self._insert.on_conflict_do_nothing(index_elements=["participant_id", "token"])
        self._asked: dict[tuple[int, int], tuple[Activity, bool]] = {}

    def _question(self, room: Room, activity: int) -> tuple[Activity, bool]:
        """A question of a room, and whether another one was asked since."""
        if (room.id, activity) not in self._asked:
            row = self._connection.execute(_ASKED, {"activity": activity, "room": room.id}).first()
            if row is None:
                raise NotThere("There is no such question in this room.")
            superseded = self._connection.execute(_NEWEST, {"room": room.id}).scalar() != activity
            self._asked[room.id, activity] = activity_of(row), superseded
        return self._asked[room.id, activity]

    def keep(self, room: Room, who: Participant, activity: Any, round_: Any, token: Any, raw: Any) -> None:
        """Keep one vote, see `cast_vote`."""
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise Unfit("A vote needs an id of 8 to 40 letters, digits and hyphens.")
        if type(activity) is not int or not 0 < activity < 2**31:
            raise Unfit("A vote says for which question it is, and for which round.")
        if type(round_) is not int or round_ not in ROUNDS.values():
            raise Unfit("A vote says for which question it is, and for which round.")
        asked, superseded = self._question(room, activity)
        mine = {"round": round_, "token": token, "who": who.id, "activity": activity}
        cast, again = self._connection.execute(_MINE, mine).one()
        if again:
            return
        rooms.check_open(self._connection, room, self._db.clock())
        if ROUNDS.get(asked.phase) != round_ or superseded:
            raise Refused(_CLOSED)
        if cast >= MAX_CHANGES:
            raise TooMany(f"You have voted {MAX_CHANGES} times on this question: the last vote counts.")
        question = asked.question
        answer = answers.checked(question.kind, len(question.options), raw, len(question.titles))
        values = {"activity_id": activity, "participant_id": who.id, "round": round_, "token": token,
                  "answer": json.dumps(answer), "approved": False, "at": self._db.clock()}  # fmt: skip
        self._connection.execute(self._insert, values)


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


_VOTERS = sql.select(sql.func.count(sql.distinct(VOTES.c.participant_id))).where(
    VOTES.c.activity_id == sql.bindparam("activity"), VOTES.c.round == sql.bindparam("round")
)


def voters(connection: sql.Connection, activity: int, round_: int) -> int:
    """How many participants have voted in a round."""
    return connection.execute(_VOTERS, {"activity": activity, "round": round_}).scalar_one()


def _votes(rows: Sequence[sql.Row[Any]]) -> list[Vote]:
    return [
        Vote(r.id, r.activity_id, r.number, r.round, json.loads(r.answer), r.approved, r.at) for r in rows
    ]
