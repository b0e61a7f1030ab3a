"""What a phone and the wall show of a room, always worked out from the database.

A phone is told nothing of the right answer before it is revealed, and nothing of the other votes before the host shows
them. What belongs to one participant is in `mine`, and in nothing else.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sql

from diffviz.classroom import activities, results, votes
from diffviz.classroom.activities import ROUNDS, Activity
from diffviz.classroom.answers import BLIND
from diffviz.classroom.database import Database
from diffviz.classroom.rooms import Follow, Participant, Room, room_of
from diffviz.classroom.schema import PARTICIPANTS, ROOMS
from diffviz.lessons.content import Demo

State = dict[str, Any]
GONE: State = {"open": False, "activity": None, "follow": None, "nicknames": False, "gone": True}


# The statements of a look at a room are made once: it is looked at after each vote, and every second besides.
_ROOM = sql.select(ROOMS).where(ROOMS.c.id == sql.bindparam("room"))
_JOINED = sql.select(sql.func.count()).where(PARTICIPANTS.c.room_id == sql.bindparam("room"))


def of_room(db: Database, room: int) -> tuple[State, State]:
    """What all phones show, and what the wall shows beside them: counts only."""
    now = db.clock()
    with db.read() as connection:
        row = connection.execute(_ROOM, {"room": room}).first()
        if row is None:
            return GONE, _wall(False)
        found, activity = room_of(row), activities.current(connection, room)
        cast = votes.of_activity(connection, activity.id) if activity and _shows_votes(activity) else []
        wall = _wall(
            found.is_open(now),
            joined=_joined(connection, room),
            lost=results.lost_now(connection, room),
            voted=_voted(connection, activity) if activity else 0,
            activity=activity,
        )
    phones: State = {
        "open": wall["open"],
        "nicknames": found.nicknames,
        "activity": _activity(activity, cast) if activity else None,
        "follow": _link(found.follow) if found.follow else None,
    }
    return phones, wall


def _voted(connection: sql.Connection, activity: Activity) -> int:
    """How many have voted in the round that is open or was last: the first, where the answer came without a second."""
    voted = votes.voters(connection, activity.id, activity.round)
    return voted if voted or activity.phase != "reveal" else votes.voters(connection, activity.id, 1)


def _wall(
    is_open: bool, joined: int = 0, lost: int = 0, voted: int = 0, activity: Activity | None = None
) -> State:
    """Counts, and how far the question is: what the host's page compares with what it shows."""
    return {
        "open": is_open,
        "joined": joined,
        "lost": lost,
        "voted": voted,
        "activity": activity.id if activity else None,
        "phase": activity.phase if activity else None,
        "shown": activity.shown if activity else False,
        "until": activity.discuss_until if activity else None,
    }


def mine(db: Database, room: Room, who: Participant) -> State:
    """What one participant is, and has voted for: the answers by question and round, "12/1"."""
    with db.read() as connection:
        cast = votes.of_participant(connection, who)
        lost = results.is_lost(connection, who)
    return {
        "number": who.number,
        "seed": seed_of(room, who),
        "nickname": who.nickname,
        "lost": lost,
        "votes": {f"{v.activity}/{v.round}": v.answer for v in cast},
    }


def joined(db: Database, room: Room) -> int:
    """How many have joined a room."""
    with db.read() as connection:
        return _joined(connection, room.id)


def _joined(connection: sql.Connection, room: int) -> int:
    return connection.execute(_JOINED, {"room": room}).scalar_one()


def seed_of(room: Room, who: Participant) -> int:
    """The participant's own seed: the class's, and as much more as their number in the room."""
    return room.seed + who.number


def _shows_votes(activity: Activity) -> bool:
    return activity.phase == "reveal" or activity.shown


def _activity(activity: Activity, cast: list[votes.Vote]) -> State:
    question = activity.question
    told: State = {
        "id": activity.id,
        "kind": question.kind,
        "setting": question.setting,
        "prompt": question.prompt,
        # What is compared is not told before the answer: the comparison is blind.
        "options": [o.text for o in question.options] if question.kind not in BLIND else [],
        "compared": len(question.options) if question.kind in BLIND else 0,
        "images": question.titles,
        "unit": question.unit,
        "phase": activity.phase,
        "round": ROUNDS.get(activity.phase),
        "until": activity.discuss_until,
    }
    if _shows_votes(activity):
        round_ = 1 if activity.phase != "reveal" or not results.of_round(cast, 2) else 2
        told["result"] = _result(activity, results.of_round(cast, round_))
    if activity.phase == "reveal":
        told |= {
            "options": [option.text for option in question.options],
            "right": question.right,
            "why": [option.why for option in question.options],
            "notes": question.notes,
            "explanation": question.explanation,
            "points": question.points,
            "demo": _link(question.demo) if question.demo else None,
        }
    return told


def _result(activity: Activity, cast: list[votes.Vote]) -> State:
    """How a round went, as far as the class may see it: texts only where the host has approved them."""
    question = activity.question
    if question.kind == "choice":
        return {"people": len(cast), "counts": results.counts(cast, len(question.options))}
    if question.kind == "text":
        return {"people": len(cast), "texts": [v.answer for v in cast if v.approved]}
    if question.kind == "number":
        return {"people": len(cast), "numbers": sorted(v.answer for v in cast)}
    if question.kind == "pairs" and activity.phase == "reveal":
        return {"people": len(cast), "preferred": [p.share for p in results.preferences(question, cast)]}
    if question.kind == "tell" and activity.phase == "reveal":
        found = results.told_apart(question, cast)
        return {"people": len(cast), "told": [found.threshold, found.low, found.high]}
    return {"people": len(cast)}


def _link(to: Demo | Follow) -> State:
    """An address relative to the phones' page, which lies in a folder beside the app's pages."""
    query = f"?{urlencode(to.state)}" if to.state else ""
    return {"href": f"../{to.page}{query}", "label": to.label}
