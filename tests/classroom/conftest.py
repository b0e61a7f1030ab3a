"""A classroom's database on SQLite and on PostgreSQL, each fresh for a test, and a server that phones can reach."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
import uvicorn
from starlette.applications import Starlette

from bench.phones import Phone
from diffviz.classroom.database import Database, database
from diffviz.classroom.rooms import Room
from diffviz.classroom.routes import Phones
from diffviz.ui.classroom import host

POSTGRES_USER = "postgres"  # PostgreSQL refuses to run as root


def _binaries() -> Path | None:
    """Where Debian and others keep PostgreSQL's programs, or None."""
    found = shutil.which("initdb") or next(
        iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[::-1]), None
    )
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The URL of a private PostgreSQL server on a socket in a folder of its own, started for this run of the tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the tests on PostgreSQL, and there is none here")
        pytest.skip("no PostgreSQL found: install Debian's package postgresql to run these tests")
    folder = Path(tempfile.mkdtemp(prefix="dvpg-", dir="/tmp"))  # a socket's path is short
    as_user: dict[str, Any] = {}
    if sys.platform != "win32" and os.geteuid() == 0:
        as_user = {"user": POSTGRES_USER, "group": POSTGRES_USER, "extra_groups": []}
        shutil.chown(folder, POSTGRES_USER, POSTGRES_USER)

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=120, **as_user)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", POSTGRES_USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
    # Commits are on the disk as in earnest (synchronous_commit is on); only the tests' own folder is temporary.
    run(
        "pg_ctl",
        "-D",
        data,
        "-w",
        "-l",
        str(folder / "log"),
        "-o",
        f"-k {folder} -c listen_addresses=''",
        "start",
    )
    try:
        yield f"postgresql://{POSTGRES_USER}@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each of the two."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'classroom.sqlite'}"
    cluster = request.getfixturevalue("cluster")
    name = f"t{uuid.uuid4().hex}"
    engine = sql.create_engine(
        cluster.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return cluster.replace("/postgres?", f"/{name}?")


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
