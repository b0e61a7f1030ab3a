"""What our sampling loop costs beyond its network evaluations, and against diffusers' loop on the same network.

    python -m bench.sampling

Each round times the three in turn, so that whatever else the machine does falls on all of them alike; the
figures are medians over the rounds, and the ratios are medians of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler, DDIMSchedulerOutput

from diffviz.diffusion.samplers import ddim, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints


def bare_calls(denoise, start, steps):
    """The network alone, evaluated as often as a run evaluates it."""
    for i in range(steps):
        denoise(start, torch.full((len(start),), 1 - i / steps, dtype=torch.float64))


def our_loop(denoise, start, steps):
    for _ in ddim(denoise, start, timesteps(steps), SCHEDULES["cosine"]):
        pass


def their_loop(denoise, start, steps):
    scheduler = DDIMScheduler(
        num_train_timesteps=1000, clip_sample=False, prediction_type="sample", timestep_spacing="trailing"
    )
    scheduler.set_timesteps(steps)
    x = start
    for k in scheduler.timesteps:
        x0 = denoise(x, torch.full((len(x),), (int(k) + 1) / 1000, dtype=torch.float64))
        step = scheduler.step(x0, int(k), x)
        assert isinstance(step, DDIMSchedulerOutput)  # the other form, a bare tuple, is to be asked for
        x = step.prev_sample


def timed(function, *args) -> float:
    began = time.perf_counter()
    with torch.inference_mode():
        function(*args)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    denoiser = checkpoints.load()
    denoise = denoiser.conditioned(["cat face"], ["noto"], SCHEDULES["cosine"])
    start = randn_per_seed(make_generators([0]), denoiser.shape)
    loops = {"bare evaluations": bare_calls, "our loop": our_loop, "diffusers' loop": their_loop}
    rounds = []
    for r in range(args.rounds + 1):
        seconds = {name: timed(loop, denoise, start, args.steps) for name, loop in loops.items()}
        if r:  # the first round warms up
            rounds.append(seconds)
    for name in loops:
        print(f"{name:20} {statistics.median(r[name] for r in rounds) * 1000:7.1f} ms for {args.steps} steps")
    call = statistics.median(r["bare evaluations"] for r in rounds) / args.steps
    print(f"one evaluation       {call * 1000:7.1f} ms (one thread, batch 1; the budget is 20 ms)")
    for over, aim in (("bare evaluations", 1.10), ("diffusers' loop", 1.00)):
        ratio = statistics.median(r["our loop"] / r[over] for r in rounds)
        print(f"our loop / {over:20} {ratio:.3f}   (aim: at most {aim:.2f})")


if __name__ == "__main__":
    main()
