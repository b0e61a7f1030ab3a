import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import diffviz
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.models import checkpoints
from diffviz.training import eval_steps, evaluate
from diffviz.training.batch_generation import generate_many
from diffviz.training.build_blind_test import LOSSLESS_TO


def curve_of(*differences, sampler="ddim", **head):
    """A curve whose points have these paired differences of KID, each within 1 of its interval's ends."""
    points = [
        {
            "sampler": sampler,
            "steps": steps,
            "nfe": 2 * steps,
            **{
                m: {"value": v, "interval": [v - 1, v + 1]}
                for m in ("kid", "difference", "subgroup_top1", "distance")
            },
        }
        for steps, v in enumerate(differences, 1)
    ]
    facts = {"weights_sha256": "a", "n": 10, "real": 2000, "features": 128, "guidance": 3.0}
    reference = {"sampler": "unipc", "steps": 60}
    return results.QualityCurve(
        {
            **facts,
            "floor": {"value": 0.0, "interval": [-1, 1]},
            "reference": reference,
            "points": points,
            **head,
        }
    )


def test_a_loss_is_small_where_every_later_interval_ends_below_the_margin():
    assert curve_of(50, 20, 3.5, 9, 3.9, -0.2).first_close("ddim")["steps"] == 5  # 3.9 + 1 < 5
    assert curve_of(50, 20, 4.5).first_close("ddim") is None  # 4.5 + 1 is not
    assert curve_of(50, -5).first_close("ddim")["steps"] == 2  # better than the reference is no loss
    assert curve_of(50, 0).first_close("heun") is None  # a sampler that was not measured


def test_wider_intervals_never_make_a_loss_look_small():
    """Fewer images give wider intervals: "the interval includes 0" would then be true sooner."""
    sharp, wide = curve_of(50, 20, 4.5, 3, 1), curve_of(50, 20, 4.5, 3, 1)
    for p in wide.raw["points"]:
        p["difference"]["interval"] = [p["difference"]["value"] - 30, p["difference"]["value"] + 30]
    assert sharp.first_close("ddim")["steps"] == 4 and wide.first_close("ddim") is None


def test_a_curve_of_other_weights_is_known_as_such(tmp_path):
    assert results.load_quality_curve("emoji32", tmp_path) is None
    (tmp_path / "steps-emoji32.json").write_text(json.dumps(curve_of(1, 0).raw))
    curve = results.load_quality_curve("emoji32", tmp_path)
    assert curve.matches("a") and not curve.matches("b")


@pytest.mark.parametrize("model", eval_steps.STEPS)
def test_the_grid_names_known_samplers_and_the_reference_is_the_longest(model):
    points = eval_steps.grid(model)
    assert {s for s, _ in points} <= set(SAMPLERS) and len(set(points)) == len(points)
    assert max(n for _, n in points) < eval_steps.REFERENCE[model][1]


def test_real_images_of_the_measure_are_at_least_two_thousand_and_lend_no_captions():
    rows = 3508  # everyday training images of the shipped data
    data = SimpleNamespace(rows=lambda heldout, common: np.arange(rows))
    drawn, real = eval_steps.split_rows(data)
    assert len(real) >= 2000 and len(drawn) == eval_steps.FULL_N
    assert not set(drawn) & set(real) and len({*drawn, *real}) == rows


@pytest.mark.slow
def test_a_block_is_sampled_once_from_the_noises_of_its_seeds_and_continued(tmp_path):
    denoiser = checkpoints.load(checkpoints.QUICK)
    data = SimpleNamespace(
        labels=["red heart"], styles=["noto"], label=np.zeros(40, int), style=np.zeros(40, int)
    )
    study = eval_steps.Study(denoiser, data, np.arange(40), 3.0, tmp_path)
    study.sample_block(32, [("ddim", 2)])  # the last block, of eight
    images = np.load(study.kept(("ddim", 2), 32))
    alone = generate_many(denoiser, ["red heart"], ["noto"], [eval_steps.FIRST_SEED + 33], steps=2)
    assert images.shape == (8, 3, 32, 32)
    assert np.abs(images[1] - alone[0].numpy()).mean() < 0.02  # bfloat16 against float32
    before = study.kept(("ddim", 2), 32).stat().st_mtime_ns
    study.sample_block(32, [("ddim", 2), ("heun", 2)])
    assert study.kept(("ddim", 2), 32).stat().st_mtime_ns == before
    assert study.kept(("heun", 2), 32).exists() and not study.complete(("heun", 2), 40)


