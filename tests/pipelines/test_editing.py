"""Image-to-image and inpainting: against what must hold, and against a closed form."""

import dataclasses
import io
from collections import deque

import numpy as np
import pytest
import torch
from PIL import Image

import diffviz
from diffviz.analysis.frame_captions import SQUARES, split_layout_detail
from diffviz.diffusion.process import Denoise
from diffviz.diffusion.samplers import make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging import uploads
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.pipelines import editing
from diffviz.pipelines.editing import Img2ImgSettings, InpaintSettings
from diffviz.pipelines.text_to_image import Settings, sample_steps

COSINE = SCHEDULES["cosine"]
SAMPLES = ASSETS / "samples"
QUICK = {"model": checkpoints.QUICK, "prompt": "red heart", "style": "noto", "seed": 4, "steps": 6}
NET = {"model": checkpoints.QUICK}
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
LEFT = np.zeros((32, 32), np.uint8)
LEFT[:, :16] = 1


def last(steps):
    return deque(steps, maxlen=1).pop()


def scaled(picture):
    return np.moveaxis(picture, -1, 0) / 127.5 - 1


# --- image-to-image ----------------------------------------------------------------------------------------


def test_sdedit_starts_from_the_forward_process_at_the_strength():
    x0 = torch.full((2, 3, 8, 8), 0.5)
    found = editing.sdedit_init(x0, 0.4, COSINE, make_generators([1, 2]))
    eps = randn_per_seed(make_generators([1, 2]), (3, 8, 8))
    assert torch.allclose(found, COSINE.alpha(0.4) * x0 + COSINE.sigma(0.4) * eps)


def test_strength_1_is_text_to_image():
    plain = last(sample_steps(Settings(**QUICK, sampler="unipc")))
    edited = last(
        editing.img2img_steps(
            Img2ImgSettings(**QUICK, sampler="unipc", image=PICTURE.tobytes(), strength=1.0)
        )
    )
    assert torch.allclose(plain.x, edited.x, atol=1e-5)


@pytest.mark.parametrize(("strength", "frames"), [(0.01, 1), (0.5, 3), (1.0, 6)])
def test_a_lower_strength_takes_fewer_steps_and_starts_at_its_time(strength, frames):
    settings = Img2ImgSettings(**QUICK, image=PICTURE.tobytes(), strength=strength)
    steps = list(editing.img2img_steps(settings))
    assert settings.frames == frames and len(steps) == frames + 1
    assert steps[0].t == pytest.approx(strength) and steps[-1].t == 0


def test_no_label_is_a_cat_with_sunglasses_as_the_page_says():
    names = [set(label["label"].split()) for label in checkpoints.load(checkpoints.QUICK).vocabulary.labels]
    assert not any({"cat", "sunglasses"} <= name for name in names)


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.png")), ids=lambda f: f.stem)
def test_fine_detail_has_the_lower_snr_and_is_hidden_first(file):
    """What the page and `sdedit_init` say: per independent value, at every timestep alike, averages have more SNR."""
    image = scaled(np.asarray(Image.open(file).convert("RGB")).astype(float))
    layout, detail = split_layout_detail(image - image.mean((1, 2), keepdims=True))
    pixels_per_square = image[0].size / SQUARES**2
    # Noise of variance s² has s² / pixels_per_square in a square's mean, and the rest of it in the detail.
    layout_snr = (layout**2).mean() * pixels_per_square
    detail_snr = (detail**2).mean() / (1 - 1 / pixels_per_square)
    assert layout_snr > 10 * detail_snr


def test_the_lower_the_strength_the_nearer_to_the_source():
    far = [
        np.abs(
            last(editing.img2img_steps(Img2ImgSettings(**QUICK, image=PICTURE.tobytes(), strength=s)))
            .x[0]
            .numpy()
            - scaled(PICTURE)
        ).mean()
        for s in (0.05, 0.3, 1.0)
    ]
    assert far == sorted(far)


