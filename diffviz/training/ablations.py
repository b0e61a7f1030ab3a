"""Compare recipes and sizes on equal terms: the losers too.

    python -m diffviz.training.ablations --recipes --data data/emoji32.npz     # -> assets/curves/recipes.json
    python -m diffviz.training.ablations --sizes --data data/emoji64.npz       # -> assets/curves/sizes.json
    python -m diffviz.training.ablations --guided --data data/emoji32.npz      # -> assets/curves/guided.json

Recipes are trained from scratch at 32 × 32 for the same number of images, each with one thing changed, and the
plain one from two seeds, which says how much a difference must be to mean something. Sizes are trained at
64 × 64 for the same processor time on one thread. Every one gets the same falling rate and is measured by the
same number: `heldout_loss` of its averaged weights, the error of v on held-out images, at the same noises.
What is done is kept, so that a run that was stopped goes on; --workers 2 does two at a time, each on a thread of
its own. The recipes' runs are short: they say what learns fastest at first, not what ends best.

--guided trains guidance into a copy of emoji32, so that one evaluation does for two, and lets the classifier compare.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from diffviz.diffusion.process import add_noise
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import TextEncoder, Vocabulary
from diffviz.models.unet import TransformerBlock, UNet, UNetConfig, in_memory_format
from diffviz.paths import ASSETS
from diffviz.training import train_denoiser as train
from diffviz.training.data import CaptionDropout, Dataset
from diffviz.training.evaluate import evaluate

WARM_UP = 50  # steps: in runs as short as these the 300 of a long one would be most of the run


class XPrediction(nn.Module):
    """The network's output read as x0_hat and turned into v_hat (Li & He 2025, arXiv 2511.13720: x by name, v by loss)."""

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
        alpha, sigma = angle.cos().view(-1, 1, 1, 1), angle.sin().view(-1, 1, 1, 1).clamp(min=0.05)
        return (alpha * x - self.net(x, angle, tokens)) / sigma


class DeepText(nn.Module):
    """Two transformer layers over the word vectors of a TextEncoder, in front of what it gave before."""

    def __init__(self, text: TextEncoder, dim: int) -> None:
        super().__init__()
        self.text = text
        self.layers = nn.ModuleList(TransformerBlock(dim, dim, 4) for _ in range(2))

    @property
    def embed(self) -> nn.Embedding:
        return self.text.embed

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        each, _, mask = self.text(tokens)
        for layer in self.layers:
            each = layer(each, each, mask)
        weight = mask.unsqueeze(-1).to(each.dtype)
        return each, (each * weight).sum(1) / weight.sum(1), mask


def deep_text(net: UNet) -> UNet:
    # It is called as a TextEncoder is, and has its `embed`.
    net.text = cast(TextEncoder, DeepText(net.text, net.config.text_dim))
    return net


def min_snr(t: Tensor, gamma: float = 5.0) -> Tensor:
    """Weights of the v loss that cap the one of x0 at gamma (Hang et al. 2023, arXiv 2303.09556, section 3.4)."""
    snr = train.SCHEDULES["cosine"].log_snr(t).exp()
    weight = snr.clamp(max=gamma) / (snr + 1)
    return (weight / weight.mean()).float()


def logit_normal(u: Tensor) -> Tensor:
    """Even times bent towards the middle of the chain (Esser et al. 2024, arXiv 2403.03206, section 3.1)."""
    return torch.special.expit(torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6)))


class AllAdam:
    """AdamW for every weight, with the interface of train_denoiser's Optimizer."""

    def __init__(self, net: UNet, recipe: train.Recipe) -> None:
        self.lr = 1e-3
        self.adam = torch.optim.AdamW(
            net.parameters(), lr=self.lr, betas=(0.9, 0.99), weight_decay=recipe.weight_decay
        )

    def step(self, rate: float) -> None:
        self.adam.param_groups[0]["lr"] = self.lr * rate
        self.adam.step()
        self.adam.zero_grad()


@dataclass(frozen=True)
class Variant:
    """One thing changed."""

    what: str
    recipe: dict = field(default_factory=dict)  # fields of Recipe
    config: dict = field(default_factory=dict)  # fields of UNetConfig
    wrap: Callable[[UNet], nn.Module] | None = None
    weight: Callable[[Tensor], Tensor] | None = None
    times: Callable[[Tensor], Tensor] | None = None
    optimizer: Callable = train.Optimizer
    data: str = ""  # what the name of its data file has more


