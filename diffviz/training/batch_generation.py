"""Images in bulk: many prompts and seeds at once, and sheets of them to look at."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from diffviz.diffusion.guidance import classifier_free_guidance
from diffviz.diffusion.process import Denoise
from diffviz.diffusion.samplers import SAMPLERS, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.training.data import Dataset
from diffviz.training.prompts import COMMON_32


def guided_denoiser(
    denoiser: Denoiser, prompts: Sequence[str], styles: Sequence[str | None], guidance: float
) -> Denoise:
    """The denoiser of a batch with its words and its guidance put in, on the cosine schedule."""
    schedule, n = SCHEDULES["cosine"], len(prompts)
    return classifier_free_guidance(
        denoiser.conditioned(prompts, styles, schedule),
        denoiser.conditioned([""] * n, [None] * n, schedule),
        guidance,
        clip=denoiser.autoencoder is None,
    )


def generate_many(
    denoiser: Denoiser,
    prompts: Sequence[str],
    styles: Sequence[str | None],
    seeds: Sequence[int],
    *,
    steps: int = 30,
    guidance: float = 3.0,
    sampler: str = "ddim",
    batch: int = 64,
) -> Tensor:
    """One image per (prompt, style, seed) on the cosine schedule: (N, 3, S, S) in [-1, 1]."""
    schedule, device = SCHEDULES["cosine"], next(denoiser.net.parameters()).device
    images = []
    for start in range(0, len(prompts), batch):
        part = slice(start, start + batch)
        denoise = guided_denoiser(denoiser, prompts[part], styles[part], guidance)
        rng = make_generators(seeds[part])
        x = randn_per_seed(rng, denoiser.shape).to(device)
        for step in SAMPLERS[sampler](denoise, x, timesteps(steps), schedule, rng=rng):
            x = step.x
        images.append(denoiser.decode(x).float().cpu())
    return torch.cat(images)


def generate_for_rows(
    denoiser: Denoiser,
    data: Dataset,
    rows: np.ndarray,
    first_seed: int,
    *,
    precise: bool = False,
    **settings: Any,
) -> Tensor:
    """One image for the caption of each row, image i from seed first_seed + i; in bfloat16 unless `precise`."""
    with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
        return generate_many(
            denoiser,
            [data.labels[data.label[r]] for r in rows],
            [data.styles[data.style[r]] for r in rows],
            range(first_seed, first_seed + len(rows)),
            **settings,
        )


def head_of_images(weights_sha256: str, settings: dict, first_seed: int) -> dict:
    """What images of `generate_for_rows` were made with: images that are kept under the same head are the same."""
    return {
        "weights_sha256": weights_sha256,
        "settings": settings,
        "precision": "bfloat16",
        "first_seed": first_seed,
    }


def kept(path: Path, head: dict, name: str) -> np.ndarray | None:
    """An array of a file that was begun under the same head, or None."""
    if not path.exists():
        return None
    with np.load(path) as raw:
        return raw[name] if json.loads(str(raw["head"])) == head else None


def keep(path: Path, head: dict, **arrays: Any) -> None:
    """Write arrays and what they were made with; the file is replaced at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, head=np.array(json.dumps(head)), **arrays)
    checkpoints.replace(path, buffer.getvalue())


def generate_grid(
    denoiser: Denoiser,
    wanted: Sequence[tuple[str, str]] = COMMON_32,
    steps: int = 30,
    guidance: float = 3.0,
    sampler: str = "ddim",
) -> Tensor:
    """Fixed (prompt, style) pairs, image i from seed i: (N, 3, S, S)."""
    prompts, styles = zip(*wanted, strict=True)
    return generate_many(
        denoiser, prompts, styles, range(len(prompts)), steps=steps, guidance=guidance, sampler=sampler
    )


def image_grid(images: Tensor, columns: int, zoom: int = 3) -> Image.Image:
    """Images (N, 3, S, S) in rows, pixels enlarged without smoothing."""
    n, _, s, _ = images.shape
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (s + 2), columns * (s + 2), 3), 255, np.uint8)
    for i, picture in enumerate(to_uint8(images.numpy())):
        y, x = divmod(i, columns)
        sheet[y * (s + 2) : y * (s + 2) + s, x * (s + 2) : x * (s + 2) + s] = picture
    image = Image.fromarray(sheet)
    return image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
