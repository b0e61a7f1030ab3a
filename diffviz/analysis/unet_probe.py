"""The U-Net opened: its blocks with their cost, its activations and attention at each step, and switches in it.

Everything here works on a second network of the very same tensors, which has hooks; the shared one never gets any, so a
run that asks for nothing is the plain run. Hooks record a value or put another in its place, and compute nothing anew.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from diffviz import pacing
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models.classifier import LabelClassifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import PAD, Vocabulary
from diffviz.models.unet import (
    ResBlock,
    TransformerBlock,
    UNet,
    noise_level_embedding,
    same_weights,
)
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory

TOKENS = 2  # a style and a word, what FLOPs are counted with
EMBEDDING = 128  # sinusoidal features of the noise level


# --- the network as it is -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A block of the network: what it gives out (C, H, W), its parameters, and its FLOPs for one image.

    `side` is "down", "middle" or "up"; `level` counts resolutions from the highest, 0. FLOPs are of convolutions, linear
    layers and attention, a multiplication and an addition counted as two.
    """

    name: str
    side: str
    level: int
    shape: tuple[int, ...]
    parameters: int
    flops: int


def blocks(net: UNet) -> list[Block]:
    """The blocks in the order in which an image goes through them, measured on one evaluation."""
    config, net = net.config, same_weights(net)
    shapes: dict[str, tuple[int, ...]] = {}
    parts = _parts(net)
    for name, (module, _, _) in parts.items():
        module.register_forward_hook(_keep_shape(shapes, name))
    counter = FlopCounterMode(display=False)
    with pacing.piece(), counter, torch.no_grad():
        size = config.size
        net(
            torch.zeros(1, config.in_channels, size, size),
            torch.zeros(1),
            torch.tensor([[2] + [1] * (TOKENS - 1)]),
        )
    counts = counter.get_flop_counts()
    prefix = type(net).__name__
    found: list[Block] = []
    for name, (module, side, level) in parts.items():
        flops = sum(counts.get(f"{prefix}.{name}", {}).values())
        if (
            side == "middle"
        ):  # the counter leaves out scaled_dot_product_attention on a CPU: q·k and weights·v, 2 N M C each
            positions, channels = shapes[name]
            flops += 4 * positions * (positions + TOKENS) * channels
        weights = sum(p.numel() for p in module.parameters())
        found.append(Block(name, side, level, _as_image(shapes[name]), weights, flops))
    return found


def _keep_shape(shapes: dict[str, tuple[int, ...]], name: str) -> Callable[..., None]:
    def keep(module: nn.Module, given: object, out: Tensor) -> None:
        shapes[name] = tuple(out.shape[1:])

    return keep


