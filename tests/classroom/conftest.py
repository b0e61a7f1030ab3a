"""A classroom's database on SQLite and on PostgreSQL, each fresh for a test, and a server that phones can reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from bench.phones import Phone
from diffviz.classroom.database import Database, database
from diffviz.classroom.rooms import Room
from diffviz.classroom.routes import Phones
from diffviz.ui.classroom import host


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each of the two."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'classroom.sqlite'}"
    return request.getfixturevalue("postgresql_url")


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(url: str, clock: Clock) -> Iterator[Database]:
    database = Database(url, clock)
    yield database
    database.close()


class Server:
    """The phones' routes on a port of their own, in this process: `at(path)` under the folder `base`."""

    def __init__(self, database: Database, base: str) -> None:
        self.db, self.base = database, base
        self.phones = Phones(lambda: database)
        app = Starlette(routes=self.phones.routes(base))
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Server:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *error: object) -> None:
        self.phones.end()
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive(), "open event streams keep the server from stopping"

    def phone(self, room: Room) -> Phone:
        return Phone(self.port, room.code, self.base)


@pytest.fixture
def own_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The pages' database: one of its own for each test, and no limit on rooms from the test before."""
    monkeypatch.delenv("DIFFVIZ_DATABASE_URL", raising=False)
    monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path))
    monkeypatch.setattr(host, "_openings", host.RateLimit(burst=3, per_second=1e-9))
    yield
    database().close()


@pytest.fixture
def server(db: Database) -> Iterator[Server]:
    with Server(db, "") as running:
        yield running
