"""The page on scores as Streamlit runs it, and what its parts compute."""

import numpy as np
import pytest
import torch
from helpers import ROOT
from streamlit.testing.v1 import AppTest

from diffviz.bounded import BoundedCache
from diffviz.toy import diffusion2d
from diffviz.ui import cache, plane
from diffviz.ui.lessons import scores
from diffviz.ui.lessons.scores import ddpm, field, flow, guidance, own, samplers

PAGE = "pages/13_scores.py"


def open_page(**query):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(PAGE)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


@pytest.fixture
def quick(monkeypatch):
    """Short trainings: what is tested is the page, not how well the network learns."""
    monkeypatch.setattr(own, "SNAPSHOTS", (0, 5, 10))
    monkeypatch.setattr(own, "FRAMES", 4)
    monkeypatch.setattr(own, "FIELD_TIMES", (0.9, 0.5, 0.1))


def said(app):
    return "\n".join(m.value for m in app.markdown)


@pytest.mark.slow
@pytest.mark.parametrize("title", scores.PARTS.values())
def test_every_part_opens_by_its_address(title, quick):
    app = open_page(scores=title)
    assert not app.warning and not app.error


# --- score and density ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_paths_go_through_the_point_that_was_chosen():
    start = field.Start(0.4, -0.5, 12)
    paths = field.trace("three clusters", start)
    assert paths.ode.shape == (field.FRAMES + 1, 2) and paths.sde.shape == (field.FRAMES + 1, field.RANDOM, 2)
    assert np.allclose(paths.ode[12], (0.4, -0.5)) and np.allclose(paths.sde[12], (0.4, -0.5))
    centres = scores.mixture("three clusters").means.numpy()
    assert np.linalg.norm(centres - paths.ode[-1], axis=1).min() < 1  # at the data
    assert not np.allclose(paths.sde[-1, 0], paths.sde[-1, 1])


@pytest.mark.slow
@pytest.mark.parametrize("frame", [0, field.FRAMES])
def test_paths_can_begin_at_either_end(frame):
    paths = field.trace("three clusters", field.Start(1.0, 1.0, frame))
    assert np.isfinite(paths.ode).all() and np.isfinite(paths.sde).all()


