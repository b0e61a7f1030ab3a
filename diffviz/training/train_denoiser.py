"""Train the denoiser: the whole recipe, top to bottom.

    python -m diffviz.training.train_denoiser --minutes 90 --workers 2 --out runs/emoji32
    python -m diffviz.training.train_denoiser --resume --minutes 90 --workers 2 --out runs/emoji32
    python -m diffviz.training.train_denoiser --out runs/emoji32 --publish     # copy its weights to assets/

The network for 64-pixel images starts from the one for 32 and has one level more:

    python -m diffviz.training.train_denoiser --data data/emoji64.npz --out runs/emoji64 --minutes 125 \\
        --channels 64 64 192 --start emoji32 --lr-muon 3e-3 --flip 0.5 --oversample-from 0.15

The network for 128-pixel images works on latents, which are encoded beforehand:

    python -m diffviz.training.encode_dataset --data data/emoji128.npz --out data/latent128.npz
    python -m diffviz.training.train_denoiser --data data/latent128.npz --out runs/emoji128 --minutes 1800 \\
        --channels 128 192 --patch 1 --attention-blocks 3 --flip 0.5 --recolour 0.2 \\
        --oversample-from 0.15 --oversample-share 0 --middle-share 0.4

and can be aligned with features of the clean images besides: `python -m diffviz.training.alignment`, then --align 0.5.

It trains on the CPU or, where there is one, on a CUDA device. In --out it keeps `log.csv`, `last.pt` (all that --resume
needs), `ema.safetensors` (the averaged weights; of several lengths, the one with the lowest held-out loss) and
`grid-*.png` (fixed prompts and seeds). Where `last.pt` is lost, --resume goes on from the averaged weights, and where
those are too, from the shipped ones of the folder's name.

The length of a run is given in minutes of training or in images seen, and the learning rate follows the
share of it that is done: flat, then down to nothing over the last `decay` of it.
"""

from __future__ import annotations

import argparse
import copy
import csv
import os
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel

