"""The parts of the lesson on the reverse process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import frame_captions, reverse_trajectory
from diffviz.analysis.reverse_trajectory import EXTREMES
from diffviz.analysis.spaces import LATENTS, PIXELS, Space, space_of
from diffviz.diffusion import guidance
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.diffusion.schedules import SCHEDULES as ALL_SCHEDULES
from diffviz.evaluation import categories
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.imaging.encoding import encode_png
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, terms, theme
from diffviz.ui import source as source_view
from diffviz.ui.cache import by_content, frozen, memo, table
from diffviz.ui.components import gallery, player
from diffviz.ui.fold import fold
from diffviz.ui.live import Run, sample_images
from diffviz.ui.prediction import ask_prediction, verdict
from diffviz.ui.sampling_controls import MAX_SEED

if TYPE_CHECKING:
    import pyarrow as pa

SCHEDULES = tuple(ALL_SCHEDULES)
MIN_LISTED = 12  # labels that are named of a category that has few common ones
VIEWS = {"noise": "xₜ, x̂₀, ε̂", "conditional": "xₜ, x̂₀, conditional x̂₀(c)"}
VIEWS_HELP = (
    "With guidance, x̂₀ is extrapolated from a conditional and an unconditional prediction, and in pixels clipped. x̂₀(c) is "
    "the conditional one alone, evaluated at the same states."
)


@lru_cache(maxsize=4)
def _common_labels(model: str) -> int:
    return sum(label["everyday"] for label in checkpoints.load(model).vocabulary.labels)


@lru_cache(maxsize=4)
def _labels_by_category(model: str) -> dict[str, str]:
    """The labels of a shipped network's vocabulary by category, the common ones and a few others, as text."""
    labels: dict[str, list[dict]] = {kind: [] for kind in categories.CATEGORIES}
    for label in checkpoints.load(model).vocabulary.labels:
        labels[categories.category_of(label["subgroup"])].append(label)
    texts = {}
    for kind, found in labels.items():
        names = [x["label"] for x in found if x["everyday"]]
        others = [x["label"] for x in found if not x["everyday"]]
        names += others[: max(0, MIN_LISTED - len(names))]
        more = len(found) - len(names)
        texts[kind] = ", ".join(names) + (f", and {more} more" if more else "")
    return texts


def prompt_guide(words: Vocabulary, model: str) -> None:
    """Which prompts the network was trained on, by category, with its measured accuracy on each."""
    measured = categories.category_results(model, checkpoints.manifest()[model].sha256)
    labels = _labels_by_category(model)
    best_first = sorted(
        labels, key=lambda kind: measured[kind].value if kind in measured else 0, reverse=True
    )
    common = _common_labels(model)
    with st.expander("Prompts to try, by category", icon=":material/menu_book:"):
        st.markdown(
            f"The vocabulary has {len(words.words):,} words, from the captions of {len(words.labels):,} emoji. Any of them "
            f"may be combined; their order makes no difference. {common} common ones have a larger share in training: "
            "all of those are listed, of the others some."
        )
        if measured:
            st.markdown(
                "In brackets: the top-5 accuracy of our classifier on images generated for held-out captions, and on the "
                "held-out images themselves."
            )
        st.markdown(
            "\n\n".join(f"**{kind}**{_accuracy(measured.get(kind))}: {labels[kind]}" for kind in best_first)
        )
        if measured:
            st.caption(f"Measured by `python -m diffviz.training.evaluate --model {model}`.")


def _accuracy(found: categories.CategoryResult | None) -> str:
    if found is None:
        return ""
    return f" (generated {found.value:.0%} of {found.n}, real {found.real:.0%} of {found.n_real})"