@pytest.mark.slow
def test_the_ode_is_reversible():
    there = field.trace("three clusters", field.Start(0.4, -0.5, 30))
    x, y = there.ode[5]
    back = field.trace("three clusters", field.Start(float(x), float(y), 5))
    assert np.allclose(back.ode[30], (0.4, -0.5), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("arrows", field.ARROWS)
def test_the_text_names_the_arrows_that_are_drawn(arrows):
    told = said(open_page(scores=scores.PARTS["field"], arrows=field.ARROWS[arrows]))
    assert all((text in told) == (name == arrows) for name, text in field.LEGENDS.items())
    assert "**thick green** arrow" in told


# --- three samplers ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_four_steps_are_unstable_for_the_sde_and_more_are_better():
    few, many = (samplers.run(samplers.Setup("three clusters", n, False, 10, 0)) for n in (4, 64))
    assert max(few.rates["sde"]) > 2 > max(many.rates["sde"])
    assert few.far["sde"][-1] > many.far["sde"][-1]


@pytest.mark.slow
def test_heun_begins_worse_at_equal_cost_and_gains_more_by_each_doubling():
    far = samplers.orders("three clusters", 0, "even")
    assert far["Heun"][0] > far["Euler"][0]
    assert far["Heun"][-2] / far["Heun"][-1] > 1.3 * far["Euler"][-2] / far["Euler"][-1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_euler_fails_and_heun_does_not_on_the_data_steps_and_times_that_the_page_opens_with(seed):
    steps = samplers.COMPARED
    found = samplers.errors(scores.MIXTURES[0], seed, next(iter(samplers.SPACINGS)))
    euler, heun = found["Euler"][steps], found["Heun"][steps]
    assert euler.share > 3 * samplers.MANY and heun.share < samplers.MANY / 2
    if (
        seed == 0
    ):  # of the noise of other seeds even the exact ends may lie beyond the limit, as one in twenty do
        assert euler.ks > samplers.scores.ks_limit(samplers.ENDS) > heun.ks
    assert euler.ks > heun.ks
    # At equal cost, too: eight steps of Heun evaluate 15 times.
    assert found["Euler"][2 * steps].share > samplers.MANY
    assert steps in samplers.fails_alone(scores.MIXTURES[0], seed, "finer")[0]


@pytest.mark.slow
def test_where_euler_fails_and_heun_does_not_is_seen_and_said_with_its_figures():
    app = open_page(scores=scores.PARTS["samplers"])
    found = samplers.errors(scores.MIXTURES[0], 0, "finer")
    shown = " ".join(h.value for h in app.get("html"))
    for solver in ("Euler", "Heun"):
        assert (
            f"{samplers.COMPARED} steps: {found[solver][samplers.COMPARED].share:.0%} of 1,000 end points"
            in shown
        )
    assert "Euler fails and Heun does not with 8 and 16 steps" in said(app)
    app = open_page(scores=scores.PARTS["samplers"], spacing=samplers.SPACINGS["even"][0])
    assert f"On the data “{samplers.ALONE}” it does, with times" in said(app)


def test_points_that_are_off_have_another_colour_in_the_picture():
    euler, heun = samplers.end_pictures("three clusters", 0, "finer", 8)
    off = [int((picture == samplers.plane.rgb("noise")).all(-1).sum()) for picture in (euler, heun)]
    assert off[0] > 10 * off[1] > 0


@pytest.mark.parametrize(("steps", "counts"), [(4, False), (8, True)])
def test_that_heuns_order_counts_is_said_where_its_median_error_is_the_smaller_one(steps, counts):
    euler, heun = (
        samplers.errors(scores.MIXTURES[0], 0, "finer")[s][steps].median for s in ("Euler", "Heun")
    )
    assert (heun < euler) == counts
    assert ("too few" in samplers.order_told(steps, euler, heun)) == (not counts)


def test_langevins_first_frame_has_taken_its_steps_and_the_caption_says_so():
    setup = samplers.Setup("three clusters", 4, False, 10, 0)
    result = samplers.run(setup)
    first = {name: path[0] for name, path in result.states.items()}
    assert np.array_equal(first["sde"], first["ode"]) and not np.allclose(first["langevin"], first["ode"])
    assert "already taken its 10 steps" in samplers._captions(setup, result)[0]


def test_with_even_times_it_is_the_last_step_that_makes_heun_fail():
    data, start = scores.diffused("three clusters"), scores.noise(0, samplers.ENDS)
    even = samplers.solver_times(8, "even")
    split = [*even[:-1], *(even[-2] * t for t in samplers.solver_times(6, "finer")[1:])]
    exact = samplers.exact_ends("three clusters", 0)
    share = []
    for times in (even, split):
        *_, end = samplers.scores.integrate(data.velocity, start, times, heun=True)
        share.append(float(((end - exact).norm(dim=1) > samplers.FAILS).double().mean()))
    assert share[0] > 0.5 and share[1] < 0.02


@pytest.mark.slow
def test_the_first_frames_of_a_visit_have_something_before_them(monkeypatch):
    """A still of the start stands where the player will be, only before the first of them, and not where they are kept."""
    drawn = []
    monkeypatch.setattr(cache, "_shared", BoundedCache(cache.SHARED_BYTES))  # no other test has computed them
    monkeypatch.setattr(
        scores.player, "still", lambda panels, text, main=0: drawn.append(panels) or "<p>still</p>"
    )
    monkeypatch.setattr(scores.player, "first_frame", lambda *_: "<p>of the player</p>")
    app = open_page(scores=scores.PARTS["samplers"])
    assert len(drawn) == 1 and len(drawn[0]) == len(samplers.TITLES)
    assert all(len(panel.frames) == 1 for panel in drawn[0])
    app.select_slider(key="grid").set_value("16").run()
    assert not app.exception and len(drawn) == 1
    open_page(scores=scores.PARTS["samplers"])
    assert len(drawn) == 1


@pytest.mark.slow
def test_at_equal_steps_distances_shrink_and_share_and_median_agree():
    for by_steps in samplers.errors("narrow clusters", 0, "even").values():
        few, many = by_steps[4], by_steps[64]
        assert few.w1 > many.w1 and few.share > 0.5 > many.share
        assert few.median > samplers.FAILS > many.median


# --- points of one's own -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x,y\n1,2\n3,4\n5,6", "1;2\n3;4\n\n5;6", "1\t2\n3 4\n5, 6"])
def test_points_are_read_as_people_write_them(text):
    assert own.parse(text).tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 points"),
        ("1,2\n3,4", "2 points"),
        ("1,2\n3,4\n5", "Line 3 has 1 values"),
        ("1,2\n3,four\n5,6", "Line 2 is not two numbers"),
        ("1,2\n3,nan\n5,6", "Line 2 is not finite"),
        ("1,2\n3,4\n1e308,-1e308", "Line 3 has a value beyond ±1,000,000"),
        ("1e-320,0\n0,0\n0,1e-321", "differ by less than 0.000001"),
        ("\n".join(["1,2"] * (own.MOST + 1)), f"{own.MOST + 1} points"),
    ],
)
def test_what_is_no_list_of_points_is_said_line_by_line(text, says):
    with pytest.raises(own.BadPoints, match=says):
        own.parse(text)


