"""A rerun that changes nothing makes nothing again: what `python -m bench.rerun` measures, by what is called."""

import threading
from collections import Counter

import numpy as np
import pytest
from helpers import open_page

from diffviz.analysis import frame_captions, latents, unet_probe
from diffviz.analysis.guidance_analysis import CondUncond
from diffviz.diffusion.schedules import Schedule
from diffviz.imaging import pixels, uploads
from diffviz.models.unet import UNet
from diffviz.pipelines import trajectory
from diffviz.toy import diffusion2d, scores

# What takes long enough to be seen in the cost of a rerun.
WORK = {
    made.__code__
    for made in (
        trajectory.encode_png, trajectory.sprite_sheet, pixels.to_uint8, pixels.mosaic, uploads.resize,
        frame_captions.split_layout_detail, CondUncond.clipped, unet_probe.by_variance, latents.encode, latents.decode,
        diffusion2d.scatter_image, scores.Mixture.score, Schedule.inverse_log_snr, UNet.forward,
    )
}  # fmt: skip
LARGE = np.zeros(100_000, np.uint8)  # the scaling of a single small image costs nothing that could be seen
QUICK = {"net": "32 × 32, quick", "steps": "3"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "state"),
    [
        ("forward", {"T": "10"}), ("training", QUICK), ("reverse", QUICK), ("guidance", QUICK), ("memorization", QUICK),
        ("editing", QUICK), ("scores", {}), ("latent", {}),
        ("editing", {**QUICK, "do": "Inpainting"}),
        ("generative_models", {}), ("unet", {}),
        ("workshop", {}), ("steps", QUICK),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("do", ""),
)  # fmt: skip
def test_an_unchanged_rerun_makes_nothing_again(slug, state):
    app = open_page(slug, state)
    app.run()  # what was shown while it was computed is shown as finished
    again: Counter[str] = Counter()

    def count(frame, event, _):
        if (
            event == "call"
            and frame.f_code in WORK
            and frame.f_locals.get("images", LARGE).nbytes >= LARGE.nbytes
        ):
            again[f"{frame.f_code.co_name} of {frame.f_back.f_code.co_name}"] += 1

    threading.setprofile(count)  # of threads that begin now: a page runs in one of its own
    try:
        app.run()
    finally:
        threading.setprofile(None)
    assert not app.exception
    assert not again
