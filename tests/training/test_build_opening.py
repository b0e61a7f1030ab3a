"""What is seen while the first page loads is a run of the shipped weights."""

import io
import json

import numpy as np
from PIL import Image, ImageSequence

from diffviz.models import checkpoints
from diffviz.training import build_opening
from diffviz.ui import opening


def test_the_recorded_run_is_what_the_shipped_weights_sample_from_its_settings_and_the_page_names_it():
    said = json.loads((build_opening.FOLDER / "opening.json").read_text())
    run = build_opening.RUN
    assert {k: said[k] for k in ("prompt", "style", "seed", "steps", "model")} == {
        "prompt": run.prompt,
        "style": run.style,
        "seed": run.seed,
        "steps": run.steps,
        "model": run.model,
    }
    assert said["weights_sha256"] == checkpoints.manifest()[run.model].sha256
    assert f"<q>{run.prompt}</q>" in opening.body() and f"{run.steps} steps" in opening.body()

    frames = build_opening.frames()
    moving = Image.open(io.BytesIO((build_opening.FOLDER / "opening.avif").read_bytes()))
    kept = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(moving)])
    assert kept.shape == frames.shape
    # Of 255 levels. AVIF loses a little of the noise; processors differ by less.
    assert (np.sqrt(((kept.astype(float) - frames) ** 2).mean(axis=(1, 2, 3))) < 12).all()
    still = np.asarray(Image.open(build_opening.FOLDER / "opening.png").convert("RGB")).astype(int)
    assert np.abs(still - frames[-1]).max() <= 1
