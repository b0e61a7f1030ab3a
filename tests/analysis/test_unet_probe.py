"""The network opened: what is recorded is what it computed, what is switched off adds nothing, and nothing else changes."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from diffviz.analysis import unet_probe
from diffviz.analysis.unet_probe import Switches, switched
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging import samples
from diffviz.models import classifier
from diffviz.models.checkpoints import parameters
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings, sample_trajectory

SETTINGS = Settings("red cat", "noto", seed=1, steps=3, guidance=2.0)


@pytest.fixture(scope="module")
def run(tiny):
    return sample_trajectory(SETTINGS, tiny)


def hooks(net):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


def conditional(run, denoiser):
    n = run.steps
    denoise = denoiser.conditioned([SETTINGS.prompt] * n, [SETTINGS.style] * n, SCHEDULES["cosine"])
    return denoise(torch.from_numpy(run.x[:n]), torch.from_numpy(run.t[:n])).numpy()


# --- blocks -------------------------------------------------------------------------------------------------


def test_the_blocks_are_those_of_the_network_with_all_their_weights(tiny, shipped):
    for denoiser in (tiny, shipped):
        net = denoiser.net
        found = unet_probe.blocks(net)
        rest = sum(
            parameters(m) for m in (net.text, net.noise_embed, net.pooled, net.norm)
        )  # beside the blocks
        assert sum(b.parameters for b in found) + rest + net.position.numel() == parameters(net)
        assert all(b.flops > 0 for b in found)
        assert found[0].shape[1] == net.config.size // net.config.patch
        assert {b.side for b in found} == {"down", "middle", "up"}


def test_flops_of_a_convolution_are_two_for_each_weight_and_position(tiny):
    found = {b.name: b for b in unet_probe.blocks(tiny.net)}
    (_, height, width), conv = found["conv_in"].shape, tiny.net.conv_in
    assert found["conv_in"].flops == 2 * conv.weight.numel() * height * width


def test_flops_of_a_transformer_block_are_those_of_its_layers_and_of_its_attention(tiny):
    found, c, d = {b.name: b for b in unet_probe.blocks(tiny.net)}, 16, tiny.net.config.text_dim
    n, m = tiny.net.position.shape[1], unet_probe.TOKENS
    linear = n * (c * c + 2 * c * c + c * c) + (n * 2 * c * c + m * 2 * d * c) + n * 4 * c * c
    assert found["middle.0"].flops == 2 * linear + 4 * n * (n + m) * c


def test_each_block_on_the_way_up_gets_the_output_that_it_is_said_to(tiny, run):
    """With everything else scaled to nothing, what is left of its input is the output of that block."""
    net, sources = tiny.net, unet_probe.skip_sources(tiny.net)
    assert len(sources) == len(net.up) and sources[-1] == "conv_in"
    for i, source in enumerate(sources):
        seen = []
        handle = net.up[i].register_forward_pre_hook(lambda module, given, seen=seen: seen.append(given[0]))
        conditional(run, tiny)
        handle.remove()
        skip = unet_probe.activations(run, SETTINGS, tiny, source)
        assert np.array_equal(seen[0][:, -skip.shape[1] :].numpy(), skip), source


# --- switches -----------------------------------------------------------------------------------------------


def test_without_switches_the_network_itself_is_given_and_has_no_hooks(tiny, run):
    assert switched(tiny, Switches()) is tiny and switched(tiny, Switches(skips={0: 1.0})) is tiny
    switched(tiny, Switches(skips={0: 0.0}, self_attention=False, told_time=0.5))
    unet_probe.activations(run, SETTINGS, tiny, "middle.0")
    unet_probe.attention(run, SETTINGS, tiny, "self")
    unet_probe.blocks(tiny.net)
    assert hooks(tiny.net) == 0
    again = sample_trajectory(SETTINGS, tiny)
    assert np.array_equal(again.x, run.x) and np.array_equal(again.x0, run.x0)


@pytest.mark.parametrize("i", range(4))
def test_a_skip_that_is_off_brings_zeros_and_leaves_the_rest_of_the_input(tiny, run, i):
    def given(denoiser):
        seen = []
        handle = denoiser.net.up[i].norm1.register_forward_pre_hook(lambda m, x: seen.append(x[0].clone()))
        conditional(run, denoiser)
        handle.remove()
        return seen[0]

    channels = unet_probe.skip_channels(tiny.net)[i]
    plain, off = given(tiny), given(switched(tiny, Switches(skips={i: 0.0})))
    assert (off[:, -channels:] == 0).all() and plain[:, -channels:].any()
    if i == 0:  # later blocks get another input from those before them
        assert torch.equal(off[:, :-channels], plain[:, :-channels])
    below = given(switched(tiny, Switches(backbone={i: 0.0})))
    assert (below[:, :-channels] == 0).all() and torch.equal(below[:, -channels:], plain[:, -channels:])


@pytest.mark.parametrize("kind", ["self_attention", "cross_attention"])
def test_attention_that_is_off_is_that_of_a_layer_that_gives_nothing(tiny, run, kind):
    silent = unet_probe.same_weights(tiny.net)
    for block in silent.middle:
        layer = getattr(block, kind)
        layer.out = torch.nn.Linear(layer.out.in_features, layer.out.out_features)
        torch.nn.init.zeros_(layer.out.weight)
        torch.nn.init.zeros_(layer.out.bias)
    expected = conditional(run, dataclasses.replace(tiny, net=silent))
    off = conditional(run, switched(tiny, Switches(**{kind: False})))
    assert np.array_equal(off, expected) and not np.array_equal(off, conditional(run, tiny))


def test_a_told_time_is_the_one_the_network_hears_at_every_step(tiny, run):
    frozen = switched(tiny, Switches(told_time=0.3))
    seen = []
    frozen.net.noise_embed[0].register_forward_pre_hook(lambda m, given: seen.append(given[0]))
    conditional(run, frozen)
    expected = unet_probe.time_embedding([0.3] * run.steps)
    assert np.allclose(seen[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "switches",
    [
        Switches(skips=dict.fromkeys(range(4), 0.5)), Switches(backbone={0: 0.0}), Switches(self_attention=False),
        Switches(cross_attention=False), Switches(told_time=0.5),
    ],
    ids=["skips", "backbone", "self", "cross", "time"],
)  # fmt: skip
def test_a_switch_costs_no_operation_more(tiny, run, switches):
    """What `bench.lessons` measures in time: no convolution, linear layer or evaluation is added."""

    def flops(denoiser):
        evaluations = []
        handle = denoiser.net.register_forward_pre_hook(lambda *given: evaluations.append(1))
        with FlopCounterMode(display=False) as counter:
            sample_trajectory(SETTINGS, denoiser)
        handle.remove()
        return counter.get_total_flops(), len(evaluations)

    plain = flops(tiny)
    assert plain[0] > 0 and flops(switched(tiny, switches)) == plain


def test_a_block_that_is_not_there_is_refused(tiny):
    with pytest.raises(ValueError, match=r"no block up\.9"):
        switched(tiny, Switches(skips={9: 0.0}))


# --- records ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["conv_in", "down.1", "middle.0", "up.0", "conv_out"])
def test_activations_have_the_shape_of_the_block_at_every_step(tiny, run, name):
    shape = next(b.shape for b in unet_probe.blocks(tiny.net) if b.name == name)
    acts = unet_probe.activations(run, SETTINGS, tiny, name)
    assert acts.shape == (run.steps, *shape)
    order = unet_probe.by_variance(acts)
    spread = acts.var((2, 3)).mean(0)[order]
    assert sorted(order) == list(range(shape[0])) and (np.diff(spread) <= 0).all()


def test_the_last_block_gives_the_prediction(tiny, run):
    """conv_out gives v in patches: with it, x₀ follows."""
    acts = torch.from_numpy(unet_probe.activations(run, SETTINGS, tiny, "conv_out"))
    v = torch.nn.functional.pixel_shuffle(acts, tiny.net.config.patch).numpy()
    alpha, sigma = (
        f(torch.from_numpy(run.t[:-1])).numpy()[:, None, None, None]
        for f in (SCHEDULES["cosine"].alpha, SCHEDULES["cosine"].sigma)
    )
    assert np.allclose((alpha * run.x[:-1] - sigma * v).clip(-1, 1), conditional(run, tiny), atol=1e-4)


@pytest.mark.parametrize("kind", ["self", "cross"])
def test_attention_weights_of_a_position_add_up_to_one(tiny, run, kind):
    weights = unet_probe.attention(run, SETTINGS, tiny, kind)
    blocks, heads, positions = len(tiny.net.middle), tiny.net.config.heads, tiny.net.position.shape[1]
    looked_at = positions if kind == "self" else 3  # the style and two words
    assert weights.shape == (blocks, run.steps, heads, positions, looked_at)
    assert np.allclose(weights.sum(-1), 1, atol=1e-5) and (weights >= 0).all()


def test_only_two_kinds_of_attention_are_known(tiny, run):
    with pytest.raises(ValueError, match="self"):
        unet_probe.attention(run, SETTINGS, tiny, "other")


def test_the_image_of_a_block_is_its_channel_that_varies_most_at_that_step(tiny, run):
    found = unet_probe.most_varied(run, SETTINGS, tiny, 1)
    assert list(found) == [b.name for b in unet_probe.blocks(tiny.net)]
    for name in ("down.0", "middle.0", "up.0"):
        acts = unet_probe.activations(run, SETTINGS, tiny, name)[1]
        assert np.allclose(found[name], acts[acts.var((1, 2)).argmax()], atol=1e-5)
    assert hooks(tiny.net) == 0


# --- what a switch costs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge():
    return classifier.load(ASSETS / "classifier32.safetensors")


def test_what_is_lost_is_told_apart(judge):
    """Each change of an image is found as what it is, and as nothing else that it is not."""
    image = samples.pixels("cat-face-noto.png", 32).transpose(2, 0, 1) / 127.5 - 1
    noisy = image + 0.4 * np.random.default_rng(0).standard_normal(image.shape)
    red = np.clip(image + np.array([0.5, -0.3, -0.2])[:, None, None], -1, 1)

    def lost(changed):
        return unet_probe.compare(image, changed, "no such label", judge).lost

    assert lost(image) == ["hardly anything"] == lost(image + 0.01)
    assert lost(noisy) == ["removing all noise"]
    assert lost(red) == ["the colours"]
    assert lost(image[:, :, ::-1].transpose(0, 2, 1)) == ["the shape"]
    assert "the shape" in lost(np.zeros_like(image))


def test_the_prompt_is_lost_where_the_classifier_no_longer_finds_it(judge):
    heart, cat = (
        samples.pixels(file, 32).transpose(2, 0, 1) / 127.5 - 1
        for file in ("red-heart-gradient.png", "cat-face-noto.png")
    )
    assert "what the prompt says" in unet_probe.compare(heart, cat, "red heart", judge).lost
    same = unet_probe.compare(heart, heart, "red heart", judge)
    assert same.lost == ["hardly anything"] and same.rmse == 0 and same.ranks[0] == same.ranks[1]
    assert unet_probe.compare(heart, cat, "no such label", judge).ranks is None


# --- embeddings ---------------------------------------------------------------------------------------------


def test_the_time_embedding_is_most_like_its_neighbours():
    ts = np.linspace(0, 1, 101)
    table = unet_probe.time_embedding(ts)
    assert table.shape == (101, unet_probe.EMBEDDING) and np.abs(table).max() <= 1
    similar = unet_probe.cosine_similarity(table[50], table)
    assert similar.argmax() == 50 and similar[50] == pytest.approx(1)
    assert similar[49] > similar[45] > similar[0] and similar[51] > similar[55] > similar[100]


def test_the_order_of_words_makes_no_difference_to_their_mean(shipped):
    assert unet_probe.largest_order_effect("cat with sunglasses", shipped) < 1e-5
    a, b = unet_probe.pooled_text(["cat", "cat with sunglasses"], shipped)
    assert np.abs(a - b).max() > 0.01


def test_nearest_words_are_others_and_the_most_similar_first(shipped):
    near = unet_probe.nearest_words("cat", shipped, 8)
    assert len(near) == 8 and "cat" not in dict(near)
    assert [s for _, s in near] == sorted((s for _, s in near), reverse=True)
