"""What becomes of a learner's answers when the disk, the browser or another tab does not do as it should."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from helpers import open_page
from streamlit.testing.v1 import AppTest

from diffviz.lessons import content, scheduling
from diffviz.lessons import store as store_module
from diffviz.lessons.store import FILE, VERSION, Event, Store, StoreError
from diffviz.lessons.store_postgresql import open_store
from diffviz.models.unet import UNet
from diffviz.ui import learner
from diffviz.ui.practice import common, mixed_practice

WHO = "0123456789abcdef" * 2
CARDS = [card.id for card in content.load("flashcards")]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of its own for the progress, and exercises without the app around them, where links lead nowhere."""
    monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path))
    monkeypatch.setattr("streamlit.page_link", lambda *args, **more: None)
    return tmp_path


def exercise(name: str) -> None:
    import streamlit as st

    from diffviz.ui import learner, practice

    learner.identify()
    chosen = practice.EXERCISES[name]
    chosen.show()
    if chosen.progress_key:
        learner.save_progress(chosen.progress_key)
    else:
        learner.report()
    st.caption("the end")


def visit(name: str, who: str = WHO) -> AppTest:
    app = AppTest.from_function(exercise, default_timeout=60, args=(name,))
    app.session_state["learner-fresh"] = who
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    assert app.caption[-1].value == "the end"
    return app


def press(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label == label).click()
    run(app)


def refuse(*args):
    raise StoreError("This answer could not be kept on the server: the disk is full.")


def test_cards_rated_on_a_full_disk_are_warned_of_count_in_the_visit_and_are_kept_later(home, monkeypatch):
    app = visit("flashcards")
    with monkeypatch.context() as full:
        full.setattr(Store, "add", refuse)
        for n in range(1, 4):
            front = app.header[0].value
            press(app, "Flip")
            press(app, "Good")
            assert app.header[0].value != front  # the visit goes on
            assert "the disk is full" in app.warning[0].value and f"{n} answer" in app.warning[0].value
        assert Store(home / FILE).events(WHO) == []
    run(app)
    assert not app.warning
    kept = Store(home / FILE).events(WHO)
    assert [e.item for e in kept] == CARDS[:3]
    assert [e.at for e in kept] == sorted(e.at for e in kept)


def test_the_place_in_an_exercise_is_written_with_the_last_of_several_answers_that_had_waited(monkeypatch):
    written = []
    kept = SimpleNamespace(add=lambda who, event, token, place: written.append((token, place)))
    state = {learner._UNKEPT: dict.fromkeys("abc"), "practice-quiz": {"at": 4}}
    monkeypatch.setattr(learner.st, "session_state", state)
    monkeypatch.setattr(learner, "store", lambda: kept)
    monkeypatch.setattr(learner, "current_id", lambda: WHO)
    learner._keep_answers("quiz")
    assert written == [("a", None), ("b", None), ("c", ("quiz", {"at": 4}))]


@pytest.mark.parametrize("name", ["mixed", "flashcards", "progress"])
def test_many_answers_are_read_and_replayed_once_and_not_at_each_rerun(home, monkeypatch, name):
    first = datetime(2026, 1, 5, 12, tzinfo=UTC)
    rows = [
        {"kind": "flashcards", "item": CARDS[n % len(CARDS)], "result": "good", "sure": None,
         "at": (first + timedelta(minutes=n)).isoformat()}
        for n in range(2_000)
    ]  # fmt: skip
    assert learner.store().import_events(WHO, {"format": 1, "events": rows}) == 2_000
    work = Counter()

    def counting(made):
        def count(*args):
            work[made.__name__] += 1
            return made(*args)

        return count

    for module, made in ((store_module, store_module.answer), (scheduling, scheduling._replay)):
        monkeypatch.setattr(module, made.__name__, counting(made))
    app = visit(name)
    assert work["answer"] in (0, 2_000) and work["_replay"] <= 1
    work.clear()
    run(app)
    run(app)
    assert not work


def test_two_tabs_that_rate_one_card_count_it_once(home):
    tabs = [visit("flashcards"), visit("flashcards")]
    for app in tabs:
        press(app, "Flip")
    press(tabs[0], "Good")
    press(tabs[1], "Again")
    assert [e.result for e in Store(home / FILE).events(WHO)] == ["good"]


def test_two_tabs_in_one_quiz_count_its_question_once(home):
    first = visit("scenario_quiz")
    first.radio[0].set_value(first.radio[0].options[0])
    run(first)
    second = visit("scenario_quiz")
    second.session_state["practice-quiz"] = json.loads(json.dumps(first.session_state["practice-quiz"]))
    run(second)
    second.radio[0].set_value(second.radio[0].options[1])
    run(second)
    press(first, "Answer")
    press(second, "Answer")
    store = Store(home / FILE)
    assert len(store.events(WHO)) == 1
    assert store.get(WHO, "quiz")["given"]


