"""Latents looked at, changed by hand, mixed and diffused; costs counted; and a pipeline's parts changed one at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers import make_tiny, make_tiny_latent

from diffviz.analysis import latent_cost, latents, pipeline_parts, unet_probe
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging.pixels import to_uint8
from diffviz.models.denoiser import Denoiser
from diffviz.models.unet import UNetConfig
from diffviz.pipelines.text_to_image import Settings, sample_steps

QUICK = Settings(prompt="red apple", style="noto", steps=6, sampler="ddim", guidance=2.0)


@pytest.fixture(scope="module")
def latent() -> Denoiser:
    """An untrained latent network of a few thousand weights with an untrained autoencoder: images of 64 pixels a side."""
    return make_tiny_latent(mean=0.0, std=1.0)


def image(seed: int = 0, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def test_a_reconstruction_says_what_was_lost_and_how_many_numbers_are_left(latent):
    found = latents.reconstruct(latent.autoencoder, image())
    assert found.numbers == (64 * 64 * 3, 4 * 8 * 8)
    assert found.psnr == pytest.approx(20 * np.log10(2 / found.rmse))
    same = dataclasses.replace(found, decoded=found.image)
    assert same.rmse == 0 and np.isinf(same.psnr) and (same.difference == 128).all()


def test_an_image_whose_sides_are_no_multiple_of_eight_is_refused(latent):
    with pytest.raises(ValueError, match="multiples of 8"):
        latents.reconstruct(latent.autoencoder, image(side=60))


def test_one_value_moved_changes_that_value_alone():
    z = np.zeros((4, 8, 8), np.float32)
    after = latents.moved(z, 2, 3, 5, 1.5)
    assert after[2, 3, 5] == 1.5 and np.count_nonzero(after) == 1 and not z.any()


def test_a_patch_is_swapped_in_every_channel_and_nowhere_else():
    z, other = np.zeros((4, 8, 8), np.float32), np.ones((4, 8, 8), np.float32)
    after = latents.swapped(z, other, 2, 4, 3)
    assert after.sum() == 4 * 3 * 3 and after[:, 2:5, 4:7].all()
    edge = latents.swapped(z, other, 7, 6, 3)
    assert edge.sum() == 4 * 3 * 3 and edge[:, 5:, 5:].all()


def test_the_reach_of_a_change_counts_pixels_and_patches():
    before = np.zeros((64, 64, 3), np.uint8)
    after = before.copy()
    after[0, 0], after[0, 8:10, 1] = 200, 9
    after[40, 40] = 7  # too little to be seen
    assert latents.reach(before, after) == (3, 2)


def test_half_way_on_the_sphere_noise_is_as_long_as_noise_and_a_mean_is_not():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 16, 16)).astype(np.float32)
    length = (np.linalg.norm(a) + np.linalg.norm(b)) / 2
    assert np.linalg.norm(latents.slerp(a, b, 0.5)) == pytest.approx(length, rel=1e-4)
    assert np.linalg.norm(latents.lerp(a, b, 0.5)) == pytest.approx(length / np.sqrt(2), rel=0.05)
    for mix in (latents.slerp, latents.lerp):
        assert np.allclose(mix(a, b, 0.0), a, atol=1e-5) and np.allclose(mix(a, b, 1.0), b, atol=1e-5)
    assert np.allclose(latents.slerp(a, a, 0.3), a, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 3, 0.1])
def test_on_the_sphere_there_is_no_way_between_opposite_noises_or_from_none(scale):
    a = np.random.default_rng(0).normal(size=(4, 16, 16)).astype(np.float32)
    assert np.allclose(latents.slerp(a, scale * a, 0.5), (1 + scale) / 2 * a, atol=1e-5)
    with pytest.raises(ValueError, match="opposite ways"):
        latents.slerp(a, np.float32(-scale) * a, 0.5)
    for pair in ((a, 0 * a), (0 * a, a)):
        with pytest.raises(ValueError, match="zeros"):
            latents.slerp(*pair, 0.5)


def test_weights_go_from_0_to_1_and_a_single_one_is_0():
    assert latents.weights(5) == [0, 0.25, 0.5, 0.75, 1] and latents.weights(1) == [0]


def test_channels_are_drawn_side_by_side_without_losing_one():
    z = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 4, 4), np.float32) - 2
    sheet = latents.channel_sheet(z, 3)
    assert sheet.shape == (9, 14, 3)
    greys = [sheet[0, 0, 0], sheet[0, 5, 0], sheet[0, 10, 0], sheet[5, 0, 0], sheet[5, 5, 0]]
    assert greys == sorted(greys) and len(set(greys)) == 5
    assert latents.square_sheet(z[None], 64).shape == (1, 64, 64, 3)


def test_the_forward_process_starts_at_the_image_in_pixels_and_at_its_decoding_in_latents(latent):
    picture = image()
    found = latents.forward_in_both(latent.autoencoder, picture, SCHEDULES["cosine"], frames=5)
    assert (found.pixels[0] == picture).all()
    assert (found.decoded[0] == latents.reconstruct(latent.autoencoder, picture).decoded).all()
    assert found.z.shape == (5, 4, 8, 8) and (np.diff(found.log_snr) < 0).all()
    assert found.z[-1].std() == pytest.approx(1, abs=0.1)


def test_the_ends_of_an_interpolation_are_the_two_runs_themselves(latent):
    def alone(**changes) -> np.ndarray:
        return pipeline_parts.run(dataclasses.replace(QUICK, **changes), latent).image

    def near(a: np.ndarray, b: np.ndarray) -> bool:  # a batch sums in another order
        return bool(np.abs(a.astype(int) - b.astype(int)).max() <= 1)

    for sphere in (True, False):
        between = latents.between_noises(QUICK, 5, latent, 3, sphere=sphere)
        assert near(between[0], alone()) and near(between[-1], alone(seed=5))
    between = latents.between_prompts(QUICK, "cat", latent, 3)
    assert near(between[0], alone()) and near(between[-1], alone(prompt="cat"))


# --- cost ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_convolution_counts_two_operations_for_each_weight_and_place():
    net = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
    assert latent_cost.count_flops(net, torch.zeros(1, 3, 8, 8)) == 2 * 8 * 8 * 5 * 3 * 9


def test_operations_counted_without_memory_are_those_of_the_network_that_runs(latent):
    config = latent.net.config
    counted = latent_cost.unet_flops(config, batch=2)
    tokens = torch.zeros(2, 12, dtype=torch.long)
    real = latent_cost.count_flops(latent.net, torch.zeros(2, 4, 8, 8), torch.zeros(2), tokens)
    assert counted == pytest.approx(real, rel=0.02)  # on a CPU torch's counter leaves attention out


def test_the_factor_is_all_steps_in_pixels_over_all_steps_in_latents_and_one_decoding():
    cost = latent_cost.Cost(128, pixel_step=100, latent_step=20, decode=50, steps=10)
    assert cost.factor == 1000 / 250


@pytest.mark.slow
def test_cost_grows_with_resolution_and_decoding_happens_once(latent):
    pixel = UNetConfig(size=16, channels=(16, 16), attention_blocks=1, heads=2, text_dim=16, n_tokens=10)
    rows = latent_cost.cost_by_resolution(
        pixel, latent.net.config, latent.autoencoder.config, steps=4, sizes=(32, 64)
    )
    assert [r.size for r in rows] == [32, 64]
    assert rows[1].pixel_step > 3.9 * rows[0].pixel_step and rows[1].decode > 3.9 * rows[0].decode
    assert rows[0].latents == 4 * rows[0].latent_step + rows[0].decode


def test_timing_takes_calls_in_turn():
    order: list[str] = []
    latent_cost.timed([lambda: order.append("a"), lambda: order.append("b")], rounds=2)
    assert order == ["a", "b", "a", "b", "a", "b"]


# --- parts --------------------------------------------------------------------------------------------------


def test_an_unchanged_run_gives_what_every_part_gave(latent):
    found = pipeline_parts.run(QUICK, latent)
    assert [t.text for t in found.tokens] == ["style: noto", "red", "apple"]
    assert found.embeddings.shape == (3, 16) and found.pooled.shape == (16,)
    assert found.noise.shape == (4, 8, 8) and len(found.steps) == QUICK.steps + 1
    assert (found.image == latents.decode(latent.autoencoder, found.latents)).all()


def test_the_nearest_words_of_a_token_are_other_words_in_order_of_their_cosine(latent):
    token = pipeline_parts.run(QUICK, latent).tokens[1]
    cosines = [cosine for _, cosine in token.nearest]
    assert "red" not in dict(token.nearest) and cosines == sorted(cosines, reverse=True)


@pytest.mark.parametrize(("part", "change"), [(p, c) for p, cs in pipeline_parts.CHANGES.items() for c in cs])
def test_every_change_changes_the_run_but_for_the_order_of_words(latent, part, change):
    healthy, changed = pipeline_parts.run(QUICK, latent), pipeline_parts.run(QUICK, latent, change)
    same = np.allclose(healthy.latents, changed.latents, atol=1e-5)
    if part == "decoder":
        assert same and (healthy.image != changed.image).any()
    else:  # the encoder has no positions: of another order of words only sums in another order are left
        assert same == (change == "words in reverse order")


def test_without_the_prompt_the_style_stays(latent):
    style = latent.vocabulary.styles[0]
    styled = dataclasses.replace(QUICK, style=style)
    assert pipeline_parts.run(styled, latent, "no prompt").tokens[0].text == f"style: {style}"


def test_a_change_leaves_the_network_that_others_use_as_it_is(latent):
    before = pipeline_parts.run(QUICK, latent).image
    pipeline_parts.run(QUICK, latent, "no cross-attention")
    assert (pipeline_parts.run(QUICK, latent).image == before).all()


def test_without_cross_attention_the_words_still_reach_the_network_by_their_mean(latent):
    tiny = unet_probe.switched(latent, unet_probe.Switches(cross_attention=False))
    first, second = (
        pipeline_parts.run(dataclasses.replace(QUICK, prompt=p), tiny).image for p in ("cat", "dog")
    )
    assert (first != second).any()


def test_a_change_that_does_not_exist_is_refused(latent):
    with pytest.raises(ValueError, match="no such change"):
        pipeline_parts.run(QUICK, latent, "more magic")


def test_a_network_on_pixels_has_no_decoder_to_change():
    with pytest.raises(ValueError, match="no decoder"):
        pipeline_parts.decoder_of(make_tiny(), "left out")


def test_every_blocked_word_and_label_is_one_that_can_be_asked_for():
    from diffviz.models import checkpoints

    vocabulary = checkpoints.vocabulary()
    assert all(vocabulary.knows(word) for word in pipeline_parts.BLOCKED_WORDS)
    assert {label["label"] for label in vocabulary.labels} >= pipeline_parts.BLOCKED_LABELS


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_the_first_of_the_samples_between_two_noises_is_that_of_the_seed(latent, sampler):
    settings = Settings("red heart", "noto", seed=3, steps=3, sampler=sampler)
    between = latents.between_noises(settings, 4, latent, 3, sphere=True)
    *_, alone = sample_steps(settings, latent)
    own = to_uint8(latent.decode(alone.x).numpy())[0]
    assert np.abs(between[0].astype(int) - own).max() <= 1