def panels(run: Run, view: str) -> tuple[tuple[str, ...], list[player.Panel]]:
    """The panels of a view (one of VIEWS): names of the run's own, and those that stand after them.

    Without guidance x̂₀ is the conditional prediction, and ε̂ is shown in either view.
    """
    # One state has no step to explain.
    if view != "conditional" or not run.settings.guided or run.recorded < 2:
        return ("x", "x0", "eps"), []

    def frames() -> np.ndarray:
        last = run.trajectory().frames("x0", [run.trajectory().steps])
        return frozen(np.concatenate([to_uint8(_conditional_images(run)), last]))

    shown = memo("reverse-conditional-frames", (run.settings, run.recorded), frames)
    space = live.space(run.settings.model)
    what = "conditional prediction" + (", decoded" if space is LATENTS else "")
    return ("x", "x0"), [player.Panel(space.image_of("x̂₀(c)"), what, "conditional", shown)]


def _conditional_images(run: Run) -> np.ndarray:
    """x0_hat(c), of each state of the visitor's run but the last, as images (F, 3, S, S) at its shown frames."""

    def compute() -> np.ndarray:
        both = run.predictions  # looked up here: those of a long run are converted each time
        if both is None:
            raise ValueError("guidance did not act at all states of this run")
        at = frame_captions.shown_frames(run.trajectory(), run.settings.frames)[:-1]
        return checkpoints.load(run.settings.model).decode_states(both.cond[at])

    return memo("reverse-conditional-images", (run.settings, run.recorded), compute)


def _detail(recorded: Trajectory) -> np.ndarray:
    """The fine detail (RMS) of x̂₀ as an image at each of the shown frames: (F,)."""
    return reverse_trajectory.detail_rms(recorded.images("x0", frame_captions.shown_frames(recorded)))


def _clipped(recorded: Trajectory) -> np.ndarray:
    """The share of the values of x̂₀ at a limit at each frame of a run on pixels: (F,)."""
    return frame_captions.clipped_share(recorded.x0)


def predictions_by_step(run: Run) -> None:
    """What x̂₀ is in this run, how much fine detail it has, and when layout and detail converge."""
    settings, detail, space = run.settings, run.derive(_detail), live.space(run.settings.model)
    first, finished = float(detail[0]), float(detail[-1])
    st.markdown(space.say(_predictions_text(run, first, finished, space)))
    lines = {"x0": detail[:-1]}
    if settings.guided:
        lines["cond"] = memo(
            "reverse-conditional-detail",
            (settings, run.recorded),
            lambda: reverse_trajectory.detail_rms(_conditional_images(run)),
        )
    steps = 1 + np.array(run.derive(frame_captions.shown_frames))
    names = {
        "x0": f"{space.image_of('x̂₀')} of the step",
        "cond": f"{space.image_of('x̂₀(c)')}, conditional",
    }
    charts.show(charts.detail_by_step(steps[:-1], lines, names, finished, theme.palette()), "detail")
    done = run.derive(frame_captions.convergence)
    half = [int(steps[np.argmax(part >= 0.5)]) for part in (done.layout, done.detail)]
    st.markdown(
        f"How near is {space.image_of('x̂₀')} to the image that this run ends in? Half of the distance of the first "
        "prediction "
        f"is gone by step **{half[0]}** of {settings.steps} in the layout, and by step **{half[1]}** in the fine detail."
    )
    charts.show(
        charts.convergence(steps[:-1], done.layout[:-1], done.detail[:-1], theme.palette()), "settling"
    )


def _predictions_text(run: Run, first: float, finished: float, space: Space) -> str:
    """What x̂₀ is in this run; `first` and `finished` are the fine detail of its first image and of the finished one."""
    w, latent = run.settings.guidance, space is LATENTS
    detail = f"fine detail (RMS) {'of what is decoded ' if latent else ''}is {first:.2f}"
    of = "the latents of " if latent else ""
    decoded = ", decoded for the chart, " if latent else ", "
    if not (run.settings.guided and live.conditioned(run.settings)):
        blurred = (
            "a mean of many latents decodes to no sharp image"
            if latent
            else "a mean of many images is blurred"
        )
        return (
            f"Without guidance, x̂₀ estimates E[x₀ | xₜ, c]: the **mean** of {of}all clean images that could have been "
            "noised "
            f"into xₜ. With much noise many are possible, and {blurred}. In this run the {detail} at step 1, in the "
            "finished "
            f"image {finished:.2f}."
        )
    if latent:
        spread = float(run.trajectory().x0[0].std())
        limits = (
            f", and **nothing is clipped**. At step 1 its values have a standard deviation of {spread:.2f} (of training "
            f"latents 1), and its {detail}"
        )
    else:
        limits = (
            f", then clipped to [−1, 1]. At step 1 {float(run.derive(_clipped)[0]):.0%} of its values are at a limit, "
            "and its "
            f"{detail}"
        )
    return (
        f"This run is guided (w = {w:g}), so its x̂₀ is **no mean of images**: it is extrapolated from the unconditional "
        f"prediction beyond the conditional one{limits}, in the finished image {finished:.2f}. Below it is compared with "
        "the "
        f"conditional prediction x̂₀(c) at the same states{decoded}which estimates E[x₀ | xₜ, c], the mean of {of}all clean "
        "images that could have been noised into xₜ."
    )


