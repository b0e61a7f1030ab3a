import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st

from diffviz.lessons import scheduling, store_postgresql
from diffviz.lessons import store as store_module
from diffviz.lessons.content import load
from diffviz.lessons.store import VERSION, Event, Store, StoreError, parse_export
from diffviz.lessons.store_postgresql import PostgresStore, open_store

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def event(item="card-forward", result="good", minutes=0, kind="flashcards"):
    return Event(kind, item, result, "certain", NOON + timedelta(minutes=minutes))


@pytest.fixture(params=["file", "postgresql"])
def place(request, tmp_path):
    """Where several servers may keep answers: a path for SQLite, or the URL of an empty PostgreSQL database."""
    if request.param == "file":
        return tmp_path / "deep" / "progress.sqlite"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture(params=["file", "memory", "postgresql"])
def store(request, tmp_path):
    if request.param == "postgresql":
        opened = PostgresStore(request.getfixturevalue("postgresql_url"))
    else:
        opened = Store(tmp_path / "deep" / "progress.sqlite" if request.param == "file" else None)
    yield opened
    opened.close()


@contextmanager
def rows(place):
    """A connection to what is kept at a place, past the store; commits at the end."""
    url = (
        f"sqlite:///{place}"
        if isinstance(place, Path)
        else place.replace("postgresql:", "postgresql+psycopg:")
    )
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        yield connection.exec_driver_sql
    engine.dispose()


@pytest.mark.slow
def test_answers_come_back_as_they_were_given_and_only_to_their_learner(store):
    store.add("a", event(minutes=2))
    store.add("a", event(minutes=1))  # the clock was put back in between
    store.add("b", event())
    assert store.events("a") == [event(minutes=2), event(minutes=1)]
    assert store.events("c") == []


def test_an_import_is_merged_by_time_and_keeps_the_order_of_its_answers(store):
    store.add("a", event("here", minutes=10))
    store.add("a", event("here", minutes=30))
    there = [
        event("there", minutes=20),
        event("there", minutes=15, result="again"),
        event("there", minutes=40),
    ]
    for e in there:
        store.add("b", e)
    assert store.import_events("a", store.export("b")) == 3
    assert [(e.item, e.at.minute) for e in store.events("a")] == [
        ("here", 10), ("there", 20), ("there", 15), ("here", 30), ("there", 40),
    ]  # fmt: skip


def test_one_asking_is_answered_once(store):
    assert store.add("a", event(), "turn 1", ("quiz", {"at": 1}))
    assert not store.add(
        "a", event(result="again"), "turn 1", ("quiz", {"at": 1})
    )  # another tab, or sent again
    assert store.add("b", event(), "turn 1") and store.add("a", event(), "turn 2")
    assert store.add("a", event()) and store.add("a", event())  # without a token each counts
    assert [e.result for e in store.events("a")] == ["good"] * 4


@pytest.mark.slow
def test_an_answer_and_its_place_are_kept_both_or_neither(store):
    with pytest.raises(TypeError):
        store.add("a", event(), "turn 1", ("quiz", {"at": object()}))  # cannot be written as JSON
    assert store.events("a") == [] and store.get("a", "quiz") is None
    store.add("a", event(), "turn 1", ("quiz", {"at": 1}))
    assert store.events("a") == [event()] and store.get("a", "quiz") == {"at": 1}


def test_a_learner_who_gets_another_id_takes_answers_and_places_along(store):
    store.add("fresh", event(), "turn 1", ("quiz", {"at": 1}))
    store.put("fresh", "order", {"at": 5})
    store.put("known", "order", {"at": 9})
    store.rename("fresh", "known")
    assert store.events("known") == [event()] and store.events("fresh") == []
    assert (store.get("known", "quiz"), store.get("known", "order")) == ({"at": 1}, {"at": 9})
    assert store.get("fresh", "order") is None


def test_everything_in_memory_can_be_moved_to_where_it_is_kept(place):
    memory, file = Store(None), open_store(place)
    memory.add("a", event(), "turn 1", ("quiz", {"at": 1}))
    memory.copy_to(file)
    memory.copy_to(file)
    assert file.events("a") == [event()] and file.get("a", "quiz") == {"at": 1}
    file.close()


