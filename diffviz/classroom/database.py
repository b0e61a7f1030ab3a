"""Where a classroom is kept: SQLite beside the learners' progress, or the database that DIFFVIZ_DATABASE_URL names.

Several servers may share one database. Whoever starts first brings its tables up to date; the others wait for that.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from diffviz.classroom.errors import ClassroomError
from diffviz.lessons import postgresql
from diffviz.lessons.store import folder

FILE = "classroom.sqlite"
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 1_684_629_094  # of PostgreSQL's advisory locks: held while the tables are brought up to date
_LOG = logging.getLogger(__name__)
# Alembic keeps the migration that runs in module variables: one at a time in a process.
_migrating = threading.Lock()


class Database:
    """Transactions on SQLite or PostgreSQL. Raises ClassroomError when the database cannot be used.

    `clock` gives the time in seconds since 1970. Who wants to know when a room has changed in this process puts a
    function of the room's id in `listeners`; it is called from the thread that made the change, after the commit.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.listeners: list[Callable[[int], None]] = []
        try:
            self._engine = _engine(url)
        except ValueError as error:
            raise ClassroomError(f"The classroom cannot be opened: {error}.") from error
        # SQLite has one writer at a time: threads of this process queue here, in order, and not in its busy loop.
        self._writing: Any = threading.Lock() if self.is_sqlite else contextlib.nullcontext()
        try:
            with self._failing("The classroom cannot be opened"):
                self._migrate()
        except ClassroomError:
            self.close()
            raise

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        with _migrating, self._engine.execution_options(writes=True).begin() as connection:
            if not self.is_sqlite:
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise ClassroomError(
                    "The classroom's database was written by a newer version of diffviz: update diffviz to use it."
                ) from error

    @contextlib.contextmanager
    def _failing(self, doing: str) -> Generator[None]:
        """A failure of the database is logged, and is a ClassroomError that begins with `doing`."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            _LOG.error("%s: %s", doing, error)
            raise ClassroomError(f"{doing}: the database does not answer as it should.") from error

    @contextlib.contextmanager
    def read(self) -> Generator[sql.Connection]:
        """A transaction that reads."""
        with self._failing("The classroom cannot be read"), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, room: int | None = None) -> Generator[sql.Connection]:
        """A transaction that writes, all or nothing; listeners are told afterwards that `room` has changed."""
        with (
            self._failing("This could not be kept on the server"),
            self._writing,
            self._engine.execution_options(writes=True).begin() as connection,
        ):
            yield connection
        if room is not None:
            self.tell(room)

    def tell(self, room: int) -> None:
        """Tell the listeners that a room has changed."""
        for listener in self.listeners:
            listener(room)

    def close(self) -> None:
        """Let go of the database; the next use opens it again."""
        self._engine.dispose()


def _engine(url: str) -> sql.Engine:
    if not url.startswith("sqlite:"):
        return postgresql.engine(url)
    # Parameters are hidden: they hold what people wrote, which belongs in no log.
    engine = sql.create_engine(url, hide_parameters=True, connect_args={"timeout": 20})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: object) -> None:
    """Transactions are begun by `_begin_sqlite` alone; a commit is on the disk when it returns."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sql.Connection) -> None:
    """A transaction that will write takes its turn at the beginning, where it can wait for it."""
    connection.exec_driver_sql(
        "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN"
    )


def address() -> str:
    """The URL of this server's database: DIFFVIZ_DATABASE_URL, or a SQLite file in the folder of the learners' progress."""
    return os.environ.get(postgresql.URL) or f"sqlite:///{folder() / FILE}"


@functools.lru_cache
def _opened(url: str) -> Database:
    if url.startswith("sqlite:///"):
        try:
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:  # such as a file where the folder should be
            _LOG.error("The classroom cannot be opened: %s", error)
            raise ClassroomError(
                "The classroom cannot be opened: the folder for it cannot be made or written."
            ) from error
    return Database(url)


def database() -> Database:
    """The database of this server, opened at its first use. Raises ClassroomError where that fails, and tries again."""
    with _opening:
        return _opened(address())


_opening = threading.Lock()