def _as_image(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, H, W) of positions (N, C) too, which form a square."""
    if len(shape) == 3:
        return shape
    side = math.isqrt(shape[0])
    return (shape[1], side, side)


def _parts(net: UNet) -> dict[str, tuple[nn.Module, str, int]]:
    """Name -> (module, side of the U, level) in the order of evaluation."""
    depth, n = len(net.downsample), net.config.blocks
    found: dict[str, tuple[nn.Module, str, int]] = {"conv_in": (net.conv_in, "down", 0)}
    for level in range(depth + 1):
        for i in range(level * n, (level + 1) * n):
            found[f"down.{i}"] = (net.down[i], "down", level)
        if level < depth:
            found[f"downsample.{level}"] = (net.downsample[level], "down", level + 1)
    for i, block in enumerate(net.middle):
        found[f"middle.{i}"] = (block, "middle", depth)
    for level in range(depth, -1, -1):
        first = (depth - level) * (n + 1)
        for i in range(first, first + n + 1):
            found[f"up.{i}"] = (net.up[i], "up", level)
        if level:
            found[f"upsample.{depth - level}"] = (net.upsample[depth - level], "up", level - 1)
    found["conv_out"] = (net.conv_out, "up", 0)
    return found


def skip_sources(net: UNet) -> list[str]:
    """For each block on the way up, the block whose output its skip connection brings."""
    down = [name for name, (_, side, _) in _parts(net).items() if side == "down"]
    return down[::-1]


# --- switches -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Switches:
    """What is changed in the network; the default changes nothing.

    `skips` scales the skip connection into each block on the way up, by the block's number, and `backbone` what comes to it
    from the block before (FreeU, arXiv 2309.11497, scales both, there for some channels and frequencies only).
    `told_time` is a t of the cosine schedule whose noise level the network is told at every step.
    """

    skips: dict[int, float] = field(default_factory=dict[int, float])
    backbone: dict[int, float] = field(default_factory=dict[int, float])
    self_attention: bool = True
    cross_attention: bool = True
    told_time: float | None = None

    @property
    def touched(self) -> bool:
        """Whether anything is changed."""
        scales = [*self.skips.values(), *self.backbone.values()]
        attention = self.self_attention and self.cross_attention
        return any(s != 1 for s in scales) or not attention or self.told_time is not None


def switched(denoiser: Denoiser, switches: Switches) -> Denoiser:
    """The denoiser with these switches; itself, with no hooks at all, where they change nothing.

    Raises ValueError for a block that the network does not have.
    """
    if not switches.touched:
        return denoiser
    net = same_weights(denoiser.net)
    for i in {*switches.skips, *switches.backbone}:
        if not 0 <= i < len(net.up):
            raise ValueError(f"there is no block up.{i}: the network has {len(net.up)} of them")
        block = net.up[i]
        assert isinstance(block, ResBlock)
        split = block.norm1.num_channels - skip_channels(net)[i]
        block.register_forward_pre_hook(
            _scaled_input(split, switches.backbone.get(i, 1.0), switches.skips.get(i, 1.0))
        )
    for block in net.middle:
        assert isinstance(block, TransformerBlock)
        if not switches.self_attention:
            block.self_attention.register_forward_hook(_nothing)
        if not switches.cross_attention:
            block.cross_attention.register_forward_hook(_nothing)
    if switches.told_time is not None:
        angle = SCHEDULES["cosine"].angle(switches.told_time).float()
        net.noise_embed.register_forward_pre_hook(
            lambda module, given: (noise_level_embedding(angle.expand(len(given[0])), EMBEDDING),)
        )
    return dataclasses.replace(denoiser, net=net)


def skip_channels(net: UNet) -> list[int]:
    """Channels of the skip connection into each block on the way up."""
    config = net.config
    skips = [config.channels[0]]
    for level, width in enumerate(config.channels):
        skips += [width] * (config.blocks + (level + 1 < len(config.channels)))
    return skips[::-1]


def _scaled_input(split: int, backbone: float, skip: float) -> Callable[..., tuple[Tensor, ...]]:
    """A hook that scales the channels before and after `split` of a block's input (B, C, H, W)."""

    def scale(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *rest = given
        return (torch.cat([backbone * x[:, :split], skip * x[:, split:]], dim=1), *rest)

    return scale


def _nothing(module: nn.Module, given: object, out: Tensor) -> Tensor:
    return torch.zeros_like(out)  # the residual branch adds nothing


# --- what a switch costs ---

LOSSES = ("the shape", "the colours", "what the prompt says", "removing all noise", "hardly anything")
FIRST = 10  # labels of the classifier among which the prompt is to be


@dataclass(frozen=True)
class Comparison:
    """A finished image measured against the untouched one of the same noise.

    `layout` is the correlation of their brightness over the image; `hue` how far the mean colour has moved (RMS over the
    channels, brightness taken out); `fine` the RMS of what a mean over 3 × 3 pixels takes away, as a multiple of the
    untouched image's. `ranks` are those of the prompt among the classifier's labels, (untouched, changed), 1 for the first;
    None where the prompt is none of them.
    """

    rmse: float
    layout: float
    hue: float
    fine: float
    ranks: tuple[int, int] | None

    @property
    def lost(self) -> list[str]:
        """Those of LOSSES that happened, by the limits below; the last one where no other did."""
        prompt = self.ranks is not None and self.ranks[0] <= FIRST < self.ranks[1]
        happened = (self.layout < 0.8, self.hue > 0.1, prompt, self.fine > 1.5)
        return [name for name, yes in zip(LOSSES, happened, strict=False) if yes] or [LOSSES[-1]]


def compare(untouched: np.ndarray, changed: np.ndarray, prompt: str, judge: LabelClassifier) -> Comparison:
    """Compare two images (3, H, W) in [-1, 1]."""
    both = np.stack([untouched, changed])
    grey = both.mean(1)
    hue = (both - grey[:, None]).mean((2, 3))
    smooth = sum(np.roll(both, (i, j), (2, 3)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    fine = rmse(both - smooth, 0.0, PER_IMAGE)
    ranks = None
    if prompt in judge.labels:
        logits = judge.predict(torch.from_numpy(both).float())[0]
        of = logits[:, judge.labels.index(prompt), None]
        first, second = (1 + (logits > of).sum(1)).tolist()
        ranks = first, second
    return Comparison(
        float(rmse(untouched, changed)), _correlation(grey[0], grey[1]), float(rmse(hue[0], hue[1])),
        float(fine[1] / max(float(fine[0]), 1e-9)), ranks,
    )  # fmt: skip


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; 1 for equal images and 0 where one of two different ones is uniform."""
    if np.array_equal(a, b):
        return 1.0
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0


# --- what a run leaves in the network -----------------------------------------------------------------------


@torch.inference_mode()
def activations(run: Trajectory, settings: Settings, denoiser: Denoiser, name: str) -> np.ndarray:
    """What a block gives out at each state of a recorded trajectory, with the prompt: (steps, C, H, W)."""
    seen: list[Any] = []
    net = same_weights(denoiser.net)
    module, _, _ = _parts(net)[name]
    module.register_forward_hook(lambda module, given, out: seen.append(out))
    _evaluate(run, settings, dataclasses.replace(denoiser, net=net))
    (out,) = seen
    return _as_maps(out).numpy()


@torch.inference_mode()
def most_varied(run: Trajectory, settings: Settings, denoiser: Denoiser, step: int) -> dict[str, np.ndarray]:
    """Of every block the channel that varies most over the image at one state of a trajectory: name -> (H, W)."""
    seen: dict[str, np.ndarray] = {}
    net = same_weights(denoiser.net)

    def keep(name: str) -> Callable[..., None]:
        def look(module: nn.Module, given: object, out: Tensor) -> None:
            acts = _as_maps(out).numpy()
            seen[name] = acts[0, by_variance(acts)[0]]

        return look

    for name, (module, _, _) in _parts(net).items():
        module.register_forward_hook(keep(name))
    _evaluate(run, settings, dataclasses.replace(denoiser, net=net), slice(step, step + 1))
    return seen


def _as_maps(out: Tensor) -> Tensor:
    """What a block gives out as (B, C, H, W), of positions (B, N, C) too."""
    if out.dim() == 4:
        return out
    side = math.isqrt(out.shape[1])
    return out.transpose(1, 2).unflatten(2, (side, side))


@torch.inference_mode()
def attention(run: Trajectory, settings: Settings, denoiser: Denoiser, kind: str) -> np.ndarray:
    """Attention weights at each state of a recorded trajectory: (blocks, steps, heads, H W, M).

    `kind` is "self", where M = H W positions are looked at, or "cross", where M counts the tokens of style and words. The
    weights of one position add up to 1. Raises ValueError for another kind.
    """
    n = run.steps
    tokens = denoiser.tokens([settings.prompt] * n, [settings.style or None] * n)
    x, t = torch.tensor(run.x[:n]), torch.tensor(run.t[:n])
    weights = denoiser.attention(x, t, tokens, SCHEDULES[settings.schedule], kind)
    if kind == "cross":
        row = denoiser.vocabulary.encode(settings.prompt, settings.style or None)
        weights = weights[..., : sum(token != PAD for token in row)]
    return weights.numpy()


def _evaluate(run: Trajectory, settings: Settings, denoiser: Denoiser, steps: slice = slice(None)) -> None:
    """Evaluate the conditional prediction at the states of these steps of a trajectory, in one batch."""
    at = range(run.steps)[steps]
    n = len(at)
    denoise = denoiser.conditioned(
        [settings.prompt] * n, [settings.style or None] * n, SCHEDULES[settings.schedule]
    )
    denoise(torch.tensor(run.x[at.start : at.stop]), torch.tensor(run.t[at.start : at.stop]))


def by_variance(acts: np.ndarray) -> np.ndarray:
    """Channels of activations (steps, C, H, W), those that vary most over the image first, on average over the steps."""
    return np.argsort(-acts.var((2, 3)).mean(0), kind="stable")


# --- embeddings ---------------------------------------------------------------------------------------------


def time_embedding(ts: Sequence[float] | np.ndarray) -> np.ndarray:
    """Sinusoidal features of the noise level at times of the cosine schedule: (T, EMBEDDING)."""
    t = torch.as_tensor(np.asarray(ts), dtype=torch.float64)
    return noise_level_embedding(SCHEDULES["cosine"].angle(t), EMBEDDING).numpy()


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Between a vector (D,) and each row of (N, D): (N,)."""
    return (b @ a) / (np.linalg.norm(a) * np.linalg.norm(b, axis=1)).clip(1e-12)


def nearest_words(word: str, denoiser: Denoiser, n: int = 5) -> list[tuple[str, float]]:
    """The n words whose embedding is most similar to that of a known word, each with its cosine similarity."""
    vocabulary = denoiser.vocabulary
    return nearest_to_token(_first_word(vocabulary) + vocabulary.words.index(word), denoiser, n)


def nearest_to_token(token: int, denoiser: Denoiser, n: int = 5) -> list[tuple[str, float]]:
    """`nearest_words` for any token id, a style's too."""
    vocabulary, embeddings = denoiser.vocabulary, denoiser.net.text.embed.weight.detach().numpy()
    first = _first_word(vocabulary)
    similar = cosine_similarity(embeddings[token], embeddings[first:])
    order = [i for i in np.argsort(-similar, kind="stable") if first + i != token][:n]
    return [(vocabulary.words[i], float(similar[i])) for i in order]


def _first_word(vocabulary: Vocabulary) -> int:
    """The token id of the first word: words come last."""
    return len(vocabulary) - len(vocabulary.words)


@torch.inference_mode()
def pooled_text(prompts: Sequence[str], denoiser: Denoiser) -> np.ndarray:
    """The mean vector of each prompt, without a style, as it joins the noise level: (N, D)."""
    return denoiser.net.text(denoiser.tokens(prompts, [None] * len(prompts)))[1].numpy()


def largest_order_effect(prompt: str, denoiser: Denoiser) -> float:
    """The largest difference that any order of the known words of a prompt makes to its mean vector (first 24 orders)."""
    words = _known(prompt, denoiser.vocabulary)
    orders = [" ".join(order) for order in itertools.islice(itertools.permutations(words), 24)]
    vectors = pooled_text(orders, denoiser)
    return float(np.abs(vectors - vectors[0]).max())


def _known(prompt: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    return vocabulary.read(prompt).words
