"""Rooms: opened by a host, joined by participants, ended by the host or by themselves, and erased.

There are no accounts. The host's right is a secret that is told once, a participant is a random secret in a browser; of
both the database keeps the SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import sqlalchemy as sql

from diffviz.classroom import wording
from diffviz.classroom.database import Database
from diffviz.classroom.errors import NotThere, Refused, Stranger, TooMany, Unfit
from diffviz.classroom.schema import PARTICIPANTS, ROOMS, SIGNALS

T = TypeVar("T")

# Letters and digits that are not taken for another one, on a wall or when said aloud: no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
CODE_LENGTH = 6
HOURS = 12  # after which a room ends by itself
DAYS_KEPT = 30  # for which the results of an ended room can be downloaded
MAX_OPEN_ROOMS = 200  # of a server
MAX_PARTICIPANTS = 1000  # of a room
TITLE_LENGTH, NICKNAME_LENGTH = 80, 24
_SEEDS = 10_000
_IDS = 2**31 - 1  # from 1 to what an integer of PostgreSQL holds


@dataclass(frozen=True)
class Follow:
    """A page of the app that the host offers the phones: its slug, the state of its controls, and what it is called."""

    page: str
    state: Mapping[str, str]
    label: str


@dataclass(frozen=True)
class Room:
    """A room as it is kept. `seed` is the class's seed; times are seconds since 1970."""

    id: int
    code: str
    title: str
    nicknames: bool
    seed: int
    opened_at: float
    ends_at: float
    follow: Follow | None

    def is_open(self, now: float) -> bool:
        return now < self.ends_at


@dataclass(frozen=True)
class Participant:
    """Who joined a room; `number` is theirs in this room, from 1 in the order of joining."""

    id: int
    number: int
    nickname: str | None


def digest(secret: str) -> str:
    """What is kept of a secret."""
    # What a client sends may have half a surrogate pair, which UTF-8 has no bytes for.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def normal_code(typed: str) -> str:
    """A code as it is kept, of what somebody typed: "abc-def " is ABCDEF."""
    return "".join(c for c in typed.upper() if c.isalnum())[: CODE_LENGTH + 1]


# --- for the host ------------------------------------------------------------------------------------------


def open_room(db: Database, title: str, *, nicknames: bool = True) -> tuple[Room, str]:
    """A new room and the host's secret, which nobody can be told again. Raises TooMany when the server is full."""
    now, secret = db.clock(), secrets.token_urlsafe(24)
    with db.write() as connection:
        _remove_expired(connection, now)
        in_use = connection.execute(sql.select(sql.func.count()).where(ROOMS.c.ends_at > now)).scalar_one()
        if in_use >= MAX_OPEN_ROOMS:
            raise TooMany(f"{MAX_OPEN_ROOMS} rooms are open on this server, and no more can be.", 600)
        code = _free(connection, ROOMS.c.code, _draw_code)
        values = {
            # By chance: SQLite would give the newest room's number again after it was erased, and whoever still holds
            # that one would be in a room of others.
            "id": _free(connection, ROOMS.c.id, lambda: 1 + secrets.randbelow(_IDS)),
            "code": code,
            "title": wording.line(title, TITLE_LENGTH),
            "host_digest": digest(secret),
            "nicknames": nicknames,
            "seed": secrets.randbelow(_SEEDS),
            "opened_at": now,
            "ends_at": now + HOURS * 3600,
        }
        connection.execute(sql.insert(ROOMS).values(**values))
        return room_in(connection, code), secret


def _draw_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def _free(connection: sql.Connection, column: sql.Column[T], draw: Callable[[], T]) -> T:
    """What is drawn, and drawn again while a room has it in this column."""
    while True:
        drawn = draw()
        if connection.execute(sql.select(ROOMS.c.id).where(column == drawn)).first() is None:
            return drawn


def hosted_room(db: Database, code: str, secret: str) -> Room:
    """The room of this host, open or ended. Raises Refused for a wrong secret and NotThere for an unknown room."""
    with db.read() as connection:
        room = room_in(connection, code)
        kept = connection.execute(sql.select(ROOMS.c.host_digest).where(ROOMS.c.id == room.id)).scalar_one()
    if not hmac.compare_digest(kept, digest(secret)):
        raise Refused("This is not the host's link of this room.")
    return room


def close_room(db: Database, room: Room) -> None:
    """End a room now; its results stay for `DAYS_KEPT` days."""
    _update(db, room, ends_at=min(room.ends_at, db.clock()))


def erase_room(db: Database, room: Room) -> None:
    """Remove a room and all that belongs to it, at once."""
    with db.write(room.id) as connection:
        connection.execute(sql.delete(ROOMS).where(ROOMS.c.id == room.id))


def allow_nicknames(db: Database, room: Room, allowed: bool) -> None:
    """Switch nicknames on or off; those given are removed when they are switched off."""
    with db.write(room.id) as connection:
        connection.execute(sql.update(ROOMS).where(ROOMS.c.id == room.id).values(nicknames=allowed))
        if not allowed:
            mine = PARTICIPANTS.c.room_id == room.id
            connection.execute(sql.update(PARTICIPANTS).where(mine).values(nickname=None))


def offer_page(db: Database, room: Room, follow: Follow | None) -> None:
    """Offer the phones a page of the app as a link, or no longer any."""
    _update(db, room, follow=None if follow is None else json.dumps(asdict(follow)))


def _update(db: Database, room: Room, **values: object) -> None:
    with db.write(room.id) as connection:
        connection.execute(sql.update(ROOMS).where(ROOMS.c.id == room.id).values(**values))


def remove_expired(db: Database) -> int:
    """Remove the rooms that ended more than `DAYS_KEPT` days ago; returns how many."""
    with db.write() as connection:
        return _remove_expired(connection, db.clock())


