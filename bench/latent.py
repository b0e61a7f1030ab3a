"""What latent diffusion saves: operations by resolution, and a guided step and a decoding on the clock.

    python -m bench.latent

The two U-Nets are the shipped ones in shape: that of emoji64 for pixels, that of emoji128 for latents. Times are medians
of calls taken in turn on one thread; read their ratios.
"""

from __future__ import annotations

import argparse

import torch

from diffviz.analysis.latent_cost import cost_by_resolution, decoding, guided_step, timed
from diffviz.models import checkpoints


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    pixel, latent = checkpoints.load("emoji64"), checkpoints.load("emoji128")
    autoencoder = checkpoints.load_autoencoder()
    print(
        f"| pixels a side | in pixels, GFLOP | in latents, GFLOP | of it decoding | factor | ({args.steps} guided steps)"
    )
    print("|---|---|---|---|---|---|")
    for cost in cost_by_resolution(pixel.net.config, latent.net.config, autoencoder.config, steps=args.steps):
        print(
            f"| {cost.size} | {cost.pixels / 1e9:,.1f} | {cost.latents / 1e9:,.1f} | {cost.decode / cost.latents:.0%} "
            f"| {cost.factor:.2f} | |"
        )
    calls = [guided_step(pixel), guided_step(latent), decoding(latent)]
    pixel_s, latent_s, decode_s = timed(calls, args.rounds)
    print(
        f"\nA guided step: {1000 * pixel_s:.1f} ms at 64 × 64 in pixels, {1000 * latent_s:.1f} ms at 128 × 128 in latents "
        f"({latent_s / pixel_s:.2f} of it); decoding once {1000 * decode_s:.1f} ms."
    )


if __name__ == "__main__":
    main()