@pytest.mark.parametrize("name", ["mixed", "self_check", "order", "predict", "scenario_quiz"])
def test_an_exercise_that_was_only_opened_leaves_nothing_behind(home, name):
    run(visit(name))
    with closing(sqlite3.connect(home / FILE)) as file:
        assert file.execute("SELECT count(*) FROM places").fetchone() == (0,)


def test_a_self_check_that_is_started_over_is_asked_anew_and_says_how_sure_one_was(home):
    app = visit("self_check")
    n = len(content.load("self_check"))
    for k in range(n):
        if k == 0:
            app.segmented_control[0].set_value("certain")
            app.toggle[0].set_value(True)
            run(app)
            for box in app.checkbox:
                box.check()
            run(app)
        press(app, "Next question")
    (event,) = Store(home / FILE).events(WHO)
    assert (event.result, event.sure) == ("right", "certain")
    press(app, "Start over")
    app.toggle[0].set_value(True)
    run(app)
    assert app.checkbox and not any(box.value for box in app.checkbox)
    assert app.segmented_control[0].value is None


def test_a_second_press_before_the_page_has_run_goes_no_further():
    state = {"at": 3}
    for _ in range(2):
        common.advance(state, 3)
    assert state["at"] == 4
    round_ = {"item": "a", "given": None, "done": 0, "credits": []}
    for _ in range(2):
        mixed_practice._next(round_, "a", 1.0)
    assert round_["credits"] == [1.0] and round_["item"] is None


def test_an_answer_and_where_it_leads_are_kept_before_the_page_is_drawn_again(home, monkeypatch):
    """A server that ends between the two used to ask the question again and to count it twice."""
    app = visit("scenario_quiz")
    app.radio[0].set_value(app.radio[0].options[0])
    run(app)
    monkeypatch.setattr(learner, "save_progress", lambda key: None)  # the end of the page is not reached
    next(b for b in app.button if b.label == "Answer").click()
    app.run()
    (answered,) = Store(home / FILE).events(WHO)
    assert answered.item in Store(home / FILE).get(WHO, "quiz")["given"]


def test_what_is_answered_before_the_browser_says_who_it_is_is_taken_along(home, monkeypatch):
    known: list[str] = []

    class Result:
        @property
        def id(self):
            return known[0] if known else None

    monkeypatch.setattr(learner, "_component", lambda: lambda **more: Result())
    app = visit("flashcards", who="f" * 32)
    press(app, "Flip")
    press(app, "Good")
    known.append(WHO)
    run(app)
    assert [e.item for e in Store(home / FILE).events(WHO)] == CARDS[:1]
    assert Store(home / FILE).events("f" * 32) == []


def export_of(*results: str) -> bytes:
    began = datetime.now(UTC) - timedelta(days=1)
    store = Store(None)
    for n, result in enumerate(results):
        store.add("other", Event("flashcards", CARDS[n], result, None, began + timedelta(minutes=n)))
    return json.dumps(store.export("other")).encode()


def answers_shown(app: AppTest) -> int:
    return next(int(m.value.split()[0]) for m in app.markdown if " so far · " in m.value)


def test_a_file_is_brought_in_once_and_not_again_after_an_erasure(home):
    app = visit("progress")
    app.file_uploader[0].set_value(("mine.json", export_of("good", "again"), "application/json"))
    run(app)
    assert app.success[0].value == "2 answers were added." and answers_shown(app) == 2
    app.file_uploader[0].set_value(("mine.json", export_of("good"), "application/json"))
    run(app)
    assert app.success[0].value == "1 answer was added." and answers_shown(app) == 3
    press(app, "Erase …")
    press(app, "Yes, erase everything")
    run(app)
    assert answers_shown(app) == 0 and Store(home / FILE).events(WHO) == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"[" * 50_000, "not an export"),
        (b"", "not an export"),
        (export_of("good").replace(b"202", b"999"), "date"),
        (b" " * 4_000_001, "at most"),
    ],
    ids=["deep", "empty", "year 9999", "large"],
)
def test_a_file_that_is_refused_is_refused_in_a_sentence_and_practice_goes_on(home, raw, says):
    app = visit("progress")
    app.file_uploader[0].set_value(("mine.json", raw, "application/json"))
    run(app)
    assert says in app.error[0].value and answers_shown(app) == 0
    visit("flashcards")


