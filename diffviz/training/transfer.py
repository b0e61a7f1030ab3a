"""First weights from a network that was trained before, so that what it knows need not be learned again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from diffviz.models.autoencoder import Autoencoder
from diffviz.models.unet import UNet

NOISE = 0.05  # of a widened tensor's deviation: duplicates that stay equal would learn the same for ever


def init_from_smaller(net: UNet, smaller: UNet) -> int:
    """Copy a network for half the size into the inner levels of one with an outer level more.

    The outer level halves the image, so what follows it is the smaller network, level for level; only the first and
    the last convolution and the outer blocks start anew. Returns how many tensors were copied; raises ValueError where
    the inner levels are of other widths.
    """
    if net.config.channels[1:] != smaller.config.channels or net.config.channels[0] != net.config.channels[1]:
        raise ValueError(f"{net.config.channels} has no {smaller.config.channels} inside to inherit")
    source, target, copied = smaller.state_dict(), net.state_dict(), 0
    for name, tensor in source.items():
        part, _, rest = name.partition(".")
        if part in ("conv_in", "norm", "conv_out"):
            continue
        if part == "down":  # the outer level adds its blocks in front on the way down, behind on the way up
            index, _, tail = rest.partition(".")
            name = f"down.{int(index) + net.config.blocks}.{tail}"
        elif part == "downsample":
            index, _, tail = rest.partition(".")
            name = f"downsample.{int(index) + 1}.{tail}"
        target[name].copy_(tensor)
        copied += 1
    return copied


# --- from pixels to latents ---------------------------------------------------------------------------------


def pixels_from_latents(
    autoencoder: Autoencoder, latents: Tensor, patch: int, size: int
) -> tuple[Tensor, Tensor]:
    """Least squares from latents to the pixels of the same place in images reduced to `size` pixels a side.

    Latents (B, C, H, W) are decoded and reduced, and `patch` × `patch` pixels taken as channels (B, P, H, W), as the
    pixel network takes them. Returns (weight (P, C), mean (P,)).
    """
    with torch.inference_mode():
        images = torch.cat([autoencoder.decode(part) for part in latents.split(32)])
    pixels = F.pixel_unshuffle(F.interpolate(images, (size, size), mode="area"), patch)
    z = latents.movedim(1, -1).flatten(0, 2).double()
    x = pixels.movedim(1, -1).flatten(0, 2).double()
    mean = x.mean(0)
    return torch.linalg.lstsq(z, x - mean).solution.T.float(), mean.float()


def _widen(tensor: Tensor, axis: int, old: Sequence[int], new: Sequence[int], *, shared: bool) -> Tensor:
    """Repeat the channels of an axis, segment by segment, each beside itself so that norm groups keep their statistics.

    Where the axis is summed over (`shared`), the copies divide the weight between them: the sum stays what it was.
    Raises ValueError where a width is no multiple of the old one.
    """
    if any(n % o for o, n in zip(old, new, strict=True)):
        raise ValueError(f"widths {tuple(new)} are no multiples of {tuple(old)}")
    pieces = []
    for piece, o, n in zip(tensor.split(list(old), axis), old, new, strict=True):
        times = n // o
        pieces.append(piece.repeat_interleave(times, axis) / (times if shared else 1))
    return torch.cat(pieces, axis)


def _up_inputs(net: UNet) -> list[tuple[int, int]]:
    """(from below, from the skip connection): the channels that each block of the way up takes."""
    config = net.config
    skips = [config.channels[0]]
    for level, width in enumerate(config.channels):
        skips += [width] * config.blocks + ([width] if level + 1 < len(config.channels) else [])
    found, now = [], config.channels[-1]
    for width in reversed(config.channels):
        for _ in range(config.blocks + 1):
            found.append((now, skips.pop()))
            now = width
    return found


def _segments(net: UNet, name: str) -> tuple[list[int], list[int]]:
    """The widths that make up the first axis of a parameter, and its second (of a convolution or a linear map)."""
    tensor = net.get_parameter(name)
    out, into = [tensor.shape[0]], [tensor.shape[1]] if tensor.dim() > 1 else []
    part, _, rest = name.partition(".")
    if part == "up":
        index, _, layer = rest.partition(".")
        taken = list(_up_inputs(net)[int(index)])
        if layer.startswith("norm1"):
            out = taken
        elif layer.startswith(("conv1.weight", "skip.weight")):
            into = taken
    if ".emb." in name:  # scale and shift
        out = [tensor.shape[0] // 2] * 2
    return out, into


@torch.no_grad()
def init_latent_from_pixels(net: UNet, pixels: UNet, autoencoder: Autoencoder, latents: Tensor) -> int:
    """First weights of a latent network from a pixel network whose patches lie on the same grid.

    A latent position of a 128-pixel image and 2 × 2 pixels of the same image at 32 × 32 stand for the same place, so the
    pixel network can be set to work there: `pixels_from_latents` translates what it takes, every width is met by repeating
    channels (Net2Net, Chen et al. 2016, arXiv 1511.05641, section 3.1), and attention blocks that it does not have begin as
    they are, adding nothing. Its output layer starts anew (`fit_output`). What it takes for noise is another noise here,
    since latents are white where pixels are not: a start, and no network that could be used as it is. Returns how many
    tensors were set; raises ValueError where the grids, depths or widths do not fit.
    """
    old, new = pixels.config, net.config
    if (old.size // old.patch, len(old.channels), old.blocks) != (
        new.size // new.patch,
        len(new.channels),
        new.blocks,
    ):
        raise ValueError(f"{old} and {new} do not lie on the same grid, or differ in depth")
    to_pixels, mean = pixels_from_latents(autoencoder, latents, old.patch, old.size)
    target, done = dict(net.named_parameters()), 0
    for name, tensor in pixels.named_parameters():
        if name == "conv_in.weight":
            tensor = torch.einsum("opyx,pc->ocyx", tensor, to_pixels)
            tensor = _widen(tensor, 0, [len(tensor)], [new.channels[0]], shared=False)
        elif (
            name == "conv_in.bias"
        ):  # half way between pure noise and a clean image, whose mean counts in full
            tensor = tensor + 0.7 * torch.einsum("opyx,p->o", pixels.conv_in.weight, mean)
            tensor = _widen(tensor, 0, [len(tensor)], [new.channels[0]], shared=False)
        elif name.startswith("conv_out"):
            continue  # stays 0 until `fit_output`: latents are not what it gave
        elif target[name].shape != tensor.shape:
            (out, into), (out_new, into_new) = _segments(pixels, name), _segments(net, name)
            tensor = _widen(tensor, 0, out, out_new, shared=False)
            if into:
                tensor = _widen(tensor, 1, into, into_new, shared=True)
            if tensor.dim() > 1:
                tensor = tensor + NOISE * tensor.std() * torch.randn_like(tensor)
        target[name].copy_(tensor)
        done += 1
    return done


@torch.no_grad()
def fit_output(net: UNet, x: Tensor, angle: Tensor, tokens: Tensor, v: Tensor, ridge: float = 1e-3) -> None:
    """Set the output layer to the least squares fit of v (B, C, H, W) from the features that it is given.

    With all other weights as they are, so that gradients mean something from the first step on.
    """
    seen: list[Tensor] = []
    handle = net.conv_out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for part in zip(x.split(32), angle.split(32), tokens.split(32), strict=True):
        net(*part)
    handle.remove()
    rows = torch.cat([F.unfold(h, 3, padding=1).movedim(1, -1).flatten(0, 1) for h in seen])  # (B H W, 9 D)
    rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    wanted = v.movedim(1, -1).flatten(0, 2)
    gram = rows.T @ rows
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    solution = torch.linalg.solve(gram, rows.T @ wanted)  # (9 D + 1, C)
    net.conv_out.weight.copy_(solution[:-1].T.reshape(net.conv_out.weight.shape))
    assert net.conv_out.bias is not None
    net.conv_out.bias.copy_(solution[-1])


# --- from one number of latent channels to another ------------------------------------------------------------


@torch.no_grad()
def init_autoencoder(net: Autoencoder, trained: Autoencoder) -> None:
    """First weights of an autoencoder from one with more or fewer latent channels.

    Channels begin as the leading components of the patches, so the first ones of both mean the same. What only one of
    them has is left as it is in `net`. Raises ValueError where the networks differ in anything else.
    """
    if replace(net.config, latent_channels=0) != replace(trained.config, latent_channels=0):
        raise ValueError(f"{net.config} and {trained.config} differ in more than their latent channels")
    target = net.state_dict()
    for name, tensor in trained.state_dict().items():
        both = tuple(slice(min(a, b)) for a, b in zip(target[name].shape, tensor.shape, strict=True))
        target[name][both].copy_(tensor[both])
