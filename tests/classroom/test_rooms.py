"""Rooms: opened, joined, ended and erased, on both databases."""

import threading

import pytest
import sqlalchemy as sql

from diffviz.classroom import activities, rooms, votes
from diffviz.classroom.activities import free_question
from diffviz.classroom.database import Database
from diffviz.classroom.errors import ClassroomError, NotThere, Refused, TooMany, Unfit
from diffviz.classroom.schema import SCHEMA
from diffviz.lessons import postgresql, store


def joined(db, room):
    return rooms.join(db, room.code, None)[1]


def test_a_code_has_no_character_that_is_taken_for_another():
    assert not set(rooms.ALPHABET) & set("0O1IL2Z5S8BUV")
    assert len(set(rooms.ALPHABET)) == len(rooms.ALPHABET)


@pytest.mark.slow
def test_a_room_is_found_by_its_code_however_that_is_typed(db):
    room, _ = rooms.open_room(db, "Wednesday")
    assert len(room.code) == rooms.CODE_LENGTH and set(room.code) <= set(rooms.ALPHABET)
    assert rooms.find_room(db, f" {room.code[:3].lower()}-{room.code[3:]} ") == room
    with pytest.raises(NotThere):
        rooms.find_room(db, "333333" if room.code != "333333" else "444444")


def test_only_the_secret_that_was_told_is_the_hosts(db):
    room, secret = rooms.open_room(db, "")
    _, others = rooms.open_room(db, "")
    assert rooms.hosted_room(db, room.code, secret) == room
    for wrong in ("", secret[:-1], secret + "x", others):
        with pytest.raises(Refused):
            rooms.hosted_room(db, room.code, wrong)


def test_no_secret_stands_in_the_database(db):
    room, secret = rooms.open_room(db, "")
    _, _, mine = rooms.join(db, room.code, None)
    with db.read() as connection:
        for table in SCHEMA.sorted_tables:
            kept = repr(connection.execute(sql.select(table)).all())
            assert secret not in kept and mine not in kept


def test_who_comes_back_with_their_secret_is_the_same_participant(db):
    room, _ = rooms.open_room(db, "")
    _, first, secret = rooms.join(db, room.code, None)
    _, second, _ = rooms.join(db, room.code, None)
    assert (first.number, second.number) == (1, 2)
    assert rooms.join(db, room.code, secret) == (room, first, secret)
    other, _ = rooms.open_room(db, "")
    _, elsewhere, fresh = rooms.join(db, other.code, secret)
    assert elsewhere.id != first.id and fresh != secret


def test_people_who_join_at_once_get_numbers_of_their_own(db):
    room, _ = rooms.open_room(db, "")
    found, threads = [], []
    for _ in range(24):
        threads.append(threading.Thread(target=lambda: found.append(joined(db, room).number)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 25))


def test_a_room_ends_by_itself_after_twelve_hours_and_is_removed_thirty_days_later(db, clock):
    room, secret = rooms.open_room(db, "")
    clock.now += 12 * 3600 - 1
    joined(db, room)
    clock.now += 1
    with pytest.raises(Refused, match="ended"):
        rooms.join(db, room.code, None)
    clock.now += 30 * 86_400
    assert rooms.remove_expired(db) == 0
    assert rooms.hosted_room(db, room.code, secret)
    clock.now += 1
    assert rooms.remove_expired(db) == 1
    with pytest.raises(NotThere):
        rooms.hosted_room(db, room.code, secret)


def test_a_closed_room_lets_nobody_in_and_keeps_its_results(db, clock):
    room, secret = rooms.open_room(db, "")
    clock.now += 60
    rooms.close_room(db, room)
    with pytest.raises(Refused, match="ended"):
        rooms.join(db, room.code, None)
    assert rooms.hosted_room(db, room.code, secret).ends_at == clock.now
    with pytest.raises(Refused, match="ended"):
        activities.ask(db, room, free_question("text", "Why?"))


def test_erasing_a_room_leaves_no_row_of_it_and_touches_no_other(db):
    erased, kept = (rooms.open_room(db, "")[0] for _ in range(2))
    for room in (erased, kept):
        who = joined(db, room)
        asked = activities.ask(db, room, free_question("text", "Why?"), [b"png"])
        votes.cast_vote(db, room, who, asked.id, 1, "token-of-mine", "because")
        rooms.signal_lost(db, room, who, True)
    rooms.erase_room(db, erased)
    with db.read() as connection:
        sizes = {t.name: len(connection.execute(sql.select(t)).all()) for t in SCHEMA.sorted_tables}
    assert set(sizes.values()) == {1}, sizes
    assert rooms.find_room(db, kept.code)


def test_the_id_of_an_erased_room_is_not_given_to_the_next(db, monkeypatch):
    ids = iter([5, 6, 6, 7])
    monkeypatch.setattr(rooms.secrets, "randbelow", lambda n: next(ids) if n == rooms._IDS else 0)
    first, erased = (rooms.open_room(db, "")[0] for _ in range(2))
    rooms.erase_room(db, erased)
    assert (first.id, erased.id) == (6, 7) and rooms.open_room(db, "")[0].id == 7  # only by chance
    assert rooms.open_room(db, "")[0].id == 8  # drawn again: 7 is taken
    monkeypatch.undo()
    newest, _ = rooms.open_room(db, "")
    rooms.erase_room(db, newest)
    after, _ = rooms.open_room(db, "")
    assert after.id != newest.id and 1 <= after.id < 2**31
    assert joined(db, after).number == 1


