"""The PostgreSQL server that DIFFVIZ_DATABASE_URL names, for what is kept of learners and of classes."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError

URL = "DIFFVIZ_DATABASE_URL"
_NAMES = ("postgres", "postgresql", "postgresql+psycopg")
CONNECT_SECONDS = 3  # a page waits so long for a server that does not answer


def from_environment(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of a PostgreSQL server, or None where the variable is empty or names a SQLite file.

    Raises ValueError, in a sentence, for what is neither and where the driver is missing.
    """
    text = environment.get(URL, "").strip()
    return _checked(text) if text else None


@functools.lru_cache(8)
def _checked(text: str) -> str | None:
    if _parsed(text).get_backend_name() == "sqlite":
        return None
    engine(text).dispose()  # which connects to nothing, and wants the driver
    return text


def engine(url: str) -> sql.Engine:
    """Connections to the server at `url`. Raises ValueError, in a sentence, where that is none or the driver is missing."""
    parsed = _parsed(url)
    if parsed.drivername not in _NAMES:
        raise ValueError(f"{URL} must be an address such as postgresql://user:password@host/database")
    try:
        # Parameters are hidden: they hold what people wrote and the ids of learners, which belong in no log.
        return sql.create_engine(
            parsed.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True, pool_size=8,
            # A server that is gone without a word is given up after this, and not after the minutes of TCP.
            connect_args={"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": 10_000},
        )  # fmt: skip
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{URL} is set, but psycopg is not installed: pip install '.[postgresql]'"
        ) from error


def _parsed(url: str) -> sql.URL:
    try:
        return sql.make_url(url)
    except (ArgumentError, ValueError):
        # Without the text, which may hold a password.
        raise ValueError(f"{URL} is not the address of a database") from None
