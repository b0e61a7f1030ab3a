"""Rooms, participants, activities with their images, votes, and the signals of who is lost."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "rooms",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("code", sql.String(6), nullable=False, unique=True),
        sql.Column("title", sql.String(80), nullable=False),
        sql.Column("host_digest", sql.String(64), nullable=False),
        sql.Column("nicknames", sql.Boolean, nullable=False),
        sql.Column("seed", sql.Integer, nullable=False),
        sql.Column("opened_at", sql.Float, nullable=False),
        sql.Column("ends_at", sql.Float, nullable=False),
        sql.Column("follow", sql.Text),
    )
    op.create_table(
        "participants",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("room_id", sql.Integer, sql.ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False, index=True),
        sql.Column("digest", sql.String(64), nullable=False, unique=True),
        sql.Column("number", sql.Integer, nullable=False),
        sql.Column("nickname", sql.String(24)),
        sql.Column("joined_at", sql.Float, nullable=False),
        sql.UniqueConstraint("room_id", "number"),
    )  # fmt: skip
    op.create_table(
        "activities",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("room_id", sql.Integer, sql.ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False, index=True),
        sql.Column("kind", sql.String(16), nullable=False),
        sql.Column("content", sql.Text, nullable=False),
        sql.Column("phase", sql.String(16), nullable=False),
        sql.Column("shown", sql.Boolean, nullable=False),
        sql.Column("discuss_until", sql.Float),
        sql.Column("asked_at", sql.Float, nullable=False),
    )  # fmt: skip
    activity = sql.ForeignKey("activities.id", ondelete="CASCADE")
    op.create_table(
        "images",
        sql.Column("activity_id", sql.Integer, activity, primary_key=True, nullable=False),
        sql.Column("place", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("png", sql.LargeBinary, nullable=False),
    )
    participant = "participants.id"
    op.create_table(
        "votes",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("activity_id", sql.Integer, sql.ForeignKey("activities.id", ondelete="CASCADE"), nullable=False,
                   index=True),
        sql.Column("participant_id", sql.Integer, sql.ForeignKey(participant, ondelete="CASCADE"), nullable=False),
        sql.Column("round", sql.Integer, nullable=False),
        sql.Column("token", sql.String(40), nullable=False),
        sql.Column("answer", sql.Text, nullable=False),
        sql.Column("approved", sql.Boolean, nullable=False),
        sql.Column("at", sql.Float, nullable=False),
        sql.UniqueConstraint("participant_id", "token"),
    )  # fmt: skip
    op.create_table(
        "signals",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("participant_id", sql.Integer, sql.ForeignKey(participant, ondelete="CASCADE"), nullable=False,
                   index=True),
        sql.Column("lost", sql.Boolean, nullable=False),
        sql.Column("at", sql.Float, nullable=False),
    )  # fmt: skip
