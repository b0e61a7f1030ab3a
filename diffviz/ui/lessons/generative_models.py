"""The parts of the lesson on other ways: three ways to make points, straight ways, and a run copied in one call."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from diffviz.toy import baselines, diffusion2d
from diffviz.ui import charts, source, theme
from diffviz.ui.components import player
from diffviz.ui.lessons import toy_training
from diffviz.ui.lessons.toy_training import LARGEST, NEAR, Lesson, Training
from diffviz.ui.prediction import verdict

TITLES = {
    "VAE": "VAE",
    "GAN": "GAN",
    "v": "diffusion",
    "flow": "flow matching",
    "straight": "straightened flow",
    "pupil": "pupil",
}
WAYS = {"VAE": baselines.VAE, "GAN": baselines.GAN, "v": partial(diffusion2d.Diffusion, "v")}
FLOW = partial(diffusion2d.Diffusion, "u", "flow")
WALKS = (1, 2, 4, 8, 16, 32)  # network calls
STRAIGHT = 1.05  # a detour below which ways pass for straight
TRAILS = 40
LINES = {"v": 5, "flow": 2, "straight": 4}  # the series colour of each
ALIKE = 1.2  # times the smallest distance: nearer than that is no difference


# --- VAE, GAN, diffusion -----------------------------------------------------------------------------------


def three_ways(lesson: Lesson) -> None:
    """A VAE, a GAN and diffusion trained side by side on the same points, and what each gets wrong."""
    guess = toy_training.guessed(
        "The same data, the same kind of network, as many training steps. Which comes nearest to the data?",
        [*(TITLES[name] for name in WAYS), "no difference"],
        "guess-ways",
        lesson,
    )
    if guess is None:
        return
    found = toy_training.trained(lesson, WAYS, TITLES)
    far = {name: [lesson.far(s.samples) for s in training.run] for name, training in found.items()}
    run, top = found["v"].run, max(max(d) for d in far.values())
    toy_training.play_training(
        lesson,
        run,
        [
            toy_training.panel(
                TITLES[name], t.run, lesson.some, f"{t.maker.calls} call{'s' * (t.maker.calls > 1)}"
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
        title=f"A VAE, a GAN and diffusion learn {lesson.shape}",
        key="ways-player",
    )
    ends = {name: d[-1] for name, d in far.items()}
    best = min(ends, key=ends.get)
    alike = max(ends.values()) < ALIKE * ends[best]
    st.markdown(
        f"{verdict(guess, 'no difference' if alike else TITLES[best])}. " + _how_they_fail(found, lesson)
    )
    st.markdown(_table(found, lesson))
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


def _both_ways(points: np.ndarray, lesson: Lesson) -> tuple[float, float]:
    """How far the points stray from the data, and how far the data lie from the points."""
    return diffusion2d.away(points, lesson.some), diffusion2d.away(lesson.some, points)


def _table(found: dict[str, Training], lesson: Lesson) -> str:
    columns = ("", "draws what is not there", "leaves out what is there", "network calls")
    rows = [(TITLES[name], *_both_ways(t.samples, lesson), t.maker.calls) for name, t in found.items()]
    rows.append(("other points of the data", *_both_ways(lesson.data[-diffusion2d.POINTS :], lesson), "–"))
    lines = [f"| {title} | {stray:.3f} | {missed:.3f} | {calls} |" for title, stray, missed, calls in rows]
    return "\n".join([f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *lines])


def _how_they_fail(found: dict[str, Training], lesson: Lesson) -> str:
    """What each one's larger mistake is, in words."""
    close = max(NEAR, 2 * max(_both_ways(lesson.data[-diffusion2d.POINTS :], lesson)))
    told = []
    for name, training in found.items():
        stray, missed = _both_ways(training.samples, lesson)
        if max(stray, missed) < close:
            how = "comes close to the data"
        elif stray > missed:
            how = "draws where no data are"
        else:
            how = "leaves parts of the data out"
        told.append(f"{'' if name == 'v' else 'the '}{TITLES[name]} {how}")
    return f"On this run, {told[0]}, {told[1]}, and {told[2]}."


# --- straight ways -----------------------------------------------------------------------------------------


