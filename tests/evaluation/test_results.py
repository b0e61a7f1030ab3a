import json

import numpy as np
import pytest

import diffviz
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.models import checkpoints
from diffviz.training import eval_steps, evaluate


def line(*values):
    return [{"steps": k, "calls": k, "value": v, "interval": [v - 1, v + 1]} for k, v in enumerate(values, 1)]


def test_good_enough_is_the_first_point_that_cannot_be_told_from_the_best():
    assert results.first_within_interval(line(50, 20, 11, 10, 10.5), higher_is_better=False)["steps"] == 3
    assert results.first_within_interval(line(1, 5, 9, 10), higher_is_better=True)["steps"] == 3
    assert results.first_within_interval([], higher_is_better=True) is None


def test_near_best_is_where_the_values_stay_near_the_best():
    assert results.first_near_best(line(50, 20, 10.4, 12, 10.2, 10), higher_is_better=False)["steps"] == 5
    assert results.first_near_best(line(1, 9.6, 10), higher_is_better=True)["steps"] == 2
    assert results.first_near_best([], True) is None


def test_a_curve_of_other_weights_is_known_as_such(tmp_path):
    path = tmp_path / "steps.json"
    assert results.load_quality_curve(path) is None
    path.write_text(json.dumps({"weights_sha256": "a", "n": 3, "frechet_floor": 1.0, "points": []}))
    curve = results.load_quality_curve(path)
    assert curve.matches("a") and not curve.matches("b")


def test_the_grid_holds_every_sampler_and_only_the_full_one_the_long_runs():
    full, quick = eval_steps.grid(False), eval_steps.grid(True)
    assert {s for s, _ in full} == set(SAMPLERS) - {"euler"}
    assert max(n for _, n in full) == 100 and max(n for _, n in quick) == 50
    assert len(set(full)) == len(full)


def test_a_file_of_other_weights_or_size_is_begun_anew(tmp_path):
    path = tmp_path / "steps.json"
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


@pytest.mark.skipif(results.load_quality_curve() is None, reason="no curve was measured yet")
def test_the_shipped_curve_counts_its_calls_and_keeps_its_intervals():
    curve = results.load_quality_curve()
    assert curve.n >= 100
    for p in curve.raw["points"]:
        assert p["calls"] == SAMPLERS[p["sampler"]].nfe(p["steps"]) * 2
        low, high = p["frechet"]["interval"]
        assert low <= p["frechet"]["value"] <= high


def test_the_page_says_when_the_curve_is_of_earlier_weights(monkeypatch):
    from helpers import ROOT
    from streamlit.testing.v1 import AppTest

    point = {"value": 5.0, "interval": [4.0, 6.0]}
    raw = {
        "weights_sha256": "of earlier weights", "n": 10, "real": 5, "guidance": 3.0, "frechet_floor": 1.0,
        "reference": {"sampler": "dpmpp_2m", "steps": 250},
        "points": [{"sampler": "ddim", "steps": 5, "calls": 10, "frechet": point, "subgroup_top1": point,
                    "precision": 0.5, "recall": 0.5, "distance": point}],
    }  # fmt: skip

    def opened(sha256):
        monkeypatch.setattr(
            results, "load_quality_curve", lambda: results.QualityCurve({**raw, "weights_sha256": sha256})
        )
        app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
        app.query_params["part"] = "Measured curve"
        app.session_state["guess-curve"] = "20"
        app.switch_page("pages/4_steps.py")
        app.run()
        assert not app.exception, [e.value for e in app.exception]
        return app

    assert "earlier weights" in opened("of earlier weights").warning[0].value
    now = opened(checkpoints.manifest()["emoji32"].sha256)
    assert not now.warning
    assert any("from **5 steps** on" in m.value for m in now.markdown)


def test_the_figure_shows_its_points_and_the_floor_at_one_scale():
    from diffviz.ui import charts
    from diffviz.ui.theme import LIGHT

    lines = {"DDIM": (0, [2, 20], [150.0, 100.0], [[140, 160], [90, 110]])}
    figure = charts.quality_curve(lines, ("calls", "distance"), 120.0, LIGHT)
    assert figure.layout.yaxis.type != "log"  # an annotation's place on a log axis is an exponent
    assert figure.layout.shapes[0].y0 == figure.layout.annotations[0].y == 120.0
    assert list(figure.data[0].error_y.array) == [10.0, 10.0]
    steep = charts.quality_curve(lines, ("calls", "distance"), None, LIGHT, power=True)
    assert steep.layout.yaxis.type == "log" and 100 in steep.layout.yaxis.tickvals


@pytest.mark.skipif(results.load_blind_test() is None, reason="no ladders were drawn yet")
def test_the_pictures_of_the_blind_test_are_of_the_shipped_weights_and_end_in_the_long_run():
    ladders = results.load_blind_test()
    assert ladders.matches(checkpoints.manifest()[checkpoints.QUICK].sha256)
    assert ladders.steps == sorted(ladders.steps) and ladders.steps[-1] == 250
    side = ladders.raw["side"]
    assert ladders.sheet.shape == (len(ladders.pairs) * side, len(ladders.steps) * side, 3)
    far = [
        np.mean([np.abs(ladders.image(i, k).astype(float) - ladders.image(i, 250)).mean() for i in range(8)])
        for k in ladders.steps
    ]
    assert far == sorted(far, reverse=True) and far[-1] == 0


def test_a_shipped_picture_of_the_blind_test_is_what_the_network_draws():
    ladders = results.load_blind_test()
    asked = ladders.pairs[0]
    run = diffviz.generate(
        asked["prompt"], style=asked["style"], seed=asked["seed"], steps=3, sampler=ladders.raw["sampler"],
        guidance=ladders.raw["guidance"], model=checkpoints.QUICK,
    )  # fmt: skip
    shown = ladders.image(0, 3).astype(int)
    assert np.abs(np.asarray(run.image).astype(int) - shown).max() <= 2
    with pytest.raises(ValueError):
        ladders.image(0, 7)


def test_a_network_that_was_not_measured_has_no_file(tmp_path):
    assert results.load_result("edits", "emoji64", tmp_path) is None
    (tmp_path / "edits-emoji64.json").write_text('{"weights_sha256": "a", "n": 3}')
    found = results.load_result("edits", "emoji64", tmp_path)
    assert found.matches("a") and found.raw["n"] == 3
