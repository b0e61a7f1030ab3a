"""Measure the error of the network at each time, on images it never saw and on ones it was trained on.

    python -m diffviz.training.eval_loss --model emoji64      # -> assets/curves/loss-emoji64.json; a minute

Mean squared error of x0 (of the latents, where the network works on them), with 95 % intervals over the images, at 24
times; what other losses make of it follows from the SNR (`diffviz.analysis.prediction_targets`). Each image has one
noise for all times. In single precision, as on the pages.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from diffviz.analysis import prediction_targets
from diffviz.evaluation.metrics import interval
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.training.data import Dataset
from diffviz.training.evaluate import images_for, write_results

TIMES = np.linspace(1 / 24, 1, 24)
FIRST_SEED = 70_000


def errors(denoiser: Denoiser, data: Dataset, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared errors of x0 (rows, times), and the SNR of the times."""
    found = []
    for i, row in enumerate(rows):
        x0 = denoiser.encode(data.examples(np.array([row])))[0].numpy()
        label, style = data.labels[data.label[row]], data.styles[data.style[row]]
        one = prediction_targets.predict_at_times(denoiser, x0, label, style, FIRST_SEED + i, TIMES)
        found.append(one.rmse("x0") ** 2)
    return np.array(found), np.exp(one.log_snr)


def _figure(values: np.ndarray) -> dict:
    """Mean and 95 % interval to four figures: at little noise the errors are tiny."""
    return {"value": _short(values.mean()), "interval": [_short(v) for v in interval(values)]}


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=checkpoints.DEFAULT, help="a network of the manifest")
    parser.add_argument("--data", type=Path, help="default: data/MODEL.npz")
    parser.add_argument("--out", type=Path, help="default: assets/curves/loss-MODEL.json")
    parser.add_argument("--n", type=int, help="the first so many held-out images; default: all")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    denoiser, entry = checkpoints.load(args.model), checkpoints.manifest()[args.model]
    data = images_for(denoiser, args.data or Path(f"data/{args.model}.npz"))
    unseen = data.rows(heldout=True, common=True)[: args.n]
    seen = np.random.default_rng(4).choice(data.rows(heldout=False, common=True), len(unseen), replace=False)
    parts = {}
    for name, rows in (("heldout", unseen), ("trained", seen)):
        found, snr = errors(denoiser, data, rows)
        parts[name] = [_figure(column) for column in found.T]
    out = args.out or ASSETS / "curves" / f"loss-{args.model}.json"
    head = {"weights_sha256": entry.sha256, "n": len(unseen)}
    write_results(out, head, {"t": TIMES.round(5).tolist(), "snr": [_short(v) for v in snr], **parts})
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