def test_pasted_points_fill_the_square_without_being_stretched():
    found = own.fitted(np.array([[0.0, 0.0], [100.0, 50.0], [50.0, 25.0]]))
    assert np.allclose(found, [[-1.8, -0.9], [1.8, 0.9], [0, 0]])
    assert np.isfinite(own.fitted(np.ones((3, 2)))).all()  # three times the same point


def test_a_drawing_becomes_points_the_right_way_up():
    marks = np.zeros((32, 32), bool)
    marks[0, 31] = marks[31, 0] = True  # top right, bottom left
    assert own.from_marks(marks).tolist() == [[1.9375, 1.9375], [-1.9375, -1.9375]]
    assert len(own.from_marks(np.ones((32, 32), bool))) == own.MOST


@pytest.mark.slow
def test_bad_csv_is_answered_in_place(quick):
    app = open_page(scores=scores.PARTS["own"], points=own.PASTE)
    app.text_area[0].set_value("1,2\n3,x\n5,6").run()
    assert not app.exception
    assert "Line 2" in app.warning[0].value


def test_nothing_drawn_yet_is_said(quick):
    app = open_page(scores=scores.PARTS["own"], points=own.DRAW)
    assert "Draw" in app.info[0].value


def test_the_exact_score_ends_on_the_training_points_and_a_short_training_does_not(quick):
    data = own.points("spiral", 30, 0)
    *_, last = own.learn(data, 0)
    assert diffusion2d.mean_nn_distance(last.path[-1], data) > 0.05
    own.FRAMES = 20  # the fixture puts it back
    assert diffusion2d.mean_nn_distance(own.exact_path(data, 0)[-1], data) < 0.02


def test_the_first_look_comes_before_any_training_step(monkeypatch):
    steps = []
    monkeypatch.setattr(diffusion2d.Diffusion, "step", lambda *a: steps.append(1) or 0.0)
    first = next(own.learn(own.points("ring", 10, 0), 0))
    assert first.step == 0 and not steps


def test_the_error_is_that_of_the_noise_prediction(quick):
    """With the exact x0 for the learned one it vanishes."""
    data = own.points("ring", 20, 0)
    where, of_data = torch.from_numpy(plane.grid()), own.exact_of(data)
    x0 = np.stack([of_data.posterior_mean(where, t).numpy() for t in own.FIELD_TIMES])
    found = own.fields(data, own.Look(0, 0.0, x0, x0))
    assert max(found.error) < 1e-6
    shifted = own.fields(data, own.Look(0, 0.0, x0, x0 + 0.1))
    # Off by as much in each coordinate, the root of the mean square over points and coordinates is that much.
    alpha, sigma = (
        np.array([float(f(t)) for t in own.FIELD_TIMES]) for f in (own.SCHEDULE.alpha, own.SCHEDULE.sigma)
    )
    assert np.allclose(shifted.error, 0.1 * alpha / sigma)


@pytest.mark.slow
def test_training_time_and_sampling_time_are_set_apart(quick):
    app = open_page(scores=scores.PARTS["own"], own=own.SHOWS["scrub"], trained="10")
    assert not app.warning
    assert {s.key for s in app.select_slider} == {"trained"}