def _remove_expired(connection: sql.Connection, now: float) -> int:
    old = ROOMS.c.ends_at < now - DAYS_KEPT * 86_400
    return connection.execute(sql.delete(ROOMS).where(old)).rowcount


# --- for participants --------------------------------------------------------------------------------------


def open_room_of(db: Database, code: str) -> Room:
    """The room of a code while it is open. Raises NotThere for an unknown code and Refused when the room has ended."""
    with db.read() as connection:
        room = room_in(connection, code)
        check_open(connection, room, db.clock())
    return room


def find_room(db: Database, code: str) -> Room:
    """The room of a code, open or ended. Raises NotThere."""
    with db.read() as connection:
        return room_in(connection, code)


_ENDS_AT = sql.select(ROOMS.c.ends_at).where(ROOMS.c.id == sql.bindparam("room"))


def check_open(connection: sql.Connection, room: Room, now: float) -> None:
    """Raises Refused when a room has ended, as it is kept now, and NotThere when it was erased."""
    ends_at = connection.execute(_ENDS_AT, {"room": room.id}).scalar()
    if ends_at is None:
        raise NotThere("This room was erased.")
    if now >= ends_at:
        raise Refused("This room has ended.")


def join(
    db: Database, code: str, secret: str | None, newcomer: Callable[[], None] = lambda: None
) -> tuple[Room, Participant, str]:
    """Join a room: the room, the participant, and the participant's secret.

    Who brings the secret of an earlier visit is the same participant again; for anybody else `newcomer` is called
    before the room is looked for, and may raise. Raises NotThere, Refused when the room has ended, and TooMany when it
    is full.
    """
    who = _known(db, code, secret)
    if who is None:
        newcomer()
    room = open_room_of(db, code)
    if who is not None and secret is not None:
        return room, who, secret
    secret = secrets.token_urlsafe(24)
    with db.write(room.id) as connection:
        # The row of the room is locked, so that two who join at once get two numbers.
        connection.execute(sql.select(ROOMS.c.id).where(ROOMS.c.id == room.id).with_for_update())
        joined = connection.execute(
            sql.select(sql.func.max(PARTICIPANTS.c.number)).where(PARTICIPANTS.c.room_id == room.id)
        ).scalar()
        number = (joined or 0) + 1
        if number > MAX_PARTICIPANTS:
            raise TooMany(f"This room is full: {MAX_PARTICIPANTS} people have joined it.", 600)
        values = {"room_id": room.id, "digest": digest(secret), "number": number, "joined_at": db.clock()}
        connection.execute(sql.insert(PARTICIPANTS).values(**values))
    return room, participant(db, room, secret), secret


def _known(db: Database, code: str, secret: str | None) -> Participant | None:
    """Whose secret this is in the room of a code; None for nobody's, and where there is no such room."""
    try:
        with db.read() as connection:
            return participant_in(connection, room_in(connection, code), secret)
    except (NotThere, Stranger):
        return None


def participant(db: Database, room: Room, secret: str) -> Participant:
    """Whose secret this is. Raises Stranger for one of nobody in this room."""
    with db.read() as connection:
        return participant_in(connection, room, secret)


_WHO = sql.select(PARTICIPANTS.c.id, PARTICIPANTS.c.number, PARTICIPANTS.c.nickname).where(
    PARTICIPANTS.c.room_id == sql.bindparam("room"), PARTICIPANTS.c.digest == sql.bindparam("digest")
)


def participant_in(connection: sql.Connection, room: Room, secret: str | None) -> Participant:
    """As `participant`, within a transaction; also for one who brings no secret."""
    row = secret and connection.execute(_WHO, {"room": room.id, "digest": digest(secret)}).first()
    if not row:
        raise Stranger("This phone has not joined this room: load the page again.")
    return Participant(row.id, row.number, row.nickname)


def set_nickname(db: Database, room: Room, who: Participant, typed: Any) -> str | None:
    """Give a participant a nickname, or none for an empty one. Raises Refused where the host wants none."""
    if not room.nicknames:
        raise Refused("The host of this room has switched nicknames off.")
    if not isinstance(typed, str):
        raise Unfit("A nickname is a text.")
    nickname = wording.line(typed, NICKNAME_LENGTH) or None
    with db.write(room.id) as connection:
        check_open(connection, room, db.clock())
        mine = PARTICIPANTS.c.id == who.id
        connection.execute(sql.update(PARTICIPANTS).where(mine).values(nickname=nickname))
    return nickname


def signal_lost(db: Database, room: Room, who: Participant, lost: Any) -> None:
    """Keep that a participant is lost, or no longer."""
    if not isinstance(lost, bool):
        raise Unfit("Being lost is true or false.")
    with db.write(room.id) as connection:
        check_open(connection, room, db.clock())
        values = {"participant_id": who.id, "lost": lost, "at": db.clock()}
        connection.execute(sql.insert(SIGNALS).values(**values))


# --- rows --------------------------------------------------------------------------------------------------


_BY_CODE = sql.select(ROOMS).where(ROOMS.c.code == sql.bindparam("code"))


def room_in(connection: sql.Connection, code: str) -> Room:
    """The room of a code, within a transaction. Raises NotThere."""
    row = connection.execute(_BY_CODE, {"code": normal_code(code)}).first()
    if row is None:
        raise NotThere("There is no room with this code.")
    return room_of(row)


def room_of(row: sql.Row[Any]) -> Room:
    """The room of a row."""
    follow = None if row.follow is None else Follow(**json.loads(row.follow))
    return Room(row.id, row.code, row.title, row.nicknames, row.seed, row.opened_at, row.ends_at, follow)