RECIPES = {
    "plain": Variant("The recipe of emoji32"),
    "plain-again": Variant("The same from another seed", {"seed": 1}),
    "min-snr": Variant("Min-SNR weighting, γ = 5", weight=min_snr),
    "logit-normal": Variant("Times drawn logit-normal", times=logit_normal),
    "adamw": Variant("AdamW (0.001) for all weights, in place of Muon", optimizer=AllAdam),
    "x-prediction": Variant(
        "Predicting x₀ from 4 × 4 patches, one level, four transformer blocks",
        {"channels": (192,)},
        {"patch": 4, "attention_blocks": 4},
        wrap=XPrediction,
    ),
    "deep-text": Variant("Two transformer layers on the words", wrap=deep_text),
    "no-keywords": Variant(
        "Captions without keywords", {"dropout": CaptionDropout(keywords_only=0.0, extra_keywords=0.0)}
    ),
    "flip": Variant("Half of the images mirrored", {"flip": 0.5}),
    "recolour": Variant("15 % of the images in another colour", {"recolour": 0.15}),
    "skin-tones": Variant(
        "Skin tones as extra data, a third as often", {"skin_tone_weight": 0.35}, data="-tones"
    ),
}
SIZES = {
    "48-48-128": Variant("smaller", {"channels": (48, 48, 128)}),
    "64-64-192": Variant("as shipped", {"channels": (64, 64, 192)}),
    "96-96-256": Variant("larger", {"channels": (96, 96, 256)}),
    "64-64-192-begun": Variant(
        "as shipped, inner levels from emoji32",
        {"channels": (64, 64, 192), "start": "emoji32", "lr_muon": 3e-3},
    ),
}


def train_variant(
    variant: Variant, data: Dataset, vocabulary: Vocabulary, images: int, minutes: float
) -> dict:
    """Train one variant until so many images or minutes of processor time; its losses and its speed."""
    recipe = train.Recipe(**{"warm_up": WARM_UP, **variant.recipe})
    config = UNetConfig(
        size=data.images.shape[-1], channels=recipe.channels, n_tokens=len(vocabulary), **variant.config
    )
    torch.manual_seed(recipe.seed)
    net = UNet(config)
    if recipe.start:
        train.init_from_smaller(net, checkpoints.load(recipe.start).net)
    model = variant.wrap(net) if variant.wrap else net
    average, optimizer = train.moving_average(model, recipe.ema[0]), variant.optimizer(net, recipe)
    batches = train.Batches(data, vocabulary, recipe, recipe.batch, recipe.seed)
    seen, step, losses, began = 0, 0, [], time.process_time()
    while (done := max(seen / images if images else 0, cpu_minutes(began) / minutes if minutes else 0)) < 1:
        x0, eps, t, tokens = batches.next_batch(done)
        t = variant.times(t) if variant.times else t
        weight = variant.weight(t) if variant.weight else None
        loss = train.loss_v(model, x0, eps, t, tokens, recipe.schedule, weight)
        loss.backward()
        optimizer.step(train.lr_factor(step, done, recipe))
        average.update_parameters(model)
        losses.append(float(loss.detach()))
        seen, step = seen + recipe.batch, step + 1
    took = cpu_minutes(began)
    return {
        "what": variant.what,
        "images": seen,
        "cpu_minutes": round(took, 2),
        "images_per_cpu_second": round(seen / took / 60, 1),
        "million_weights": round(checkpoints.parameters(model) / 1e6, 2),
        "heldout_loss": round(train.heldout_loss(average, data, vocabulary, recipe), 4),
        "training_loss": round(sum(losses[-50:]) / len(losses[-50:]), 4),
    }


def missing(variants: dict[str, Variant], found: dict[str, dict], images: int, minutes: float) -> list[str]:
    """Which of the variants have not been trained for so many images and minutes yet."""

    def done(row: dict) -> bool:
        return row["images"] >= images and row["cpu_minutes"] >= minutes

    return [name for name in variants if name not in found or not done(found[name])]


