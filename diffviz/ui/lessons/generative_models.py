"""The parts of the lesson on other ways: three ways to make points, straight ways, and a run copied in one call."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from diffviz.toy import baselines, diffusion2d
from diffviz.ui import charts, source, theme
from diffviz.ui.components import player
from diffviz.ui.lessons import toy_training
from diffviz.ui.lessons.toy_training import CLOSE, LARGEST, ToyTask, Training
from diffviz.ui.prediction import verdict

TITLES = {
    "VAE": "VAE",
    "GAN": "GAN",
    "v": "diffusion",
    "flow": "flow matching",
    "straight": "straightened flow",
    "pupil": "pupil",
}
MODELS = {"VAE": baselines.VAE, "GAN": baselines.GAN, "v": partial(diffusion2d.Diffusion, "v")}
FLOW_MATCHING = partial(diffusion2d.Diffusion, "u", "flow")
NFES = (1, 2, 4, 8, 16, 32)  # network calls
MAX_STRAIGHT_RATIO = 1.05  # a detour below which ways pass for straight
PATHS_SHOWN = 40
SERIES = {"v": 5, "flow": 2, "straight": 4}  # the series colour of each
SIMILAR_RATIO = 1.2  # times the smallest distance: nearer than that is no difference


# --- VAE, GAN, diffusion -----------------------------------------------------------------------------------


def compare_models(task: ToyTask) -> None:
    """A VAE, a GAN and diffusion trained side by side on the same points, and what each gets wrong."""
    guess = toy_training.ask_with_preview(
        "The same data, the same kind of network, as many training steps. Which comes nearest to the data?",
        [*(TITLES[name] for name in MODELS), "no difference"],
        "guess-ways",
        task,
    )
    if guess is None:
        return
    found = toy_training.train_models(task, MODELS, TITLES)
    far = {name: [task.distance(s.samples) for s in training.snapshots] for name, training in found.items()}
    run, top = found["v"].snapshots, max(max(d) for d in far.values())
    toy_training.play_training(
        task,
        run,
        [
            toy_training.panel(
                TITLES[name], t.snapshots, task.shown_data, f"{t.model.nfe} call{'s' * (t.model.nfe > 1)}"
            )
            for name, t in found.items()
        ],
        [
            "Distance from the data: "
            + ", ".join(f"{TITLES[name]} {d[i]:.2f}" for name, d in far.items())
            + "."
            for i in range(len(run))
        ],
        [toy_training.distance_chart(TITLES[name], d, top) for name, d in far.items()],
        title=f"A VAE, a GAN and diffusion learn {task.shape}",
        key="ways-player",
    )
    ends = {name: d[-1] for name, d in far.items()}
    best = min(ends, key=ends.get)
    alike = max(ends.values()) < SIMILAR_RATIO * ends[best]
    st.markdown(
        f"{verdict(guess, 'no difference' if alike else TITLES[best])}. " + _failure_modes(found, task)
    )
    st.markdown(_table(found, task))
    st.caption(
        "First how far its points lie from the nearest data, then how far the data lie from the nearest of its points, "
        f"on average over {diffusion2d.POINTS} of each. Every network is trained once and in the plainest way, and one "
        "run proves little: try another seed, shape and length. GANs that draw well need many a trick "
        "that this one has not."
    )
    with st.expander("What each is trained on", icon=":material/function:"):
        st.markdown(
            "**VAE** (Kingma & Welling 2013, arXiv 1312.6114): one network turns a point into a bell of codes, another "
            "turns codes back. It pays for what it cannot restore, and for bells that differ from the normal one it "
            "will be asked with. Where bells overlap, it can only answer with a mean."
        )
        st.latex(
            r"L = \frac{\lVert x - \hat x(z)\rVert^2}{2 s^2} + \mathrm{KL}\bigl(q(z\mid x)\,\Vert\,\mathcal N(0, I)\bigr),"
            r"\quad z \sim q(z \mid x)"
        )
        st.markdown(
            "**GAN** (Goodfellow et al. 2014, arXiv 1406.2661): a generator is paid when a second network, the critic, "
            "takes its points for data. A perfect contest would end with all of them made; on the way nothing asks for it."
        )
        st.latex(r"L_\text{critic} = -\log D(x) - \log\bigl(1 - D(G(z))\bigr), \qquad L_G = -\log D(G(z))")
        st.markdown(
            "**Diffusion** names v in a noisy point, as the lessons' networks do: plain regression, no opponent."
        )
        st.latex(r"L = \lVert \hat v(x_t, t) - v \rVert^2, \qquad v = \alpha_t \varepsilon - \sigma_t x_0")
    source.show(baselines.VAE, baselines.GAN, diffusion2d.Diffusion)


def _nn_distances(points: np.ndarray, task: ToyTask) -> tuple[float, float]:
    """How far the points stray from the data, and how far the data lie from the points."""
    return diffusion2d.mean_nn_distance(points, task.shown_data), diffusion2d.mean_nn_distance(
        task.shown_data, points
    )


def _table(found: dict[str, Training], task: ToyTask) -> str:
    columns = ("", "draws what is not there", "leaves out what is there", "network calls")
    rows = [(TITLES[name], *_nn_distances(t.samples, task), t.model.nfe) for name, t in found.items()]
    rows.append(("other points of the data", *_nn_distances(task.data[-diffusion2d.POINTS :], task), "–"))
    lines = [f"| {title} | {stray:.3f} | {missed:.3f} | {calls} |" for title, stray, missed, calls in rows]
    return "\n".join([f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *lines])


def _failure_modes(found: dict[str, Training], task: ToyTask) -> str:
    """What each one's larger mistake is, in words."""
    close = max(CLOSE, 2 * max(_nn_distances(task.data[-diffusion2d.POINTS :], task)))
    told = []
    for name, training in found.items():
        stray, missed = _nn_distances(training.samples, task)
        if max(stray, missed) < close:
            how = "comes close to the data"
        elif stray > missed:
            how = "draws where no data are"
        else:
            how = "leaves parts of the data out"
        told.append(f"{'' if name == 'v' else 'the '}{TITLES[name]} {how}")
    return f"On this run, {told[0]}, {told[1]}, and {told[2]}."


