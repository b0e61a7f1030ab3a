"""Parts of the lesson on the training objective: one training example, the loss by timestep, a network trained live."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import latents, prediction_targets
from diffviz.analysis.spaces import LATENTS, PIXELS, Space
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.toy import diffusion2d
from diffviz.ui import charts, live, source, theme
from diffviz.ui.cache import by_content, derived, frozen, memo
from diffviz.ui.components import gallery, player
from diffviz.ui.image_input import Picture
from diffviz.ui.lessons import toy_training
from diffviz.ui.lessons.toy_training import CLOSE, SIDE, ToyTask
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import ask_prediction, locked, verdict
from diffviz.ui.stage import Stage

TIMES = np.linspace(0.04, 1.0, 25)
TARGET_TITLES = {"eps": "ε-prediction", "x0": "x₀-prediction", "v": "v-prediction"}
TARGETS_FORMERLY = {
    "ε, the noise": "eps",
    "x₀, the picture": "x0",
    "v, some of both": "v",
}  # in earlier links
TARGET_PANELS = {
    "eps": ("ε", "noise", 3.0),
    "x0": ("x₀", "signal", 1.0),
    "v": ("v", "state", 3.0),
}  # symbol, role, the value that is drawn white


def _hat(symbol: str) -> str:
    return symbol[0] + "\u0302" + symbol[1:]


# --- one training example ----------------------------------------------------------------------------------


def training_example(stage: Stage, picture: Picture, target: str, seed: int, model: str) -> None:
    """One image with one noise at rising t: the input, the target, and the network's prediction."""
    found = _examples(picture.of(model), picture.label, picture.style, seed, model)
    space = live.space(model)
    errors, baseline = found.rmse(target), found.zero_baseline_rmse(target)
    snr = [player.snr_text(v) for v in found.log_snr]
    top = float(max(errors.max(), baseline.max())) * 1.05
    with stage.picture:
        player.play(
            derived(found, _example_panels, target, model),
            [f"t = {t:.2f} · SNR {s}" for t, s in zip(found.t, snr, strict=True)],
            [
                _caption(t, error, zero, space)
                for t, error, zero in zip(found.t, errors, baseline, strict=True)
            ],
            title=f"One training example, {TARGET_TITLES[target]}",
            key="problem-player",
            name=f"problem-{target}",
            start=len(TIMES) // 2,
            t=found.t,
            charts=[
                player.Chart("RMSE", "prediction", errors, [f"{v:.2f}" for v in errors], (0, top)),
                player.Chart(
                    "zero baseline", "noise", baseline, [f"{v:.2f}" for v in baseline], (0, top), "6 4"
                ),
            ],
        )
    caption = (
        f"the caption, “{picture.label}” in the style {picture.style or 'any'}"
        if picture.label
        else "no caption"
    )
    drawn = "the latents of an image" if space is LATENTS else "an image"
    st.markdown(
        space.say(
            f"Inputs of the network are xₜ, the noise level and {caption}. In training, {drawn}, a noise and a timestep "
            "are "
            "drawn at random, the mean squared error of the prediction is computed, and gradient descent changes every "
            "weight a little so that it becomes smaller; then the next examples are drawn. The target needs no labelling: "
            "we added the noise, so ε, x₀ and v are known exactly."
        )
    )
    if space is LATENTS:
        st.markdown(
            "This network never sees pixels: image, noise, target and error are those of the latents. zₜ and z₀ are shown "
            "**decoded**, which training does not do; ε and v have no image, and three of their "
            f"{found.x.shape[1]} channels are shown."
        )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            space.say(
                r"L = \mathbb E_{x_0,\,\varepsilon,\,t}\,\bigl\lVert \varepsilon_\theta(x_t, t) - \varepsilon "
                r"\bigr\rVert^2,"
                r"\qquad x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\varepsilon"
            )
        )
        said = (
            r"This is the simple loss of DDPM (Ho et al. 2020, equation 14). The networks here are trained to predict "
            r"$v = \sqrt{\bar\alpha_t}\,\varepsilon - \sqrt{1-\bar\alpha_t}\,x_0$ in place of $\varepsilon$ (Salimans & "
            r"Ho 2022, arXiv 2202.00512). Given $x_t$, any one of $\varepsilon$, $x_0$ and $v$ gives the others for "
            r"$0 < t < 1$, so the three views above show one and the same prediction. "
        )
        clipping = (
            r"In sampling $\hat x_0$ is clipped to $[-1, 1]$ as well; here it is not."
            if space.clipped
            else r"Neither here nor in sampling is $\hat x_0$ clipped: latents have no bounds."
        )
        st.markdown(space.say(said + clipping))
    source.show(prediction_targets.predict_at_times)


