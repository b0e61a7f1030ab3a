"""A small network early in its training, twice: the weights of its last step, and their moving average.

The networks that ship are averages alone. What the average is for shows only beside the weights it was made of, so a short
run of a smaller network ships with both (`diffviz.training.publish_early`), for the lesson that leaves the average out.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save
from torch import nn

from diffviz.models import checkpoints
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet, UNetConfig
from diffviz.paths import ASSETS

NAME = "early32"
FILE = f"{NAME}.safetensors"
SETS = ("last", "averaged")


@dataclass(frozen=True)
class Trained:
    """What a training run keeps of a network: the weights of its last step, and their exponential moving average."""

    last: UNet
    averaged: UNet


def write(path: Path, sets: Mapping[str, nn.Module], config: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write both of SETS in half precision, with their shape and history; the file is replaced at once."""
    tensors = {
        f"{name}/{key}": value.detach().cpu().half().contiguous()
        for name in SETS
        for key, value in sets[name].state_dict().items()
    }
    checkpoints.replace(path, save(tensors, {"config": json.dumps(config), "facts": json.dumps(facts)}))


@functools.lru_cache(maxsize=1)
def load(assets: Path = ASSETS) -> Trained:
    """Both networks, verified against the manifest; loaded once per process, when a page first needs them.

    Raises CheckpointError where the file is missing, not the one listed, or of another shape.
    """
    path = assets / FILE
    checkpoints.verify(path)
    config, _ = checkpoints.metadata(path)
    try:
        tensors, _ = checkpoints.parts(path)
        last, averaged = (
            checkpoints.with_weights(
                lambda: UNet(UNetConfig.from_dict(config)),
                {k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{name}/")},
            )
            for name in SETS
        )
    except (OSError, SafetensorError, TypeError, KeyError, RuntimeError) as error:
        raise checkpoints.CheckpointError(
            f"The weights in {path.name} do not fit this version of the network: restore both from the repository."
        ) from error
    return Trained(*(net.eval().requires_grad_(False) for net in (last, averaged)))


def facts(assets: Path = ASSETS) -> dict[str, Any]:
    """How they were trained, and the held-out loss of each. Raises CheckpointError where the file cannot be read."""
    return checkpoints.metadata(assets / FILE)[1]


def vocabulary(assets: Path = ASSETS) -> Vocabulary:
    """The words that both know."""
    return checkpoints.vocabulary(checkpoints.QUICK, assets)