# --- inpainting --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, 3])
def test_outside_the_mask_every_pixel_stays_what_it_was(rounds):
    settings = InpaintSettings(**QUICK, image=PICTURE.tobytes(), mask=LEFT.tobytes(), resampling_steps=rounds)
    steps = list(editing.inpaint_steps(settings))
    assert len(steps) == settings.frames + 1
    gap = np.abs(steps[-1].x[0].numpy() - scaled(PICTURE))
    assert gap[:, :, 16:].max() < 1e-6
    assert gap[:, :, :16].mean() > 0.1


@pytest.mark.slow
def test_a_full_mask_is_ddpm_and_an_empty_one_the_image_itself():
    plain = last(sample_steps(Settings(**QUICK, sampler="ddpm")))
    everywhere = InpaintSettings(**QUICK, image=PICTURE.tobytes(), mask=bytes([1]) * 32 * 32)
    assert torch.allclose(last(editing.inpaint_steps(everywhere)).x, plain.x, atol=1e-4)
    nowhere = dataclasses.replace(everywhere, mask=bytes(32 * 32))
    assert np.allclose(last(editing.inpaint_steps(nowhere)).x[0].numpy(), scaled(PICTURE), atol=1e-6)


@pytest.mark.slow
def test_in_every_state_the_known_region_has_the_noise_of_its_time(tiny):
    known, mask = torch.full((64, 3, 16, 16), 0.25), torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    denoise = tiny.conditioned([""] * 64, [None] * 64, COSINE)
    for step in editing.repaint(
        denoise, known, mask, timesteps(8), COSINE, resampling_steps=2, rng=make_generators(range(64))
    ):
        alpha, sigma = float(COSINE.alpha(step.t)), float(COSINE.sigma(step.t))
        assert float(step.x.mean()) == pytest.approx(alpha * 0.25, abs=0.02)
        assert float(step.x.std()) == pytest.approx(sigma, abs=0.02)


RHO = 0.9  # correlation of the two pixels of a toy world in which everything is known


def exact(schedule) -> Denoise:
    """E[x0 | x_t] where images are two pixels, standard normal with correlation RHO."""
    covariance = torch.tensor([[1.0, RHO], [RHO, 1.0]], dtype=torch.float64)

    def denoise(x, t):
        alpha, sigma = float(schedule.alpha(float(t[0]))), float(schedule.sigma(float(t[0])))
        gain = alpha * covariance @ torch.linalg.inv(alpha**2 * covariance + sigma**2 * torch.eye(2))
        return (x.flatten(1).double() @ gain.T).view_as(x).to(x)

    return denoise


@pytest.mark.slow
def test_resampling_brings_the_masked_pixel_to_what_the_known_one_implies():
    n, given = 1000, 1.5
    known = torch.full((n, 1, 1, 2), given)
    mask = torch.tensor([True, False]).view(1, 1, 1, 2)
    mean, spread = {}, {}
    for rounds in (1, 10):
        filled = last(
            editing.repaint(
                exact(COSINE),
                known,
                mask,
                timesteps(20),
                COSINE,
                resampling_steps=rounds,
                rng=make_generators(range(n)),
            )
        ).x[:, 0, 0, 0]
        mean[rounds], spread[rounds] = float(filled.mean()), float(filled.std())
    # Given the one pixel, the other is normal with mean RHO * given and variance 1 - RHO^2.
    implied, width = RHO * given, (1 - RHO**2) ** 0.5
    assert mean[1] < 0.75 * implied
    assert mean[10] == pytest.approx(implied, rel=0.06)
    assert abs(spread[10] - width) < abs(spread[1] - width)


def test_the_boundary_jump_is_the_mean_over_pairs_across_the_boundary():
    picture = np.zeros((3, 4, 4))
    picture[:, :, :2] = 0.5
    mask = np.zeros((4, 4))
    mask[:, :2] = 1
    assert editing.boundary_jump(picture, mask) == pytest.approx(0.5)
    assert editing.boundary_jump(np.zeros((2, 3, 4, 4)), mask) == 0
    with pytest.raises(ValueError, match="no boundary"):
        editing.boundary_jump(picture, np.ones((4, 4)))


