"""Care for the file of the learners' answers: what is wrong with it, and mending it from itself and its backups.

`diffviz store check`, `repair` and `copy` run these. In PostgreSQL repair and backups are the database's own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diffviz.lessons.store import BACKUPS, BEFORE_REPAIR, VERSION, Store, StoreError, answer
from diffviz.lessons.store_postgresql import PostgresStore

_EVENT = ("learner", "kind", "item", "result", "sure", "at")
_NEWER = ("token", "batch")  # columns that files of the first version lack


@dataclass(frozen=True)
class Findings:
    """What is in the file, and a sentence for everything that is wrong with it."""

    version: int
    learners: int
    answers: int
    backups: int
    problems: tuple[str, ...]


def check(path: Path) -> Findings:
    """Look at the file without changing it. Raises StoreError where there is none."""
    if not path.exists():
        raise StoreError("There is no file of answers yet.")
    problems: list[str] = []
    version = learners = answers = 0
    backups = len(_backups(path))
    try:
        with contextlib.closing(_open(path)) as file:
            version = file.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                problems.append(
                    f"it was written by a newer version of diffviz (schema {version}, this one has {VERSION})"
                )
            sound = [row[0] for row in file.execute("PRAGMA integrity_check(5)")]
            if sound != ["ok"]:
                problems.append(f"it is damaged: {'; '.join(str(s) for s in sound)}")
            learners = file.execute("SELECT count(DISTINCT learner) FROM events").fetchone()[0]
            answers = file.execute("SELECT count(*) FROM events").fetchone()[0]
            bad = sum(not _readable(row) for row in file.execute(f"SELECT {', '.join(_EVENT)} FROM events"))
            if bad:
                problems.append(f"{bad} of its lines are no answers")
    except sqlite3.Error as error:
        problems.append(f"it is damaged or cannot be read: {error}")
    return Findings(version, learners, answers, backups, tuple(problems))


def check_database(url: str) -> Findings:
    """Look at the answers in PostgreSQL, after their tables were brought up to date. Raises StoreError without them."""
    store = PostgresStore(url)
    try:
        learners, answers, bad = store.tally()
    finally:
        store.close()
    problems = [store.problem] if store.problem else []
    if bad:
        problems.append(f"{bad} of its lines are no answers")
    return Findings(VERSION, learners, answers, 0, tuple(problems))


def copy(path: Path, url: str) -> int:
    """Copy the answers and places of the file into a PostgreSQL database that has none; returns the number of answers.

    No server may use the file meanwhile; it is left as it is. Raises StoreError for a file or a database of a newer
    version, without a file, and where the database has answers.
    """
    found = check(path)
    if found.problems:
        raise StoreError(f"The file was not copied: {'; '.join(found.problems)}.")
    source, target = Store(path), PostgresStore(url)
    try:
        if target.problem or target.tally()[1]:
            raise StoreError(target.problem or "The database has answers already: nothing was copied.")
        source.copy_to(target)
        return target.tally()[1]
    finally:
        source.close()
        target.close()


def repair(path: Path) -> tuple[Path, int, int]:
    """Make the file anew of all answers and places that can be read in it, and of those that only its backups have.

    No server may use it meanwhile. Returns where the old file was put, the number of answers now in the file, and how
    many of them came out of backups. Lines that are no answers are left in the old file. Raises StoreError for a file
    of a newer version, and where there is none.
    """
    found = check(path)
    if found.version > VERSION:
        raise StoreError("The file was written by a newer version of diffviz: repair it with that one.")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    own = list(_salvage(path, "events"))
    places = {(row["learner"], row["key"]): row["value"] for row in _salvage(path, "places")}
    seen, rescued = {_identity(row) for row in own}, 0
    for backup in _backups(path) if _damaged(path) else ():  # a sound file has all there is
        more = [row for row in _salvage(backup, "events") if _identity(row) not in seen]
        seen |= {_identity(row) for row in more}
        own, rescued = [*own, *more], rescued + len(more)
        for row in _salvage(backup, "places"):
            places.setdefault((row["learner"], row["key"]), row["value"])
    good = sorted((row for row in own if _readable([row[c] for c in _EVENT])), key=lambda row: row["id"])
    workshop = path.with_name(f"{path.stem}.{stamp}.repair")
    fresh = workshop / path.name
    Store(fresh).close()
    with contextlib.closing(sqlite3.connect(fresh)) as file, file:
        columns = (*_EVENT, *_NEWER)
        slots = ", ".join("?" * len(columns))
        for row in good:
            # Files of the first version have no batches: their answers count by time, each a batch of its own.
            values = [row[c] for c in _EVENT] + [row.get("token"), row.get("batch", -row["id"])]
            file.execute(f"INSERT OR IGNORE INTO events ({', '.join(columns)}) VALUES ({slots})", values)
        file.executemany(
            "INSERT INTO places VALUES (?, ?, ?)", [(*key, value) for key, value in places.items()]
        )
        count = file.execute("SELECT count(*) FROM events").fetchone()[0]
    with contextlib.closing(sqlite3.connect(fresh)) as file:
        file.execute("PRAGMA journal_mode=DELETE")  # one file, to be moved
    kept = path.with_name(f"{path.stem}.{stamp}{BEFORE_REPAIR}{path.suffix}")
    for ending in ("-wal", "-shm", ""):  # the file itself last: a cut-off leaves it in its place
        part = path.with_name(path.name + ending)
        if part.exists():
            os.replace(part, kept.with_name(kept.name + ending))
    os.replace(fresh, path)
    shutil.rmtree(workshop)
    return kept, count, rescued


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _backups(path: Path) -> list[Path]:
    """The daily backups, newest first."""
    return sorted((path.parent / BACKUPS).glob(f"{path.stem}-*{path.suffix}"), reverse=True)


def _damaged(path: Path) -> bool:
    try:
        with contextlib.closing(_open(path)) as file:
            return [row[0] for row in file.execute("PRAGMA integrity_check(1)")] != ["ok"]
    except sqlite3.Error:
        return True


def _readable(values: Any) -> bool:
    try:
        answer(*values[1:])
    except ValueError:
        return False
    return isinstance(values[0], str)


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[c] for c in _EVENT)


def _salvage(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table that can be read: from the first on until the damage, and from the last on back to it."""
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_open(path)) as file:
            file.row_factory = sqlite3.Row
            for row in file.execute(f"SELECT rowid AS id, * FROM {table} NOT INDEXED ORDER BY rowid {order}"):
                if row["id"] in seen:
                    break
                seen.add(row["id"])
                yield dict(row)