def seeds(settings: Settings) -> None:
    """Sample with the same seed again and compare every number; sample with four others."""
    stochastic = SAMPLERS[settings.sampler].stochastic
    also = (
        f", and the noise that {SAMPLERS[settings.sampler].title} adds at each step"
        if stochastic
        else "; nothing else is random with this sampler"
    )
    st.markdown(
        f"The seed fixes the initial noise{also}. The prompt says what to generate, the noise decides which image of it."
    )
    with st.container(horizontal=True):
        again = st.button("Same seed again", icon=":material/repeat:")
        others = st.button("Four other seeds", icon=":material/grid_view:")
    if again:
        first, second = (sample_images(settings, [settings.seed]).numpy() for _ in range(2))
        equal = int(np.sum(first == second))
        st.markdown(
            f"Sampled twice with seed {settings.seed}: **{equal:,} of {first.size:,}** numbers are equal."
        )
    if others:
        chosen = [(settings.seed + k) % (MAX_SEED + 1) for k in range(1, 5)]
        with st.spinner("Four seeds in one batch …"):
            images = to_uint8(sample_images(settings, chosen).numpy())
        with st.container(horizontal=True):
            for seed, image in zip(chosen, images, strict=True):
                zoom = 160 // len(image)
                large = np.kron(image, np.ones((zoom, zoom, 1), np.uint8))
                st.image(encode_png(large), caption=f"seed {seed}", width=len(large))


def evaluations_table(run: Run) -> None:
    """Input and output of the network evaluations, step by step."""
    settings = run.settings
    title = f"All {settings.nfe} network evaluations (NFE), step by step"
    fold(title, "evaluations", lambda: _evaluations_in_words_and_numbers(run), icon=":material/table:")


def _evaluations_in_words_and_numbers(run: Run) -> None:
    settings, space = run.settings, live.space(run.settings.model)
    both_ends = SAMPLERS[settings.sampler].evals_per_step > 1
    st.markdown(
        space.say(
            "Inputs: xₜ, its noise level as the angle arctan(σ/α), and the tokens of the prompt. Output: v, and from "
            "it "
            "x̂₀, " + ("clipped to [−1, 1]. " if space.clipped else "not clipped. ")
        )
        + (
            "Two evaluations a step, at both ends (Heun); one in the last"
            if both_ends
            else "One evaluation a step"
        )
        + (
            ", each for the conditional and the unconditional prediction (guidance)."
            if settings.guided
            else "."
        )
    )
    st.dataframe(run.derive(_evaluations, settings.schedule), hide_index=True)
    st.html(terms.symbols_line(space.say("x̂₀"), "ε̂", "RMSE"))


