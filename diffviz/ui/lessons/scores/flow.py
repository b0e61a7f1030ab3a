"""Flow matching by exact fields: conditional paths, the marginal field, couplings, and diffusion as one of the paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from diffviz.diffusion.samplers import timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.toy import diffusion2d, scores
from diffviz.toy.baselines import path_length_ratio
from diffviz.toy.couplings import PAIR_STD, Pairs, couple
from diffviz.ui import charts, plane, source, theme
from diffviz.ui.cache import by_content
from diffviz.ui.components import player
from diffviz.ui.lessons.scores import memo_on_stage, noise, tensor
from diffviz.ui.plane import Plane
from diffviz.ui.stage import Stage

DATA, PAIRS = 384, 1536  # training points, and pairs of noise and data
SAMPLES, TRACED, DRAWN = 300, 60, 48
BATCHES = {"independent": 1, "minibatch OT, 16": 16, "minibatch OT, 128": 128}
SERIES = {"independent": 0, "minibatch OT, 16": 2, "minibatch OT, 128": 4}
PATHS = {"flow": "straight", "cosine": "diffusion (cosine)"}
STEPS = 40  # of the player
NFES = (1, 2, 4, 8, 16, 32)
FINE = 64  # steps with which straightness is measured


@dataclass(frozen=True)
class Setup:
    """The data, the coupling of noise and data, and the path between them."""

    shape: str
    coupling: str
    path: str
    seed: int


def pairs(setup: Setup) -> Pairs:
    """Coupled pairs of a setup: every point of the data has as many as any other."""
    order = torch.randperm(PAIRS, generator=torch.Generator().manual_seed(setup.seed)) % DATA
    data, eps = points(setup)[order], noise(setup.seed + 1, PAIRS)
    return Pairs(couple(data, eps, BATCHES[setup.coupling]), eps, SCHEDULES[setup.path])


def points(setup: Setup) -> Tensor:
    """The data (DATA, 2)."""
    return tensor(diffusion2d.points(setup.shape, DATA, setup.seed))


def field_of(setup: Setup) -> scores.Field:
    """The marginal field: of independent pairs that of every noise with every point, else that of the coupled pairs."""
    if BATCHES[setup.coupling] > 1:
        return pairs(setup).velocity
    weights, spread = torch.full((DATA,), 1 / DATA).double(), torch.full((DATA,), PAIR_STD**2).double()
    return scores.Diffused(scores.Mixture(weights, points(setup), spread), SCHEDULES[setup.path]).velocity


@dataclass(frozen=True)
class Measured:
    """Of a coupling and path: mean squared length of a pair, straightness, and distances to the data by NFE."""

    cost: float
    ratio: float
    far: list[float]


@by_content
def measure(setup: Setup) -> Measured:
    """Straightness of the marginal trajectories from fresh noise, and their ends by Euler's method with few steps."""
    velocity, start = field_of(setup), noise(setup.seed + 2, SAMPLES)
    path = torch.stack(list(scores.integrate(velocity, start, timesteps(FINE))))
    fresh = diffusion2d.points(setup.shape, SAMPLES, setup.seed + 3)
    far = []
    for nfe in NFES:
        *_, end = scores.integrate(velocity, start, timesteps(nfe))
        far.append(diffusion2d.max_nn_distance(end.numpy(), fresh))
    return Measured(pairs(setup).cost(), path_length_ratio(path), far)


