"""Parts of the samplers page: the number of steps, samplers at equal NFE, and one step against many."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from diffviz.analysis import frame_captions, step_comparison
from diffviz.diffusion.samplers import SAMPLERS, Step
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, source, step_details, theme
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery, player
from diffviz.ui.prediction import UNASKED, ask_prediction, locked, verdict
from diffviz.ui.stage import Stage

CLOSE = 0.05  # RMSE, on pixel values from -1 to 1, below which two images look alike
BUDGETS = (3, 5, 8, 12, 20, 30, 50)
MANY_SEEDS = 64
SHARP_SHARE = 0.7  # of the fine detail of 50 steps, below which an image counts as blurred


# --- the number of steps --------------------------------------------------------------------------------------------


def step_sweep(stage: Stage, settings: Settings) -> None:
    """One seed and prompt at 1 to 250 steps, beside the longest run once guessed, each with its sampling trajectory."""
    with stage.question:
        guess = ask_prediction(
            "From how many steps on will the image hardly change any more?",
            [f"{n} steps" for n in step_comparison.STEP_COUNTS[1:-1:2]],
            "guess-ladder",
        )
    with stage.picture:
        runs = _sweep(settings)
    last = runs[-1].x[-1]
    errors = [float(rmse(r.x[-1], last)) for r in runs]
    close = next(i for i in range(len(runs)) if max(errors[i:]) < CLOSE)
    with stage.picture:
        _play_counts(runs, errors, revealed=guess is not None)
    if guess is None:
        return
    notes = [f"RMSE {e:.3f}" for e in errors[:-1]] + ["the reference"]
    rung = st.session_state.get("rung", close)
    picked = gallery.pick(
        [r.frames("x")[-1] for r in runs], _titles(runs), notes, label="Show the trajectory of an image", key="rungs",
        picked=rung,
    )  # fmt: skip
    if picked is not None and picked != rung:
        st.session_state["rung"] = picked
        st.rerun()
    st.markdown(
        f"{_said(guess)}From **{runs[close].steps} steps** on, the RMSE to the {runs[-1].steps}-step image stays "
        f"within {CLOSE} (pixel values from −1 to 1), for this prompt, this seed and {SAMPLERS[settings.sampler].title}. "
        f"{_noise_note(settings)}Try another seed: the number changes."
    )
    st.caption("Choose an image above to show its sampling trajectory below.")
    run = runs[rung]
    readouts = live.readouts(run, run.steps)
    player.play(
        live.panels(run), readouts, frame_captions.reverse_captions(run), title=f"{run.steps} steps", key="ladder-player",
        name=f"ladder-{run.steps}",
    )  # fmt: skip
    step_details.one_step_in_numbers(run, dataclasses.replace(settings, steps=run.steps))
    source.show(SAMPLERS[settings.sampler].function)


def _said(guess: str) -> str:
    return "" if guess == UNASKED else f"You said **{guess}**. "


def _play_counts(runs: Sequence[Trajectory], errors: Sequence[float], *, revealed: bool) -> None:
    """The finished images with the number of steps on the scrubber; when `revealed`, beside the longest run's."""
    finals, last = np.stack([r.x[-1] for r in runs]), runs[-1].x[-1]
    titles = _titles(runs)
    panels = [player.Panel("x₀", "the finished image", "prediction", to_uint8(finals))]
    captions = [f"The image after {title}, from the same noise as all the others." for title in titles]
    curves = []
    if revealed:
        reference = np.repeat(last[None], len(runs), 0)
        difference = step_comparison.difference_image(finals, last)
        panels += [
            player.Panel(titles[-1], "the reference", "signal", to_uint8(reference)),
            player.Panel("difference × 8", "grey: none", "noise", to_uint8(difference)),
        ]
        captions = [
            f"{title.capitalize()}: RMSE {e:.3f} to the reference."
            for title, e in zip(titles, errors, strict=True)
        ]
        top = max(errors) * 1.05 or 1.0
        curves = [
            player.Chart("RMSE to the reference", "noise", errors, [f"{e:.3f}" for e in errors], (0, top))
        ]
    player.play(
        panels, titles, captions, title="One noise, several numbers of steps", key="counts-player", name="steps", start=0,
        t=np.linspace(0, 1, len(runs)), charts=curves,
    )  # fmt: skip


def _noise_note(settings: Settings) -> str:
    if not SAMPLERS[settings.sampler].stochastic:
        return ""
    return (
        "This sampler is stochastic: every number of steps draws other noises and so ends in another image, however "
        "many steps it takes. "
    )


