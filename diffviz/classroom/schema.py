"""The tables of a classroom. Times are seconds since 1970 (UTC); JSON is kept as text, the same on both databases.

The tables are made by the migrations in `migrations/versions`; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

SCHEMA = sql.MetaData()


def _belongs(column: str, table: str, **more: Any) -> sql.Column[int]:
    """A column that names a row of another table; a row goes when the one that it belongs to goes."""
    owner = sql.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sql.Column(column, sql.Integer, owner, nullable=False, **more)


ROOMS = sql.Table(
    "rooms",
    SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("code", sql.String(6), nullable=False, unique=True),
    sql.Column("title", sql.String(80), nullable=False),
    sql.Column("host_digest", sql.String(64), nullable=False),  # SHA-256 of the host's secret
    sql.Column("nicknames", sql.Boolean, nullable=False),
    sql.Column("seed", sql.Integer, nullable=False),
    sql.Column("opened_at", sql.Float, nullable=False),
    sql.Column("ends_at", sql.Float, nullable=False),  # by itself, or when the host closed it
    sql.Column("follow", sql.Text),  # JSON: the page that the host offers the phones, see `rooms.Follow`
)
PARTICIPANTS = sql.Table(
    "participants",
    SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    _belongs("room_id", "rooms", index=True),
    sql.Column(
        "digest", sql.String(64), nullable=False, unique=True
    ),  # SHA-256 of the participant's secret id
    sql.Column("number", sql.Integer, nullable=False),  # from 1, in the order of joining
    sql.Column("nickname", sql.String(24)),
    sql.Column("joined_at", sql.Float, nullable=False),
    sql.UniqueConstraint("room_id", "number"),
)
ACTIVITIES = sql.Table(
    "activities",
    SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    _belongs("room_id", "rooms", index=True),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("content", sql.Text, nullable=False),  # JSON, see `activities.Draft`
    sql.Column("phase", sql.String(16), nullable=False),
    sql.Column("shown", sql.Boolean, nullable=False),  # whether the phones see how the first vote went
    sql.Column("discuss_until", sql.Float),
    sql.Column("asked_at", sql.Float, nullable=False),
)
IMAGES = sql.Table(
    "images",
    SCHEMA,
    _belongs("activity_id", "activities", primary_key=True),
    sql.Column("place", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("png", sql.LargeBinary, nullable=False),
)
# Votes are only ever added: the newest of a participant in a round counts.
VOTES = sql.Table(
    "votes",
    SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    _belongs("activity_id", "activities", index=True),
    _belongs("participant_id", "participants"),
    sql.Column("round", sql.Integer, nullable=False),  # 1 or 2
    sql.Column(
        "token", sql.String(40), nullable=False
    ),  # made by the phone: the same vote sent again is one vote
    sql.Column("answer", sql.Text, nullable=False),  # JSON
    sql.Column("approved", sql.Boolean, nullable=False),  # a text that the host lets the class see
    sql.Column("at", sql.Float, nullable=False),
    sql.UniqueConstraint("participant_id", "token"),
)
# "I'm lost" pressed, and taken back.
SIGNALS = sql.Table(
    "signals",
    SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    _belongs("participant_id", "participants", index=True),
    sql.Column("lost", sql.Boolean, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
)
