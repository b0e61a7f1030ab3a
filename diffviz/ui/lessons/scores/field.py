"""The first part: density and score of noisy data at any t, Tweedie's formula, and paths through a place clicked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import streamlit as st
import torch

from diffviz.diffusion.samplers import timesteps
from diffviz.toy import scores
from diffviz.ui import plane, source
from diffviz.ui.cache import by_content, memo_for_all
from diffviz.ui.components import player
from diffviz.ui.controls import Controls
from diffviz.ui.lessons.scores import LINEAR, MIXTURES, diffused, memo_on_stage, tensor
from diffviz.ui.plane import Plane
from diffviz.ui.stage import Stage

FRAMES = 40  # steps of t
FINER = 6  # solver steps for each of them
RANDOM = 3  # paths of each SDE
ARROWS = {"score": "score ∇ log pₜ", "tweedie": "to E[x₀|xₜ]"}
LEGENDS = {
    "score": "the **black** arrows its score (directions exact, long ones shortened)",
    "tweedie": "the thin **green** arrows lead to E[x₀|xₜ], at full length",
}
TITLE = "density in blue, arrows as chosen"
REACH, STEP = 2.5, 0.05  # of the coordinates that can be chosen


@dataclass(frozen=True)
class Start:
    """The place that paths are traced through, and the frame in which they are there."""

    x: float
    y: float
    frame: int

    @property
    def t(self) -> float:
        return times()[self.frame]


def times() -> list[float]:
    """The times of the frames, from 1 down to 0."""
    return timesteps(FRAMES)


def start_controls(c: Controls) -> Start:
    """Where paths are traced from, by numbers: what a click on the image sets."""
    x = c.slider("x of the point", "px", 0.4, -REACH, REACH, STEP)
    y = c.slider("y of the point", "py", -0.5, -REACH, REACH, STEP)
    return Start(x, y, c.slider("Frame of the point", "pf", 26, 0, FRAMES, 1))


def _start_at(pick: player.Pick) -> None:
    """Trace from the place and the frame that were clicked."""
    for key, share in (("px", pick.x), ("py", 1 - pick.y)):
        value = max(-REACH, min(REACH, (2 * share - 1) * plane.LIMIT))
        st.session_state[key] = round(value / STEP) * STEP
    st.session_state["pf"] = pick.frame


def data_control(c: Controls) -> str:
    """Which mixture of Gaussians."""
    return c.choice("Data", "mixture", MIXTURES, MIXTURES[0])


@by_content
def backgrounds(name: str, arrows: str) -> np.ndarray:
    """The density at each of the times in bands, with arrows on a grid: (FRAMES + 1, SIDE, SIDE, 3)."""
    return np.stack([_background(name, arrows, t) for t in times()])


def _background(name: str, arrows: str, t: float) -> np.ndarray:
    data, fine = diffused(name), tensor(plane.grid())
    coarse = plane.grid(n=19 if arrows == "score" else 13)
    spacing, at = 2 * plane.LIMIT / 19, data.at(t)
    picture = Plane().bands(at.log_density(fine).exp().numpy(), "signal")
    if arrows == "score":
        score = at.score(tensor(coarse)).numpy()
        length = np.linalg.norm(score, axis=1, keepdims=True).clip(1e-9)
        picture.arrows(coarse, coarse + score / length * 0.85 * spacing * np.tanh(length / 3), "text")
    else:
        picture.arrows(coarse, data.posterior_mean(tensor(coarse), t).numpy(), "prediction", 0.7)
    return picture.picture()


@dataclass(frozen=True)
class Paths:
    """Paths through the start, one state for each of the times: of the ODE (F, 2), of the SDEs (F, RANDOM, 2)."""

    ode: np.ndarray
    sde: np.ndarray
    mean: np.ndarray  # E[x0 | x_t] along the ODE's path, (F, 2)


def trace(name: str, start: Start) -> Paths:
    """The paths backwards to t = 0 and forwards to t = 1: of the PF ODE, and of the two SDEs."""
    data, k = diffused(name), start.frame
    back = [1 - i / (FRAMES * FINER) for i in range(k * FINER, FRAMES * FINER + 1)]
    ahead = [1 - i / (FRAMES * FINER) for i in range(k * FINER, -1, -1)]
    x = torch.tensor([[start.x, start.y]]).double()
    many, rng = x.repeat(RANDOM, 1), torch.Generator().manual_seed(0)
    runs = [
        [*scores.integrate(data.velocity, x, back, heun=True)],
        [*scores.integrate(data.velocity, x, ahead, heun=True)] if start.t > 0 else [x],
        [*scores.reverse_sde(data.score, many, back, LINEAR, rng)],
        [*scores.forward_sde(many, ahead, LINEAR, rng)],
    ]
    if start.t == 0:  # the ODE's velocity is not defined there: begin a step later
        runs[1] = [x, *scores.integrate(data.velocity, x, ahead[1:], heun=True)]
    ode_back, ode_ahead, sde_back, sde_ahead = (torch.stack(run)[::FINER].numpy() for run in runs)
    ode = np.concatenate([ode_ahead[:0:-1], ode_back])[:, 0]
    sde = np.concatenate([sde_ahead[:0:-1], sde_back])
    mean = [data.posterior_mean(tensor(p[None]), t)[0].numpy() for p, t in zip(ode, times(), strict=True)]
    return Paths(ode, sde, np.array(mean))


def _draw(name: str, arrows: str, start: Start, paths: Paths) -> np.ndarray:
    k, found = start.frame, []
    for i, picture in enumerate(backgrounds(name, arrows)):
        drawn = Plane.over(picture)
        drawn.lines(paths.sde[min(i, k) : max(i, k) + 1], "unconditional", 0.6)  # from the start to this time
        drawn.dashes(paths.ode[: k + 1], "noise").lines(paths.ode[k:, None], "noise", 1.8)
        drawn.dots(paths.sde[i], "unconditional", 2.5, rim=True)
        drawn.arrows(paths.ode[i][None], paths.mean[i][None], "prediction", 2.2)
        found.append(drawn.dots(paths.ode[i][None], "noise", 5, rim=True).picture())
    return np.stack(found)


def _captions(name: str, paths: Paths) -> list[str]:
    data, found = diffused(name), []
    for x, mean, t in zip(paths.ode, paths.mean, times(), strict=True):
        score = data.score(tensor(x[None]), t)[0].tolist()
        told = (
            f"At ({x[0]:.2f}, {x[1]:.2f}) the score is ({score[0]:.1f}, {score[1]:.1f}), and E[x₀|xₜ] = "
            f"({mean[0]:.2f}, {mean[1]:.2f}): the thick green arrow ends there."
        )
        found.append(told.replace("-", "−"))
    return found


@lru_cache(maxsize=1)
def _readouts() -> tuple[str, ...]:
    """The noise level of each frame."""
    return tuple(
        f"t = {t:.2f} · √ᾱ = {float(LINEAR.alpha(t)):.2f} · √(1−ᾱ) = {float(LINEAR.sigma(t)):.2f}"
        for t in times()
    )


def _steepness(name: str, paths: Paths) -> list[float]:
    """The length of the score along the ODE's path."""
    path = zip(paths.ode, times(), strict=True)
    return [float(diffused(name).score(tensor(x[None]), t).norm()) for x, t in path]