from diffviz.diffusion.process import add_noise, append_dims, v_from_x0_eps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints
from diffviz.models.autoencoder import Autoencoder
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet, UNetConfig, in_memory_format
from diffviz.paths import ASSETS
from diffviz.training.alignment import Alignment
from diffviz.training.augment import HUES, in_colour, mirrors, recolours
from diffviz.training.batch_generation import generate_grid, image_grid
from diffviz.training.data import CaptionDropout, Captions, Dataset, LatentDataset
from diffviz.training.transfer import fit_output, init_from_smaller, init_latent_from_pixels


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run. The defaults are those of the shipped weights."""

    channels: tuple[int, ...] = (64, 192)
    patch: int = 2
    attention_blocks: int = 2
    batch: int = 48  # over all workers together
    # Orthogonalised momentum for the weight matrices, AdamW for all the rest (embeddings, biases, norms).
    lr_muon: float = 4e-3
    lr_adam: float = 2e-3
    weight_decay: float = 0.01
    momentum: float = 0.95
    warm_up: int = 300  # steps
    decay: float = 0.30  # share of the run over which the rate falls to nothing
    # Decays a step of the averages that are kept; which one ships is chosen after the fact, by its held-out loss.
    ema: tuple[float, ...] = (0.998, 0.9995, 0.9999)
    schedule: str = "cosine"
    # From this share of the run on, everyday images make up this share of the batches.
    oversample_from: float = 0.35
    oversample_share: float = 0.85
    dropout: CaptionDropout = field(default_factory=CaptionDropout)
    flip: float = 0.0  # chance of the mirror image, for labels that stay true in it
    recolour: float = 0.0  # chance of another colour, named in the caption, for images of one colour
    skin_tone_weight: float = 1.0  # how often a skin-tone variant is drawn, beside 1 for any other image
    middle_share: float = 0.0  # share of the times that are of MIDDLE_TIMES alone
    align: float = 0.0  # weight of the second part of the loss, that of `alignment`
    start: str = ""  # name of shipped weights for half the size, whose levels this network inherits
    seed: int = 0


# What the command line may change; `channels` besides.
ADJUSTABLE = (
    "patch",
    "attention_blocks",
    "batch",
    "lr_muon",
    "lr_adam",
    "seed",
    "decay",
    "flip",
    "recolour",
    "skin_tone_weight",
    "start",
    "oversample_from",
    "oversample_share",
    "middle_share",
    "align",
)

SHARES = ("decay", "flip", "recolour", "oversample_from", "oversample_share", "middle_share")  # from 0 to 1

# Fields that had another name when shipped weights were trained: their records say so still.
RENAMED_FIELDS = {
    "focus_from": "oversample_from",
    "focus_share": "oversample_share",
    "toned": "skin_tone_weight",
}


def current_recipe(recorded: dict) -> dict:
    """A recipe as weights or checkpoints record it, by the present names of its fields."""
    return {RENAMED_FIELDS.get(name, name): value for name, value in recorded.items()}


LOG_STEPS = 200

# --- the objective -----------------------------------------------------------------------------------------


def noised(x0: Tensor, eps: Tensor, t: Tensor, schedule: str) -> tuple[Tensor, Tensor, Tensor]:
    """(x_t, angle, v): what the network is given for x0 and eps at times t (B,), and what it is to give."""
    chosen = SCHEDULES[schedule]
    alpha, sigma = append_dims(chosen.alpha(t), x0), append_dims(chosen.sigma(t), x0)
    return add_noise(x0, eps, t, chosen), chosen.angle(t).float(), v_from_x0_eps(x0, eps, alpha, sigma)


def loss_v(
    net: nn.Module,
    x0: Tensor,
    eps: Tensor,
    t: Tensor,
    tokens: Tensor,
    schedule: str,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean squared error of v (Salimans & Ho 2022, arXiv 2202.00512, section 4), unweighted but for comparisons."""
    x, angle, v = noised(x0, eps, t, schedule)
    # bf16 halves the work of a batch; the loss itself is taken in float32.
    mixed = torch.autocast(x0.device.type, torch.bfloat16)
    # On the CPU torch's fused attention is slow in its backward pass: at 64 positions plain products take a sixth.
    attention = sdpa_kernel(SDPBackend.MATH) if x0.device.type == "cpu" else nullcontext()
    with mixed if x0.device.type in ("cpu", "cuda") else nullcontext(), attention:
        v_hat = net(x, angle, tokens)
    errors = (v_hat.float() - v).pow(2)
    return (errors if weight is None else errors * append_dims(weight, errors)).mean()


# Where the outline of the image is settled, and where the denoiser in latents loses most against real images.
MIDDLE_TIMES = (0.3, 0.7)


def stratified_times(n: int, rng: torch.Generator, middle_share: float = 0.0) -> Tensor:
    """n times spread evenly over [0, 1), jittered together: the same mean loss, less noise in it.

    `middle_share` of them (0 to 1) are spread over MIDDLE_TIMES instead.
    """
    quantiles = (torch.arange(n) + torch.rand(n, generator=rng)) / n
    if not middle_share:
        return quantiles.double()
    start, end = MIDDLE_TIMES
    below = (1 - middle_share) * start  # the distribution's cumulative share at the two ends of the middle
    knots = (0.0, below, below + middle_share + (1 - middle_share) * (end - start), 1.0)
    return torch.from_numpy(np.interp(quantiles.numpy(), knots, (0.0, start, end, 1.0)))


# --- batches -----------------------------------------------------------------------------------------------


def stream_seed(seed: int, rank: int, step: int) -> int:
    """The seed of one worker's data stream from the step it starts or resumes at: another for every three of these."""
    return int(np.random.SeedSequence((seed, rank, step)).generate_state(1, np.uint64)[0])


