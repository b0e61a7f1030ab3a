"""Nearest training images of an image, to detect memorization.

The distance is the RMSE of pixel values in [-1, 1] at 32 × 32, to a training image or its mirror image, whichever is
smaller. It detects near-copies: a copy that was shifted by a few pixels, scaled or recoloured is far away.

`assets/drawings.avif` holds the training images; `assets/drawings.json` their labels and styles, and the
nearest-neighbour distances of held-out images, from which the threshold is taken. Both are made by
`diffviz.training.build_reference_set`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from diffviz.bounded import LoadedOnce
from diffviz.evaluation import results
from diffviz.imaging.pixels import normalize
from diffviz.paths import ASSETS

SIDE = 32  # images are averaged down to this before they are compared
COPY_QUANTILE = 0.05  # of the held-out distances: an image with a smaller distance counts as a near-copy


def downsample(images: Tensor) -> Tensor:
    """Images (N, 3, S, S) averaged down to (N, 3, 32, 32)."""
    return F.interpolate(images, (SIDE, SIDE), mode="area")


def distances(images: Tensor, references: Tensor, at_once: int = 1000) -> Tensor:
    """RMSE of images (N, 3, S, S) to reference images (M, 3, S', S') or their mirror images: (N, M).

    Values are in [-1, 1]; references may be uint8. They are converted `at_once` at a time.
    """
    small = downsample(images)
    # `cdist` takes |a|² + |b|² − 2ab, which in float32 puts an image up to 1e-3 from itself.
    both = torch.cat([small, small.flip(-1)]).flatten(1).double()
    found = []
    for part in references.split(at_once):
        values = normalize(part.float()) if part.dtype == torch.uint8 else part
        found.append(torch.cdist(both, downsample(values).flatten(1).double()))
    direct, mirrored = torch.cat(found, 1).chunk(2)
    return (torch.minimum(direct, mirrored) / both.shape[1] ** 0.5).float()


@dataclass(frozen=True)
class Neighbor:
    """A training image, and its distance to the image that was searched for."""

    label: str
    style: str
    distance: float
    image: np.ndarray  # (32, 32, 3) uint8


@dataclass(frozen=True)
class ReferenceSet:
    """The training images, and the nearest-neighbour distances of held-out images to them."""

    images: Tensor  # (M, 3, 32, 32) uint8
    labels: tuple[str, ...]  # (M,)
    styles: tuple[str, ...]  # (M,)
    heldout_distances: np.ndarray  # (H,) of each held-out image to its nearest training image, ascending

    def nearest(self, image: Tensor, k: int = 5) -> list[Neighbor]:
        """The k nearest training images to an image (3, S, S) in [-1, 1], nearest first."""
        far = distances(image.unsqueeze(0), self.images)[0]
        return [
            Neighbor(
                self.labels[i],
                self.styles[i],
                float(far[i]),
                self.images[i].permute(1, 2, 0).numpy(),
            )
            for i in far.argsort()[:k].tolist()
        ]

    def percentile(self, distance: float) -> float:
        """Share of the held-out images whose nearest-neighbour distance is below `distance`."""
        return float(np.searchsorted(self.heldout_distances, distance) / len(self.heldout_distances))


@LoadedOnce
def load_reference_set(assets: Path = ASSETS) -> ReferenceSet | None:
    """The shipped training images, or None where the files are missing."""
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
    """What `diffviz.training.evaluate` measured of a network's memorization, or None.

    `memorisation` of its file, with the `sampler`, `steps` and `guidance` of the measurement, and the SHA-256 of the
    weights.
    """
    measured = results.load_result("evaluation", name, assets / "curves")
    found = measured.raw if measured else {}
    if "memorisation" not in found:
        return None
    return {**found["memorisation"], **found["settings"], "weights_sha256": found["weights_sha256"]}
