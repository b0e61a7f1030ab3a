"""Three samplers from one start by one exact score, held against the exact density at every t; Euler and Heun."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from diffviz.diffusion.samplers import timesteps
from diffviz.toy import scores
from diffviz.ui import charts, plane, source, theme
from diffviz.ui.cache import by_content
from diffviz.ui.components import gallery, player
from diffviz.ui.controls import Controls
from diffviz.ui.lessons.scores import LINEAR, diffused, memo_on_stage, noise, tensor
from diffviz.ui.plane import Plane
from diffviz.ui.prose import counted, listed
from diffviz.ui.stage import Stage

POINTS, SHOWN, TRACED = 1000, 1000, 6
STEPS = (4, 8, 16, 32, 64, 128)
FRAMES = 32  # at most
SIDE, BELOW = 360, 100  # pixels of the image, and of the histogram in it
LANGEVIN_SIZE = 0.1  # of a Langevin step, in units of the smallest variance of p_t
NFES = (4, 8, 16, 32, 64, 128)
ENDS = 1000  # end points that solvers are compared by
MANY = 0.05  # of the end points: from there on a solver is said to fail at equal steps
ALONE = "three clusters"  # data on which Euler fails alone
FAILS = 0.1  # an error from which on an end point is off: half the standard deviation of a cluster is 0.11
# Times of the solvers that are compared: t = u to this power, with u in even steps.
SPACINGS = {"finer": ("finer towards t = 0 (t = u³)", 3), "even": ("even in t", 1)}
EXACT = 150  # Heun steps of the solution that counts as exact
COMPARED = 8  # steps of both solvers whose end points are drawn at first
TITLES = {"sde": "reverse SDE", "ode": "probability-flow ODE", "langevin": "annealed Langevin"}
SHORT = {"sde": "SDE", "ode": "ODE", "langevin": "Langevin"}
ROLES = {"sde": "noise", "ode": "prediction", "langevin": "conditional"}


@dataclass(frozen=True)
class Setup:
    """What is sampled, and how: `inner` is the number of Langevin steps at each time."""

    name: str
    steps: int
    heun: bool
    inner: int
    seed: int


@dataclass(frozen=True)
class Result:
    """States of each sampler at the times shown, their KS distances along x, and h·λ of each step shown."""

    ts: list[float]
    states: dict[str, np.ndarray]  # (F, POINTS, 2)
    far: dict[str, list[float]]
    rates: dict[str, list[float]]


def run(setup: Setup) -> Result:
    """All three samplers, from the same points of p_1."""
    data, ts = diffused(setup.name), timesteps(setup.steps)
    start, rng = noise(setup.seed, POINTS), torch.Generator().manual_seed(setup.seed)
    sizes = [LANGEVIN_SIZE * float(data.at(t).variances.min()) for t in ts]
    ways: dict[str, Callable[[], Iterator[Tensor]]] = {
        "sde": partial(scores.reverse_sde, data.score, start, ts, LINEAR, rng),
        "ode": partial(scores.integrate, data.velocity, start, ts, heun=setup.heun),
        "langevin": partial(scores.annealed_langevin, data.score, start, ts, sizes, setup.inner, rng),
    }
    shown = np.unique(np.linspace(0, setup.steps, min(setup.steps, FRAMES) + 1).round().astype(int))
    kept, axis = [ts[i] for i in shown], torch.tensor([1.0, 0.0]).double()
    states: dict[str, np.ndarray] = {}
    far: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    for name, way in ways.items():
        path = torch.stack(list(way()))[shown]
        states[name] = path.numpy()
        far[name] = [
            scores.ks_distance(x[:, 0], data.at(t).along(axis)) for x, t in zip(path, kept, strict=True)
        ]
        if name != "langevin":
            rates[name] = [
                scores.contraction_rate(data, x[:200], min(t, 1 - 1e-9), stochastic=name == "sde")
                / setup.steps
                for x, t in zip(path[:-1], kept[:-1], strict=True)
            ]
    return Result(kept, states, far, rates)


@by_content
def densities(name: str, ts: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """p_t in bands at each time, (F, SIDE, SIDE, 3), and its exact marginal along x, (F, 201)."""
    data, fine, axis = diffused(name), tensor(plane.grid()), torch.tensor([1.0, 0.0]).double()
    line = torch.linspace(-plane.LIMIT, plane.LIMIT, 201).double()[:, None]
    pictures, curves = [], []
    for t in ts:
        at = data.at(t)
        pictures.append(Plane(side=SIDE).bands(at.log_density(fine).exp().numpy(), "signal", 0.4).picture())
        curves.append(at.along(axis).log_density(line).exp().numpy())
    return np.stack(pictures), np.stack(curves)


def panels(setup: Setup, result: Result) -> list[player.Panel]:
    """For each sampler its points on the density, with the paths of a few, and the histogram of x below."""
    pictures, curves = densities(setup.name, result.ts)
    found = []
    for name, path in result.states.items():
        frames = []
        for i, states in enumerate(path):
            drawn = Plane.over(pictures[i])
            if i:
                drawn.lines(path[: i + 1, :TRACED], "line-strong", 0.7)
            drawn.dots(states[:SHOWN], ROLES[name], 1.2).dots(states[:TRACED], ROLES[name], 3.2, rim=True)
            bars = plane.histogram(states[:, 0], curves[i], ROLES[name], width=SIDE, height=BELOW)
            frames.append(plane.above_histogram(drawn, bars))
        found.append(player.Panel(TITLES[name], "x below", ROLES[name], np.stack(frames)))
    return found


def _captions(setup: Setup, result: Result) -> list[str]:
    limit = scores.ks_limit(POINTS)
    found = []
    for i, t in enumerate(result.ts):
        off = [TITLES[name] for name in result.far if result.far[name][i] > limit]
        verb = "differ" if len(off) > 1 else "differs"
        told = f"KS distance of x from pₜ: {_enumerate(off) or 'none'} {verb} at the 5 % level ({limit:.3f})."
        unstable = [TITLES[name] for name, r in result.rates.items() if i < len(r) and r[i] > 2]
        if unstable:
            told += f" Of {_enumerate(unstable)} h·λ is above 2 here: a step overshoots."
        found.append(told if t < 1 else _start_caption(setup.inner))
    return found


def _start_caption(inner: int) -> str:
    """Of the frame at t = 1: Langevin's is not the noise itself, since it takes its steps at every time."""
    return (
        f"All three start from the same noise. Annealed Langevin has already taken its {counted(inner, 'step')} at "
        f"t = 1. Lines will be the paths of {TRACED} points."
    )


