"""Weights of a training step: what is stored of them comes back, and they go with the weights that ship."""

import json

import pytest
import torch

from diffviz.models import checkpoints, early_weights
from diffviz.paths import ASSETS


@pytest.mark.parametrize("shape", [(5,), (3, 7), (4, 3, 3, 3), (2, 1), (1, 6)])
def test_a_difference_comes_back_within_half_a_level_of_its_row(shape):
    difference = 1e-3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    packed, scale = early_weights.pack(difference)
    again = early_weights.unpack(packed, scale, difference.shape)
    if len(shape) == 1:
        assert torch.allclose(again, difference, rtol=1e-3)
    else:
        off = (again - difference).flatten(1).abs().amax(1)
        largest = difference.flatten(1).abs().amax(1)
        assert (off <= 0.51 * largest / early_weights.LEVELS).all()
        assert packed.numel() == (difference.numel() + 1) // 2  # two of them a byte


def test_no_difference_comes_back_as_none():
    nothing = torch.zeros(3, 4)
    assert torch.equal(early_weights.unpack(*early_weights.pack(nothing), nothing.shape), nothing)


def test_what_ships_is_another_network_of_the_same_shape_in_every_layer(monkeypatch):
    early, shipped = early_weights.load(), checkpoints.load(early_weights.OF).net
    assert early.config == shipped.config
    matrices = {name for name, weight in shipped.state_dict().items() if weight.dim() > 1}
    same = {
        n for n, w in shipped.state_dict().items() if n in matrices and torch.equal(early.state_dict()[n], w)
    }
    assert not same
    assert (ASSETS / early_weights.FILE).stat().st_size < 3e6
    assert checkpoints.listed()[early_weights.FILE] == checkpoints.sha256_of(ASSETS / early_weights.FILE)


def test_what_was_measured_is_that_averaging_helps():
    """Held-out loss: of a step above that of the run's own average, and that of the rounded weights is the step's."""
    measured = early_weights.facts()["measured"]
    loss = {name: figure["heldout_loss"] for name, figure in measured.items()}
    assert loss["step"] > loss["average"] > 0 and loss["step"] > loss["shipped"]
    assert loss["rounded"] == pytest.approx(loss["step"], rel=0.02)


def test_differences_from_other_weights_are_refused(tmp_path):
    """The file says which weights it belongs to; so does the manifest, whose entry is changed here with it."""
    for name in ("emoji32.safetensors", "vocabulary.json"):
        (tmp_path / name).write_bytes((ASSETS / name).read_bytes())
    shipped = checkpoints.load(early_weights.OF).net.state_dict()
    checkpoints.publish(tmp_path / "emoji32.safetensors", "emoji32", tmp_path)
    path = tmp_path / early_weights.FILE
    early_weights.write(path, shipped, shipped, {"of_sha256": "another"})
    checkpoints.enter(path)
    with pytest.raises(checkpoints.CheckpointError, match="do not belong"):
        early_weights.load(tmp_path)
    path.write_bytes(json.dumps("damaged").encode())
    with pytest.raises(checkpoints.CheckpointError, match="not the one"):
        early_weights.load(tmp_path)
