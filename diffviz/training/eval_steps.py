"""Measure sample quality against the number of steps: samplers from the same noises and captions.

    python -m diffviz.training.eval_steps                    # emoji32, N = 1024: two hours on one core
    python -m diffviz.training.eval_steps --model emoji64
    python -m diffviz.training.eval_steps --n 256            # fewer images a point; a larger N later goes on from there
    python -m diffviz.training.eval_steps --points ddim:2 unipc:5       # these, those sampled before, and the reference

Writes `assets/curves/steps-MODEL.json`. The images are kept under `runs/`, so that what was sampled once is not sampled
again. For every (sampler, steps): network function evaluations, KID (Binkowski et al. 2018, arXiv 1801.01401) to real
images, its paired difference to the reference trajectory, the share of images in which the classifier sees the subgroup of
the caption, and, for deterministic samplers, the RMSE to the image that the reference reaches from the same noise; each
with a 95 % bootstrap interval.

The captions are those of N training images of everyday labels. The real images are the others of those labels, which are
kept for this measure: no caption is taken from them. Both are of the training distribution, which is what the network
models; it was trained on all of them. The features are the 128 of our classifier, not Inception's, so that the figures
cannot be compared with a published KID; they are scaled to a root mean square of 1. `floor` is the KID of the real images
whose captions were taken.

The network runs in bfloat16, which halves the time. What that costs is measured too: `rounding` is the RMSE between the
reference in bfloat16 and in float32, so an RMSE near it says nothing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.process import Denoise
from diffviz.diffusion.samplers import SAMPLERS, final_step, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation import metrics
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.training.batch_generation import guided_denoiser
from diffviz.training.data import Dataset
from diffviz.training.evaluate import images_for, predict_rows, subgroup_numbers, top_k_hits

Point = tuple[str, int]  # sampler, steps
FULL_N, BLOCK = 1024, 32
FIRST_SEED = 20_000
ROUNDING_N = 8
SCHEDULE = "cosine"
CLASSIFIER = ASSETS / "classifier32.safetensors"
STEPS: dict[str, dict[str, tuple[int, ...]]] = {
    checkpoints.QUICK: {
        "ddim": (1, 2, 3, 5, 8, 12, 20, 30),
        "ddpm": (1, 2, 3, 5, 8, 12, 20),
        "heun": (1, 2, 3, 5, 8, 12),
        "dpmpp_2m": (1, 2, 3, 5, 8, 12),
        "unipc": (1, 2, 3, 5, 8, 12, 20),
    },
    checkpoints.SHARP: {"ddim": (1, 2, 3, 5, 8, 12, 20), "unipc": (1, 2, 3, 5, 8, 12)},
    checkpoints.LATENT: {"ddim": (1, 2, 3, 5, 8, 12, 20), "unipc": (1, 2, 3, 5, 8, 12)},
}
REFERENCE: dict[str, Point] = {
    checkpoints.QUICK: ("unipc", 60),
    checkpoints.SHARP: ("unipc", 50),
    checkpoints.LATENT: ("unipc", 50),
}


def grid(model: str) -> list[Point]:
    """Every (sampler, steps) to be measured beside the reference."""
    return [(sampler, steps) for sampler, counts in STEPS[model].items() for steps in counts]


def split_rows(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Rows of everyday training images: FULL_N whose captions are drawn, and all others, the measure's real images."""
    rows = np.random.default_rng(0).permutation(data.rows(heldout=False, common=True))
    return rows[:FULL_N], rows[FULL_N:]


def with_shared_first_prediction(denoise: Denoise) -> Denoise:
    """`denoise` that evaluates t = 1 once: every trajectory of a block starts there, from the same noises."""
    kept: list[Tensor] = []

    def shared(x: Tensor, t: Tensor) -> Tensor:
        if not bool((t == 1).all()):
            return denoise(x, t)
        if not kept:
            kept.append(denoise(x, t))
        return kept[0]

    return shared


class Block:
    """The captions and noises of some rows, which every sampler starts from."""

    def __init__(
        self, denoiser: Denoiser, data: Dataset, rows: np.ndarray, first_seed: int, guidance: float
    ) -> None:
        self.denoiser, self.seeds = denoiser, range(first_seed, first_seed + len(rows))
        labels = [data.labels[data.label[r]] for r in rows]
        styles = [data.styles[data.style[r]] for r in rows]
        self.denoise = with_shared_first_prediction(guided_denoiser(denoiser, labels, styles, guidance))

    def sample(self, sampler: str, steps: int, precise: bool = False) -> np.ndarray:
        """Images (N, 3, S, S) in [-1, 1]; in bfloat16 unless `precise`."""
        rng, schedule = make_generators(self.seeds), SCHEDULES[SCHEDULE]
        noise = randn_per_seed(rng, self.denoiser.shape)
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            trajectory = SAMPLERS[sampler](self.denoise, noise, timesteps(steps), schedule, rng=rng)
            return self.denoiser.decode(final_step(trajectory).x).float().numpy()