def test_the_same_history_is_given_until_an_answer_is_added(store):
    store.add("a", event())
    first = store.events("a")
    assert store.events("a") is first
    assert scheduling.cards(first) is scheduling.cards(store.events("a"))  # replayed once
    store.add("a", event(minutes=1))
    assert store.events("a") == [event(), event(minutes=1)]
    store.erase("a")
    store.add("a", event(minutes=2))
    assert store.events("a") == [event(minutes=2)]


def test_the_place_in_an_exercise_is_replaced(store):
    assert store.get("a", "quiz") is None
    store.put("a", "quiz", {"at": 1})
    store.put("a", "quiz", {"at": 2, "given": {"x": ["y", None]}})
    assert store.get("a", "quiz") == {"at": 2, "given": {"x": ["y", None]}}


def test_a_restart_of_the_server_loses_nothing(place):
    for first in (True, False):
        store = open_store(place)
        if first:
            store.add("a", event())
        assert store.events("a") == [event()]
        store.close()


def test_what_one_server_keeps_another_reads_at_once(place):
    here, there = open_store(place), open_store(place)
    assert there.events("a") == []
    here.add("a", event(), "turn 1", ("quiz", {"at": 1}))
    assert there.events("a") == [event()] and there.get("a", "quiz") == {"at": 1}
    assert not there.add("a", event(result="again"), "turn 1")  # the same asking, at the other server
    there.add("b", event(minutes=1))
    here.rename("b", "a")
    assert there.events("a") == here.events("a") == [event(), event(minutes=1)]
    there.erase("a")
    assert here.events("a") == [] and here.get("a", "quiz") is None
    for store in (here, there):
        store.close()


def test_two_tabs_answering_at_once_lose_nothing(place):
    stores = [open_store(place) for _ in range(2)]

    def answer(k):
        for i in range(25):
            stores[k].add("a", event(item=f"{k}-{i}"))

    threads = [threading.Thread(target=answer, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(stores[0].events("a")) == 50
    for store in stores:
        store.close()


def test_an_export_can_be_brought_in_once(store):
    store.add("a", event())
    store.add("a", event(minutes=5, result="again"))
    data = store.export("a")
    assert store.import_events("b", data) == 2
    assert store.import_events("b", data) == 0
    assert store.events("b") == store.events("a")


def test_an_export_that_is_brought_in_twice_at_once_counts_once(place):
    stores = [open_store(place) for _ in range(2)]
    many = answers(500)
    together, added = threading.Barrier(2), []

    def bring_in(store):
        for learner in "abcd":
            together.wait()
            added.append((learner, store.import_events(learner, {"format": 1, "events": many})))

    threads = [threading.Thread(target=bring_in, args=(store,)) for store in stores]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [len(stores[0].events(learner)) for learner in "abcd"] == [500] * 4
    assert sorted(added) == [(learner, n) for learner in "abcd" for n in (0, 500)]
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    "data",
    [None, [], {"format": 9}, {"format": 1, "events": [{"kind": "x"}]}, {"format": 1, "events": ["x"]},
     {"format": 1, "events": [{"kind": "k", "item": "i", "result": "brilliant", "sure": None, "at": "2026-01-01"}]}],
    ids=str,
)  # fmt: skip
def test_what_is_no_export_is_refused_in_one_sentence(store, data):
    with pytest.raises(StoreError) as error:
        store.import_events("a", data)
    assert str(error.value).endswith(".")
    assert store.events("a") == []


def test_erasing_forgets_one_learner(store):
    for who in "ab":
        store.add(who, event())
        store.put(who, "quiz", {"at": 1})
    store.erase("a")
    assert store.events("a") == [] and store.get("a", "quiz") is None
    assert store.events("b") and store.get("b", "quiz")


def test_a_place_that_cannot_be_written_gives_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be kept"):
        Store(tmp_path / "file" / "progress.sqlite")


def test_a_file_that_is_no_database_gives_one_sentence(tmp_path):
    path = tmp_path / "p.sqlite"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(StoreError):
        Store(path)


# --- imports -----------------------------------------------------------------------------------------------

ANSWER = {
    "kind": "flashcards",
    "item": "card-forward",
    "result": "good",
    "sure": None,
    "at": NOON.isoformat(),
}


def answers(n):
    """So many different answers, as an export has them."""
    return [{**ANSWER, "at": (NOON + timedelta(seconds=k)).isoformat()} for k in range(n)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"at": "9999-12-31T00:00:00+00:00"}, "date"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "date"),
        ({"at": "2026-01-05T12:00:00"}, "date"),
        pytest.param(
            {"at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "in the future", id="future"
        ),
        ({"at": 5}, "“at”"),
        ({"result": "brilliant"}, "“result”"),
        ({"result": ["good"]}, "“result”"),
        ({"item": "x" * 65}, "“item”"),
        ({"item": ""}, "“item”"),
        ({"kind": None}, "“kind”"),
        ({"sure": "\ud800"}, "“sure”"),
        ({"sure": {"deep": []}}, "“sure”"),
        ({"more": 1}, "fields"),
    ],
    ids=str,
)
def test_an_import_with_one_impossible_answer_is_refused_whole_with_a_reason(store, change, says):
    with pytest.raises(StoreError, match=says) as error:
        store.import_events("a", {"format": 1, "events": [ANSWER, {**ANSWER, **change}]})
    assert "Answer 2" in str(error.value) and "nothing was brought in" in str(error.value)
    assert store.events("a") == []