def _panels(setup: Setup, ts: Sequence[float]) -> list[player.Panel]:
    found, velocity = pairs(setup), field_of(setup)
    middles = np.stack([found.middle(t).numpy() for t in ts])
    start = noise(setup.seed + 2, SAMPLES)
    states = torch.stack(list(scores.integrate(velocity, start, ts))).numpy()
    data, coarse = found.x0.numpy(), plane.grid(n=15)
    spacing = 2 * plane.LIMIT / 15
    conditional, marginal = [], []
    for i, t in enumerate(ts):
        drawn = Plane().dots(data, "signal", 1.6).lines(middles[:, :DRAWN], "unconditional", 0.6)
        conditional.append(drawn.dots(middles[i, :DRAWN], "noise", 3, rim=True).picture())
        drawn = Plane().dots(data, "signal", 1.6)
        move = -velocity(tensor(coarse), max(t, 1e-3)).numpy()
        length = np.linalg.norm(move, axis=1, keepdims=True).clip(1e-9)
        drawn.arrows(coarse, coarse + move / length * 0.8 * spacing * np.tanh(length / 2), "line-strong")
        if i:
            drawn.lines(states[: i + 1, :TRACED], "unconditional", 0.6)
        marginal.append(drawn.dots(states[i], "prediction", 2.2, rim=True).picture())
    return [
        player.Panel("marginal field", "and its trajectories", "prediction", np.stack(marginal)),
        player.Panel("conditional paths", "of single pairs", "noise", np.stack(conditional)),
    ]


def show(stage: Stage, setup: Setup) -> None:
    """Conditional paths beside the marginal field; then what each coupling costs and how straight its trajectories are."""
    shown = memo_on_stage(
        stage, "scores-flow", setup, lambda: _panels(setup, timesteps(STEPS)), lambda: _panels(setup, [1.0])
    )
    with stage.picture:
        player.play(
            shown, [f"t = {t:.2f}" for t in timesteps(STEPS)], [_caption(t) for t in timesteps(STEPS)],
            title="Flow matching", key="scores-flow-player", name="flow-matching", start=STEPS // 2,
        )  # fmt: skip
    with stage.below:
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
        f"**Straightness** on this path: with independent pairs trajectories are {ends[0].ratio:.2f} times as long "
        "as the straight lines between their ends, with minibatches of 128 matched by optimal transport "
        f"{ends[-1].ratio:.2f} times. {matching_told(ends[0].ratio, ends[-1].ratio)} In "
        "training only the pairs of a minibatch can be matched (Pooladian et al. 2023, arXiv 2304.14772; Tong et "
        "al. 2024, arXiv 2302.00482)."
    )
    st.markdown(
        "**Diffusion is one of these paths**: independent pairs, and √ᾱₜ·x₀ + √(1−ᾱₜ)·ε in place of a straight "
        "line; its marginal field is the probability-flow ODE (Lipman et al. 2023, arXiv 2210.02747). With "
        f"independent pairs the ratio is {diffusion:.2f} on diffusion's path and {straight:.2f} on the straight one: "
        "straight paths of pairs do not make straight trajectories. Half way, (x₀ + ε)/2 has about half the "
        "variance of its ends, so straight paths lead all points inwards and out again; the path of diffusion keeps "
        "the variance. Both lead the same noise to nearly the same point."
    )
    st.latex(
        r"u_t(x) = \mathbb E\left[\dot\alpha_t\,x_0 + \dot\sigma_t\,\varepsilon \;\middle|\; x_t = x\right]"
        r"\qquad\text{straight: } \dot\alpha_t x_0 + \dot\sigma_t\varepsilon = \varepsilon - x_0"
    )
    st.caption(
        f"Nothing is trained. Independent: the field is exact for all noise and {DATA} points, each with a Gaussian of "
        f"standard deviation {PAIR_STD} around it; optimal transport: for {PAIRS} pairs, each path with that standard "
        "deviation. "
        f"Distances are from {SAMPLES} samples to as many "
        "fresh points, the larger of both directions."
    )


def matching_told(independent: float, matched: float) -> str:
    """Whether optimal pairs make trajectories straighter on a path, by the ratios of length with and without."""
    if matched < independent:
        return (
            "Optimal transport pairs each noise with data near it, so paths of pairs hardly cross, the mean velocity is "
            "nearly that of one pair, and few evaluations suffice."
        )
    return (
        "On diffusion's curved path optimal pairs do not help: where x₀ and ε are near each other, √ᾱₜ·x₀ + √(1−ᾱₜ)·ε "
        "leads away from both, up to √2 times as far out, and back. Set **Path** to **straight** to see them help."
    )
