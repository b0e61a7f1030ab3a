"""Trajectories, edits and captions of a network in latents: what is decoded, and what is said of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers import make_tiny, make_tiny_latent

from diffviz.analysis import frame_captions
from diffviz.analysis.guidance_analysis import sample_with_classifier
from diffviz.analysis.spaces import LATENTS, PIXELS, space_of
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging.pixels import from_uint8
from diffviz.models import checkpoints
from diffviz.pipelines import editing
from diffviz.pipelines.editing import Img2ImgSettings, InpaintSettings
from diffviz.pipelines.text_to_image import Settings, sample_images, sample_trajectory
from diffviz.pipelines.trajectory import record

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
MASK = np.zeros((64, 64), np.uint8)
MASK[20:30, 20:30] = 1


@pytest.fixture(scope="module")
def latent():
    return make_tiny_latent()


@pytest.fixture
def loaded(latent, monkeypatch):
    monkeypatch.setattr(checkpoints, "load", lambda name=checkpoints.DEFAULT: latent)
    return latent


def sampled(denoiser, **settings):
    return sample_trajectory(Settings("cat", "noto", **{"steps": 4, **settings}), denoiser)


def counting(run):
    """The run, and a list of the (panel, number of frames) that it decodes from now on."""
    asked, decode = [], run.decode

    def counted(panel, states):
        asked.append((panel, len(states)))
        return decode(panel, states)

    return dataclasses.replace(run, decode=counted, decoded={}), asked


def test_only_the_frames_asked_for_are_decoded_and_each_once(latent):
    run, asked = counting(sampled(latent))
    assert run.image.size == (64, 64) and asked == [("final", 1)]
    assert run.frames("x0", [0, 2]).shape == (2, 64, 64, 3)
    run.frames("x0", [0, 1, 2])
    run.images("x0", [1])
    assert asked == [("final", 1), ("x0", 2), ("x0", 1)]
    assert np.array_equal(run.frames("x")[-1], np.asarray(run.image))
    assert asked[3:] == [("x", 4)]


def test_no_frames_are_no_images_in_latents_as_in_pixels(latent, tiny):
    for denoiser, size in ((latent, 64), (tiny, 16)):
        run = sampled(denoiser)
        for panel in ("x", "x0", "eps"):
            assert run.frames(panel, []).shape == (0, size, size, 3)


def test_a_copy_of_a_run_shares_what_was_decoded(latent):
    run, asked = counting(sampled(latent))
    run.frames("x0")
    dataclasses.replace(run, x=run.x.copy()).frames("x0")
    assert asked == [("x0", 5)]


def test_images_of_a_run_are_its_states_decoded_to_a_level(latent):
    run = sampled(latent)
    wanted = latent.decode(torch.from_numpy(run.x0)).numpy()
    assert np.abs(run.images("x0") - wanted).max() <= 1 / 255 + 1e-6
    assert run.final.shape == (3, 64, 64)


@pytest.mark.parametrize(("steps", "shown"), [(60, 61), (61, 32), (250, 51)])
def test_of_a_long_run_in_latents_some_frames_are_shown_the_first_and_the_last_among_them(
    steps, shown, latent
):
    x = np.zeros((steps + 1, 4, 8, 8), np.float32)
    run = dataclasses.replace(sampled(latent), x=x, x0=x, eps=x, t=np.linspace(1, 0, steps + 1))
    at = frame_captions.shown_frames(run)
    assert len(at) == shown and at[0] == 0 and at[-1] == steps
    assert len(frame_captions.shown_frames(dataclasses.replace(run, decode=None))) == steps + 1


def test_captions_of_guided_latents_say_that_nothing_is_clipped_and_those_of_pixels_what_is(latent):
    in_latents = frame_captions.reverse_captions(sampled(latent, guidance=3.0))
    in_pixels = frame_captions.reverse_captions(sampled(make_tiny(), guidance=3.0))
    assert all("Nothing is clipped" in text and "ẑ₀" in text for text in in_latents[:-1])
    assert not any(word in text for text in in_latents for word in ("x̂₀", "xₜ", "at −1 or 1", ", clipped"))
    assert all("Guidance and clipping hold" in text for text in in_pixels[:-1])
    assert "decoded" in in_latents[-1] and "decoded" not in in_pixels[-1]


def test_how_near_the_image_is_is_told_of_decoded_images(latent):
    run = sampled(latent)
    done = frame_captions.convergence(run)
    decoded = dataclasses.replace(run, x=run.images("x"), x0=run.images("x0"), decode=None, decoded={})
    wanted = frame_captions.convergence(decoded)
    assert np.allclose(done.layout, wanted.layout) and np.allclose(done.detail, wanted.detail)
    assert not np.allclose(
        done.layout[1:-1], frame_captions.convergence(dataclasses.replace(run, decode=None)).layout[1:-1]
    )


def test_a_text_keeps_its_symbols_in_pixels_and_has_those_of_latents_in_latents():
    text = r"x̂₀ of xₜ and x₀, $\hat x_0(x_t)$"
    assert PIXELS.say(text) == text
    assert LATENTS.say(text) == r"ẑ₀ of zₜ and z₀, $\hat z_0(z_t)$"
    assert PIXELS.image_of("x̂₀") == "x̂₀" and LATENTS.image_of("x̂₀") == "D(ẑ₀)"


def test_a_network_and_its_run_are_of_one_space(latent):
    assert space_of(latent) is space_of(sampled(latent)) is LATENTS
    assert space_of(make_tiny()) is space_of(sampled(make_tiny())) is PIXELS


# --- edits ------------------------------------------------------------------------------------------------


def inpainted(**more):
    settings = {"steps": 3, "image": PICTURE.tobytes(), "mask": MASK.tobytes(), **more}
    return InpaintSettings("cat", "noto", **settings)


def recorded(edit, denoiser):
    steps = editing.inpaint_steps(edit, denoiser)
    return record(steps, SCHEDULES["cosine"], decode=editing.decode_of(edit, denoiser))[0]


def test_the_finished_image_keeps_every_known_pixel_and_no_frame_before_it_does(loaded):
    run = recorded(inpainted(), loaded)
    known = MASK == 0
    assert np.array_equal(run.frames("x")[-1][known], PICTURE[known])
    assert not np.array_equal(run.frames("x")[-1][~known], PICTURE[~known])
    for frame in run.frames("x")[:-1]:  # they still hold noise
        assert np.abs(frame[known].astype(int) - PICTURE[known]).mean() > 5
    alone = editing.edited_image(inpainted())
    assert np.abs(run.final - alone).max() <= 1 / 255 + 1e-6
    assert np.array_equal(alone[:, known], from_uint8(PICTURE)[:, known])


def test_a_mask_is_widened_to_the_patches_that_it_touches(loaded):
    anew = editing.drawn_anew(MASK, loaded)
    assert (
        anew[16:32, 16:32].all() and anew.sum() == 16 * 16
    )  # rows and columns 20 to 29 touch two patches each
    assert np.array_equal(editing.drawn_anew(MASK[:16, :16], make_tiny()), MASK[:16, :16] > 0)


def test_captions_of_inpainting_compare_decoded_images_and_say_what_replaces_what(loaded):
    run = recorded(inpainted(), loaded)
    texts = frame_captions.inpaint_captions(run, 3, from_uint8(PICTURE), MASK)
    assert len(texts) == 4 and "the latents of the given image replace it" in texts[0] and "D(ẑ₀)" in texts[0]
    known = np.abs(MASK - 1).astype(bool)
    error = np.sqrt(np.mean((run.images("x0", [0])[0][:, known] - from_uint8(PICTURE)[:, known]) ** 2))
    assert f"is {error:.2f}." in texts[0]
    assert "put back after decoding" in texts[-1]


def test_image_to_image_starts_from_the_noised_latents_of_the_image(loaded):
    edit = Img2ImgSettings("cat", "noto", steps=20, image=PICTURE.tobytes(), strength=0.1)
    (first, *_) = editing.img2img_steps(edit, loaded)
    z = loaded.encode(torch.from_numpy(from_uint8(PICTURE))[None])
    assert torch.nn.functional.cosine_similarity(first.x.flatten(), z.flatten(), dim=0) > 0.9
    assert editing.edited_image(edit).shape == (3, 64, 64)
    run = record(
        editing.img2img_steps(edit, loaded), SCHEDULES["cosine"], decode=editing.decode_of(edit, loaded)
    )[0]
    assert frame_captions.img2img_captions(run, 2)[0].startswith(
        "Step 1 of 2: the latents of the given image, noised"
    )


class Reddish:
    """A classifier whose one label is the likelier the redder an image is; it must be given images."""

    def log_p(self, label):
        def found(images):
            assert images.shape[1:] == (3, 64, 64)
            return images[:, 0].mean((1, 2)) - images[:, 1:].mean((1, 2, 3))

        return found


def test_classifier_guidance_goes_through_the_decoder(loaded):
    settings = Settings("cat", steps=4, guidance=1.0)
    plain, guided = (
        sample_with_classifier(settings, [0, 1], Reddish(), "red", scale) for scale in (0.0, 300.0)
    )
    assert plain.shape == guided.shape == (2, 3, 64, 64)
    assert np.allclose(
        plain, sample_images(dataclasses.replace(settings, prompt=""), [0, 1]).numpy(), atol=1e-5
    )
    assert guided[:, 0].mean() - guided[:, 1:].mean() > plain[:, 0].mean() - plain[:, 1:].mean() + 0.01