def _example_panels(
    found: prediction_targets.NoisyPredictions, target: str, model: str
) -> list[player.Panel]:
    """The input, the target and the prediction at each timestep."""
    symbol, role, white = TARGET_PANELS[target]
    space, side = live.space(model), checkpoints.load(model).image_size
    if space is PIXELS:
        state, what = to_uint8(found.x), "noisy image, the input"
        shown = [to_uint8(part[target], white) for part in (found.target, found.prediction)]
    else:
        state, what = _decoded(found, "x", model), "the noisy latents, decoded"
        shown = [_decoded(found, part, model) for part in ("target", "prediction")] if target == "x0" else []
        # Each value of three channels as a square: the decoder has no image for noise or v.
        shown = shown or [
            latents.first_channels(part[target], side, white) for part in (found.target, found.prediction)
        ]
    image_of = space.image_of if target == "x0" else space.say
    return [
        player.Panel(space.image_of("xₜ"), what, "state", state),
        player.Panel(image_of(symbol), "the target", role, shown[0]),
        player.Panel(image_of(_hat(symbol)), "the prediction", "prediction", shown[1]),
    ]


def _decoded(found: prediction_targets.NoisyPredictions, part: str, model: str) -> np.ndarray:
    """The input, or target or prediction of x0, as images (F, S, S, 3) uint8; decoded once for all views of an example."""
    return derived(found, _decode, part, model)


def _decode(found: prediction_targets.NoisyPredictions, part: str, model: str) -> np.ndarray:
    denoiser = checkpoints.load(model)
    states = found.x if part == "x" else getattr(found, part)["x0"]
    if part == "target":  # the same at every time
        return to_uint8(denoiser.decode_states(states[:1])).repeat(len(states), axis=0)
    return to_uint8(denoiser.decode_states(states))


@by_content
def _examples(
    image: np.ndarray, label: str, style: str, seed: int, model: str
) -> prediction_targets.NoisyPredictions:
    torch.set_num_threads(1)
    denoiser = checkpoints.load(model)
    x0 = denoiser.encode(torch.from_numpy(from_uint8(image))[None])[0].numpy()
    return prediction_targets.predict_at_times(denoiser, x0, label, style, seed, TIMES)


def _caption(t: float, error: float, zero: float, space: Space) -> str:
    """The error at one timestep, and how much of the target's mean square the prediction explains."""
    explained = 1 - (error / zero) ** 2
    how = (
        f"it explains {explained:.0%} of the target's mean square"
        if explained > 0
        else "it is no better than predicting zeros"
    )
    kind = "RMSE, in latents" if space is LATENTS else "RMSE"
    return f"At t = {t:.2f} the error ({kind}) of the prediction is {error:.2f}, that of zeros {zero:.2f}: {how}."


# --- the loss by timestep ----------------------------------------------------------------------------------

LEVELS = ("at small t, with little noise", "near t = 0.5", "near t = 1, with little but noise")


