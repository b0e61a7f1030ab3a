"""Checking and repairing the file of answers, by the commands that do it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from diffviz.cli import main
from diffviz.lessons import store_care
from diffviz.lessons.store import BACKUPS, FILE, VERSION, Event, Store, StoreError
from diffviz.lessons.store_postgresql import PostgresStore

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def event(n):
    return Event("flashcards", f"card-{n}", "good", None, NOON + timedelta(minutes=n))


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A file with 1,600 answers of one learner and a place, and a backup that has the first 1,500."""
    monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path))
    store = Store(tmp_path / FILE)
    store.put("a", "quiz", {"at": 3})
    export = {"format": 1, "events": [{**vars(event(n)), "at": event(n).at.isoformat()} for n in range(1500)]}
    store.import_events("a", export)
    for old in store.backups():
        old.unlink()
    with (
        closing(sqlite3.connect(tmp_path / FILE)) as file,
        closing(sqlite3.connect(tmp_path / BACKUPS / "progress-2026-01-04.sqlite")) as copy,
    ):
        file.backup(copy)
    for n in range(1500, 1600):
        store.add("a", event(n), f"turn {n}")
    store.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tmp_path / FILE


def damage(path):
    """Overwrite a page in the middle of the answers."""
    data = bytearray(path.read_bytes())
    for page in range(0, len(data), 4096):
        if data[page] == 13 and b"card-700" in data[page : page + 4096]:  # 13: a leaf of a table
            data[page : page + 4096] = b"\xff" * 4096
            path.write_bytes(data)
            return
    pytest.fail("no page of answers to damage")


def test_a_sound_file_is_said_to_be_sound(path, capsys):
    assert main(["store", "check"]) == 0
    assert f"1600 answers of 1 learners, schema {VERSION}, 1 backups" in capsys.readouterr().out


def test_no_file_and_a_newer_file_are_said_and_left_alone(path, tmp_path, monkeypatch, capsys):
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    assert main(["store", "check"]) == 1 and main(["store", "repair"]) == 2
    assert "newer version" in capsys.readouterr().err and path.read_bytes() == before
    monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path / "nowhere"))
    assert main(["store", "check"]) == 2
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
def test_lines_that_are_no_answers_are_counted_and_left_out_by_a_repair(path, capsys):
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE events SET at = '9999-12-31T00:00:00+00:00' WHERE id < 4")
    assert main(["store", "check"]) == 1
    assert "3 of its lines" in capsys.readouterr().err
    assert main(["store", "repair"]) == 0
    store = Store(path)
    assert len(store.events("a")) == 1597 and store.get("a", "quiz") == {"at": 3}
    assert store.events("a")[-1] == event(1599)
    assert not store.add("a", event(1599), "turn 1599")  # tokens are kept
    assert len(list(path.parent.glob("*.before-repair.sqlite"))) == 1
    assert not list(path.parent.glob("*.repair"))


def test_a_damaged_file_is_made_anew_of_what_can_be_read_and_its_backup(path, capsys):
    damage(path)
    assert main(["store", "check"]) == 1
    assert "damaged" in capsys.readouterr().err
    old, answers, rescued = store_care.repair(path)
    assert old.exists() and answers == 1600 and 0 < rescued < 1500
    store = Store(path)
    assert sorted(store.events("a"), key=lambda e: e.at) == [event(n) for n in range(1600)]
    assert main(["store", "check"]) == 0


def test_what_is_no_database_is_made_anew_of_its_backup(path):
    path.write_bytes(b"x" * 9000)
    _, answers, rescued = store_care.repair(path)
    assert answers == rescued == 1500


def test_a_repair_of_nothing_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no file"):
        store_care.repair(tmp_path / FILE)


@pytest.mark.slow
def test_a_file_is_copied_to_postgresql_once_and_both_are_checked(path, postgresql_url, monkeypatch, capsys):
    assert main(["store", "copy"]) == 2
    assert "DIFFVIZ_DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("DIFFVIZ_DATABASE_URL", postgresql_url)
    assert main(["store", "copy"]) == 0
    assert main(["store", "check"]) == 0
    said = capsys.readouterr().out
    assert "copied 1600 answers" in said
    assert f"PostgreSQL: 1600 answers of 1 learners, schema {VERSION}" in said
    assert main(["store", "copy"]) == 2 and main(["store", "repair"]) == 2
    assert "has answers already" in capsys.readouterr().err
    here, there = Store(path), PostgresStore(postgresql_url)
    assert there.events("a") == here.events("a") and there.get("a", "quiz") == {"at": 3}
    assert not there.add("a", event(1599), "turn 1599")  # tokens are kept
    there.add("a", event(1600))  # and the numbering goes on
    assert len(there.events("a")) == 1601
    here.close()
    there.close()


