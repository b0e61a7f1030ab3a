import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffviz.lessons import scheduling
from diffviz.lessons.content import load
from diffviz.lessons.store import Event, Store, StoreError

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def event(item="card-forward", result="good", minutes=0, kind="flashcards"):
    return Event(kind, item, result, "certain", NOON + timedelta(minutes=minutes))


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    return Store(tmp_path / "deep" / "progress.sqlite" if request.param == "file" else None)


def test_answers_come_back_in_order_and_only_to_their_learner(store):
    store.add("a", event(minutes=2))
    store.add("a", event(minutes=1))
    store.add("b", event())
    assert store.events("a") == [event(minutes=1), event(minutes=2)]
    assert store.events("c") == []


def test_the_place_in_an_exercise_is_replaced(store):
    assert store.get("a", "quiz") is None
    store.put("a", "quiz", {"at": 1})
    store.put("a", "quiz", {"at": 2, "given": {"x": ["y", None]}})
    assert store.get("a", "quiz") == {"at": 2, "given": {"x": ["y", None]}}


def test_a_restart_of_the_server_loses_nothing(tmp_path):
    Store(tmp_path / "p.sqlite").add("a", event())
    assert Store(tmp_path / "p.sqlite").events("a") == [event()]


def test_two_tabs_answering_at_once_lose_nothing(tmp_path):
    stores = [Store(tmp_path / "p.sqlite") for _ in range(2)]

    def answer(k):
        for i in range(25):
            stores[k].add("a", event(item=f"{k}-{i}"))

    threads = [threading.Thread(target=answer, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(stores[0].events("a")) == 50


def test_an_export_can_be_brought_in_once(store):
    store.add("a", event())
    store.add("a", event(minutes=5, result="again"))
    data = store.export("a")
    assert store.import_events("b", data) == 2
    assert store.import_events("b", data) == 0
    assert store.events("b") == store.events("a")


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


@pytest.mark.skipif(os.name == "nt", reason="uses /dev/full")
def test_a_file_that_is_no_database_gives_one_sentence(tmp_path):
    path = tmp_path / "p.sqlite"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(StoreError):
        Store(path)


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
    assert "3 flashcards" in scheduling.advice(right, 3)
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
