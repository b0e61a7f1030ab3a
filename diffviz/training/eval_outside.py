"""Measure a network with features that were not trained on this data.

    python -m diffviz.training.eval_outside --model emoji64    # -> assets/curves/outside-emoji64.json

The captions, seeds and settings are those of `evaluate`, all labels. A generated image is looked up by its features
(`evaluation.outside_judge`) among the real images of the other sets, at the same resolution; how often the nearest
have its label is held against the same figure for the held-out real images. KID is taken in the same features
against the held-out images; its reference is that of real training images against them. The images are kept
under data/ as they are made, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from diffviz.evaluation import outside_judge
from diffviz.evaluation.metrics import kid_between_labels
from diffviz.evaluation.outside_judge import Extractor
from diffviz.imaging.pixels import normalize, to_uint8
from diffviz.models import checkpoints
from diffviz.paths import ASSETS, CURVES
from diffviz.training.batch_generation import generate_for_rows, head_of_images, keep, kept
from diffviz.training.data import Dataset
from diffviz.training.evaluate import FIRST_SEED, real_training_rows  # both judges see the same images
from diffviz.training.sources import SOURCES

FEATURE_CHUNK = 256
CHUNK, BATCH = 40, 8  # images between two saves; images drawn at once


def generated(
    model: str, data: Dataset, rows: np.ndarray, settings: dict, path: Path, head: dict
) -> np.ndarray:
    """Images (N, S, S, 3) uint8 for the captions of rows, kept in a file as they are made."""
    begun = kept(path, head, "images")
    parts = [] if begun is None else [begun]
    done = sum(map(len, parts))
    denoiser = checkpoints.load(model)
    for start in range(done, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        made = to_uint8(
            generate_for_rows(denoiser, data, part, FIRST_SEED + start, batch=BATCH, **settings).numpy()
        )
        parts = [np.concatenate([*parts, made])]
        keep(path, head, images=parts[0])
        print(f"{len(parts[0])} of {len(rows)} images", flush=True)
    return np.concatenate(parts)[: len(rows)]


def real_features(extract: Extractor, data: Dataset, path: Path) -> np.ndarray:
    """Features (N, D) of every real image, kept in a file as they are taken."""
    head = {**extract.facts, "drawings": len(data.label), "size": data.images.shape[-1]}
    begun = kept(path, head, "features")
    parts = [] if begun is None else [begun]
    rows = np.arange(len(data.label))
    for start in range(sum(map(len, parts)), len(rows), FEATURE_CHUNK):
        part = extract(data.examples(rows[start : start + FEATURE_CHUNK]))
        parts = [np.concatenate([*parts, part])]
        keep(path, head, features=parts[0])
        print(f"{len(parts[0])} of {len(rows)} drawings", flush=True)
    return np.concatenate(parts)


def measure(data: Dataset, rows: np.ndarray, made: np.ndarray, real: np.ndarray) -> dict:
    """All figures for one choice of captions: features `made` (N, D) of rows (N,), `real` (all images, D)."""
    drawing = {source.style: source.drawing for source in SOURCES}
    names = sorted(set(drawing.values()))
    of_set = np.array([names.index(drawing[style]) for style in data.styles])[data.style]
    heldout = np.unique(rows)

    def hits(features: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        found = outside_judge.ranks(features, of_set[rows], real, of_set)
        return outside_judge.retrieval_hits(found, data.label[rows], data.label, data.subgroups)

    a, b = hits(made, rows), hits(real[heldout], heldout)
    labels = data.label[rows], data.label[heldout]
    training = real_training_rows(data, heldout, len(rows))
    return {
        "n": len(rows),
        "captions": len(heldout),
        "retrieval": {k: outside_judge.share(a[k], labels[0], b[k], labels[1]) for k in a},
        "kid": kid_between_labels(made, real[heldout], *labels),
        "kid_floor": kid_between_labels(real[training], real[heldout], data.label[training], labels[1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=checkpoints.SHARP, help="a network of the manifest")
    parser.add_argument("--data", type=Path, help="default: data/MODEL.npz")
    parser.add_argument("--images", type=Path, help="default: data/outside-MODEL.npz")
    parser.add_argument("--features", type=Path, help="default: data/features-SIZE.npz")
    parser.add_argument("--out", type=Path, help="default: assets/curves/outside-MODEL.json")
    parser.add_argument("--n", type=int, default=2000, help="generated images")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, help="default: what the network's pages begin with")
    parser.add_argument("--sampler", default="unipc")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = Dataset.load(args.data or Path(f"data/{args.model}.npz"))
    rows = np.resize(data.rows(heldout=True), args.n)
    guidance = checkpoints.guidance_scale(args.model, args.guidance)
    settings = {"steps": args.steps, "guidance": guidance, "sampler": args.sampler}
    weights = checkpoints.sha256_of(ASSETS / checkpoints.manifest()[args.model].file)
    head = head_of_images(weights, settings, FIRST_SEED)
    path = args.images or Path(f"data/outside-{args.model}.npz")
    images = generated(args.model, data, rows, settings, path, head)
    size = data.images.shape[-1]
    if images.shape[1] != size:
        raise SystemExit(f"{args.model} draws {images.shape[1]} pixels and the data has {size}")
    extract = Extractor()
    real = real_features(extract, data, args.features or Path(f"data/features-{size}.npz"))
    made = extract(normalize(torch.from_numpy(images).permute(0, 3, 1, 2).float()))
    common = data.common[data.label[rows]]
    found = {
        **head,
        "feature_network": extract.facts,
        "gallery": {"drawings": len(data.label), "size": size},
        "all": measure(data, rows, made, real),
        "common": measure(data, rows[common], made[common], real),
    }
    out = args.out or CURVES / f"outside-{args.model}.json"
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