@dataclass(frozen=True)
class Study:
    """What is sampled: the network, the rows whose captions it gets, the guidance scale, and where images are kept."""

    denoiser: Denoiser
    data: Dataset
    drawn: np.ndarray
    guidance: float
    folder: Path

    def kept(self, point: Point, start: int) -> Path:
        """The file of the block of images that begins at row `start`."""
        return self.folder / f"{point[0]}-{point[1]}" / f"{start:04}.npy"

    def sample_block(self, start: int, points: list[Point]) -> None:
        """Sample the images of a block at the points where they are not kept yet."""
        rows = self.drawn[start : start + BLOCK]
        block = Block(self.denoiser, self.data, rows, FIRST_SEED + start, self.guidance)
        for point in points:
            path = self.kept(point, start)
            if not path.exists():
                images = block.sample(*point).astype(np.float16)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.with_suffix(".part").open("wb") as file:
                    np.save(file, images)
                path.with_suffix(".part").rename(path)

    def images(self, point: Point, n: int) -> np.ndarray:
        """The first n images of a point: (n, 3, S, S)."""
        blocks = [np.load(self.kept(point, start)) for start in range(0, n, BLOCK)]
        return np.concatenate(blocks).astype(np.float32)

    def complete(self, point: Point, n: int) -> bool:
        """Whether the first n images of a point are kept."""
        return all(self.kept(point, start).exists() for start in range(0, n, BLOCK))

    def rounding(self, reference: Point) -> float:
        """RMSE between images of the reference in bfloat16 and in float32; kept beside the images."""
        path = self.folder / "rounding.json"
        if path.exists():
            return json.loads(path.read_text())
        fast, exact = (
            Block(self.denoiser, self.data, self.drawn[:ROUNDING_N], FIRST_SEED, self.guidance).sample(
                *reference, precise=precise
            )
            for precise in (False, True)
        )
        error = float(metrics.rmse(fast, exact, metrics.PER_IMAGE).mean())
        path.write_text(json.dumps(error))
        return error


