import dataclasses

import numpy as np
import pytest

from diffviz.analysis import frame_captions
from diffviz.pipelines.trajectory import Trajectory


def run_towards(image, steps=10):
    """A made-up run whose estimate goes from the image's mean to the image: layout first, then detail."""
    layout, detail = frame_captions.split_layout_detail(image[None])
    share = np.linspace(0, 1, steps + 1)
    x0 = np.concatenate([layout * min(1, 2 * s) + detail * s**3 for s in share]).astype(np.float32)
    t = 1 - share
    return Trajectory(x0, x0, np.zeros_like(x0), t, np.zeros_like(t))


def image():
    return np.random.default_rng(0).uniform(-1, 1, (3, 32, 32))


def test_layout_and_detail_add_up():
    p = image()
    layout, detail = frame_captions.split_layout_detail(p)
    assert np.allclose(layout + detail, p)
    assert np.allclose(layout[:, :4, :4], p[:, :4, :4].mean((1, 2), keepdims=True))


def test_settling_runs_from_nothing_to_all_and_follows_the_run():
    done = frame_captions.convergence(run_towards(image()))
    assert done.layout[0] == 0 and done.detail[0] == 0
    assert done.layout[-1] == 1 and done.detail[-1] == 1
    assert done.layout[5] == 1 or np.isclose(done.layout[5], 1)
    assert done.detail[5] < 0.2


def test_a_run_that_never_changes_counts_as_settled():
    x0 = np.zeros((3, 3, 8, 8), np.float32)
    run = Trajectory(x0, x0, x0, np.array([1, 0.5, 0]), np.zeros(3))
    assert frame_captions.convergence(run).layout.tolist() == [1, 1, 1]


def test_reverse_captions_change_with_the_frame_and_name_it():
    texts = frame_captions.reverse_captions(run_towards(image()))
    assert len(texts) == 11
    assert len(set(texts)) == 11
    assert texts[3].startswith("Step 4 of 10")
    assert "finished" in texts[-1]


def test_a_stopped_run_still_counts_to_what_was_planned():
    assert frame_captions.reverse_captions(run_towards(image(), 4), planned=30)[2].startswith("Step 3 of 30")


def test_a_stopped_frame_is_never_called_the_finished_image_nor_compared_with_one():
    run = run_towards(image(), 4)
    for texts in (
        frame_captions.reverse_captions(run, planned=30),
        frame_captions.img2img_captions(run, 30),
        frame_captions.inpaint_captions(run, 30, image(), np.ones((32, 32), np.uint8)),
    ):
        assert len(texts) == 5
        assert "Step 5 of 30, the last before the run was stopped" in texts[-1]
        assert "not the finished image" in texts[-1]
        assert not any("of the way to the finished image" in text or "Finished" in text for text in texts)


def test_forward_captions_compare_the_powers_of_image_and_noise():
    alpha = np.array([1, 0.99, 0.8, 0.5, 0.0066, 0.0])
    texts = frame_captions.forward_captions(alpha, np.sqrt(1 - alpha**2), np.arange(6), 5, power=0.5)
    assert "no noise has been added" in texts[0]
    assert f"The image has {0.99**2 * 0.5 / (1 - 0.99**2):.0f} times the power of the noise" in texts[1]
    # SNR 1.8, but the image is the weaker one where its mean square is a half
    assert f"The noise has {(1 - 0.64) / (0.64 * 0.5):.1f} times the power of the image" in texts[2]
    assert "The noise has 6.0 times" in texts[3]
    assert "0.0066 of the image is left" in texts[4]
    assert "nothing of the image is left" in texts[5]


@pytest.mark.parametrize(
    ("settings", "says", "never"),
    [
        ({"guidance": 3.0, "prompt": "cat"}, "x̂₀(∅) + 3·(x̂₀(c) − x̂₀(∅)), clipped", "mean of all"),
        ({"guidance": 1.0, "prompt": "cat"}, "estimates the mean of all images that fit", "clipping"),
        ({"guidance": 3.0, "prompt": ""}, "estimates the mean of all training images", "clipping"),
        (
            {"guidance": 1.0, "prompt": "cat", "schedule": "linear"},
            "told that α = 0.007 of one is in it",
            "the mean",
        ),
        ({"guidance": 3.0, "prompt": "xyzzy"}, "estimates the mean of all training images", "clipping"),
        (
            {"guidance": 3.0, "prompt": "", "negative": "xyzzy"},
            "estimates the mean of all training images",
            "clipping",
        ),
        ({}, "x̂₀ is the first prediction", "mean of all"),
    ],
    ids=[
        "guided",
        "scale 1",
        "no prompt",
        "an image is left",
        "no known word",
        "no known word to lead away from",
        "unknown",
    ],
)
def test_the_first_caption_says_what_the_prediction_is(settings, says, never):
    run = dataclasses.replace(run_towards(image()), settings=settings)
    text = frame_captions.reverse_captions(run)[0]
    assert says in text and never not in text


def test_captions_of_a_guided_run_count_the_clipped_values():
    run = dataclasses.replace(run_towards(image()), settings={"guidance": 3.0, "prompt": "cat"})
    run.x0[4, :, :16] = 1.0
    assert "hold 50% of the values of x̂₀" in frame_captions.reverse_captions(run)[4]
    assert frame_captions.clipped_share(run.x0)[4] == 0.5


def test_a_run_from_an_image_begins_with_the_timestep_it_was_noised_to():
    run = run_towards(image())
    texts = frame_captions.img2img_captions(run, 10)
    assert "at t = 1 next to nothing is left of the given image" in texts[0]
    assert texts[1:] == frame_captions.reverse_captions(run)[1:]
    later = dataclasses.replace(run, t=0.6 * run.t)
    assert "the given image, noised to t = 0.60" in frame_captions.img2img_captions(later, 10)[0]


def test_captions_of_inpainting_give_the_error_outside_the_mask():
    known, mask = image(), np.zeros((32, 32), np.uint8)
    mask[:, :16] = 1
    run = run_towards(known)
    texts = frame_captions.inpaint_captions(run, 10, known, mask)
    error = np.sqrt(((run.x0[0] - known)[:, :, 16:] ** 2).mean())
    assert f"x̂₀ is {error:.2f}" in texts[0]
    assert "resampled" not in " ".join(texts)
    assert "outside the mask every pixel is that of the given image" in texts[-1]
    back = Trajectory(run.x, run.x0, run.eps, np.array([1, 1, *run.t[2:]]), run.log_snr)
    assert "resampled" in frame_captions.inpaint_captions(back, 10, known, mask)[1]


def test_captions_call_a_step_guided_only_within_the_interval():
    run = dataclasses.replace(
        run_towards(image()), settings={"guidance": 3.0, "prompt": "cat", "interval": (0.0, 0.5)}
    )
    texts = frame_captions.reverse_captions(run)
    assert "estimates the mean of all images that fit" in texts[0]
    for text, t in zip(texts[:-1], run.t, strict=False):
        assert ("Guidance and clipping" in text) == (t <= 0.5)
