"""Milliseconds of a network evaluation, by batch, threads and precision, and its share of this machine's convolution rate.

    python -m bench.inference                 # every shipped network
    python -m bench.inference --model emoji64

The rate to compare with is measured in the same run: the best multiply-add rate of one large 3 × 3 convolution
at the same precision and number of threads. What the pages use (batch 1 or 2, one thread, float32, channels last) and
what the measuring tools use (batch 64, one thread, bfloat16, channels last) should be the best of their lines.
bfloat16 is faster still where the processor has it, but not the same image on every computer: not for the pages.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints
from diffviz.models.unet import in_memory_format

BATCHES, THREADS = (1, 2, 8, 16, 64), (1, 2)
PRECISIONS = ("fp32", "bf16")


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    """Median time of a call, the first left out."""
    call()
    seen = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        seen.append(time.perf_counter() - began)
    return statistics.median(seen)


def multiply_adds(denoiser: checkpoints.Denoiser) -> int:
    """Multiply-adds of one evaluation at batch 1: convolutions and matrix products, counted by torch."""
    from torch.utils.flop_counter import FlopCounterMode

    denoise = denoiser.conditioned(["cat face"], ["noto"], SCHEDULES["cosine"])
    with FlopCounterMode(display=False) as counter:
        denoise(
            randn_per_seed(make_generators([0]), denoiser.shape), torch.tensor([0.5], dtype=torch.float64)
        )
    return counter.get_total_flops() // 2


def precision(name: str) -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16) if name == "bf16" else nullcontext()


def convolution_rate(name: str, rounds: int) -> float:
    """Multiply-adds per second of a 3 × 3 convolution of 256 channels on 32 × 32, batch 8."""
    conv = in_memory_format(nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False), torch.channels_last)
    x = torch.randn(8, 256, 32, 32).to(memory_format=torch.channels_last)
    with torch.inference_mode(), precision(name):
        seconds = median_seconds(lambda: conv(x), rounds)
    return 8 * 256 * 256 * 9 * 32 * 32 / seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", default=list(checkpoints.manifest()))
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    rates = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        for name in PRECISIONS:
            rates[threads, name] = convolution_rate(name, args.rounds)
            print(
                f"convolution, {threads} thread(s), {name}: {rates[threads, name] / 1e9:.0f} billion multiply-adds a second"
            )
    for model in args.model:
        denoiser = checkpoints.load(model)
        work = multiply_adds(denoiser)
        print(f"\n{model}: {work / 1e6:.0f} million multiply-adds an evaluation and image")
        print(
            "threads  precision  layout         batch   ms a run    ms an image   share of the convolution rate"
        )
        for threads in THREADS:
            torch.set_num_threads(threads)
            for name in PRECISIONS:
                for layout in (torch.contiguous_format, torch.channels_last):
                    in_memory_format(denoiser.net, layout)
                    for batch in BATCHES:
                        x = randn_per_seed(make_generators(range(batch)), denoiser.shape)
                        t = torch.full((batch,), 0.5, dtype=torch.float64)
                        denoise = denoiser.conditioned(
                            ["cat face"] * batch, ["noto"] * batch, SCHEDULES["cosine"]
                        )
                        with precision(name):
                            seconds = median_seconds(lambda x=x, t=t, ask=denoise: ask(x, t), args.rounds)
                        share = work * batch / seconds / rates[threads, name]
                        title = "channels last" if layout is torch.channels_last else "contiguous"
                        print(
                            f"{threads:7}  {name:9}  {title:13}  {batch:5}   {seconds * 1000:9.1f}   "
                            f"{seconds * 1000 / batch:12.1f}   {share:.0%}"
                        )


if __name__ == "__main__":
    main()
