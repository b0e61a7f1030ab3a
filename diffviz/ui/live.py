"""Sampling on a page: frames appear as they are computed, with progress and a stop, then the player takes over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from diffviz import pacing
from diffviz.analysis import frame_captions
from diffviz.analysis.guidance_analysis import CondUncond, recorded_predictions
from diffviz.analysis.spaces import LATENTS, PIXELS, Space, space_of
from diffviz.bounded import BoundedCache
from diffviz.diffusion.samplers import Step, final_step
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation import categories
from diffviz.models import checkpoints
from diffviz.models.text_encoder import Vocabulary
from diffviz.pipelines import editing
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.pipelines.trajectory import PANELS, Trajectory, record
from diffviz.serving import engine
from diffviz.ui import turns
from diffviz.ui.cache import by_content, derived, digest, memo
from diffviz.ui.components import player
from diffviz.ui.controls import Controls

S = TypeVar("S", bound=Settings)
T = TypeVar("T")
EXACT_STEPS = 100  # longer runs are kept at half precision
MAX_UPDATES = 60  # frames sent to the browser during a run; more would only slow it down


@dataclass(eq=False)  # compared by identity: a run grows while it is shown
class Run:
    """A sampling trajectory: its settings, and the steps so far; of a finished one the last step, and all recorded.

    Many visitors may look at one finished run: it is not to be changed.
    """

    settings: Settings
    steps: list[Step] = field(default_factory=list)
    decoded: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)  # as of `Trajectory`
    stopped: bool = False
    seconds: float = 0.0
    engine: str | None = field(default_factory=engine.here)
    _recorded: Trajectory | None = None
    _predictions: CondUncond | None = None

    @property
    def finished(self) -> bool:
        return self._recorded is not None

    @property
    def recorded(self) -> int:
        """The number of states so far, the finished image among them."""
        return len(self.steps) if self._recorded is None else len(self._recorded.x)

    def finish(self) -> None:
        """Record the trajectory, which is all that is kept: a long one at half precision, 31 MB for 250 steps."""
        recorded, predictions = self.trajectory(), self.predictions
        if recorded.steps > EXACT_STEPS:
            x, x0, eps = (getattr(recorded, name).astype(np.float16) for name in PANELS)
            recorded = dataclasses.replace(recorded, x=x, x0=x0, eps=eps)
            predictions = predictions and _of_type(predictions, np.float16)
        self._recorded, self._predictions, self.steps = recorded, predictions, self.steps[-1:]

    @property
    def predictions(self) -> CondUncond | None:
        """The two predictions at each state but the last, in float32, where guidance acted at all of them."""
        if self._recorded is None:
            return recorded_predictions(self.steps)
        return self._predictions and _of_type(self._predictions, np.float32)

    def trajectory(self) -> Trajectory:
        """What was recorded so far, in float32."""
        kept = self._recorded
        if kept is None:
            decode = editing.decode_of(self.settings, checkpoints.load(self.settings.model))
            # As the library's own recordings: without the pixels of an image that is edited.
            facts = {k: v for k, v in dataclasses.asdict(self.settings).items() if not isinstance(v, bytes)}
            (found,) = record(self.steps, SCHEDULES[self.settings.schedule], facts, decode)
            return dataclasses.replace(found, decoded=self.decoded)
        if kept.x.dtype == np.float32:
            return kept
        x, x0, eps = (getattr(kept, name).astype(np.float32) for name in PANELS)
        x[-1] = x0[-1] = self.steps[-1].x[0].float().numpy()  # the finished image is kept to the bit
        return dataclasses.replace(kept, x=x, x0=x0, eps=eps)

    def derive(self, make: Callable[..., T], *more: Hashable) -> T:
        """`make`(trajectory, *more): of a finished run computed once, by the rules of `cache.derived`."""
        if not self.finished:
            return make(self.trajectory(), *more)
        return derived(self, make, *more, shown=self.trajectory)

    @property
    def nbytes(self) -> int:
        """What a finished run keeps of the memory."""
        if self._recorded is None:
            return 0
        both = self._predictions
        return nbytes_of(self._recorded) + (both.cond.nbytes + both.uncond.nbytes if both else 0)


def nbytes_of(recorded: Trajectory) -> int:
    """What a trajectory that is shown keeps of the memory: what was recorded, and as much again in frames of bytes.

    Of latents the frames of two panels are decoded, and kept in `decoded` and in the panels that are made of them.
    """
    kept = sum(getattr(recorded, name).nbytes + getattr(recorded, name).size for name in PANELS)
    if recorded.decode is None:
        return kept
    side = checkpoints.load(recorded.settings["model"]).image_size
    return kept + 2 * 2 * len(frame_captions.shown_frames(recorded)) * 3 * side**2


def _of_type(predictions: CondUncond, dtype: type[np.floating]) -> CondUncond:
    if predictions.cond.dtype == dtype:
        return predictions
    return CondUncond(predictions.cond.astype(dtype), predictions.uncond.astype(dtype))


# Finished runs of all visitors: who asks for what was asked before is given that, and a class that opens one link
# computes it once. What a visitor looks at lives on in the visitor's session when it is dropped here.
_finished: BoundedCache[Run] = BoundedCache(256_000_000)


def vocabulary(name: str = checkpoints.DEFAULT) -> Vocabulary:
    """The vocabulary of a shipped network; ends the page with one sentence when it cannot be loaded."""
    try:
        return checkpoints.load(name).vocabulary
    except checkpoints.CheckpointError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def conditioned(settings: Settings) -> bool:
    """Whether style or prompt say anything to the network: a prompt of unknown words alone does not."""
    return bool(settings.style or vocabulary(settings.model).read(settings.prompt).words)


def network(c: Controls, default: str = checkpoints.DEFAULT) -> str:
    """Which network is used; ends the page with one sentence when it cannot be loaded."""
    entries = sorted(checkpoints.manifest().values(), key=lambda entry: bool(entry.autoencoder))
    titles = {entry.name: entry.title for entry in entries}
    chosen = c.choice("Network", "net", tuple(titles), default, titles)
    vocabulary(chosen)
    if in_latents(chosen):
        channels, height, width = checkpoints.load(chosen).shape
        st.caption(
            f"It diffuses in latents, {height} × {width} × {channels} numbers; what is shown of them is decoded."
        )
    return chosen


def in_latents(model: str) -> bool:
    """Whether a network works on latents; known without loading it."""
    return bool(checkpoints.manifest()[model].autoencoder)


def space(model: str) -> Space:
    """The space that a network diffuses in."""
    return LATENTS if in_latents(model) else PIXELS


def panels(
    run: Trajectory,
    names: tuple[str, ...] = ("x", "x0", "eps"),
    given: player.Panel | None = None,
    planned: int | None = None,
) -> list[player.Panel]:
    """The player's panels of a recorded run, at its `shown_frames`; `given` is a still image to stand before them.

    The last state of a run that came to its end, at t = 0, is titled as the finished image that it is.
    """
    space, at = space_of(run), frame_captions.shown_frames(run, planned)
    latent = space is LATENTS
    guided = ", guided" if frame_captions.guidance_scale(run) not in (None, 1.0) else ""
    looks = {
        "x": ("xₜ", "noisy image, the input", "state"),
        "x0": ("x̂₀", f"prediction of x₀{guided}", "prediction"),
        "eps": ("ε̂", "prediction of the noise", "noise"),
    }
    if latent:
        looks = {
            "x": ("D(zₜ)", "the noisy latents, decoded", "state"),
            "x0": ("D(ẑ₀)", f"prediction of z₀{guided}, decoded", "prediction"),
            "eps": ("ε̂", f"prediction of the noise, 3 of {run.eps.shape[1]} channels", "noise"),
        }
    edited = run.settings.keys() & {"strength", "resampling_steps"}  # then x₀ is the image that was edited
    finished = "result" if edited else space.image_of("x₀"), "the finished image" + ", decoded" * latent
    ends = {"x": finished} if run.t[-1] == 0 else {}
    shown = [player.Panel(*looks[name], run.frames(name, at), at_end=ends.get(name)) for name in names]
    if given is None:
        return shown
    frames = np.repeat(given.frames, len(at), axis=0)
    return [dataclasses.replace(given, frames=frames), *shown]


@by_content
def _repeated(frames: np.ndarray, times: int) -> np.ndarray:
    return np.repeat(frames, times, axis=0)


def readouts(run: Trajectory, planned: int) -> list[str]:
    """Step number, t and SNR of each of the `shown_frames`."""
    texts = []
    for i in frame_captions.shown_frames(run, planned):
        where = "finished" if i == planned else f"step {i + 1} of {planned}"
        texts.append(f"{where} · t = {run.t[i]:.2f} · SNR {player.snr_text(run.log_snr[i])}")
    return texts


def compute(
    settings: S,
    key: str,
    names: tuple[str, ...] = ("x", "x0", "eps"),
    given: player.Panel | None = None,
    main: int = 0,
    steps: Callable[[S], Iterator[Step]] = sample_steps,
    draw: bool = True,
) -> Run:
    """The visitor's trajectory for these settings: the one kept from before, or a new one shown as it is computed.

    `main` says which panel is the large one, here and in `show`.
    One run is kept per `key`. When the visitor presses Stop, the steps so far are kept and returned. Without `draw`
    only the progress is shown: the page leaves those of the run before where they are.
    """
    kept: Run | None = st.session_state.get(key)
    same = kept is not None and kept.settings == settings and kept.engine == engine.here()
    if kept and same and (kept.finished or kept.stopped):
        return kept
    asked = digest(f"{steps.__module__}.{steps.__qualname__}", settings, engine.here())
    shared = _finished.get(asked)
    if shared is not None:
        st.session_state[key] = shared
        return shared
    torch.set_num_threads(1)
    run = st.session_state[key] = Run(settings)
    place = st.empty()
    with place.container():
        shown = st.empty()
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, "Starting …")
            st.button("Stop", key=f"{key}-stop", icon=":material/stop:", on_click=_stop, args=(key,))
    if draw and kept and kept.steps:
        before = panels(Run(kept.settings, kept.steps[-1:]).trajectory(), names, given)
        shown.html(_stale(player.still(before, "The image of before, until the new one comes.", main)))
    began, every, where = pacing.clock(), max(1, settings.frames // MAX_UPDATES), space(settings.model)

    def waiting(sentence: str) -> None:
        bar.progress(len(run.steps) / (settings.frames + 1), sentence)

    kind = settings.model, settings.guided
    for step in turns.paced(steps(settings), kind, settings.nfe, say=waiting):
        if (
            shared := _finished.get(asked)
        ) is not None:  # another visitor's equal run, ended while this one waited
            place.empty()
            st.session_state[key] = shared
            return shared
        run.steps.append(step)
        run.seconds = pacing.clock() - began
        update = (
            step.i % every == 0
            if where is PIXELS
            else frame_captions.is_shown(where, step.i, settings.frames)
        )
        if update or len(run.steps) == settings.frames + 1:
            # Every st call is also where Streamlit can end this run, when the visitor stops or changes it.
            if draw:
                now = Run(settings, [step]).trajectory()
                shown.html(
                    player.still(panels(now, names, given), "Sampling: one frame for each step.", main)
                )
                run.decoded.update({(panel, step.i): image for (panel, _), image in now.decoded.items()})
            bar.progress(step.i / settings.frames, _progress(step, settings))
    place.empty()
    run.finish()
    return _finished.put(asked, run, run.nbytes)


def image_row(
    key: str,
    settings: object,
    jobs: Sequence[Callable[[], np.ndarray]],
    show: Callable[[list[np.ndarray]], str],
) -> list[np.ndarray]:
    """The images (C, H, W) that several jobs make, shown as they come by the HTML of `show`(images so far).

    One row is kept per `key`, for as long as `settings` are equal.
    """
    place, last = st.empty(), f"{key}-shown"
    made: list[np.ndarray] = memo(key, settings, list)
    torch.set_num_threads(1)
    html = show(made) if made else ""
    if made:
        place.html(html)
    elif last in st.session_state:
        place.html(_stale(st.session_state[last]))
    for i in range(len(made), len(jobs)):
        image = jobs[i]()
        # A click begins the page anew while this run of it ends its job: whichever is first adds the image.
        if i == len(made):
            made.append(image)
        html = show(made)
        place.html(html)
    st.session_state[last] = html
    return made


def _stale(html: str) -> str:
    """HTML of what was there before, greyed: it stays until the first of the new comes."""
    return f'<div class="dv-stale" aria-busy="true">{html}</div>'


def sample_images(settings: Settings, seeds: Sequence[int]) -> Tensor:
    """The finished images of several seeds, sampled as one batch: (N, 3, S, S)."""
    torch.set_num_threads(1)
    kind, units = (settings.model, settings.guided, len(seeds)), settings.nfe * len(seeds)
    last = final_step(turns.paced(sample_steps(settings, seeds=seeds), kind, units))
    return checkpoints.load(settings.model).decode(last.x)


@by_content
def shared_images(settings: Settings, seeds: Sequence[int]) -> np.ndarray:
    """As `sample_images`, sampled once for all visitors: an array (N, 3, S, S)."""
    return sample_images(settings, seeds).numpy()


def _progress(step: Step, settings: Settings) -> str:
    snr = float(SCHEDULES[settings.schedule].log_snr(step.t))
    return f"step {step.i} of {settings.frames} · t = {step.t:.2f} · SNR {player.snr_text(snr)}"


def _stop(key: str) -> None:
    """Keep a run as it is now: the page that computes it may add another step before it ends, while the next shows it."""
    run: Run | None = st.session_state.get(key)
    if run:
        st.session_state[key] = dataclasses.replace(
            run, stopped=True, steps=list(run.steps), decoded=dict(run.decoded)
        )


def show(
    run: Run,
    key: str,
    names: tuple[str, ...] = ("x", "x0", "eps"),
    given: player.Panel | None = None,
    main: int = 0,
    captions: Callable[[Trajectory, int], list[str]] = frame_captions.reverse_captions,
    extra: Sequence[player.Panel] = (),
) -> None:
    """The player for a run, or for as much of it as was computed before it was stopped; `extra` panels stand last."""
    planned = run.settings.frames
    if not run.steps:
        st.info("Stopped before the first step.", icon=":material/stop_circle:")
    else:
        texts = run.derive(readouts, planned)
        still = given and dataclasses.replace(given, frames=_repeated(given.frames, len(texts)))
        title = f"Reverse process, {run.settings.prompt or 'no prompt'}, seed {run.settings.seed}"
        name = "-".join([*(run.settings.prompt.lower().split() or ["no-prompt"]), f"seed{run.settings.seed}"])
        player.play(
            [*([still] if still else []), *run.derive(panels, names, None, planned), *extra],
            texts,
            run.derive(captions, planned),
            title=title,
            key=f"{key}-player",
            name=name,
            main=main,
            files=_files(run, name) if run.finished else (),
        )
    if run.stopped and not run.finished:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Stopped after {max(len(run.steps), 0)} of {planned} steps.", width="content")
            st.button(
                "Run it to the end", key=f"{key}-again", on_click=lambda: st.session_state.pop(key, None)
            )


def _files(run: Run, name: str) -> tuple[player.Saved, ...]:
    """What a finished run is saved as, beside its frames."""

    def npz() -> bytes:
        from diffviz.export import runs  # with its neighbours' libraries: only when a file is asked for

        return runs.npz(run.trajectory())

    def notebook() -> bytes:
        from diffviz.export import runs

        model = run.settings.model
        return runs.notebook(run.settings, checkpoints.manifest()[model].sha256, latent=in_latents(model))

    return (
        player.Saved(
            "PNG with settings", lambda: run.trajectory().png(), f"{name}-image.png", "image/png",
            "The finished image; the file holds the prompt and all settings as text",
        ),
        player.Saved(
            "Run as .npz", npz, f"{name}.npz", "application/octet-stream",
            "Every frame, prediction, timestep and setting, for numpy.load",
        ),
        player.Saved(
            "Code as a notebook", notebook, f"{name}.ipynb", "application/x-ipynb+json",
            "The call of diffviz's Python API that computes this image",
        ),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _category(words: tuple[str, ...], model: str) -> str | None:
    return categories.category_of_prompt(words, checkpoints.load(model).vocabulary)


def prompt_notices(prompt: str, words: Vocabulary, model: str) -> None:
    """Say which words of a prompt have no token, which near ones have, and for what the network was measured to be weak."""
    read = words.read(prompt)
    for word in read.unknown:
        near = words.nearest(word)
        hint = f"Known words like it: {', '.join(near)}." if near else "No known word is spelled like it."
        st.info(f"The word “{word}” is not in the vocabulary and is left out. {hint}", icon=":material/help:")
    if read.cut:
        st.info(
            f"A prompt holds at most eleven words; left out: {', '.join(read.cut)}.",
            icon=":material/content_cut:",
        )
    if prompt and not read.words:
        st.info(
            "No word of this prompt is known: the predictions are made without it.", icon=":material/help:"
        )
    measured = categories.category_results(model, checkpoints.manifest()[model].sha256)
    weak = {kind: found for kind, found in measured.items() if found.weak}
    # To find the category of a prompt every label is compared, at each rerun: only where it can matter.
    if weak and (found := weak.get(_category(tuple(read.words), model) or "")):
        st.info(
            f"This network is weak at {found.category}: on {found.n} generated test images of them our classifier has a "
            f"top-5 accuracy of {found.value:.0%}, on real images of {found.real:.0%}.",
            icon=":material/school:",
        )