def _sweep(settings: Settings) -> list[Trajectory]:
    """The trajectories of all step counts, shown as they come."""
    torch.set_num_threads(1)
    counts = step_comparison.STEP_COUNTS
    runs: list[Trajectory] = memo("step-sweep", settings, list)
    if len(runs) == len(counts):
        return runs
    place = st.empty()
    with place.container():
        image, bar = st.empty(), st.progress(0.0)
        for run in step_comparison.step_sweep(settings, counts[len(runs) :]):
            runs.append(run)
            image.html(gallery.row([r.frames("x")[-1] for r in runs], _titles(runs), [""] * len(runs)))
            coming = f"{counts[len(runs)]} steps …" if len(runs) < len(counts) else "Done"
            bar.progress(sum(r.steps for r in runs) / sum(counts), coming)
    place.empty()
    return runs


def _titles(runs: Sequence[Trajectory]) -> list[str]:
    return [f"{r.steps} step{'s' if r.steps > 1 else ''}" for r in runs]


# --- samplers at equal NFE ----------------------------------------------------------------------------------------------


def sampler_race(stage: Stage, settings: Settings, budget: int) -> None:
    """Two to four samplers from the same noise at equal NFE, compared with a long trajectory from that noise."""
    picked = stage.controls.pills(
        "Samplers (two to four)", list(SAMPLERS), selection_mode="multi", format_func=lambda name: SAMPLERS[name].title,
        default=["ddim", "heun", "dpmpp_2m", "unipc"], key="racers", persist_state="session", wrap=True,
    )  # fmt: skip
    if not 2 <= len(picked) <= 4:
        st.info("Choose two, three or four samplers.", icon=":material/flag:")
        return
    racers = [name for name in SAMPLERS if name in picked]
    titles = [SAMPLERS[n].title for n in racers]
    with stage.question:
        guess = ask_prediction(
            f"Which ends nearest to the reference image at an NFE of {budget}?", titles, "guess-race"
        )
    with stage.picture:
        target = _long_run(settings)
        with locked(guess, "guess-race"):
            seen, chart = _run_race(settings, racers, budget, target)
    finals = {SAMPLERS[n].title: seen[n][-1].x[0].numpy() for n in racers}
    order = step_comparison.rank_by_distance(finals, target)
    chart.empty()
    panels, texts = [], [f"NFE {j} of {budget}" for j in range(budget + 1)]
    for name in racers:
        steps = step_comparison.max_steps(name, budget)
        frames = to_uint8(np.stack([s.x0[0].numpy() for s in seen[name]]))
        frames = step_comparison.align_by_nfe(frames, name, steps, budget)
        note = f"{steps} steps"
        if guess is not None:
            note += f", RMSE {rmse(finals[SAMPLERS[name].title], target):.3f}"
        panels.append(player.Panel(SAMPLERS[name].title, note, "prediction", frames))
    words = [
        f"After {j} of {budget} network function evaluations: each sampler's newest prediction x̂₀."
        for j in range(budget + 1)
    ]
    with stage.picture, locked(guess, "guess-race-player"):
        player.play(
            panels, texts, words, title="Samplers at equal NFE", key="race-player", name=f"nfe-{budget}"
        )
    if guess is None:
        return
    charts.show(_lines(seen, racers, budget, target), "race-chart")
    right = "and so it is" if guess == order[0][0] else f"but **{order[0][0]}** ends nearest"
    told = f"**{order[0][0]}** ends nearest" if guess == UNASKED else f"You said **{guess}**, {right}"
    st.markdown(
        f"{told}: "
        + ", ".join(f"{name} {far:.3f}" for name, far in order)
        + f" (RMSE to the image of {step_comparison.REFERENCE['steps']} steps of "
        f"{SAMPLERS[step_comparison.REFERENCE['sampler']].title} from the same noise). One seed proves little: try others, "
        "or see **Measured quality**."
    )
    _show_paths(seen, racers)
    if settings.guided:
        st.caption("Guidance doubles every NFE here, for each sampler alike; the counts leave it out.")
    source.show(*(SAMPLERS[n].function for n in racers))
    if any(SAMPLERS[name].stochastic for name in racers):
        st.caption(
            "DDPM is stochastic: it adds new noise at every step and ends in another image on purpose. Its RMSE says how "
            "far apart two samples are, not how good either is."
        )


def _show_paths(seen: dict[str, list[Step]], racers: Sequence[str]) -> None:
    """The states of all samplers in the plane in which they vary most."""
    plane = step_comparison.principal_plane(
        {SAMPLERS[n].title: np.stack([s.x[0].numpy() for s in seen[n]]) for n in racers}
    )
    colours = {SAMPLERS[n].title: list(SAMPLERS).index(n) for n in racers}
    charts.show(charts.paths_in_plane(plane.paths, colours, plane.shares, theme.palette()), "race-paths")
    st.caption(
        "The states xₜ of each sampler, from the common noise to its image, projected onto the first two principal "
        f"directions of all of them: {sum(plane.shares):.0%} of their variance lies in this plane."
    )


