"""The workshop page: a healthy and a broken run side by side, the mistake to be named, and its repair."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import broken_pipelines, reverse_trajectory
from diffviz.analysis.broken_pipelines import CASES, IMAGES, PARTS, Case, Frame, Parts
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.imaging.pixels import mosaic, to_uint8
from diffviz.models import checkpoints, early_weights
from diffviz.ui import charts, source, theme, turns
from diffviz.ui.cache import digest, frozen, memo, memo_for_all, share, shared
from diffviz.ui.components import gallery, player
from diffviz.ui.stage import Stage

MODEL = (
    checkpoints.QUICK
)  # of most cases: four images, guided, twice; the sharp network would take half a minute
TITLES = {name: f"Run {n + 1}" for n, name in enumerate(CASES)}


def show(stage: Stage, name: str, seed: int) -> None:
    """One case: both runs, the question, and what it was once that is answered or asked for."""
    case = CASES[name]
    try:
        broken_pipelines.load(case)
    except checkpoints.CheckpointError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()
    with stage.picture:
        healthy, wrong = _both(case, seed)
        _player(case, seed, healthy, wrong)
    st.caption(
        f"The images of both runs, row by row: {_enumerated(case)}, with a seed each. Compare the frames, then the curves: "
        "what is too large, too small, too alike, or early or late?"
    )
    levels = memo("workshop-levels", (case.id, seed), lambda: _levels(healthy, wrong))
    steps = np.arange(1, len(healthy))
    charts.show(charts.paired_lines(levels, steps, theme.palette()), "workshop-curves")
    if _named(case):
        _explain(case, seed, healthy, wrong)


def start(parts: Parts, case: Case, seed: int) -> Iterator[Frame]:
    """A run of a case with these parts, from the page's image where it begins with one."""
    denoiser, step_net = broken_pipelines.load(case)
    seeds, pixels = range(seed, seed + IMAGES), broken_pipelines.start_image(case, denoiser)
    return broken_pipelines.run(parts, case, denoiser, seeds, pixels, step_net)


def _both(case: Case, seed: int) -> tuple[list[Frame], list[Frame]]:
    """The frames of both runs, step by step together, shown as they come; runs of equal settings are made once."""
    return memo_for_all(
        "workshop-runs",
        (case.id, seed, case.steps),
        lambda: _run_both(case, seed),
        lambda runs: sum(map(_nbytes, (*runs[0], *runs[1]))),
    )


def _run_both(case: Case, seed: int) -> tuple[list[Frame], list[Frame]]:
    torch.set_num_threads(1)
    key = digest("workshop", case.healthy, seed)  # the same in many cases
    kept: list[Frame] | None = shared(key)
    runs = [kept or start(PARTS, case, seed), start(broken_pipelines.broken(case), case, seed)]
    made: tuple[list[Frame], list[Frame]] = [], []
    place = st.empty()
    with place.container():
        image, bar = st.empty(), st.progress(0.0)
    units = 2 * IMAGES * case.steps * (1 if kept else 2)  # conditional and unconditional
    for pair in turns.paced(
        zip(*runs, strict=True), (case.model, "workshop"), units, say=partial(bar.progress, 0.0)
    ):
        for frames, frame in zip(made, pair, strict=True):
            frames.append(frame)
        panels = _panels([pair[0]], [pair[1]])
        image.html(player.still(panels, "Both pipelines are at work.", lanes=True))
        bar.progress(pair[0].step.i / case.steps, f"step {pair[0].step.i} of {case.steps}")
    place.empty()
    share(key, made[0], sum(map(_nbytes, made[0])))
    return made


def _nbytes(frame: Frame) -> int:
    tensors = frame.step.x, frame.step.x0, frame.step.eps, frame.images
    return sum(tensor.nbytes for tensor in tensors)


def _panels(healthy: list[Frame], wrong: list[Frame]) -> list[player.Panel]:
    def frames(run: list[Frame]) -> np.ndarray:
        return np.stack([mosaic(f.images.numpy()) for f in run])

    return [
        player.Panel("Healthy", "x̂₀ of the four images", "prediction", frames(healthy)),
        player.Panel("Broken", "the same, with one mistake", "noise", frames(wrong)),
    ]


def _player(case: Case, seed: int, healthy: list[Frame], wrong: list[Frame]) -> None:
    last = case.steps
    far = memo("workshop-distance", (case.id, seed), lambda: _distance(healthy, wrong))
    readouts = [
        "finished" if f.step.i == last else f"step {f.step.i + 1} of {last} · t = {f.step.t:.2f}"
        for f in healthy
    ]
    said = [
        f"The predictions x̂₀ of the two runs differ by {d:.2f} (RMSE). The network's input has an RMS of "
        f"{h.input_rms.mean():.2f} in the healthy run and of {w.input_rms.mean():.2f} in the broken one."
        for d, h, w in zip(far[:-1], healthy[:-1], wrong[:-1], strict=True)
    ]
    words = _enumerated(case)
    asked = "Row by row they should be"
    if case.from_image:
        asked = "All began at one noisy image of a cat; row by row the prompts are"
    said.append(f"The finished images differ by {far[-1]:.2f} (RMSE). {asked} {words}.")
    player.play(
        memo("workshop-panels", (case.id, seed), lambda: frozen(_panels(healthy, wrong))),
        readouts, said, title="A healthy and a broken run", key="workshop-player",
        name=f"workshop-{TITLES[case.id].lower().replace(' ', '-')}", lanes=True,
    )  # fmt: skip