@pytest.mark.slow
def test_eight_megabytes_of_answers_are_refused_whole_and_unread(store, monkeypatch):
    raw = json.dumps({"format": 1, "events": answers(70_000)}).encode()
    assert len(raw) > 8_000_000
    with (
        monkeypatch.context() as patch,
        pytest.raises(StoreError, match=r"This file has 8\.\d MB, and .*: nothing was brought in"),
    ):
        for module, name in ((store_module.json, "loads"), (store_module, "answer")):
            patch.setattr(module, name, lambda *_, **__: pytest.fail("it was read"))
        store.import_events("a", parse_export(raw))
    with pytest.raises(StoreError, match=r"70,000 answers, .*: nothing was brought in"):
        store.import_events("a", json.loads(raw))  # past the first bound
    assert store.events("a") == []


def test_an_export_has_its_bounds(store, monkeypatch):
    for raw in (b"[" * 100_000, b"\xff\xfe", b'{"format": ' + b"9" * 10_000 + b"}", b""):
        with pytest.raises(StoreError, match="not an export"):
            parse_export(raw)
    with pytest.raises(StoreError, match="at most"):
        parse_export(b" " * (store_module.MAX_EXPORT_BYTES + 1))
    many = answers(4)
    monkeypatch.setattr(store_module, "MAX_ANSWERS", 3)
    with pytest.raises(StoreError, match="4 answers"):
        store.import_events("a", {"format": 1, "events": many})
    assert store.import_events("a", {"format": 1, "events": many[:3]}) == 3
    with pytest.raises(StoreError, match="are the limit"):
        store.import_events("a", {"format": 1, "events": many[3:]})
    assert len(store.events("a")) == 3


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["format", "events", "kind", "item", "result", "sure", "at"]), inner)))  # fmt: skip
def test_no_data_gets_past_an_import_with_anything_but_a_sentence(data):
    memory = Store(None)
    for given_data in (data, {"format": 1, "events": data}, {"format": 1, "events": [data]}):
        try:
            memory.import_events("a", given_data)
        except StoreError as error:
            assert str(error).endswith(".")


def test_an_export_does_not_name_the_learner(store):
    who = "0123456789abcdef" * 2
    store.add(who, event(), "turn 1", ("quiz", {"at": 1}))
    assert who not in json.dumps(store.export(who))


# --- the file ----------------------------------------------------------------------------------------------

START = """
import sys
from pathlib import Path
from diffviz.lessons.store import Event
from diffviz.lessons.store_postgresql import open_store
from datetime import UTC, datetime
place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
sys.stdin.readline()  # all begin together
open_store(place).add("a", Event("flashcards", sys.argv[2], "good", None, datetime(2026, 1, 5, tzinfo=UTC)))
"""


@pytest.mark.slow
def test_six_servers_that_start_on_a_new_file_or_database_all_keep_their_answers(place):
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(place), f"item-{n}"], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for n in range(6)
    ]  # fmt: skip
    for server in servers:
        server.stdin.write(b"go\n")
        server.stdin.flush()
    for server in servers:
        _, said = server.communicate(timeout=120)
        assert server.returncode == 0, said.decode()
    store = open_store(place)
    assert {e.item for e in store.events("a")} == {f"item-{n}" for n in range(6)}
    store.close()


