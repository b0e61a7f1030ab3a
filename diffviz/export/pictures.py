"""The images on the cards, read from `assets/cards`.

`python -m diffviz.training.build_card_pictures` draws them, by the shipped weights; exporting needs no network.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from diffviz.paths import ASSETS

FOLDER = ASSETS / "cards"


class Picture(NamedTuple):
    """A PNG file and its alternative text."""

    path: Path
    alt: str


@lru_cache
def _alternatives() -> dict[str, str]:
    return json.loads((FOLDER / "pictures.json").read_text(encoding="utf-8"))["pictures"]


def of(item_id: str) -> Picture | None:
    """The image of an item, or None where there is nothing to show."""
    alt = _alternatives().get(item_id)
    return Picture(FOLDER / f"{item_id}.png", alt) if alt else None
