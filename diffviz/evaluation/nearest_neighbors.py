"""Which training drawings come nearest to a picture: whether the network drew, or handed one back.

Nearness is plain: the root mean square difference of pixel values, on the scale from -1 to 1, after both were
averaged down to 32 × 32; a drawing and its mirror image count as one. It finds near copies, not ideas that
were borrowed: shifted by a few pixels, a copy is far away.

`assets/drawings.avif` holds the training drawings, `assets/drawings.json` what they show and how far *real*
drawings that were never trained on lie from them, which is the yardstick. Both are made by
`diffviz.training.build_reference_set`.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from diffviz.evaluation import results
from diffviz.imaging.pixels import normalize
from diffviz.paths import ASSETS

SIDE = 32  # pictures are averaged down to this before they are compared
COPY_QUANTILE = (
    0.05  # share of the real new drawings that lie nearer: below it, a picture is as good as a copy
)


def downsample(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) averaged down to (N, 3, 32, 32)."""
    return F.interpolate(pictures, (SIDE, SIDE), mode="area")


def distances(pictures: Tensor, drawings: Tensor, at_once: int = 1000) -> Tensor:
    """RMS difference of pictures (N, 3, S, S) to drawings (M, 3, S', S'), either way round: (N, M).

    Values are in [-1, 1], or uint8 in the drawings, which are turned into floats `at_once` at a time.
    """
    wanted = downsample(pictures)
    both = torch.cat([wanted, wanted.flip(-1)]).flatten(1)
    found = []
    for part in drawings.split(at_once):
        values = normalize(part.float()) if part.dtype == torch.uint8 else part
        found.append(torch.cdist(both, downsample(values).flatten(1)))
    straight, mirrored = torch.cat(found, 1).chunk(2)
    return torch.minimum(straight, mirrored) / both.shape[1] ** 0.5


@dataclass(frozen=True)
class Neighbor:
    """A training drawing near a picture."""

    label: str
    style: str
    distance: float
    image: np.ndarray  # (32, 32, 3) uint8


@dataclass(frozen=True)
class ReferenceSet:
    """The training drawings, and how far real new ones lie from them."""

    pictures: Tensor  # (M, 3, 32, 32) uint8
    labels: tuple[str, ...]  # (M,)
    styles: tuple[str, ...]  # (M,)
    heldout_distances: (
        np.ndarray
    )  # distance of each real drawing never trained on to the nearest of them, ascending

    def nearest(self, picture: Tensor, k: int = 5) -> list[Neighbor]:
        """The k nearest drawings to a picture (3, S, S) in [-1, 1], nearest first."""
        far = distances(picture.unsqueeze(0), self.pictures)[0]
        return [
            Neighbor(
                self.labels[i],
                self.styles[i],
                float(far[i]),
                self.pictures[i].permute(1, 2, 0).numpy(),
            )
            for i in far.argsort()[:k].tolist()
        ]

    def percentile(self, distance: float) -> float:
        """Share of the real new drawings that lie nearer to a training drawing than `distance`."""
        return float(np.searchsorted(self.heldout_distances, distance) / len(self.heldout_distances))


@functools.lru_cache(maxsize=1)
def load_reference_set(assets: Path = ASSETS) -> ReferenceSet | None:
    """The training drawings, or None where they have not been made."""
    sheet, facts = assets / "drawings.avif", assets / "drawings.json"
    if not (sheet.exists() and facts.exists()):
        return None
    raw = json.loads(facts.read_text(encoding="utf-8"))
    pixels = np.asarray(Image.open(sheet).convert("RGB"))
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    cells = pixels.reshape(rows, SIDE, columns, SIDE, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIDE, SIDE)
    count = len(raw["label"])
    return ReferenceSet(
        torch.from_numpy(np.ascontiguousarray(cells[:count])),
        tuple(raw["labels"][i] for i in raw["label"]),
        tuple(raw["styles"][i] for i in raw["style"]),
        np.array(raw["new"]),
    )


def memorization_results(name: str, assets: Path = ASSETS) -> dict | None:
    """What `diffviz.training.evaluate` measured of a network's copying, or None.

    `memorisation` of its file, with `sampler`, `steps` and `guidance` it was measured at, and the SHA-256 of
    the weights.
    """
    measured = results.load_result("evaluation", name, assets / "curves")
    found = measured.raw if measured else {}
    if "memorisation" not in found:
        return None
    return {**found["memorisation"], **found["settings"], "weights_sha256": found["weights_sha256"]}