def test_a_file_that_is_deleted_under_a_running_server_is_noticed(tmp_path):
    path = tmp_path / "p.sqlite"
    store = Store(path)
    store.add("a", event())
    for file in tmp_path.glob("p.sqlite*"):
        file.unlink()
    store.add("a", event(minutes=1))
    assert store.lost == 1
    assert store.events("a") == Store(path).events("a") == [event(minutes=1)]


def old_file(path):
    """A file of the first releases: no version, no tokens; answers of an import stand after newer ones."""
    with closing(sqlite3.connect(path)) as file, file:
        for statement in store_module.MIGRATIONS[0]:
            file.execute(statement)
        for minutes in (9, 3, 6):
            at = (NOON + timedelta(minutes=minutes)).isoformat()
            file.execute("INSERT INTO events (learner, kind, item, result, sure, at) VALUES (?, ?, ?, ?, ?, ?)",
                         ("a", "work_quiz", "work-design", "right", None, at))  # fmt: skip
        file.execute("INSERT INTO places VALUES (?, ?, ?)", ("a", "quiz", '{"at": 2}'))


def test_a_file_of_the_first_version_is_migrated_and_was_backed_up_before(tmp_path):
    path = tmp_path / "p.sqlite"
    old_file(path)
    store = Store(path)
    store.add("a", event(minutes=1))
    assert [e.at.minute for e in store.events("a")] == [
        1,
        3,
        6,
        9,
    ]  # those of the first version count by their time
    assert store.events("a")[-1].kind == "scenario_quiz"
    assert store.get("a", "quiz") == {"at": 2}
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)
    (backup,) = store.backups()
    with closing(sqlite3.connect(backup)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (0,)
        assert file.execute("SELECT count(*) FROM events").fetchone() == (3,)


def version(run, place, new=None):
    """The version of the schema at a place; sets it to `new` where that is given."""
    if isinstance(place, Path):
        return run(f"PRAGMA user_version = {new}") if new else run("PRAGMA user_version").scalar()
    if new:
        return run(f"UPDATE progress_schema SET version = {new}")
    return run("SELECT version FROM progress_schema").scalar()


def test_the_migrated_tables_have_the_columns_that_are_asked_for(store):
    for table in store_module._SCHEMA.sorted_tables:
        there = {c["name"] for c in sqlalchemy.inspect(store._engine).get_columns(table.name)}
        assert there == {c.name for c in table.columns}


def test_a_database_of_an_earlier_version_is_migrated_with_its_answers(postgresql_url, monkeypatch):
    monkeypatch.setattr(store_postgresql, "MIGRATIONS", store_module.MIGRATIONS[:1])
    monkeypatch.setattr(store_postgresql, "VERSION", 1)
    PostgresStore(postgresql_url).close()
    with rows(postgresql_url) as run:
        for minutes in (9, 3, 6):
            at = (NOON + timedelta(minutes=minutes)).isoformat()
            run("INSERT INTO events (learner, kind, item, result, sure, at) VALUES (%s, %s, %s, %s, %s, %s)",
                ("a", "work_quiz", "work-design", "right", None, at))  # fmt: skip
    monkeypatch.undo()
    store = PostgresStore(postgresql_url)
    store.add("a", event(minutes=1))
    assert [e.at.minute for e in store.events("a")] == [1, 3, 6, 9]
    store.close()
    with rows(postgresql_url) as run:
        assert version(run, postgresql_url) == VERSION


def test_a_file_or_database_of_a_newer_version_is_read_and_not_written(place):
    first = open_store(place)
    first.add("a", event())
    first.close()
    with rows(place) as run:
        version(run, place, VERSION + 1)
        run("ALTER TABLE events ADD COLUMN more TEXT")
    store = open_store(place)
    for write in (
        lambda: store.add("a", event(minutes=1)),
        lambda: store.put("a", "quiz", {}),
        lambda: store.import_events("a", {"format": 1, "events": [ANSWER]}),
    ):
        with pytest.raises(StoreError, match="newer version"):
            write()
    assert store.events("a") == [event()] and len(store.export("a")["events"]) == 1
    with rows(place) as run:
        assert version(run, place) == VERSION + 1
    store.erase("a")
    assert store.events("a") == []
    store.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "9999-12-31T00:00:00+00:00"),
        ("at", "soon"),
        ("result", "brilliant"),
        ("kind", ""),
        ("item", "x" * 99),
    ],
)
def test_a_stored_line_that_is_no_answer_is_left_out_and_counted(place, column, value):
    if not isinstance(place, Path) and len(value) > 64:
        pytest.skip("PostgreSQL holds a text to its length")
    store = open_store(place)
    store.add("a", event())
    store.add("a", event(minutes=1))
    with rows(place) as run:
        run(f"UPDATE events SET {column} = '{value}' WHERE id = 1")
    store.close()
    again = open_store(place)
    found = again.events("a")
    assert (found, found.unreadable) == ([event(minutes=1)], 1)
    assert len(again.export("a")["events"]) == 1
    again.close()


