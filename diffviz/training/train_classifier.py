"""Train the classifier that generated images are measured with.

    python -m diffviz.training.train_classifier --epochs 40 --out assets/classifier32.safetensors

It sees the training images only; the held-out ones measure it at the end, and those figures are stored
with the weights. Images are shifted, scaled, tinted, blurred and made noisy on the way in, so that it
looks at the image and not at the rendering.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from diffviz.evaluation.metrics import top_k
from diffviz.models import checkpoints
from diffviz.models.classifier import Classifier
from diffviz.training.data import Dataset


def augment(x: Tensor, rng: torch.Generator) -> Tensor:
    """Small random changes of place, size, colour and sharpness, a different one for each image (B, …)."""
    n = len(x)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=rng) * (high - low) + low

    turn, grow = uniform(-0.2, 0.2), uniform(0.85, 1.2)
    flip = torch.where(uniform(0, 1) < 0.3, -1.0, 1.0)
    cos, sin = grow * turn.cos(), grow * turn.sin()
    rows = [
        torch.stack([cos * flip, -sin, uniform(-0.15, 0.15)], 1),
        torch.stack([sin * flip, cos, uniform(-0.15, 0.15)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    x = F.grid_sample(1 - x, grid, align_corners=False)  # the ground is white: pad with zero in the negative
    x = 1 - x
    x = x * uniform(0.8, 1.1, 1, 1, 1) + uniform(-0.1, 0.1, 3, 1, 1)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    x = torch.lerp(x, blurred, uniform(0, 0.8, 1, 1, 1))
    return x + torch.randn(x.shape, generator=rng) * uniform(0, 0.15, 1, 1, 1)


def train(data: Dataset, epochs: int, batch: int, seed: int, lr: float) -> Classifier:
    torch.manual_seed(seed)
    rng, order = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    names, groups = np.unique(data.subgroups, return_inverse=True)
    net = Classifier(len(data.labels), len(names))
    rows = data.rows(heldout=False)
    steps = epochs * (len(rows) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.15)
    for epoch in range(epochs):
        began, losses = time.monotonic(), []
        for chunk in np.array_split(
            order.permutation(rows)[: len(rows) // batch * batch], len(rows) // batch
        ):
            x = augment(data.examples(chunk), rng)
            label = torch.from_numpy(data.label[chunk]).long()
            subgroup = torch.from_numpy(groups[data.label[chunk]]).long()
            with torch.autocast("cpu", torch.bfloat16):
                by_label, by_subgroup, _ = net(x)
            loss = F.cross_entropy(by_label.float(), label, label_smoothing=0.1)
            loss = loss + F.cross_entropy(by_subgroup.float(), subgroup, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        if (epoch + 1) % 5 == 0:
            print(
                f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {time.monotonic() - began:.0f} s, "
                f"{measure(net, data)}",
                flush=True,
            )
            net.train()
    return net.eval()


@torch.inference_mode()
def measure(net: Classifier, data: Dataset) -> dict[str, float]:
    """Agreement with the captions of the held-out real images."""
    net.eval()
    rows = data.rows(heldout=True)
    label = data.label[rows]
    groups = np.unique(data.subgroups, return_inverse=True)[1]
    by_label, by_subgroup, _ = net(data.examples(rows))
    return {
        "n": len(rows),
        "label_top1": round(top_k(by_label.numpy(), label, 1), 4),
        "label_top5": round(top_k(by_label.numpy(), label, 5), 4),
        "subgroup_top1": round(top_k(by_subgroup.numpy(), groups[label], 1), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=Path("assets/classifier32.safetensors"))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = Dataset.load(args.data)
    net = train(data, args.epochs, args.batch, args.seed, args.lr)
    facts = {"heldout": measure(net, data), "epochs": args.epochs}
    names = {"labels": data.labels, "subgroups": np.unique(data.subgroups).tolist()}
    if not all(math.isfinite(v) for v in facts["heldout"].values()):
        raise SystemExit("the classifier did not train: nothing written")
    tensors = {k: v.half().contiguous() for k, v in net.state_dict().items()}
    checkpoints.replace(args.out, save(tensors, {"names": json.dumps(names), "facts": json.dumps(facts)}))
    if (args.out.parent / checkpoints.MANIFEST).exists():
        checkpoints.enter(args.out)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB): {facts['heldout']}")


if __name__ == "__main__":
    main()
