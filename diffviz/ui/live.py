"""Runs on a page: frames appear as they are computed, with progress and a stop, then the player takes over."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from diffviz.analysis import frame_captions
from diffviz.diffusion.samplers import Step
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation import categories
from diffviz.models import checkpoints
from diffviz.models.text_encoder import Vocabulary
from diffviz.pipelines import text_to_image
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.pipelines.trajectory import Trajectory, record
from diffviz.ui.cache import memo
from diffviz.ui.components import player
from diffviz.ui.controls import Controls

S = TypeVar("S", bound=Settings)
MAX_UPDATES = 60  # pictures pushed to the browser during a run; more would only slow it down


@dataclass(eq=False)  # a run is itself alone
class Run:
    """A run of one visitor: what was asked, and the steps so far."""

    settings: Settings
    steps: list[Step] = field(default_factory=list)
    stopped: bool = False
    seconds: float = 0.0

    @property
    def finished(self) -> bool:
        return len(self.steps) == self.settings.frames + 1

    def trajectory(self) -> Trajectory:
        return record(self.steps, SCHEDULES[self.settings.schedule])[0]


def vocabulary(name: str = checkpoints.DEFAULT) -> Vocabulary:
    """The words of a shipped network; ends the page with one sentence when it cannot be loaded."""
    try:
        return checkpoints.load(name).vocabulary
    except checkpoints.CheckpointError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def network(c: Controls, default: str = checkpoints.DEFAULT) -> str:
    """Which of the shipped networks draws; ends the page with one sentence when it cannot be loaded."""
    titles = {name: entry.title for name, entry in checkpoints.manifest().items()}
    chosen = c.choice("Network", "net", tuple(titles), default, titles)
    vocabulary(chosen)
    return chosen


def panels(
    run: Trajectory, names: tuple[str, ...] = ("x", "x0", "eps"), given: player.Panel | None = None
) -> list[player.Panel]:
    """The player's panels of a recorded run; `given` is a still picture to stand before them."""
    looks = {
        "x": ("xₜ", "what the network is given", "state"),
        "x0": ("x̂₀", "its guess of the picture", "prediction"),
        "eps": ("ε̂", "the noise it sees in it", "noise"),
    }
    shown = [player.Panel(*looks[name], run.frames(name)) for name in names]
    if given is None:
        return shown
    frames = np.repeat(given.frames, len(run.t), axis=0)
    return [dataclasses.replace(given, frames=frames), *shown]


def readouts(run: Trajectory, planned: int) -> list[str]:
    """Step number, t and SNR of each frame."""
    texts = []
    for i, (t, log_snr) in enumerate(zip(run.t, run.log_snr, strict=True)):
        where = "finished" if i == planned else f"step {i + 1} of {planned}"
        texts.append(f"{where} · t = {t:.2f} · SNR {player.snr_text(log_snr)}")
    return texts


