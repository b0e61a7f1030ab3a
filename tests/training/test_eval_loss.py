"""The measured mistakes of lesson 2."""

import json

import numpy as np
import pytest
from helpers import make_tiny, make_tiny_latent, tiny_data

from diffviz.analysis import prediction_targets
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.training import eval_loss as measure
from diffviz.training.data import Dataset


def test_errors_are_of_every_drawing_at_every_time(tmp_path):
    data = Dataset.load(tiny_data(tmp_path / "data.npz"))
    found, snr = measure.errors(make_tiny(), data, np.array([0, 1, 2]))
    assert found.shape == (3, len(measure.TIMES)) and (found > 0).all()
    assert (np.diff(snr) < 0).all()
    assert np.argmin(found.mean(0)) == 0  # least where there is least noise, whatever the network


def test_the_errors_of_a_network_in_latents_are_of_latents(tmp_path):
    data, denoiser = Dataset.load(tiny_data(tmp_path / "data.npz", 6, size=64)), make_tiny_latent()
    found, _ = measure.errors(denoiser, data, np.array([0, 1]))
    z = denoiser.encode(data.examples(np.array([0])))[0].numpy()
    one = prediction_targets.predict_at_times(
        denoiser, z, "red apple", "noto", measure.FIRST_SEED, measure.TIMES
    )
    assert np.allclose(found[0], one.rmse("x0") ** 2)


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_shipped_measurement_is_of_the_shipped_network(name):
    path = ASSETS / "curves" / f"loss-{name}.json"
    if not path.exists():
        pytest.skip(f"{name} has not been measured yet")
    found = json.loads(path.read_text())
    assert found["weights_sha256"] == checkpoints.manifest()[name].sha256
    assert len(found["t"]) == len(found["snr"]) == len(found["heldout"]) == len(found["trained"])
    assert found["heldout"][0]["value"] < found["heldout"][-1]["value"]