# --- DDPM, flow matching, guidance --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["5", "1000"])
@pytest.mark.parametrize("place", ["0.0", "1.0"])
def test_ddpm_has_curves_at_both_ends_of_the_chain(steps, place):
    assert "nats" in said(open_page(scores=scores.PARTS["ddpm"], chain=steps, place=place))


@pytest.mark.parametrize("steps", [5, 10, 50])
def test_where_the_simplified_loss_takes_weight_from_is_said_by_the_shares(steps):
    _, bound, simple = ddpm.early_shares(steps)
    assert (simple < bound) == (steps > 5)
    told = ddpm.moved_weight(steps)
    assert ("from the steps of little noise" in told) == (simple < bound) and "T = 1000" in told


def test_a_narrow_peak_is_drawn_at_its_height():
    """At T = 1000 and t = 2 the posterior is the narrowest curve of all."""
    grid = ddpm.GRID[ddpm.SHOWN]
    for x0 in np.arange(-2, 2, 0.0137):
        mean, variance = ddpm.Chain(ddpm.DATA, 1000).posterior(float(x0), float(x0), ddpm.FIRST)
        drawn = float(ddpm.normal_pdf(grid, mean, variance).max())
        assert drawn > 0.9 / np.sqrt(2 * np.pi * variance)


@pytest.mark.slow
def test_on_diffusions_path_optimal_pairs_are_not_straighter_and_the_page_says_so():
    first, *_, last = flow.BATCHES
    ratios = {
        path: [flow.measure(flow.Setup("four spots", name, path, 0)).ratio for name in (first, last)]
        for path in flow.PATHS
    }
    for path, (free, matched) in ratios.items():
        assert (matched < free) == (path == "flow")
        assert ("do not help" in flow.matching_told(free, matched)) == (path == "cosine")


def test_optimal_pairs_are_straighter_and_need_fewer_evaluations():
    found = {name: flow.measure(flow.Setup("four spots", name, "flow", 0)) for name in flow.BATCHES}
    free, matched = found["independent"], found["minibatch OT, 128"]
    assert matched.ratio < 1.1 < 1.3 < free.ratio
    assert matched.cost < free.cost / 3
    assert matched.far[0] < free.far[0]


@pytest.mark.slow
def test_guidance_samples_something_else_than_the_tilted_density_unless_it_is_off():
    off, on = guidance.run(1.0, 0), guidance.run(3.0, 0)
    limit = 1.3 * guidance.scores.ks_limit(
        guidance.POINTS, 0.001
    )  # the density is on a grid: allow for its cells
    for name in ("ode", "sde"):
        assert off.far[name][-1] < limit < on.far[name][-1]
    assert abs(on.far["ode"][-1] - on.far["sde"][-1]) > limit


@pytest.mark.slow
def test_guidance_answers_after_a_prediction():
    app = open_page(scores=scores.PARTS["guidance"])
    assert "You said" not in said(app)
    app.pills(key="guess-scores-guidance").set_value(guidance.OPTIONS[0]).run()
    assert not app.exception
    assert "You said" in said(app) and "KS distance" in said(app)


# --- pictures ----------------------------------------------------------------------------------------------------


def test_a_picture_has_right_and_up_where_they_belong():
    drawn = plane.Plane(side=100).dots(np.array([[2.0, 2.0]]), "noise", 4).picture()
    y, x = np.nonzero((drawn != 255).any(-1))
    assert x.mean() > 80 and y.mean() < 20
    values = np.zeros(plane.GRID**2)
    values[np.abs(plane.grid() - (2.0, 2.0)).sum(1).argmin()] = 1
    tinted = plane.Plane(side=100).bands(values, "noise").picture()
    y, x = np.nonzero((tinted != 255).any(-1))
    assert x.mean() > 80 and y.mean() < 20


def test_a_histogram_of_exact_samples_follows_the_curve():
    x = np.linspace(-2.6, 2.6, 201)
    density = np.where(np.abs(x) < 1, 0.5, 0.0)
    drawn = plane.histogram(np.linspace(-1, 1, 5000), density, "signal", width=200, height=100)
    filled = (drawn[:-4] != 255).any(-1).mean(0)
    assert filled[80:120].min() > 0.7 and filled[:50].max() < 0.2
