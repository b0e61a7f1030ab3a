import io
import math

import numpy as np
import pytest
from PIL import Image

from diffviz.diffusion.samplers import ddim, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging.pixels import to_uint8
from diffviz.pipelines import trajectory


@pytest.fixture(scope="module")
def run(tiny):
    schedule = SCHEDULES["cosine"]
    steps = ddim(
        tiny.conditioned(["cat"], ["noto"], schedule),
        randn_per_seed(make_generators([1]), tiny.shape),
        timesteps(6),
        schedule,
    )
    return trajectory.record(steps, schedule, {"prompt": "cat"})[0]


def test_a_run_of_n_steps_has_n_plus_1_frames(run):
    assert run.steps == 6
    assert run.x.shape == run.x0.shape == run.eps.shape == (7, 3, 16, 16)
    assert len(run.t) == len(run.log_snr) == 7
    assert run.x.dtype == np.float32


def test_a_batch_is_recorded_as_one_run_per_image(tiny):
    schedule = SCHEDULES["flow"]
    denoise = tiny.conditioned(["cat", "dog"], [None, None], schedule)
    runs = trajectory.record(
        ddim(denoise, randn_per_seed(make_generators([1, 2]), tiny.shape), timesteps(3), schedule), schedule
    )
    assert len(runs) == 2
    assert not np.allclose(runs[0].x[0], runs[1].x[0])


def test_a_run_stopped_early_can_be_recorded(tiny):
    schedule = SCHEDULES["cosine"]
    steps = ddim(
        tiny.conditioned(["cat"], [None], schedule),
        randn_per_seed(make_generators([1]), tiny.shape),
        timesteps(9),
        schedule,
    )
    assert trajectory.record([next(steps), next(steps)], schedule)[0].steps == 1
    with pytest.raises(ValueError, match="before its first step"):
        trajectory.record([], schedule)


def test_colours_span_black_to_white():
    ends = np.array([-1.0, 0.0, 1.0, 7.0]).reshape(1, 1, 4)
    assert to_uint8(ends)[0, :, 0].tolist() == [0, 128, 255, 255]


def test_panels_are_the_recorded_arrays(run):
    assert np.array_equal(run.frames("x")[-1], np.asarray(run.image))
    assert run.frames("eps").shape == (7, 16, 16, 3)
    with pytest.raises(ValueError, match="x0"):
        run.frames("v")


def test_the_sprite_sheet_holds_every_frame_without_loss(run):
    frames = run.frames("x")
    sheet = np.asarray(Image.open(io.BytesIO(trajectory.sprite_sheet(frames))))
    columns = math.ceil(math.sqrt(len(frames)))
    for i, frame in enumerate(frames):
        y, x = divmod(i, columns)
        assert np.array_equal(sheet[y * 16 : y * 16 + 16, x * 16 : x * 16 + 16], frame)


def test_the_gif_has_a_frame_per_step_and_rests_on_the_last(run, tmp_path):
    path = run.save_gif(tmp_path / "run.gif", panels=("x", "x0"), zoom=2)
    with Image.open(path) as gif:
        assert gif.n_frames == 7
        assert gif.size == (64, 32)
        durations = []
        for i in range(gif.n_frames):
            gif.seek(i)
            durations.append(gif.info["duration"])
            shown = np.asarray(gif.convert("RGB")).astype(int)
            expected = np.kron(run.frames("x")[i], np.ones((2, 2, 1), int))
            assert np.abs(shown[:, :32] - expected).mean() < 8  # 256 colours a frame
    assert durations[-1] > 5 * durations[0]


def test_what_cannot_be_saved_is_refused_in_a_sentence(run, tmp_path):
    with pytest.raises(ValueError, match="whole number"):
        run.save_png(tmp_path / "run.png", zoom=2.5)
    with pytest.raises(ValueError, match="whole number"):
        run.save_png(tmp_path / "run.png", zoom=2.0)
    with pytest.raises(ValueError, match="a panel or more"):
        run.save_gif(tmp_path / "run.gif", panels=())


def test_the_png_is_the_finished_image_enlarged(run, tmp_path):
    with Image.open(run.save_png(tmp_path / "run.png", zoom=3)) as png:
        assert np.array_equal(np.asarray(png), np.kron(run.frames("x")[-1], np.ones((3, 3, 1), np.uint8)))


def test_a_strip_shows_the_first_and_the_last_frame(run):
    strip = np.asarray(Image.open(io.BytesIO(trajectory.strip(run.frames("x"), count=3, zoom=1))))
    assert strip.shape == (16, 48, 3)
    assert np.array_equal(strip[:, :16], run.frames("x")[0])
    assert np.array_equal(strip[:, 32:], run.frames("x")[-1])