@dataclass(frozen=True)
class ImageScorer:
    """What images are measured by: the classifier, features of the real images (M, 128), the wanted subgroups (N,).

    Features are divided by their root mean square over the real images: the cubic kernel depends on their scale, and at
    unit scale its terms have like weight, as they do for Inception's features.
    """

    classifier: classifier.LabelClassifier
    scale: float
    real: np.ndarray
    same_captions: np.ndarray  # (N, 128): features of the real images whose captions are drawn
    subgroup: np.ndarray

    def features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, 128) of the images (N, 3, S, S), and whether each shows the subgroup of its caption (N,)."""
        _, by_subgroup, features = self.classifier.predict(torch.from_numpy(images))
        return features.numpy() / self.scale, top_k_hits(by_subgroup, self.subgroup[: len(images)], 1)


def measure(study: Study, scorer: ImageScorer, points: list[Point], reference: Point, n: int) -> dict:
    """The figures of every point over its first n images, and of the real images whose captions were drawn.

    KID and its difference come from one paired bootstrap, which resamples captions and noises as well as real images.
    """
    bootstrap = metrics.KidBootstrap(scorer.real, n)
    target = study.images(reference, n)
    at_reference, of_reference = bootstrap.kid(scorer.features(target)[0])
    found = []
    for sampler, steps in [*points, reference]:
        images = study.images((sampler, steps), n)
        features, hits = scorer.features(images)
        value, resampled = bootstrap.kid(features)
        point = {
            "sampler": sampler,
            "steps": steps,
            "nfe": SAMPLERS[sampler].nfe(steps) * (2 if study.guidance != 1 else 1),
            "kid": metrics.kid_figure(value, resampled),
            "subgroup_top1": metrics.mean_figure(hits),
        }
        if (sampler, steps) != reference:
            point["difference"] = metrics.kid_figure(value - at_reference, resampled - of_reference)
            # A stochastic sampler ends in another image on purpose: its distance to the reference says nothing.
            if not SAMPLERS[sampler].stochastic:
                point["distance"] = metrics.mean_figure(metrics.rmse(images, target, metrics.PER_IMAGE))
        found.append(point)
    floor, of_floor = bootstrap.kid(scorer.same_captions[:n])
    return {
        "floor": metrics.kid_figure(floor, of_floor),
        "points": found,
    }


def add_options(parser: argparse.ArgumentParser, curve: str) -> None:
    """The options that the commands for `assets/curves/CURVE-MODEL.json` share."""
    parser.add_argument("--model", choices=STEPS, default=checkpoints.QUICK)
    parser.add_argument("--data", type=Path, help="default: data/MODEL.npz")
    parser.add_argument("--out", type=Path, help=f"default: assets/curves/{curve}-MODEL.json")
    parser.add_argument(
        "--n", type=_image_count, default=FULL_N, help=f"images a point, a multiple of {BLOCK}"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("runs"), help="where the images are kept")


def _image_count(text: str) -> int:
    n = int(text)
    if n % BLOCK or not BLOCK <= n <= FULL_N:
        raise argparse.ArgumentTypeError(f"{n} is not a multiple of {BLOCK} up to {FULL_N}")
    return n


def folder_of(args: argparse.Namespace, guidance: float) -> Path:
    """Where the images of one guidance scale are kept: those of other weights lie elsewhere."""
    sha256 = checkpoints.sha256_of(ASSETS / checkpoints.manifest()[args.model].file)
    return args.cache / f"steps-{args.model}-{sha256[:8]}-w{guidance:g}"


def study_of(args: argparse.Namespace, guidance: float) -> tuple[Study, np.ndarray]:
    """What the options ask to sample at one guidance scale, and the rows of the measure's real images."""
    denoiser = checkpoints.load(args.model)
    data = images_for(denoiser, args.data or Path(f"data/{args.model}.npz"))
    drawn, others = split_rows(data)
    return Study(denoiser, data, drawn, guidance, folder_of(args, guidance)), others


def scorer_of(study: Study, others: np.ndarray) -> ImageScorer:
    """The classifier with the features of the real images: those of the rows `others`, and of the study's captions."""
    seen = classifier.load(CLASSIFIER)
    real, same_captions = (predict_rows(seen, study.data, r)[2].numpy() for r in (others, study.drawn))
    scale = float(metrics.rmse(real))
    subgroup = subgroup_numbers(seen, study.data)[study.data.label[study.drawn]]
    return ImageScorer(seen, scale, real / scale, same_captions / scale, subgroup)


def facts_of(args: argparse.Namespace, scorer: ImageScorer) -> dict:
    """What a curve says of how it was measured."""
    return {
        "weights_sha256": checkpoints.sha256_of(ASSETS / checkpoints.manifest()[args.model].file),
        "classifier_sha256": checkpoints.sha256_of(CLASSIFIER),
        "n": args.n,
        "real": len(scorer.real),
        "features": classifier.FEATURES,
        "feature_scale": round(scorer.scale, 4),
        "schedule": SCHEDULE,
        "spacing": "trailing",
        "precision": "bfloat16",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, "steps")
    parser.add_argument("--points", nargs="+", metavar="SAMPLER:STEPS", help="default: the whole grid")
    parser.add_argument("--guidance", type=float, help="default: what the network's pages begin with")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    everything, reference = grid(args.model), REFERENCE[args.model]
    wanted = [p for p in everything if not args.points or f"{p[0]}:{p[1]}" in args.points]
    if not wanted:
        parser.error(f"none of the points {' '.join(args.points)} is in the grid of {args.model}")
    guidance = checkpoints.guidance_scale(args.model, args.guidance)
    study, others = study_of(args, guidance)
    for start in range(0, args.n, BLOCK):
        study.sample_block(start, [reference, *wanted])
        print(f"{args.model}: {start + BLOCK} images a point", flush=True)

    scorer = scorer_of(study, others)
    result = {
        **facts_of(args, scorer),
        "guidance": guidance,
        "reference": {"sampler": reference[0], "steps": reference[1]},
        "rounding": {"n": ROUNDING_N, "value": round(study.rounding(reference), 5)},
        **measure(study, scorer, [p for p in everything if study.complete(p, args.n)], reference, args.n),
    }
    out = args.out or ASSETS / "curves" / f"steps-{args.model}.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{out}: {len(result['points'])} points, N = {args.n}, floor {result['floor']}")


if __name__ == "__main__":
    main()