def show(stage: Stage, name: str, arrows: str, start: Start) -> None:
    """The field at every t with the paths through the start, in a player over t; formulas and text below."""
    paths = memo_for_all("scores-paths", (name, start), lambda: trace(name, start))
    frames = memo_on_stage(
        stage, "scores-field", (name, arrows, start), lambda: _draw(name, arrows, start, paths),
        lambda: [player.Panel("pₜ", TITLE, "signal", _background(name, arrows, start.t)[None])],
    )  # fmt: skip
    told = _readouts()
    steep, captions = memo_for_all(
        "scores-told", (name, start), lambda: (_steepness(name, paths), _captions(name, paths))
    )
    far = np.linalg.norm(paths.ode - paths.mean, axis=1).tolist()
    lines = [
        player.Chart(
            "length of the score", "signal", steep, [f"{v:.1f}" for v in steep], (0, max(steep) * 1.05)
        ),
        player.Chart(
            "from xₜ to E[x₀|xₜ]", "prediction", far, [f"{v:.2f}" for v in far], (0, max(far) * 1.05), "3 3"
        ),
    ]
    with stage.picture:
        player.play(
            [player.Panel("pₜ", TITLE, "signal", frames)],
            told, captions, title=f"Score of {name}", key="scores-field-player", name="score-field",
            start=start.frame, same=f"{name} {arrows}", on_pick=_start_at, t=np.linspace(0, 1, len(told)), charts=lines,
        )  # fmt: skip
    with stage.below:
        st.markdown(
            "The data are a mixture of Gaussians, so everything here is a formula, and nothing is learned. **Blue** "
            f"is the density pₜ of the noisy data, {LEGENDS[arrows]}. The **orange** line is the path of the "
            "probability-flow ODE through the point: solid towards the data, dashed towards noise; the **thick green** "
            "arrow leads from its place at this t to E[x₀|xₜ]. **Grey** are "
            f"{RANDOM} paths of the reverse SDE from the point, and "
            f"{RANDOM} of the forward SDE, as far as this t. Click on the image to choose another point."
        )
        st.latex(
            r"\nabla_x \log p_t(x) = \sum_k r_k(x)\,\frac{\mu_k - x}{v_k}, \qquad "
            r"\mathbb E[x_0 \mid x_t] = \frac{x_t + (1-\bar\alpha_t)\,\nabla_x\log p_t(x_t)}{\sqrt{\bar\alpha_t}}"
        )
        st.markdown(
            "μₖ and vₖ are mean and variance of component k under noise, rₖ(x) the probability that x came from it. "
            "The second formula is **Tweedie's** (Efron 2011): who knows the score knows the best denoiser, and the "
            "other way round. Near t = 1 the arrow to E[x₀|xₜ] ends near the mean of all data, wherever it starts."
        )
        source.show(scores.Mixture.score, scores.Diffused.posterior_mean, scores.Diffused.velocity)