def _enumerate(names: list[str]) -> str:
    """ "the a, the b and the c"."""
    return listed([f"the {name}" if name != TITLES["langevin"] else name for name in names])


def show(stage: Stage, setup: Setup, c: Controls) -> None:
    """The three samplers in one player, with their distances from the exact density; then the order of the solvers."""

    def first() -> list[player.Panel]:
        start = noise(setup.seed, POINTS).numpy()[None]
        return panels(setup, Result([1.0], dict.fromkeys(TITLES, start), {}, {}))

    def make() -> tuple[Result, list[player.Panel]]:
        result = run(setup)
        return result, panels(setup, result)

    result, shown = memo_on_stage(stage, "scores-three", setup, make, first)
    top = max(0.12, *(max(far) for far in result.far.values())) * 1.05
    lines = [
        player.Chart(SHORT[name], ROLES[name], far, [f"{d:.3f}" for d in far], (0, top))
        for name, far in result.far.items()
    ]
    with stage.picture:
        player.play(
            shown,
            [f"t = {t:.2f} · {len(result.ts) - 1} frames of {setup.steps} steps" for t in result.ts],
            _captions(setup, result), title="Three samplers by one score", key="scores-three-player",
            name="three-samplers", t=np.linspace(0, 1, len(result.ts)), charts=lines,
        )  # fmt: skip
    with stage.below:
        _tell(setup, result)
        st.header("Euler and Heun", anchor=False)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            titles = {name: title for name, (title, _) in SPACINGS.items()}
            spacing = c.choice("Times", "spacing", tuple(SPACINGS), "finer", titles)
            compared = c.select("Steps of both", "compared", COMPARED, NFES[:-1])
        _end_points(setup, spacing, compared)
        _equal_steps(setup, spacing)
        _orders(setup, spacing)
        source.show(scores.reverse_sde, scores.integrate, scores.annealed_langevin)


