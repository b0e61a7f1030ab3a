"""Comparisons of recipes: each changes what it says, and the same image of the error measures them all."""

import pytest
import torch
from helpers import make_tiny, tiny_data

from diffviz.diffusion.process import v_from_x0_eps
from diffviz.models.unet import UNet, UNetConfig
from diffviz.training import ablations
from diffviz.training.data import Dataset
from diffviz.training.model_card import tables


def test_a_network_that_knows_x0_predicts_v_exactly():
    x0, eps, angle = torch.rand(2, 3, 8, 8), torch.randn(2, 3, 8, 8), torch.tensor([0.4, 1.2])
    alpha, sigma = angle.cos().view(-1, 1, 1, 1), angle.sin().view(-1, 1, 1, 1)
    told = ablations.XPrediction(lambda x, angle, tokens: x0)
    v_hat = told(alpha * x0 + sigma * eps, angle, torch.ones(2, 3))
    assert torch.allclose(v_hat, v_from_x0_eps(x0, eps, alpha, sigma), atol=1e-5)


def test_min_snr_weighs_low_noise_no_more_than_its_cap():
    t = torch.linspace(0.02, 0.98, 49).double()
    snr = ablations.train.SCHEDULES["cosine"].log_snr(t).exp()
    in_x0 = ablations.min_snr(t).double() * (snr + 1)  # the weight that the error of x0 gets
    assert in_x0.max() / in_x0[-1] == pytest.approx(float(5 / snr[-1]), rel=1e-3)
    assert float(ablations.min_snr(t).mean()) == pytest.approx(1, abs=1e-5)


def test_logit_normal_times_crowd_in_the_middle_and_stay_inside():
    t = ablations.logit_normal((torch.arange(1000).double() + 0.5) / 1000)
    assert t.min() > 0 and t.max() < 1
    assert ((t > 0.25) & (t < 0.75)).double().mean() > 0.7
    assert t.mean() == pytest.approx(0.5, abs=1e-6)


def test_two_layers_on_the_words_begin_as_the_plain_encoder():
    net = UNet(UNetConfig(size=16, channels=(8, 8), n_tokens=20))
    tokens = torch.tensor([[3, 8, 9, 0], [3, 1, 0, 0]])
    before = net.text(tokens)
    after = ablations.deep_text(net).text(tokens)
    for a, b in zip(before, after, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "min-snr", "logit-normal", "adamw", "x-prediction", "deep-text"])
def test_every_way_of_learning_runs_and_changes_the_weights(tmp_path, name):
    variant = ablations.RECIPES[name]
    small = ablations.Variant(
        variant.what,
        {"batch": 4, "channels": (8,) if name == "x-prediction" else (8, 8)},
        variant.config,
        variant.wrap,
        variant.weight,
        variant.times,
        variant.optimizer,
    )
    data = Dataset.load(tiny_data(tmp_path / "data.npz"))
    found = ablations.train_variant(small, data, make_tiny().vocabulary, images=40, minutes=0)
    assert found["images"] == 40
    assert found["heldout_loss"] > 0 and found["training_loss"] > 0


def row(what, loss):
    return {
        "what": what,
        "images": 100,
        "heldout_loss": loss,
        "training_loss": loss,
        "images_per_cpu_second": 90.0,
        "million_weights": 5.0,
    }


def test_recipes_are_listed_best_first_against_both_plain_seeds():
    found = {"plain": row("plain", 0.10), "plain-again": row("again", 0.12), "x": row("other", 0.055)}
    lines = tables.recipes_table(found)[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| other", "| plain", "| again"]
    assert "-50.0%" in lines[0]


def test_runs_of_another_length_are_made_again_and_finished_ones_kept():
    found = {
        "48-48-128": {"images": 500, "cpu_minutes": 6.0},
        "64-64-192": {"images": 90, "cpu_minutes": 60.01},
    }
    assert ablations.missing(ablations.SIZES, found, 0, 60) == ["48-48-128", "96-96-256", "64-64-192-begun"]
    assert "48-48-128" not in ablations.missing(ablations.SIZES, found, 0, 6)
    assert "64-64-192" in ablations.missing(ablations.SIZES, found, 100, 0)


def test_sizes_are_named_by_their_channels():
    lines = tables.sizes_table({"64-64-192-begun": row("begun", 0.1)})
    assert "| 64, 64, 192 | begun | 5.0 million" in lines[-1]


@pytest.mark.slow
def test_guidance_trained_in_comes_nearer_to_the_guided_answer(tmp_path, monkeypatch):
    tiny = make_tiny()
    monkeypatch.setattr(ablations.checkpoints, "load", lambda name: tiny)
    data = Dataset.load(tiny_data(tmp_path / "data.npz"))
    student = ablations.distill_guidance(data, tiny.vocabulary, images=48 * 60)
    x, angle = torch.randn(16, 3, 16, 16), torch.linspace(0.1, 1.5, 16)
    words = torch.tensor([tiny.vocabulary.encode("cat face", "noto")] * 16)
    nothing = torch.tensor([tiny.vocabulary.encode("", None)] * 16)
    with torch.inference_mode():
        with_words, without = tiny.net(x, angle, words), tiny.net(x, angle, nothing)
        wanted = without + 3 * (with_words - without)
        before, after = (float((v - wanted).pow(2).mean()) for v in (with_words, student(x, angle, words)))
    assert after < before / 2


def test_the_guided_table_says_how_many_calls_a_step_takes():
    part = {"subgroup_top1": 1.0, "label_top5": 0.9, "kid": {"value": 0.012, "interval": [0.01, 0.02]}}
    found = {
        "without": part | {"calls": 1},
        "two calls": part | {"calls": 2},
        "trained in": part | {"calls": 1},
    }
    lines = tables.guided_table(found)[2:]
    assert [line.split(" | ")[1] for line in lines] == ["1", "2", "1"]
    assert all("12.0 (10.0 to 20.0)" in line for line in lines)  # in thousandths
