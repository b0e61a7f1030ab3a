"""A class plan that is run: its bar on the demos, and the way back to the step, without a browser."""

import dataclasses

import pytest
from helpers import ROOT
from streamlit.testing.v1 import AppTest

from diffviz.classroom import activities, rooms
from diffviz.classroom.database import database
from diffviz.lessons import content
from diffviz.ui.classroom import plan_run
from diffviz.ui.classroom.plan_run import Run

PLANS = {plan.id: plan for plan in content.plans()}
FIRST = PLANS["plan-first"]
NOW = 1_764_300_000.0


@pytest.fixture(autouse=True)
def settled(monkeypatch, tmp_path):
    """A database of its own, and a time that stands still."""
    monkeypatch.delenv("DIFFVIZ_DATABASE_URL", raising=False)
    monkeypatch.setenv("DIFFVIZ_DATA", str(tmp_path))
    monkeypatch.setattr(plan_run.time, "time", lambda: NOW)
    yield
    database().close()


def run(app):
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def open_step(app, written, demo):
    return go(app, demo.page, {**demo.state, plan_run.PARAM: written})


def go(app, page, state):
    (file,) = (ROOT / "pages").glob(f"*_{page}.py")
    app.query_params.clear()
    for key, value in state.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{file.name}")
    return run(app)


def new_app():
    return AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)


def links(app):
    """The links of the bar by their text: page and address."""
    found = {}
    for element in app.get("page_link"):
        if plan_run.PARAM in element.proto.query_string:
            found[element.proto.label] = (element.proto.page, element.proto.query_string)
    return found


def said(app):
    return "\n".join(m.value for m in app.markdown)


def test_a_step_is_written_in_the_address_and_read_back():
    for plan in content.plans():
        for step in range(len(plan.steps())):
            there = Run(plan, step, NOW - 60)
            assert plan_run.read(there.written, NOW) == there
            assert (there.demo, there.phase) == (plan.steps()[step][1], plan.phases[plan.steps()[step][0]])


@pytest.mark.parametrize(
    "written",
    ["", "plan-nowhere.1", "plan-first.0", "plan-first.99", "plan-first", "plan-first.1.12", "<b>.1"],
)
def test_what_is_no_step_is_none(written):
    assert plan_run.read(written, NOW) is None


@pytest.mark.parametrize("began", [0, NOW + 60, NOW - 86_400])
def test_a_class_without_a_time_or_of_another_day_begins_at_the_phase_of_its_step(began):
    step = 3
    found = plan_run.read(Run(FIRST, step, began).written, NOW)
    assert found.ends - NOW == 60 * found.phase.minutes and found.step == step


def test_a_phase_ends_when_the_plan_says_so_however_late_it_was_begun():
    last = dataclasses.replace(plan_run.read("plan-first.1", NOW), step=len(FIRST.steps()) - 1)
    assert last.ends == NOW + 60 * (FIRST.minutes - FIRST.slack)


def test_the_plans_page_leads_to_the_first_step_and_shows_answers_and_slack():
    app = go(new_app(), "teaching", {"plan": f"{FIRST.title} ({FIRST.minutes} min)"})
    assert "run=plan-first.1" in links(app)["Run this plan"][1]
    text = said(app)
    for phase in FIRST.phases:
        assert phase.answer in text and phase.misconception in text and phase.reply in text
    assert all(objective in text for objective in FIRST.objectives) and f"{FIRST.slack} minutes" in text


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 1, 2, len(FIRST.steps()) - 1])
def test_the_bar_of_a_step_has_its_phase_and_the_links_to_its_neighbours(step, idle_network):
    there = Run(FIRST, step, NOW)
    app = open_step(new_app(), there.written, there.demo)
    found = links(app)
    assert f"{step + 1} of {len(FIRST.steps())} · {there.phase.title}" in found
    assert ("Back" in found) == (step > 0) and ("Next" in found) == (step + 1 < len(FIRST.steps()))
    for label, beside in (("Back", step - 1), ("Next", step + 1)):
        if label in found:
            assert f"run={Run(FIRST, beside, NOW).written}" in found[label][1]
    text = said(app)
    for part in (there.phase.do, there.phase.misconception, there.phase.answer, there.phase.reply):
        assert part in text
    assert there.phase.ask in [s.value for s in app.subheader]


@pytest.mark.slow
def test_every_other_page_leads_back_to_the_step_until_the_run_is_ended(idle_network):
    there = Run(FIRST, 2, NOW)
    app = open_step(new_app(), there.written, there.demo)
    for page in ("guidance", "classroom", "teaching"):
        go(app, page, {})
        label = f"3 of {len(FIRST.steps())} · {there.phase.title}"
        assert f"run={there.written}" in links(app)[label][1]
    app.button("run-end").click()
    run(app)
    assert set(links(app)) <= {"Run this plan"}


@pytest.mark.slow
def test_a_visitor_who_runs_no_plan_has_no_bar():
    assert not links(go(new_app(), "forward", {}))


def test_an_address_with_a_broken_step_is_a_page_without_a_bar():
    app = go(new_app(), "forward", {plan_run.PARAM: "plan-first.99"})
    assert not links(app) and plan_run.PARAM not in app.query_params


def test_the_question_of_a_phase_is_put_to_the_open_room_with_its_answer_kept_back():
    room, secret = rooms.open_room(database(), "")
    app = new_app()
    app.session_state["classroom"] = (room.code, secret)
    there = Run(FIRST, 1, NOW)
    open_step(app, there.written, there.demo)
    app.button("run-ask").click()
    run(app)
    (asked,) = activities.every(database(), room)
    assert (asked.question.prompt, asked.question.explanation) == (there.phase.ask, there.phase.answer)
    assert asked.question.kind == "text" and asked.phase == "vote 1"
    assert app.button("run-ask").disabled


def test_without_a_room_the_question_is_shown_and_nothing_is_asked():
    there = Run(FIRST, 1, NOW)
    app = open_step(new_app(), there.written, there.demo)
    assert there.phase.ask in [s.value for s in app.subheader]
    assert "run-ask" not in {b.key for b in app.button}


def test_what_the_phones_are_offered_runs_no_plan():
    room, secret = rooms.open_room(database(), "")
    app = new_app()
    app.session_state["classroom"] = (room.code, secret)
    there = Run(FIRST, 2, NOW)
    open_step(app, there.written, there.demo)
    app.toggle("follow-me").set_value(True)
    run(app)
    assert rooms.hosted_room(database(), room.code, secret).follow.state == there.demo.state
