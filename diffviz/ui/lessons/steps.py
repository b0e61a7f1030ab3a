"""The parts of the steps page: the ladder, the race, and one jump against many."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from diffviz.analysis import frame_captions, step_comparison
from diffviz.diffusion.samplers import SAMPLERS, Step
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, source, step_details, theme
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery, player
from diffviz.ui.prediction import ask_prediction

CLOSE = 0.05  # RMS difference, on pixel values from -1 to 1, below which two pictures look alike
BUDGETS = (3, 5, 8, 12, 20, 30, 50)
MANY_SEEDS = 64


# --- the ladder --------------------------------------------------------------------------------------------


def step_sweep(settings: Settings) -> None:
    """One seed and prompt at 1 to 250 steps, each picture with its way there."""
    guess = ask_prediction(
        "From how many steps on will the picture hardly change any more?",
        [f"{n} steps" for n in step_comparison.STEP_COUNTS[1:-1:2]],
        "guess-ladder",
    )
    if guess is None:
        return
    runs = _sweep(settings)
    last = runs[-1].x[-1]
    far = [rmse(r.x[-1], last) for r in runs]
    notes = [f"{d:.3f} from {runs[-1].steps} steps" for d in far[:-1]] + ["the longest run"]
    settled = next(i for i in range(len(runs)) if max(far[i:]) < CLOSE)
    rung = st.session_state.get("rung", settled)
    picked = gallery.pick(
        [r.frames("x")[-1] for r in runs], _titles(runs), notes, label="Open the way to a picture", key="rungs",
        picked=rung,
    )  # fmt: skip
    if picked is not None and picked != rung:
        st.session_state["rung"] = picked
        st.rerun()
    st.markdown(
        f"You said **{guess}**. From **{runs[settled].steps} steps** on, the picture stays within {CLOSE} of the "
        f"{runs[-1].steps}-step one (root mean square, on pixel values from −1 to 1), "
        f"for this prompt, this seed and {SAMPLERS[settings.sampler].title}. Try another seed: it moves."
    )
    st.caption("Choose a picture above to open its way there.")
    run = runs[rung]
    readouts = live.readouts(run, run.steps)
    player.play(
        live.panels(run), readouts, frame_captions.reverse_captions(run), title=f"{run.steps} steps", key="ladder-player",
        name=f"ladder-{run.steps}", largest=224,
    )  # fmt: skip
    step_details.one_step_in_numbers(run, dataclasses.replace(settings, steps=run.steps))
    source.show(SAMPLERS[settings.sampler].function)


def _sweep(settings: Settings) -> list[Trajectory]:
    """The trajectories of all step counts, shown as they come."""
    torch.set_num_threads(1)
    counts = step_comparison.STEP_COUNTS
    runs: list[Trajectory] = memo("step-sweep", settings, list)
    if len(runs) == len(counts):
        return runs
    place = st.empty()
    with place.container():
        picture, bar = st.empty(), st.progress(0.0)
        for run in step_comparison.step_sweep(settings, counts[len(runs) :]):
            runs.append(run)
            picture.html(gallery.row([r.frames("x")[-1] for r in runs], _titles(runs), [""] * len(runs)))
            coming = f"{counts[len(runs)]} steps …" if len(runs) < len(counts) else "Done"
            bar.progress(sum(r.steps for r in runs) / sum(counts), coming)
    place.empty()
    return runs


def _titles(runs: Sequence[Trajectory]) -> list[str]:
    return [f"{r.steps} step{'s' if r.steps > 1 else ''}" for r in runs]


# --- the race ----------------------------------------------------------------------------------------------


def sampler_race(settings: Settings, budget: int) -> None:
    """Two to four samplers from the same noise at equal network calls, against a long run from that noise."""
    picked = st.pills(
        "Racers (two to four)", list(SAMPLERS), selection_mode="multi", format_func=lambda name: SAMPLERS[name].title,
        default=["ddim", "heun", "dpmpp_2m", "unipc"], key="racers", persist_state="session", wrap=True,
    )  # fmt: skip
    if not 2 <= len(picked) <= 4:
        st.info("Choose two, three or four samplers.", icon=":material/flag:")
        return
    racers = [name for name in SAMPLERS if name in picked]
    titles = [SAMPLERS[n].title for n in racers]
    guess = ask_prediction(
        f"Who will end nearest to the long run after {budget} calls?", titles, "guess-race"
    )
    if guess is None:
        return
    target = _long_run(settings)
    seen, chart = _run_race(settings, racers, budget, target)
    finals = {SAMPLERS[n].title: seen[n][-1].x[0].numpy() for n in racers}
    order = step_comparison.rank_by_distance(finals, target)
    chart.empty()
    panels, texts = [], [f"{j} of {budget} calls" for j in range(budget + 1)]
    for name in racers:
        steps = step_comparison.max_steps(name, budget)
        frames = to_uint8(np.stack([s.x0[0].numpy() for s in seen[name]]))
        frames = step_comparison.align_by_nfe(frames, name, steps, budget)
        note = f"{steps} steps, ends {rmse(finals[SAMPLERS[name].title], target):.3f} away"
        panels.append(player.Panel(SAMPLERS[name].title, note, "prediction", frames))
    words = [
        f"After {j} of {budget} network calls: each sampler's newest guess x̂₀." for j in range(budget + 1)
    ]
    player.play(panels, texts, words, title="The race", key="race-player", name=f"race-{budget}", largest=224)
    charts.show(_lines(seen, racers, budget, target), "race-chart")
    right = "and so it was" if guess == order[0][0] else f"but **{order[0][0]}** came nearest"
    st.markdown(
        f"You said **{guess}**, {right}: "
        + ", ".join(f"{name} {far:.3f}" for name, far in order)
        + f" (root mean square distance to {step_comparison.REFERENCE['steps']} steps of "
        f"{SAMPLERS[step_comparison.REFERENCE['sampler']].title} from the same noise). One seed is an anecdote: try others."
    )
    source.show(*(SAMPLERS[n].function for n in racers))
    if any(SAMPLERS[name].stochastic for name in racers):
        st.caption(
            "DDPM throws new dice at every step, so it walks to another picture on purpose: its distance "
            "says where it went, not how well it draws."
        )


def _long_run(settings: Settings) -> np.ndarray:
    """The image (C, H, W) of the reference trajectory from the same noise."""

    def make() -> np.ndarray:
        torch.set_num_threads(1)
        n = step_comparison.REFERENCE["steps"]
        bar = st.progress(0.0, "The long run first …")
        for step in step_comparison.reference_steps(settings):
            if step.i % 10 == 0:
                bar.progress(step.i / n, f"The long run first: step {step.i} of {n}")
        bar.empty()
        return step.x[0].numpy()

    same = dataclasses.replace(
        settings, **step_comparison.REFERENCE
    )  # whatever the sampler and steps of the page
    return memo("long-run", same, make)


def _run_race(
    settings: Settings, racers: Sequence[str], budget: int, target: np.ndarray
) -> tuple[dict[str, list[Step]], DeltaGenerator]:
    """The steps of each sampler, and the place of the chart that was drawn while they came."""
    place = st.empty()

    def make() -> dict[str, list[Step]]:
        torch.set_num_threads(1)
        every = max(1, budget // 12)
        for made, seen in enumerate(step_comparison.race_samplers(settings, racers, budget), 1):
            if made % every == 0:
                charts.show(_lines(seen, racers, budget, target), f"race-live-{made}", place)
        return seen

    return memo("race", (settings, tuple(racers), budget), make), place


def _lines(seen: dict, racers: Sequence[str], budget: int, target: np.ndarray) -> object:
    order = list(SAMPLERS)
    lines = {
        SAMPLERS[n].title: (
            order.index(n),
            *step_comparison.distances(seen[n], n, step_comparison.max_steps(n, budget), target),
        )
        for n in racers
    }
    return charts.distance_by_nfe(lines, budget, theme.palette())


# --- one jump or many --------------------------------------------------------------------------------------


def one_step(settings: Settings) -> None:
    """One question at pure noise, alone and averaged over many seeds, beside 12 and 50 steps."""
    options = ["a sharp picture", "a blur", "static"]
    guess = ask_prediction("What does the network give when it is asked only once?", options, "guess-jump")
    if guess is None:
        return
    torch.set_num_threads(1)
    denoiser = checkpoints.load(settings.model)
    seeds = [settings.seed, *(s for s in range(MANY_SEEDS) if s != settings.seed)][:MANY_SEEDS]
    with st.spinner(f"One question from each of {MANY_SEEDS} seeds, then 12 steps, then 50 …"):
        once = step_comparison.one_pass(settings, denoiser, seeds)
        twelve, fifty = (
            list(sample_steps(dataclasses.replace(settings, steps=n)))[-1].x[0].numpy() for n in (12, 50)
        )
    shown = [once.one, once.mean, twelve, fifty]
    detail = [float(rmse(frame_captions.split_layout_detail(p)[1])) for p in shown]
    titles = ["one pass", f"one pass, mean of {MANY_SEEDS}", "12 steps", "50 steps"]
    per_step = 2 if settings.guided else 1
    asked = [
        1,
        MANY_SEEDS,
        SAMPLERS[settings.sampler].nfe(12) * per_step,
        SAMPLERS[settings.sampler].nfe(50) * per_step,
    ]
    notes = [f"{n} call{'s' if n > 1 else ''}, detail {d:.2f}" for n, d in zip(asked, detail, strict=True)]
    st.html(gallery.row([to_uint8(p) for p in shown], titles, notes, wanted=160))
    share = detail[0] / detail[3]
    found = "a blur" if share < 0.7 else "a sharp picture"
    st.markdown(
        f"You said **{guess}**; it is **{found}**: one pass holds {share:.0%} of the fine detail of 50 steps. "
        f"And it hardly matters which static one begins with: the {MANY_SEEDS} answers differ from their mean by "
        f"only {once.spread:.3f} (root mean square). Pure static says nothing about which picture it is, so the "
        "best single answer is the mean of everything it could be. Each later step knows a little more, and its "
        "mean is taken over less: that is what refinement buys."
    )