class Batches:
    """Random training images with drawn captions; each worker has its own stream."""

    def __init__(self, data: Dataset, vocabulary: Vocabulary, recipe: Recipe, size: int, seed: int) -> None:
        self.data, self.recipe, self.size = data, recipe, size
        self.captions = Captions(data, vocabulary, recipe.dropout)
        self.may_flip = np.array([mirrors(*pair) for pair in zip(data.labels, data.subgroups, strict=True)])
        self.may_recolour = np.array([recolours(label) for label in data.labels])
        self.all_rows, self.common_rows = data.rows(heldout=False), data.rows(heldout=False, common=True)
        weight = np.where(data.is_skin_tone, recipe.skin_tone_weight, 1.0)[data.label]  # of each image
        self.all_chances, self.common_chances = (
            weight[r] / weight[r].sum() for r in (self.all_rows, self.common_rows)
        )
        self.rng, self.noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self.rows, self.mirrored = np.zeros(0, int), np.zeros(0, bool)  # (B,) what the last batch shows

    def next_batch(self, done: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x0, eps, t, tokens for one step, at `done` of the run (0 to 1)."""
        rows = self.rng.choice(self.all_rows, self.size, p=self.all_chances)
        if done >= self.recipe.oversample_from:
            oversampled = self.rng.random(self.size) < self.recipe.oversample_share
            common_rows = self.rng.choice(self.common_rows, self.size, p=self.common_chances)
            rows = np.where(oversampled, common_rows, rows)
        x0 = self.data.examples(rows)
        flip = np.zeros(self.size, bool)
        if self.recipe.flip:
            flip = self.may_flip[self.data.label[rows]] & (self.rng.random(self.size) < self.recipe.flip)
            x0[torch.from_numpy(flip)] = self.data.mirrored(rows[flip])
        tokens: list[list[int]] = []
        for i, row in enumerate(rows):
            label = int(self.data.label[row])
            words = self.captions.words(label, self.rng)
            if self.may_recolour[label] and self.rng.random() < self.recipe.recolour:
                colour = str(self.rng.choice(list(HUES)))
                # The label too must allow it: a caption of keywords alone does not name the thing that is painted.
                allowed = in_colour(self.captions.label_words[label], colour)
                caption = in_colour(words, colour) if allowed else None
                painted = self.data.recoloured(row, x0[i], colour) if caption else None
                if caption and painted is not None:
                    x0[i], words = painted, caption
                    flip[i] &= self.data.mirrors_recoloured
            tokens.append(self.captions.tokens(words, int(self.data.style[row]), self.rng))
        self.rows, self.mirrored = rows, flip
        eps = torch.randn(x0.shape, generator=self.noise)
        times = stratified_times(self.size, self.noise, self.recipe.middle_share)
        return x0, eps, times, torch.tensor(tokens)


# --- the start ---------------------------------------------------------------------------------------------


# --- optimisation ------------------------------------------------------------------------------------------

TensorList = tuple[Tensor, ...] | list[Tensor]


def flat_in_memory(tensor: Tensor) -> Tensor:
    """A view (N, M) of a tensor (N, …) that goes through its memory in order, channels last or not.

    The columns' order is that of the memory: Muon, which makes the matrix orthogonal, does not mind.
    """
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.view(len(tensor), -1)


def as_matrix(p: nn.Parameter) -> nn.Parameter:
    """A weight (N, …) and its gradient as matrices (N, M) that share their memory, which is what torch's Muon wants."""
    matrix = nn.Parameter(flat_in_memory(p.data))
    if p.grad is None:
        raise ValueError("a weight needs a gradient whose memory its matrix can share")
    matrix.grad = flat_in_memory(p.grad)
    return matrix


class Optimizer:
    """Muon on the matrices and AdamW on the rest, over one flat gradient that workers can add up at once."""

    def __init__(self, net: UNet, recipe: Recipe) -> None:
        self.recipe = recipe
        params = list(net.parameters())
        self.flat_grad = torch.zeros(sum(p.numel() for p in params), device=params[0].device)
        matrices, rest, start = [], [], 0
        edges = {id(p) for m in (net.conv_in, net.conv_out, net.text.embed) for p in m.parameters()}
        for p in params:
            grad = self.flat_grad[start : start + p.numel()]
            start += p.numel()
            p.grad = grad.as_strided(p.shape, p.stride())  # the layout of the weight: a sum needs no copy
            if p.dim() >= 2 and id(p) not in edges and p is not net.position:
                matrices.append(as_matrix(p))
            else:
                rest.append(p)
        self.muon = torch.optim.Muon(
            matrices,
            lr=recipe.lr_muon,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adam = torch.optim.AdamW(rest, lr=recipe.lr_adam, betas=(0.9, 0.99), weight_decay=0.0)

    def step(self, rate: float) -> None:
        for optimizer, lr in ((self.muon, self.recipe.lr_muon), (self.adam, self.recipe.lr_adam)):
            optimizer.param_groups[0]["lr"] = lr * rate
            optimizer.step()
        self.flat_grad.zero_()

    def state_dict(self) -> dict:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


class LearningRate(Protocol):
    """What a recipe says of the learning rate's course."""

    @property
    def warm_up(self) -> int: ...  # steps

    @property
    def decay(self) -> float: ...  # share of the run


def lr_factor(step: int, done: float, recipe: LearningRate) -> float:
    """The learning rate as a share of its peak: up over `warm_up` steps, flat, then down to nothing."""
    fall = min(1.0, (1 - done) / recipe.decay) if recipe.decay else 1.0
    return min(1.0, (step + 1) / recipe.warm_up) * max(fall, 0.0)


def moving_average(net: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of the weights whose memory grows with the run, so that it never lags behind it."""

    def lerp(averaged: TensorList, current: TensorList, n: Tensor | int) -> None:
        keep = min(decay, float(n) / (9 + float(n)))
        torch._foreach_lerp_(averaged, current, 1 - keep)  # pyright: ignore[reportPrivateImportUsage] - as torch's own

    average = AveragedModel(net, multi_avg_fn=lerp).eval()
    average.n_averaged += (
        1  # the first weights are the first of the average: at 0 an update would replace them
    )
    return average


# --- evaluation --------------------------------------------------------------------------------------------


def fixed_examples(
    data: Dataset, vocabulary: Vocabulary, rows: np.ndarray
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(x0, eps, t, tokens) of these rows with full caption and style, at fixed noise and spread times."""
    x0, rng = data.examples(rows), torch.Generator().manual_seed(1)
    eps, t = torch.randn(x0.shape, generator=rng), stratified_times(len(rows), rng)
    tokens = [vocabulary.encode(data.labels[data.label[r]], data.styles[data.style[r]]) for r in rows]
    return x0, eps, t, torch.tensor(tokens)


@torch.inference_mode()
def heldout_loss(net: nn.Module, data: Dataset, vocabulary: Vocabulary, recipe: Recipe) -> float:
    """loss_v on up to 128 everyday images never trained on, at fixed noise, full caption and style."""
    rows = data.rows(heldout=True, common=True)
    rows = rows[~data.is_skin_tone[data.label[rows]]]  # the same images with and without tones in the data
    device = next(net.parameters()).device
    x0, eps, t, tokens = (v.to(device) for v in fixed_examples(data, vocabulary, rows[:128]))
    return float(loss_v(net, x0, eps, t, tokens, recipe.schedule))


# --- what a run keeps ---------------------------------------------------------------------------------------


@dataclass
class Training:
    """All that a run needs to go on after it was stopped.

    `session` says how it is trained (recipe, workers, data), `planned` for how long, in minutes and images; `state` what
    was done, with the sessions before this one under "earlier".
    """

    net: UNet
    averages: dict[float, AveragedModel]
    optimizer: Optimizer
    session: dict
    planned: list[float]
    state: dict = field(
        default_factory=lambda: {"step": 0, "images": 0, "minutes": 0.0, "core_hours": 0.0, "earlier": []}
    )
    alignment: Alignment | None = None

    def save(self, path: Path) -> None:
        """Write `last.pt`; a run that is killed meanwhile leaves the older file whole."""
        saved = {
            "net": self.net.state_dict(),
            "averages": {decay: average.state_dict() for decay, average in self.averages.items()},
            "optimizer": self.optimizer.state_dict(),
            "state": self.state,
            "session": self.session,
            "planned": self.planned,
        }
        if self.alignment is not None:
            saved["alignment"] = self.alignment.state_dict()
        torch.save(saved, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def resume(self, path: Path, device: torch.device) -> None:
        """Go on from `last.pt`; with another recipe or length this is a new session, else it was only interrupted."""
        saved = current_checkpoint(torch.load(path, map_location=device, weights_only=True))
        self.net.load_state_dict(saved["net"])
        for decay, average in self.averages.items():
            average.load_state_dict(saved["averages"][decay])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.alignment is not None and "alignment" in saved:
            self.alignment.load_state_dict(saved["alignment"])
        self.state = saved["state"]
        if (saved["session"], saved["planned"]) != (self.session, self.planned):
            stopped = {"planned": saved["planned"][1]} if self.state["images"] < saved["planned"][1] else {}
            self.state["earlier"].append({"images": self.state["images"], **stopped, **saved["session"]})

    def resume_average(self, path: Path) -> None:
        """Go on from averaged weights, for a `last.pt` that was lost: the optimizer's moments begin anew.

        The averages go on from them as after all their steps. Raises CheckpointError where there are no such weights,
        RuntimeError where they are of another shape.
        """
        trained, (_, facts) = checkpoints.read(path).state_dict(), checkpoints.metadata(path)
        self.net.load_state_dict(trained)
        for average in self.averages.values():
            average.module.load_state_dict(trained)
            average.n_averaged.fill_(facts["step"] + 1)
        self.state = {
            key: facts.get(key, value) for key, value in self.state.items()
        }  # older weights say less
        session = {key: facts[key] for key in (*self.session, "planned") if key in facts}
        self.state["earlier"].append({"images": self.state["images"], **session})


def current_checkpoint(saved: dict) -> dict:
    """The content of a `last.pt`, by present names: older files name parts otherwise and hold plain averages."""
    if "sitting" not in saved:
        return saved
    updates = torch.tensor(saved["state"]["step"] + 1)

    def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
        named = checkpoints.current_names(state)
        return {"n_averaged": updates.clone(), **{f"module.{name}": value for name, value in named.items()}}

    session = {**saved["sitting"], "recipe": current_recipe(saved["sitting"]["recipe"])}
    return {
        **{name: saved[name] for name in ("optimizer", "state", "planned")},
        "net": checkpoints.current_names(saved["net"]),
        "averages": {decay: averaged(state) for decay, state in saved["averages"].items()},
        "session": session,
    }


class Log:
    """`log.csv`: the training loss and the speed every LOG_STEPS steps, and the held-out loss of each evaluation."""

    COLUMNS = ("images", "minutes", "loss", "heldout_loss", "rate", "images_per_second")

    def __init__(self, path: Path, append: bool) -> None:
        self._file = path.open("a" if append else "w", buffering=1, newline="")
        self._rows: csv.DictWriter[str] = csv.DictWriter(self._file, self.COLUMNS, restval="")
        if not self._file.tell():
            self._rows.writeheader()
        self._losses, self._since = [], time.monotonic()

    def training_step(self, loss: float, factor: float, state: dict, batch: int) -> None:
        """Note the loss of a step on `batch` images, at `factor` times the peak learning rate."""
        self._losses.append(loss)
        if len(self._losses) < LOG_STEPS:
            return
        speed = LOG_STEPS * batch / (time.monotonic() - self._since)
        self._write(
            state, loss=f"{np.mean(self._losses):.4f}", rate=f"{factor:.3f}", images_per_second=f"{speed:.0f}"
        )
        self._losses, self._since = [], time.monotonic()

    def evaluation(self, loss: float, seconds: float, state: dict) -> None:
        """Note a held-out loss; the `seconds` it took are not counted as training."""
        self._since += seconds
        self._write(state, heldout_loss=f"{loss:.4f}")

    def _write(self, state: dict, **cells: str) -> None:
        self._rows.writerow({"images": state["images"], "minutes": f"{state['minutes']:.2f}"} | cells)

    def close(self) -> None:
        self._file.close()


def save_and_evaluate(
    training: Training,
    data: Dataset,
    vocabulary: Vocabulary,
    recipe: Recipe,
    out: Path,
    autoencoder: Autoencoder | None = None,
) -> float:
    """Save everything, write the average that does best on held-out images, and draw with it; returns its loss."""
    training.save(out / "last.pt")
    averages, state = training.averages, training.state
    losses = {decay: heldout_loss(average, data, vocabulary, recipe) for decay, average in averages.items()}
    best = min(losses, key=lambda decay: losses[decay])
    net = cast(UNet, averages[best].module)
    facts = {
        **state,
        **training.session,
        **({"planned": training.planned[1]} if state["images"] < training.planned[1] else {}),
        "ema": best,
        "heldout_by_ema": {str(decay): round(loss, 5) for decay, loss in losses.items()},
    }
    checkpoints.write(out / "ema.safetensors", net, net.config.as_dict(), facts)
    drawn = generate_grid(Denoiser(net, vocabulary, autoencoder), steps=20)
    image_grid(drawn, 8, zoom=1 if autoencoder else 3).save(out / f"grid-{state['images']:08d}.png")
    return losses[best]


# --- the run -----------------------------------------------------------------------------------------------


def _share_done(minutes: float, images: float, args: argparse.Namespace) -> float:
    shares = [minutes / args.minutes] if args.minutes else []
    shares += [images / args.images] if args.images else []
    return min(1.0, max(shares))


def _timed_steps(state: dict, args: argparse.Namespace, per_step: int) -> Iterator[float]:
    """Yield the share of the run that is done, until it is all done; keeps the clock of `state`."""
    began, before = time.monotonic(), state["minutes"]
    busy, busy_before = time.process_time(), state["core_hours"]
    while (done := _share_done(state["minutes"], state["images"], args)) < 1:
        if args.until and state["images"] >= args.until:
            return
        state["step"] += 1  # counted as done: what is saved after the step is to say so
        state["images"] += per_step
        yield done
        now = before + (time.monotonic() - began) / 60
        if args.workers > 1:  # all workers must stop at the same step: the first one's clock counts
            shared = torch.tensor([now], dtype=torch.float64)
            dist.broadcast(shared, 0)
            now = float(shared)
        state["minutes"] = now
        # Hours by the clock say little on a machine that is shared: what this process was given, times workers.
        state["core_hours"] = busy_before + (time.process_time() - busy) / 3600 * args.workers


def build_network(data: Dataset, vocabulary: Vocabulary, recipe: Recipe) -> UNet:
    """The network as training begins; the same in every worker."""
    config = UNetConfig(
        size=data.images.shape[-1],
        in_channels=data.images.shape[1],
        channels=recipe.channels,
        patch=recipe.patch,
        attention_blocks=recipe.attention_blocks,
        n_tokens=len(vocabulary),
    )
    torch.manual_seed(recipe.seed)
    net = UNet(config)
    if recipe.start:
        trained = checkpoints.load(recipe.start).net
        if isinstance(data, LatentDataset):
            rows = data.rows(heldout=False)
            rows = rows[:: max(1, len(rows) // 512)]
            init_latent_from_pixels(net, trained, checkpoints.load_autoencoder(), data.examples(rows))
            x0, eps, t, tokens = fixed_examples(data, vocabulary, rows)
            x, angle, v = noised(x0, eps, t, recipe.schedule)
            fit_output(net, x, angle, tokens, v)
        else:
            init_from_smaller(net, trained)
    return net


def shipped(name: str, assets: Path) -> Path:
    """The file of a shipped network, verified. Raises CheckpointError where there is none of this name."""
    checkpoints.load(name, assets)
    return assets / checkpoints.manifest(assets)[name].file


def worker(rank: int, args: argparse.Namespace, recipe: Recipe) -> None:
    """One process of a run; the first also averages, logs, saves and evaluates."""
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if args.workers > 1:
        dist.init_process_group(
            "gloo", f"file://{(args.out / 'workers').resolve()}", rank=rank, world_size=args.workers
        )
    data = Dataset.load(args.data)
    vocabulary = Vocabulary.load(ASSETS / "vocabulary.json")
    # Channels last: convolutions of a batch take two thirds of the time in this layout.
    net = in_memory_format(build_network(data, vocabulary, recipe).to(device), torch.channels_last)
    training = Training(
        net,
        averages={decay: moving_average(net, decay) for decay in recipe.ema},
        optimizer=Optimizer(net, recipe),
        session={"recipe": asdict(recipe), "workers": args.workers, "data": args.data.stem},
        planned=[args.minutes, args.images],
    )
    if recipe.align:  # after the averages, which are copies of the network and hold nothing for it
        training.alignment = Alignment.of_file(
            net, args.features, len(data.images), recipe.lr_adam, recipe.warm_up
        )
    if args.resume and (args.out / "last.pt").exists():
        training.resume(args.out / "last.pt", device)
    elif args.resume and (args.out / "ema.safetensors").exists():
        training.resume_average(args.out / "ema.safetensors")
    elif args.resume:
        training.resume_average(shipped(args.out.name, ASSETS))
        if rank == 0:
            shutil.copyfile(ASSETS / "curves" / f"training-{args.out.name}.csv", args.out / "log.csv")
    state, per_worker = training.state, recipe.batch // args.workers
    batches = Batches(data, vocabulary, recipe, per_worker, stream_seed(recipe.seed, rank, state["step"]))
    log = Log(args.out / "log.csv", append=args.resume) if rank == 0 else None
    autoencoder = None
    if isinstance(data, LatentDataset):
        autoencoder = copy.deepcopy(checkpoints.load_autoencoder()).to(
            device
        )  # the one that is loaded is shared

    def evaluate() -> None:
        began = time.monotonic()
        loss = save_and_evaluate(training, data, vocabulary, recipe, args.out, autoencoder)
        if log is not None:
            log.evaluation(loss, time.monotonic() - began, state)

    next_evaluation = state["minutes"] + args.evaluate_every
    for done in _timed_steps(state, args, per_worker * args.workers):
        x0, eps, t, tokens = (v.to(device) for v in batches.next_batch(done))
        loss = loss_v(net, x0, eps, t, tokens, recipe.schedule)
        objective = loss
        if training.alignment is not None:
            objective = loss + recipe.align * training.alignment.loss(batches.rows, batches.mirrored)
        (objective / args.workers).backward()
        if args.workers > 1:
            dist.all_reduce(training.optimizer.flat_grad)
        factor = lr_factor(state["step"] - 1, done, recipe)
        training.optimizer.step(factor)
        if training.alignment is not None:
            training.alignment.step(factor)
        if log is None:
            continue
        for average in training.averages.values():
            average.update_parameters(net)
        log.training_step(float(loss.detach()), factor, state, recipe.batch)
        if state["minutes"] >= next_evaluation:
            evaluate()
            next_evaluation = state["minutes"] + args.evaluate_every
    if log is not None:
        evaluate()
        log.close()
    if args.workers > 1:
        dist.barrier()
        dist.destroy_process_group()


def check_latents(path: Path, assets: Path = ASSETS) -> None:
    """See that latents were encoded by the autoencoder that ships, whose decoder makes the images of the network.

    Raises SystemExit, in a sentence, where another one encoded them; warns where the file does not say which did. A file
    of images, or none, passes.
    """
    if not path.exists():
        return
    with np.load(path) as raw:
        if "latents" not in raw:
            return
        found = str(raw["autoencoder"]) if "autoencoder" in raw else ""
    shipped = checkpoints.listed(assets)[f"{checkpoints.AUTOENCODER}.safetensors"]
    again = "python -m diffviz.training.encode_dataset"
    if not found:
        warnings.warn(
            f"{path} does not say which autoencoder encoded it: `{again}` makes a file that does",
            stacklevel=2,
        )
    elif found != shipped:
        raise SystemExit(
            f"{path} was encoded by another autoencoder (SHA-256 {found[:12]}…) than the one that ships ({shipped[:12]}…), "
            f"whose decoder would not fit: encode the images again, {again} --out {path}"
        )


def _spawned_worker(rank: int, args: argparse.Namespace, recipe: Recipe) -> None:
    """`worker` in a process of its own, which ends without Python's teardown.

    In one run of many, a thread of gloo's was still alive there and took the process down after its work was done.
    """
    worker(rank, args, recipe)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs/emoji32"))
    parser.add_argument(
        "--features", type=Path, default=Path("data/features128.npz"), help="file of `alignment`, for --align"
    )
    parser.add_argument("--minutes", type=float, default=0, help="length of the run in minutes of training")
    parser.add_argument("--images", type=int, default=0, help="length of the run in images seen")
    parser.add_argument(
        "--until", type=int, default=0, help="stop at this many images, in the middle of a longer run"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that share each batch")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument(
        "--evaluate-every", type=float, default=5, help="minutes between grids and checkpoints"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from last.pt in --out, else from ema.safetensors there, else from the weights in assets/ of that "
        "folder's name",
    )
    parser.add_argument(
        "--publish", action="store_true", help="copy the averaged weights to assets/ and stop"
    )
    for name in ADJUSTABLE:
        default = getattr(Recipe, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--channels", type=int, nargs="+", default=list(Recipe.channels))
    args = parser.parse_args()
    if args.publish:
        print(checkpoints.publish(args.out / "ema.safetensors", args.out.name))
        (ASSETS / "curves").mkdir(exist_ok=True)
        shutil.copyfile(args.out / "log.csv", ASSETS / "curves" / f"training-{args.out.name}.csv")
        return
    if max(args.minutes, args.images) <= 0 or min(args.minutes, args.images) < 0:
        parser.error("say how long: --minutes or --images")
    if not all(0 <= getattr(args, share) <= 1 for share in SHARES):
        parser.error(f"{', '.join(SHARES)} are from 0 to 1")
    if not args.resume and any((args.out / kept).exists() for kept in ("last.pt", "ema.safetensors")):
        parser.error(f"{args.out} has a run: go on with it by --resume, or name another folder by --out")
    if args.batch % args.workers:
        parser.error("--batch must be a multiple of --workers")
    if args.align and args.workers > 1:
        parser.error("--align works with one worker alone")
    check_latents(args.data)
    args.out.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(channels=tuple(args.channels), **{name: getattr(args, name) for name in ADJUSTABLE})
    if args.workers == 1:
        worker(0, args, recipe)
    else:
        (args.out / "workers").unlink(missing_ok=True)
        spawn(_spawned_worker, (args, recipe), nprocs=args.workers)


if __name__ == "__main__":
    main()
