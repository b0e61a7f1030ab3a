"""Ship the last weights of a short run beside their average, with what each of them was measured to do.

    python -m diffviz.training.train_denoiser --out runs/early32 --minutes 40 --channels 32 64 --text-dim 32 \\
        --decay 0 --oversample-from 0
    python -m diffviz.training.publish_early --run runs/early32      # -> assets/early32.safetensors, and its hash

The rate is still at its peak when such a run ends (--decay 0), so these are the weights of a step early in a training, as a
run that was stopped leaves them. The average is the one of several that has the lowest held-out loss, as in every run.
The file says the held-out loss of both, on the same images and noises, and the share of generated images in which the
classifier has the caption's label among its first five.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diffviz.evaluation.metrics import mean_figure
from diffviz.models import checkpoints, classifier, early_weights
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet, UNetConfig
from diffviz.paths import ASSETS
from diffviz.training import train_denoiser as train
from diffviz.training.batch_generation import generate_for_rows
from diffviz.training.data import Dataset
from diffviz.training.evaluate import top_k_hits

IMAGES, FIRST_SEED, STEPS, GUIDANCE = 512, 90_000, 16, 3.0


def networks(run: Path) -> tuple[dict[str, UNet], UNetConfig, dict[str, Any]]:
    """Both weights of a run's `last.pt`, its configuration, and what `ema.safetensors` says of the run."""
    raw, facts = checkpoints.metadata(run / "ema.safetensors")
    config = UNetConfig.from_dict(raw)
    saved = torch.load(run / "last.pt", map_location="cpu", weights_only=True)
    averaged = saved["averages"][facts["ema"]]
    states = {
        "last": saved["net"],
        "averaged": {k.removeprefix("module."): v for k, v in averaged.items() if k.startswith("module.")},
    }
    found: dict[str, UNet] = {}
    for name, state in states.items():
        # As they ship, in half precision: what is measured is what is loaded.
        half = {key: value.half().float() for key, value in state.items()}
        found[name] = checkpoints.with_weights(lambda: UNet(config), half).eval().requires_grad_(False)
    return found, config, facts


def measure(net: UNet, data: Dataset, vocabulary: Vocabulary, recipe: train.Recipe) -> dict[str, Any]:
    """The held-out loss, and the share of generated everyday images whose label is among the classifier's first five."""
    rows = data.rows(heldout=False, common=True)
    rows = np.random.default_rng(9).choice(rows, IMAGES, replace=False)
    images = generate_for_rows(
        Denoiser(net, vocabulary), data, rows, FIRST_SEED, precise=True, steps=STEPS, guidance=GUIDANCE
    )
    judge = classifier.load(ASSETS / "classifier32.safetensors")
    truth = np.array([judge.labels.index(data.labels[k]) for k in data.label[rows]])
    return {
        "heldout_loss": round(train.heldout_loss(net, data, vocabulary, recipe), 4),
        "label_top5": mean_figure(top_k_hits(judge.predict(images)[0], truth, 5)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=Path("runs/early32"), help="a folder of train_denoiser")
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    found, config, facts = networks(args.run)
    data, vocabulary = Dataset.load(args.data), Vocabulary.load(ASSETS / "vocabulary.json")
    recipe = train.Recipe(schedule=facts["recipe"]["schedule"])
    facts["measured"] = {name: measure(net, data, vocabulary, recipe) for name, net in found.items()}
    target = ASSETS / early_weights.FILE
    early_weights.write(target, found, config.as_dict(), facts)
    checkpoints.enter(target)
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB): {facts['measured']}")


if __name__ == "__main__":
    main()