@pytest.mark.parametrize("value", ["{", "[1]", "[" * 100_000])
def test_a_place_that_cannot_be_read_is_a_sentence(place, value):
    store = open_store(place)
    store.put("a", "quiz", {"at": 1})
    with rows(place) as run:
        run(f"UPDATE places SET value = '{value}'")
    with pytest.raises(StoreError, match="begins anew"):
        store.get("a", "quiz")
    store.close()


def broken(store, pragma):
    """The store with connections that were opened with this pragma."""
    store._engine.dispose()
    sqlalchemy.event.listen(store._engine, "connect", lambda connection, _: connection.execute(pragma))


@pytest.mark.parametrize(
    ("pragma", "says"),
    [("PRAGMA max_page_count = 8", "the disk is full"), ("PRAGMA query_only = ON", "may not be written")],
)
def test_a_disk_that_refuses_is_named_without_a_path_or_the_learner(tmp_path, pragma, says):
    store, who = Store(tmp_path / "p.sqlite"), "0123456789abcdef" * 2
    store.add(who, event())
    broken(store, pragma)
    with pytest.raises(StoreError, match=says) as error:
        for n in range(500):
            store.add(who, event(item="x" * 60, minutes=n))
    assert str(tmp_path) not in str(error.value)
    assert who not in str(error.value) and who not in str(error.value.__cause__)
    assert store.events(who)[0] == event()  # what was there can still be read


@pytest.mark.slow
def test_a_file_that_is_damaged_inside_is_named_and_what_can_be_read_is_exported(tmp_path):
    path = tmp_path / "p.sqlite"
    store = Store(path)
    for n in range(2000):
        store.add("a", event(minutes=n))
    store._engine.dispose()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle:] = b"\xff" * (len(data) - middle)
    path.write_bytes(data)
    damaged = Store(path)
    with pytest.raises(StoreError, match="damaged") as error:
        damaged.events("a")
    assert str(tmp_path) not in str(error.value)
    assert damaged.export("a")["format"] == 1


def test_a_backup_is_made_before_the_first_answer_of_a_day_and_seven_are_kept(tmp_path, monkeypatch):
    path, days = tmp_path / "p.sqlite", 10

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return NOON + timedelta(days=day)

    monkeypatch.setattr(store_module, "datetime", Clock)
    day = 0
    store = Store(path)
    for day in range(1, days):
        store.add("a", event(minutes=day))
        store.add("a", event(minutes=100 + day))
    names = [b.name for b in store.backups()]
    assert names[0] == "p-2026-01-14.sqlite" and len(names) == store_module.BACKUPS_KEPT
    assert not list((tmp_path / "backups").glob("*.tmp*"))
    newest = Store(store.backups()[0])
    assert len(newest.events("a")) == 2 * (days - 2)
    store.erase("a")
    assert all(
        sqlite3.connect(b).execute("SELECT count(*) FROM events").fetchone() == (0,) for b in store.backups()
    )


# --- PostgreSQL --------------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_a_sentence_without_its_address(postgresql_url):
    gone = postgresql_url.replace("host=", "host=/nowhere")
    for url in (gone, postgresql_url.replace("?", "-no-such?")):
        with pytest.raises(StoreError) as error:
            PostgresStore(url)
        assert str(error.value) == "Progress cannot be kept: the database cannot be reached."


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "postgresql://u:secret@h:port/d", "no address"])
def test_what_is_no_address_of_a_database_is_a_sentence_without_the_password(url):
    with pytest.raises(StoreError, match=r"DIFFVIZ_DATABASE_URL .*\.$") as error:
        PostgresStore(url)
    assert "secret" not in str(error.value)


def test_connections_that_the_server_ended_are_made_anew(postgresql_url):
    store = PostgresStore(postgresql_url)
    store.add("a", event())
    with rows(postgresql_url) as run:
        run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()")  # fmt: skip
    store.add("a", event(minutes=1))
    assert store.events("a") == [event(), event(minutes=1)]
    store.close()


