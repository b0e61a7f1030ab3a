"""Where a learner's progress is kept: an append-only log of answers in SQLite, and the place in each exercise.

Everything else (which cards are due, how a concept stands) is worked out from the log, so two tabs that answer
at once lose nothing: both only add lines. Learners are known by an anonymous id and nothing else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from diffviz.lessons.content import current_id

FORMAT = 1
# Kinds that had another name when the answer was stored or exported.
RENAMED_KINDS = {"work_quiz": "scenario_quiz", "on_the_pages": "page_quiz"}
RESULTS = ("right", "partly", "wrong", "again", "hard", "good", "easy")
_SCHEMA = sql.MetaData()
_EVENTS = sql.Table(
    "events",
    _SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("learner", sql.String(64), nullable=False, index=True),
    sql.Column("kind", sql.String(32), nullable=False),
    sql.Column("item", sql.String(64), nullable=False),
    sql.Column("result", sql.String(16), nullable=False),
    sql.Column("sure", sql.String(32)),
    sql.Column("at", sql.String(40), nullable=False),
)
_PLACES = sql.Table(
    "places",
    _SCHEMA,
    sql.Column("learner", sql.String(64), primary_key=True),
    sql.Column("key", sql.String(64), primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)


class StoreError(RuntimeError):
    """Progress that cannot be kept or read; the message is one sentence for the learner."""


@dataclass(frozen=True)
class Event:
    """One answer: what was asked, how it went (one of RESULTS), how sure the learner was, and when (UTC)."""

    kind: str
    item: str
    result: str
    sure: str | None
    at: datetime


class Store:
    """Progress in a SQLite file, or in memory when `path` is None. Raises StoreError when it cannot be used."""

    def __init__(self, path: Path | None) -> None:
        try:
            if path is None:
                self._engine = sql.create_engine("sqlite://", poolclass=sql.pool.StaticPool,
                                                 connect_args={"check_same_thread": False})  # fmt: skip
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._engine = sql.create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})
                with self._engine.connect() as connection:
                    # Readers do not wait for a writer, and a crash leaves the file whole.
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            _SCHEMA.create_all(self._engine)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError("Progress cannot be kept on this computer's disk.") from error

    def _do(self, statement: sql.Executable, *rows: list[dict[str, Any]]) -> list[sql.Row[Any]]:
        try:
            with self._engine.begin() as connection:
                result = connection.execute(statement, *rows)
                return list(result) if result.returns_rows else []
        except SQLAlchemyError as error:
            raise StoreError(
                "This answer could not be kept: the disk is full or may not be written."
            ) from error

    def add(self, learner: str, event: Event) -> None:
        """Append one answer."""
        self._do(sql.insert(_EVENTS).values(learner=learner, **_as_row(event)))

    def events(self, learner: str) -> list[Event]:
        """All answers of a learner, oldest first; those to a merged question count for the one that was kept."""
        columns = (_EVENTS.c.kind, _EVENTS.c.item, _EVENTS.c.result, _EVENTS.c.sure, _EVENTS.c.at)
        rows = self._do(
            sql.select(*columns).where(_EVENTS.c.learner == learner).order_by(_EVENTS.c.at, _EVENTS.c.id)
        )
        return [
            Event(current_kind(r.kind), current_id(r.item), r.result, r.sure, datetime.fromisoformat(r.at))
            for r in rows
        ]

    def put(self, learner: str, key: str, value: dict[str, Any]) -> None:
        """Keep the place in one exercise; the newest counts."""
        row = {"learner": learner, "key": key, "value": json.dumps(value)}
        insert = sqlite.insert(_PLACES).values(**row)
        self._do(insert.on_conflict_do_update(["learner", "key"], set_={"value": row["value"]}))

    def get(self, learner: str, key: str) -> dict[str, Any] | None:
        """The place kept for one exercise, or None."""
        chosen = sql.select(_PLACES.c.value).where(_PLACES.c.learner == learner, _PLACES.c.key == key)
        rows = self._do(chosen)
        return json.loads(rows[0].value) if rows else None

    def export(self, learner: str) -> dict[str, Any]:
        """Everything kept of a learner, fit for JSON and for `import_events`."""
        return {"format": FORMAT, "events": [_as_row(e) for e in self.events(learner)]}

    def import_events(self, learner: str, data: Any) -> int:
        """Add the answers of an export that are not here yet; returns how many. Raises StoreError if it is none."""
        try:
            found, rows = data["format"], list(data["events"])
        except (KeyError, TypeError) as error:
            raise StoreError("This file is not an export of diffviz.") from error
        if found != FORMAT:
            raise StoreError("This file is not an export of diffviz.")
        try:
            new = [_from_row(row) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError("This export is damaged: an answer in it cannot be read.") from error
        known = set(self.events(learner))
        new = [e for e in dict.fromkeys(new) if e not in known]
        if new:
            self._do(sql.insert(_EVENTS), [{"learner": learner, **_as_row(e)} for e in new])
        return len(new)

    def erase(self, learner: str) -> None:
        """Forget a learner."""
        for table in (_EVENTS, _PLACES):
            self._do(sql.delete(table).where(table.c.learner == learner))


def current_kind(kind: str) -> str:
    """The present name of a kind of question."""
    return RENAMED_KINDS.get(kind, kind)


def _as_row(event: Event) -> dict[str, Any]:
    return {**asdict(event), "at": event.at.astimezone(UTC).isoformat()}


def _from_row(row: dict[str, Any]) -> Event:
    event = Event(
        current_kind(str(row["kind"])[:32]),
        current_id(str(row["item"])[:64]),
        row["result"],
        None if row["sure"] is None else str(row["sure"])[:32],
        datetime.fromisoformat(row["at"]),
    )
    if event.result not in RESULTS or event.at.tzinfo is None:
        raise ValueError("not an answer")
    return event
