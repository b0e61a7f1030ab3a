"""Parts of the training page: one problem taken apart, where problems are hard, and a network trained on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import prediction_targets
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.toy import diffusion2d
from diffviz.ui import charts, source, theme
from diffviz.ui.components import gallery, player
from diffviz.ui.image_input import SIZE, Picture, at_size
from diffviz.ui.lessons import toy_training
from diffviz.ui.lessons.toy_training import CLOSE, SIDE, ToyTask
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import ask_prediction, verdict

LARGEST = 224  # CSS pixels of a panel
TIMES = np.linspace(0.04, 1.0, 25)
TARGET_TITLES = {"eps": "ε, the noise", "x0": "x₀, the picture", "v": "v, some of both"}
TARGET_PANELS = {
    "eps": ("ε", "noise", 3.0),
    "x0": ("x₀", "signal", 1.0),
    "v": ("v", "state", 3.0),
}  # symbol, role, white


def _hat(symbol: str) -> str:
    return symbol[0] + "\u0302" + symbol[1:]


# --- one problem -------------------------------------------------------------------------------------------


def training_example(picture: Picture, target: str, seed: int, model: str) -> None:
    """One picture under one noise at rising t: what is given, what is right, and what the network says."""
    found = _examples(picture.pixels.tobytes(), picture.label, picture.style, seed, model)
    off, nothing = found.rmse(target), found.zero_baseline_rmse(target)
    symbol, role, white = TARGET_PANELS[target]
    panels = [
        player.Panel("xₜ", "what it is given", "state", to_uint8(found.x)),
        player.Panel(symbol, "what would be right", role, to_uint8(found.target[target], white)),
        player.Panel(_hat(symbol), "what it says", "prediction", to_uint8(found.prediction[target], white)),
    ]
    snr = [player.snr_text(v) for v in found.log_snr]
    top = float(max(off.max(), nothing.max())) * 1.05
    player.play(
        panels,
        [f"t = {t:.2f} · SNR {s}" for t, s in zip(found.t, snr, strict=True)],
        [_verdict(t, o, n) for t, o, n in zip(found.t, off, nothing, strict=True)],
        title=f"One practice problem, {TARGET_TITLES[target]}",
        key="problem-player",
        name=f"problem-{target}",
        start=len(TIMES) // 2,
        largest=LARGEST,
        t=found.t,
        charts=[
            player.Chart("its mistake", "prediction", off, [f"{v:.2f}" for v in off], (0, top)),
            player.Chart("saying nothing", "noise", nothing, [f"{v:.2f}" for v in nothing], (0, top), "6 4"),
        ],
    )
    told = (
        f"It is told the caption, “{picture.label}” in the style {picture.style or 'any'}"
        if picture.label
        else "It is told no caption"
    )
    st.markdown(
        f"{told}, and how much noise there is. In training, a picture, a noise and a time are drawn at random, the "
        "squared mistake is taken, and every weight of the network is moved a little the way that makes it smaller. "
        "Then the next. Nobody had to label anything: the noise was ours."
    )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"L = \mathbb E_{x_0,\,\varepsilon,\,t}\,\bigl\lVert \hat\varepsilon(x_t, t) - \varepsilon \bigr\rVert^2,"
            r"\qquad x_t = \alpha_t x_0 + \sigma_t \varepsilon"
        )
        st.markdown(
            "This is the simple loss of DDPM (Ho et al. 2020, equation 14). Ours has $v = \\alpha_t\\varepsilon - "
            "\\sigma_t x_0$ in place of $\\varepsilon$ (Salimans & Ho 2022, arXiv 2202.00512). From $x_t$ and any one of "
            "$\\varepsilon$, $x_0$ and $v$ the others follow, so all three are shown of the same answer."
        )
    source.show(prediction_targets.predict_at_times)


@st.cache_data(show_spinner=False, max_entries=32)
def _examples(
    pixels: bytes, label: str, style: str, seed: int, model: str
) -> prediction_targets.NoisyPredictions:
    torch.set_num_threads(1)
    picture = np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE, 3)
    x0 = from_uint8(at_size(picture, model))
    return prediction_targets.predict_at_times(checkpoints.load(model), x0, label, style, seed, TIMES)


def _verdict(t: float, off: float, nothing: float) -> str:
    share = off / nothing
    if share < 0.15:
        how = "nearly all of it is right"
    elif share < 0.5:
        how = "most of it is right"
    elif share < 0.9:
        how = "some of it is right"
    else:
        how = "that is hardly better than saying nothing"
    return f"At t = {t:.2f} it is {off:.2f} off (root mean square), an answer of zeros would be {nothing:.2f} off: {how}."


# --- where it is hard --------------------------------------------------------------------------------------


def loss_over_time(model: str) -> None:
    """The measured mistakes at each time, as three losses count them."""
    options = ["where there is little noise", "half way", "where there is hardly anything but noise"]
    guess = ask_prediction(
        "It is asked for the noise. Where are its mistakes largest?", options, "guess-hard"
    )
    if guess is None:
        return
    measured = load_result("loss", model)
    if measured is None:
        return
    found = measured.raw
    t, snr = np.array(found["t"]), np.array(found["snr"])
    error = np.array([row["value"] for row in found["heldout"]])
    lines = {name: prediction_targets.weighted_loss(error, snr, name) for name in prediction_targets.WEIGHTS}
    peak = {name: float(t[line.argmax()]) for name, line in lines.items()}
    third = {name: float(np.sort(line)[-(len(t) // 3) :].sum() / line.sum()) for name, line in lines.items()}
    right = options[min(2, int(peak["eps"] * 3))]
    st.markdown(
        f"{verdict(guess, right)}: asked for the noise it is furthest off at t = {peak['eps']:.2f}, since where "
        f"there is little noise there is little to see of it. The very same answers, graded by the picture, are worst at "
        f"t = {peak['x0']:.2f}, where there is nothing to see of that."
    )
    charts.show(charts.weighted_losses(t, lines, theme.palette()), "hard-chart")
    trained = np.array([row["value"] for row in found["trained"]])
    half = len(t) // 2
    st.markdown(
        "A loss is a wish: it says which mistakes matter. The worst third of all times makes up "
        f"{third['eps']:.0%} of the loss by the noise, {third['x0']:.0%} of that by the picture, {third['v']:.0%} by v; a "
        f"third would be even. **Min-SNR** ({third['min-snr']:.0%}) grades by the noise, but caps what little noise counts "
        "(Hang et al. 2023, arXiv 2303.09556)."
    )
    st.markdown(
        f"On drawings it was trained on, the mistakes at t = {t[half]:.2f} are {trained[half] / error[half]:.2f} times "
        f"those on drawings it never saw; at t = {t[-1]:.2f}, {trained[-1] / error[-1]:.2f} times. Below 1 it remembers."
    )
    st.caption(
        f"N = {found['n']} everyday drawings never trained on, and as many that were, each under one noise at {len(t)} "
        "times, asked with their captions. Each line is scaled to a mean of 1. Made by "
        f"`python -m diffviz.training.eval_loss --model {model}`."
    )
    source.show(prediction_targets.weighted_loss)


# --- a network trained on the spot -------------------------------------------------------------------------

MODELS = {name: partial(diffusion2d.Diffusion, name) for name in TARGET_TITLES}


def train_toy(shape: str, target: str, steps: int, seed: int) -> None:
    """A small network learns points in the plane while one watches; then the same with the other two targets."""
    options = ["within 100 steps", "within 300", "within 1000", "later or never"]
    task = ToyTask(shape, steps, seed)
    guess = toy_training.ask_with_preview(
        "It begins knowing nothing. When do its points first look like the data?",
        options,
        "guess-train",
        task,
    )
    if guess is None:
        return
    run = toy_training.train_models(task, {target: MODELS[target]}, TARGET_TITLES)[target].snapshots
    far = [task.distance(s.samples) for s in run]
    _play(run, far, task)
    near = next((s.step for s, d in zip(run, far, strict=True) if d < CLOSE), None)
    limits = (100, 300, 1000)
    right = options[3] if near is None else options[next((i for i, n in enumerate(limits) if near <= n), 3)]
    when = (
        f"at no step do they come within {CLOSE} of the data, the nearest is {min(far):.2f}"
        if near is None
        else f"after **{near}** steps they lie within {CLOSE} of the data for the first time"
    )
    st.markdown(
        f"{verdict(guess, right)}: {when}. Each step "
        f"looked at {diffusion2d.BATCH} points under fresh noise. The lessons' networks did the same "
        "with drawings, for hours. "
        "First comes where the data lie and how far they reach, then their shape, then the gaps."
    )  # fmt: skip
    st.header("Does it matter what it says?", anchor=False)
    _all_targets(task)
    source.show(diffusion2d.train, diffusion2d.Diffusion)


def _play(run: Sequence[diffusion2d.Snapshot], far: Sequence[float], task: ToyTask) -> None:
    loss = [run[1].loss, *(s.loss for s in run[1:])]  # before the first step there is none
    data = toy_training.data_panel(task.shown_data, len(run))
    toy_training.play_training(
        task,
        run,
        [data, toy_training.panel("drawn", run, task.shown_data, "by the network so far")],
        [
            f"After {s.step} steps they lie {d:.2f} from the data" + (f"; loss {s.loss:.2f}." if s.step else ", untrained.")
            for s, d in zip(run, far, strict=True)
        ],
        [
            toy_training.distance_chart("from the data", far, 0.5),
            player.Chart("loss", "noise", loss, ["–", *(f"{v:.2f}" for v in loss[1:])], (0, max(loss) * 1.05), "6 4"),
        ],
        title=f"A small network learns {task.shape}",
        key="train-player",
    )  # fmt: skip


def _all_targets(task: ToyTask) -> None:
    options = [*TARGET_TITLES.values(), "no difference"]
    guess = ask_prediction(
        "The same network, data and steps. Which answer to give makes it draw best?", options, "guess-target"
    )
    if guess is None:
        return
    found = toy_training.train_models(task, MODELS, TARGET_TITLES)
    far = {name: task.distance(training.samples) for name, training in found.items()}
    st.html(
        gallery.row(
            [
                toy_training.panel(name, t.snapshots[-1:], task.shown_data).frames[0]
                for name, t in found.items()
            ],
            list(TARGET_TITLES.values()),
            [f"{d:.3f} from the data" for d in far.values()],
            SIDE,
        )
    )
    best = min(far, key=far.get)
    alike = max(far.values()) < 1.2 * far[best]
    right = options[3] if alike else TARGET_TITLES[best]
    st.markdown(
        f"{verdict(guess, right)}. The network "
        "could turn each answer into the others, but each loss sends it to work at other times, and its strength is "
        "limited. One run of each proves little: try another seed and another shape."
    )  # fmt: skip
