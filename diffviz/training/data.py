"""The training array in memory, and the captions drawn from it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffviz.imaging.pixels import normalize
from diffviz.models.text_encoder import Vocabulary, tokenize


@dataclass(frozen=True)
class Dataset:
    """The file of `build_dataset`, as tensors; pictures stay uint8 until they are used."""

    images: Tensor  # (N, 3, S, S) uint8
    label: np.ndarray  # (N,)
    style: np.ndarray  # (N,)
    heldout: np.ndarray  # (N,) bool
    labels: list[str]  # (L,)
    keywords: list[list[str]]
    subgroups: np.ndarray  # (L,)
    common: np.ndarray  # (L,) bool
    styles: list[str]

    @classmethod
    def load(cls, path: Path) -> Dataset:
        """Raises SystemExit naming the command that makes the file when it is not there."""
        if not path.exists():
            raise SystemExit(f"{path} is not there: python -m diffviz.training.build_dataset --out {path}")
        with np.load(path) as raw:
            return cls(
                images=torch.from_numpy(raw["images"]).permute(0, 3, 1, 2).contiguous(),
                label=raw["label"],
                style=raw["style"].astype(np.int64),
                heldout=raw["heldout"],
                labels=[str(s) for s in raw["labels"]],
                keywords=[str(s).split("|") for s in raw["keywords"]],
                subgroups=raw["subgroups"],
                common=raw["everyday"],
                styles=[str(s) for s in raw["styles"]],
            )

    @functools.cached_property
    def is_skin_tone(self) -> np.ndarray:
        """Which labels are skin-tone variants: (L,) bool."""
        return np.array(["skin tone" in label for label in self.labels])

    def pictures(self, rows: np.ndarray) -> Tensor:
        """Pictures in [-1, 1]: (len(rows), 3, S, S) float."""
        return normalize(self.images[torch.from_numpy(rows)].float())

    def rows(self, *, heldout: bool, common: bool = False) -> np.ndarray:
        """Indices of the held-out or the training pictures, of everyday labels only if asked."""
        keep = self.heldout == heldout
        return np.flatnonzero(keep & self.common[self.label] if common else keep)


@dataclass(frozen=True)
class CaptionDropout:
    """How captions are thinned out in training."""

    caption: float = 0.10  # no words at all: teaches the unconditional answer that guidance needs
    style: float = 0.15  # no style: the words alone must do
    keywords_only: float = 0.10  # keywords in place of the label, so that they mean something by themselves
    extra_keywords: float = 0.35  # label and one to three keywords


class Captions:
    """Draws the token row of a training picture: its label, at times keywords, at times nothing."""

    def __init__(self, data: Dataset, vocabulary: Vocabulary, dropout: CaptionDropout) -> None:
        self.vocabulary, self.dropout, self.styles = vocabulary, dropout, data.styles
        self.label_words = [tokenize(label) for label in data.labels]
        self.keyword_words = [[tokenize(k) for k in keywords if tokenize(k)] for keywords in data.keywords]

    def words(self, label: int, rng: np.random.Generator) -> list[str]:
        """The words of a caption: the label, at times with keywords or keywords in its place."""
        p, words = self.dropout, list(self.label_words[label])
        keywords = self.keyword_words[label]
        chance = rng.random()
        if keywords and chance < p.keywords_only + p.extra_keywords:
            picked = rng.permutation(len(keywords))[: rng.integers(1, 4)]
            extra = [w for k in picked for w in keywords[k]]
            words = extra if chance < p.keywords_only else words + extra
        return words

    def tokens(self, words: list[str], style: int, rng: np.random.Generator) -> list[int]:
        """The token row of a caption, whose words or style are dropped at times."""
        if rng.random() < self.dropout.caption:
            words = []
        name = None if rng.random() < self.dropout.style else self.styles[style]
        return self.vocabulary.encode(list(dict.fromkeys(words)), name)