def test_samplers_of_a_block_share_their_first_prediction_and_no_other():
    evaluated = []
    shared = eval_steps.with_shared_first_prediction(lambda x, t: evaluated.append(float(t[0])) or x * 0)
    for t in (1.0, 0.5, 1.0, 0.5):
        shared(torch.ones(2, 1), torch.full((2,), t))
    assert evaluated == [1.0, 0.5, 0.5]


def test_the_figures_of_a_point_are_those_of_its_images(tmp_path):
    """The reference has no difference, a stochastic sampler no RMSE, and a point like the reference differs by nothing."""
    rng = np.random.default_rng(0)
    images = {p: rng.uniform(-1, 1, (64, 3, 8, 8)) for p in (("unipc", 60), ("ddpm", 2), ("ddim", 1))}
    images["ddim", 8] = images["unipc", 60]
    study = SimpleNamespace(images=lambda point, n: images[point][:n], guidance=3.0)
    judge = SimpleNamespace(
        real=rng.normal(size=(80, 3)),
        same_captions=rng.normal(size=(64, 3)),
        features=lambda x: (x.mean((2, 3)) * 10, np.ones(len(x), bool)),
    )
    points = [("ddim", 1), ("ddim", 8), ("ddpm", 2)]
    found = eval_steps.measure(study, judge, points, ("unipc", 60), 64)
    one, same, stochastic, reference = found["points"]
    assert same["difference"] == {"value": 0, "interval": [0, 0]} and same["distance"]["value"] == 0
    assert one["distance"]["value"] > 0.5 and one["nfe"] == 2
    assert "distance" not in stochastic and not {"difference", "distance"} & set(reference)
    assert one["kid"]["value"] - reference["kid"]["value"] == pytest.approx(
        one["difference"]["value"], abs=1e-6
    )


def test_a_file_of_other_weights_or_size_is_begun_anew(tmp_path):
    path = tmp_path / "evaluation.json"
    head = {"weights_sha256": "a", "n": 3}
    path.write_text(json.dumps({**head, "points": [1]}))
    assert evaluate.read_results(path, head)["points"] == [1]
    assert evaluate.read_results(path, {**head, "n": 4}) == {**head, "n": 4}


def test_published_figures_name_their_sources():
    columns, rows = results.published_results()
    assert len(rows) >= 5
    for row in rows:
        assert "arXiv" in row["source"]
        assert {int(c) for c in row["fid"]} <= set(columns)


@pytest.mark.parametrize("model", eval_steps.STEPS)
def test_the_shipped_curve_is_of_the_shipped_weights_and_holds_what_the_pages_say(model):
    curve = results.load_quality_curve(model)
    if curve is None:
        pytest.skip("no curve was measured yet")
    assert curve.matches(checkpoints.manifest()[model].sha256)
    assert curve.raw["real"] >= 2000 and curve.raw["features"] == 128
    low, high = curve.raw["floor"]["interval"]
    assert low <= 0.0 <= high or abs(curve.floor) < 0.1 * curve.point("ddim", 1)["kid"]["value"]
    for p in curve.raw["points"]:
        assert p["nfe"] == SAMPLERS[p["sampler"]].nfe(p["steps"]) * 2
        low, high = p["kid"]["interval"]
        assert low <= p["kid"]["value"] <= high
    reference = curve.point(**curve.reference)
    assert reference is not None
    assert curve.longest == reference["steps"] and "difference" not in reference
    # One step is measurably worse than the reference: otherwise N is too small to say anything.
    assert curve.point("ddim", 1)["difference"]["interval"][0] > 0


def open_curve(monkeypatch, curve):
    from helpers import ROOT
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(results, "load_quality_curve", lambda *args: curve)
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.query_params["part"] = "Measured curve"  # the title of earlier versions, as in old links
    app.session_state["guess-curve"] = "20"
    app.switch_page("pages/4_steps.py")
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def test_the_page_says_when_the_curve_is_of_earlier_weights(monkeypatch):
    assert "earlier weights" in open_curve(monkeypatch, curve_of(5, 0)).warning[0].value
    shipped = checkpoints.manifest()["emoji32"].sha256
    assert not open_curve(monkeypatch, curve_of(5, 0, weights_sha256=shipped)).warning