def loss_over_time(stage: Stage, model: str) -> None:
    """The measured errors at each timestep, weighted as four losses do."""
    with stage.question:
        guess = ask_prediction(
            "With ε as the target: at which timesteps is the network's error largest?", LEVELS, "guess-hard"
        )
    measured = load_result("loss", model)
    if measured is None:
        return
    found = measured.raw
    t, snr = np.array(found["t"]), np.array(found["snr"])
    error = np.array([row["value"] for row in found["heldout"]])
    lines = {name: prediction_targets.weighted_loss(error, snr, name) for name in prediction_targets.WEIGHTS}
    peak = {name: float(t[line.argmax()]) for name, line in lines.items()}
    third = {name: float(np.sort(line)[-(len(t) // 3) :].sum() / line.sum()) for name, line in lines.items()}
    with stage.picture, locked(guess, "guess-hard"):
        charts.show(charts.weighted_losses(t, lines, theme.palette()), "hard-chart")
    if guess is None:
        return
    right = LEVELS[min(2, int(peak["eps"] * 3))]
    st.markdown(
        f"{verdict(guess, right)}: the squared ε error is largest at t = {peak['eps']:.2f}. The same predictions, with x₀ "
        f"as the target, have their largest error at t = {peak['x0']:.2f}. For a given xₜ the two differ by the factor "
        "SNR(t) alone: the squared ε error is SNR(t) times the squared x₀ error."
    )
    trained = np.array([row["value"] for row in found["trained"]])
    half = len(t) // 2
    st.markdown(
        "So the prediction target weights the timesteps. The third of them with the largest errors makes up "
        f"{third['eps']:.0%} of the ε loss, {third['x0']:.0%} of the x₀ loss and {third['v']:.0%} of the v loss; an even "
        f"share would be 33%. **Min-SNR** ({third['min-snr']:.0%}) is the ε loss with its weight on the x₀ error capped "
        "at γ = 5 (Hang et al. 2023, arXiv 2303.09556). Which weighting trains best is an empirical question."
    )
    st.markdown(
        f"On training images the mean squared error at t = {t[half]:.2f} is {trained[half] / error[half]:.2f} times that "
        f"on held-out images; at t = {t[-1]:.2f}, {trained[-1] / error[-1]:.2f} times. A ratio below 1 is a generalization "
        "gap: the network fits images it was trained on better than others of the same kind."
    )
    st.caption(
        f"N = {found['n']} held-out images of common emoji and as many training images, each with one noise at {len(t)} "
        "timesteps, predicted with their captions. "
        + ("Errors are of latents. " if live.in_latents(model) else "")
        + "Each line is scaled to a mean of 1. Made by "
        f"`python -m diffviz.training.eval_loss --model {model}`."
    )
    source.show(prediction_targets.weighted_loss)


# --- a small network, trained live -------------------------------------------------------------------------

WITHIN = (100, 300, 1000)  # steps, of the answers that can be given
ANSWERS = ("within 100 steps", "within 300", "within 1000", "later or never")
MODELS = {name: partial(diffusion2d.Diffusion, name) for name in TARGET_TITLES}


def train_toy(stage: Stage, shape: str, target: str, steps: int, seed: int) -> None:
    """Train a small network on points in the plane in sight; then the same with the other two targets."""
    task = ToyTask(shape, steps, seed)
    guess = toy_training.ask_with_preview(
        f"The network starts untrained. When do its samples first lie within {CLOSE} of the data?",
        ANSWERS,
        "guess-train",
        stage,
        task,
    )
    if guess is None:
        return
    run = toy_training.train_models(stage, task, {target: MODELS[target]}, TARGET_TITLES)[target].snapshots
    far = [task.distance(s.samples) for s in run]
    with stage.picture:
        _play(run, far, task, target)
    st.markdown(
        f"{_when_near(guess, [s.step for s in run], far)} Each training step takes {diffusion2d.BATCH} points, each with "
        "fresh noise and a random timestep. The networks for images are trained in the same way, with v as the target."
    )
    st.header("Does the prediction target matter?", anchor=False)
    _all_targets(stage, task)
    source.show(diffusion2d.train, diffusion2d.Diffusion)


def possible_answers(steps: Sequence[int], far: Sequence[float]) -> list[str]:
    """The ANSWERS that a run leaves open, whose samples were looked at after `steps` and lay so far from the data.

    They are more than one where a limit lies between the last look that was too far and the first that was near enough,
    and where the run ended before samples were near.
    """
    first = next((i for i, d in enumerate(far) if d < CLOSE), len(far))
    low = steps[first - 1] if first else -1  # not yet after so many
    high = steps[first] if first < len(far) else math.inf
    bounds = pairwise((-1, *WITHIN, math.inf))
    return [name for name, (a, b) in zip(ANSWERS, bounds, strict=True) if low < b and high > a]


def _when_near(guess: str, steps: Sequence[int], far: Sequence[float]) -> str:
    """Whether the guess came true as far as the run can tell, and when samples were near the data."""
    left = possible_answers(steps, far)
    first = next((i for i, d in enumerate(far) if d < CLOSE), None)
    if first is None and len(left) > 1:
        begins = f"You said **{guess}**: " + (
            "not excluded so far" if guess in left else "that did not happen"
        )
        return (
            (f"{begins}. " if guess else "")
            + f"This run ended after {steps[-1]} steps, before samples were within {CLOSE} of the data (smallest distance: "
            f"{min(far):.2f}). It leaves open: {', '.join(f'**{name}**' for name in left)}. Set **Training steps** to "
            f"{WITHIN[-1]} to decide."
        )
    said = verdict(guess, guess if guess in left else left[-1])
    if first is None:
        return f"{said}: at no step are they within {CLOSE} of the data, the smallest distance is {min(far):.2f}."
    told = f"{said}: after **{steps[first]}** steps they are within {CLOSE} of the data for the first time"
    if len(left) > 1:
        told += (
            f"; the look before was after {steps[first - 1]}, so that both {' and '.join(left)} are possible"
        )
    return f"{told}."


def _play(run: Sequence[diffusion2d.Snapshot], far: Sequence[float], task: ToyTask, target: str) -> None:
    loss = [run[1].loss, *(s.loss for s in run[1:])]  # before the first step there is none

    def panels() -> list[player.Panel]:
        data = toy_training.data_panel(task.shown_data, len(run))
        return [data, toy_training.panel("samples", run, task.shown_data, "of the network so far")]

    toy_training.play_training(
        task,
        run,
        toy_training.kept_panels(("train", task, target), panels),
        [
            f"After {s.step} training steps the samples are {d:.2f} from the data"
            + (f"; the loss is {s.loss:.2f}." if s.step else ": the network is untrained.")
            for s, d in zip(run, far, strict=True)
        ],
        [
            toy_training.distance_chart("distance", far, 0.5),
            player.Chart("loss", "noise", loss, ["–", *(f"{v:.2f}" for v in loss[1:])], (0, max(loss) * 1.05), "6 4"),
        ],
        title=f"A small network learns {task.shape}",
        key="train-player",
    )  # fmt: skip


def _all_targets(stage: Stage, task: ToyTask) -> None:
    options = [*TARGET_TITLES.values(), "no difference"]
    guess = ask_prediction(
        "The same network, data and steps: which prediction target gives samples nearest to the data?",
        options,
        "guess-target",
    )
    if guess is None:
        return
    found = toy_training.train_models(stage, task, MODELS, TARGET_TITLES)
    far = {name: task.distance(training.samples) for name, training in found.items()}

    def images() -> list[np.ndarray]:
        drawn = [toy_training.panel(name, t.snapshots[-1:], task.shown_data) for name, t in found.items()]
        return frozen([panel.frames[0] for panel in drawn])

    st.html(
        gallery.row(
            memo("train-all-targets", task, images),
            list(TARGET_TITLES.values()),
            [f"{d:.3f} from the data" for d in far.values()],
            SIDE,
        )
    )
    best = min(far, key=far.__getitem__)
    alike = max(far.values()) < 1.2 * far[best]
    right = options[3] if alike else TARGET_TITLES[best]
    st.markdown(
        f"{verdict(guess, right)} (no difference means: all within 20% of the smallest). Each prediction can be converted "
        "into the others, but the losses weight the timesteps differently. One training run of each is no comparison: "
        "try other seeds and shapes."
    )