def _tell(setup: Setup, result: Result) -> None:
    limit, last = scores.ks_limit(POINTS), {name: far[-1] for name, far in result.far.items()}
    evaluations = {
        "sde": setup.steps,
        "ode": setup.steps * 2 - 1 if setup.heun else setup.steps,
        "langevin": (setup.steps + 1) * setup.inner,
    }
    st.table(
        {
            "sampler": list(TITLES.values()),
            "score evaluations": [evaluations[n] for n in TITLES],
            "KS distance at t = 0": [f"{last[n]:.3f}" for n in TITLES],
            "p-value": [_p_text(scores.ks_p_value(last[n], POINTS)) for n in TITLES],
        }
    )
    st.markdown(
        "All three have the same marginals pₜ if steps are small enough, and different paths. A distance above "
        f"{limit:.3f} is found by a test on x at the 5 % level ({POINTS:,} points; exact samples exceed it one time "
        "in twenty). **DDPM** is a discretization of the reverse SDE, and **DDIM** one of the probability-flow ODE: "
        "Euler's method in σ/α. **Annealed Langevin** (Song & Ermon 2019) solves neither: at each t it takes "
        f"{setup.inner} steps of a chain whose limit is pₜ, and its distribution is that of pₜ only if they suffice."
    )
    largest = {n: max(r) for n, r in result.rates.items()}
    st.markdown(
        "**Stiffness.** λ is the rate at which neighbouring points approach each other under the drift. Euler's "
        "step of length h multiplies their distance by 1 − h·λ, so above h·λ = 2 it grows: the step is unstable. "
        f"Its largest value in the steps shown is {largest['sde']:.2f} for the reverse SDE and {largest['ode']:.2f} "
        "for the ODE. At t = 1, where β = 20, the SDE's drift has λ = β/2 = 10, so fewer than 5 equal steps are "
        "unstable there; in the ODE drift and score nearly cancel."
    )


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


@dataclass(frozen=True)
class Error:
    """How far end points are from the exact ones of the same noise: the median, the share beyond FAILS, and W1 in x.

    `ks` is their distance along x from the exact density of the data.
    """

    median: float
    share: float
    w1: float
    ks: float


def solver_times(steps: int, spacing: str) -> list[float]:
    """The times of a solver's steps, from 1 down to 0."""
    return [u ** SPACINGS[spacing][1] for u in timesteps(steps)]


@by_content
def exact_ends(name: str, seed: int) -> Tensor:
    """Where the ODE leads the noise of a seed: by EXACT Heun steps that are finer towards t = 0. (ENDS, 2)."""
    *_, exact = scores.integrate(
        diffused(name).velocity, noise(seed, ENDS), solver_times(EXACT, "finer"), heun=True
    )
    return exact


@by_content
def ends(name: str, seed: int, solver: str, steps: int, spacing: str) -> Tensor:
    """Where a solver leads the same noise: (ENDS, 2)."""
    times = solver_times(steps, spacing)
    *_, end = scores.integrate(diffused(name).velocity, noise(seed, ENDS), times, heun=solver == "Heun")
    return end


