"""Flow matching by exact fields: conditional paths, the marginal field, couplings, and diffusion as one of the paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from diffviz.diffusion.samplers import timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.toy import diffusion2d, scores
from diffviz.toy.baselines import path_length_ratio
from diffviz.toy.couplings import PAIR_STD, Pairs, couple
from diffviz.ui import charts, plane, source, theme
from diffviz.ui.cache import by_content, memo
from diffviz.ui.components import player
from diffviz.ui.lessons.scores import noise, tensor
from diffviz.ui.plane import Plane

PAIRS = 384  # of noise and data
SAMPLES, TRACED, DRAWN = 300, 60, 48
BATCHES = {"independent": 1, "minibatch OT, 16": 16, "minibatch OT, 64": 64, "OT of all pairs": PAIRS}
SERIES = {"independent": 0, "minibatch OT, 16": 2, "minibatch OT, 64": 3, "OT of all pairs": 4}
PATHS = {"flow": "straight", "cosine": "diffusion (cosine)"}
STEPS = 40  # of the player
NFES = (1, 2, 4, 8, 16, 32)
FINE = 128  # steps with which straightness is measured


@dataclass(frozen=True)
class Setup:
    """The data, the coupling of noise and data, and the path between them."""

    shape: str
    coupling: str
    path: str
    seed: int


def pairs(setup: Setup) -> Pairs:
    """The coupled pairs of a setup."""
    data = tensor(diffusion2d.points(setup.shape, PAIRS, setup.seed))
    eps = noise(setup.seed + 1, PAIRS)
    return Pairs(couple(data, eps, BATCHES[setup.coupling]), eps, SCHEDULES[setup.path])


@dataclass(frozen=True)
class Measured:
    """Of a coupling and path: mean squared length of a pair, straightness, and distances to the data by NFE."""

    cost: float
    ratio: float
    far: list[float]


@by_content
def measure(setup: Setup) -> Measured:
    """Straightness of the marginal trajectories from fresh noise, and their ends by Euler's method with few steps."""
    found, start = pairs(setup), noise(setup.seed + 2, SAMPLES)
    path = torch.stack(list(scores.integrate(found.velocity, start, timesteps(FINE))))
    fresh = diffusion2d.points(setup.shape, SAMPLES, setup.seed + 3)
    far = []
    for nfe in NFES:
        *_, end = scores.integrate(found.velocity, start, timesteps(nfe))
        far.append(diffusion2d.max_nn_distance(end.numpy(), fresh))
    return Measured(found.cost(), path_length_ratio(path), far)


def _panels(setup: Setup) -> list[player.Panel]:
    found, ts = pairs(setup), timesteps(STEPS)
    middles = np.stack([found.middle(t).numpy() for t in ts])
    start = noise(setup.seed + 2, SAMPLES)
    states = torch.stack(list(scores.integrate(found.velocity, start, ts))).numpy()
    data, coarse = found.x0.numpy(), plane.grid(n=15)
    spacing = 2 * plane.LIMIT / 15
    conditional, marginal = [], []
    for i, t in enumerate(ts):
        drawn = Plane().dots(data, "signal", 1.6).lines(middles[:, :DRAWN], "unconditional", 0.6)
        conditional.append(drawn.dots(middles[i, :DRAWN], "noise", 3, rim=True).picture())
        drawn = Plane().dots(data, "signal", 1.6)
        move = -found.velocity(tensor(coarse), max(t, 1e-3)).numpy()
        length = np.linalg.norm(move, axis=1, keepdims=True).clip(1e-9)
        drawn.arrows(coarse, coarse + move / length * 0.8 * spacing * np.tanh(length / 2), "line-strong")
        if i:
            drawn.lines(states[: i + 1, :TRACED], "unconditional", 0.6)
        marginal.append(drawn.dots(states[i], "prediction", 2.2, rim=True).picture())
    return [
        player.Panel("marginal field", "and its trajectories", "prediction", np.stack(marginal)),
        player.Panel("conditional paths", "of single pairs", "noise", np.stack(conditional)),
    ]


def show(picture: DeltaGenerator, below: DeltaGenerator, setup: Setup) -> None:
    """Conditional paths beside the marginal field; then what each coupling costs and how straight its trajectories are."""
    shown = memo("scores-flow", setup, lambda: _panels(setup))
    with picture:
        player.play(
            shown, [f"t = {t:.2f}" for t in timesteps(STEPS)], [_caption(t) for t in timesteps(STEPS)],
            title="Flow matching", key="scores-flow-player", name="flow-matching", start=STEPS // 2,
        )  # fmt: skip
    with below:
        _tell(setup)
        source.show(Pairs, couple)


def _caption(t: float) -> str:
    if t == 1:
        return "Noise. Every conditional path belongs to one pair of noise and data."
    if t == 0:
        return "Data. The marginal field has carried fresh noise there; it belongs to no pair."
    return "Where conditional paths cross, the marginal field (arrows) is the mean of their velocities."


def _tell(setup: Setup) -> None:
    found = {name: measure(Setup(setup.shape, name, setup.path, setup.seed)) for name in BATCHES}
    charts.show(
        charts.distance_by_few_nfe({n: (SERIES[n], NFES, m.far) for n, m in found.items()}, theme.palette()),
        "scores-flow-chart",
    )
    st.table(
        {
            "coupling": list(found),
            "mean squared distance of a pair": [f"{m.cost:.2f}" for m in found.values()],
            "path length / distance of its ends": [f"{m.ratio:.3f}" for m in found.values()],
        }
    )
    ends = list(found.values())
    straight, diffusion = (measure(Setup(setup.shape, "independent", p, setup.seed)).ratio for p in PATHS)
    st.markdown(
        f"**Straightness.** With independent pairs trajectories are {ends[0].ratio:.3f} times as long as straight "
        f"lines between their ends, with optimal pairs {ends[-1].ratio:.3f} times. Optimal transport pairs each "
        "noise with data near it, so paths of pairs hardly cross, the mean velocity is nearly that of one pair, and "
        "few evaluations suffice. In training only the pairs of a minibatch can be matched: the larger it is, the "
        "nearer to optimal (Pooladian et al. 2023, arXiv 2304.14772; Tong et al. 2024, arXiv 2302.00482)."
    )
    st.markdown(
        "**Diffusion is one of these paths**: independent pairs, xₜ = √ᾱₜ·x₀ + √(1−ᾱₜ)·ε in place of a straight "
        "line, and its marginal field is the probability-flow ODE (Lipman et al. 2023, arXiv 2210.02747). On this "
        f"path the ratio is {diffusion:.3f}, on the straight one {straight:.3f}."
    )
    st.latex(
        r"u_t(x) = \mathbb E\left[\dot\alpha_t\,x_0 + \dot\sigma_t\,\varepsilon \;\middle|\; x_t = x\right]"
        r"\qquad\text{straight: } \dot\alpha_t x_0 + \dot\sigma_t\varepsilon = \varepsilon - x_0"
    )
    st.caption(
        f"Nothing is trained: the field is exact for {PAIRS} pairs, each path with a standard deviation of "
        f"{PAIR_STD}. Distances are from {SAMPLES} samples to as many fresh points, the larger of both directions."
    )
