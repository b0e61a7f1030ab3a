"""Measure the denoiser against held-out real pictures.

    python -m diffviz.training.evaluate                      # the shipped weights -> assets/curves/evaluation.json
    python -m diffviz.training.evaluate --weights runs/emoji32/ema.safetensors --n 500 --out runs/e.json

The captions are those of held-out pictures: (label, style) pairs whose drawing was never trained on. Each is
drawn from several seeds until there are N pictures. A classifier of ours then says which label and which
subgroup it sees, in the generated pictures and in the held-out real ones, and its features give a Fréchet
distance between the two; the floor is that distance for as many real training pictures of the same captions'
labels. It is not an "FID": the features are not Inception's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffviz import checkpoints, classifier
from diffviz.checkpoints import ASSETS
from diffviz.denoiser import Denoiser
from diffviz.metrics import frechet_distance, interval
from diffviz.text import Vocabulary
from diffviz.training.data import Dataset
from diffviz.training.sample import generate_many


def hits(logits: Tensor, truth: np.ndarray, k: int) -> np.ndarray:
    """For each row whether the true class is among the k likeliest: (N,) bool."""
    return (logits.topk(k).indices.numpy() == truth[:, None]).any(1)


def agreement(judge: classifier.Judge, pictures: Tensor, label: np.ndarray, subgroup: np.ndarray) -> dict:
    """Shares of pictures in which the judge sees the right label and subgroup, with 95 % intervals."""
    by_label, by_subgroup, _ = judge.look(pictures)
    found = {
        "label_top1": hits(by_label, label, 1),
        "label_top5": hits(by_label, label, 5),
        "subgroup_top1": hits(by_subgroup, subgroup, 1),
    }
    return {
        name: {"value": round(float(h.mean()), 4), "interval": [round(v, 4) for v in interval(h)]}
        for name, h in found.items()
    } | {"n": len(pictures)}


def real_training_rows(data: Dataset, heldout_rows: np.ndarray, n: int, everyday: bool) -> np.ndarray:
    """Rows of n real training pictures with the labels of the held-out ones: what the floor is measured on."""
    pool = data.rows(heldout=False, everyday=everyday)
    same = pool[np.isin(data.label[pool], data.label[heldout_rows])]
    return np.random.default_rng(0).choice(same, n, replace=len(same) < n)


def evaluate(
    denoiser: Denoiser, judge: classifier.Judge, data: Dataset, n: int, everyday: bool, settings: dict
) -> dict:
    """All figures for one set of captions: everyday labels only, or every label."""
    rows = data.rows(heldout=True, everyday=everyday)
    groups = {name: i for i, name in enumerate(judge.subgroups)}
    subgroup = np.array([groups[s] for s in data.subgroups])
    real = data.pictures(rows)
    picked = np.resize(rows, n)
    generated = generate_many(
        denoiser,
        [data.labels[data.label[r]] for r in picked],
        [data.styles[data.style[r]] for r in picked],
        range(10_000, 10_000 + n),
        **settings,
    )
    other = real_training_rows(data, rows, n, everyday)
    features = [judge.look(p)[2].numpy() for p in (generated, real, data.pictures(other))]
    truth = [(data.label[r], subgroup[data.label[r]]) for r in (picked, rows)]
    result = {
        "captions": len(rows),
        "generated": agreement(judge, generated, *truth[0]),
        "real": agreement(judge, real, *truth[1]),
        "frechet": round(frechet_distance(features[0], features[1]), 3),
        "frechet_floor": round(frechet_distance(features[2], features[1]), 3),
    }
    result["share_of_real"] = {
        k: round(result["generated"][k]["value"] / result["real"][k]["value"], 4)
        for k in ("label_top1", "label_top5", "subgroup_top1")
    }
    return result


def show(name: str, result: dict) -> None:
    print(f"\n{name}: {result['captions']} held-out captions")
    for kind in ("label_top1", "label_top5", "subgroup_top1"):
        g, r = result["generated"][kind], result["real"][kind]
        print(
            f"  {kind:14} generated {g['value']:.3f} [{g['interval'][0]:.3f}, {g['interval'][1]:.3f}] "
            f"(N = {result['generated']['n']})   real {r['value']:.3f} "
            f"[{r['interval'][0]:.3f}, {r['interval'][1]:.3f}] (N = {result['real']['n']})   "
            f"share {result['share_of_real'][kind]:.2f}"
        )
    print(f"  Fréchet distance {result['frechet']:.2f}, real against real {result['frechet_floor']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    parser.add_argument("--weights", type=Path, default=ASSETS / "emoji32.safetensors")
    parser.add_argument("--classifier", type=Path, default=ASSETS / "classifier32.safetensors")
    parser.add_argument("--out", type=Path, default=ASSETS / "curves" / "evaluation.json")
    parser.add_argument("--n", type=int, default=1000, help="generated pictures per set of captions")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--sampler", default="ddim")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--everyday-only", action="store_true", help="leave out the figures over every label")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    denoiser = Denoiser(checkpoints.read(args.weights), Vocabulary.load(ASSETS / "vocabulary.json"))
    judge, data = classifier.load(args.classifier), Dataset.load(args.data)
    settings = {"steps": args.steps, "guidance": args.guidance, "sampler": args.sampler}
    sets = {"everyday": True} if args.everyday_only else {"everyday": True, "all": False}
    report = {
        "weights_sha256": checkpoints.sha256_of(args.weights),
        "classifier_sha256": checkpoints.sha256_of(args.classifier),
        "classifier_heldout": judge.facts["heldout"],
        "settings": settings,
    }
    print(f"classifier on held-out real pictures: {judge.facts['heldout']}")
    for name, everyday in sets.items():
        report[name] = evaluate(denoiser, judge, data, args.n, everyday, settings)
        show(name, report[name])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwrote {args.out}")


if __name__ == "__main__":
    main()
