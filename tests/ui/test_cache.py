"""What is kept between reruns: by content, within bounds, and shared between visitors."""

from __future__ import annotations

import gc
import inspect
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import streamlit
from helpers import open_page
from hypothesis import given
from hypothesis import strategies as st

from diffviz.analysis import step_comparison
from diffviz.bounded import BoundedCache
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import cache, charts, live, turns
from diffviz.ui.cache import by_content, digest
from diffviz.ui.components import player
from diffviz.ui.lessons import steps


@pytest.fixture
def shared(monkeypatch):
    """Nothing that another test has computed."""
    kept = BoundedCache(cache.SHARED_BYTES)
    monkeypatch.setattr(cache, "_shared", kept)
    return kept


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40))), st.integers(1, 100))
def test_a_cache_stays_within_its_limit_and_drops_what_was_asked_for_least_lately(puts, limit):
    kept, model = BoundedCache(limit), {}
    for key, size in puts:
        kept.put(key, (key, size), size)
        model.pop(key, None)
        if size <= limit:
            model[key] = size
        while sum(model.values()) > limit:
            model.pop(next(iter(model)))
        assert kept.size == sum(model.values()) <= limit
    for key in range(6):
        assert kept.get(key) == ((key, model[key]) if key in model else None)


def test_a_result_is_computed_once_for_equal_content():
    asked = []

    @by_content
    def total(values, names=()):
        asked.append(names)
        return float(values.sum())

    assert total(np.ones(3)) == total(np.ones(3)) == 3.0 and len(asked) == 1
    total(np.ones(3), ["a"])
    total(np.ones(3, np.float32))
    total(np.ones((3, 1)))
    assert len(asked) == 4


@dataclass(frozen=True)
class Pair:
    a: object
    b: object


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), ("a", b"a"), (["ab", "c"], ["a", "bc"]), ([1, [2]], [1, 2]), ({"a": 1}, {"a": 2}),
     (np.zeros(2, np.uint8), np.zeros(2, np.int8)), (Pair(1, 2), Pair(2, 1)), (None, "None")],
    ids=str,
)  # fmt: skip
def test_different_content_has_different_digests(one, other):
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)


@by_content
def ramp(n):
    return [np.arange(n, dtype=np.float32)]


def test_a_shared_array_cannot_be_written_to_and_is_hashed_once(monkeypatch):
    monkeypatch.setattr(cache, "_shared", BoundedCache(10_000_000))
    (shared,) = ramp(50_000)
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 1
    known = digest(shared)
    assert known == digest(np.arange(50_000, dtype=np.float32))
    monkeypatch.setattr(cache.np, "ascontiguousarray", None)  # without which no array's content is read
    assert digest(shared) == known


def test_an_array_that_may_change_is_hashed_each_time():
    values = np.zeros(50_000)
    view = values[:]
    view.setflags(write=False)  # but what it is a view of can be written to
    before = digest(view), digest(values)
    values[0] = 1
    assert (digest(view), digest(values)) != before and digest(view) not in before


def total(values, factor=1):
    seen.append(factor)
    return factor * float(values.sum())


seen = []


def test_what_is_derived_of_an_object_lives_as_long_as_it():
    seen.clear()
    values, others = np.ones(3), np.ones(3)
    assert cache.derived(values, total) == cache.derived(values, total) == 3 and len(seen) == 1
    assert cache.derived(values, total, 2) == cache.derived(values, partial(total, factor=2)) == 6
    assert cache.derived(values, partial(total, factor=3)) == 9 and seen == [1, 2, 2, 3]
    cache.derived(others, total)
    assert len(seen) == 5
    key = id(others)
    del others
    gc.collect()
    assert key not in cache._derived and id(values) in cache._derived


def test_nothing_is_kept_under_a_function_that_is_made_anew():
    with pytest.raises(ValueError, match="made anew"):
        cache.derived(np.ones(3), lambda values: values.sum())


