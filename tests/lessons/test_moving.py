"""One-time codes: short-lived, single use, and too few tries to guess one."""

import sqlite3
import threading
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from diffviz.lessons.moving import ALPHABET, LENGTH, LIFETIME, TRIES, TRIES_EACH, MoveCodes, MoveError
from diffviz.lessons.store import Event, Store
from diffviz.lessons.store_postgresql import open_store


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["file", "postgresql"])
def place(request, tmp_path):
    return (
        tmp_path / "progress.sqlite" if request.param == "file" else request.getfixturevalue("postgresql_url")
    )


@pytest.fixture
def codes(clock, place):
    store = open_store(place)
    yield MoveCodes(lambda: store, clock)
    store.close()


@pytest.mark.slow
def test_a_code_leads_to_its_learner_once(codes):
    code = codes.issue("anna")
    assert codes.redeem(code, "other browser") == "anna"
    with pytest.raises(MoveError, match="No such code"):
        codes.redeem(code, "other browser")


def test_a_code_of_one_process_is_good_in_another_and_once_in_both(place, clock):
    one, other = (open_store(place) for _ in range(2))
    here, there = MoveCodes(lambda: one, clock), MoveCodes(lambda: other, clock)
    code = here.issue("anna")
    assert there.redeem(code, "b") == "anna"
    for codes in (here, there):
        with pytest.raises(MoveError, match="No such code"):
            codes.redeem(code, "b")
    for k in range(TRIES_EACH - 2):  # wrong tries count wherever they are made
        with pytest.raises(MoveError, match="No such code"):
            (here, there)[k % 2].redeem("AAAA-AAAA", "b")
    with pytest.raises(MoveError, match="Too many"):
        there.redeem(here.issue("anna"), "b")
    one.close()
    other.close()


def test_of_two_who_type_one_code_at_once_one_gets_it(place, clock):
    stores = [open_store(place) for _ in range(4)]
    code, got = MoveCodes(lambda: stores[0], clock).issue("anna"), []

    def take(store, k):
        try:
            got.append(MoveCodes(lambda: store, clock).redeem(code, k))
        except MoveError:
            got.append(None)

    threads = [threading.Thread(target=take, args=(store, k)) for k, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, got)) == ["None", "None", "None", "anna"]
    for store in stores:
        store.close()


def test_a_code_is_not_in_the_file_and_goes_with_its_learner(tmp_path, clock):
    store = Store(tmp_path / "progress.sqlite")
    codes = MoveCodes(lambda: store, clock)
    code = codes.issue("anna").replace("-", "")
    with sqlite3.connect(tmp_path / "progress.sqlite") as file:
        assert code not in "".join(file.iterdump())
        store.erase("anna")
        assert not file.execute("SELECT * FROM move_codes").fetchall()
    file.close()
    with pytest.raises(MoveError):
        codes.redeem(code, "b")
    store.close()


def test_a_code_is_read_however_it_is_typed(codes):
    code = codes.issue("anna")
    assert codes.redeem(f" {code.replace('-', ' ').lower()} ", "b") == "anna"


def test_a_code_ends_after_ten_minutes(codes, clock):
    code = codes.issue("anna")
    clock.now += LIFETIME
    with pytest.raises(MoveError):
        codes.redeem(code, "b")


def test_a_new_code_of_a_learner_ends_the_one_before(codes):
    first, second, others = codes.issue("anna"), codes.issue("anna"), codes.issue("ben")
    with pytest.raises(MoveError):
        codes.redeem(first, "b")
    assert codes.redeem(second, "b") == "anna"
    assert codes.redeem(others, "c") == "ben"


def test_after_a_few_wrong_codes_a_visitor_is_refused_even_a_right_one_and_others_are_not(codes, clock):
    right, others = codes.issue("anna"), codes.issue("ben")
    for _ in range(TRIES_EACH):
        with pytest.raises(MoveError, match="No such code"):
            codes.redeem("AAAA-AAAA", "guesser")
    with pytest.raises(MoveError, match="Too many"):
        codes.redeem(right, "guesser")
    assert codes.redeem(others, "somebody else") == "ben"
    clock.now += LIFETIME
    with pytest.raises(MoveError, match="No such code"):  # may try again; the code has ended meanwhile
        codes.redeem(right, "guesser")


@pytest.mark.slow
def test_whoever_guesses_from_many_browsers_gets_no_further(codes):
    for k in range(TRIES):
        with pytest.raises(MoveError, match="No such code"):
            codes.redeem("AAAA-AAAA", f"browser {k}")
    with pytest.raises(MoveError, match="Too many"):
        codes.redeem(codes.issue("anna"), "one more")
    # So within its lifetime one of 1,000 codes is hit with a chance below one in a million.
    assert TRIES * 1000 / len(ALPHABET) ** LENGTH < 1e-6


@pytest.mark.slow
def test_a_code_does_not_name_the_learner_and_no_two_are_equal(codes):
    made = [codes.issue(f"{k:032x}") for k in range(200)]
    assert len(set(made)) == 200
    assert all(set(code) <= {*ALPHABET, "-"} and len(code) == LENGTH + 1 for code in made)


@pytest.mark.parametrize("odd", ["", "-", "ß" * 10_000, "A" * 8, "\x00", "0O1I-l9"])
def test_whatever_is_typed_is_answered_with_a_sentence(codes, odd):
    with pytest.raises(MoveError):
        codes.redeem(odd, "b")


def test_an_answer_that_both_browsers_have_counts_once_and_two_to_one_asking_count_both(tmp_path):
    store = Store(tmp_path / "progress.sqlite")
    for minute in range(3):
        store.add("a", rating("good", minute), f"card {minute}")
    for minute in range(2):  # rated in the other browser too, later and otherwise
        store.add("b", rating("again", 10 + minute), f"card {minute}")
    store.import_events("b", {"format": 1, "events": [{**as_exported(rating("good", 0))}]})
    store.rename("a", "b")
    assert [(e.result, e.at.minute) for e in sorted(store.events("b"), key=lambda e: e.at)] == [
        ("good", 0), ("good", 1), ("good", 2), ("again", 10), ("again", 11),
    ]  # fmt: skip
    assert not store.events("a")
    store.close()


def rating(result: str, minute: int) -> Event:
    return Event("flashcards", "card", result, None, datetime(2026, 1, 5, 12, minute, tzinfo=UTC))


def as_exported(event: Event) -> dict:
    return {**asdict(event), "at": event.at.isoformat()}


def test_what_both_browsers_brought_in_stays_apart_and_in_order(tmp_path):
    def brought(item: str) -> dict:
        event = {
            "kind": "quiz",
            "item": item,
            "result": "right",
            "sure": None,
            "at": "2026-01-05T12:00:00+00:00",
        }
        return {"format": 1, "events": [event]}

    store = Store(tmp_path / "progress.sqlite")
    store.import_events("old", brought("moved"))
    store.import_events("new", brought("first"))
    store.import_events("new", brought("second"))
    store.rename("old", "new")
    with sqlite3.connect(tmp_path / "progress.sqlite") as file:
        batches = dict(file.execute("SELECT item, batch FROM events"))
    file.close()
    assert batches == {"first": 1, "second": 2, "moved": 3}
    store.close()
