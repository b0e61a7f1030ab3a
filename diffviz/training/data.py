"""The training array in memory, and the captions drawn from it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffviz.imaging.pixels import normalize
from diffviz.models.text_encoder import Vocabulary, tokenize
from diffviz.training.augment import HUES, recolour


@dataclass(frozen=True)
class Dataset:
    """The file of `build_dataset`, as tensors; images stay uint8 until they are used."""

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
            captions = cls._captions(raw)
            if "latents" in raw:
                return LatentDataset.of_variants(raw, captions)
            return cls(images=torch.from_numpy(raw["images"]).permute(0, 3, 1, 2).contiguous(), **captions)

    @staticmethod
    def _captions(raw: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return {
            "label": raw["label"],
            "style": raw["style"].astype(np.int64),
            "heldout": raw["heldout"],
            "labels": [str(s) for s in raw["labels"]],
            "keywords": [str(s).split("|") for s in raw["keywords"]],
            "subgroups": raw["subgroups"],
            "common": raw["everyday"],
            "styles": [str(s) for s in raw["styles"]],
        }

    @functools.cached_property
    def is_skin_tone(self) -> np.ndarray:
        """Which labels are skin-tone variants: (L,) bool."""
        return np.array(["skin tone" in label for label in self.labels])

    def examples(self, rows: np.ndarray) -> Tensor:
        """Images in [-1, 1]: (len(rows), 3, S, S) float."""
        return normalize(self.images[torch.from_numpy(rows)].float())

    def mirrored(self, rows: np.ndarray) -> Tensor:
        """The mirror images of `examples`."""
        return self.examples(rows).flip(-1)

    def recoloured(self, row: int, image: Tensor, colour: str) -> Tensor | None:
        """`image`, of this row, in another colour (a key of HUES); None where it has none to exchange."""
        return recolour(image, colour)

    @property
    def mirrors_recoloured(self) -> bool:
        """Whether what `recoloured` gives is mirrored where `image` is."""
        return True

    def rows(self, *, heldout: bool, common: bool = False) -> np.ndarray:
        """Indices of the held-out or the training images, of everyday labels only if asked."""
        keep = self.heldout == heldout
        return np.flatnonzero(keep & self.common[self.label] if common else keep)


@dataclass(frozen=True)
class LatentDataset(Dataset):
    """The file of `encode_dataset`: `images` are latents (N, C, H, W), and what augmentation makes is looked up."""

    latents: Tensor  # (V, C, H, W) float16 of all variants
    mirror: np.ndarray  # (N,) which variant is the mirror image, or -1
    colours: np.ndarray  # (N, len(HUES)) which variant has that colour, or -1
    autoencoder: str = ""  # SHA-256 of the weights that encoded them; files of before it was kept have none

    @classmethod
    def of_variants(cls, raw: Mapping[str, np.ndarray], captions: dict[str, Any]) -> LatentDataset:
        row, colour, mirrored = raw["row"], raw["colour"], raw["mirrored"]
        n, latents = len(captions["label"]), torch.from_numpy(raw["latents"])
        plain, mirror = np.flatnonzero((colour < 0) & ~mirrored), np.full(n, -1)
        mirror[row[mirrored]] = np.flatnonzero(mirrored)
        colours, painted = np.full((n, len(HUES)), -1), np.flatnonzero(colour >= 0)
        colours[row[painted], colour[painted]] = painted
        assert (row[plain] == np.arange(n)).all()
        encoded_by = str(raw["autoencoder"]) if "autoencoder" in raw else ""
        return cls(
            images=latents[plain],
            latents=latents,
            mirror=mirror,
            colours=colours,
            autoencoder=encoded_by,
            **captions,
        )

    def examples(self, rows: np.ndarray) -> Tensor:
        """Latents at unit variance: (len(rows), C, H, W) float."""
        return self.images[torch.from_numpy(rows)].float()

    def mirrored(self, rows: np.ndarray) -> Tensor:
        """Latents of the mirror images; of the images themselves where those were not encoded."""
        at = self.mirror[rows]
        return torch.where(
            torch.from_numpy(at >= 0)[:, None, None, None],
            self.latents[torch.from_numpy(at.clip(0))].float(),
            self.examples(rows),
        )

    def recoloured(self, row: int, image: Tensor, colour: str) -> Tensor | None:
        """Latents of the image in another colour, not mirrored; None where that was not encoded."""
        at = self.colours[row, list(HUES).index(colour)]
        return self.latents[at].float() if at >= 0 else None

    @property
    def mirrors_recoloured(self) -> bool:
        return False


@dataclass(frozen=True)
class CaptionDropout:
    """How captions are thinned out in training."""

    caption: float = 0.10  # no tokens at all: trains the unconditional prediction that guidance needs
    style: float = 0.15  # no style: the words alone must do
    keywords_only: float = 0.10  # keywords in place of the label, so that they mean something by themselves
    extra_keywords: float = 0.35  # label and one to three keywords


class Captions:
    """Draws the token row of a training image: its label, at times keywords, at times nothing."""

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