def run(name: str, path: Path, images: int, minutes: float) -> dict:
    """`train_variant` by the name of the variant and the file of its data, as another process is told of them."""
    variant = (RECIPES | SIZES)[name]
    data = Dataset.load(path.with_stem(path.stem + variant.data))
    return train_variant(variant, data, Vocabulary.load(ASSETS / "vocabulary.json"), images, minutes)


def distill_guidance(data: Dataset, vocabulary: Vocabulary, images: int, scale: float = 3.0) -> UNet:
    """A copy of emoji32 trained to predict what it predicts under guidance, for one scale (Meng et al. 2023,
    arXiv 2210.03142, section 3.1, without the scale as an input)."""
    recipe = train.Recipe(lr_muon=1e-3, lr_adam=5e-4, warm_up=20, decay=0.7, oversample_from=0.0)
    teacher = checkpoints.load(checkpoints.QUICK).net
    student = in_memory_format(copy.deepcopy(teacher), torch.contiguous_format)
    student.train().requires_grad_(True)
    optimizer = train.Optimizer(student, recipe)
    batches = train.Batches(data, vocabulary, recipe, recipe.batch, seed=0)
    nothing = torch.tensor(vocabulary.encode("", None)).expand(recipe.batch, -1)
    schedule = train.SCHEDULES[recipe.schedule]
    for step in range(images // recipe.batch):
        done = step * recipe.batch / images
        x0, eps, t, tokens = batches.next_batch(done)
        x, angle = add_noise(x0, eps, t, schedule), schedule.angle(t).float()
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                without, with_words = (teacher(x, angle, words).float() for words in (nothing, tokens))
            answer = student(x, angle, tokens)
        loss = (answer.float() - (without + scale * (with_words - without))).pow(2).mean()
        loss.backward()
        optimizer.step(train.lr_factor(step, done, recipe))
    return student.eval().requires_grad_(False)


def evaluate_guidance(data: Dataset, vocabulary: Vocabulary, images: int) -> dict:
    """The classifier's figures for emoji32 without guidance, with it, and with guidance distilled."""
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    plain = checkpoints.load(checkpoints.QUICK)
    rows = {
        "without": (plain, 1.0, 1),
        "two calls": (plain, 3.0, 2),
        "trained in": (Denoiser(distill_guidance(data, vocabulary, images), vocabulary), 1.0, 1),
    }
    found = {"images": images, "n": 400, "weights_sha256": checkpoints.manifest()[checkpoints.QUICK].sha256}
    for name, (denoiser, guidance, calls) in rows.items():
        settings = {"steps": 30, "sampler": "unipc", "guidance": guidance}
        figures, _ = evaluate(denoiser, label_classifier, data, found["n"], True, settings)
        found[name] = {
            "calls": calls,
            **figures["share_of_real"],
            "kid": figures["kid"],
        }
        print(name, found[name], flush=True)
    return found


def cpu_minutes(began: float) -> float:
    """Minutes of this process's own time on the processor: other work on the machine counts less in it."""
    return (time.process_time() - began) / 60


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--recipes", action="store_true")
    kind.add_argument("--sizes", action="store_true")
    kind.add_argument("--guided", action="store_true")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=16_128, help="length of each run but the sizes'")
    parser.add_argument("--minutes", type=float, default=60, help="processor time of each size's run")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time, each on one thread")
    parser.add_argument("--out", type=Path, help="default: assets/curves/KIND.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kind = next(k for k in ("recipes", "sizes", "guided") if getattr(args, k))
    out = args.out or ASSETS / "curves" / f"{kind}.json"
    if args.guided:
        data, vocabulary = Dataset.load(args.data), Vocabulary.load(ASSETS / "vocabulary.json")
        out.write_text(json.dumps(evaluate_guidance(data, vocabulary, args.images), indent=1) + "\n")
        return
    variants, length = (RECIPES, (args.images, 0)) if args.recipes else (SIZES, (0, args.minutes))
    found = json.loads(out.read_text()) if out.exists() else {}
    with ProcessPoolExecutor(args.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        names = missing(variants, found, *length)
        runs = {pool.submit(run, name, args.data, *length): name for name in names}
        for done in as_completed(runs):
            found[runs[done]] = done.result()
            print(runs[done], done.result(), flush=True)
            ordered = {name: found[name] for name in variants if name in found}
            out.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
