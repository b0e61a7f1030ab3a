"""Weights as a training step leaves them, before they are averaged: for the lesson that leaves the average out.

The networks that ship are moving averages of the weights. Beside them is kept what one step of emoji32's training, with the
rate at its peak, had made of all its weights (`diffviz.training.publish_early`): as differences from the shipped ones, in
half precision for vectors, and for matrices in 4 bits with a scale a row, which is a quarter of what the weights
themselves would take. The file says what the rounding changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from diffviz.bounded import LoadedOnce
from diffviz.models import checkpoints
from diffviz.models.unet import UNet, in_memory_format
from diffviz.paths import ASSETS

OF = checkpoints.QUICK
FILE = f"{OF}-early.safetensors"
LEVELS = 7  # of each sign: with 0 they are 15, four bits
_SCALE = "/scale"


def pack(difference: Tensor) -> tuple[Tensor, Tensor | None]:
    """A difference in little room: vectors (N,) in half precision, others (N, …) in 4 bits, with a scale for each row."""
    if difference.dim() < 2:
        return difference.half(), None
    rows = difference.flatten(1)  # (N, M)
    scale = (rows.abs().amax(1) / LEVELS).half()
    whole = (rows / scale.float().clamp_min(1e-12)[:, None]).round().clamp(-LEVELS, LEVELS) + 8
    flat = F.pad(whole.flatten(), (0, whole.numel() % 2)).to(torch.uint8)
    return flat[::2] * 16 + flat[1::2], scale


def unpack(packed: Tensor, scale: Tensor | None, shape: torch.Size) -> Tensor:
    """The difference of this shape, as `pack` has rounded it."""
    if scale is None:
        return packed.float()
    flat = torch.stack([packed // 16, packed % 16], 1).flatten()[: shape.numel()]
    return ((flat.float() - 8).view(shape[0], -1) * scale.float()[:, None]).view(shape)


def write(
    path: Path, last: Mapping[str, Tensor], shipped: Mapping[str, Tensor], facts: dict[str, Any]
) -> None:
    """Write the differences of all weights, with what is known of them; the file is replaced at once."""
    tensors: dict[str, Tensor] = {}
    for name, weight in last.items():
        tensors[name], scale = pack((weight - shipped[name]).contiguous())
        if scale is not None:
            tensors[name + _SCALE] = scale
    checkpoints.replace(path, save(tensors, {"config": "{}", "facts": json.dumps(facts)}))


@LoadedOnce
def load(assets: Path = ASSETS) -> UNet:
    """The network of that step, verified against the manifest; loaded once per process, when a page first needs it.

    Raises CheckpointError where the file is missing, not the one listed, or made from other weights than those that ship.
    """
    path = assets / FILE
    checkpoints.verify(path)
    shipped, entry = checkpoints.load(OF, assets).net, checkpoints.manifest(assets)[OF]
    try:
        if facts(assets)["of_sha256"] != entry.sha256:
            raise KeyError("of_sha256")
        tensors = checkpoints.tensors(path)
        state: dict[str, Tensor] = {
            name: weight + unpack(tensors[name], tensors.get(name + _SCALE), weight.shape)
            for name, weight in shipped.state_dict().items()
        }
        net = checkpoints.with_weights(lambda: UNet(shipped.config), state)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise checkpoints.CheckpointError(
            f"The weights in {path.name} do not belong to those in {entry.file}: restore both from the repository."
        ) from error
    return in_memory_format(net, torch.channels_last).eval().requires_grad_(False)


def facts(assets: Path = ASSETS) -> dict[str, Any]:
    """How they came about, and what was measured. Raises CheckpointError where the file cannot be read."""
    return checkpoints.metadata(assets / FILE)[1]