def test_what_has_no_content_is_refused():
    with pytest.raises(TypeError, match="no content"):
        digest(object())


def frames(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (9, 16, 16, 3), np.uint8)


def test_the_player_encodes_equal_frames_once(monkeypatch):
    encoded = []
    real = player.sprite_sheet
    monkeypatch.setattr(player, "sprite_sheet", lambda f: encoded.append(1) or real(f))
    monkeypatch.setattr(cache, "_shared", BoundedCache(10_000_000))

    def pack(seed):
        return player.pack([player.Panel("x", "", "state", frames(seed))], ["r"] * 9, ["c"] * 9, "A run")

    assert pack(0) == pack(0) and len(encoded) == 1
    assert pack(1) != pack(0) and len(encoded) == 2


def finished(steps):
    run = live.Run(Settings("cat face", "noto", steps=steps, model=checkpoints.QUICK))
    run.steps.extend(sample_steps(run.settings))
    whole, both = run.trajectory(), run.predictions
    run.finish()
    return run, whole, both


def test_a_long_run_is_kept_at_half_precision_and_shows_the_same(monkeypatch):
    monkeypatch.setattr(live, "EXACT_STEPS", 3)
    short, whole, both = finished(3)
    frames = whole.x.size  # bytes of one panel's frames, which are kept as well
    assert short.finished and len(short.steps) == 1
    assert short.nbytes == 3 * (whole.x.nbytes + frames) + 2 * both.cond.nbytes
    assert np.array_equal(short.trajectory().eps, whole.eps)
    assert np.array_equal(short.predictions.uncond, both.uncond)
    long, whole, both = finished(4)
    assert long.nbytes == 3 * (whole.x.nbytes / 2 + whole.x.size) + both.cond.nbytes
    assert long.predictions.cond.dtype == np.float32
    assert np.abs(long.predictions.cond - both.cond).max() < 1e-3
    for name in ("x", "x0", "eps"):
        kept = long.trajectory()
        assert getattr(kept, name).dtype == np.float32
        assert np.abs(kept.frames(name).astype(int) - whole.frames(name).astype(int)).max() <= 1


def test_a_run_that_another_visitor_made_is_shown_without_a_step(monkeypatch):
    monkeypatch.setattr(live, "_finished", BoundedCache(50_000_000))
    quick = {"steps": "2", "net": checkpoints.manifest()[checkpoints.QUICK].title, "seed": "77"}
    first = open_page("reverse", quick)
    monkeypatch.setattr(live, "record", lambda *args: pytest.fail("computed again"))
    second = open_page("reverse", quick)
    assert second.session_state["reverse-run"] is first.session_state["reverse-run"]


def test_what_a_visitor_looked_at_is_freed_once_nobody_holds_it(monkeypatch):
    monkeypatch.setattr(live, "_finished", BoundedCache(0))
    quick = {"steps": "2", "net": checkpoints.manifest()[checkpoints.QUICK].title, "seed": "78"}
    app = open_page("reverse", quick)
    held = weakref.ref(app.session_state["reverse-run"])
    app.session_state["reverse-run"] = None
    del app
    gc.collect()
    assert held() is None


def test_a_figure_is_made_into_plain_data_once_for_all_reruns(monkeypatch):
    made, real = [], charts.go.Figure.to_dict
    monkeypatch.setattr(charts.go.Figure, "to_dict", lambda figure: made.append(figure) or real(figure))
    shown = []
    monkeypatch.setattr(charts.st, "plotly_chart", lambda figure, **more: shown.append(figure.to_dict()))
    figure = charts.go.Figure()
    figure.add_scatter(x=[1, 2], y=[3, 4])
    for _ in range(3):
        charts.show(figure, "key")
    assert len(made) == 1 and shown == [real(figure)] * 3


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "state"), [("reverse", {"steps": "4"}), ("forward", {}), ("unet", {})])
def test_a_rerun_that_changes_nothing_makes_no_chart_and_reads_no_source(slug, state, request, monkeypatch):
    if slug != "unet":
        request.getfixturevalue("idle_network")
    app = open_page(slug, state)
    app.run()
    made = []
    monkeypatch.setattr(charts.go.Figure, "__init__", lambda *args, **more: made.append("figure"))
    monkeypatch.setattr(inspect, "getsourcelines", lambda function: made.append("source"))
    app.run()
    assert not app.exception and not made