def test_erasing_a_learner_empties_a_backup_of_before_there_were_codes(path):
    backup = next((path.parent / BACKUPS).glob("*.sqlite"))
    with closing(sqlite3.connect(backup)) as copy:
        copy.execute("DROP TABLE move_codes")
        assert copy.execute("SELECT COUNT(*) FROM events WHERE learner = 'a'").fetchone() == (1500,)
    store = Store(path)
    store.erase("a")
    store.close()
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT COUNT(*) FROM events WHERE learner = 'a'").fetchone() == (0,)
        assert copy.execute("SELECT COUNT(*) FROM places WHERE learner = 'a'").fetchone() == (0,)


def test_erasing_a_learner_forgets_them_in_the_file_that_a_repair_put_aside(path):
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE events SET learner = 'b' WHERE id <= 10")
    old, _, _ = store_care.repair(path)
    store = Store(path)
    store.erase("a")
    store.close()
    with closing(sqlite3.connect(old)) as copy:
        assert copy.execute("SELECT learner, COUNT(*) FROM events GROUP BY learner").fetchall() == [("b", 10)]
        assert copy.execute("SELECT COUNT(*) FROM places").fetchone() == (0,)


def test_who_moved_to_another_id_is_erased_in_all_copies(path):
    backup = path.parent / BACKUPS / "progress-2026-01-04.sqlite"
    columns = "kind, item, result, sure, at, token, batch"
    for file in (path, backup):
        with closing(sqlite3.connect(file)) as copy, copy:
            copy.execute(f"INSERT INTO events (learner, {columns}) SELECT 'b', {columns} FROM events")
            copy.execute("INSERT INTO places (learner, key, value) SELECT 'b', key, value FROM places")
    old, _, _ = store_care.repair(path)

    def rows(file):
        with closing(sqlite3.connect(file)) as copy:
            learners = "SELECT learner FROM {} GROUP BY learner"
            return [copy.execute(learners.format(table)).fetchall() for table in ("events", "places")]

    store = Store(path)
    store.rename("b", "a")
    assert rows(old) == rows(backup) == [[("a",)], [("a",)]]
    store.erase("a")
    store.close()
    assert rows(path) == rows(old) == rows(backup) == [[], []]


def test_a_damaged_index_keeps_no_row_of_who_was_erased(path):
    with closing(sqlite3.connect(path)) as file:
        (root,) = file.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_events_learner'"
        ).fetchone()
    data = bytearray(path.read_bytes())
    start = (root - 1) * 4096
    # A leaf of an index without entries.
    data[start : start + 4096] = bytes([10, 0, 0, 0, 0, 16, 0, 0]) + bytes(4088)
    path.write_bytes(data)
    old, _, _ = store_care.repair(path)
    store = Store(path)
    store.erase("a")
    store.close()
    if old.exists():
        with closing(sqlite3.connect(old)) as copy:
            assert copy.execute("SELECT COUNT(*) FROM events NOT INDEXED").fetchone() == (0,)


def test_a_file_that_is_no_database_any_more_goes_for_its_learner_alone(path):
    data = bytearray(path.read_bytes())
    data[:100] = b"\xff" * 100
    old = path.with_name("progress.20260105-120000.before-repair.sqlite")
    old.write_bytes(data.replace(b"card", b"CARD"))
    store = Store(path)
    store.erase("nobody-at-all")
    assert old.exists()
    store.erase("a")
    store.close()
    assert not old.exists()


def test_a_damaged_file_that_was_put_aside_goes_when_the_damage_keeps_an_erased_learners_rows(path):
    damage(path)
    old, _, _ = store_care.repair(path)
    store = Store(path)
    store.erase("somebody else")
    assert old.exists()
    store.erase("a")
    store.close()
    assert not list(path.parent.glob("*.before-repair.*")) and path.exists()