def straight_ways(lesson: Lesson, walk: int) -> None:
    """Diffusion, flow matching and a straightened flow: the ways of their points, and how few calls they need."""
    options = ["straight", "bent, but less than diffusion's", "bent as much or more"]
    guess = toy_training.guessed(
        "Flow matching is shown straight ways from static to data. How are the ways that it then walks?",
        options,
        "guess-straight",
        lesson,
    )
    if guess is None:
        return
    found = toy_training.trained(lesson, {"v": WAYS["v"], "flow": FLOW}, TITLES)
    flow = found["flow"].maker
    found |= toy_training.trained(lesson, {"straight": partial(baselines.Straightened, flow)}, TITLES)
    static = diffusion2d.static(lesson.seed)
    walked = {name: {n: t.maker.path(static, n) for n in WALKS} for name, t in found.items()}
    paths = {name: each[walk].numpy() for name, each in walked.items()}
    player.play(
        [_walked(TITLES[name], path, lesson) for name, path in paths.items()],
        [f"call {i} of {walk}" for i in range(walk + 1)],
        [_where(i, paths, lesson) for i in range(walk + 1)],
        title=f"From static to {lesson.shape}",
        key="straight-player",
        name=f"ways-walked-{lesson.shape.replace(' ', '-')}",
        largest=LARGEST,
    )
    bent = {name: baselines.detour(each[WALKS[-1]]) for name, each in walked.items()}
    right = options[0] if bent["flow"] < STRAIGHT else options[1 if bent["flow"] < bent["v"] else 2]
    st.markdown(
        f"{verdict(guess, right)}. Flow matching's ways are {bent['flow']:.2f} times as long as straight ones, diffusion's "
        f"{bent['v']:.2f} times. What it is shown is straight, but any static is paired with any point, so the ways "
        "cross, and where they cross the network learns their mean. The **straightened flow** is a second network that "
        "learned from the pairs the first one made, static and where it ended. No two of those meet on their way: "
        f"{bent['straight']:.2f} times."
    )
    ends = {name: [lesson.far(each[n][-1].numpy()) for n in WALKS] for name, each in walked.items()}
    st.plotly_chart(
        charts.few_calls({TITLES[n]: (LINES[n], WALKS, far) for n, far in ends.items()}, theme.palette()),
        theme=None, config={"displayModeBar": False}, key="straight-chart",
    )  # fmt: skip
    first = {name: far[0] for name, far in ends.items()}
    st.markdown(
        f"In one call the straightened flow ends {first['straight']:.2f} from the data, flow matching "
        f"{first['flow']:.2f}, diffusion {first['v']:.2f}. All that the first knows is from its "
        f"teacher, which ends {ends['flow'][-1]:.2f} from the data in {WALKS[-1]} calls."
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
    source.show(diffusion2d.Diffusion, baselines.Straightened)


def _walked(title: str, path: np.ndarray, lesson: Lesson) -> player.Panel:
    frames = []
    for i, points in enumerate(path):
        trail = diffusion2d.Dots(
            diffusion2d.trails(path[: i + 1], TRAILS), toy_training.rgb("unconditional"), wide=1
        )
        frames.append(toy_training.sheet(points, "prediction", toy_training.beneath(lesson.some), trail))
    return player.Panel(title, "", "prediction", np.stack(frames))


def _where(i: int, paths: dict[str, np.ndarray], lesson: Lesson) -> str:
    if not i:
        return f"The same static for all. The lines follow {TRAILS} of the {diffusion2d.POINTS} points."
    told = ", ".join(f"{TITLES[name]} {lesson.far(path[i]):.2f}" for name, path in paths.items())
    return f"Distance from the data after {i}: {told}."


# --- a run in one call -------------------------------------------------------------------------------------


def in_one_call(lesson: Lesson) -> None:
    """A network learns to do a teacher's whole run at once, beside the teacher in many calls and in one."""
    options = [
        "as well as the teacher",
        "worse, but far better than the teacher in one call",
        "hardly better than that",
    ]
    guess = toy_training.guessed(
        f"A pupil sees only static and what a teacher made of it in {diffusion2d.RUN_STEPS} calls. How "
        "well does it in one?",
        options,
        "guess-once",
        lesson,
    )  # fmt: skip
    if guess is None:
        return
    teacher = toy_training.trained(lesson, {"v": WAYS["v"]}, TITLES)["v"]
    run = toy_training.trained(lesson, {"pupil": partial(baselines.Pupil, teacher.maker)}, TITLES)[
        "pupil"
    ].run
    static = diffusion2d.static(lesson.seed)
    many, one = teacher.samples, teacher.maker.path(static, 1)[-1].numpy()
    far = {"many": lesson.far(many), "one": lesson.far(one)}
    learned = [lesson.far(s.samples) for s in run]
    toy_training.play_training(
        lesson,
        run,
        [
            _standing("teacher", f"{diffusion2d.RUN_STEPS} calls", many, len(run), lesson),
            _standing("teacher", "1 call", one, len(run), lesson),
            toy_training.panel("pupil", run, lesson.some, "1 call"),
        ],
        [
            f"The pupil lies {d:.2f} from the data, the teacher {far['many']:.2f} in {diffusion2d.RUN_STEPS} calls and "
            f"{far['one']:.2f} in one."
            for d in learned
        ],
        [toy_training.distance_chart("pupil from the data", learned, max(learned))],
        title=f"A pupil learns {lesson.shape} from its teacher",
        key="once-player",
    )
    half = (far["many"] + far["one"]) / 2
    right = options[0] if learned[-1] < ALIKE * far["many"] else options[1 if learned[-1] < half else 2]
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
            f"Luhman & Luhman 2021 (arXiv 2101.02388), on {baselines.PAIRS} pairs. DDIM throws no dice on its way, so the "
            "same static always ends in the same point: without that there would be nothing to learn by heart."
        )
    source.show(baselines.Pupil, baselines.Pairs)


def _standing(symbol: str, label: str, points: np.ndarray, frames: int, lesson: Lesson) -> player.Panel:
    picture = toy_training.sheet(points, "prediction", toy_training.beneath(lesson.some))
    return player.Panel(symbol, label, "prediction", np.repeat(picture[None], frames, 0))
