"""The measurement of edits: other labels, batches, and a whole measurement of a tiny network."""

import json

import numpy as np
import pytest
import torch
from helpers import make_tiny, make_tiny_latent, tiny_data

from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.training import eval_edits as measure
from diffviz.training.data import Dataset


class Blind:
    """A classifier that sees the first subgroup in everything."""

    subgroups = ("fruit", "mammal")

    def predict(self, pictures):
        return torch.zeros(len(pictures), 3), torch.tensor([[1.0, 0.0]]).repeat(len(pictures), 1), None


@pytest.fixture
def data(tmp_path):
    return Dataset.load(tiny_data(tmp_path / "data.npz"))


def test_the_other_label_is_a_common_one_of_another_subgroup(data):
    rows = data.rows(heldout=True, common=True)
    others = measure.other_labels(data, rows)
    assert data.common[others].all()
    assert (data.subgroups[others] != data.subgroups[data.label[rows]]).all()


@pytest.mark.slow
def test_an_image_is_the_same_in_any_batch(data, monkeypatch):
    rows = np.arange(5)
    captions = [("red apple", "noto")] * 5
    whole = measure.in_batches(make_tiny(), captions, data.examples(rows), measure.img2img_run(0.5), 3.0)
    monkeypatch.setattr(measure, "BATCH", 2)
    parts = measure.in_batches(make_tiny(), captions, data.examples(rows), measure.img2img_run(0.5), 3.0)
    assert torch.allclose(whole, parts, atol=0.05)  # bfloat16
    assert not torch.allclose(whole[0], whole[1], atol=0.05)


@pytest.mark.slow
def test_at_strength_0_the_source_images_themselves_are_classified(data):
    rows = data.rows(heldout=True, common=True)
    table = measure.measure_strengths(make_tiny(), Blind(), data, rows, 3.0)
    fruit = np.mean(data.subgroups[data.label[rows]] == "fruit")
    assert [row["strength"] for row in table] == [0.0, *measure.editing.STRENGTHS]
    assert table[0]["source"]["value"] == pytest.approx(fruit, abs=1e-4)
    # Where one is fruit the other is not, and fruit is all this classifier sees.
    assert all(row["source"]["value"] + row["target"]["value"] == pytest.approx(1, abs=1e-3) for row in table)


@pytest.mark.slow
def test_the_boundary_jump_is_relative_to_that_of_the_real_images(data):
    images = torch.arange(16, dtype=torch.uint8)[None, None, None].repeat(
        24, 3, 16, 1
    )  # a ramp: an edge to see
    ramps = Dataset(**{**data.__dict__, "images": images * 4})
    found = measure.measure_resampling(
        make_tiny(), Blind(), ramps, ramps.rows(heldout=True, common=True), 3.0
    )
    assert [row["resampling_steps"] for row in found["resampling"]] == list(measure.editing.RESAMPLING_STEPS)
    assert all(row["boundary_jump_to_real"]["value"] > 1 for row in found["resampling"])


@pytest.mark.slow
def test_edits_in_latents_start_from_encoded_images_and_put_the_known_pixels_back(tmp_path, monkeypatch):
    denoiser = make_tiny_latent()
    data = Dataset.load(tiny_data(tmp_path / "large.npz", 12, size=64))
    noise = torch.randint(0, 256, (12, 3, 64, 64), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    data = Dataset(**{**data.__dict__, "images": noise})
    rows = data.rows(heldout=True, common=True)
    shown = []

    class Kept(Blind):
        def predict(self, pictures):
            shown.append(pictures)
            return super().predict(pictures)

    monkeypatch.setattr(measure.editing, "RESAMPLING_STEPS", (1,))
    measure.measure_resampling(denoiser, Kept(), data, rows, 3.0)
    inpainted, given = shown[0], data.examples(rows)
    assert torch.equal(inpainted[..., 32:], given[..., 32:])
    assert not torch.allclose(inpainted[..., :32], given[..., :32], atol=0.1)
    # At next to no strength the result is the image encoded and decoded.
    captions = [("red apple", "noto")] * len(rows)
    made = measure.in_batches(denoiser, captions, given, measure.img2img_run(1e-3), 3.0)
    assert torch.allclose(made, denoiser.decode(denoiser.encode(given)), atol=0.1)


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_shipped_measurement_is_of_the_shipped_network(name):
    path = ASSETS / "curves" / f"edits-{name}.json"
    if not path.exists():
        pytest.skip(f"{name} has not been measured yet")
    found = json.loads(path.read_text())
    assert found["weights_sha256"] == checkpoints.manifest()[name].sha256
    first, last = found["strengths"][0], found["strengths"][-1]
    assert first["source"]["value"] > last["source"]["value"]
    assert first["target"]["value"] < last["target"]["value"]
