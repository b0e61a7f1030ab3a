"""Draw the pairs of the blind test on the steps page: fixed prompts and seeds at every number of steps.

    python -m diffviz.training.build_blind_test        # -> assets/curves/ladders.webp and ladders.json; a few minutes
    python -m diffviz.training.build_blind_test --model emoji128       # -> ladders-emoji128.webp and .json

250 guided steps take seconds, too long to wait for in each of twenty trials, so these are drawn beforehand by
the shipped weights. Row i of the sheet is pair i, column j the j-th number of steps. It is kept without loss up to 64
pixels; above, where that would take several MB, at WebP's quality of 95, both images of a pair alike: some two of 255
levels off on average, more at the edges of colours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from diffviz.evaluation import results
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.paths import CURVES
from diffviz.training.batch_generation import generate_many
from diffviz.training.prompts import COMMON_32

STEPS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 250)
LOSSLESS_TO = 64  # pixels
SAMPLER, GUIDANCE, FIRST_SEED = "ddim", 3.0, 30_000


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=checkpoints.manifest(), default=checkpoints.QUICK)
    parser.add_argument("--pairs", type=int, help="the first so many prompts; default: all")
    parser.add_argument("--folder", type=Path, default=CURVES)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    denoiser = checkpoints.load(args.model)
    prompts, styles = zip(*COMMON_32[: args.pairs], strict=True)
    seeds = range(FIRST_SEED, FIRST_SEED + len(prompts))
    columns = []
    for steps in STEPS:
        made = generate_many(
            denoiser, prompts, styles, seeds, steps=steps, guidance=GUIDANCE, sampler=SAMPLER
        )
        columns.append(np.concatenate(to_uint8(made.numpy())))  # (pairs * S, S, 3)
        print(f"{steps} steps", flush=True)
    sheet = args.folder / f"{results.blind_test_name(args.model)}.webp"
    exact = denoiser.image_size <= LOSSLESS_TO
    Image.fromarray(np.concatenate(columns, axis=1)).save(
        sheet, lossless=exact, quality=100 if exact else 95, method=6
    )
    facts = {
        "weights_sha256": checkpoints.manifest()[args.model].sha256,
        "steps": STEPS,
        "sampler": SAMPLER,
        "guidance": GUIDANCE,
        "side": denoiser.image_size,
        "pairs": [
            {"prompt": p, "style": s, "seed": seed} for p, s, seed in zip(prompts, styles, seeds, strict=True)
        ],
    }
    sheet.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{sheet} ({sheet.stat().st_size / 1e3:.0f} kB)")


if __name__ == "__main__":
    main()
