"""Guidance on an exact model: what scale w really samples, beside p(x|c)^w p(x)^(1-w)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from diffviz.diffusion.samplers import timesteps
from diffviz.toy import scores
from diffviz.toy.scores import Diffused, Mixture
from diffviz.ui import plane, source
from diffviz.ui.cache import memo_for_all
from diffviz.ui.components import player
from diffviz.ui.lessons.scores import LINEAR, noise, tensor
from diffviz.ui.plane import Plane
from diffviz.ui.prediction import ask_prediction, verdict
from diffviz.ui.stage import Stage

STEPS, POINTS, SHOWN, FRAMES = 200, 1500, 500, 25
SIDE, BELOW = 360, 100
LIMIT = 3.2
# The class is the right half: two clusters of four, whose neighbours of the other class overlap them.
BOTH = Mixture(
    torch.full((4,), 0.25).double(),
    torch.tensor([[0.55, 0.9], [0.95, -0.9], [-0.55, 0.9], [-0.95, -0.9]]).double(),
    torch.tensor([0.2, 0.2, 0.2, 0.2]).double(),
)
CLASS = BOTH.part([0, 1])
ALL, OF_CLASS = Diffused(BOTH, LINEAR), Diffused(CLASS, LINEAR)
OPTIONS = ("p(x|c)^w·p(x)^(1−w)", "neither", "p(x|c)")


@dataclass(frozen=True)
class Guided:
    """States of both samplers, (FRAMES + 1, POINTS, 2), the tilted density at each time, and distances from it in x."""

    ts: list[float]
    states: dict[str, np.ndarray]
    tilted: np.ndarray  # (FRAMES + 1, G) on the grid, normalized
    marginal: np.ndarray  # (FRAMES + 1, GRID) of x
    far: dict[str, list[float]]


def run(w: float, seed: int) -> Guided:
    """The PF ODE (Heun) and the reverse SDE with the guided score, from the same noise."""
    ts, start = timesteps(STEPS), noise(seed, POINTS)
    rng = torch.Generator().manual_seed(seed)
    velocity = scores.guided(OF_CLASS.velocity, ALL.velocity, w)
    score = scores.guided(OF_CLASS.score, ALL.score, w)
    runs = {
        "ode": scores.integrate(velocity, start, ts, heun=True),
        "sde": scores.reverse_sde(score, start, ts, LINEAR, rng),
    }
    every = STEPS // FRAMES
    states = {name: torch.stack(list(path)[::every]).numpy() for name, path in runs.items()}
    kept, fine = ts[::every], tensor(plane.grid(LIMIT))
    tilted = []
    for t in kept:
        log = scores.tilted_log_density(OF_CLASS.at(t), ALL.at(t), w, fine)
        p = (log - log.max()).exp()
        tilted.append((p / p.sum()).numpy())
    dense = np.stack(tilted)
    marginal = dense.reshape(len(kept), plane.GRID, plane.GRID).sum(1)
    edges = np.linspace(-LIMIT, LIMIT, plane.GRID + 1)
    far = {
        name: [_distance(x[:, 0], edges, m) for x, m in zip(path, marginal, strict=True)]
        for name, path in states.items()
    }
    return Guided(kept, states, dense, marginal / (edges[1] - edges[0]), far)


def _distance(x: np.ndarray, edges: np.ndarray, share: np.ndarray) -> float:
    """The KS distance of samples (N,) from a density given by its shares (G,) between edges, taken at the edges."""
    ranks = np.searchsorted(np.sort(x), edges, side="right") / len(x)
    return float(np.abs(ranks - np.concatenate([[0], share.cumsum()])).max())


def _panels(found: Guided) -> list[player.Panel]:
    titles = {"ode": ("ODE (as DDIM)", "prediction"), "sde": ("SDE (as DDPM)", "noise")}
    panels = []
    for name, (title, role) in titles.items():
        frames = []
        for i, states in enumerate(found.states[name]):
            drawn = Plane(LIMIT, SIDE).bands(found.tilted[i], "signal", 0.55).dots(states[:SHOWN], role, 1.6)
            bars = plane.histogram(states[:, 0], found.marginal[i], role, LIMIT, SIDE, BELOW)
            frames.append(plane.above_histogram(drawn, bars))
        panels.append(player.Panel(title, "guided samples", role, np.stack(frames)))
    return panels


def show(stage: Stage, w: float, seed: int) -> None:
    """Guided samples of two samplers over the density they are said to have, after a prediction."""
    with stage.question:
        guess = ask_prediction(
            "Exact scores and solver: what does scale w sample?", OPTIONS, "guess-scores-guidance"
        )  # fmt: skip
    if guess is None:
        with stage.picture:
            _preview()
        return
    found = memo_for_all("scores-guided", (w, seed), lambda: run(w, seed))
    shown = memo_for_all("scores-guided-panels", (w, seed), lambda: _panels(found))
    limit = scores.ks_limit(POINTS)
    top = max(0.1, *(max(far) for far in found.far.values())) * 1.05
    with stage.picture:
        player.play(
            shown,
            [f"t = {t:.2f} · w = {w:g}" for t in found.ts],
            [f"KS distance in x from pₜ(x|c)^w·pₜ(x)^(1−w), in blue: ODE {a:.3f}, SDE {b:.3f}; exact samples stay below "
             f"{limit:.3f} "
             "in 95 of 100 draws." for a, b in zip(found.far["ode"], found.far["sde"], strict=True)],
            title=f"Guidance at scale {w:g}", key="scores-guided-player", name=f"guidance-{w:g}",
            t=np.linspace(0, 1, len(found.ts)),
            charts=[player.Chart(f"KS: {name.upper()}", role, found.far[name],
                                 [f"{d:.3f}" for d in found.far[name]], (0, top))
                    for name, role in (("ode", "prediction"), ("sde", "noise"))],
        )  # fmt: skip
    with stage.below:
        _tell(w, found, limit, guess)
        source.show(scores.guided, scores.tilted_log_density)


def _preview() -> None:
    fine = tensor(plane.grid(LIMIT))
    pictures = [
        Plane(LIMIT, SIDE).bands(m.log_density(fine).exp().numpy(), "signal", 0.55).picture()
        for m in (CLASS, BOTH)
    ]
    panels = [
        player.Panel("p(x|c)", "the class", "conditional", pictures[0][None]),
        player.Panel("p(x)", "everything", "unconditional", pictures[1][None]),
    ]
    st.html(player.still(panels, "Left the class that is asked for, right all the data."))


def _tell(w: float, found: Guided, limit: float, guess: str) -> None:
    last = {name: far[-1] for name, far in found.far.items()}
    means = {name: path[-1, :, 0].mean() for name, path in found.states.items()}
    edges = np.linspace(-LIMIT, LIMIT, plane.GRID + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    tilted = float((found.marginal[-1] * middle).sum() / found.marginal[-1].sum())
    off = [name.upper() for name, d in last.items() if d > limit]
    guided = OPTIONS[1] if off else "nothing that this test could tell from the first of these"
    unguided = OPTIONS[0] if guess == OPTIONS[0] else OPTIONS[2]  # at w = 1 these two are one density
    right = unguided if w == 1 else guided
    st.markdown(
        f"{verdict(guess, right)} (w = {w:g}). At t = 0 the ODE's samples have a KS distance of "
        f"{last['ode']:.3f} in x from p(x|c)^w·p(x)^(1−w), the SDE's one of {last['sde']:.3f}; a test at the 5 % level "
        f"finds more than {limit:.3f}. Means of x: {tilted:.2f} of that density, {means['ode']:.2f} of the ODE's "
        f"samples, {means['sde']:.2f} of the SDE's."
    )
    st.markdown(
        "At each t the guided score is the score of pₜ(x|c)^w·pₜ(x)^(1−w). But these densities are not those of **one** "
        "process: adding noise to the one at t = 0 does not give the one at t. So a sampler that follows the scores "
        "does not have them as its marginals, and the ODE and the SDE, which agree without guidance, sample "
        "different distributions (Bradley & Nakkiran 2024, [arXiv 2408.09000](https://arxiv.org/abs/2408.09000)). "
        "At w = 1 guidance is off, and all agree with p(x|c)."
    )
    st.latex(
        r"\nabla\log p_t(x) + w\left(\nabla\log p_t(x\mid c)-\nabla\log p_t(x)\right) = "
        r"\nabla\log\left[p_t(x\mid c)^{w}\,p_t(x)^{1-w}\right]"
    )
