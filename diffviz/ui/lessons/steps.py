"""Parts of the samplers page: the number of steps, samplers at equal NFE, and one step against many."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from diffviz.analysis import frame_captions, step_comparison
from diffviz.analysis.spaces import LATENTS, PIXELS, space_of
from diffviz.diffusion.samplers import SAMPLERS, Step
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, source, step_details, theme
from diffviz.ui.cache import derived, digest, frozen, made_once, memo, memo_for_all, shared
from diffviz.ui.components import gallery, player
from diffviz.ui.prediction import UNASKED, ask_on_stage, ask_prediction, locked, verdict
from diffviz.ui.stage import Stage

CLOSE = 0.05  # RMSE, on pixel values from -1 to 1, below which two images look alike
BUDGETS = (3, 5, 8, 12, 20, 30, 50)
MANY_SEEDS = 64
REFERENCE = "reference"
TRAJECTORY_AT = 12  # steps of the trajectory shown first
SHARP_SHARE = 0.7  # of the fine detail of 50 steps, below which an image counts as blurred


# --- the number of steps --------------------------------------------------------------------------------------------


def step_sweep(stage: Stage, settings: Settings) -> None:
    """One seed and prompt at 1 to 250 steps: the step count is the scrubber, and the guess is set on it."""
    with stage.question:
        guess = ask_on_stage(
            "**From how many steps on will the image hardly change?** Move the slider there and fix it.",
            "guess-ladder",
        )
    with stage.picture:
        place = st.empty()
        runs = _sweep(settings, place)
        errors = memo(
            "step-sweep-errors", settings, lambda: [float(rmse(r.final, runs[-1].final)) for r in runs]
        )
        close = next(i for i in range(len(runs)) if max(errors[i:]) < CLOSE)
        with place.container():
            _play_counts(settings, runs, errors, close, guess)
    if guess is not None:
        st.markdown(_answer(runs, close, guess, settings))
    _one_trajectory(runs, settings)
    source.show(SAMPLERS[settings.sampler].function)


def _answer(runs: Sequence[Trajectory], close: int, guess: str, settings: Settings) -> str:
    """What came true of the guess, and for what it holds."""
    longest, sampler = runs[-1].steps, SAMPLERS[settings.sampler].title
    if close == len(runs) - 1:
        said = "" if guess == UNASKED else f"You said **{guess}**. "
        return (
            f"{said}None of these step counts comes and stays within an RMSE of {CLOSE} of the {longest}-step image, for "
            f"this prompt, this seed and {sampler}. {_noise_note(settings)}"
        )
    return (
        f"{verdict(guess, _titles(runs)[close])}. From there on, the RMSE to the {longest}-step image stays within {CLOSE} "
        f"(pixel values from −1 to 1), for this prompt, this seed and {sampler}. {_noise_note(settings)}The limit of "
        f"{CLOSE} is a choice. Try another seed: the number changes."
    )


def _play_counts(
    settings: Settings, runs: Sequence[Trajectory], errors: Sequence[float], close: int, guess: str | None
) -> None:
    """The images of all step counts but the longest, beside the longest one's, which is locked until there is a guess."""
    titles, shown = _titles(runs), len(runs) - 1
    marks = (
        [player.Mark(titles.index(guess), f"your guess: {guess}", filled=False)] if guess in titles else []
    )
    if guess is not None and close < shown:
        marks.append(player.Mark(close, f"RMSE below {CLOSE} from {titles[close]} on"))
    captions = [f"The image of {title}, from the same noise as all the others." for title in titles[:shown]]
    curves = []
    if guess is not None:
        captions = [
            f"{title}: RMSE {error:.3f} to the reference."
            for title, error in zip(titles[:shown], errors, strict=False)
        ]
        curve = errors[:shown]
        texts, top = [f"{error:.3f}" for error in curve], max(curve) * 1.05 or 1.0
        curves = [player.Chart("RMSE to the reference", "text", curve, texts, (0, top))]

    def fix(frame: int) -> None:
        st.session_state["guess-ladder"] = titles[frame]

    def panels() -> list[player.Panel]:
        return frozen(_count_panels(runs[:shown], runs[-1].final, guess))

    player.play(
        memo("step-sweep-panels", (settings, guess is None), panels), titles[:shown], captions,
        title="One noise, several numbers of steps", key="counts-player", name="steps", start=0,
        t=np.linspace(0, 1, shown), charts=curves, marks=marks,
        button="Fix my guess here" if guess is None else "", on_fix=fix,
    )  # fmt: skip


