"""Features of a pretrained network that the middle of the denoiser is trained to hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import make_tiny
from torch import nn

from diffviz.training import alignment
from diffviz.training.alignment import Alignment


def given(net, n: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Arguments of a call of the network."""
    rng = torch.Generator().manual_seed(0)
    size = net.config.size
    return (
        torch.randn(n, 3, size, size, generator=rng),
        torch.full((n,), 0.7),
        torch.ones(n, 12, dtype=torch.long),
    )


def features_like(net, n: int) -> torch.Tensor:
    side = int(net.position.shape[1] ** 0.5)
    return torch.randn(n, 5, side, side, generator=torch.Generator().manual_seed(1)).half()


@pytest.fixture
def net():
    return make_tiny().net.requires_grad_(True)


def test_the_loss_is_none_where_projection_and_features_agree_and_two_where_they_oppose(net):
    held = []
    net.middle[alignment.BLOCK].register_forward_hook(lambda module, x, y: held.append(y))
    aligned = Alignment(net, features_like(net, 6), lr=1e-3, warm_up=0)
    net(*given(net))
    side = int(net.position.shape[1] ** 0.5)
    projected = aligned.projection(held[-1].transpose(1, 2).unflatten(2, (side, side))).detach()
    for sign, wanted in ((1, 0), (-1, 2)):
        aligned.features = sign * projected
        net(*given(net))
        assert float(aligned.loss(np.arange(6), np.zeros(6, bool)).detach()) == pytest.approx(
            wanted, abs=1e-5
        )


def test_a_mirrored_image_is_compared_with_mirrored_features(net):
    features = features_like(net, 6)
    plain, mirrored = (Alignment(make_tiny().net, f, 1e-3, 0) for f in (features.flip(-1), features))
    mirrored.projection.load_state_dict(plain.projection.state_dict())
    losses = []
    for which, flipped in ((plain, False), (mirrored, True)):
        which._held = [
            torch.randn(
                6,
                features.shape[-1] ** 2,
                net.config.channels[-1],
                generator=torch.Generator().manual_seed(2),
            )
        ]
        losses.append(float(which.loss(np.arange(6), np.full(6, flipped)).detach()))
    assert losses[0] == losses[1]


def test_a_new_projection_is_trained_alone_at_first(net):
    aligned = Alignment(net, features_like(net, 6), lr=1e-3, warm_up=1)
    weight = net.middle[0].mlp[0].weight
    for trains_the_network in (False, True):
        net.zero_grad()
        net(*given(net))
        loss = aligned.loss(np.arange(6), np.zeros(6, bool))
        loss.backward()
        assert (weight.grad is not None and bool(weight.grad.any())) == trains_the_network
        before = aligned.projection.weight.clone()
        aligned.step(1.0)
        assert not torch.equal(aligned.projection.weight, before)


def test_the_loss_falls_when_network_and_projection_are_trained(net):
    aligned = Alignment(net, features_like(net, 6), lr=1e-2, warm_up=0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        net(*given(net))
        loss = aligned.loss(np.arange(6), np.zeros(6, bool))
        losses.append(float(loss.detach()))
        loss.backward()
        aligned.step(1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.5 * losses[0]


def test_it_goes_on_from_its_state(net):
    aligned = Alignment(net, features_like(net, 6), lr=1e-3, warm_up=1)
    net(*given(net))
    aligned.loss(np.arange(6), np.zeros(6, bool)).backward()
    aligned.step(0.5)
    again = Alignment(make_tiny().net, features_like(net, 6), lr=1e-3, warm_up=1)
    again.load_state_dict(aligned.state_dict())
    assert again.steps == 1 and torch.equal(again.projection.weight, aligned.projection.weight)


def test_principal_directions_keep_most_of_the_variance_each_channel_counting_alike():
    rng = torch.Generator().manual_seed(0)
    causes = torch.randn(40, 2, 8, 8, generator=rng)
    mix, scale = torch.randn(2, 6, generator=rng), torch.tensor([1.0, 10, 1, 100, 1, 1])
    maps = torch.einsum("bcyx,cd->bdyx", causes, mix) * scale[:, None, None] + 3
    found = alignment.principal(maps.half(), keep=2).float()
    assert found.shape == (40, 2, 8, 8)
    assert found.mean((0, 2, 3)).abs().max() < 0.05
    assert float(found.var((0, 2, 3)).sum()) == pytest.approx(
        6, rel=0.05
    )  # all of six channels of variance 1


def test_features_that_are_not_there_are_answered_by_the_command_that_makes_them(net, tmp_path):
    with pytest.raises(SystemExit, match=r"diffviz\.training\.alignment"):
        Alignment.of_file(net, tmp_path / "none.npz", 5, 1e-3, 1)


def test_features_of_other_images_are_refused(net, tmp_path):
    np.savez(tmp_path / "features.npz", features=np.zeros((4, 2, 8, 8), np.float16))
    Alignment.of_file(net, tmp_path / "features.npz", 4, 1e-3, 1)
    with pytest.raises(SystemExit, match="of 4 images, and there are 5"):
        Alignment.of_file(net, tmp_path / "features.npz", 5, 1e-3, 1)


def test_maps_are_taken_of_every_image_in_its_order():
    from types import SimpleNamespace

    images = torch.rand(5, 3, 16, 16) * 2 - 1
    data = SimpleNamespace(images=images, examples=lambda rows: images[torch.from_numpy(rows)])
    pooled = nn.AdaptiveAvgPool2d(1)
    maps = alignment.feature_maps(lambda x: pooled(x), data, batch=2)  # pyright: ignore[reportArgumentType]
    assert torch.allclose(maps[:, :, 0, 0].float(), images.mean((2, 3)), atol=0.05)
