"""Words in, tokens out: how a prompt reaches the network, and which words the network knows.

A prompt becomes a short row of token ids. The first token names the drawing style, the rest are the words
in the order they were written (the network sees them as a set: it has no notion of word order).

    id 0          padding, never attended to
    id 1          the null token, "no caption": what the network saw when the words were dropped in training
    id 2          "no style"
    id 3 … 3+S-1  the styles
    after that    the words
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

PAD, NULL_TOKEN, NO_STYLE, FIRST_STYLE = 0, 1, 2, 3
MAX_TOKENS = 12
_WORD = re.compile(r"[a-z0-9]+")
_ANY_WORD = re.compile(r"\w+")  # in any script
# These words carry no image; the captions have them ("face with tears of joy") and prompts do too.
STOP_WORDS = frozenset(("a", "an", "the", "of", "with", "and", "in", "on", "at", "to", "for", "by", "or"))


def tokenize(text: str) -> list[str]:
    """The words of a text as the network knows them: lower case, letters and digits, no stop words."""
    return [w for w in _WORD.findall(_plain(text)) if w not in STOP_WORDS]


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", text)  # an accent may come as a character of its own
    return text.lower().replace("’", "").replace("'", "").replace("ñ", "n").replace("é", "e")


@dataclass(frozen=True)
class Prompt:
    """A prompt as read: the words used, the ones not known, and those cut because the row was full."""

    words: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """The words and styles of one trained network, in the order of their token ids."""

    words: tuple[str, ...]
    styles: tuple[str, ...]
    common_words: frozenset[str] = frozenset()
    labels: tuple[dict[str, Any], ...] = ()
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = FIRST_STYLE + len(self.styles)
        object.__setattr__(self, "_ids", {w: first + i for i, w in enumerate(self.words)})

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read a vocabulary file (written by `diffviz.training.build_dataset`)."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            tuple(raw["words"]),
            tuple(raw["styles"]),
            frozenset(raw["everyday_words"]),
            tuple(raw["labels"]),
        )

    @cached_property
    def label_words(self) -> tuple[frozenset[str], ...]:
        """The words of each label, in the order of `labels`."""
        return tuple(frozenset(tokenize(label["label"])) for label in self.labels)

    def __len__(self) -> int:
        return FIRST_STYLE + len(self.styles) + len(self.words)

    def knows(self, word: str) -> bool:
        return word in self._ids

    def nearest(self, word: str, n: int = 3) -> list[str]:
        """Up to n known words spelled like this one, everyday words first."""
        close = difflib.get_close_matches(word.lower(), self.words, n=4 * n, cutoff=0.6)
        return sorted(close, key=lambda w: w not in self.common_words)[:n]

    def read(self, text: str) -> Prompt:
        """Split a prompt into the words that have a token and those that have none.

        A word with letters that the network's alphabet lacks (猫, naïve) is unknown as a whole, though known words that
        stand in its plain letters are used.
        """
        words = list(dict.fromkeys(tokenize(text)))
        known = [w for w in words if self.knows(w)]
        foreign = [w for w in _ANY_WORD.findall(_plain(text)) if not w.isascii()]
        parts = {part for w in foreign for part in _WORD.findall(w)}
        unknown = [w for w in words if not self.knows(w) and w not in parts]
        return Prompt(
            tuple(known[: MAX_TOKENS - 1]),
            tuple(dict.fromkeys([*unknown, *foreign])),
            tuple(known[MAX_TOKENS - 1 :]),
        )

    def encode(self, text: str | Sequence[str], style: str | None = None) -> list[int]:
        """Token ids of one prompt: style first, then words, padded to MAX_TOKENS.

        Unknown words are skipped (ask `read` which). Raises ValueError for a style that does not exist.
        """
        if style and style not in self.styles:
            raise ValueError(f"unknown style {style!r}: choose one of {', '.join(self.styles)}")
        words = self.read(text).words if isinstance(text, str) else tuple(text)[: MAX_TOKENS - 1]
        row = [FIRST_STYLE + self.styles.index(style) if style else NO_STYLE]
        row += [self._ids[w] for w in words if w in self._ids] or [NULL_TOKEN]
        return row + [PAD] * (MAX_TOKENS - len(row))


class TextEncoder(nn.Module):
    """Learned word vectors: tokens (B, L) -> per-token vectors (B, L, D), pooled vector (B, D), mask (B, L)."""

    def __init__(self, n_tokens: int, dim: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_tokens, dim, padding_idx=PAD)
        nn.init.normal_(self.embed.weight, std=0.5)
        with torch.no_grad():
            self.embed.weight[PAD].zero_()
        self.mix = nn.Sequential(nn.Linear(dim, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask = tokens != PAD  # (B, L)
        each = self.embed(tokens)  # (B, L, D)
        weight = mask.unsqueeze(-1).to(each.dtype)
        mean = (each * weight).sum(1) / weight.sum(1)  # (B, D)
        # Every word hears the whole caption once, so that "red" beside "heart" is not "red" beside "apple".
        each = self.norm(each + self.mix(each + mean.unsqueeze(1)))
        pooled = (each * weight).sum(1) / weight.sum(1)
        return each, pooled, mask