def _count_panels(runs: Sequence[Trajectory], reference: np.ndarray, guess: str | None) -> list[player.Panel]:
    """A frame for each run: its image, the reference (3, S, S), and the difference."""
    finals, waits = np.stack([r.final for r in runs]), guess is None
    longest = np.repeat(reference[None], len(runs), 0)
    difference = step_comparison.difference_image(finals, reference)
    return [
        player.Panel(space_of(runs[0]).image_of("x₀"), "the finished image", "prediction", to_uint8(finals)),
        player.Panel(
            f"{step_comparison.STEP_COUNTS[-1]} steps", "the reference", "signal", to_uint8(longest), waits
        ),
        player.Panel("difference × 8", "grey: none", "noise", to_uint8(difference), waits),
    ]


def _one_trajectory(runs: Sequence[Trajectory], settings: Settings) -> None:
    """The sampling trajectory that led to one of the images."""
    st.header("The trajectory behind an image", anchor=False)
    st.session_state.setdefault("rung", TRAJECTORY_AT)
    picked = st.segmented_control(
        "Number of steps",
        [r.steps for r in runs],
        key="rung",
        required=True,
        persist_state="session",
        wrap=True,
    )
    run = next(r for r in runs if r.steps == picked)
    readouts = live.readouts(run, run.steps)
    player.play(
        derived(run, live.panels), readouts, derived(run, frame_captions.reverse_captions),
        title=_steps(run.steps), key="ladder-player",
        name=f"ladder-{run.steps}",
    )  # fmt: skip
    step_details.one_step_in_numbers(lambda: run, dataclasses.replace(settings, steps=run.steps))


def _noise_note(settings: Settings) -> str:
    if not SAMPLERS[settings.sampler].stochastic:
        return ""
    return (
        "This sampler is stochastic: every number of steps draws other noises and so ends in another image, however "
        "many steps it takes. "
    )


def _sweep(settings: Settings, place: DeltaGenerator) -> list[Trajectory]:
    """The trajectories of all step counts, each computed once for all visitors.

    The images are shown as they come, at a place that is the caller's again.
    """
    torch.set_num_threads(1)
    counts = step_comparison.STEP_COUNTS
    runs: dict[int, Trajectory] = memo("step-sweep", settings, dict)
    asked = {n: digest("step-sweep", dataclasses.replace(settings, steps=n)) for n in counts if n not in runs}
    runs |= {n: run for n, key in asked.items() if (run := shared(key)) is not None}
    missing = [n for n in counts if n not in runs]
    if missing:
        with place.container():
            image, bar = st.empty(), st.progress(0.0)
        for n in missing:
            bar.progress(sum(runs) / sum(counts), f"Now {_steps(n)}")
            sampled = partial(next, step_comparison.step_sweep(settings, [n]))
            run = runs[n] = made_once(asked[n], sampled, live.nbytes_of)
            # The reference comes last: until then its place holds the newest image, as blurred as it will be.
            image.html(player.still(_count_panels([run], run.final, None), f"The image of {_steps(n)}."))
    return [runs[n] for n in counts]


def _titles(runs: Sequence[Trajectory]) -> list[str]:
    return [_steps(r.steps) for r in runs]


def _steps(n: int) -> str:
    return f"{n} step{'s' if n > 1 else ''}"


# --- samplers at equal NFE ----------------------------------------------------------------------------------------------


def sampler_race(stage: Stage, settings: Settings, budget: int) -> None:
    """Two to four samplers from the same noise at equal NFE, compared with a long trajectory from that noise."""
    picked = stage.controls.pills(
        "Samplers (two to four)", list(SAMPLERS), selection_mode="multi", format_func=lambda name: SAMPLERS[name].title,
        default=["ddim", "heun", "dpmpp_2m", "unipc"], key="racers", persist_state="session", wrap=True,
    )  # fmt: skip
    if not 2 <= len(picked) <= 4:
        stage.picture.info("Choose two, three or four samplers.", icon=":material/flag:")
        return
    racers = [name for name in SAMPLERS if name in picked]
    titles = [SAMPLERS[n].title for n in racers]
    with stage.question:
        guess = ask_prediction(
            f"Which ends nearest to the reference image at an NFE of {budget}?", titles, "guess-race"
        )
    with stage.picture, locked(guess, "race"):
        place = st.empty()
        paths = _run_race(settings, racers, budget, place)
        asked = settings, tuple(racers), budget
        images = memo_for_all("race-images", asked, lambda: _images(paths, settings.model))
        newest = {name: frames[-1:] for name, frames in images.items()}
        reference = _reference(settings, lambda: _lanes(newest, budget, None), place)
        finals = {SAMPLERS[n].title: images[n][-1] for n in racers}
        order = step_comparison.rank_by_distance(finals, reference.image)
        plane = memo_for_all(
            "race-plane",
            asked,
            lambda: step_comparison.principal_plane({REFERENCE: reference.path} | paths),
        )
        with place.container():
            _play_race(images, budget, reference, plane, dict(order) if guess is not None else {}, settings)
    space = live.space(settings.model)
    decoded = "decoded " if space is LATENTS else ""
    if guess is not None:
        longest = SAMPLERS[step_comparison.REFERENCE["sampler"]].title
        st.markdown(
            f"{verdict(guess, order[0][0])}. RMSE of the {decoded}images to the image of "
            f"{step_comparison.REFERENCE['steps']} steps of {longest} "
            "from the same noise: "
            + ", ".join(f"{name} {far:.3f}" for name, far in order)
            + ". One seed proves little: try others, or see **Measured quality**."
        )
    st.caption(
        space.say(
            "The paths are those of the predictions x̂₀, projected onto the first two principal directions (PCA) of all "
            f"points shown, the reference's among them: {sum(plane.shares):.0%} of their variance lies in this plane. What "
            f"is apart in the plane is at least as far apart in the space of {'images' if space is PIXELS else 'latents'}; "
            "what meets in the plane need not meet there."
        )
    )
    if settings.guided:
        st.caption("Guidance doubles every NFE here, for each sampler alike; the counts leave it out.")
    if any(SAMPLERS[name].stochastic for name in racers):
        st.caption(
            "DDPM is stochastic: it adds new noise at every step and ends in another image on purpose. Its RMSE says how "
            "far apart two samples are, not how good either is."
        )
    st.header("Error by network evaluations", anchor=False)
    with locked(guess, "race-chart"):
        charts.show(_lines(images, racers, budget, reference.image), "race-chart")
    source.show(*(SAMPLERS[n].function for n in racers))


