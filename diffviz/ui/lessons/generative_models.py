"""The parts of the lesson on other generative models: VAE and GAN, flow matching and reflow, and distillation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import streamlit as st

from diffviz.toy import baselines, diffusion2d
from diffviz.ui import charts, source, theme
from diffviz.ui.cache import by_content, frozen, memo
from diffviz.ui.components import player
from diffviz.ui.lessons import toy_training
from diffviz.ui.lessons.toy_training import CLOSE, ToyTask, Training
from diffviz.ui.prediction import verdict
from diffviz.ui.stage import Stage

TITLES = {
    "VAE": "VAE",
    "GAN": "GAN",
    "v": "diffusion",
    "flow": "flow matching",
    "reflow": "reflow",
    "student": "student",
}
DIFFUSION = partial(diffusion2d.Diffusion, "v")
MODELS: Mapping[str, Callable[[], diffusion2d.GenerativeModel]] = {
    "VAE": baselines.VAE,
    "GAN": baselines.GAN,
    "v": DIFFUSION,
}
FLOW_MATCHING = partial(diffusion2d.Diffusion, "u", "flow")
NFES = (1, 2, 4, 8, 16, 32)
MAX_STRAIGHT_RATIO = (
    1.05  # of path length to the distance between the ends, below which a path counts as straight
)
PATHS_SHOWN = 40
SERIES = {"v": 5, "flow": 2, "reflow": 4}  # the series colour of each
SIMILAR_RATIO = 1.2  # times the smallest distance: nearer than that counts as no difference


# --- VAE, GAN, diffusion -----------------------------------------------------------------------------------


def compare_models(stage: Stage, task: ToyTask) -> None:
    """A VAE, a GAN and diffusion trained side by side on the same points, and how each fails."""
    guess = toy_training.ask_with_preview(
        "Same data, network and training steps: whose samples come nearest?",
        [*(TITLES[name] for name in MODELS), "no difference"],
        "guess-ways",
        stage,
        task,
    )
    if guess is None:
        return
    found = toy_training.train_models(stage, task, MODELS, TITLES)
    far = {name: [task.distance(s.samples) for s in training.snapshots] for name, training in found.items()}
    run, top = found["v"].snapshots, max(max(d) for d in far.values())
    panels = toy_training.kept_panels(
        ("models", task),
        lambda: [
            toy_training.panel(TITLES[name], t.snapshots, task.shown_data, f"NFE {t.model.nfe}")
            for name, t in found.items()
        ],
    )
    captions = [
        "Distance from the data: " + ", ".join(f"{TITLES[name]} {d[i]:.2f}" for name, d in far.items()) + "."
        for i in range(len(run))
    ]
    curves = [toy_training.distance_chart(TITLES[name], d, top) for name, d in far.items()]
    with stage.picture:
        title = f"Training a VAE, a GAN and diffusion on {task.shape}"
        toy_training.play_training(task, run, panels, captions, curves, title=title, key="ways-player")
    ends = {name: d[-1] for name, d in far.items()}
    best = min(ends, key=ends.__getitem__)
    alike = max(ends.values()) < SIMILAR_RATIO * ends[best]
    st.markdown(
        f"{verdict(guess, 'no difference' if alike else TITLES[best])}. " + _failure_modes(found, task)
    )
    st.markdown(_table(found, task))
    st.caption(
        "To data: mean distance of a sample to the nearest data point, large where samples lie outside the data. "
        "From data: mean distance of a data point to the nearest sample, large where parts of the data are not "
        f"covered. Other data: a second set of data points, for scale. Over {diffusion2d.POINTS} points of each. "
        "Each network is trained once, without the techniques that "
        "stabilize GANs in practice, and one run proves little: try other seeds, shapes and numbers of training steps."
    )
    with st.expander("The loss of each", icon=":material/function:"):
        st.markdown(
            "**VAE** (Kingma & Welling 2013, arXiv 1312.6114): the encoder maps a point to a Gaussian posterior over "
            "latents, the decoder maps a latent sampled from it back to a point. The loss is the reconstruction error "
            "plus the KL divergence of the posterior from the prior, which latents are sampled from at generation. Where "
            "the posteriors of several points overlap, the decoder with the least squared error outputs a mean of them."
        )
        st.latex(
            r"L = \frac{\lVert x - \hat x(z)\rVert^2}{2 s^2} + \mathrm{KL}\bigl(q(z\mid x)\,\Vert\,\mathcal N(0, I)\bigr),"
            r"\quad z \sim q(z \mid x)"
        )
        st.markdown(
            "**GAN** (Goodfellow et al. 2014, arXiv 1406.2661): a generator maps noise to points, and a discriminator is "
            "trained to tell them from data (adversarial training). With the best discriminator at every moment, the "
            "generator's optimum is the distribution of the data, every mode included (theorem 1). Alternating steps "
            "need not reach it: the generator's loss is evaluated at its own samples alone, so a mode without samples "
            "does not enter it directly. A generator that covers only some modes shows **mode collapse**."
        )
        st.latex(r"L_D = -\log D(x) - \log\bigl(1 - D(G(z))\bigr), \qquad L_G = -\log D(G(z))")
        st.markdown(
            "**Diffusion** predicts v from a noisy point, as the networks of these lessons do: regression on a known "
            "target, with no second network. Every data point enters the loss, so a mode that is not learned raises it."
        )
        st.latex(r"L = \lVert \hat v(x_t, t) - v \rVert^2, \qquad v = \alpha_t \varepsilon - \sigma_t x_0")
    source.show(baselines.VAE, baselines.GAN, diffusion2d.Diffusion)


_mean_distance = by_content(diffusion2d.mean_nn_distance)  # asked for twice in a run, and again at each rerun


def _nn_distances(points: np.ndarray, task: ToyTask) -> tuple[float, float]:
    """Mean distance of samples to the data, and of the data to the samples."""
    return _mean_distance(points, task.shown_data), _mean_distance(task.shown_data, points)


def _table(found: dict[str, Training], task: ToyTask) -> str:
    rows = {TITLES[name]: (t.samples, str(t.model.nfe)) for name, t in found.items()}
    rows["other data"] = (task.data[-diffusion2d.POINTS :], "–")
    columns = ("", "to data", "from data", *(["modes"] if task.shape in diffusion2d.MODES else []), "NFE")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for title, (points, nfe) in rows.items():
        cells = [title, *(f"{far:.3f}" for far in _nn_distances(points, task))]
        if modes := diffusion2d.modes_covered(points, task.shape):
            cells.append("{}/{}".format(*modes))
        lines.append(f"| {' | '.join([*cells, nfe])} |")
    return "\n".join(lines)


def _failure_modes(found: dict[str, Training], task: ToyTask) -> str:
    """One sentence: the larger error of each, and mode collapse where there is one."""
    close = max(CLOSE, 2 * max(_nn_distances(task.data[-diffusion2d.POINTS :], task)))
    told = []
    for name, training in found.items():
        outside, missing = _nn_distances(training.samples, task)
        covered = diffusion2d.modes_covered(training.samples, task.shape)
        if max(outside, missing) < close:
            how = "comes close to the data"
        elif outside > missing:
            how = "places samples where there are no data"
        elif covered and covered[0] < covered[1]:
            how = f"{'collapses to' if name == 'GAN' else 'covers only'} {covered[0]} of {covered[1]} modes"
        else:
            how = "leaves parts of the data uncovered"
        told.append(f"{'' if name == 'v' else 'the '}{TITLES[name]} {how}")
    return f"In this run {told[0]}, {told[1]}, and {told[2]}."


# --- flow matching and reflow ------------------------------------------------------------------------------


def flow_matching(stage: Stage, task: ToyTask, nfe: int) -> None:
    """Diffusion, flow matching and reflow: their sampling trajectories, and how few evaluations they need."""
    options = ["straight", "curved, but less than those of diffusion", "curved as much or more"]
    guess = toy_training.ask_with_preview(
        "Flow matching is trained on straight paths between noise and data. What are its sampling trajectories like?",
        options,
        "guess-straight",
        stage,
        task,
    )
    if guess is None:
        return
    found = toy_training.train_models(stage, task, {"v": DIFFUSION, "flow": FLOW_MATCHING}, TITLES)
    flow = found["flow"].model
    found |= toy_training.train_models(stage, task, {"reflow": partial(baselines.Reflow, flow)}, TITLES)
    # The chart shows every NFE: kept under the task alone, another `nfe` finds its path among them.
    paths_by_nfe, ratios = memo("flow-paths", task, lambda: _paths_and_ratios(found, task))
    paths = {name: each[nfe] for name, each in paths_by_nfe.items()}
    panels = toy_training.kept_panels(
        ("flow", task, nfe), lambda: [_paths_panel(TITLES[name], path, task) for name, path in paths.items()]
    )
    with stage.picture:
        player.play(
            panels,
            [f"evaluation {i} of {nfe}" for i in range(nfe + 1)],
            [_caption(i, paths, task) for i in range(nfe + 1)],
            title=f"Sampling trajectories from noise to {task.shape}",
            key="flow-player",
            name=f"trajectories-{task.shape.replace(' ', '-')}",
            main=list(paths).index("flow"),
        )
    right = (
        options[0]
        if ratios["flow"] < MAX_STRAIGHT_RATIO
        else options[1 if ratios["flow"] < ratios["v"] else 2]
    )
    st.markdown(
        f"{verdict(guess, right)}. With {NFES[-1]} evaluations the trajectories of flow matching are "
        f"{ratios['flow']:.2f} times as long as the straight lines between their ends, those of diffusion "
        f"{ratios['v']:.2f} times. Each training path is straight, but noise and data are paired at random. So training "
        "paths cross, and where they do the network learns their mean velocity: the trajectories bend. **Reflow** trains a "
        "second flow on pairs that the first one made, noise and the sample it leads to. Its trajectories are "
        f"{ratios['reflow']:.2f} times as long as straight ones."
    )
    losses = {name: found[name].snapshots[-1].loss for name in ("flow", "reflow")}
    st.markdown(
        "Trajectories of one ODE do not cross at the same t, if its velocity is smooth: one state has one future. The "
        "straight lines between their ends may still cross. They do not if the trajectories were straight already (Liu et "
        "al. 2023, arXiv 2209.03003, section 3). The training loss tells how much the velocities of paths through the same "
        f"state differ: {losses['flow']:.2f} at the end for flow matching, {losses['reflow']:.3f} for reflow."
    )
    ends = {name: [task.distance(each[n][-1]) for n in NFES] for name, each in paths_by_nfe.items()}
    charts.show(
        charts.distance_by_few_nfe(
            {TITLES[n]: (SERIES[n], NFES, far) for n, far in ends.items()}, theme.palette()
        ),
        "flow-chart",
    )
    first = {name: far[0] for name, far in ends.items()}
    st.markdown(
        f"With one evaluation reflow ends at distance {first['reflow']:.2f} from the data, flow matching at "
        f"{first['flow']:.2f}, diffusion at {first['v']:.2f}. Reflow is trained on samples of its teacher, whose own "
        f"distance with {NFES[-1]} evaluations is {ends['flow'][-1]:.2f}."
    )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"x_t = (1 - t)\,x_0 + t\,\varepsilon, \qquad L = \lVert \hat u(x_t, t) - (\varepsilon - x_0) \rVert^2,"
            r"\qquad x_{t - h} = x_t - h\,\hat u(x_t, t)"
        )
        st.markdown(
            "Flow matching: Lipman et al. 2023 (arXiv 2210.02747); rectified flow, with reflow: Liu et al. 2023 (arXiv "
            "2209.03003). With Gaussian noise it is diffusion with the schedule α = 1 − t, σ = t and the prediction target "
            "u = ε − x₀: an Euler step along û is a DDIM step on this schedule, and that is what runs here. Stable "
            "Diffusion 3 is trained this way (Esser et al. 2024, arXiv 2403.03206)."
        )
    source.show(diffusion2d.Diffusion, baselines.Reflow)


def _paths_and_ratios(
    found: Mapping[str, Training[diffusion2d.Diffusion]], task: ToyTask
) -> tuple[dict[str, dict[int, np.ndarray]], dict[str, float]]:
    """The sampling trajectories of each model by NFE, (NFE + 1, N, 2), and the `path_length_ratio` of the longest."""
    noise = diffusion2d.initial_noise(task.seed)
    paths = {name: {n: t.model.path(noise, n) for n in NFES} for name, t in found.items()}
    ratios = {name: baselines.path_length_ratio(each[NFES[-1]]) for name, each in paths.items()}
    arrays = {name: {n: path.numpy() for n, path in each.items()} for name, each in paths.items()}
    return frozen(arrays), ratios


def _paths_panel(title: str, path: np.ndarray, task: ToyTask) -> player.Panel:
    frames = []
    for i, points in enumerate(path):
        path_dots = diffusion2d.Dots(
            diffusion2d.paths(path[: i + 1], PATHS_SHOWN), toy_training.role_rgb("unconditional"), wide=1
        )
        frames.append(
            toy_training.points_image(points, "prediction", toy_training.backdrop(task.shown_data), path_dots)
        )
    return player.Panel(title, "", "prediction", np.stack(frames))


def _caption(i: int, paths: dict[str, np.ndarray], task: ToyTask) -> str:
    if not i:
        return f"The same noise for all. Lines: the trajectories of {PATHS_SHOWN} of the {diffusion2d.POINTS} points."
    told = ", ".join(f"{TITLES[name]} {task.distance(path[i]):.2f}" for name, path in paths.items())
    return f"Distance from the data after {i} evaluation{'s' * (i > 1)}: {told}."


# --- distillation ------------------------------------------------------------------------------------------


def distillation(stage: Stage, task: ToyTask) -> None:
    """A student of one evaluation, trained on its teacher's samples, beside the teacher with many and with one."""
    options = [
        "as good as the teacher's",
        "worse, but far better than the teacher's with one",
        "hardly better than that",
    ]
    guess = toy_training.ask_with_preview(
        f"One evaluation in place of {diffusion2d.SAMPLING_STEPS}: how good are a distilled student's samples?",
        options,
        "guess-once",
        stage,
        task,
    )
    if guess is None:
        return
    teacher = toy_training.train_models(stage, task, {"v": DIFFUSION}, TITLES)["v"]
    run = toy_training.train_models(
        stage, task, {"student": partial(baselines.DistilledStudent, teacher.model)}, TITLES
    )["student"].snapshots

    def in_one() -> np.ndarray:
        return frozen(teacher.model.path(diffusion2d.initial_noise(task.seed), 1)[-1].numpy())

    many, one = teacher.samples, memo("distillation-teacher-in-one", task, in_one)
    far = {"many": task.distance(many), "one": task.distance(one)}
    learned = [task.distance(s.samples) for s in run]
    panels = toy_training.kept_panels(
        ("distillation", task),
        lambda: [
            toy_training.panel("student", run, task.shown_data, "NFE 1"),
            _still_panel("teacher", f"NFE {diffusion2d.SAMPLING_STEPS}", many, len(run), task),
            _still_panel("teacher", "NFE 1", one, len(run), task),
        ],
    )
    captions = [
        f"Distance: student {d:.2f}, teacher {far['many']:.2f} (NFE {diffusion2d.SAMPLING_STEPS}), "
        f"{far['one']:.2f} (NFE 1)."
        for d in learned
    ]
    curves = [toy_training.distance_chart("student: distance from the data", learned, max(learned))]
    with stage.picture:
        title = f"Distillation on {task.shape}"
        toy_training.play_training(
            task, run, panels, captions, curves, title=title, key="distillation-player"
        )
    half = (far["many"] + far["one"]) / 2
    right = (
        options[0] if learned[-1] < SIMILAR_RATIO * far["many"] else options[1 if learned[-1] < half else 2]
    )
    st.markdown(
        f"{verdict(guess, right)}. With one evaluation from pure noise the teacher predicts the mean of all data that the "
        "noise could belong to. The student has a target without that ambiguity: for each noise **one** sample, the "
        "teacher's. Where nearby noise leads the teacher to distant samples, the student's output still lies in between: "
        "look for points across a gap."
    )
    st.markdown(
        "Image models are distilled this way and by its refinements: progressive distillation halves the steps again and "
        "again (Salimans & Ho 2022, arXiv 2202.00512); consistency models are trained to give the same x̂₀ along a "
        "trajectory (Song et al. 2023, arXiv 2303.01469); adversarial diffusion distillation adds a discriminator (Sauer "
        "et al. 2023, arXiv 2311.17042, whose authors report the quality of their teacher in four steps). The image "
        "networks of these lessons are not distilled."
    )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(r"L = \lVert \hat x(\varepsilon) - \mathrm{DDIM}_\text{teacher}(\varepsilon) \rVert^2")
        st.markdown(
            f"Knowledge distillation (Luhman & Luhman 2021, arXiv 2101.02388), on {baselines.N_PAIRS:,} cached pairs of "
            "noise and sample. DDIM is deterministic: the same noise always leads to the same sample. With a stochastic "
            "sampler the target would be random, and its mean is what a squared error would teach."
        )
    source.show(baselines.DistilledStudent, baselines.TeacherPairs)


def _still_panel(symbol: str, label: str, points: np.ndarray, frames: int, task: ToyTask) -> player.Panel:
    image = toy_training.points_image(points, "prediction", toy_training.backdrop(task.shown_data))
    return player.Panel(symbol, label, "prediction", np.repeat(image[None], frames, 0))