@pytest.mark.parametrize("strength", [0.0, -1.0, 1.5])
def test_a_strength_that_cannot_be_is_refused(strength):
    with pytest.raises(ValueError, match="strength"):
        Img2ImgSettings(strength=strength)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("strength", [5e-324, 1e-17, 1e-9, 1e-4])
def test_of_however_small_a_strength_every_estimate_is_finite_or_the_strength_is_refused(strength, schedule):
    settings = QUICK | {"image": PICTURE.tobytes(), "schedule": schedule}
    sigma = float(SCHEDULES[schedule].sigma(strength))
    if sigma < 1e-7:
        with pytest.raises(ValueError, match=f"strength must be above 0: at {strength:g} there is no noise"):
            Img2ImgSettings(**settings, strength=strength)
    else:
        steps = list(editing.img2img_steps(Img2ImgSettings(**settings, strength=strength)))
        assert all(part.isfinite().all() for step in steps for part in (step.x, step.x0, step.eps))


@pytest.mark.slow
@pytest.mark.parametrize("edit", [
    Img2ImgSettings(**QUICK, image=PICTURE.tobytes(), strength=0.5),
    Img2ImgSettings(**QUICK, image=PICTURE.tobytes(), strength=0.5, sampler="heun", interval=(0.2, 0.4)),
    InpaintSettings(**QUICK, image=PICTURE.tobytes(), mask=LEFT.tobytes()),
    InpaintSettings(**QUICK, image=PICTURE.tobytes(), mask=LEFT.tobytes(), resampling_steps=3, interval=(0.3, 0.8)),
], ids=["img2img", "img2img heun", "inpaint", "inpaint resampled"])  # fmt: skip
def test_the_timesteps_and_the_nfe_of_an_edit_are_those_that_run(monkeypatch, edit):
    denoiser, made = checkpoints.load(edit.model), []
    real = type(denoiser).predict
    monkeypatch.setattr(type(denoiser), "predict", lambda self, x, *a: made.extend(x) or real(self, x, *a))
    run = editing.img2img_steps if isinstance(edit, Img2ImgSettings) else editing.inpaint_steps
    steps = list(run(edit, denoiser))
    assert [step.t for step in steps] == edit.timesteps
    assert len(made) == edit.nfe


