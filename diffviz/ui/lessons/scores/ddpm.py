"""All of DDPM in one dimension: its distributions as curves, and the variational bound term by term."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
import torch

from diffviz.toy.ddpm1d import GRID, Chain, normal_pdf
from diffviz.toy.scores import Mixture
from diffviz.ui import charts, source, theme
from diffviz.ui.cache import by_content
from diffviz.ui.controls import Controls
from diffviz.ui.stage import Stage

LENGTHS = (5, 10, 50, 200, 1000)
DATA = Mixture(
    torch.tensor([0.45, 0.55]).double(),
    torch.tensor([[-1.1], [0.9]]).double(),
    torch.tensor([0.02, 0.05]).double(),
)
SHOWN = (GRID >= -3.2) & (GRID <= 3.2)
FIRST = 2  # the smallest t: for t = 1 the posterior has variance 0


def controls(c: Controls) -> tuple[int, float, float, float]:
    """The number of steps T, the place in the chain as a share of T, x_0, and x_t."""
    steps = c.select("Steps T", "chain", 10, LENGTHS)
    place = c.slider("Step t, as t / T", "place", 0.2, 0.0, 1.0, 0.05)
    x0 = c.slider("x₀", "x0", 0.9, -2.0, 2.0, 0.05)
    return int(steps), place, x0, c.slider("xₜ", "xt", 0.1, -3.0, 3.0, 0.05)


@by_content
def terms(steps: int) -> dict[str, np.ndarray]:
    """The bound and the simplified loss by t, for t = 2 … T, and the weights between them."""
    chain = Chain(DATA, steps)
    return {
        "bound": chain.bound.numpy(), "simple": chain.simple.numpy(), "weights": chain.weights.numpy(),
        "entropy": np.array([chain.entropy()]),
    }  # fmt: skip


def show(stage: Stage, steps: int, place: float, x0: float, x_t: float) -> None:
    """The curves at one t, then the bound over all t."""
    chain, t = Chain(DATA, steps), max(FIRST, round(place * steps))
    grid = GRID[SHOWN]  # all of its points: with many steps a peak is hardly wider than a few of them
    mean, variance = chain.q_xt(x0, t)
    post, model = chain.posterior(x_t, x0, t), chain.model(x_t, t)
    exact, noisy = chain.reverse_density(x_t, t)[SHOWN], chain.exact.at(t / steps)
    above = {
        "p₀, the data": ("signal", "solid", DATA.log_density(grid[:, None]).exp()),
        "pₜ, the data under noise": ("unconditional", "dashdot", noisy.log_density(grid[:, None]).exp()),
        "q(xₜ | x₀)": ("noise", "dash", normal_pdf(grid, mean, variance)),
    }  # fmt: skip
    lower = {
        "q(xₜ₋₁ | xₜ, x₀)": ("noise", "dash", normal_pdf(grid, *post)),
        "the model's p(xₜ₋₁ | xₜ)": ("prediction", "dot", normal_pdf(grid, *model)),
        "q(xₜ₋₁ | xₜ)": ("text", "solid", exact),
    }
    curves = [{name: (r, d, y.numpy()) for name, (r, d, y) in lines.items()} for lines in (above, lower)]
    marks = [(x0, "x₀", "signal"), (x_t, "xₜ", "noise")]
    with stage.picture:
        charts.show(charts.densities(grid.numpy(), curves, marks, theme.palette()), "scores-ddpm")
    with stage.below:
        _tell(chain, t, x0, x_t, post, model)
        st.header("The variational bound", anchor=False)
        _bound(steps)
        source.show(Chain)


def _tell(
    chain: Chain,
    t: int,
    x0: float,
    x_t: float,
    post: tuple[float, float],
    model: tuple[float, float],
) -> None:
    bar = float(chain.alpha_bar[t])
    guess = float(chain.denoised(torch.tensor([x_t]).double(), t))
    st.markdown(
        f"Step **t = {t}** of {chain.steps}"
        + (
            " (the first one here: the exact step back from t = 1 is to x₀ itself, with variance 0)"
            if t == FIRST
            else ""
        )
        + f": βₜ = {float(chain.beta[t]):.3f}, ᾱₜ = {bar:.3f}. Above: x₀ is scaled to "
        f"√ᾱₜ·x₀ = {math.sqrt(bar) * x0:.2f}, with noise of standard deviation {math.sqrt(1 - bar):.2f}. Below, the "
        f"step back from xₜ = {x_t:.2f}: the posterior that knows x₀ has its mean at {post[0]:.2f}; the model knows "
        f"only E[x₀|xₜ] = {guess:.2f}, and has the same variance around {model[0]:.2f}. The **solid** curve is the "
        f"exact step back for an unknown x₀: in general no Gaussian. The model's is off by "
        f"{chain.model_error(x_t, t):.0%} of its mass here (total variation): it is a Gaussian, and its variance leaves "
        "out what is not known of x₀. With more steps both errors get smaller but for the first few t: that is why "
        "DDPM takes many."
    )
    st.latex(
        r"q(x_{t-1}\mid x_t, x_0) = \mathcal N\!\left(\tfrac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,x_0 + "
        r"\tfrac{\sqrt{1-\beta_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,x_t,\ "
        r"\tfrac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t\right)"
    )


def early_shares(steps: int) -> tuple[int, float, float]:
    """Of the terms between, the tenth of least noise: how many, their share of the bound, and of the simplified loss."""
    middle, simple = terms(steps)["bound"][1:-1], terms(steps)["simple"][1:]
    few = max(1, len(middle) // 10)
    return few, float(middle[:few].sum() / middle.sum()), float(simple[:few].sum() / simple.sum())


def moved_weight(steps: int) -> str:
    """From which steps the simplified loss takes weight, by these shares."""
    few, bound, simple = early_shares(steps)
    told = (
        f"Of the {steps - 1} terms between, the {f'{few} ' if few > 1 else ''}of least noise "
        f"{'has' if few == 1 else 'have'} {bound:.1%} of the bound, and {simple:.1%} of the simplified loss: setting all "
        "weights to 1 takes weight from "
    )
    if simple < bound:
        return told + (
            "the steps of little noise and gives it to the others. Ho et al. (2020, section 3.4) say so of T = 1000, where "
            "these steps decide details that are hardly seen."
        )
    last = float(Chain(DATA, steps).beta[-1])
    return told + (
        f"noisier steps in so short a chain, where βₜ rises to {last:.2f}. With many steps it is taken from those of "
        "little noise: Ho et al. (2020, section 3.4) say so of T = 1000."
    )


def _bound(steps: int) -> None:
    found = terms(steps)
    t = np.arange(2, steps + 1) / steps
    middle, simple, weights = found["bound"][1:-1], found["simple"][1:], found["weights"]
    charts.show(
        charts.bound_terms(
            t, {"Lₜ₋₁ of the bound": middle, "the simplified loss": simple, "weight: bound / simplified": weights},
            theme.palette(),
        ),
        "scores-bound",
    )  # fmt: skip
    first, prior, total = float(found["bound"][0]), float(found["bound"][-1]), float(found["bound"].sum())
    st.markdown(
        "Both losses are of the best possible model, so what they show is how hard each t is. The bound adds up to "
        f"**{total:.2f} nats**: L₀ = {first:.2f}, the terms between {float(middle.sum()):.2f}, and L_T = "
        f"{prior:.5f}, which no training changes. No model can go below the entropy of the data, "
        f"{float(found['entropy'][0]):.2f} nats. " + moved_weight(steps)
    )
    st.latex(
        r"L_{t-1} = \tfrac12\left(\mathrm{SNR}_{t-1} - \mathrm{SNR}_t\right)\mathbb E\,(x_0-\hat x_0)^2 = "
        r"\frac{\beta_t^2}{2\tilde\beta_t(1-\beta_t)(1-\bar\alpha_t)}\;\mathbb E\,(\varepsilon-\hat\varepsilon)^2"
    )
