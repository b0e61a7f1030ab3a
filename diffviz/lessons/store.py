"""Where a learner's progress is kept: an append-only log of answers in SQLite, and the place in each exercise.

`store_postgresql` keeps the same in PostgreSQL.

Everything else (which cards are due, how a concept stands) is worked out from the log, so two tabs that answer
at once lose nothing: both only add lines. Learners are known by an anonymous id and nothing else.

Answers count in the order in which they arrived, not by the clock, which may go back. An import is a batch of its own
and is merged in by time, so that the answers of another browser do not all count as the newest.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import platformdirs
import sqlalchemy as sql
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from diffviz.bounded import BoundedCache
from diffviz.lessons.content import current_id

FORMAT = 1
# Kinds that had another name when the answer was stored or exported.
RENAMED_KINDS = {"work_quiz": "scenario_quiz", "on_the_pages": "page_quiz"}
RESULTS = ("right", "partly", "wrong", "again", "hard", "good", "easy")

# What an answer and an export may be. A date outside has come from a broken clock or a forged file, and dates far
# ahead overflow when the next review is worked out.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MAX_EXPORT_BYTES = 4_000_000
MAX_ANSWERS = 20_000  # of one learner: years of practice
LENGTHS = {"kind": 32, "item": 64, "sure": 32, "at": 40}

FILE = "progress.sqlite"
BACKUPS = "backups"  # a folder beside the file
BACKUPS_KEPT = 7  # days
BEFORE_REPAIR = ".before-repair"  # in the name of a file that `store_care.repair` has put aside

# What each version of the schema adds to the one before, in SQL that PostgreSQL reads too but for the numbering of `id`.
# The version of a file is its `PRAGMA user_version`; files of the first releases say 0 and have the tables of version 1.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE IF NOT EXISTS events (id INTEGER NOT NULL PRIMARY KEY, learner VARCHAR(64) NOT NULL, "
        "kind VARCHAR(32) NOT NULL, item VARCHAR(64) NOT NULL, result VARCHAR(16) NOT NULL, sure VARCHAR(32), "
        "at VARCHAR(40) NOT NULL)",
        "CREATE INDEX IF NOT EXISTS ix_events_learner ON events (learner)",
        "CREATE TABLE IF NOT EXISTS places (learner VARCHAR(64) NOT NULL, key VARCHAR(64) NOT NULL, "
        "value TEXT NOT NULL, PRIMARY KEY (learner, key))",
    ),
    (
        # The asking that an answer belongs to: the same asking is answered once.
        "ALTER TABLE events ADD COLUMN token VARCHAR(64)",
        "CREATE UNIQUE INDEX ix_events_token ON events (learner, token)",
        # The import that an answer came with. Imports of version 1 are not marked as such, and its answers counted by
        # their time: each is a batch of its own.
        "ALTER TABLE events ADD COLUMN batch INTEGER NOT NULL DEFAULT 0",
        "UPDATE events SET batch = -id",
    ),
    (
        # One-time codes (`lessons.moving`), as hashes, and the wrong ones that were tried. Times are seconds since 1970.
        "CREATE TABLE move_codes (code VARCHAR(64) NOT NULL PRIMARY KEY, learner VARCHAR(64) NOT NULL, "
        "until FLOAT NOT NULL)",
        "CREATE TABLE move_tries (id INTEGER NOT NULL PRIMARY KEY, visitor VARCHAR(64) NOT NULL, at FLOAT NOT NULL)",
    ),
)
VERSION = len(MIGRATIONS)

_SCHEMA = sql.MetaData()
EVENTS = sql.Table(
    "events",
    _SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("learner", sql.String(64), nullable=False, index=True),
    sql.Column("kind", sql.String(32), nullable=False),
    sql.Column("item", sql.String(64), nullable=False),
    sql.Column("result", sql.String(16), nullable=False),
    sql.Column("sure", sql.String(32)),
    sql.Column("at", sql.String(40), nullable=False),
    sql.Column("token", sql.String(64)),
    sql.Column("batch", sql.Integer, nullable=False, server_default="0"),
)
_ANSWER = ("kind", "item", "result", "sure", "at")  # the columns that are an answer
_PLACES = sql.Table(
    "places",
    _SCHEMA,
    sql.Column("learner", sql.String(64), primary_key=True),
    sql.Column("key", sql.String(64), primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
_MOVE_CODES = sql.Table(
    "move_codes",
    _SCHEMA,
    sql.Column("code", sql.String(64), primary_key=True),
    sql.Column("learner", sql.String(64), nullable=False),
    sql.Column("until", sql.Float, nullable=False),
)
_MOVE_TRIES = sql.Table(
    "move_tries",
    _SCHEMA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("visitor", sql.String(64), nullable=False),
    sql.Column("at", sql.Float, nullable=False),
)
_OF_AN_EVENT = (EVENTS.c.id, EVENTS.c.kind, EVENTS.c.item, EVENTS.c.result, EVENTS.c.sure, EVENTS.c.at,
                EVENTS.c.batch)  # fmt: skip
# The first part of SQLite's name for an error -> what to tell the learner.
_CAUSES = {
    "FULL": "the disk is full",
    "READONLY": "the file may not be written",
    "CANTOPEN": "the file cannot be opened",
    "PERM": "the file may not be opened",
    "BUSY": "another program holds the file",
    "LOCKED": "another program holds the file",
    "CORRUPT": "the file is damaged",
    "NOTADB": "the file is damaged",
    "IOERR": "the disk does not answer",
}
CODES, EVERYTHING = (
    "one-time codes",
    "everything",
)  # for who writes more than a learner's, see `Store._transaction`
_KEEP = "This answer could not be kept on the server"
_READ = "What the server has kept of you cannot be read"
_LOG = logging.getLogger(__name__)
_BYTES_OF_AN_EVENT = 600


class StoreError(RuntimeError):
    """Progress that cannot be kept or read; the message is one sentence for the learner and names no file."""


@dataclass(frozen=True)
class Event:
    """One answer: what was asked, how it went (one of RESULTS), how sure the learner was, and when (UTC)."""

    kind: str
    item: str
    result: str
    sure: str | None
    at: datetime


class History(list[Event]):
    """A learner's answers in the order in which they count. Not to be changed: readers share it.

    `unreadable` is the number of stored lines that are no answers and were left out. The store gives the same object
    until an answer is added, so what is worked out from all of it can be kept in `derived`.
    """

    def __init__(self, events: Iterable[Event] = (), unreadable: int = 0) -> None:
        super().__init__(events)
        self.unreadable = unreadable
        self.derived: dict[str, Any] = {}


def folder() -> Path:
    """Where the progress of this computer's learners is kept: $DIFFVIZ_DATA, or the user's folder for data."""
    return Path(os.environ.get("DIFFVIZ_DATA") or platformdirs.user_data_dir("diffviz"))


class Store:
    """Progress in a SQLite file, or in memory when `path` is None. Raises StoreError when it cannot be used.

    `problem` is a sentence when the file was written by a newer version: it is then read, and written only to erase.
    `lost` counts how often the file was found to be gone or replaced while the store was in use; it is begun anew.
    """

    # Of the dialect: PostgreSQL's and SQLite's have `on_conflict_do_nothing` and `on_conflict_do_update` alike.
    _insert: Callable[[sql.Table], Any] = staticmethod(sqlite.insert)

    def __init__(self, path: Path | None) -> None:
        # Parameters are hidden: they hold the learner's id, which belongs in no log.
        if path is None:
            engine = sql.create_engine("sqlite://", poolclass=sql.pool.StaticPool, hide_parameters=True,
                                       connect_args={"check_same_thread": False})  # fmt: skip
        else:
            engine = sql.create_engine(
                f"sqlite:///{path}", connect_args={"timeout": 10}, hide_parameters=True
            )
        # All threads share the one connection of a store in memory.
        self._prepare(path, engine, threading.RLock() if path is None else None)

    def _prepare(self, path: Path | None, engine: sql.Engine, alone: Any = None) -> None:
        self._path, self._engine, self._opened = path, engine, None
        self._alone: Any = alone or contextlib.nullcontext()
        self._opening = threading.RLock()
        self._read: BoundedCache[tuple[tuple[object, ...], History]] = BoundedCache(64_000_000)
        self._backed_up: date | None = None
        self.problem: str | None = None
        self.lost = 0
        self._open()

    # --- the file ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Bring the file to this version's schema; several servers may do so at once."""
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            for attempt in range(20):
                try:
                    self._migrate()
                    break
                except SQLAlchemyError as error:
                    # Switching to WAL does not wait for the others as transactions do.
                    if _reason(error) not in ("BUSY", "LOCKED") or attempt == 19:
                        raise
                    time.sleep(0.05 * (attempt + 1))
            self._opened = self._identity()
            self._back_up_daily()
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"Progress cannot be kept: {self._cause(error)}.") from error

    def _migrate(self) -> None:
        with self._alone, self._engine.connect() as connection:
            run = connection.exec_driver_sql
            if self._path is not None:
                # Readers do not wait for a writer, and a crash leaves the file whole.
                run("PRAGMA journal_mode=WAL")
            found = _version_of(connection)
            if 0 < found < VERSION or (found == 0 and sql.inspect(connection).has_table("events")):
                self._back_up_daily()
            run("BEGIN IMMEDIATE")
            found = _version_of(connection)  # another server may have been faster
            if self._is_newer(found):
                return
            for statements in MIGRATIONS[found:]:
                for statement in statements:
                    run(statement)
            run(f"PRAGMA user_version = {VERSION}")
            connection.commit()

    def _is_newer(self, found: int) -> bool:
        if found > VERSION:
            self.problem = (
                "The progress on this server was written by a newer version of diffviz: nothing is added to it "
                "until diffviz is updated."
            )
        return found > VERSION

    def _identity(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _reopen_if_gone(self) -> None:
        """Begin anew when the file was removed or replaced: SQLite would go on writing to the one that is gone."""
        if self._path is None or self._identity() == self._opened:
            return
        with self._opening:
            if self._identity() != self._opened:
                self._engine.dispose()
                self._read.clear()
                self._open()
                self.lost += 1

    @contextlib.contextmanager
    def _transaction(self, doing: str, *scopes: str) -> Generator[sql.Connection, None, None]:
        """All or nothing; a failure is a StoreError that begins with `doing`.

        Who writes names the learners whose rows are changed, or CODES, or EVERYTHING; of two that name the same one waits.
        """
        try:
            self._reopen_if_gone()
            with self._alone, self._engine.connect() as connection:
                if scopes:
                    self._take_locks(connection, scopes)
                yield connection
                connection.commit()
        except SQLAlchemyError as error:
            raise StoreError(f"{doing}: {self._cause(error)}.") from error

    def _take_locks(self, connection: sql.Connection, scopes: tuple[str, ...]) -> None:
        """Begin a transaction that writes; a file has one at a time, whatever it writes."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _cause(self, error: BaseException) -> str:
        """What to tell the learner of an error of the database or the disk."""
        if isinstance(error, OSError):
            return "the folder for it cannot be made or written"
        return _CAUSES.get(_reason(error), "the database refused")

    def _may_write(self) -> None:
        if self.problem:
            raise StoreError(self.problem)
        self._back_up_daily()

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._engine.dispose()

    # --- answers and places --------------------------------------------------------------------------------

    def add(
        self,
        learner: str,
        event: Event,
        token: str | None = None,
        place: tuple[str, dict[str, Any]] | None = None,
    ) -> bool:
        """Append one answer and keep the `place` (key, value) it leads to, both or neither.

        `token` names the asking that it answers: a second answer with the same one is not counted. Returns whether the
        answer was counted.
        """
        self._may_write()
        row = {"learner": learner, **_as_row(event), "token": token}
        with self._transaction(_KEEP, learner) as connection:
            insert = self._insert(EVENTS).values(**row)
            insert = insert.on_conflict_do_nothing(index_elements=["learner", "token"])
            # Not its rowcount, which is unknown where the database hands back the new row's id.
            counted = connection.execute(insert.returning(EVENTS.c.id)).first() is not None
            if place:
                self._put(connection, learner, *place)
        return counted

    def put(self, learner: str, key: str, value: dict[str, Any]) -> None:
        """Keep the place in one exercise; the newest counts."""
        self._may_write()
        with self._transaction(
            "Your place in this exercise could not be kept on the server", learner
        ) as connection:
            self._put(connection, learner, key, value)

    def _put(self, connection: sql.Connection, learner: str, key: str, value: dict[str, Any]) -> None:
        text = json.dumps(value)
        insert = self._insert(_PLACES).values(learner=learner, key=key, value=text)
        insert = insert.on_conflict_do_update(index_elements=["learner", "key"], set_={"value": text})
        connection.execute(insert)

    def events(self, learner: str) -> History:
        """All answers of a learner in the order in which they count; those to a merged question for the one kept."""
        with self._transaction(_READ) as connection:
            return self._events(connection, learner)

    def _events(self, connection: sql.Connection, learner: str) -> History:
        newest = sql.select(sql.func.max(EVENTS.c.id)).where(EVENTS.c.learner == learner)
        stamp_of = sql.select(
            newest.scalar_subquery(),
            sql.select(EVENTS.c.at).where(EVENTS.c.id == newest.scalar_subquery()).scalar_subquery(),
            sql.select(sql.func.count()).where(EVENTS.c.learner == learner).scalar_subquery(),
        )
        stamp = tuple(connection.execute(stamp_of).one())
        kept = self._read.get(learner)
        if kept and kept[0] == stamp:
            return kept[1]
        found = _history(connection.execute(_rows_of(learner)).all())
        self._read.put(learner, (stamp, found), 1000 + len(found) * _BYTES_OF_AN_EVENT)
        return found

    def get(self, learner: str, key: str) -> dict[str, Any] | None:
        """The place kept for one exercise, or None. Raises StoreError when it cannot be read."""
        chosen = sql.select(_PLACES.c.value).where(_PLACES.c.learner == learner, _PLACES.c.key == key)
        with self._transaction(_READ) as connection:
            text = connection.execute(chosen).scalar()
        if text is None:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise StoreError("Your place in this exercise cannot be read: the exercise begins anew.")
        return value  # pyright: ignore[reportUnknownVariableType] - JSON: the exercise checks what is in it

    # --- what a learner may do with it all -----------------------------------------------------------------

    def export(self, learner: str) -> dict[str, Any]:
        """Everything kept of a learner, fit for JSON and for `import_events`; of a damaged file what can be read."""
        rows: list[sql.Row[Any]] = []
        # What was read before the damage is kept.
        with contextlib.suppress(StoreError), self._transaction(_READ) as connection:
            rows.extend(connection.execution_options(stream_results=True).execute(_rows_of(learner)))
        return {"format": FORMAT, "events": [_as_row(e) for e in _history(rows)]}

    def import_events(self, learner: str, data: Any, now: datetime | None = None) -> int:
        """Add the answers of an export that are not here yet; returns how many.

        Raises StoreError, which says why, and adds nothing where the export is none, or where any answer in it is not
        one; see `read_export`.
        """
        found = read_export(data, now or datetime.now(UTC))
        self._may_write()
        with self._transaction("The answers could not be brought in", learner) as connection:
            known = self._events(connection, learner)  # the same file may be brought in twice at once
            there = set(known)
            new = [e for e in dict.fromkeys(found) if e not in there]
            if len(known) + len(new) > MAX_ANSWERS:
                raise StoreError(
                    f"You have {len(known):,} answers and this export adds {len(new):,}, and {MAX_ANSWERS:,} are the "
                    "limit: nothing was brought in."
                )
            if new:
                mine = EVENTS.c.learner == learner
                last = connection.execute(sql.select(sql.func.max(EVENTS.c.batch)).where(mine)).scalar() or 0
                rows = [{"learner": learner, **_as_row(e), "batch": max(last, 0) + 1} for e in new]
                connection.execute(sql.insert(EVENTS), rows)
        return len(new)

    def erase(self, learner: str) -> None:
        """Forget a learner, in the backups too, and in the files that repairs have put aside.

        A copy that is damaged so that the learner's rows cannot be deleted from it is removed whole.
        """
        with self._transaction("Your answers could not be erased", learner) as connection:
            if not self.problem:  # a newer version may keep its codes otherwise
                connection.execute(sql.delete(_MOVE_CODES).where(_MOVE_CODES.c.learner == learner))
            for table in (EVENTS, _PLACES):
                connection.execute(sql.delete(table).where(table.c.learner == learner))
        self._read.forget(learner)
        for copy in self._copies():
            _erase_in_copy(copy, learner)

    def rename(self, learner: str, to: str) -> None:
        """Give a learner's answers and places to another id, which keeps its own place where it has one.

        In the backups and in what repairs have put aside too, so that who erases the other id has these erased as well;
        a damaged copy keeps the former id.
        """
        if learner == to:
            return
        with self._transaction(_KEEP, learner, to) as connection:
            # What either brought in stays apart, in the order of its import: that of the one who moves comes last.
            batches = sql.select(sql.func.max(EVENTS.c.batch)).where(EVENTS.c.learner == to)
            last = connection.execute(batches).scalar() or 0
            brought = (EVENTS.c.learner == learner) & (EVENTS.c.batch > 0)
            connection.execute(sql.update(EVENTS).where(brought).values(batch=EVENTS.c.batch + max(last, 0)))
            # An answer that both have, as after an import, counts once; what only names the same asking, such as the
            # second rating of a card in either browser, is another answer.
            same = EVENTS.alias()
            equal = (same.c[name].is_not_distinct_from(EVENTS.c[name]) for name in _ANSWER)
            both = sql.exists().where(same.c.learner == to, *equal)
            connection.execute(sql.delete(EVENTS).where(EVENTS.c.learner == learner, both))
            tokens = sql.select(same.c.token).where(same.c.learner == to, same.c.token.is_not(None))
            asked = (EVENTS.c.learner == learner) & EVENTS.c.token.in_(tokens)
            connection.execute(sql.update(EVENTS).where(asked).values(token=None))
            other = _PLACES.alias()
            keys = sql.select(other.c.key).where(other.c.learner == to)
            connection.execute(
                sql.delete(_PLACES).where(_PLACES.c.learner == learner, _PLACES.c.key.in_(keys))
            )
            for table in (EVENTS, _PLACES):
                connection.execute(sql.update(table).where(table.c.learner == learner).values(learner=to))
            connection.execute(sql.delete(_MOVE_CODES).where(_MOVE_CODES.c.learner == learner))
        for copy in self._copies():
            _rename_in_copy(copy, learner, to)

    def copy_to(self, other: Store) -> None:
        """Add everything kept here to another store."""
        with self._transaction(_READ) as connection:
            events = connection.execute(sql.select(EVENTS).order_by(EVENTS.c.id)).mappings().all()
            places = connection.execute(sql.select(_PLACES)).mappings().all()
        with other._transaction(_KEEP, EVERYTHING) as connection:
            for row in events:
                values = {k: v for k, v in row.items() if k != "id"}
                insert = other._insert(EVENTS).values(**values)
                connection.execute(insert.on_conflict_do_nothing(index_elements=["learner", "token"]))
            for row in places:
                connection.execute(other._insert(_PLACES).values(**row).on_conflict_do_nothing())

    # --- one-time codes ------------------------------------------------------------------------------------

    def add_move_code(self, code: str, learner: str, until: float, now: float) -> None:
        """Keep the hash of a one-time code, in place of an earlier one of the learner."""
        self._may_write()
        of = _MOVE_CODES.c
        with self._transaction("No code could be made", CODES) as connection:
            connection.execute(sql.delete(_MOVE_CODES).where((of.until <= now) | (of.learner == learner)))
            connection.execute(sql.insert(_MOVE_CODES).values(code=code, learner=learner, until=until))

    def take_move_code(
        self, code: str, visitor: str, now: float, lifetime: float, each: int, of_all: int
    ) -> str | None:
        """Use up the code of this hash: the learner whose it is, or None, which is counted as a try of this visitor.

        Raises PermissionError, whatever the code, where within `lifetime` seconds this visitor has tried `each` wrong
        ones, or all visitors `of_all`. Processes that share the file share codes and tries.
        """
        self._may_write()
        of, tried = _MOVE_CODES.c, _MOVE_TRIES.c
        with self._transaction("The code could not be looked up", CODES) as connection:
            connection.execute(sql.delete(_MOVE_TRIES).where(tried.at <= now - lifetime))
            connection.execute(sql.delete(_MOVE_CODES).where(of.until <= now))
            count = sql.select(sql.func.count()).select_from(_MOVE_TRIES)
            own = connection.execute(count.where(tried.visitor == visitor)).scalar_one()
            if own >= each or connection.execute(count).scalar_one() >= of_all:
                raise PermissionError("too many wrong codes")
            found: str | None = connection.execute(sql.select(of.learner).where(of.code == code)).scalar()
            if found is None:
                connection.execute(sql.insert(_MOVE_TRIES).values(visitor=visitor, at=now))
            else:
                connection.execute(sql.delete(_MOVE_CODES).where(of.code == code))
        return found

    # --- backups -------------------------------------------------------------------------------------------

    def backups(self) -> list[Path]:
        """The daily backups, newest first."""
        if self._path is None:
            return []
        return sorted(
            (self._path.parent / BACKUPS).glob(f"{self._path.stem}-*{self._path.suffix}"), reverse=True
        )

    def _copies(self) -> list[Path]:
        """The daily backups, and the files that repairs have put aside."""
        if self._path is None:
            return []
        put_aside = self._path.parent.glob(f"{self._path.stem}.*{BEFORE_REPAIR}{self._path.suffix}")
        return [*self.backups(), *put_aside]

    def _back_up_daily(self) -> None:
        """Copy the file as it is before the first answer of a day; a copy that fails stops nothing."""
        today = datetime.now(UTC).date()
        if self._path is None or self.problem or self._backed_up == today:
            return
        self._backed_up = today
        target = self._path.parent / BACKUPS / f"{self._path.stem}-{today.isoformat()}{self._path.suffix}"
        if target.exists() or not self._path.exists():
            return
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            target.parent.mkdir(exist_ok=True)
            with (
                contextlib.closing(sqlite3.connect(self._path, timeout=10)) as source,
                contextlib.closing(sqlite3.connect(temporary)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            os.replace(temporary, target)
            for old in self.backups()[BACKUPS_KEPT:]:
                old.unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as error:
            _LOG.warning("The progress could not be backed up today: %s", error)
        finally:
            temporary.unlink(missing_ok=True)


def _erase_in_copy(path: Path, learner: str) -> None:
    """Forget a learner in a copy of the file; where damage is in the way of that, the copy goes."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as copy, copy:
            # The last is not in copies of earlier versions: to ask for it would undo all that was erased before. An index
            # may be damaged where its table is not, so none is used.
            for table in _tables(copy) & {"events", "places", "move_codes"}:
                copy.execute(f"DELETE FROM {table} NOT INDEXED WHERE learner = ?", (learner,))
    except sqlite3.Error as error:
        _LOG.warning("A learner could not be erased in %s: %s", path.name, error)
        with contextlib.suppress(OSError):
            if _reason(error) in ("CORRUPT", "NOTADB") and learner.encode() in path.read_bytes():
                for ending in ("", "-wal", "-shm"):
                    path.with_name(path.name + ending).unlink(missing_ok=True)


def _rename_in_copy(path: Path, learner: str, to: str) -> None:
    """`Store.rename` in a copy of the file, where equal answers may stay twice; a damaged copy stays as it is."""
    ids = to, learner
    try:
        with contextlib.closing(sqlite3.connect(path)) as copy, copy:
            copy.execute("UPDATE OR IGNORE events SET learner = ? WHERE learner = ?", ids)
            if any(column == "token" for _, column, *_ in copy.execute("PRAGMA table_info(events)")):
                copy.execute("UPDATE events SET learner = ?, token = NULL WHERE learner = ?", ids)
            copy.execute("UPDATE OR IGNORE places SET learner = ? WHERE learner = ?", ids)
            for table in _tables(copy) & {"places", "move_codes"}:
                copy.execute(f"DELETE FROM {table} WHERE learner = ?", (learner,))
    except sqlite3.Error as error:
        _LOG.warning("A learner could not be moved in %s: %s", path.name, error)


def _tables(copy: sqlite3.Connection) -> set[str]:
    return {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _version_of(connection: sql.Connection) -> int:
    return connection.exec_driver_sql("PRAGMA user_version").scalar() or 0


def _rows_of(learner: str) -> sql.Select[*tuple[Any, ...]]:
    return sql.select(*_OF_AN_EVENT).where(EVENTS.c.learner == learner).order_by(EVENTS.c.id)


def _history(rows: Iterable[sql.Row[Any]]) -> History:
    """The answers of rows in the order of their ids; within a batch that order stays, batches are merged by time."""
    placed: list[tuple[datetime, Event]] = []
    reached: dict[int, datetime] = {}
    unreadable = 0
    for row in rows:
        try:
            event = answer(row.kind, row.item, row.result, row.sure, row.at)
        except ValueError:
            unreadable += 1
            continue
        # A clock that went back does not move an answer before those that were given earlier.
        reached[row.batch] = max(event.at, reached.get(row.batch, event.at))
        placed.append((reached[row.batch], event))
    placed.sort(key=lambda entry: entry[0])
    return History((event for _, event in placed), unreadable)


def _reason(error: BaseException) -> str:
    """The first part of SQLite's name for an error, such as FULL, or ""."""
    name: str = getattr(getattr(error, "orig", error), "sqlite_errorname", None) or ""
    return name.removeprefix("SQLITE_").partition("_")[0]


# --- answers from outside ----------------------------------------------------------------------------------


def current_kind(kind: str) -> str:
    """The present name of a kind of question."""
    return RENAMED_KINDS.get(kind, kind)


def _as_row(event: Event) -> dict[str, Any]:
    return {**asdict(event), "at": event.at.astimezone(UTC).isoformat()}


def parse_export(raw: bytes) -> Any:
    """The data in an export's file, for `Store.import_events`. Raises StoreError for what is too large or no JSON."""
    if len(raw) > MAX_EXPORT_BYTES:
        raise StoreError(
            f"This file has {len(raw) / 1e6:.1f} MB, and an export has {MAX_EXPORT_BYTES / 1e6:.0f} MB at most: nothing "
            "was brought in."
        )
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise StoreError("This file is not an export of diffviz.") from error


def read_export(data: Any, now: datetime) -> list[Event]:
    """The answers of an export, with present names. Raises StoreError for the first thing that is not as it must be.

    An export is {"format": 1, "events": [...]} with at most MAX_ANSWERS answers. Each has the five fields of an `Event`
    and no other: short texts, a known result, and a date with its time zone from EARLIEST to a day after `now`.
    """
    export = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    rows: Any = export.get("events")
    if export.get("format") != FORMAT or not isinstance(rows, list):
        raise StoreError("This file is not an export of diffviz.")
    rows = cast("list[Any]", rows)
    if len(rows) > MAX_ANSWERS:
        raise StoreError(
            f"This export has {len(rows):,} answers, and {MAX_ANSWERS:,} are the limit: nothing was brought in."
        )
    found: list[Event] = []
    for n, row in enumerate(rows, 1):
        try:
            fields = cast("dict[Any, Any]", row) if isinstance(row, dict) else {}
            if set(fields) != {"kind", "item", "result", "sure", "at"}:
                raise ValueError("it has not the fields of an answer")
            event = answer(**fields)
            if event.at > now + timedelta(days=1):  # a day for clocks that differ
                raise ValueError("its date is in the future")
        except ValueError as error:
            raise StoreError(
                f"Answer {n} of this export cannot be used, as {error}: nothing was brought in."
            ) from error
        found.append(event)
    return found


def answer(kind: Any, item: Any, result: Any, sure: Any, at: Any) -> Event:
    """The event with these values. Raises ValueError, whose message follows on "as", where one of them cannot be."""
    texts = {"kind": kind, "item": item, "sure": "-" if sure is None else sure, "at": at}
    for name, text in texts.items():
        if not isinstance(text, str) or not 0 < len(text) <= LENGTHS[name] or not text.isprintable():
            raise ValueError(f"its “{name}” is not a text of 1 to {LENGTHS[name]} characters")
    if result not in RESULTS:
        raise ValueError(f"its “result” is none of {', '.join(RESULTS)}")
    when = None
    with contextlib.suppress(ValueError, OverflowError):
        when = datetime.fromisoformat(at)
        when = when if when.tzinfo is not None and EARLIEST <= when < LATEST else None
    if when is None:
        raise ValueError(f"its date is none from {EARLIEST.year} to {LATEST.year} with a time zone")
    return Event(current_kind(kind), current_id(item), result, sure, when)