def test_a_stored_line_with_an_impossible_date_leaves_practice_and_the_erase_button(home):
    store = Store(home / FILE)
    for n in range(2):
        store.add(WHO, Event("flashcards", CARDS[n], "good", None, datetime.now(UTC)))
    with closing(sqlite3.connect(home / FILE)) as file, file:
        file.execute("UPDATE events SET at = '9999-12-31T23:59:59+00:00' WHERE id = 1")
        file.execute("INSERT INTO places VALUES (?, 'now', '{')", (WHO,))
    for name in ("mixed", "flashcards"):
        visit(name)
    app = visit("progress")
    assert any("1 stored answer cannot be read" in w.value for w in app.warning)
    press(app, "Erase …")
    press(app, "Yes, erase everything")
    assert not app.warning


def test_a_place_of_another_form_begins_anew_with_a_sentence(home):
    Store(home / FILE).put(WHO, "quiz", {"at": "two", "ids": 7})
    app = visit("scenario_quiz")
    assert "begins anew" in app.warning[0].value
    assert app.radio


@pytest.mark.parametrize("state", ["newer", "no database", "damaged"])
def test_a_store_that_cannot_be_used_is_a_sentence_without_a_path_and_the_visit_goes_on(home, state):
    if state == "no database":
        (home / FILE).write_bytes(b"x" * 5000)
    else:
        store = Store(home / FILE)
        store.add(WHO, Event("flashcards", CARDS[0], "good", None, datetime.now(UTC)))
        store._engine.dispose()
        with closing(sqlite3.connect(home / FILE)) as file, file:
            if state == "newer":
                file.execute(f"PRAGMA user_version = {VERSION + 1}")
            else:
                file.execute("PRAGMA writable_schema = ON")
                file.execute("UPDATE sqlite_master SET rootpage = 9999 WHERE name = 'ix_events_learner'")
    before = (home / FILE).read_bytes()
    app = visit("flashcards")
    press(app, "Flip")
    press(app, "Good")
    assert len(app.warning) == 1 and str(home) not in app.warning[0].value
    app = visit("progress")
    assert {"Erase …"} <= {b.label for b in app.button} and app.get("download_button")
    if state != "damaged":
        assert (home / FILE).read_bytes() == before  # nothing was overwritten


def test_a_file_that_was_deleted_is_said_to_those_who_were_there(home):
    app = visit("flashcards")
    press(app, "Flip")
    for file in home.glob(f"{FILE}*"):
        file.unlink()
    press(app, "Good")
    assert "removed or replaced during your visit" in app.warning[0].value
    assert len(Store(home / FILE).events(WHO)) == 1
    assert not visit("flashcards", "a" * 32).warning


def test_answers_of_a_store_in_memory_are_kept_once_the_file_can_be_opened(home, monkeypatch):
    (home / FILE).mkdir()
    app = visit("flashcards")
    press(app, "Flip")
    press(app, "Good")
    assert "kept in memory" in app.warning[0].value
    (home / FILE).rmdir()
    monkeypatch.setattr(learner, "RETRY_SECONDS", -1.0)
    run(app)
    assert not app.warning
    assert len(Store(home / FILE).events(WHO)) == 1


def test_progress_in_postgresql_is_shared_and_a_database_that_is_away_is_said_until_it_is_back(
    home, monkeypatch, postgresql_url
):
    monkeypatch.setattr(learner, "RETRY_SECONDS", -1.0)
    away = postgresql_url.replace("host=", "host=/nowhere")
    monkeypatch.setenv("DIFFVIZ_DATABASE_URL", away)
    app = visit("flashcards")
    press(app, "Flip")
    press(app, "Good")
    assert (
        "the database cannot be reached" in app.warning[0].value and "kept in memory" in app.warning[0].value
    )
    assert "nowhere" not in app.warning[0].value
    # The server is back: in this test under another address, to which what was kept in memory goes.
    learner._opened[postgresql_url] = learner._opened.pop(away)
    monkeypatch.setenv("DIFFVIZ_DATABASE_URL", postgresql_url)
    run(app)
    assert not app.warning
    another = open_store(postgresql_url)  # another process
    (answered,) = another.events(WHO)
    another.add(WHO, Event("flashcards", CARDS[5], "easy", None, datetime.now(UTC)))
    assert len(learner.store().events(WHO)) == 2 and answered.result == "good"
    assert not (home / FILE).exists()
    another.close()
    learner._opened.pop(postgresql_url).store.close()


def test_a_visitor_who_empties_streamlits_caches_empties_no_store(home):
    import streamlit as st

    (home / FILE).mkdir()
    app = visit("flashcards")
    press(app, "Flip")
    press(app, "Good")
    st.cache_resource.clear()
    st.cache_data.clear()
    assert len(learner.store().events(WHO)) == 1


