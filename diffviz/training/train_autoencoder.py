"""Train the autoencoder of latent diffusion: 128 × 128 pixels to 16 × 16 latents and back.

    python -m diffviz.training.build_dataset --size 128 --out data/emoji128.npz
    python -m diffviz.training.train_autoencoder --minutes 60 --out runs/autoencoder128
    python -m diffviz.training.train_autoencoder --minutes 120 --out runs/autoencoder128 --resume
    python -m diffviz.training.train_autoencoder --minutes 24 --out runs/four --latent-channels 4 --decay 0.6 \\
        --start assets/autoencoder128.safetensors    # from an autoencoder with another number of latent channels

The loss is L1 on pixels and on their differences (edges), and the distance of the features of an ImageNet network
(EfficientNet-Lite0, a development dependency: in training only). The latents are held to unit variance within a
batch and get noise before they are decoded, so that neighbouring latents decode to like images, which is what a
denoiser will need (the KL term of Rombach et al. 2022, arXiv 2112.10752, section 3.1, serves the same end).

It trains on crops with something in them, and on whole images over the last tenth. In --out it keeps `log.csv`,
`last.pt` (all that --resume needs) and `ema.safetensors` (the averaged weights with the latents' statistics).
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffviz.evaluation.outside_judge import feature_network
from diffviz.imaging.pixels import normalize
from diffviz.models import checkpoints
from diffviz.models.autoencoder import PATCH, Autoencoder, AutoencoderConfig
from diffviz.training.data import Dataset
from diffviz.training.train_denoiser import as_matrix, lr_factor, moving_average
from diffviz.training.transfer import init_autoencoder


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run."""

    latent_channels: int = 8
    batch: int = 32  # crops; a quarter as many whole images
    crop: int = 64
    whole_from: float = 0.9  # share of the run after which whole images are seen
    noise: float = 0.1  # deviation of the noise on latents of unit variance
    edges: float = 0.5  # weight of the differences of neighbouring pixels
    perceptual: float = 0.2
    lr_muon: float = 2e-3
    lr_adam: float = 1e-3
    weight_decay: float = 0.01
    warm_up: int = 100  # steps
    decay: float = 0.4  # share of the run over which the rate falls to nothing
    ema: float = 0.999
    start: str = ""  # weights to begin with, of an autoencoder with any number of latent channels
    seed: int = 0


ADJUSTABLE = (
    "latent_channels",
    "batch",
    "noise",
    "edges",
    "perceptual",
    "lr_muon",
    "lr_adam",
    "decay",
    "start",
    "seed",
)


