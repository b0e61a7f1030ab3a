"""A strip of pictures for a card: the demo that it links to, run and laid out in a row."""

from __future__ import annotations

import functools

import numpy as np
import torch
from PIL import Image

from diffviz import checkpoints, forward, uploads
from diffviz.experiments import ladder
from diffviz.generation import Settings, recorded
from diffviz.learn.content import Demo
from diffviz.schedules import SCHEDULES
from diffviz.trajectory import strip, to_uint8

DRAWING = checkpoints.ASSETS / "samples" / "cat-face-noto.png"
RUNGS = (1, 2, 3, 5, 8, 12, 20, 30)


def of(demo: Demo) -> bytes:
    """A PNG strip of eight frames: a forward chain, a reverse run, or a ladder of step counts."""
    return _strip(demo.page, tuple(sorted(demo.state.items())))


@functools.lru_cache(maxsize=128)
def _strip(page: str, state: tuple[tuple[str, str], ...]) -> bytes:
    torch.set_num_threads(1)
    asked = dict(state)
    if page == "forward":
        drawing = uploads.to_model(uploads.resize(Image.open(DRAWING), checkpoints.load().shape[-1]))
        schedule = SCHEDULES[asked.get("schedule", "cosine")]
        chain = forward.walk(drawing, schedule, int(asked.get("T", 50)), seed=0)
        return strip(to_uint8(np.stack([x for _, x in chain])))
    style = asked.get("style", "noto")
    settings = Settings(
        asked.get("prompt", "cat face"),
        "" if style == "any" else style,
        int(asked.get("seed", 0)),
        int(asked.get("steps", 30)),
        guidance=float(asked.get("guidance", 3.0)),
    )
    if page == "steps":
        return strip(np.stack([run.frames("x")[-1] for run in ladder(settings, RUNGS)]))
    return strip(recorded(settings).frames("x"))
