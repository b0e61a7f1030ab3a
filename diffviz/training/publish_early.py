"""Ship the weights of one training step beside their averages, with what each of them was measured to do.

    python -m diffviz.training.train_denoiser --resume --out runs/emoji32 --images 828816 --decay 0
    python -m diffviz.training.publish_early --run runs/emoji32     # -> assets/emoji32-early.safetensors, and its hash

The first command goes on with emoji32's training for 300 steps, at the peak of the rate (--decay 0): that is what training
looks like before its rate falls. The weights of the last of these steps are published, as differences from the shipped
ones. The file says for them, as they are and as they are rounded in the file, for the average that the same run keeps, and
for the shipped average: the held-out loss, on the same images and noises, and the share of generated images in which the
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
from diffviz.models.unet import UNet
from diffviz.paths import ASSETS
from diffviz.training import train_denoiser as train
from diffviz.training.batch_generation import generate_for_rows
from diffviz.training.data import Dataset
from diffviz.training.evaluate import top_k_hits

IMAGES, FIRST_SEED, STEPS, GUIDANCE = 512, 90_000, 16, 3.0


def measure(net: UNet, data: Dataset, vocabulary: Vocabulary) -> dict[str, Any]:
    """The held-out loss, and the share of generated everyday images whose label is among the classifier's first five."""
    rows = data.rows(heldout=False, common=True)
    rows = np.random.default_rng(9).choice(rows, IMAGES, replace=False)
    images = generate_for_rows(
        Denoiser(net, vocabulary), data, rows, FIRST_SEED, steps=STEPS, guidance=GUIDANCE
    )
    judge = classifier.load(ASSETS / "classifier32.safetensors")
    truth = np.array([judge.labels.index(data.labels[k]) for k in data.label[rows]])
    return {
        "heldout_loss": round(train.heldout_loss(net, data, vocabulary, train.Recipe()), 4),
        "label_top5": mean_figure(top_k_hits(judge.predict(images)[0], truth, 5)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=Path("runs/emoji32"), help="a folder of train_denoiser")
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    shipped, entry = checkpoints.load(early_weights.OF), checkpoints.manifest()[early_weights.OF]
    saved = torch.load(args.run / "last.pt", map_location="cpu", weights_only=True)
    before = checkpoints.metadata(ASSETS / entry.file)[1]
    decay = min(saved["averages"])  # the shortest average, most of which is of this run
    average = {
        k.removeprefix("module."): v for k, v in saved["averages"][decay].items() if k.startswith("module.")
    }
    target, state = ASSETS / early_weights.FILE, shipped.net.state_dict()
    facts = {
        "of_sha256": entry.sha256,
        "steps": saved["state"]["step"] - before["step"],
        "images": saved["state"]["images"],
        "session": saved["session"],
        "average": decay,
        "generated": IMAGES,
    }
    early_weights.write(target, saved["net"], state, facts)
    checkpoints.enter(target)
    data = Dataset.load(args.data)

    def of(weights: dict[str, torch.Tensor]) -> UNet:
        return (
            checkpoints.with_weights(lambda: UNet(shipped.net.config), weights).eval().requires_grad_(False)
        )

    found = {
        "step": of(saved["net"]), "rounded": early_weights.load(), "average": of(average), "shipped": shipped.net,
    }  # fmt: skip
    facts["measured"] = {name: measure(net, data, shipped.vocabulary) for name, net in found.items()}
    early_weights.write(target, saved["net"], state, facts)
    checkpoints.enter(target)
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB): {facts['measured']}")


if __name__ == "__main__":
    main()
