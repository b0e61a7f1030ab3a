"""Whether joining the guided steps of several visitors into one batch would pay, on one core.

    python -m bench.joining                   # every shipped network
    python -m bench.joining --model emoji64

One visitor's guided step is a batch of two. Printed is r, the processor time of a joined step of k visitors by that of
their k steps one by one. Joined runs all end together, after r · k runs' time; in turns they end after 1, 2, …, k runs'
time, (k + 1) / 2 on average. So joining lowers the mean time to done only where r is below (k + 1) / (2 k), which is
printed too.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints

JOINED = (1, 2, 4, 8)


def processor_seconds(model: str, rounds: int) -> dict[int, float]:
    """Median processor seconds of a joined guided step of so many visitors, taken in turn."""
    denoiser, schedule = checkpoints.load(model), SCHEDULES["cosine"]
    calls = {}
    for k in JOINED:
        x = randn_per_seed(make_generators(range(2 * k)), denoiser.shape)
        t = torch.full((2 * k,), 0.5, dtype=torch.float64)
        denoise = denoiser.conditioned(["cat face", ""] * k, ["noto", None] * k, schedule)
        calls[k] = lambda x=x, t=t, ask=denoise: ask(x, t)
    seen: dict[int, list[float]] = {k: [] for k in JOINED}
    for call in calls.values():  # warm up
        call()
    for _ in range(rounds):
        for k, call in calls.items():
            began = time.thread_time()
            call()
            seen[k].append(time.thread_time() - began)
    return {k: statistics.median(times) for k, times in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", default=list(checkpoints.manifest()))
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for model in args.model:
        found = processor_seconds(model, args.rounds)
        for k, seconds in found.items():
            r, needed = seconds / (k * found[1]), (k + 1) / (2 * k)
            pays = (
                "" if k == 1 else f"  needed: below {needed:.2f}: {'pays' if r < needed else 'does not pay'}"
            )
            print(f"{model:8}  {k} joined: {seconds * 1000:6.1f} ms  r = {r:.2f}{pays}")


if __name__ == "__main__":
    main()
