"""Guidance scales against agreement with the caption and KID: the command, its files, and what is said of them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import make_tiny, tiny_data

from diffviz.evaluation import results
from diffviz.models import checkpoints
from diffviz.training import eval_guidance, eval_steps
from diffviz.training.model_card import tables
from diffviz.ui import charts, theme
from diffviz.ui.lessons import guidance


class Classifier:
    """Sees label and subgroup 1 in bright images, 0 in dark ones."""

    subgroups = ("fruit", "mammal")

    def predict(self, images):
        bright = (images.mean((1, 2, 3)) > 0).long()
        scores = torch.nn.functional.one_hot(bright, 8).float()
        return scores, scores[:, :2], images.mean((2, 3))


@pytest.fixture(scope="module")
def measured():
    """Four scales over 40 images: the images of w = 1 and 1.5 are the same, those of 7 bright, far from the real ones."""
    rng = np.random.default_rng(0)
    dark = rng.uniform(-1, 0.9, (40, 3, 4, 4)).astype(np.float32)
    images = {1.0: dark, 1.5: dark, 3.0: dark[::-1].copy(), 7.0: dark + 3}
    studies = {w: SimpleNamespace(images=lambda point, n, w=w: images[w][:n]) for w in images}
    real = dark.mean((2, 3)) + rng.normal(0, 0.01, (40, 3))
    scorer = eval_steps.ImageScorer(Classifier(), 1.0, real, real[::-1], np.ones(40, int))
    return eval_guidance.measure(studies, scorer, ("unipc", 12), np.ones(40, int), 32)


def test_every_scale_has_its_kid_its_agreement_and_its_difference_to_no_guidance(measured):
    one, same, _, far = measured["scales"]
    assert [row["guidance"] for row in measured["scales"]] == [1.0, 1.5, 3.0, 7.0]
    assert "difference" not in one and same["difference"] == {"value": 0, "interval": [0, 0]}
    assert far["difference"]["interval"][0] > 0
    assert far["kid"]["value"] - one["kid"]["value"] == pytest.approx(far["difference"]["value"], abs=1e-6)
    assert far["label_top1"]["value"] == far["subgroup_top1"]["value"] == 1 > one["label_top1"]["value"]
    assert one["nfe"] * 2 == far["nfe"]  # a guided step evaluates twice
    low, high = measured["floor"]["interval"]
    assert low <= measured["floor"]["value"] <= high


def test_the_sentence_follows_from_the_paired_intervals(measured):
    sweep = results.GuidanceSweep(measured)
    assert sweep.best("label_top1") == sweep.best("kid") == [7]
    assert 7 not in sweep.best("kid", lowest=True)
    tied = results.GuidanceSweep(
        {"scales": [{"guidance": w, "kid": {"value": k}} for w, k in ((1, 2), (3, 5), (4, 5))]}
    )
    assert tied.best("kid") == [3, 4] and tied.best("kid", lowest=True) == [1]
    found = sweep.against_unguided()
    assert found["higher"] == [7] and 1.5 in found["unclear"]
    said = guidance._against_unguided(sweep)
    assert "higher at w = 7;" in said and "no difference is shown at w = 1.5" in said


def test_the_card_has_a_line_for_every_scale(measured):
    head, rule, *lines = tables.guidance_table(measured)
    assert len(lines) == 4 and lines[0].endswith("| – |") and lines[1].endswith("| 0.0 (0.0 to 0.0) |")
    assert {line.count("|") for line in (head, rule, *lines)} == {7}


def test_the_command_samples_every_scale_once_and_states_how_it_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "load", lambda name: make_tiny())
    monkeypatch.setattr(eval_steps.classifier, "load", lambda path: Classifier())
    monkeypatch.setattr(eval_steps, "FULL_N", 32)
    monkeypatch.setattr(eval_guidance, "SCALES", (1.0, 3.0))
    monkeypatch.setattr(eval_guidance, "POINT", ("unipc", 2))
    out = tmp_path / "guidance.json"
    eval_guidance.main(["--n", "32", "--data", str(tiny_data(tmp_path / "data.npz", 120)), "--out", str(out),
                        "--cache", str(tmp_path)])  # fmt: skip
    found = json.loads(out.read_text())
    assert [row["guidance"] for row in found["scales"]] == [1.0, 3.0] and found["n"] == 32
    assert len(list(tmp_path.glob("steps-emoji32-*-w*/unipc-2/0000.npy"))) == 2


@pytest.mark.parametrize("n", ["31", "0", "2048", "many"])
def test_a_number_of_images_that_is_no_number_of_blocks_is_refused(n, capsys):
    with pytest.raises(SystemExit):
        eval_guidance.main(["--n", n])
    assert "--n" in capsys.readouterr().err


@pytest.mark.parametrize("model", eval_steps.STEPS)
def test_the_shipped_figures_are_of_the_shipped_weights_by_enough_real_images(model):
    found = results.load_result("guidance", model)
    if found is None:
        pytest.skip("the scales were not measured yet")
    assert found.matches(checkpoints.manifest()[model].sha256)
    sweep = results.GuidanceSweep(found.raw)
    assert [row["guidance"] for row in sweep.scales] == list(eval_guidance.SCALES)
    assert found.raw["real"] >= 2000 and found.raw["n"] >= 64
    for row in sweep.scales:
        low, high = row["kid"]["interval"]
        assert low <= row["kid"]["value"] <= high


def test_the_chart_has_bars_to_the_ends_of_the_intervals_and_the_real_images_as_a_line():
    figure = charts.guidance_tradeoff(
        [1, 3], ([0.5, 0.9], [[0.4, 0.6], [0.8, 1.0]]), ([20, 10], [[15, 30], [5, 15]]), 1.5, theme.LIGHT
    )
    agreement, kid, floor = figure.data
    assert list(agreement.error_y.array) == pytest.approx([0.1, 0.1])
    assert list(kid.error_y.array) == [10, 5] and list(kid.error_y.arrayminus) == [5, 5]
    assert list(floor.y) == [1.5, 1.5]