def test_a_nickname_is_one_clean_line_and_goes_when_the_host_switches_nicknames_off(db):
    room, secret = rooms.open_room(db, "")
    _, who, mine = rooms.join(db, room.code, None)
    assert rooms.set_nickname(db, room, who, "  Ada\n\u202eLove\x00lace\u200b 🧑‍🔬 ") == "Ada Lovelace 🧑‍🔬"
    assert rooms.participant(db, room, mine).nickname == "Ada Lovelace 🧑‍🔬"
    assert len(rooms.set_nickname(db, room, who, "x" * 10_000)) == rooms.NICKNAME_LENGTH
    with pytest.raises(Unfit):
        rooms.set_nickname(db, room, who, ["x"])
    rooms.allow_nicknames(db, room, False)
    assert rooms.participant(db, room, mine).nickname is None
    with pytest.raises(Refused, match="switched nicknames off"):
        rooms.set_nickname(db, rooms.hosted_room(db, room.code, secret), who, "Ada")


def test_rooms_and_participants_have_a_limit_that_is_said(db, monkeypatch):
    monkeypatch.setattr(rooms, "MAX_OPEN_ROOMS", 1)
    monkeypatch.setattr(rooms, "MAX_PARTICIPANTS", 2)
    room, _ = rooms.open_room(db, "")
    with pytest.raises(TooMany, match="no more"):
        rooms.open_room(db, "")
    for _ in range(2):
        joined(db, room)
    with pytest.raises(TooMany, match="full"):
        joined(db, room)


def test_a_room_keeps_the_page_that_its_host_offers(db):
    room, secret = rooms.open_room(db, "")
    follow = rooms.Follow("reverse", {"prompt": "fox"}, "Reverse process")
    rooms.offer_page(db, room, follow)
    assert rooms.hosted_room(db, room.code, secret).follow == follow
    rooms.offer_page(db, room, None)
    assert rooms.hosted_room(db, room.code, secret).follow is None


# --- the database ------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_code_uses(db):
    with db.read() as connection:
        found = sql.inspect(connection)
        for table in SCHEMA.sorted_tables:
            columns = {c["name"]: c["nullable"] for c in found.get_columns(table.name)}
            assert columns == {c.name: c.nullable for c in table.columns}
            keys = {(tuple(k["constrained_columns"]), k["referred_table"], k["options"].get("ondelete"))
                    for k in found.get_foreign_keys(table.name)}  # fmt: skip
            assert keys == {((k.parent.name,), k.column.table.name, "CASCADE") for k in table.foreign_keys}
            unique = {tuple(u["column_names"]) for u in found.get_unique_constraints(table.name)}
            wanted = {
                tuple(c.name for c in u.columns)
                for u in table.constraints
                if isinstance(u, sql.UniqueConstraint)
            }
            assert unique == wanted
            indexed = {tuple(i["column_names"]) for i in found.get_indexes(table.name) if not i["unique"]}
            assert indexed == {tuple(c.name for c in i.columns) for i in table.indexes}


def test_several_servers_may_start_at_once_on_an_empty_database(url):
    opened, wrong = [], []

    def start():
        try:
            opened.append(Database(url))
        except ClassroomError as error:
            wrong.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 6 and not wrong
    room, _ = rooms.open_room(opened[0], "")
    assert rooms.find_room(opened[5], room.code) == room
    for database in opened:
        database.close()


def test_a_database_of_a_newer_version_is_refused_in_a_sentence_and_left_alone(db, url):
    with db.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ClassroomError, match="newer version"):
        Database(url)
    with db.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"


def test_a_database_that_cannot_be_reached_is_a_sentence_without_its_address(tmp_path):
    with pytest.raises(ClassroomError) as raised:
        Database(f"sqlite:///{tmp_path / 'no such folder' / 'file'}")
    assert "no such folder" not in str(raised.value) and str(raised.value).endswith("answer as it should.")


@pytest.mark.parametrize("url", ["postgresql+nothing://u:secret@h/d", "no address", "mysql://u:secret@h/d"])
def test_an_address_that_is_none_is_a_sentence_without_the_password(url):
    with pytest.raises(ClassroomError, match=r"DIFFVIZ_DATABASE_URL .*\.$") as raised:
        Database(url)
    assert "secret" not in str(raised.value)


def test_the_file_lies_beside_the_learners_progress(monkeypatch, tmp_path):
    from diffviz.classroom import database

    monkeypatch.delenv(postgresql.URL, raising=False)
    monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path / "data"))
    opened = database.database()
    assert opened is database.database()
    assert (store.folder() / database.FILE).exists()
    opened.close()


def test_a_file_where_the_folder_should_be_is_a_sentence_without_its_path(monkeypatch, tmp_path):
    from diffviz.classroom import database

    (tmp_path / "taken").write_text("")
    monkeypatch.delenv(postgresql.URL, raising=False)
    for data in ("taken", "taken/below"):
        monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path / data))
        with pytest.raises(ClassroomError, match=r"the folder for it cannot be made or written\.$") as raised:
            database.database()
        assert "taken" not in str(raised.value)


def test_listeners_are_told_after_the_commit_and_not_of_what_failed(db):
    room, _ = rooms.open_room(db, "")
    told = []
    db.listeners.append(lambda changed: told.append((changed, rooms.find_room(db, room.code).ends_at)))
    rooms.close_room(db, room)
    assert told == [(room.id, db.clock())]
    with pytest.raises(RuntimeError), db.write(room.id):
        raise RuntimeError
    assert len(told) == 1
