"""One training example: ε, x₀ and v of a prediction agree, and so do the weights of the losses."""

import numpy as np
import pytest

from diffviz.analysis import prediction_targets
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging.pixels import from_uint8
from diffviz.paths import ASSETS

TS = np.array([0.1, 0.4, 0.8])


@pytest.fixture
def found(tiny):
    x0 = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16)).astype(np.float32)
    return prediction_targets.predict_at_times(tiny, x0, "red apple", "noto", 5, TS)


def levels(t):
    return (
        np.array([float(f(v)) for v in t])[:, None, None, None]
        for f in (SCHEDULES["cosine"].alpha, SCHEDULES["cosine"].sigma)
    )


def test_truth_and_answer_both_add_up_to_what_was_given(found):
    alpha, sigma = levels(TS)
    for said in (found.target, found.prediction):
        assert np.allclose(alpha * said["x0"] + sigma * said["eps"], found.x, atol=1e-4)
        assert np.allclose(alpha * said["eps"] - sigma * said["x0"], said["v"], atol=1e-4)


@pytest.mark.parametrize("target", prediction_targets.TARGETS)
def test_each_loss_weighs_the_same_mistake_as_its_formula_says(found, target):
    weight = prediction_targets.WEIGHTS[target](np.exp(found.log_snr))
    assert np.allclose(found.rmse(target) ** 2, weight * found.rmse("x0") ** 2, rtol=1e-3)


def test_the_noise_is_one_and_the_same_at_every_time(found):
    assert np.array_equal(found.target["eps"][0], found.target["eps"][-1])
    assert found.zero_baseline_rmse("eps") == pytest.approx(1, abs=0.05)


def test_min_snr_caps_the_loss_by_the_noise_and_nothing_else():
    snr = np.array([0.1, 4.0, 50.0])
    assert prediction_targets.WEIGHTS["min-snr"](snr).tolist() == [0.1, 4.0, 5.0]


def test_gradings_have_a_mean_of_one_and_keep_the_order_of_their_weights():
    snr, error = np.array([100.0, 1.0, 0.01]), np.array([0.01, 0.1, 0.3])
    lines = {name: prediction_targets.weighted_loss(error, snr, name) for name in prediction_targets.WEIGHTS}
    assert all(line.mean() == pytest.approx(1) for line in lines.values())
    assert lines["x0"].argmax() == 2 and lines["eps"].argmax() == 0


def test_the_shipped_network_knows_the_image_where_there_is_little_noise(shipped):
    from PIL import Image

    from diffviz.imaging import uploads

    with Image.open(ASSETS / "samples" / "cat-face-noto.png") as image:
        x0 = from_uint8(uploads.resize(image, shipped.shape[1]))
    found = prediction_targets.predict_at_times(
        shipped, x0, "cat face", "noto", 0, np.array([0.05, 0.5, 0.95])
    )
    off = found.rmse("x0")
    assert off[0] < off[1] < off[2]
    assert off[0] < 0.1
