"""A small classifier of our own: it measures the denoiser, and gives features of images.

It is trained on the same real images (see `diffviz.training.train_classifier`) and knows their labels and
subgroups. Its predictions for generated images are only as good as those for held-out real ones, so the
two are always printed side by side. Its features are not Inception's: a KID in them cannot be compared with
a published one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from diffviz.models import checkpoints

SIZE = 32  # images of another size are resampled to this one first
FEATURES = 128


class _Block(nn.Module):
    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False),
            nn.GroupNorm(8, c_out),
            nn.SiLU(),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.GroupNorm(8, c_out),
        )
        self.skip = nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.skip(x) + self.body(x))


class Classifier(nn.Module):
    """Images (B, 3, S, S) in [-1, 1] -> label logits (B, L), subgroup logits (B, G), features (B, 128)."""

    def __init__(self, n_labels: int, n_subgroups: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1),
            _Block(32, 64, 2),
            _Block(64, 96, 2),
            _Block(96, 160, 2),
            _Block(160, 160, 1),
        )
        self.features = nn.Linear(160 * 5, FEATURES)
        self.labels = nn.Linear(FEATURES, n_labels)
        self.subgroups = nn.Linear(FEATURES, n_subgroups)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if x.shape[-1] != SIZE:
            x = F.interpolate(x, (SIZE, SIZE), mode="area")
        h = self.body(x)  # (B, 160, 4, 4)
        # The mean says what is there, the four quarters roughly where.
        pooled = torch.cat([h.mean((2, 3)), F.adaptive_avg_pool2d(h, 2).flatten(1)], dim=1)
        features = self.features(F.dropout(pooled, 0.2, self.training))
        seen = F.silu(features)
        return self.labels(seen), self.subgroups(seen), features


@dataclass(frozen=True)
class LabelClassifier:
    """A trained classifier with the names of its classes."""

    net: Classifier
    labels: tuple[str, ...]
    subgroups: tuple[str, ...]
    facts: dict[str, Any]

    @torch.inference_mode()
    def predict(self, images: Tensor, batch: int = 256) -> tuple[Tensor, Tensor, Tensor]:
        """Label logits (N, L), subgroup logits (N, G) and features (N, 128) of images in [-1, 1]."""
        parts = [self.net(images[i : i + batch]) for i in range(0, len(images), batch)]
        labels, subgroups, features = zip(*parts, strict=True)
        return torch.cat(labels), torch.cat(subgroups), torch.cat(features)

    def log_p(self, label: str) -> Callable[[Tensor], Tensor]:
        """log p(label given image) of images (B, 3, S, S): (B,), with a gradient.

        Raises ValueError for a label that it does not know.
        """
        if label not in self.labels:
            raise ValueError(f"the classifier knows no label {label!r}")
        k = self.labels.index(label)
        return lambda images: self.net(images)[0].log_softmax(1)[:, k]


@functools.lru_cache(maxsize=2)
def load(path: Path) -> LabelClassifier:
    """Read a classifier written by `train_classifier`.

    Raises FileNotFoundError, ValueError where it is damaged, and CheckpointError where it is not the one that ships.
    """
    if not path.exists():
        raise FileNotFoundError(f"The classifier {path.name} is missing: restore it from the repository.")
    checkpoints.verify(path)
    try:
        tensors, raw = checkpoints.parts(path)
        names, facts = json.loads(raw["names"]), json.loads(raw["facts"])
        net = checkpoints.with_weights(
            lambda: Classifier(len(names["labels"]), len(names["subgroups"])), tensors
        )
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"The classifier {path.name} is damaged: restore it from the repository.") from error
    return LabelClassifier(
        net.eval().requires_grad_(False),
        tuple(names["labels"]),
        tuple(names["subgroups"]),
        facts,
    )