def _evaluations(recorded: Trajectory, schedule_name: str) -> pa.Table:
    """The table of `evaluations_table`, a row for each step."""
    schedule, t = ALL_SCHEDULES[schedule_name], recorded.t[:-1]
    times, space = torch.from_numpy(t.copy()), space_of(recorded)
    if space is PIXELS:
        limits = {
            "x̂₀ at −1 or 1 (%)": (100 * _clipped(recorded)[:-1]).round(1),
            "fine detail of x̂₀ (RMS)": _detail(recorded)[:-1].round(3),
        }
    else:  # one value for each evaluation, so of the latents, of which all need not be decoded
        limits = {"standard deviation of x̂₀": recorded.x0[:-1].std(PER_IMAGE).round(3)}
    columns = {
        "step": np.arange(1, len(t) + 1),
        "t": t.round(3),
        "α": schedule.alpha(times).numpy().round(4),
        "σ": schedule.sigma(times).numpy().round(4),
        "noise level (°)": np.degrees(schedule.angle(times).numpy()).round(1),
        **limits,
        "change to the next x̂₀ (RMSE)": rmse(recorded.x0[1:], recorded.x0[:-1], PER_IMAGE).round(4),
        "ε̂ (RMS)": rmse(recorded.eps[:-1], axis=PER_IMAGE).round(3),
    }
    return table({space.say(name): column for name, column in columns.items()})


_CLIPPED = r"""
Each prediction is clipped to the range of images, and the noise follows from what was clipped:
$\;\hat\varepsilon = (x_t - \sqrt{\bar\alpha_t}\,\hat x_0)\,/\sqrt{1-\bar\alpha_t}$.

With guidance scale $w$ the network is evaluated with the prompt $c$ and without it, $\varnothing$, and the result is
clipped again:
$\;\hat x_0 = \operatorname{clip}_{[-1,1]}\bigl(\hat x_0(\varnothing) + w\,(\hat x_0(c) - \hat x_0(\varnothing))\bigr)$;"""
_NOT_CLIPPED = r"""
Latents have no bounds, so no prediction is clipped. The noise follows from it:
$\;\hat\varepsilon = (x_t - \sqrt{\bar\alpha_t}\,\hat x_0)\,/\sqrt{1-\bar\alpha_t}$. The image is $D(x_0)$: the decoder
is evaluated once, at the end.

With guidance scale $w$ the network is evaluated with the prompt $c$ and without it, $\varnothing$:
$\;\hat x_0 = \hat x_0(\varnothing) + w\,(\hat x_0(c) - \hat x_0(\varnothing))$;"""


def formula_and_source(settings: Settings) -> None:
    """The sampler's step as a formula and as the code that ran: guidance only where it did."""
    with st.expander("The formula", icon=":material/function:"):
        space = live.space(settings.model)
        st.markdown(
            space.say(_CLIPPED if space.clipped else _NOT_CLIPPED)
            + space.say(
                r"""
$w = 1$ is off (the $w$ of Ho & Salimans 2022, arXiv 2207.12598, is ours less 1).

A step from $t$ to the earlier $s$:

- **DDIM** (Song et al. 2021, arXiv 2010.02502, equation 12 with $\sigma_t = 0$): $\;x_s = \sqrt{\bar\alpha_s}\,\hat x_0 +
  \sqrt{1-\bar\alpha_s}\;\hat\varepsilon$. Deterministic after the initial noise.
- **DDPM** (Ho et al. 2020, arXiv 2006.11239, equations 6 and 7): stochastic. It removes more of the predicted noise and
  adds fresh noise, so that the noise level at $s$ is the same. With exact predictions and many steps it samples
  the same **distribution** as DDIM; from one initial noise the two give different images.
- **Euler** takes DDIM's steps in other coordinates. **Heun** evaluates at both ends of a step and takes the mean slope
  (the last step, to σ = 0, has one evaluation, and a first one from pure noise, where α = 0, is DDIM's).
  **DPM-Solver++** and **UniPC** use the predictions of earlier steps as well.

For the schedule "flow", read $1-t$ for $\sqrt{\bar\alpha_t}$ and $t$ for $\sqrt{1-\bar\alpha_t}$.
"""
            )
        )
    ran = [SAMPLERS[settings.sampler].function, Denoiser.predict]
    if settings.guided:
        ran.insert(1, guidance.batched_cfg)
    source_view.show(*ran)


# --- terminal SNR ------------------------------------------------------------------------------------------