def test_the_sentence_on_steps_follows_from_the_paired_differences(monkeypatch):
    shipped = checkpoints.manifest()["emoji32"].sha256
    app = open_curve(monkeypatch, curve_of(50, 9, 0.5, weights_sha256=shipped))
    found = next(m.value for m in app.markdown if "You said" in m.value)
    assert "from **3 DDIM steps** on, the loss" in found and "below 10% of that of a single step" in found
    app = open_curve(monkeypatch, curve_of(50, 9, weights_sha256=shipped))
    found = next(m.value for m in app.markdown if "You said" in m.value)
    assert "up to 2 DDIM steps the loss" in found and "is not shown to be below" in found
    assert "lower KID" not in found


def test_the_page_names_the_setting_with_the_lowest_kid_where_that_is_shown_to_be_below_the_reference(
    monkeypatch,
):
    shipped = checkpoints.manifest()["emoji32"].sha256
    app = open_curve(monkeypatch, curve_of(50, -0.9, -3, -2, -0.5, weights_sha256=shipped))
    found = next(m.value for m in app.markdown if "You said" in m.value)
    assert "a lower KID than the reference, DDIM at 3 steps by most: -3000 (95 % interval" in found
    app = open_curve(monkeypatch, curve_of(50, -0.9, weights_sha256=shipped))  # its interval includes 0
    assert not any("lower KID than the reference, " in m.value for m in app.markdown)


def test_the_figure_shows_its_points_and_the_floor_at_one_scale():
    from diffviz.ui import charts
    from diffviz.ui.theme import LIGHT

    lines = {"DDIM": (0, [2, 20], [150.0, 100.0], [[140, 160], [90, 110]])}
    figure = charts.quality_curve(lines, ("NFE", "KID"), (120.0, "real images"), LIGHT)
    assert figure.layout.yaxis.type != "log"  # an annotation's place on a log axis is an exponent
    assert figure.layout.shapes[0].y0 == figure.layout.annotations[0].y == 120.0
    assert list(figure.data[0].error_y.array) == [10.0, 10.0]
    steep = charts.quality_curve(lines, ("NFE", "RMSE"), None, LIGHT, power=True)
    assert steep.layout.yaxis.type == "log" and 100 in steep.layout.yaxis.tickvals


DRAWN = [model for model in checkpoints.manifest() if results.load_blind_test(model) is not None]


@pytest.mark.parametrize("model", DRAWN)
def test_the_images_of_the_blind_test_are_of_the_shipped_weights_and_end_in_the_long_run(model):
    ladders = results.load_blind_test(model)
    assert ladders.matches(checkpoints.manifest()[model].sha256)
    assert ladders.steps == sorted(ladders.steps) and ladders.steps[-1] == 250
    side = ladders.raw["side"]
    assert ladders.sheet.shape == (len(ladders.pairs) * side, len(ladders.steps) * side, 3)
    far = [
        np.mean([np.abs(ladders.image(i, k).astype(float) - ladders.image(i, 250)).mean() for i in range(8)])
        for k in ladders.steps
    ]
    assert far == sorted(far, reverse=True) and far[-1] == 0


@pytest.mark.parametrize("model", DRAWN)
def test_a_shipped_image_of_the_blind_test_is_what_the_network_draws(model):
    ladders = results.load_blind_test(model)
    asked = ladders.pairs[0]
    run = diffviz.generate(
        asked["prompt"], style=asked["style"], seed=asked["seed"], steps=3, sampler=ladders.raw["sampler"],
        guidance=ladders.raw["guidance"], model=model,
    )  # fmt: skip
    off = np.abs(np.asarray(run.image).astype(int) - ladders.image(0, 3).astype(int))
    assert off.max() <= 2 if ladders.raw["side"] <= LOSSLESS_TO else off.mean() <= 3
    with pytest.raises(ValueError):
        ladders.image(0, 7)


def test_a_network_that_was_not_measured_has_no_file(tmp_path):
    assert results.load_result("edits", "emoji64", tmp_path) is None
    (tmp_path / "edits-emoji64.json").write_text('{"weights_sha256": "a", "n": 3}')
    found = results.load_result("edits", "emoji64", tmp_path)
    assert found.matches("a") and found.raw["n"] == 3


@pytest.mark.parametrize(
    ("interval", "found"),
    [((0, 1), "lower"), ((0, 2.5), "unclear"), ((3.5, 5), "unclear"), ((4.5, 6), "higher")],
)
def test_a_figure_has_changed_where_the_intervals_lie_apart(interval, found):
    assert results.change({"interval": [2, 4]}, {"interval": [*interval]}) == found