# --- straight ways -----------------------------------------------------------------------------------------


def straight_trajectories(task: ToyTask, nfe: int) -> None:
    """Diffusion, flow matching and a straightened flow: the ways of their points, and how few calls they need."""
    options = ["straight", "bent, but less than diffusion's", "bent as much or more"]
    guess = toy_training.ask_with_preview(
        "Flow matching is shown straight ways from static to data. How are the ways that it then walks?",
        options,
        "guess-straight",
        task,
    )
    if guess is None:
        return
    found = toy_training.train_models(task, {"v": MODELS["v"], "flow": FLOW_MATCHING}, TITLES)
    flow = found["flow"].model
    found |= toy_training.train_models(task, {"straight": partial(baselines.Reflow, flow)}, TITLES)
    noise = diffusion2d.initial_noise(task.seed)
    paths_by_nfe = {name: {n: t.model.path(noise, n) for n in NFES} for name, t in found.items()}
    paths = {name: each[nfe].numpy() for name, each in paths_by_nfe.items()}
    player.play(
        [_paths_panel(TITLES[name], path, task) for name, path in paths.items()],
        [f"call {i} of {nfe}" for i in range(nfe + 1)],
        [_caption(i, paths, task) for i in range(nfe + 1)],
        title=f"From static to {task.shape}",
        key="straight-player",
        name=f"ways-walked-{task.shape.replace(' ', '-')}",
        largest=LARGEST,
    )
    ratios = {name: baselines.path_length_ratio(each[NFES[-1]]) for name, each in paths_by_nfe.items()}
    right = (
        options[0]
        if ratios["flow"] < MAX_STRAIGHT_RATIO
        else options[1 if ratios["flow"] < ratios["v"] else 2]
    )
    st.markdown(
        f"{verdict(guess, right)}. Flow matching's ways are {ratios['flow']:.2f} times as long as "
        "straight ones, diffusion's "
        f"{ratios['v']:.2f} times. What it is shown is straight, but any static is paired with any point, so the ways "
        "cross, and where they cross the network learns their mean. The **straightened flow** is a second network that "
        "learned from the pairs the first one made, static and where it ended. No two of those meet on their way: "
        f"{ratios['straight']:.2f} times."
    )
    ends = {name: [task.distance(each[n][-1].numpy()) for n in NFES] for name, each in paths_by_nfe.items()}
    charts.show(
        charts.distance_by_few_nfe(
            {TITLES[n]: (SERIES[n], NFES, far) for n, far in ends.items()}, theme.palette()
        ),
        "straight-chart",
    )
    first = {name: far[0] for name, far in ends.items()}
    st.markdown(
        f"In one call the straightened flow ends {first['straight']:.2f} from the data, flow matching "
        f"{first['flow']:.2f}, diffusion {first['v']:.2f}. All that the first knows is from its "
        f"teacher, which ends {ends['flow'][-1]:.2f} from the data in {NFES[-1]} calls."
    )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"x_t = (1 - t)\,x_0 + t\,\varepsilon, \qquad L = \lVert \hat u(x_t, t) - (\varepsilon - x_0) \rVert^2,"
            r"\qquad x_{t - h} = x_t - h\,\hat u(x_t, t)"
        )
        st.markdown(
            "Lipman et al. 2023 (arXiv 2210.02747) and Liu et al. 2023 (arXiv 2209.03003), who straighten. It is diffusion "
            "on another schedule, with another name for the answer: each Euler step of it is a DDIM step on α = 1 − t, "
            "σ = t, and that is what runs here. Flux and Stable Diffusion 3 are trained this way."
        )
    source.show(diffusion2d.Diffusion, baselines.Reflow)


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
        return f"The same static for all. The lines follow {PATHS_SHOWN} of the {diffusion2d.POINTS} points."
    told = ", ".join(f"{TITLES[name]} {task.distance(path[i]):.2f}" for name, path in paths.items())
    return f"Distance from the data after {i}: {told}."


