"""The autoencoder: shapes, its linear start, unit variance, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from diffviz.models.autoencoder import PATCH, Autoencoder, AutoencoderConfig


def small(**changes: object) -> Autoencoder:
    config = AutoencoderConfig(size=32, channels=(16, 32), **changes)
    torch.manual_seed(0)
    return Autoencoder(config).eval()


@pytest.mark.parametrize("size", [32, 64, 128])
def test_encode_and_decode_keep_the_shapes_they_state_at_any_multiple_of_the_patch(size: int) -> None:
    net = small()
    with torch.inference_mode():
        z = net.encode(torch.rand(2, 3, size, size) * 2 - 1)
        assert z.shape == (2, 8, size // PATCH, size // PATCH)
        assert net.decode(z).shape == (2, 3, size, size)


def test_a_side_that_is_no_multiple_of_the_patch_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        small().encode(torch.zeros(1, 3, 30, 32))


def test_decoded_images_stay_within_their_range() -> None:
    with torch.inference_mode():
        x = small().decode(50 * torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert x.min() >= -1 and x.max() <= 1


def test_encoding_twice_gives_the_same_latents() -> None:
    net, x = small(), torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(net.encode(x), net.encode(x))


def test_it_starts_as_the_linear_code_of_principal_components() -> None:
    """Patches that lie in a space of C dimensions come back exactly, before any training."""
    rng, net = torch.Generator().manual_seed(0), small(latent_channels=4)
    basis = torch.linalg.qr(torch.randn(3 * PATCH**2, 4, generator=rng, dtype=torch.float64))[0]
    patches = (torch.randn(500, 4, generator=rng, dtype=torch.float64) @ basis.T * 0.3).float()
    patches = patches - patches.mean(0)
    net.start_from_principal_components(patches.view(-1, 3, PATCH, PATCH))
    one = patches[:16].view(16, 3, PATCH, PATCH)
    with torch.inference_mode():
        z = net.encoder(one)
        assert torch.allclose(net.decoder.linear(z), one, atol=1e-4)
        assert net.encoder(patches.view(-1, 3, PATCH, PATCH)).std((0, 2, 3)) == pytest.approx(
            torch.ones(4), abs=0.05
        )


def test_the_stored_statistics_bring_latents_to_zero_mean_and_unit_variance() -> None:
    net, x = small(), torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        raw = net.encoder(x)
        net.mean.copy_(raw.mean((0, 2, 3)))
        net.std.copy_(raw.std((0, 2, 3)))
        z = net.encode(x)
    assert z.mean((0, 2, 3)).abs().max() < 1e-4
    assert z.std((0, 2, 3)).sub(1).abs().max() < 1e-4


def test_the_configuration_survives_its_stored_form() -> None:
    config = AutoencoderConfig(size=128, latent_channels=16, channels=(32, 64))
    assert AutoencoderConfig.from_dict({**config.as_dict(), "channels": [32, 64]}) == config
