"""Speed of three things that a learner waits for, as ratios and seconds of this machine.

    python -m bench.lessons

Times are of the processor, so that other programs on the machine count less. A run with a switch in the network against the
plain run of the same seed, one after the other, several times: the median ratio should be at most 1.5. Training on points
of one's own: seconds to the first samples, which should be below 1, and to the end; and in a browser, on a server just
started, what its first visitors wait from the head of the page to the points and to these samples. And each run of the
workshop with a bug in it: seconds, its decoding included; the healthy run beside it is kept for all cases that agree in it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import pairwise

import psutil
import torch
from playwright.sync_api import sync_playwright

from bench.browser import CHROMIUM, FLAGS
from bench.server import AppServer
from diffviz.analysis import broken_pipelines, unet_probe
from diffviz.diffusion.samplers import final_step
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.ui.lessons import unet, workshop
from diffviz.ui.lessons.scores import own

ROUNDS = 5


def seconds(settings: Settings, denoiser: Denoiser | None) -> float:
    """Seconds of processor that a run takes, from the first evaluation on."""
    began = time.process_time()
    final_step(sample_steps(settings, denoiser))
    return time.process_time() - began


def switch_ratios(rounds: int) -> dict[str, float]:
    """Switch -> median over rounds of its run's time over that of the plain run before it."""
    settings = Settings("cat face", "noto", 0, unet.STEPS, model=checkpoints.QUICK)
    plain = checkpoints.load(checkpoints.QUICK)
    seconds(settings, None)  # weights are read, and memory is taken
    found: dict[str, float] = {}
    for name, (_, switches) in unet.switch_options(checkpoints.QUICK).items():
        switched = unet_probe.switched(plain, switches)
        ratios = []
        for _ in range(rounds):
            base = seconds(settings, None)
            ratios.append(seconds(settings, switched) / base)
        found[name] = statistics.median(ratios)
    return found


def training_seconds(seed: int) -> tuple[float, float]:
    """Seconds of processor to the first samples of a training on 40 points, and to its end."""
    data = own.points("spiral", 40, seed)
    assert data is not None
    began, first = time.process_time(), 0.0
    for look in own.learn(data, seed):
        own.picture_of(data, look)
        first = first or time.process_time() - began
    return first, time.process_time() - began


def first_visits() -> list[list[tuple[float, float]]]:
    """What two visitors wait for, one after the other, on a server that imports torch meanwhile, as it does when it starts.

    For each of them (seconds, seconds of the server's processor) to the head of the page, from there to the training
    points, and from there to the first samples of the network that learns them.
    """
    waited = []
    with sync_playwright() as playwright, AppServer() as app:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        server = psutil.Process(app.process.pid)

        def now() -> tuple[float, float]:
            used = server.cpu_times()
            return time.perf_counter(), used.user + used.system

        for seed in range(2):
            page = browser.new_context().new_page()
            page.set_default_timeout(120_000)
            moments = [now()]
            page.goto(f"{app.url}/scores?scores=Your+own+points&seed={seed}")
            samples = page.get_by_text("of the network so far").or_(page.locator(".dv-player[data-ready]"))
            for seen in (page.locator("h1"), page.locator(".dv-panel"), samples):
                seen.first.wait_for()
                moments.append(now())
            waited.append([(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(moments)])
            page.context.close()
        browser.close()
    return waited


def workshop_seconds() -> dict[str, float]:
    """Seconds of processor of the broken run of each case, with its weights read before."""
    found: dict[str, float] = {}
    for case in broken_pipelines.CASES.values():
        steps = workshop.start(broken_pipelines.broken(case), case, 0)
        next(steps)
        began = time.process_time()
        *_, last = steps
        # The first step was before the clock was started: the others stand for it.
        found[case.id] = (time.process_time() - began) * case.steps / (case.steps - 1)
        assert last.step.i == case.steps
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each kind (default: %(default)s)")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    for seed, which in enumerate(("first in this process", "a later one")):
        first, whole = training_seconds(seed)
        print(
            f"training, {which}: first samples after {first:.2f} s (aim: below 1), done after {whole:.1f} s"
        )
    for which, waits in zip(("the first visitor", "the next one"), first_visits(), strict=True):
        head, points, samples = (f"{wall:.2f} s ({cpu:.2f} of the server's processor)" for wall, cpu in waits)
        print(
            f"a server just started, {which}: head after {head}, points {points} later, samples {samples} later"
        )
    for name, ratio in switch_ratios(args.rounds).items():
        print(f"switch {name:12}×{ratio:5.2f} of a plain run (aim: at most 1.5)")
    for name, took in workshop_seconds().items():
        print(f"workshop {name:20} {took:.2f} s")


if __name__ == "__main__":
    main()
