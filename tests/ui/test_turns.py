"""Pages take turns: what they compute waits for a permit, says how long, and gives the permit back."""

import threading
from types import SimpleNamespace

import pytest
import streamlit as st
from helpers import open_page

from diffviz import pacing
from diffviz.export import slides
from diffviz.lessons import content, pages
from diffviz.models.unet import UNet
from diffviz.serving import scheduler as serving
from diffviz.serving.scheduler import Job, Limits, Scheduler
from diffviz.toy import diffusion2d
from diffviz.ui import live, turns
from diffviz.ui.lessons import teaching_pack


@pytest.fixture
def one_permit(monkeypatch):
    """A scheduler with one permit, whose waiting visitors look at their place all the time."""
    found = Scheduler(Limits(1, waiting=3))
    monkeypatch.setattr(turns, "scheduler", lambda: found)
    monkeypatch.setattr(serving, "PATIENCE", 0.01)
    yield found
    pacing.set_gate(None)


def busy(scheduler, units=100):
    """Another visitor, who computes and has so many units left of which each takes about no time."""
    job = Job("another visitor", ("emoji64", True), units)
    scheduler.join(job)
    scheduler.take_turn(job, 1)
    scheduler.take_turn(job, 1)
    return job


FORWARD = UNet.forward
LINKS = [
    *((lesson.slug, {}) for lesson in pages.PAGES),
    ("training", {"learn": "Train a small network"}),
    ("guidance", {"show": "Guidance scale"}),
    ("guidance", {"show": "Guidance interval"}),
    ("guidance", {"show": "Classifier guidance"}),
    ("editing", {"do": "Inpainting"}),
    ("practice", {"way": "Quiz"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "state"), LINKS)
def test_every_evaluation_of_a_page_holds_a_permit_and_none_is_held_afterwards(
    slug, state, one_permit, idle_network, monkeypatch
):
    evaluated = []

    def forward(self, x, angle, tokens):
        evaluated.append(len(one_permit._queue._running))
        return FORWARD(self, x, angle, tokens) if slug == "unet" else x  # that page looks into the network

    monkeypatch.setattr(UNet, "forward", forward)
    app = open_page(slug, state)
    for guess in app.radio:
        guess.set_value(guess.options[0])
    app.run()
    assert not app.exception
    assert all(holding == 1 for holding in evaluated)
    assert not one_permit._queue._jobs
    if slug == "reverse":
        assert evaluated


def test_the_figures_of_slides_are_computed_in_turns_of_whoever_asked_for_them(one_permit, monkeypatch):
    held = []
    slides._image.cache_clear()

    def forward(self, x, angle, tokens):
        held.append({job.visitor for job in one_permit._queue._running})
        return x

    monkeypatch.setattr(UNet, "forward", forward)
    other = busy(one_permit)
    fetched = threading.Thread(target=teaching_pack._deck, args=(content.plans()[0], "", "a teacher"))
    fetched.start()
    while not one_permit._queue._waiting:
        assert fetched.is_alive()
    assert not held  # the other one has the permit
    one_permit.leave(other)
    fetched.join()
    slides._image.cache_clear()  # these figures are of no network
    assert held and all(of == {"a teacher"} for of in held)
    assert not one_permit._queue._jobs


@pytest.mark.slow
def test_a_training_in_a_lesson_holds_a_permit_at_every_step(one_permit, monkeypatch):
    step, held = diffusion2d.Diffusion.step, []

    def watched(self, *given):
        held.append(len(one_permit._queue._running))
        return step(self, *given)

    monkeypatch.setattr(diffusion2d.Diffusion, "step", watched)
    from diffviz.ui.lessons import toy_training, training
    from diffviz.ui.stage import layout

    turns.enter(st.container())
    task = toy_training.ToyTask("ring", 100, 0)
    toy_training.train_models(layout(), task, {"v": training.MODELS["v"]}, training.TARGET_TITLES)
    assert held == [1] * 100
    assert not one_permit._queue._jobs


def test_the_networks_that_are_asked_for_are_kept_and_older_ones_go(one_permit, monkeypatch):
    from diffviz.ui.lessons import toy_training, training
    from diffviz.ui.stage import layout

    monkeypatch.setattr(toy_training, "MAX_MODELS", 2)
    turns.enter(st.container())
    st.session_state.clear()
    models = {name: training.MODELS[name] for name in ("v", "x0")}
    first = toy_training.ToyTask("ring", 2, 0)
    toy_training.train_models(layout(), first, {"v": models["v"]}, training.TARGET_TITLES)
    toy_training.train_models(layout(), toy_training.ToyTask("ring", 2, 1), models, training.TARGET_TITLES)
    found = toy_training.train_models(layout(), first, models, training.TARGET_TITLES)
    assert list(found) == ["v", "x0"]
    assert list(st.session_state["trained"]) == [(first, "v"), (first, "x0")]


@pytest.mark.slow
def test_who_waits_sees_the_place_in_the_queue_and_then_the_run(one_permit, idle_network, monkeypatch):
    said, other = [], busy(one_permit)
    monkeypatch.setattr(live, "_finished", live.BoundedCache(10**6))
    seen = threading.Event()

    def progress(self, value, text=None):
        if text and "other is drawing" in text:
            said.append(text)
            seen.set()
            one_permit.leave(other)

    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.progress", progress)
    app = open_page("reverse", {"seed": "8231"})
    assert seen.is_set()
    assert said[0].startswith("1 other is drawing, ")
    assert app.session_state["reverse-run"].finished


def test_what_is_not_declared_waits_as_well_and_says_so_above_the_page(one_permit, monkeypatch):
    other, said = busy(one_permit), []

    class Place:
        def info(self, text, icon):
            said.append(text)
            one_permit.leave(other)

        def empty(self):
            said.append("")
            return self

    turns.enter(Place())
    with pacing.piece():
        assert one_permit._queue._running
    assert not one_permit._queue._jobs
    assert [s for s in said if s] and said[-1] == ""  # what was said is taken away


def test_who_changes_the_question_while_waiting_leaves_the_queue(one_permit, monkeypatch):
    other = busy(one_permit)

    class Changed(BaseException):
        """What Streamlit raises at an st call where the page is to run anew."""

    def say(sentence):
        raise Changed

    turns.enter(st.container())

    def computation():
        with pacing.piece():
            yield 1

    with pytest.raises(Changed):
        list(turns.paced(computation(), "run", 10, say=say))
    assert one_permit._queue._jobs == [other]
    one_permit.leave(other)


def test_what_a_page_computes_after_its_run_does_not_queue_behind_those_who_came_later(one_permit):
    turns.enter(st.container())

    def computation():
        with pacing.piece():
            yield 1

    list(turns.paced(computation(), "run", 10))
    later = Job("a later visitor")  # of equal length
    one_permit.join(later)
    one_permit.take_turn(later, 1)
    one_permit.pause(later)  # it has its place, and would begin again
    with pacing.piece():
        (mine,) = one_permit._queue._running
        assert one_permit._queue._before(mine, later)
    one_permit.leave(later)


def test_who_leaves_the_loop_hands_the_permit_on(one_permit):
    turns.enter(st.container())

    def computation():
        for k in range(10):
            with pacing.piece():
                yield k

    for k in turns.paced(computation(), "run", 10):
        if k == 3:
            break
    assert not one_permit._queue._jobs


@pytest.mark.slow
def test_at_the_limit_the_page_says_so_in_a_sentence(one_permit, idle_network, monkeypatch):
    monkeypatch.setattr(live, "_finished", live.BoundedCache(10**6))
    others = [busy(one_permit)]
    for name in "abc":
        others.append(Job(name, units=10))
        one_permit.join(others[-1])
    app = open_page("reverse", {"seed": "8232"})
    assert [w.value for w in app.warning if "This server is at its limit" in w.value]
    assert not app.exception and not app.error
    for job in others:
        one_permit.leave(job)
    app.run()
    assert app.session_state["reverse-run"].finished


def test_a_run_that_another_visitor_finished_meanwhile_is_not_computed_again(
    one_permit, idle_network, monkeypatch
):
    kept = live.BoundedCache(10**8)
    monkeypatch.setattr(live, "_finished", kept)
    first = open_page("reverse", {"seed": "8233"}).session_state["reverse-run"]
    (key,) = kept._kept
    kept.clear()
    other = busy(one_permit)

    def progress(self, value, text=None):
        if text and "other is drawing" in text:
            kept.put(key, first, first.nbytes)
            one_permit.leave(other)

    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.progress", progress)
    assert open_page("reverse", {"seed": "8233"}).session_state["reverse-run"] is first


def test_two_tabs_of_a_browser_are_one_visitor_whatever_the_mask_of_the_cookie(monkeypatch):
    from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

    context = SimpleNamespace()
    monkeypatch.setattr(st, "context", context)
    found = []
    for token in (b"0123456789abcdef", b"0123456789abcdef", b"another browser!"):
        context.cookies = {"_streamlit_xsrf": generate_xsrf_token_string(token)}
        found.append(turns.visitor())
    assert found[0] == found[1] != found[2]
    for odd in ("", "2|zz|00|1", "2||00|1", "1|2"):
        context.cookies = {"_streamlit_xsrf": odd}
        turns.visitor()  # no error: the session is the visitor
