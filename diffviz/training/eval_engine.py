"""Measure how far the images of each engine are from torch's, for the same prompts and seeds.

    python -m diffviz.training.eval_engine        # -> assets/curves/engine.json; some minutes; needs .[engine]

RMSE over the pixels of an image, in [-1, 1], of the guided images of 200 prompts in one style, few steps each: its mean,
its 95th percentile and its largest value over the prompts. Also the share of the 8-bit values that differ at all. The
figures of bfloat16 are of the processor named in the file.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import numpy as np
import torch

from diffviz.diffusion.samplers import final_step, make_generators, randn_per_seed
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import SCHEDULES, Settings, batched_cfg, sample
from diffviz.serving import engine
from diffviz.training.evaluate import write_results

FIRST_SEED, STYLE, BATCH = 90_000, "noto", 8


def prompts(n: int) -> list[str]:
    """n labels of the vocabulary, spread evenly over it."""
    labels = [label["label"] for label in checkpoints.vocabulary().labels]
    return [labels[i] for i in np.linspace(0, len(labels) - 1, n).astype(int)]


def images(denoiser: Denoiser, words: list[str], settings: Settings) -> np.ndarray:
    """The images (N, 3, S, S) of prompts, one seed each."""
    made = []
    for first in range(0, len(words), BATCH):
        part = words[first : first + BATCH]
        rng, n = make_generators(range(FIRST_SEED + first, FIRST_SEED + first + len(part))), len(part)
        both = denoiser.conditioned(
            [*part, *[""] * n], [STYLE] * n + [None] * n, SCHEDULES[settings.schedule]
        )
        x, guided = (
            randn_per_seed(rng, denoiser.shape),
            batched_cfg(both, settings.guidance, clip=denoiser.autoencoder is None),
        )
        made.append(
            denoiser.decode(final_step(sample(settings, guided, x, settings.timesteps, rng)).x).numpy()
        )
    return np.concatenate(made)


def difference(made: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """How far images (N, 3, S, S) are from others: of the RMSE of each the mean, 95th percentile and maximum."""
    rmse = np.sqrt(((made - reference) ** 2).mean((1, 2, 3)))
    changed = (to_uint8(made) != to_uint8(reference)).mean()
    found = {"mean": rmse.mean(), "p95": np.quantile(rmse, 0.95), "max": rmse.max(), "changed": changed}
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def processor() -> str:
    """The processor's name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=checkpoints.DEFAULT, help="a network of the manifest")
    parser.add_argument("--n", type=int, default=200, help="prompts")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ASSETS / "curves" / "engine.json")
    args = parser.parse_args()
    if not engine.installed():
        parser.error("OpenVINO is not installed: pip install .[engine]")
    import openvino

    torch.set_num_threads(1)
    denoiser, words = checkpoints.load(args.model), prompts(args.n)
    settings = Settings(model=args.model, steps=args.steps)
    reference, found = images(denoiser, words, settings), {}
    for name in engine.PRECISIONS:
        engine.use(name, 1)
        found[name] = difference(images(denoiser, words, settings), reference)
        print(name, found[name], flush=True)
    head = {
        "weights_sha256": checkpoints.manifest()[args.model].sha256,
        "model": args.model, "n": args.n, "steps": args.steps, "guidance": settings.guidance, "sampler": settings.sampler,
        "openvino": openvino.__version__.partition("-")[0], "processor": processor(),
    }  # fmt: skip
    write_results(args.out, head, {"engines": found})
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