class Perceptual(nn.Module):
    """Distance of ImageNet features of two images, channel-normalised (as in LPIPS, arXiv 1801.03924, unweighted)."""

    LAYERS = (1, 3, 5)  # blocks after which features are compared: strides 2 (stem and first block), 4, 8

    def __init__(self) -> None:
        super().__init__()
        net = feature_network()
        self.conv_in = nn.Sequential(net._conv_stem, net._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(net._blocks[: self.LAYERS[-1]])
        self.eval().requires_grad_(False)

    def features(self, x: Tensor) -> list[Tensor]:
        h, found = self.conv_in(x), []
        for i, block in enumerate(self.blocks, start=1):
            h = block(h)
            if i in self.LAYERS:
                found.append(F.normalize(h, dim=1))
        return found

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.features(x)
        pairs = zip(target, self.features(y), strict=True)
        return torch.stack([(a - b).pow(2).sum(1).mean() for a, b in pairs]).mean()


def edge_loss(x: Tensor, y: Tensor) -> Tensor:
    """L1 of the differences of horizontally and of vertically neighbouring pixels."""
    error = y - x
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


class Crops:
    """Random crops of the training images that are not blank, mirrored or with their colours exchanged at times."""

    def __init__(self, data: Dataset, recipe: Recipe, seed: int) -> None:
        self.data, self.recipe, self.rows = data, recipe, data.rows(heldout=False)
        self.rng = np.random.default_rng(seed)

    def draw(self, done: float) -> Tensor:
        """Images (B, 3, S, S) in [-1, 1]: crops, or whole images near the end of the run."""
        size, whole = self.data.images.shape[-1], done >= self.recipe.whole_from
        if whole:
            x = self.data.examples(self.rng.choice(self.rows, self.recipe.batch // 4))
        else:
            x = normalize(torch.stack([self._crop(size) for _ in range(self.recipe.batch)]).float())
        if self.rng.random() < 0.5:
            x = x.flip(-1)
        mixed = torch.from_numpy(self.rng.random(len(x)) < 0.25)
        x[mixed] = x[mixed][:, self.rng.permutation(3)]
        return x

    def _crop(self, size: int) -> Tensor:
        side = self.recipe.crop
        for _ in range(4):
            row, (top, left) = self.rng.choice(self.rows), self.rng.integers(0, size - side + 1, 2)
            crop = self.data.images[row, :, top : top + side, left : left + side]
            if (crop != 255).float().mean() > 0.25:
                break
        return crop


def losses(
    net: Autoencoder, x: Tensor, perceptual: Perceptual | None, recipe: Recipe, rng: torch.Generator
) -> dict[str, Tensor]:
    """The terms of the loss, weighted, by name."""
    with torch.autocast("cpu", torch.bfloat16):
        z = net.encoder(x).float()
        mean, std = z.mean((0, 2, 3), keepdim=True), z.std((0, 2, 3), keepdim=True)
        z = z + recipe.noise * std * torch.randn(z.shape, generator=rng)
        # Free of scale: the penalty only keeps raw latents in a range that half precision holds.
        scale = (mean.pow(2) + (std - 1).pow(2)).mean()
        y = net.decoder(z).float()
    terms = {"l1": (y - x).abs().mean(), "edges": recipe.edges * edge_loss(x, y), "scale": 0.01 * scale}
    if perceptual is not None:
        half = max(
            1, len(x) // 2
        )  # the features cost as much as the rest of a step, so only half pays for them
        terms["perceptual"] = recipe.perceptual * perceptual(x[:half], y[:half])
    return terms


def make_optimizers(net: Autoencoder, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon on the inner convolutions, AdamW on all the rest."""
    edges = (net.encoder.linear, net.encoder.conv_in, net.encoder.conv_out)
    edges += (net.decoder.linear, net.decoder.conv_in, net.decoder.conv_out)
    outer = {id(p) for module in edges for p in module.parameters()}
    inner = [p for p in net.parameters() if p.dim() == 4 and id(p) not in outer]
    rest = [p for p in net.parameters() if p.dim() != 4 or id(p) in outer]
    for p in inner:  # the views must find a gradient to share
        p.grad = torch.zeros_like(p)
    muon = torch.optim.Muon(
        [as_matrix(p) for p in inner],
        lr=recipe.lr_muon,
        momentum=0.95,
        weight_decay=recipe.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, torch.optim.AdamW(rest, lr=recipe.lr_adam, betas=(0.9, 0.99), weight_decay=0.0)]


def spread(rows: np.ndarray, n: int) -> np.ndarray:
    """Up to n of the rows, evenly spread."""
    return rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int)]


@torch.no_grad()
def measure_latents(net: Autoencoder, data: Dataset, n: int = 512) -> None:
    """Set the latents' mean and deviation per channel from n training images, so that they come out at unit variance."""
    rows = spread(data.rows(heldout=False), n)
    z = torch.cat(
        [net.encoder(data.examples(part)) for part in np.array_split(rows, max(1, len(rows) // 32))]
    )
    net.mean.copy_(z.mean((0, 2, 3)))
    net.std.copy_(z.std((0, 2, 3)))


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each of B images in [-1, 1]: (B,)."""
    return -10 * ((y - x) / 2).pow(2).mean((1, 2, 3)).log10()


@torch.no_grad()
def heldout_psnr(net: Autoencoder, data: Dataset, n: int = 96) -> float:
    """Mean PSNR in dB over up to n held-out images, evenly spread."""
    rows = spread(data.rows(heldout=True), n)
    parts = [data.examples(part) for part in np.array_split(rows, max(1, len(rows) // 16))]
    return float(torch.cat([psnr(x, net.decode(net.encode(x))) for x in parts]).mean())


def principal_patches(data: Dataset, n: int = 1024) -> Tensor:
    """Patches (N, 3, 8, 8) of n training images that hold more than one colour."""
    x = data.examples(spread(data.rows(heldout=False), n))
    patches = F.unfold(x, PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3, PATCH, PATCH)
    return patches[patches.flatten(1).std(1) > 0.02]


class Run:
    """What a run holds: the network, its average, optimisers and clock; saved whole and resumed."""

    def __init__(self, args: argparse.Namespace, recipe: Recipe, data: Dataset) -> None:
        self.args, self.recipe, self.data = args, recipe, data
        torch.manual_seed(recipe.seed)
        self.net = Autoencoder(
            AutoencoderConfig(size=data.images.shape[-1], latent_channels=recipe.latent_channels)
        )
        self.net.start_from_principal_components(principal_patches(data))
        if recipe.start:
            init_autoencoder(self.net, checkpoints.read_autoencoder(Path(recipe.start)))
        self.average = moving_average(self.net, recipe.ema)
        self.optimizers = make_optimizers(self.net, recipe)
        self.state = {"step": 0, "images": 0.0, "minutes": 0.0, "core_hours": 0.0}
        if args.resume:
            saved = torch.load(args.out / "last.pt", weights_only=True)
            self.net.load_state_dict(saved["net"])
            self.average.load_state_dict(saved["average"])
            for optimizer, kept in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
            self.state = saved["state"]

    def save(self) -> float:
        """Write everything, and the average with its measured latents; returns its held-out PSNR in dB."""
        saved = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "state": self.state,
        }
        torch.save(saved, self.args.out / "last.tmp")
        os.replace(self.args.out / "last.tmp", self.args.out / "last.pt")
        net = cast(Autoencoder, self.average.module)
        measure_latents(net, self.data)
        quality = heldout_psnr(net, self.data)
        facts = {**self.state, "recipe": asdict(self.recipe), "heldout_psnr_96": round(quality, 3)}
        checkpoints.write(self.args.out / "ema.safetensors", net, net.config.as_dict(), facts)
        return quality

    def step(
        self, x: Tensor, perceptual: Perceptual | None, noise: torch.Generator, done: float
    ) -> dict[str, float]:
        terms = losses(self.net, x, perceptual, self.recipe, noise)
        torch.stack(list(terms.values())).sum().backward()
        share = lr_factor(self.state["step"], done, self.recipe)
        for optimizer, peak in zip(self.optimizers, (self.recipe.lr_muon, self.recipe.lr_adam), strict=True):
            optimizer.param_groups[0]["lr"] = peak * share
            optimizer.step()
        for p in self.net.parameters():
            if p.grad is not None:
                p.grad.zero_()
        self.average.update_parameters(self.net)
        return {name: float(term.detach()) for name, term in terms.items()}


def train(args: argparse.Namespace, recipe: Recipe) -> None:
    """One run, from its start or from where it was left, until `--minutes` of training are done in all."""
    torch.set_num_threads(args.threads)
    data = Dataset.load(args.data)
    run = Run(args, recipe, data)
    state = run.state
    perceptual = Perceptual() if recipe.perceptual else None
    crops = Crops(data, recipe, recipe.seed + state["step"])
    noise = torch.Generator().manual_seed(recipe.seed + state["step"])
    began, before, look = time.monotonic(), state["minutes"], state["minutes"]
    busy, busy_before = time.process_time(), state["core_hours"]
    recent: list[dict[str, float]] = []
    with (args.out / "log.csv").open("a" if args.resume else "w", buffering=1, newline="") as file:
        log = csv.writer(file)
        while (done := state["minutes"] / args.minutes) < 1:
            x = crops.draw(done)
            recent.append(run.step(x, perceptual, noise, done))
            state["step"] += 1
            state["images"] += x[:, 0].numel() / data.images[0, 0].numel()  # in whole images
            state["minutes"] = before + (time.monotonic() - began) / 60
            state["core_hours"] = busy_before + (time.process_time() - busy) / 3600
            if len(recent) == 100:
                means = {k: np.mean([r[k] for r in recent]) for k in recent[0]}
                log.writerow(
                    [
                        f"{state['images']:.0f}",
                        f"{state['minutes']:.2f}",
                        *(f"{v:.4f}" for v in means.values()),
                        "",
                    ]
                )
                recent = []
            if state["minutes"] >= look + args.evaluate_every:
                log.writerow(
                    [f"{state['images']:.0f}", f"{state['minutes']:.2f}", "psnr", f"{run.save():.3f}"]
                )
                look = state["minutes"]
        log.writerow([f"{state['images']:.0f}", f"{state['minutes']:.2f}", "psnr", f"{run.save():.3f}"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji128.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs/autoencoder128"))
    parser.add_argument(
        "--minutes", type=float, required=True, help="length of the run in minutes of training"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--evaluate-every", type=float, default=10, help="minutes between checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in --out")
    for name in ADJUSTABLE:
        default = getattr(Recipe, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    train(args, Recipe(**{name: getattr(args, name) for name in ADJUSTABLE}))


if __name__ == "__main__":
    main()
