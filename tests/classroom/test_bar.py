"""The bar over the lessons while a room is open, as Streamlit runs it, without a browser."""

import pytest
from helpers import ROOT
from streamlit.testing.v1 import AppTest

from diffviz.classroom import activities, rooms
from diffviz.classroom.activities import Choice, Draft
from diffviz.classroom.database import Database, database
from diffviz.ui.classroom import bar

LESSON = (
    "pages/2_training.py"  # whose second part asks for a prediction and reads its answer off a measurement
)
PART = {"learn": "Loss by timestep"}
QUESTION = Draft("choice", "Which?", options=(Choice("first"), Choice("second")), right=1)


pytestmark = pytest.mark.usefixtures("own_database")


def run(app):
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def visit(page=LESSON, state=PART, room=None):
    """A lesson, opened by a link; as the host of a room where one is given with its secret."""
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    if room:
        app.session_state["classroom"] = (room[0].code, room[1])
    return go(app, page, state)


def go(app, page=LESSON, state=PART):
    app.query_params.clear()
    for key, value in state.items():
        app.query_params[key] = value
    app.switch_page(page)
    return run(app)


@pytest.fixture
def room():
    return rooms.open_room(database(), "a class")


def now(room):
    return rooms.hosted_room(database(), room[0].code, room[1])


def asked(room):
    return activities.every(database(), room[0])


def keys(app):
    return {w.key for w in (*app.button, *app.toggle)}


@pytest.mark.slow
def test_the_host_has_the_bar_on_a_lesson_and_a_visitor_has_not(room):
    mine, other = visit(room=room), visit()
    assert "follow-me" in keys(mine) and "guess-hard-class" in keys(mine)
    assert not {"follow-me", "guess-hard-class"} & keys(other)


@pytest.mark.slow
def test_a_visitor_who_hosts_no_room_costs_no_look_at_the_database(monkeypatch, room):
    looks = []
    for name in ("read", "write"):
        true = getattr(Database, name)
        monkeypatch.setattr(Database, name, lambda self, *a, true=true: looks.append(1) or true(self, *a))
    visit()
    assert not looks
    visit(room=room)
    assert looks


def test_the_bar_is_gone_when_the_room_has_ended_or_was_erased(room):
    rooms.close_room(database(), now(room))
    app = visit(room=room)
    assert not {"follow-me", "guess-hard-class"} & keys(app)
    rooms.erase_room(database(), room[0])
    assert "follow-me" not in keys(run(app)) and app.session_state["classroom"] == ()


@pytest.mark.slow
def test_the_phones_are_offered_this_very_page_and_go_with_the_host_until_it_is_switched_off(room):
    app = visit(state={**PART, "presenter": "true"}, room=room)
    assert now(room).follow is None
    app.toggle("follow-me").set_value(True)
    run(app)
    assert now(room).follow == rooms.Follow("training", PART, "2 · Training objective")
    go(app, "pages/1_forward.py", {"T": "25"})
    assert now(room).follow == rooms.Follow("forward", {"T": "25"}, "1 · Forward process")
    assert app.toggle("follow-me").value
    app.query_params["T"] = "100"  # as a browser writes it when the control is moved
    run(app)
    assert now(room).follow.state == {"T": "100"}
    app.toggle("follow-me").set_value(False)
    run(app)
    assert now(room).follow is None
    go(app)
    assert now(room).follow is None


def test_a_prediction_is_put_to_the_class_and_its_run_says_what_is_right(room):
    app = visit(room=room)
    app.button("guess-hard-class").click()
    run(app)
    (found,) = asked(room)
    assert found.phase == "vote 1" and found.question.right is None
    assert [o.text for o in found.question.options] == list(app.pills(key="guess-hard").options)
    assert found.question.demo.page == "training" and found.question.demo.state == PART
    assert app.button("guess-hard-class").disabled
    app.button("guess-hard-show").click()
    run(app)
    (found,) = asked(room)
    right = found.question.options[found.question.right].text
    assert any(m.value.startswith(f"The answer here: **{right}**") for m in app.markdown)


def test_a_run_settles_no_question_but_its_own(room):
    app = visit(room=room)
    activities.ask(database(), room[0], Draft("choice", "?", options=(Choice("a"), Choice("b")), source="x"))
    app.button("guess-hard-show").click()
    run(app)
    assert asked(room)[0].question.right is None


@pytest.mark.slow
def test_a_prediction_of_a_number_is_asked_as_one(room, idle_network):
    app = visit("pages/4_steps.py", {"part": "Number of steps"}, room)
    app.button("guess-ladder-class").click()
    run(app)
    (found,) = asked(room)
    assert (found.question.kind, found.question.prompt) == (
        "number",
        "From how many steps on will the image hardly change?",
    )


@pytest.mark.slow
def test_a_question_is_led_on_from_the_bar_to_its_answer(room):
    activities.ask(database(), room[0], QUESTION)
    app = visit(room=room)
    (found,) = asked(room)
    for key in (f"discuss-{found.id}", f"vote 2-{found.id}", f"reveal-{found.id}"):
        app.button(key).click()
        run(app)
    assert asked(room)[0].phase == "reveal"
    assert f"reveal-{found.id}" not in keys(app)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["pages/3_reverse.py", "pages/4_steps.py", "pages/6_editing.py"])
def test_the_bars_keys_are_no_keys_of_a_lessons_controls(page, room, idle_network):
    activities.ask(database(), room[0], QUESTION)
    for phase in ("vote 1", "discuss"):
        app = visit(page, {}, room)  # which raises on a key that is there twice
        assert app.button(f"reveal-{asked(room)[0].id}")
        if phase == "vote 1":
            activities.set_phase(database(), room[0], asked(room)[0], "discuss", 60)


def test_the_answer_is_not_in_the_bar_before_it_is_revealed(room):
    activities.ask(database(), room[0], QUESTION)
    app = visit(room=room)
    assert "✓ right" not in "".join(e.proto.body for e in app.get("html"))
    app.button(f"reveal-{asked(room)[0].id}").click()
    assert "✓ right" in "".join(e.proto.body for e in run(app).get("html"))


@pytest.mark.slow
def test_the_marks_of_markdown_do_not_reach_the_phones():
    assert bar._plain("**Bottom level off**, from `t = 1`") == "Bottom level off, from t = 1"