def compute(
    settings: S,
    key: str,
    names: tuple[str, ...] = ("x", "x0", "eps"),
    largest: int = player.LARGEST,
    given: player.Panel | None = None,
    steps: Callable[[S], Iterator[Step]] = sample_steps,
) -> Run:
    """The visitor's run for these settings: the one kept from before, or a new one shown as it is computed.

    One run is kept per `key`. When the visitor presses Stop, the steps so far are kept and returned.
    """
    kept: Run | None = st.session_state.get(key)
    if kept and kept.settings == settings and (kept.finished or kept.stopped):
        return kept
    torch.set_num_threads(1)
    run = st.session_state[key] = Run(settings)
    place = st.empty()
    with place.container():
        picture = st.empty()
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, "Starting …")
            st.button("Stop", key=f"{key}-stop", icon=":material/stop:", on_click=_stop, args=(key,))
    began, every = time.perf_counter(), max(1, settings.frames // MAX_UPDATES)
    for step in steps(settings):
        run.steps.append(step)
        run.seconds = time.perf_counter() - began
        if step.i % every == 0 or run.finished:
            # Every st call is also where Streamlit can end this run, when the visitor stops or changes it.
            now = record([step], SCHEDULES[settings.schedule])[0]
            picture.html(player.still(panels(now, names, given), "The network is at work.", largest))
            bar.progress(step.i / settings.frames, _progress(step, settings))
    place.empty()
    return run


def image_row(
    key: str,
    settings: object,
    jobs: Sequence[Callable[[], np.ndarray]],
    show: Callable[[list[np.ndarray]], str],
) -> list[np.ndarray]:
    """The pictures (C, H, W) that several jobs make, shown as they come by the HTML of `show`(pictures so far).

    One row is kept per `key`, for as long as `settings` are equal.
    """
    place = st.empty()
    drawn: list[np.ndarray] = memo(key, settings, list)
    torch.set_num_threads(1)
    if drawn:
        place.html(show(drawn))
    for job in jobs[len(drawn) :]:
        drawn.append(job())
        place.html(show(drawn))
    return drawn


def sample_images(settings: Settings, seeds: Sequence[int]) -> Tensor:
    """The finished pictures of several seeds, run as one batch: (N, 3, S, S)."""
    torch.set_num_threads(1)
    return text_to_image.sample_images(settings, seeds)


def _progress(step: Step, settings: Settings) -> str:
    snr = float(SCHEDULES[settings.schedule].log_snr(step.t))
    return f"step {step.i} of {settings.frames} · t = {step.t:.2f} · SNR {player.snr_text(snr)}"


def _stop(key: str) -> None:
    run: Run | None = st.session_state.get(key)
    if run:
        run.stopped = True


def show(
    run: Run,
    key: str,
    names: tuple[str, ...] = ("x", "x0", "eps"),
    largest: int = player.LARGEST,
    given: player.Panel | None = None,
    captions: Callable[[Trajectory, int], list[str]] = frame_captions.reverse_captions,
) -> None:
    """The player for a run, or for as much of it as was computed before it was stopped."""
    planned = run.settings.frames
    if not run.steps:
        st.info("Stopped before the first step.", icon=":material/stop_circle:")
    else:
        recorded = run.trajectory()
        title = f"Reverse process, {run.settings.prompt or 'no prompt'}, seed {run.settings.seed}"
        name = "-".join([*(run.settings.prompt.lower().split() or ["no-prompt"]), f"seed{run.settings.seed}"])
        player.play(
            panels(recorded, names, given),
            readouts(recorded, planned),
            captions(recorded, planned),
            title=title,
            key=f"{key}-player",
            name=name,
            largest=largest,
        )
    if run.stopped and not run.finished:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Stopped after {max(len(run.steps), 0)} of {planned} steps.", width="content")
            st.button("Run it to the end", key=f"{key}-again", on_click=lambda: st.session_state.pop(key))


def prompt_notices(prompt: str, words: Vocabulary, model: str) -> None:
    """Say which words of a prompt the network cannot be told, what it knows instead, and what it draws badly."""
    read = words.read(prompt)
    for word in read.unknown:
        near = words.nearest(word)
        hint = f"The nearest it knows: {', '.join(near)}." if near else "It knows nothing spelled like it."
        st.info(
            f"The network never learned the word “{word}”, so it is left out. {hint}", icon=":material/help:"
        )
    if read.cut:
        st.info(
            f"A prompt holds eleven words; left out: {', '.join(read.cut)}.", icon=":material/content_cut:"
        )
    if prompt and not read.words:
        st.info("No word of this is known, so the network draws without words.", icon=":material/help:")
    measured = categories.category_results(model, checkpoints.manifest()[model].sha256)
    weak = {kind: found for kind, found in measured.items() if found.weak}
    # Which kind a prompt is takes a walk through every label, at each rerun: only where it can matter.
    if weak and (found := weak.get(categories.category_of_prompt(read.words, words) or "")):
        st.info(
            f"Expect a rough picture: this network is bad at {found.category}. Of {found.n} test pictures of them our "
            f"classifier named {found.value:.0%} as what they were meant to be, of real drawings {found.real:.0%}.",
            icon=":material/school:",
        )