START_STEPS, START_SEEDS = 10, 6
MEAN_OF_PIXELS = (
    "The mean of the noise is near 0: a network that reads the mean of the image off it infers medium grey."
)
MEAN_OF_LATENTS = (
    "The mean of each channel of the noise is near 0, which latents have on average over the training images: a network "
    "that reads the means off it infers latents of an average image, which is neither black nor white."
)


def _starts() -> dict[str, float]:
    """How much of the image the network is told to be in the pure noise that sampling starts from."""
    leading = float(ALL_SCHEDULES["cosine"].alpha(1 - 1 / START_STEPS))
    return {
        "zero, as trained": 0.0,
        "linear β": float(ALL_SCHEDULES["linear"].alpha(1.0)),
        "Stable Diffusion": reverse_trajectory.stable_diffusion_alpha(),
        f"leading, {START_STEPS} steps": leading,
    }


def terminal_snr(model: str, first_seed: int) -> None:
    """Samples from pure noise while the network is told that a part of an image is in it."""
    latent = live.in_latents(model)
    st.markdown(
        "Sampling starts from pure noise. On a schedule whose terminal SNR is not zero, or with “leading” timesteps that "
        f"begin at t = 1 − 1/{START_STEPS} in place of t = 1, the network is told that some of an image is in that noise. "
        "Our networks were trained down to zero; here they are told otherwise, and generate a white and a black square."
    )
    guess = ask_prediction(
        "How does the brightness of both change as more of an image is expected?",
        reverse_trajectory.BRIGHTNESS_CHANGES,
        "guess-start",
    )
    if guess is None:
        return
    starts = _starts()
    samples: dict[tuple[str, str], np.ndarray] = memo("reverse-starts", (model, first_seed), dict)
    torch.set_num_threads(1)
    chosen = [(first_seed + k) % (MAX_SEED + 1) for k in range(START_SEEDS)]
    for prompt in EXTREMES:
        st.markdown(f"“{prompt}”", help="Four of the seeds; the mean is over all values of all seeds.")
        place = st.empty()
        for name, alpha in starts.items():
            if (prompt, name) not in samples:
                samples[prompt, name] = _sample_as(alpha, prompt, chosen, model)
            place.html(_start_row(starts, {n: samples[prompt, n] for n in starts if (prompt, n) in samples}))
    means = {key: float(images.mean()) for key, images in samples.items()}
    first, *_, leading = starts
    right = reverse_trajectory.brightness_change(
        [means[p, first] for p in EXTREMES], [means[p, leading] for p in EXTREMES]
    )
    st.markdown(
        f"{verdict(guess, right)}. From zero to {leading}, the mean goes from "
        + " and from ".join(f"{means[p, first]:+.2f} to {means[p, leading]:+.2f} for “{p}”" for p in EXTREMES)
        + f" (−1 is black, 0 medium grey, 1 white). {MEAN_OF_LATENTS if latent else MEAN_OF_PIXELS} "
        "Lin et al. 2023 (arXiv 2305.08891) give the remedies: zero terminal SNR, v-prediction, and timesteps that begin "
        "at the last one (“trailing”), which our samplers use."
    )
    st.caption(
        f"N = {START_SEEDS} seeds each, DDIM, {START_STEPS} steps, no guidance, in one run on this page. α is what the "
        "network is told of the image in x at the start."
    )
    source_view.show(reverse_trajectory.sample_from_noise_as)


@by_content
def _sample_as(alpha: float, prompt: str, seeds: Sequence[int], model: str) -> np.ndarray:
    """What one of the rows is made of, sampled once for all visitors."""
    return reverse_trajectory.sample_from_noise_as(alpha, prompt, seeds, START_STEPS, checkpoints.load(model))


def _start_row(starts: dict[str, float], samples: dict[str, np.ndarray]) -> str:
    tiles, notes = [], []
    for name, images in samples.items():
        four = to_uint8(images[:4])
        tiles.append(np.concatenate([np.concatenate(list(four[i : i + 2]), axis=1) for i in (0, 2)]))
        notes.append(f"α = {starts[name]:.4f}, mean {images.mean():+.2f}")
    return gallery.row(tiles, list(samples), notes, wanted=128)