def _enumerated(case: Case) -> str:
    return ", ".join(f"“{p}”" for p in case.prompts)


def _distance(healthy: list[Frame], wrong: list[Frame]) -> np.ndarray:
    """RMSE between the x0_hat of both runs at each step, as images, over all four of them: (steps + 1,)."""
    return np.array([rmse(h.images.numpy(), w.images.numpy()) for h, w in zip(healthy, wrong, strict=True)])


def _levels(healthy: list[Frame], wrong: list[Frame]) -> dict[str, dict[str, np.ndarray]]:
    """RMS of the network's input and of x̂₀ at each step, of both runs."""
    given = {
        "healthy": np.array([f.input_rms.mean() for f in healthy[:-1]]),
        "broken": np.array([f.input_rms.mean() for f in wrong[:-1]]),
    }
    spread = {
        title: np.array([rmse(f.step.x0.numpy(), 0.0, PER_IMAGE).mean() for f in run[:-1]])
        for title, run in (("healthy", healthy), ("broken", wrong))
    }
    return {"Network input, RMS": given, "x̂₀, RMS": spread}


def _named(case: Case) -> bool:
    """Ask for the mistake; whether it was named, or is to be shown."""
    titles = {c.title: c for c in sorted(CASES.values(), key=lambda c: c.title)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        named = st.selectbox(
            "Which mistake is it?", list(titles), index=None, placeholder="Name the mistake",
            key=f"workshop-named-{case.id}", persist_state="session",
        )  # fmt: skip
        told = st.toggle("Show me", key=f"workshop-told-{case.id}", persist_state="session")
    if named == case.title:
        st.success(f"Right: {case.title}.", icon=":material/check_circle:")
    elif named is not None:
        st.warning(
            f"Not that one. It would show like this: {titles[named].sign} Look again.",
            icon=":material/troubleshoot:",
        )
    return told or named == case.title


def _explain(case: Case, seed: int, healthy: list[Frame], wrong: list[Frame]) -> None:
    st.markdown(f"**{case.title}.** {case.sign}\n\n{case.why}")
    if case.part == "weights":
        st.markdown(_averaging())
    if case.part == "schedule":
        st.markdown(_brightness(case, healthy, wrong))
    for column, function, title in zip(
        st.columns(2), (case.wrong, case.right), ("Broken", "Healthy"), strict=True
    ):
        with column:
            st.caption(title)
            st.code(_body(function), language="python", wrap_lines=True)
    st.markdown(f"Where it was met: [{case.source.text}]({case.source.url}).")
    if st.toggle("Mend it and run again", key=f"workshop-mend-{case.id}", persist_state="session"):
        _mend(case, seed, healthy)
    source.show(broken_pipelines.run, broken_pipelines._denoise, title="The pipeline around it")


def _averaging() -> str:
    """What the average of the weights was measured to bring (`diffviz.training.publish_early`)."""
    facts = early_weights.facts()
    step, average, shipped = (facts["measured"][name] for name in ("rounded", "average", "shipped"))
    return (
        f"Measured: these are the weights after {facts['steps']} more steps of this network's training, at the peak of the "
        f"rate. Their held-out loss is **{step['heldout_loss']:.3f}**, that of the average which the same run keeps (decay "
        f"{facts['average']} a step) **{average['heldout_loss']:.3f}**, that of the average that ships, at whose end the "
        f"rate had fallen to 0, {shipped['heldout_loss']:.3f}. Of {facts['generated']} images by each, our classifier "
        f"has the caption among its first five labels for {step['label_top5']['value']:.0%}, "
        f"{average['label_top5']['value']:.0%} and {shipped['label_top5']['value']:.0%}. (The weights of the step are "
        f"stored rounded; unrounded their loss is {facts['measured']['step']['heldout_loss']:.3f}.)"
    )


def _brightness(case: Case, healthy: list[Frame], wrong: list[Frame]) -> str:
    """What became of the mean brightness of the images, by prompt."""
    before, after = (_brightness_by_prompt(case, run[-1]) for run in (healthy, wrong))
    change = reverse_trajectory.brightness_change(list(before.values()), list(after.values()))
    told = " and of ".join(f"“{p}” {before[p]:+.2f} and {after[p]:+.2f}" for p in before)
    return (
        f"Measured in these two runs (−1 is black, 0 medium grey, 1 white): the mean of {told}. From the healthy run to "
        f"the broken one the brightness changes: **{change}**."
    )


def _brightness_by_prompt(case: Case, frame: Frame) -> dict[str, float]:
    """The mean of all values of the images of each prompt."""
    means, prompts = frame.images.mean((1, 2, 3)), np.array(case.prompts)
    return {p: float(means[torch.from_numpy(prompts == p)].mean()) for p in dict.fromkeys(case.prompts)}


def _body(function: Callable[..., object]) -> str:
    return inspect.getsource(function).strip()


def _mend(case: Case, seed: int, healthy: list[Frame]) -> None:
    def again() -> Frame:
        with st.spinner("Running the mended pipeline …"):
            parts = broken_pipelines.mended(broken_pipelines.broken(case), case)
            *_, last = start(parts, case, seed)
            return last

    repaired = memo("workshop-mended", (case.id, seed), again)
    st.html(gallery.row(list(to_uint8(repaired.images.numpy())), case.prompts, [""] * IMAGES))
    differ = int((repaired.step.x != healthy[-1].step.x).sum())
    st.markdown(
        f"Run again just now with that part put right: **{differ} of {repaired.step.x.numel():,}** values differ from the "
        "healthy run."
    )