# --- a click while a row is computed ---------------------------------------------------------------------------------


def test_an_image_that_two_runs_of_a_page_made_stands_in_the_row_once(monkeypatch):
    """Streamlit begins the page anew while the run before ends its job; both then have the image."""
    row: list[np.ndarray] = []
    monkeypatch.setattr(live, "memo", lambda *_: row)

    def job(value, meanwhile=False):
        def make():
            if meanwhile:
                row.append(np.full(1, value))
            return np.full(1, value)

        return make

    made = live.image_row("row", None, [job(0), job(1, meanwhile=True), job(2)], lambda images: "<b>row</b>")
    assert [int(image[0]) for image in made] == [0, 1, 2]


def test_of_the_sweep_only_what_nobody_has_sampled_is_sampled(monkeypatch, shared):
    """What was asked for least lately is dropped first, which need not be the longest of the runs."""
    counts, sampled = step_comparison.STEP_COUNTS, []

    def sweep(settings, asked):
        for n in asked:
            sampled.append(n)
            states = np.zeros((n + 1, 3, 8, 8))
            yield Trajectory(states, states, states, np.zeros(n + 1), np.zeros(n + 1))

    monkeypatch.setattr(steps, "memo", lambda *_: {})  # a visitor who has just come
    monkeypatch.setattr(step_comparison, "step_sweep", sweep)
    assert [r.steps for r in steps._sweep(Settings(), streamlit.empty())] == list(counts)
    shared.forget(next(iter(shared._kept)))
    assert [r.steps for r in steps._sweep(Settings(), streamlit.empty())] == list(counts)
    assert sampled == [*counts, counts[0]]


def test_whoever_asks_while_another_makes_it_waits_for_that(shared):
    began, end, made = threading.Event(), threading.Event(), []

    def make():
        made.append(threading.get_ident())
        began.set()
        assert end.wait(60)
        return len(made)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(cache.made_once, b"key", make)
        assert began.wait(60)
        others = [pool.submit(cache.made_once, b"key", make) for _ in range(2)]
        assert cache.made_once(b"another key", lambda: "at once") == "at once"
        assert not any(other.done() for other in others)
        end.set()
        assert [job.result(60) for job in (first, *others)] == [1, 1, 1]


def test_what_is_derived_of_a_run_that_many_look_at_is_made_once():
    run, barrier = Pair(np.zeros(3), None), threading.Barrier(3)

    def ask(_):
        barrier.wait(60)
        return cache.derived(run, slowly)

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(ask, range(3)))
    assert found[0] is found[1] is found[2]


def slowly(run):
    time.sleep(0.2)
    return object()


def test_when_the_page_that_makes_it_is_left_the_next_in_line_makes_it(shared):
    began, left = threading.Event(), threading.Event()

    def stopped():
        began.set()
        assert left.wait(60)
        raise RuntimeError("the visitor has left")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.made_once, b"key", stopped)
        assert began.wait(60)
        second = pool.submit(cache.made_once, b"key", lambda: "made")
        left.set()
        assert second.result(60) == "made"
        with pytest.raises(RuntimeError):
            first.result(60)


def test_whoever_keeps_others_from_their_turns_waits_for_nobody(shared, monkeypatch):
    """The other may be waiting for that very turn."""
    began, end = threading.Event(), threading.Event()

    def make():
        began.set()
        assert end.wait(60)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(cache.made_once, b"key", make)
        assert began.wait(60)
        monkeypatch.setattr(turns, "declared", lambda: True)
        assert cache.made_once(b"key", lambda: "at once") == "at once"
        end.set()
