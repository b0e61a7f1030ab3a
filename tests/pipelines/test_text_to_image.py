import dataclasses
import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import diffviz
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps, sample_trajectory


def final(settings, **more):
    return list(sample_steps(settings, **more))[-1].x.numpy()


def test_generate_gives_a_recorded_trajectory(shipped):
    run = diffviz.generate("cat face", style="noto", seed=0, steps=5)
    assert run.x.shape == (6, *checkpoints.load().shape)
    assert run.image.size == checkpoints.load().shape[1:]
    assert run.settings["prompt"] == "cat face"
    assert run.t[0] == 1.0 and run.t[-1] == 0.0


@pytest.mark.parametrize("model", checkpoints.manifest())
def test_without_a_guidance_scale_each_network_takes_its_own(model):
    mask = np.ones((8, 8), bool)
    image = Image.new("RGB", (8, 8), "red")
    for run in (
        diffviz.generate("red heart", steps=1, model=model),
        diffviz.img2img(image, "red heart", steps=1, model=model),
        diffviz.inpaint(image, mask, "red heart", steps=1, model=model),
    ):
        assert run.settings["guidance"] == checkpoints.manifest()[model].guidance
    assert diffviz.generate("red heart", steps=1, model=model, guidance=2).settings["guidance"] == 2


def test_the_same_settings_give_the_same_image_to_the_last_bit():
    settings = Settings("red heart", "flat", seed=3, steps=4)
    assert np.array_equal(final(settings), final(settings))


@pytest.mark.slow
def test_another_seed_or_prompt_gives_another_image():
    base = final(Settings("red heart", "flat", seed=3, steps=4))
    assert not np.allclose(base, final(Settings("red heart", "flat", seed=4, steps=4)), atol=0.1)
    assert not np.allclose(base, final(Settings("palm tree", "flat", seed=3, steps=4)), atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_a_seed_gives_the_same_image_in_any_batch(sampler):
    settings = Settings("cat face", "noto", steps=6, sampler=sampler)
    together = final(settings, seeds=[10, 11, 12])
    for i, seed in enumerate((10, 11, 12)):
        assert np.abs(final(settings, seeds=[seed])[0] - together[i]).max() < 1e-3


@pytest.mark.slow
def test_words_matter_and_guidance_adds_to_them():
    plain = final(Settings("red heart", "noto", seed=1, steps=8, guidance=1.0))
    none = final(Settings("", "", seed=1, steps=8, guidance=1.0))
    pushed = final(Settings("red heart", "noto", seed=1, steps=8, guidance=4.0))
    assert np.abs(plain - none).mean() > 0.01
    assert np.abs(pushed - plain).mean() > 0.005


def test_calls_are_counted_with_guidance_twice():
    assert Settings("cat", steps=10).nfe == 20
    assert Settings("cat", steps=10, guidance=1.0).nfe == 10
    assert Settings("", steps=10).nfe == 10  # nothing to push against: the network is asked once


@pytest.mark.slow
def test_the_count_of_calls_is_true(shipped, monkeypatch):
    made = []
    real = type(shipped).predict
    monkeypatch.setattr(type(shipped), "predict", lambda self, x, *a: made.extend(x) or real(self, x, *a))
    for settings in (
        Settings("cat", steps=3),
        Settings("", steps=3),
        Settings("cat", steps=3, guidance=1.0),
        Settings("cat", steps=3, interval=(0.5, 0.9)),
        Settings("cat", steps=3, interval=(0.5, 0.9), sampler="heun"),
        Settings("cat", steps=3, interval=(0.2, 0.2)),
    ):
        made.clear()
        final(settings, denoiser=shipped)
        assert len(made) == settings.nfe


@pytest.mark.slow
@pytest.mark.parametrize("steps", [10, 20, 30, 40, 50, 100])
def test_a_time_at_an_end_of_the_interval_is_told_from_one_beyond_it_whatever_the_rounding(steps):
    """1 - 21/30 is more than 0.3 in floating point, and guidance does not act at 0.3."""
    exact = [1 - Fraction(i, steps) for i in range(steps)]
    for low, high in ((3, 6), (1, 7), (2, 8), (4, 9)):
        inside = sum(Fraction(low, 10) < t <= Fraction(high, 10) for t in exact)
        assert Settings("cat", steps=steps, interval=(low / 10, high / 10)).nfe == steps + inside


def test_guidance_within_an_interval_is_guided_there_and_plain_elsewhere():
    quick = {"style": "noto", "seed": 1, "steps": 6}
    always, never = (Settings("red heart", **quick, guidance=g) for g in (4.0, 1.0))
    late = sample_trajectory(dataclasses.replace(always, interval=(0.0, 0.5)))
    pushed, plain = sample_trajectory(always), sample_trajectory(never)
    asked_late = [i for i, t in enumerate(late.t[:-1]) if t <= 0.5]
    assert np.allclose(late.x[: asked_late[0] + 1], plain.x[: asked_late[0] + 1], atol=1e-5)
    assert not np.allclose(late.x[-1], plain.x[-1], atol=0.01)
    empty = sample_trajectory(dataclasses.replace(always, interval=(0.3, 0.3)))
    assert np.allclose(empty.x, plain.x, atol=1e-5)
    assert np.array_equal(sample_trajectory(dataclasses.replace(always, interval=(0.0, 1.0))).x, pushed.x)


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0}, {"steps": 10_000}, {"sampler": "magic"}, {"schedule": "steep"}, {"seed": -1},
        {"guidance": 1e9}, {"eta": 2.0}, {"interval": (0.6, 0.4)}, {"interval": (-0.1, 1.0)},
        {"seed": 1.5}, {"seed": "1"}, {"steps": 2.0}, {"guidance": float("nan")}, {"eta": float("nan")},
        {"interval": (0.0, float("nan"))}, {"interval": 0.5}, {"interval": (0.1,)}, {"negative": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_out_of_range_is_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Settings("cat", **bad)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "ddim"])
def test_eta_is_refused_for_a_sampler_that_would_ignore_it(sampler):
    with pytest.raises(ValueError, match="eta"):
        Settings("cat", sampler=sampler, eta=0.5)
    Settings("cat", sampler=sampler, eta=0)


def test_numbers_of_numpy_are_held_as_plain_ones():
    settings = Settings("cat", seed=np.int64(3), guidance=np.float32(2.5), interval=np.array([0.25, 0.5]))
    assert settings == Settings("cat", seed=3, guidance=2.5, interval=(0.25, 0.5))
    assert json.loads(json.dumps(dataclasses.asdict(settings)))["seed"] == 3


@pytest.mark.slow
def test_importing_diffviz_does_not_import_torch():
    code = "import sys, diffviz, diffviz.ui.frame, diffviz.pipelines.trajectory; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_guided_latents_are_not_clipped_and_lose_no_contrast():
    """Latents have unit variance and no bounds: clipped as images are, guided ones lost their contrast."""
    plain, guided = (
        sample_trajectory(Settings("red heart", "noto", model="emoji128", steps=6, guidance=w)).x0[-1]
        for w in (1.0, 3.0)
    )
    assert abs(guided).max() > 1.5
    assert guided.std() > plain.std()


@pytest.mark.parametrize("given", [{"guidance": 10**400}, {"interval": (0, 10**400)}])
def test_a_number_of_hundreds_of_digits_is_refused_like_any_other(given):
    with pytest.raises(ValueError, match="must be a number from"):
        Settings(**given)
