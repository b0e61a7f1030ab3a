import pytest
import torch

from diffviz.models.checkpoints import metadata, parameters
from diffviz.models.text_encoder import MAX_TOKENS
from diffviz.models.unet import Attention, UNet, UNetConfig, noise_level_embedding
from diffviz.paths import ASSETS


def test_output_has_the_shape_of_the_input(tiny):
    x = torch.randn(2, 3, 16, 16)
    tokens = torch.ones(2, MAX_TOKENS, dtype=torch.long)
    assert tiny.net(x, torch.rand(2), tokens).shape == x.shape


def test_three_levels_and_two_blocks_fit_together():
    net = UNet(UNetConfig(size=32, channels=(8, 16, 24), blocks=2, heads=2, text_dim=8, n_tokens=9))
    x = torch.randn(1, 3, 32, 32)
    assert net(x, torch.rand(1), torch.ones(1, 4, dtype=torch.long)).shape == x.shape


def test_an_untrained_network_answers_zero():
    # Every residual branch and the head start at zero: training begins from the plainest answer.
    net = UNet(UNetConfig(size=16, channels=(8, 8), heads=2, text_dim=8, n_tokens=9))
    assert not net(torch.randn(1, 3, 16, 16), torch.rand(1), torch.ones(1, 4, dtype=torch.long)).any()


def test_words_style_and_noise_level_all_reach_the_answer(tiny):
    x, angle = torch.randn(1, 3, 16, 16), torch.tensor([0.8])
    base = tiny.net(x, angle, tiny.tokens(["cat"], [None]))
    assert not torch.allclose(base, tiny.net(x, angle, tiny.tokens(["dog"], [None])))
    assert not torch.allclose(base, tiny.net(x, angle, tiny.tokens(["cat"], ["flat"])))
    assert not torch.allclose(base, tiny.net(x, angle + 0.3, tiny.tokens(["cat"], [None])))


def test_an_image_does_not_depend_on_its_neighbours_in_the_batch(tiny):
    x, angle = torch.randn(3, 3, 16, 16), torch.rand(3)
    tokens = tiny.tokens(["cat", "dog", "red apple"], [None, "noto", "flat"])
    together = tiny.net(x, angle, tokens)
    for b in range(3):
        assert torch.allclose(
            together[b], tiny.net(x[b : b + 1], angle[b : b + 1], tokens[b : b + 1])[0], atol=1e-5
        )


def test_noise_levels_have_different_embeddings():
    e = noise_level_embedding(torch.linspace(0, 1.57, 50), 128)
    assert torch.cdist(e, e).add(torch.eye(50) * 9).min() > 0.1


def test_the_shipped_weights_keep_to_their_budget(shipped):
    path = ASSETS / "emoji32.safetensors"
    assert path.stat().st_size <= 20_000_000
    assert parameters(shipped.net) < 10_000_000
    assert metadata(path)[0]["size"] == 32


@torch.no_grad()
def test_attention_weights_are_those_that_the_output_is_made_with():
    torch.manual_seed(0)
    layer = Attention(8, 6, heads=2)
    torch.nn.init.eye_(layer.out.weight)
    x, context = torch.randn(2, 5, 8), torch.randn(2, 4, 6)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    weights = layer.weights(x, context, mask)
    assert weights[1, :, :, 0] == pytest.approx(1)
    values = layer.kv(context).unflatten(-1, (2, 2, -1))[:, :, 1].transpose(1, 2)  # (B, H, M, d)
    expected = (weights @ values).transpose(1, 2).flatten(2)
    assert torch.allclose(layer(x, context, mask), expected, atol=1e-5)
