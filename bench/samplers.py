"""What each sampler costs beyond its network evaluations, and how many it saves against DDIM.

    python -m bench.samplers

Overhead: a run's time over that of the same number of bare network evaluations, timed in turn, medians over rounds.
Savings: for each budget of DDIM, the fewest evaluations with which a sampler comes as near to a long reference run
from the same noises, averaged over a few prompts and seeds.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from bench.sampling import bare_calls
from diffviz.analysis.step_comparison import REFERENCE
from diffviz.diffusion.samplers import SAMPLERS, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models import checkpoints
from diffviz.training.batch_generation import generate_many
from diffviz.training.prompts import COMMON_32

STEPS = (3, 5, 8, 12, 20, 30, 50)


def overhead(rounds: int, steps: int) -> None:
    denoiser, schedule = checkpoints.load(), SCHEDULES["cosine"]
    denoise = denoiser.conditioned(["cat face"], ["noto"], schedule)
    start = randn_per_seed(make_generators([0]), denoiser.shape)
    ratios: dict[str, list[float]] = {name: [] for name in SAMPLERS}
    for r in range(rounds + 1):
        for name, sampler in SAMPLERS.items():
            began = time.perf_counter()
            for _ in sampler(denoise, start, timesteps(steps), schedule, rng=make_generators([1])):
                pass
            run = time.perf_counter() - began
            began = time.perf_counter()
            bare_calls(denoise, start, SAMPLERS[name].nfe(steps))
            if r:  # the first round warms up
                ratios[name].append(run / (time.perf_counter() - began))
    for name, seen in ratios.items():
        print(f"{name:9} run / bare evaluations {statistics.median(seen):.3f}   (aim: at most 1.10)")


def savings(images: int, guidance: float) -> None:
    denoiser = checkpoints.load()
    prompts, styles = zip(*COMMON_32[:images], strict=True)

    def run(sampler: str, steps: int) -> np.ndarray:
        made = generate_many(
            denoiser, prompts, styles, range(images), steps=steps, guidance=guidance, sampler=sampler
        )
        return made.numpy()

    target = run(**REFERENCE)

    def far(sampler: str, steps: int) -> float:
        return float(rmse(run(sampler, steps), target, PER_IMAGE).mean())

    rivals = [name for name, sampler in SAMPLERS.items() if sampler.order > 1]
    reached = {name: [(SAMPLERS[name].nfe(n), far(name, n)) for n in STEPS] for name in ("ddim", *rivals)}
    print(f"\ncalls to come as near to {REFERENCE['steps']} steps of {REFERENCE['sampler']} as DDIM "
          f"({images} images, guidance {guidance:g} not counted)")  # fmt: skip
    print(f"{'ddim':>6}{'distance':>10}" + "".join(f"{r:>10}" for r in rivals))
    for asked, distance in reached["ddim"]:
        fewest = [min((c for c, d in reached[r] if d <= distance), default=None) for r in rivals]
        cells = "".join(f"{c if c else 'none':>10}" for c in fewest)
        print(f"{asked:6}{distance:10.4f}{cells}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--guidance", type=float, default=3.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    overhead(args.rounds, args.steps)
    savings(args.images, args.guidance)


if __name__ == "__main__":
    main()
