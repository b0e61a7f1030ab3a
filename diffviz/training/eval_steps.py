"""Measure what the number of steps buys: every sampler at every step count, on the same noises and captions.

    python -m diffviz.training.eval_steps                  # N = 1000; hours on a CPU; goes on where it stopped
    python -m diffviz.training.eval_steps --quick          # N = 200, without the longest runs
    python -m diffviz.training.eval_steps --points ddim:2 unipc:50      # these alone

Writes `assets/curves/steps.json`. For every (sampler, steps): network calls, Fréchet distance to held-out real
pictures in our classifier's features, subgroup agreement, precision and recall, the distance to a long
reference run from the same noise, and seconds a picture; the first two and the distance with 95 % intervals.
A file of other weights or of another N is begun anew.

The network runs in bfloat16, which halves the hours. What that costs is measured too: `rounding` is the
distance between the reference run in bfloat16 and in float32, so a distance near it says nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import metrics
from diffviz.models import checkpoints, classifier
from diffviz.paths import ASSETS
from diffviz.training.batch_generation import generate_for_rows
from diffviz.training.data import Dataset
from diffviz.training.evaluate import read_results, real_training_rows, subgroup_numbers, top_k_hits

STEPS = (1, 2, 3, 5, 8, 12, 20, 30, 50)
LONG = {"ddim": (100,), "ddpm": (100,)}
REFERENCE = {"sampler": "dpmpp_2m", "steps": 250}
FIRST_SEED = 20_000
QUICK_N, FULL_N = 200, 1000


# What would cost more than it tells; the file and the page say so.
LEFT_OUT = {
    "euler": "it takes DDIM's steps in other coordinates and draws the same pictures",
    "ddim:250": "the hours ran short, and from 30 to 100 steps little changes",
    "ddpm:250": "the hours ran short as well",
}
ROUNDING_N = 64


def grid(quick: bool) -> list[tuple[str, int]]:
    """Every (sampler, steps) to be measured, the cheap ones first so that a file is of use early.

    The quick form leaves out the long runs.
    """
    samplers = [s for s in SAMPLERS if s not in LEFT_OUT]
    points = [(s, n) for s in samplers for n in (*STEPS, *(() if quick else LONG.get(s, ())))]
    return sorted(points, key=lambda p: p[1])


def measure_point(
    pictures: Tensor,
    label_classifier: classifier.LabelClassifier,
    real: np.ndarray,
    subgroup: np.ndarray,
    reference: Tensor | None,
) -> dict:
    """The figures of one set of pictures; `reference` None leaves the distance to the long run out."""
    _, by_subgroup, features = label_classifier.predict(pictures)
    made = features.numpy()
    right = top_k_hits(by_subgroup, subgroup, 1)
    precision, recall = metrics.precision_recall(real, made)
    point = {
        "frechet": metrics.as_figure(
            metrics.frechet_distance(made, real), metrics.frechet_interval(made, real)
        ),
        "subgroup_top1": metrics.mean_figure(right),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
    }
    if reference is not None:
        far = metrics.rmse(pictures.numpy(), reference.numpy(), metrics.PER_IMAGE)
        point["distance"] = metrics.mean_figure(far)
    return point


def reference_pictures(cache: Path, head: dict, pictures: Callable[..., Tensor]) -> Tensor:
    """The long run from every noise (N, 3, S, S): kept beside the runs, since it is the longest part."""
    if cache.exists():
        kept = torch.load(cache, weights_only=True)
        if kept["head"] == json.dumps(head):
            return kept["pictures"]
    made = pictures(**REFERENCE)
    cache.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"head": json.dumps(head), "pictures": made}, cache)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=ASSETS / "curves" / "steps.json")
    parser.add_argument(
        "--quick", action="store_true", help=f"N = {QUICK_N}, no run over 50 steps but the reference"
    )
    parser.add_argument("--n", type=int, default=0, help="another number of pictures a point")
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--points", nargs="+", default=[], metavar="SAMPLER:STEPS")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/reference.pt"), help="the reference pictures"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    n = args.n or (QUICK_N if args.quick else FULL_N)
    denoiser, data = checkpoints.load(checkpoints.QUICK), Dataset.load(args.data)
    weights = ASSETS / checkpoints.manifest()[checkpoints.QUICK].file
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    rows = data.rows(heldout=True, common=True)
    picked = np.resize(rows, n)
    subgroup = subgroup_numbers(label_classifier, data)[data.label[picked]]
    real = label_classifier.predict(data.pictures(rows))[2].numpy()
    floor = label_classifier.predict(data.pictures(real_training_rows(data, rows, n, everyday=True)))[
        2
    ].numpy()

    head = {
        "weights_sha256": checkpoints.sha256_of(weights),
        "n": n,
        "real": len(rows),
        "guidance": args.guidance,
        "schedule": "cosine",
        "spacing": "trailing",
        "reference": REFERENCE,
        "precision": "bfloat16",
        "frechet_floor": round(metrics.frechet_distance(floor, real), 4),
    }
    found = read_results(args.out, head)
    found.setdefault("points", [])

    def pictures(sampler: str, steps: int, n: int = n, precise: bool = False) -> Tensor:
        return generate_for_rows(
            denoiser,
            data,
            picked[:n],
            FIRST_SEED,
            precise=precise,
            steps=steps,
            guidance=args.guidance,
            sampler=sampler,
        )

    done = {(p["sampler"], p["steps"]) for p in found["points"]}
    wanted = [(s, int(k)) for s, k in (p.split(":") for p in args.points)] or grid(args.quick)
    todo = [p for p in wanted if p not in done]
    if not todo:
        args.out.write_text(json.dumps({**found, "left_out": LEFT_OUT}, indent=1) + "\n")
        print(f"{args.out} has every point already")
        return
    reference = reference_pictures(args.cache, head, pictures)
    if "rounding" not in found:
        precise = pictures(**REFERENCE, n=ROUNDING_N, precise=True)
        far = metrics.rmse(reference[:ROUNDING_N].numpy(), precise.numpy(), metrics.PER_IMAGE)
        found = {**head, "rounding": {"n": ROUNDING_N, "value": round(float(far.mean()), 5)}, "points": []}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for sampler, steps in todo:
        began = time.perf_counter()
        made = pictures(sampler, steps)
        seconds = (time.perf_counter() - began) / n
        # A stochastic sampler ends in another image on purpose: its distance to the reference says nothing.
        point = measure_point(
            made, label_classifier, real, subgroup, None if SAMPLERS[sampler].stochastic else reference
        )
        asked = SAMPLERS[sampler].nfe(steps) * (2 if args.guidance != 1 else 1)
        found["points"].append(
            {"sampler": sampler, "steps": steps, "calls": asked, "seconds": round(seconds, 4), **point}
        )
        args.out.write_text(json.dumps({**found, "left_out": LEFT_OUT}, indent=1) + "\n")
        print(
            f"{sampler:9} {steps:3} steps  {point['frechet']['value']:8.2f}  {seconds:.3f} s a picture",
            flush=True,
        )
    print(f"{args.out}: {len(found['points'])} points, N = {n}, floor {found['frechet_floor']}")


if __name__ == "__main__":
    main()