def test_a_database_that_refuses_is_named_and_the_learner_is_not(postgresql_url, caplog):
    store, who = PostgresStore(postgresql_url), "0123456789abcdef" * 2
    store.add(who, event())
    with rows(postgresql_url) as run:
        run(
            "ALTER DATABASE "
            + postgresql_url.split("/")[3].partition("?")[0]
            + " SET default_transaction_read_only = on"
        )
    store.close()
    with pytest.raises(StoreError, match="may not be written") as error:
        store.add(who, event(minutes=1))
    assert who not in str(error.value) + str(error.value.__cause__) + caplog.text
    assert store.events(who) == [event()]
    store.close()


DECK = [c.id for c in load("flashcards")]


def test_new_cards_are_due_and_rated_ones_leave_for_as_long_as_they_were_known():
    assert scheduling.due([], DECK, NOON) == DECK
    known = [event(DECK[0], "easy"), event(DECK[1], "again")]
    assert scheduling.due(known, DECK, NOON) == DECK[2:]
    soon = NOON + timedelta(minutes=5)
    assert scheduling.due(known, DECK, soon) == [DECK[1], *DECK[2:]]
    later = NOON + timedelta(days=60)
    assert set(scheduling.due(known, DECK, later)) == set(DECK)


def test_intervals_grow_with_the_rating_and_with_practice():
    first = scheduling.intervals([], DECK[0], NOON)
    assert first["again"] <= first["hard"] <= first["good"] < first["easy"]
    log = [event(DECK[0], "good", minutes=m) for m in (0, 15, 60 * 24 * 3)]
    assert scheduling.intervals(log, DECK[0], NOON + timedelta(days=10))["good"] > first["good"]


def test_the_same_log_gives_the_same_dates():
    log = [event(DECK[0], r, minutes=10 * k) for k, r in enumerate(("good", "again", "hard", "easy"))]
    assert scheduling.cards(log)[DECK[0]].due == scheduling.cards(log)[DECK[0]].due
    assert scheduling.next_due(log, DECK) == scheduling.cards(log)[DECK[0]].due
    assert scheduling.next_due([], DECK) is None


def test_a_clock_that_goes_back_leaves_reviews_in_their_order():
    ahead = [event(DECK[0], "easy", minutes=60 * 24), event(DECK[0], "again", minutes=0)]
    state = scheduling.cards(ahead)[DECK[0]]
    assert state.last_review == NOON + timedelta(days=1)  # the second review is not before the first
    items, kinds = load("flashcards"), dict.fromkeys(DECK, "flashcards")
    last = [event(DECK[1], minutes=60 * 24 * 40), event(DECK[0], minutes=5)]
    found = scheduling.next_item(last, items, NOON + timedelta(minutes=30), kinds)
    concept = {c.id: c.concept for c in items}
    assert concept[found.id] != concept[DECK[0]]  # what was answered last, not what has the latest date


def test_standing_counts_the_newest_answer_of_each_item():
    items = load("self_check")
    log = [event("check-forward", "wrong", 0, "self_check"), event("check-forward", "right", 1, "self_check")]
    forward = next(s for s in scheduling.concept_mastery(log, items) if s.concept == "forward process")
    assert (forward.done, forward.total, forward.credit) == (1, 1, 1.0)


def test_advice_names_what_went_wrong_before_anything_else():
    items = load("self_check")
    assert "self-check" in scheduling.advice(scheduling.concept_mastery([], items), 10)
    wrong = scheduling.concept_mastery([event("check-prompt", "wrong", 0, "self_check")], items)
    assert "prompt conditioning" in scheduling.advice(wrong, 10)
    right = scheduling.concept_mastery([event("check-prompt", "right", 0, "self_check")], items)
    assert "3 flashcards are due: recalling them" in scheduling.advice(right, 3)
    assert "1 flashcard is due: recalling it" in scheduling.advice(right, 1)
    assert "still new" in scheduling.advice(right, 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(DECK), st.sampled_from(sorted(scheduling.RATINGS)), st.integers(0, 10**5))
    )
)
def test_no_history_crashes_the_scheduler(ratings):
    log = sorted((event(c, r, m) for c, r, m in ratings), key=lambda e: e.at)
    due = scheduling.due(log, DECK, NOON + timedelta(days=30))
    assert len(set(due)) == len(due) and set(due) <= set(DECK)