def test_the_learners_id_is_in_no_address_and_in_no_log(home, caplog, capsys):
    app = visit("mixed")
    store = learner.store()
    store._engine.dispose()
    from sqlalchemy import event

    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    visit("flashcards")
    app = visit("self_check")
    press(app, "Next question")
    said = capsys.readouterr()
    assert WHO not in caplog.text + said.out + said.err
    assert WHO not in json.dumps(dict(app.query_params))


# --- to another browser ------------------------------------------------------------------------------------


def take_code(app: AppTest) -> str:
    press(app, "Get a code")
    return app.code[0].value


def type_code(app: AppTest, code: str) -> AppTest:
    app.text_input(key="move-code").set_value(code)
    press(app, "Go on with it")
    return app


def answered(who: str) -> int:
    return len(learner.store().events(who))


def test_a_one_time_code_takes_the_progress_to_another_browser_with_the_answers_of_both(home):
    other = "fedcba9876543210" * 2
    for k, who in enumerate((WHO, WHO, other)):
        learner.store().add(who, Event("flashcards", CARDS[k], "good", None, datetime.now(UTC)), f"token {k}")
    code = take_code(visit("progress"))
    second = type_code(visit("progress", other), code)
    assert [s.value for s in second.success] == [
        "This browser goes on with 3 answers. Reload its other tabs of diffviz."
    ]
    assert answered(WHO) == 3 and answered(other) == 0
    run(second)
    assert second.session_state["learner-id"] == WHO
    third = type_code(visit("progress", "9" * 32), code)  # it was good once
    assert third.error[0].value.startswith("No such code")
    assert answered(WHO) == 3 and "learner-adopted" not in third.session_state


def test_the_browser_keeps_the_id_that_it_adopted_whatever_it_kept_before(home, monkeypatch):
    sent = []

    class Result:
        id = "fedcba9876543210" * 2  # what the browser had kept so far

    def component(data, **more):
        sent.append(data)
        return Result

    monkeypatch.setattr(learner, "_component", lambda: component)
    code = learner._codes.issue(WHO)
    app = type_code(visit("progress", Result.id), code)
    run(app)
    assert sent[-1]["adopted"] == WHO and app.session_state["learner-id"] == WHO


def test_guessing_codes_ends_after_a_few_tries(home):
    app = visit("progress")
    for _ in range(5):
        type_code(app, "AAAA-AAAA")
        assert app.error[0].value.startswith("No such code")
    type_code(app, learner._codes.issue(WHO))
    assert app.error[0].value.startswith("Too many wrong codes")


def test_neither_code_nor_id_is_in_an_address_or_a_log(home, caplog, capsys):
    app = visit("progress")
    code = take_code(app)
    type_code(visit("progress", "fedcba9876543210" * 2), code)
    said = caplog.text + "".join(capsys.readouterr()) + str(app.query_params)
    assert WHO not in said and code not in said


def test_erasing_leaves_no_self_assessment_in_the_fields_either(home):
    item = content.load("self_check")[0]
    app = open_page("practice", {"way": "Self-check"})
    app.toggle(key=f"shown-{item.id}").set_value(True).run()
    app.checkbox(key=f"{item.id}-0").check().run()
    app.query_params["way"] = "Progress"
    app.run()
    for label in ("Erase …", "Yes, erase everything"):
        next(b for b in app.button if b.label == label).click().run()
    app.query_params["way"] = "Self-check"
    app.run()
    app.toggle(key=f"shown-{item.id}").set_value(True).run()
    assert not app.exception and not app.checkbox(key=f"{item.id}-0").value


@pytest.mark.slow
@pytest.mark.parametrize("way", ["Predict, observe, explain", "Order the stages"])
def test_what_a_learner_predicted_is_computed_once_a_turn(home, monkeypatch, way):
    calls, forward = [], UNet.forward
    monkeypatch.setattr(UNet, "forward", lambda self, x, *given: calls.append(1) or forward(self, x, *given))
    app = open_page("practice", {"way": way})
    if way.startswith("Predict"):
        item = content.load("predictions")[0]
        app.text_area(key=f"predict-{item.id}").set_value("because every step costs one evaluation").run()
        next(b for b in app.button if b.label == "Commit and run").click().run()
    else:
        app.session_state["practice-order"].update(order=list(range(6)), checked=True)
        app.run()
    assert not app.exception and calls
    calls.clear()
    shown = [m.value for m in app.markdown]
    app.run()
    assert not calls and [m.value for m in app.markdown] == shown