@pytest.mark.parametrize(
    ("kind", "ignored"),
    [
        (InpaintSettings, {"sampler": "heun"}), (InpaintSettings, {"eta": 0.5}), (InpaintSettings, {"spacing": "karras"}),
        (Img2ImgSettings, {"spacing": "karras"}), (Img2ImgSettings, {"eta": 0.5, "sampler": "euler"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_that_an_edit_would_ignore_is_refused(kind, ignored):
    with pytest.raises(ValueError, match=next(iter(ignored))):
        kind(**ignored)


@pytest.mark.parametrize("rounds", [0, 21, 1.5])
def test_numbers_of_resampling_steps_that_cannot_be_are_refused(rounds):
    with pytest.raises(ValueError, match="resampling_steps"):
        InpaintSettings(resampling_steps=rounds)


# --- the front door ----------------------------------------------------------------------------------------


def test_an_image_of_any_shape_can_be_edited_from_a_notebook():
    run = diffviz.img2img(Image.new("RGB", (90, 50), "red"), "red heart", steps=4, strength=0.5, **NET)
    assert run.image.size == (32, 32) and run.steps == 2
    assert run.settings["strength"] == 0.5 and "picture" not in run.settings


@pytest.mark.parametrize("as_image", [True, False])
def test_a_mask_can_be_an_image_or_an_array_and_is_cropped_as_the_image_is(as_image):
    wide = Image.fromarray(
        np.concatenate([PICTURE[:, :8], PICTURE, PICTURE[:, :8]], 1)
    )  # 48 by 32: 8 go at each side
    mask = np.zeros((32, 48), bool)
    mask[:, :24] = True
    given = Image.fromarray(mask.astype(np.uint8) * 255) if as_image else mask
    run = diffviz.inpaint(wide, given, "red heart", steps=3, **NET)
    gap = np.abs(np.asarray(run.image).astype(int) - PICTURE)
    assert gap[:, 16:].max() <= 1 and gap[:, :16].mean() > 10


MARKS = {
    "grey": Image.fromarray(LEFT * 7),
    "colour": Image.fromarray(np.stack([LEFT * 0, LEFT * 0, LEFT], -1) * 90),
    "1-bit": Image.fromarray(LEFT > 0),
    "16-bit": Image.fromarray(LEFT.astype(np.uint16) * 300),
    "transparent": Image.fromarray(np.stack([LEFT * 0 + 255] * 3 + [LEFT * 40], -1)),
    "array": LEFT * 0.1,
}


@pytest.mark.parametrize("marks", MARKS.values(), ids=list(MARKS))
def test_a_mask_is_whatever_is_not_0(marks):
    assert np.array_equal(uploads.cover(uploads.mask(marks), 32), LEFT)


def test_a_pixel_is_generated_where_the_mask_touches_any_part_of_it():
    marks = np.zeros((3200, 3200), bool)
    marks[1234, 567] = True
    assert np.argwhere(uploads.cover(marks, 32)).tolist() == [[12, 5]]


@pytest.mark.parametrize(
    ("image", "mask", "says"),
    [
        (Image.new("RGB", (60, 40)), np.ones((60, 40)), "proportions"),
        (Image.new("RGB", (60, 40)), Image.new("L", (40, 40), 255), "proportions"),
        (Image.new("RGB", (40, 40)), np.ones((40, 40, 3)), "shape"),
        (Image.new("RGB", (40, 40)), np.full((40, 40), np.nan), "NaN"),
        (Image.new("RGB", (40, 40)), np.full((40, 40), "x"), "numbers"),
        (Image.new("RGB", (40, 1)), np.ones((1, 40)), "two pixels"),
        (np.ones((40, 40, 3)), np.ones((40, 40)), "PIL image"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_an_image_or_mask_that_cannot_be_used_is_refused_in_a_sentence(image, mask, says):
    with pytest.raises(ValueError, match=says):
        diffviz.inpaint(image, mask, "cat", steps=1, **NET)


def test_a_mask_may_be_of_another_size_than_the_image():
    run = diffviz.inpaint(Image.fromarray(PICTURE), np.kron(LEFT, np.ones((3, 3))), "cat", steps=1, **NET)
    gap = np.abs(np.asarray(run.image).astype(int) - PICTURE)
    assert gap[:, 16:].max() <= 1 and gap[:, :16].mean() > 5


def test_what_is_see_through_in_an_image_lies_on_white():
    run = diffviz.img2img(Image.new("RGBA", (32, 32), (0, 0, 0, 0)), "", steps=50, strength=0.02, **NET)
    assert np.asarray(run.image).mean() > 200


@pytest.mark.parametrize("size", [(3000, 2000), (1025, 1000)])
def test_a_mask_of_an_images_own_size_fits_it_though_the_image_was_reduced(size, tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, "PNG")
    image = uploads.read(buffer.getvalue()).image
    assert image.size != size
    marks = np.zeros(size[::-1], bool)
    marks[:, : size[0] // 2] = True
    run = editing.inpaint(image, marks, "cat", steps=1, model="emoji32")
    assert run.steps == 1


def test_an_image_that_is_stored_lying_down_is_edited_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(buffer, "JPEG", exif=exif)
    lying = Image.open(buffer)
    square = editing._center_square(editing._upright(lying), "emoji32")
    assert square.min() > 250  # nothing of what lies beyond the image
    editing.inpaint(lying, np.ones((200, 100)), "cat", steps=1, model="emoji32")
