"""Record the run that a visitor sees while the first page loads: sampled by the default network.

    python -m diffviz.training.build_opening        # -> static/opening.avif, opening.png and opening.json; some seconds

`opening.json` says of what run the frames are, and holds the SHA-256 of the weights that sampled it. The still image is
for those who asked their system for less motion.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from diffviz.imaging.encoding import encode_png
from diffviz.models import checkpoints
from diffviz.paths import WEBAPP
from diffviz.pipelines.text_to_image import Settings, sample_trajectory

FOLDER = WEBAPP / "static"
RUN = Settings("sunflower", "noto", seed=5)
FRAME_MS, REST_MS, QUALITY = 60, 3000, 75


def frames(settings: Settings = RUN) -> np.ndarray:
    """All states x_t of the run: (F, H, W, 3) uint8."""
    return sample_trajectory(settings).frames("x")


def animation(images: np.ndarray) -> bytes:
    """Frames (F, H, W, 3) uint8 as an animated AVIF with a rest on the last.

    Every page that is loaded brings these bytes along. DDIM's noise stays in its place from step to step, and AVIF codes
    what changes, in all colours: a WebP of the same noise has one colour for four pixels, or ten times the bytes.
    """
    first, *rest = [Image.fromarray(image) for image in images]
    durations = [FRAME_MS] * len(rest) + [REST_MS]
    buffer = io.BytesIO()
    first.save(
        buffer, "AVIF", save_all=True, append_images=rest, duration=durations, quality=QUALITY, subsampling="4:4:4"
    )  # fmt: skip
    return buffer.getvalue()


def build(folder: Path = FOLDER) -> None:
    """Write the three files."""
    images = frames()
    (folder / "opening.avif").write_bytes(animation(images))
    (folder / "opening.png").write_bytes(encode_png(images[-1]))
    said = {
        "prompt": RUN.prompt,
        "style": RUN.style,
        "seed": RUN.seed,
        "steps": RUN.steps,
        "model": RUN.model,
        "size": images.shape[1],
        "weights_sha256": checkpoints.manifest()[RUN.model].sha256,
    }
    (folder / "opening.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    build()
