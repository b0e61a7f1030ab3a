"""What latent diffusion saves: operations by resolution, and a guided step and a decoding on the clock.

    python -m bench.latent
    python -m bench.latent --memory       # and a server's memory with every network, the autoencoder and both lessons used

The two U-Nets are the shipped ones in shape: that of emoji64 for pixels, that of emoji128 for latents. Times are medians
of calls taken in turn on one thread; read their ratios. A page decodes two images for every frame that it shows, where a
pipeline decodes once; what that adds is counted in processor time, as a share of the run alone.

The server's memory is its resident set after a visitor has opened the pages below one after another, each of which
samples; the program ends with an error where it is above LIMIT_MB.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from diffviz.analysis import frame_captions
from diffviz.analysis.latent_cost import cost_by_resolution, decoding, guided_step, timed
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, sample_trajectory

LIMIT_MB = 800
LATENT = {"net": "128 × 128, in latents"}
VISITED = [  # pages that use every network, the autoencoder, the classifier, and the images of the memorization lesson
    ("reverse", {"net": "32 × 32, quick", "steps": "10"}),
    ("reverse", {"net": "64 × 64, sharp", "steps": "10"}),
    ("reverse", {**LATENT, "steps": "10"}),
    ("latent", {}),
    ("editing", {**LATENT, "do": "Inpainting"}),
    ("memorization", LATENT),
    ("guidance", LATENT),
]


def run_with_frames(denoiser: Denoiser, steps: int) -> tuple[float, float]:
    """Processor seconds of a guided run, and of decoding what a page shows of it."""
    settings = Settings("cat face", "noto", steps=steps, model=checkpoints.LATENT)
    began = time.process_time()
    run = sample_trajectory(settings, denoiser)
    sampled = time.process_time()
    for panel in ("x", "x0"):
        run.frames(panel, frame_captions.shown_frames(run))
    return sampled - began, time.process_time() - sampled


def memory() -> None:
    """Print what a server holds after each of VISITED; SystemExit where it is above LIMIT_MB at the end."""
    from bench.load import Target, Visitor
    from bench.server import AppServer

    with AppServer() as server:
        for slug, link in VISITED:
            visitor = Visitor(server.port, Target(slug, link, "", ()))
            print(f"  {server.memory():5.0f} MB after {slug} {', '.join(link.values())}", flush=True)
            visitor.socket.close()
        found = server.memory()
    print(f"A server that has used all networks, the autoencoder and the classifier holds {found:.0f} MB.")
    if found > LIMIT_MB:
        sys.exit(f"over {LIMIT_MB} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--memory", action="store_true", help="measure a server's memory, and nothing else")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.memory:
        memory()
        return
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
    sampled, decoded = min(run_with_frames(latent, args.steps) for _ in range(3))
    print(
        f"A run of {args.steps} guided steps: {sampled:.2f} processor seconds; decoding all that a page shows of it adds "
        f"{decoded:.2f}, {decoded / sampled:.0%} of the run; decoding the finished image alone about "
        f"{decode_s / sampled:.0%}."
    )


if __name__ == "__main__":
    main()
