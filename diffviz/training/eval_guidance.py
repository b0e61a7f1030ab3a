"""Measure agreement with the caption and distance to real images against the guidance scale.

    python -m diffviz.training.eval_guidance                    # emoji32, N = 1024: about an hour on one core
    python -m diffviz.training.eval_guidance --model emoji64
    python -m diffviz.training.eval_guidance --n 256            # fewer images; a larger N later goes on from there

Writes `assets/curves/guidance-MODEL.json`. Captions, noises, real images, features and KID are those of `eval_steps`, and
sampled images are kept in the same folders. For every scale w: network function evaluations, KID to the real images, its
paired difference to w = 1 (no guidance), and the shares of images in which the classifier sees the label (first, among its
first five) and the subgroup of the caption; each with a 95 % bootstrap interval. The classifier was trained on the images
whose captions are used, so its agreement with those says nothing and is left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import metrics
from diffviz.paths import ASSETS
from diffviz.training import eval_steps
from diffviz.training.eval_steps import BLOCK, ImageScorer, Point, Study
from diffviz.training.evaluate import agreement

SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
POINT: Point = ("unipc", 12)
UNGUIDED = 1.0


def measure(
    studies: Mapping[float, Study], scorer: ImageScorer, point: Point, labels: np.ndarray, n: int
) -> dict:
    """The figures of every guidance scale over its first n images, whose captions have these labels (N,)."""
    bootstrap = metrics.KidBootstrap(scorer.real, n)
    images = {scale: study.images(point, n) for scale, study in studies.items()}
    found = {scale: bootstrap.kid(scorer.features(x)[0]) for scale, x in images.items()}
    without, resampled_without = found[UNGUIDED]
    rows = []
    for scale, (value, resampled) in found.items():
        row = {
            "guidance": scale,
            "nfe": SAMPLERS[point[0]].nfe(point[1]) * (1 if scale == UNGUIDED else 2),
            "kid": metrics.kid_figure(value, resampled),
            **agreement(scorer.classifier, torch.from_numpy(images[scale]), labels[:n], scorer.subgroup[:n]),
        }
        del row["n"]
        if scale != UNGUIDED:
            row["difference"] = metrics.kid_figure(value - without, resampled - resampled_without)
        rows.append(row)
    floor, of_floor = bootstrap.kid(scorer.same_captions[:n])
    return {
        "floor": metrics.kid_figure(floor, of_floor),
        "scales": rows,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    eval_steps.add_options(parser, "guidance")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    first, others = eval_steps.study_of(args, UNGUIDED)
    studies = {s: replace(first, guidance=s, folder=eval_steps.folder_of(args, s)) for s in SCALES}
    for start in range(0, args.n, BLOCK):
        for study in studies.values():
            study.sample_block(start, [POINT])
        print(f"{args.model}: {start + BLOCK} images a scale", flush=True)
    scorer = eval_steps.scorer_of(first, others)
    result = {
        **eval_steps.facts_of(args, scorer),
        "sampler": POINT[0],
        "steps": POINT[1],
        **measure(studies, scorer, POINT, first.data.label[first.drawn], args.n),
    }
    out = args.out or ASSETS / "curves" / f"guidance-{args.model}.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{out}: {len(result['scales'])} scales, N = {args.n}, floor {result['floor']}")


if __name__ == "__main__":
    main()
