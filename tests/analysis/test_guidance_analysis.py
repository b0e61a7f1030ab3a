"""Guidance analyzed: the two predictions, scales, intervals, prompt ablation, attention maps."""

import dataclasses

import numpy as np
import pytest
import torch

from diffviz.analysis import guidance_analysis
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.models import checkpoints, classifier
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings, sample_steps, sample_trajectory

QUICK = Settings("red heart", "noto", seed=2, steps=5, guidance=3.0, model=checkpoints.QUICK)


@pytest.fixture(scope="module")
def label_classifier():
    return classifier.load(ASSETS / "classifier32.safetensors")


@pytest.mark.parametrize("negative", ["", "blue"])
def test_the_two_predictions_make_the_guided_one_that_was_used(negative):
    settings = dataclasses.replace(QUICK, negative=negative)
    run = sample_trajectory(settings)
    both = guidance_analysis.cond_uncond(run, settings, checkpoints.load(settings.model))
    guided = both.uncond + settings.guidance * (both.cond - both.uncond)
    assert guided.shape == run.x0[:-1].shape
    assert np.allclose(guided.clip(-1, 1), run.x0[:-1], atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("negative", ["", "blue"])
def test_a_guided_trajectory_gives_the_two_predictions_at_each_of_its_states(sampler, negative):
    settings = dataclasses.replace(QUICK, sampler=sampler, negative=negative, steps=3)
    found = guidance_analysis.recorded_predictions(list(sample_steps(settings)))
    both = guidance_analysis.cond_uncond(
        sample_trajectory(settings), settings, checkpoints.load(settings.model)
    )
    assert np.allclose(found.cond, both.cond, atol=1e-4) and np.allclose(found.uncond, both.uncond, atol=1e-4)


def test_nothing_is_recorded_without_guidance_or_before_a_step():
    for more in ({"guidance": 1.0}, {"interval": (0.5, 1.0)}):
        steps = list(sample_steps(dataclasses.replace(QUICK, **more)))
        assert guidance_analysis.recorded_predictions(steps) is None
    first = next(sample_steps(QUICK))
    assert guidance_analysis.recorded_predictions([first]) is None
    assert guidance_analysis.recorded_predictions([]) is None


def test_without_prompt_and_style_the_two_predictions_are_one():
    settings = dataclasses.replace(QUICK, prompt="", style="")
    both = guidance_analysis.cond_uncond(
        sample_trajectory(settings), settings, checkpoints.load(settings.model)
    )
    assert both.difference == pytest.approx(0, abs=1e-5)


def test_guidance_is_the_difference_times_the_scale_where_nothing_is_clipped():
    predictions = guidance_analysis.CondUncond(np.full((2, 3, 4, 4), 0.2), np.full((2, 3, 4, 4), 0.1))
    assert predictions.difference == pytest.approx(0.1)
    assert predictions.guided_difference(np.full((2, 3, 4, 4), 0.4)) == pytest.approx(0.3)


def test_the_guided_prediction_is_clipped_where_the_extrapolation_leaves_the_range_of_images():
    predictions = guidance_analysis.CondUncond(np.full((1, 3, 2, 2), 0.8), np.full((1, 3, 2, 2), 0.2))
    assert predictions.clipped(1.0) == predictions.clipped(1.3) == 0  # 0.8 and 0.98
    assert predictions.clipped(1.5) == 1  # 1.1


@pytest.mark.slow
def test_at_the_default_scale_the_first_guided_prediction_is_clipped_and_no_average():
    """What made "the guess is an average of everything it could be" wrong: measured at the first of 30 steps."""
    settings = Settings("cat face", "noto", seed=0, steps=30, model=checkpoints.QUICK)
    run = sample_trajectory(settings)
    both = guidance_analysis.cond_uncond(run, settings, checkpoints.load(settings.model))
    assert both.clipped(settings.guidance)[0] > 0.1
    assert both.clipped(1.0).max() == 0


def test_attention_weights_add_up_and_leave_the_shared_network_alone():
    denoiser = checkpoints.load(QUICK.model)
    run = sample_trajectory(QUICK)
    shares = guidance_analysis.cross_attention_maps(run, QUICK, denoiser)
    assert shares.shape == (QUICK.steps, 3, 8, 8)  # style, red, heart
    assert shares.sum(1) == pytest.approx(1, abs=1e-5)
    assert not any(block.cross_attention._forward_hooks for block in denoiser.net.middle)


def test_looking_at_attention_copies_no_weights(monkeypatch):
    run, copied = sample_trajectory(QUICK), []
    real = torch.Tensor.__deepcopy__
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", lambda t, memo: copied.append(t.shape) or real(t, memo))
    monkeypatch.setattr(
        torch.nn.Parameter, "__deepcopy__", lambda p, memo: copied.append(p.shape) or real(p, memo)
    )
    guidance_analysis.cross_attention_maps(run, QUICK, checkpoints.load(QUICK.model))
    assert not copied


def test_every_scale_is_drawn_from_the_same_seeds():
    rows = list(guidance_analysis.at_scales(QUICK, [4, 5], (1.0, 3.0)))
    assert [r.shape for r in rows] == [(2, 3, 32, 32)] * 2
    alone = sample_trajectory(dataclasses.replace(QUICK, seed=5)).x[-1]
    assert np.allclose(rows[1][1], alone, atol=1e-4)
    assert not np.allclose(rows[0], rows[1], atol=0.01)


@pytest.mark.parametrize("steps", [3, 12, 30])
def test_thirds_make_up_the_whole_trajectory_between_them(steps):
    ways = guidance_analysis.interval_variants(dataclasses.replace(QUICK, steps=steps))
    twice = {name: way.nfe - ways["never"].nfe for name, way in ways.items()}
    assert [twice[third] for third in guidance_analysis.THIRDS] == [steps // 3] * 3 and twice[
        "always"
    ] == steps
    assert list(ways) == ["always", *guidance_analysis.THIRDS, "never"]


def test_classifier_guidance_raises_the_probability_and_is_refused_an_unknown_label(label_classifier):
    images = [
        guidance_analysis.sample_with_classifier(QUICK, [4, 5], label_classifier, "cat face", scale)
        for scale in (0.0, 10.0)
    ]
    sure = [guidance_analysis.class_probability(p, label_classifier, "cat face") for p in images]
    assert sure[0].shape == (2,) and (sure[1] > sure[0]).all()
    without = sample_trajectory(dataclasses.replace(QUICK, prompt="", guidance=1.0, seed=5)).x[-1]
    assert np.allclose(images[0][1], without, atol=1e-3)
    with pytest.raises(ValueError, match="no label"):
        label_classifier.log_p("qwertz")


def test_feature_similarity_is_one_for_the_same_image_and_less_for_others(label_classifier):
    noise = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)).numpy() * 2 - 1
    same = np.repeat(noise[:1], 3, axis=0)
    assert guidance_analysis.feature_similarity(same, label_classifier) == pytest.approx(1, abs=1e-4)
    drawn = np.stack(
        [sample_trajectory(dataclasses.replace(QUICK, prompt=p)).x[-1] for p in ("red heart", "cat face")]
    )
    assert guidance_analysis.feature_similarity(drawn, label_classifier) < 0.9


def test_greys_have_no_colour_and_red_has_all_of_it():
    grey, red = np.zeros((2, 3, 4, 4)), np.full((1, 3, 4, 4), -1.0)
    red[:, 0] = 1
    assert guidance_analysis.colourfulness(grey) == 0
    assert guidance_analysis.colourfulness(red) == 1


def test_words_are_left_out_one_at_a_time_and_unknown_ones_are_not_counted():
    vocabulary = checkpoints.load(checkpoints.QUICK).vocabulary
    assert guidance_analysis.leave_one_word_out("smiling cat, qwertz", vocabulary) == [
        ("smiling", "cat"),
        ("cat", "smiling"),
    ]
    assert guidance_analysis.leave_one_word_out("", vocabulary) == []