def _long_run(settings: Settings) -> np.ndarray:
    """The image (C, H, W) of the reference trajectory from the same noise."""

    def make() -> np.ndarray:
        torch.set_num_threads(1)
        n = step_comparison.REFERENCE["steps"]
        bar = st.progress(0.0, "The reference first …")
        for step in step_comparison.reference_steps(settings):
            if step.i % 10 == 0:
                bar.progress(step.i / n, f"The reference first: step {step.i} of {n}")
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


def _lines(seen: dict, racers: Sequence[str], budget: int, target: np.ndarray) -> go.Figure:
    order = list(SAMPLERS)
    lines = {
        SAMPLERS[n].title: (
            order.index(n),
            *step_comparison.distances(seen[n], n, step_comparison.max_steps(n, budget), target),
        )
        for n in racers
    }
    return charts.distance_by_nfe(lines, budget, theme.palette())


# --- one step or many --------------------------------------------------------------------------------------


def one_step(stage: Stage, settings: Settings) -> None:
    """A single evaluation at pure noise beside 12 and 50 steps, with and without the prompt, all without guidance."""
    options = ["a sharp image", "a blurred average", "Gaussian noise"]
    with stage.question:
        guess = ask_prediction(
            "Without a prompt: what does a single network evaluation at pure noise predict?",
            options,
            "guess-jump",
        )
    torch.set_num_threads(1)
    settings = dataclasses.replace(settings, guidance=1.0, negative="")
    denoiser = checkpoints.load(settings.model)
    seeds = [settings.seed, *(s for s in range(MANY_SEEDS) if s != settings.seed)][:MANY_SEEDS]
    conditions = {"no prompt, no style": dataclasses.replace(settings, prompt="", style="")}
    named = {"prompt": settings.prompt and f"“{settings.prompt}”", "style": settings.style}
    if any(named.values()):
        conditions[", ".join(f"{what} {value}" for what, value in named.items() if value)] = settings
    found = {}
    for title, setting in conditions.items():
        with (
            stage.picture,
            st.spinner(f"{title}: one evaluation from each of {MANY_SEEDS} noises, 12 steps, 50 steps …"),
        ):
            found[title] = memo(
                f"one-step-{len(found)}",
                setting,
                lambda setting=setting: step_comparison.one_step_or_many(setting, denoiser, seeds),
            )
        with stage.picture, locked(guess, f"guess-jump-{len(found)}"):
            _one_step_row(title, found[title], settings)
    if guess is None:
        return
    free, *given = found.values()
    right = options[1] if free.detail_share < SHARP_SHARE else options[0]
    st.markdown(
        f"{verdict(guess, right)}: without a prompt, one evaluation has {free.detail_share:.0%} of the fine detail of 50 "
        "steps. An image of pure noise says next to nothing about the clean image, so the prediction with the least "
        "squared error is the mean E[x₀ | xₜ] of all the images that could have been noised into it. That is why the "
        f"noise hardly matters: the predictions from {MANY_SEEDS} noises differ from their mean by an RMSE of only "
        f"{free.one.spread:.3f}. Later, xₜ holds more of the image, and the mean is taken over fewer images."
    )
    if given:
        st.markdown(
            f"With the prompt the share is {given[0].detail_share:.0%}. A prompt and a style narrow down what is averaged: "
            "the fewer and the more alike the training images that fit them, the sharper their mean. So how much a single "
            "step loses depends on how much the condition leaves open."
        )
    st.caption(
        "All of it without guidance (w = 1), so that only the number of steps differs. Fine detail: the RMS of what is "
        "left of an image when averages over 8 × 8 blocks are taken away."
    )
    source.show(step_comparison.one_pass)


def _one_step_row(title: str, found: step_comparison.OneStepOrMany, settings: Settings) -> None:
    nfe = SAMPLERS[settings.sampler].nfe
    titles = ["1 step", f"1 step, mean of {MANY_SEEDS} noises", "12 steps", "50 steps"]
    counts = [1, MANY_SEEDS, nfe(12), nfe(50)]
    notes = [f"NFE {n}, detail {d:.2f}" for n, d in zip(counts, found.detail, strict=True)]
    st.html(
        f"<b>{html.escape(title)}</b>"
        + gallery.row([to_uint8(p) for p in found.images], titles, notes, wanted=192)
    )