@by_content
def errors(name: str, seed: int, spacing: str) -> dict[str, dict[int, Error]]:
    """By the solver and the number of steps."""
    exact, along = exact_ends(name, seed), diffused(name).data.along(torch.tensor([1.0, 0.0]).double())
    found: dict[str, dict[int, Error]] = {"Euler": {}, "Heun": {}}
    for solver, all_steps in (("Euler", NFES), ("Heun", (NFES[0] // 2, *NFES[:-1]))):
        for steps in all_steps:
            end = ends(name, seed, solver, steps, spacing)
            far = (end - exact).norm(dim=1)
            # In one dimension W1 is the mean distance of the points in order.
            w1 = (end[:, 0].sort().values - exact[:, 0].sort().values).abs().mean()
            beyond, ks = (far > FAILS).double().mean(), scores.ks_distance(end[:, 0], along)
            found[solver][steps] = Error(float(far.median()), float(beyond), float(w1), ks)
    return found


def _end_points(setup: Setup, spacing: str, steps: int) -> None:
    """Where both solvers end, side by side, with a line from where the exact solution ends for each point that is off."""
    found = errors(setup.name, setup.seed, spacing)
    st.html(
        gallery.row(
            end_pictures(setup.name, setup.seed, spacing, steps), list(found),
            [f"{steps} steps: {by[steps].share:.0%} of {ENDS:,} end points are farther than {FAILS} from the exact ones. "
             f"KS distance of x from the density {by[steps].ks:.3f}" for by in found.values()],
            fill=2,
        )
    )  # fmt: skip
    limit, last = scores.ks_limit(ENDS), solver_times(steps, spacing)[-2]
    sigma = float(LINEAR.sigma(last))
    st.markdown(
        f"Both from the same noise by {steps} equal steps of {'t' if spacing == 'even' else 'u'}, on the density of the "
        "data; a line leads from the exact end of a point to where it came out. A KS distance above "
        f"{limit:.3f} is found by a test at the 5 % level. The last step is Euler's in both; it goes from t = {last:.3g}, "
        f"where σ is {sigma:.3f}, to 0. "
        + ("Where that σ is not small beside the width of the data's clusters, its error is most of the error, and Heun "
           "gains little. Times that are finer towards 0 mend it."
           if spacing == "even" else order_told(steps, found["Euler"][steps].median, found["Heun"][steps].median))
    )  # fmt: skip


def order_told(steps: int, euler: float, heun: float) -> str:
    """Whether Heun's second order counts with times that are finer towards 0, by both median errors."""
    errors = f"its median error is {heun:.2g}, Euler's {euler:.2g}"
    if heun < euler:
        return f"With these times that σ is small, and Heun's second order counts: {errors}."
    return f"With these times that σ is small, but {steps} steps are too few for Heun's second order to count: {errors}."


@by_content
def end_pictures(name: str, seed: int, spacing: str, steps: int) -> list[np.ndarray]:
    """The end points of Euler and of Heun over the density of the data, those that are off in another colour."""
    exact = exact_ends(name, seed)
    density = diffused(name).data.log_density(tensor(plane.grid())).exp().numpy()
    pictures = []
    for solver in ("Euler", "Heun"):
        end = ends(name, seed, solver, steps, spacing)
        off = (end - exact).norm(dim=1) > FAILS
        drawn = (
            Plane()
            .bands(density, "signal", 0.4)
            .lines(torch.stack([exact[off], end[off]]).numpy(), "noise", 0.9)
        )
        drawn.dots(end[~off].numpy(), "prediction", 1.4).dots(end[off].numpy(), "noise", 2.2)
        pictures.append(drawn.picture())
    return pictures


def orders(name: str, seed: int, spacing: str) -> dict[str, list[float]]:
    """The median error by the solver at each of NFES: a Heun step evaluates twice."""
    found = errors(name, seed, spacing)
    return {
        "Euler": [found["Euler"][n].median for n in NFES],
        "Heun": [found["Heun"][n // 2].median for n in NFES],
    }


def _equal_steps(setup: Setup, spacing: str) -> None:
    """Both solvers with as many steps, and whether one of them fails alone."""
    found, steps = errors(setup.name, setup.seed, spacing), NFES[:-1]
    st.table(
        {
            "steps": [str(n) for n in steps],
            **{f"{s}: farther than {FAILS}": [f"{found[s][n].share:.0%}" for n in steps] for s in found},
            **{f"{s}: W₁ in x": [f"{found[s][n].w1:.3f}" for n in steps] for s in found},
        }
    )
    euler, heun = fails_alone(setup.name, setup.seed, spacing)
    elsewhere = ""
    if not euler:
        finer = next(iter(SPACINGS))
        there, counts = errors(ALONE, setup.seed, finer), fails_alone(ALONE, setup.seed, finer)[0]
        elsewhere = "".join(
            f"On the data “{ALONE}” it does, with times {SPACINGS[finer][0]}: with {n} steps "
            f"{there['Euler'][n].share:.0%} of Euler's end points are off, and {there['Heun'][n].share:.0%} of Heun's. "
            for n in counts[:1]
        )
    st.markdown(
        f"**With as many steps.** The share of {ENDS:,} end points that are farther than {FAILS} from the exact ones of "
        "the same noise, and the Wasserstein distance W₁ of the two distributions of x. Count more than "
        f"{100 * MANY:.0f} % as failure: "
        + (f"Euler fails and Heun does not with {_numbers(euler)} steps; a Heun step costs two evaluations. "
           if euler else "at none of these does Euler fail and Heun not. ")
        + elsewhere
        + (f"Heun fails and Euler does not with {_numbers(heun)} steps. " if heun else "")
        + "It is no matter of stability: the Jacobian of this ODE is symmetric, so its eigenvalues are real, and for real "
        "ones both methods are stable up to the same h·λ = 2. Few points with a large error are points near the border "
        "between two clusters, that a step led to the other one; W₁ hardly sees them."
    )  # fmt: skip


def fails_alone(name: str, seed: int, spacing: str) -> tuple[list[int], list[int]]:
    """The numbers of equal steps with which Euler fails and Heun does not, and the other way round."""
    found = errors(name, seed, spacing)
    euler, heun = ([n for n in NFES[:-1] if found[s][n].share > MANY] for s in ("Euler", "Heun"))
    return [n for n in euler if n not in heun], [n for n in heun if n not in euler]


def _numbers(of: Sequence[int]) -> str:
    return listed([str(n) for n in of])


def _orders(setup: Setup, spacing: str) -> None:
    st.markdown("**At equal cost** a Heun run has half the steps:")
    far = orders(setup.name, setup.seed, spacing)
    charts.show(
        charts.quality_curve(
            {"Euler": (0, NFES, far["Euler"], None), "Heun": (2, NFES, far["Heun"], None)},
            ("score evaluations (NFE)", "median error at t = 0"), None, theme.palette(), power=True,
        ),
        "scores-orders",
    )  # fmt: skip
    gain = {solver: each[-2] / each[-1] for solver, each in far.items()}
    good = {
        solver: next((n for n, d in zip(NFES, each, strict=True) if d < FAILS), None)
        for solver, each in far.items()
    }
    first = next((n for n, e, h in zip(NFES, far["Euler"], far["Heun"], strict=True) if h < e), None)
    said = {
        s: f"from {n} evaluations on" if n else f"at none of these up to {NFES[-1]}" for s, n in good.items()
    }
    st.markdown(
        f"Half of the end points within {FAILS} of the exact ones: Euler {said['Euler']}, Heun {said['Heun']}. "
        f"The last doubling of the steps divides the median error by {gain['Euler']:.1f} with Euler and by "
        f"{gain['Heun']:.1f} with Heun: of methods of first and of second order one expects 2 and 4. "
        + (f"From {first} evaluations on Heun is better here; with fewer, its steps are too long to gain from that. "
           if first else "By this measure Heun is not the better one at any of these costs. ")
        + ("Heun's last step, to t = 0, is Euler's, which costs it some of its order." if gain["Heun"] < 3.5 else "")
    )  # fmt: skip