# --- a run in one call -------------------------------------------------------------------------------------


def distillation(task: ToyTask) -> None:
    """A network learns to do a teacher's whole run at once, beside the teacher in many calls and in one."""
    options = [
        "as well as the teacher",
        "worse, but far better than the teacher in one call",
        "hardly better than that",
    ]
    guess = toy_training.ask_with_preview(
        f"A pupil sees only static and what a teacher made of it in {diffusion2d.SAMPLING_STEPS} calls. How "
        "well does it in one?",
        options,
        "guess-once",
        task,
    )  # fmt: skip
    if guess is None:
        return
    teacher = toy_training.train_models(task, {"v": MODELS["v"]}, TITLES)["v"]
    run = toy_training.train_models(
        task, {"pupil": partial(baselines.DistilledStudent, teacher.model)}, TITLES
    )["pupil"].snapshots
    noise = diffusion2d.initial_noise(task.seed)
    many, one = teacher.samples, teacher.model.path(noise, 1)[-1].numpy()
    far = {"many": task.distance(many), "one": task.distance(one)}
    learned = [task.distance(s.samples) for s in run]
    toy_training.play_training(
        task,
        run,
        [
            _still_panel("teacher", f"{diffusion2d.SAMPLING_STEPS} calls", many, len(run), task),
            _still_panel("teacher", "1 call", one, len(run), task),
            toy_training.panel("pupil", run, task.shown_data, "1 call"),
        ],
        [
            f"The pupil lies {d:.2f} from the data, the teacher {far['many']:.2f} in "
            f"{diffusion2d.SAMPLING_STEPS} calls and "
            f"{far['one']:.2f} in one."
            for d in learned
        ],
        [toy_training.distance_chart("pupil from the data", learned, max(learned))],
        title=f"A pupil learns {task.shape} from its teacher",
        key="once-player",
    )
    half = (far["many"] + far["one"]) / 2
    right = (
        options[0] if learned[-1] < SIMILAR_RATIO * far["many"] else options[1 if learned[-1] < half else 2]
    )
    st.markdown(
        f"{verdict(guess, right)}. In one call the teacher can only name the middle of everything that the static could "
        "become. The pupil has an easier task: for each static **one** answer is right, the one the teacher came to. "
        "Where neighbours in the static end far apart, it still answers in between: look for points strung across a gap."
    )
    st.markdown(
        "Networks for pictures are made fast in this way and its refinements: half the steps at a time (Salimans & Ho "
        "2022, arXiv 2202.00512), answers that must agree along one way (consistency models, Song et al. 2023, arXiv "
        "2303.01469), with a critic as a GAN has (Sauer et al. 2023, arXiv 2311.17042). As of 2026 one to four calls come "
        "close to many. The lessons' networks are not distilled: what one call costs them can be seen in lesson 4."
    )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(r"L = \lVert \hat x(\varepsilon) - \mathrm{DDIM}_\text{teacher}(\varepsilon) \rVert^2")
        st.markdown(
            f"Luhman & Luhman 2021 (arXiv 2101.02388), on {baselines.N_PAIRS} pairs. DDIM throws no "
            "dice on its way, so the "
            "same static always ends in the same point: without that there would be nothing to learn by heart."
        )
    source.show(baselines.DistilledStudent, baselines.TeacherPairs)


def _still_panel(symbol: str, label: str, points: np.ndarray, frames: int, task: ToyTask) -> player.Panel:
    picture = toy_training.points_image(points, "prediction", toy_training.backdrop(task.shown_data))
    return player.Panel(symbol, label, "prediction", np.repeat(picture[None], frames, 0))
