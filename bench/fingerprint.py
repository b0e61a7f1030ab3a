"""Fingerprints of the numbers: a SHA-256 of x, x0 and eps for runs of every sampler, network and edit.

A change that should leave every number alone, a rename or a move, must leave this list alone:

    python -m bench.fingerprint > before.txt        # before the change
    python -m bench.fingerprint --compare before.txt

Equal fingerprints can be expected on one machine with one version of torch only.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import diffviz

SAMPLERS = ("ddim", "ddpm", "euler", "heun", "dpmpp_2m", "unipc")
MODELS = {"emoji32": 32, "emoji64": 64, "emoji128": 128}


def digest(trajectory: object) -> str:
    """SHA-256 over the bytes of x, x0 and eps, (steps + 1, C, H, W) float32 each."""
    sha = hashlib.sha256()
    for panel in ("x", "x0", "eps"):
        sha.update(np.ascontiguousarray(getattr(trajectory, panel)).tobytes())
    return sha.hexdigest()


def gradient(size: int) -> Image.Image:
    """A fixed test image (size, size, 3): red grows to the right, green downwards, blue is a checkerboard."""
    y, x = np.mgrid[:size, :size]
    blue = ((x // 4 + y // 4) % 2) * 255
    return Image.fromarray(np.stack([x * 255 // size, y * 255 // size, blue], -1).astype(np.uint8))


def runs() -> Iterator[tuple[str, object]]:
    """(name, trajectory) of every run."""
    for model, size in MODELS.items():
        base = {"model": model, "steps": 4, "seed": 7, "style": "noto", "guidance": 3.0}
        for sampler in SAMPLERS:
            yield f"{model} {sampler}", diffviz.generate("cat face", sampler=sampler, **base)
        changed = {**base, "eta": 0.6, "negative": "dog", "interval": (0.2, 0.8), "schedule": "linear"}
        yield f"{model} ddim eta negative interval linear", diffviz.generate("cat face", **changed)
        yield (
            f"{model} unipc flow karras",
            diffviz.generate("red heart", sampler="unipc", schedule="flow", spacing="karras", **base),
        )
        image, mask = gradient(size), np.zeros((size, size), bool)
        mask[size // 4 : size // 2, size // 4 :] = True
        yield f"{model} img2img", diffviz.img2img(image, "fox", strength=0.7, sampler="heun", **base)
        yield f"{model} inpaint", diffviz.inpaint(image, mask, "dog face", resampling_steps=2, **base)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="SHA-256 of the numbers of fixed runs.")
    parser.add_argument("--compare", type=Path, help="an earlier output of this command")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    lines = []
    for name, trajectory in runs():
        lines.append(f"{digest(trajectory)}  {name}")
        print(lines[-1], flush=True)
    if args.compare is None:
        return 0
    before = args.compare.read_text(encoding="utf-8").split("\n")
    equal = sum(line in before for line in lines)
    print(f"{equal} of {len(lines)} equal to {args.compare}")
    return int(equal != len(lines))


if __name__ == "__main__":
    sys.exit(main())