@dataclasses.dataclass(frozen=True)
class _Reference:
    """The image (3, S, S) of the reference trajectory, and its predictions x0_hat on the way (F, C, H, W)."""

    image: np.ndarray
    path: np.ndarray


def _reference(
    settings: Settings, lanes: Callable[[], Sequence[player.Panel]], place: DeltaGenerator
) -> _Reference:
    """The reference trajectory from the same noise; the `lanes` stand at the place while it is computed."""
    steps = step_comparison.REFERENCE["steps"]

    def make() -> _Reference:
        torch.set_num_threads(1)
        path = []
        with place.container():
            st.html(player.still(lanes(), "The reference is next.", lanes=True))
            bar = st.progress(0.0)
            for step in step_comparison.reference_steps(settings):
                if step.i % 10 == 0:
                    path.append(step.x0[0].numpy())
                    bar.progress(step.i / steps, f"The reference: step {step.i} of {steps}")
        image = checkpoints.load(settings.model).decode_states(path[-1][None])[0]
        return _Reference(image, np.stack(path))

    # Whatever the sampler and steps of the page.
    return memo_for_all("long-run", dataclasses.replace(settings, **step_comparison.REFERENCE), make)


def _run_race(
    settings: Settings, racers: Sequence[str], budget: int, place: DeltaGenerator
) -> dict[str, np.ndarray]:
    """The predictions x0_hat of each sampler (F, C, H, W), the newest of which are shown while they come."""

    def make() -> dict[str, np.ndarray]:
        torch.set_num_threads(1)
        every, seen = max(1, budget // 12), dict[str, list[Step]]()
        for made, seen in enumerate(step_comparison.race_samplers(settings, racers, budget), 1):
            if made % every == 0:
                caption = f"After {made} of {budget} network function evaluations."
                newest = _images(_paths({n: frames[-1:] for n, frames in seen.items()}), settings.model)
                place.html(player.still(_lanes(newest, budget, None), caption, lanes=True))
        return _paths(seen)

    return memo_for_all("race", (settings, tuple(racers), budget), make)


def _paths(seen: Mapping[str, Sequence[Step]]) -> dict[str, np.ndarray]:
    return {name: np.stack([step.x0[0].numpy() for step in steps]) for name, steps in seen.items()}


def _images(paths: Mapping[str, np.ndarray], model: str) -> dict[str, np.ndarray]:
    """Predictions x0_hat of each sampler (F, C, H, W) as images (F, 3, S, S)."""
    return {name: checkpoints.load(model).decode_states(path) for name, path in paths.items()}


def _lanes(
    seen: Mapping[str, np.ndarray],
    budget: int,
    reference: np.ndarray | None,
    far: Mapping[str, float] | None = None,
) -> list[player.Panel]:
    """A panel for each sampler: its predictions (F, 3, S, S), and below their difference to the reference (3, S, S).

    Without a reference, as long as there is none, the newest prediction alone, over grey.
    """
    panels = []
    for name, images in seen.items():
        title, steps = SAMPLERS[name].title, step_comparison.max_steps(name, budget)
        if reference is None:
            below = np.zeros_like(images)
        else:
            images = step_comparison.align_by_nfe(images, name, steps, budget)
            below = step_comparison.difference_image(images, reference)
        line = np.ones_like(images[..., :1, :])
        both = to_uint8(np.concatenate([images, line, below], axis=-2))
        note = _steps(steps) + (f", RMSE {far[title]:.3f}" if far else "")
        panels.append(player.Panel(title, note, f"series-{list(SAMPLERS).index(name)}", both))
    return panels


def _play_race(
    seen: Mapping[str, np.ndarray], budget: int, reference: _Reference, plane: step_comparison.PathPlane,
    far: Mapping[str, float], settings: Settings,
) -> None:  # fmt: skip
    """The samplers side by side after each evaluation; `far` from the reference is written out once it is known."""
    space = live.space(settings.model)
    paths = [player.PlanePath(REFERENCE, plane.paths[REFERENCE])]
    for name in seen:
        newest = step_comparison.align_by_nfe(
            np.arange(len(seen[name])), name, step_comparison.max_steps(name, budget), budget
        )
        title, series = SAMPLERS[name].title, list(SAMPLERS).index(name)
        paths.append(player.PlanePath(title, plane.paths[name], newest.tolist(), series))
    axes = (
        f"principal direction 1 ({plane.shares[0]:.0%} of the variance)",
        f"principal direction 2 ({plane.shares[1]:.0%})",
    )
    captions = [
        f"After {j} of {budget} network function evaluations: the newest prediction {space.image_of('x̂₀')}, and below "
        "it 8 × "
        "its difference to the reference (grey: none)."
        for j in range(budget + 1)
    ]
    player.play(
        _lanes(seen, budget, reference.image, far), [f"NFE {j} of {budget}" for j in range(budget + 1)], captions,
        title="Samplers at equal NFE", key="race-player", name=f"nfe-{budget}", lanes=True,
        plane=player.Plane(space.say("Paths of x̂₀"), axes, paths),
    )  # fmt: skip


def _lines(
    seen: Mapping[str, np.ndarray], racers: Sequence[str], budget: int, target: np.ndarray
) -> go.Figure:
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
            found[title] = memo_for_all(
                f"one-step-{len(found)}",
                setting,
                lambda setting=setting: step_comparison.one_step_or_many(setting, denoiser, seeds),
            )
        with stage.picture, locked(guess, f"guess-jump-{len(found)}"):
            _one_step_row(title, found[title], settings, told=guess is not None)
    if guess is None:
        return
    free, *given = found.values()
    right, space = options[1] if free.detail_share < SHARP_SHARE else options[0], live.space(settings.model)
    latent = space is LATENTS
    state, of, where = ("Latents", "the latents of ", " (in latents)") if latent else ("An image", "", "")
    st.markdown(
        space.say(
            f"{verdict(guess, right)}: without a prompt, one evaluation has {free.detail_share:.0%} of the fine detail "
            "of 50 "
            f"steps{', both decoded' if latent else ''}. {state} of pure noise say{'' if latent else 's'} next to nothing "
            "about the clean image, so the prediction with the least squared error is the mean E[x₀ | xₜ] of "
            f"{of}all the images that could have been noised into {'them' if latent else 'it'}. That is why the noise "
            "hardly "
            f"matters: the predictions from {MANY_SEEDS} noises differ from their mean by an RMSE of only "
            f"{free.one.spread:.3f}{where}. Later, xₜ holds more of the image, and the mean is taken over fewer images."
        )
    )
    if given:
        st.markdown(
            f"With the prompt the share is {given[0].detail_share:.0%}. A prompt and a style narrow down what is averaged: "
            "the fewer and the more alike the training images that fit them, the sharper their mean. So how much a single "
            "step loses depends on how much the condition leaves open."
        )
    st.caption(
        "All of it without guidance (w = 1), so that only the number of steps differs. Fine detail: the RMS of what is "
        "left of an image when the averages over the squares of an 8 × 8 grid are taken away."
        + (" The mean of many noises is that of their latents, decoded: no mean of images." if latent else "")
    )
    source.show(step_comparison.one_pass)


def _one_step_row(
    title: str, found: step_comparison.OneStepOrMany, settings: Settings, *, told: bool
) -> None:
    nfe = SAMPLERS[settings.sampler].nfe
    titles = ["1 step", f"1 step, mean of {MANY_SEEDS} noises", "12 steps", "50 steps"]
    counts = [1, MANY_SEEDS, nfe(12), nfe(50)]
    notes = [f"NFE {n}" + f", detail {d:.2f}" * told for n, d in zip(counts, found.detail, strict=True)]
    st.html(
        f"<b>{html.escape(title)}</b>"
        + gallery.row([to_uint8(p) for p in found.images], titles, notes, wanted=192, together=True)
    )
