"""First weights of a latent network that come from a network on pixels."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from helpers import make_tiny

from diffviz.diffusion.process import v_from_x0_eps
from diffviz.models.autoencoder import Autoencoder, AutoencoderConfig
from diffviz.models.unet import UNet
from diffviz.training import transfer


@pytest.fixture(scope="module")
def parts() -> tuple[UNet, UNet, Autoencoder, torch.Tensor]:
    """A tiny pixel network on an 8 × 8 grid, a latent one twice as wide, an autoencoder, and latents of some images."""
    pixels = make_tiny().net
    config = dataclasses.replace(
        pixels.config, size=8, patch=1, in_channels=4, channels=(32, 16), attention_blocks=2
    )
    torch.manual_seed(0)
    autoencoder = Autoencoder(AutoencoderConfig(size=64, latent_channels=4, channels=(16, 32))).eval()
    return (
        pixels,
        UNet(config),
        autoencoder,
        torch.randn(24, 4, 8, 8, generator=torch.Generator().manual_seed(1)),
    )


def test_pixels_are_predicted_from_latents_as_well_as_a_linear_map_can(parts):
    _, _, autoencoder, z = parts
    weight, mean = transfer.pixels_from_latents(autoencoder, z, patch=2, size=16)
    assert weight.shape == (12, 4) and mean.shape == (12,)
    with torch.inference_mode():
        small = torch.nn.functional.interpolate(autoencoder.decode(z), (16, 16), mode="area")
    wanted = torch.nn.functional.pixel_unshuffle(small, 2)
    error = (torch.einsum("pc,bcyx->bpyx", weight, z) + mean[:, None, None] - wanted).pow(2).mean()
    worse = (torch.einsum("pc,bcyx->bpyx", 1.1 * weight, z) + mean[:, None, None] - wanted).pow(2).mean()
    assert error < worse and error < (wanted - mean[:, None, None]).pow(2).mean()


def test_a_wider_layer_computes_the_same_sum_from_repeated_channels():
    weight, x = torch.randn(3, 4), torch.randn(4)
    wide = transfer._widen(weight, 1, [4], [8], shared=True)
    assert torch.allclose(wide @ x.repeat_interleave(2), weight @ x, atol=1e-6)
    with pytest.raises(ValueError, match="no multiples"):
        transfer._widen(weight, 1, [4], [6], shared=True)


def test_what_fits_is_copied_and_what_is_wider_is_repeated(parts):
    pixels, latent, autoencoder, z = parts
    before = latent.middle[1].state_dict()["self_attention.q.weight"].clone()
    transfer.init_latent_from_pixels(latent, pixels, autoencoder, z)
    new, old = latent.state_dict(), pixels.state_dict()
    assert torch.equal(new["text.embed.weight"], old["text.embed.weight"])
    assert torch.equal(new["middle.0.self_attention.q.weight"], old["middle.0.self_attention.q.weight"])
    assert torch.equal(new["down.0.norm1.weight"], old["down.0.norm1.weight"].repeat_interleave(2))
    assert torch.equal(
        latent.middle[1].state_dict()["self_attention.q.weight"], before
    )  # a block that it lacks
    assert not new["conv_out.weight"].any()


def test_a_network_on_another_grid_is_refused(parts):
    pixels, _, autoencoder, z = parts
    other = UNet(dataclasses.replace(pixels.config, size=32, in_channels=4, patch=1))
    with pytest.raises(ValueError, match="same grid"):
        transfer.init_latent_from_pixels(other, pixels, autoencoder, z)


def test_the_fitted_output_is_better_than_none_and_cannot_be_bettered_by_scaling(parts):
    pixels, latent, autoencoder, z = parts
    transfer.init_latent_from_pixels(latent, pixels, autoencoder, z)
    rng = torch.Generator().manual_seed(2)
    eps, tokens = torch.randn(z.shape, generator=rng), torch.full((len(z), 12), 1)
    angle = torch.full((len(z),), 0.8)
    x, v = angle.cos()[0] * z + angle.sin()[0] * eps, v_from_x0_eps(z, eps, angle.cos()[0], angle.sin()[0])
    transfer.fit_output(latent.eval(), x, angle, tokens, v, ridge=1e-6)

    def loss(scale: float) -> float:
        with torch.inference_mode():
            return float((scale * latent(x, angle, tokens) - v).pow(2).mean())

    assert loss(1.0) < loss(0.0) and loss(1.0) <= min(loss(0.9), loss(1.1)) + 1e-4


@pytest.mark.parametrize("channels", [2, 6])
def test_an_autoencoder_of_other_channels_begins_with_those_that_both_have(parts, channels):
    trained = parts[2]
    net = Autoencoder(dataclasses.replace(trained.config, latent_channels=channels)).eval()
    own = net.encoder.linear.weight.clone()
    transfer.init_autoencoder(net, trained)
    both = min(channels, 4)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(net.encoder(x)[:, :both], trained.encoder(x)[:, :both], atol=1e-5)
    assert torch.equal(net.encoder.linear.weight[both:], own[both:])
    assert torch.equal(net.decoder.conv_in.weight[:, :both], trained.decoder.conv_in.weight[:, :both])


def test_an_autoencoder_that_differs_in_more_than_its_channels_is_refused(parts):
    trained = parts[2]
    net = Autoencoder(dataclasses.replace(trained.config, channels=(32, 32)))
    with pytest.raises(ValueError, match="more than their latent channels"):
        transfer.init_autoencoder(net, trained)
