"""Points of the learner's own: the exact score of these points beside one that a small network learned from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from diffviz.diffusion.samplers import ddim, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.toy import diffusion2d
from diffviz.toy.scores import Diffused, Mixture
from diffviz.ui import plane, source, turns
from diffviz.ui.cache import memo
from diffviz.ui.components import player, sketchpad
from diffviz.ui.controls import Controls
from diffviz.ui.lessons.scores import noise, tensor
from diffviz.ui.plane import Plane
from diffviz.ui.stage import Stage

SHAPES = ("spiral", "two moons", "ring", "four spots")
DRAW, PASTE = "draw them", "paste CSV"
SOURCES = (*SHAPES, DRAW, PASTE)
LEAST, MOST = 3, 400  # points
LARGEST, SMALLEST = 1e6, 1e-6  # coordinate, and extent, of pasted points
REACH = 1.8  # the largest coordinate of pasted points, after scaling
SNAPSHOTS = (0, 20, 50, 100, 200, 400, 700, 1000)  # training steps at which the network is looked at
SAMPLED = 250  # points that are sampled
FRAMES = 20  # sampling steps of the network
EXACT_EVERY = 10  # the exact score takes so many for each of them, to come as near to t = 0 as it can
SCHEDULE = SCHEDULES["cosine"]
FIELD_TIMES = tuple(1 - i / 20 for i in range(20))  # down to 0.05: at t = 0 the exact score does not exist
SHOWS = {"scores": "Learned score and exact score", "scrub": "Training time and sampling time"}
EXAMPLE = "x,y\n-1.2,0.4\n-0.9,0.8\n-0.2,1.1\n0.5,0.9\n1.0,0.3\n0.8,-0.5\n0.1,-0.9\n-0.7,-0.6"


class BadPoints(ValueError):
    """Pasted text that is no list of points; the message says where."""


def parse(text: str) -> np.ndarray:
    """Points (N, 2) from lines of two numbers, between commas, semicolons, tabs or spaces; a first line of names may stand.

    Raises BadPoints, with the line, where it cannot be read or a value is beyond LARGEST, and for fewer than LEAST or more
    than MOST points, or points that differ by less than SMALLEST.
    """
    found: list[tuple[float, float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.replace(",", " ").replace(";", " ").split()
        if not cells:
            continue
        if len(cells) != 2:
            raise BadPoints(f"Line {number} has {len(cells)} values, not two: {line[:40]!r}.")
        try:
            x, y = (float(cell) for cell in cells)
        except ValueError:
            if not found:
                continue  # the names of the columns
            raise BadPoints(f"Line {number} is not two numbers: {line[:40]!r}.") from None
        if not (math.isfinite(x) and math.isfinite(y)):
            raise BadPoints(f"Line {number} is not finite: {line[:40]!r}.")
        if max(abs(x), abs(y)) > LARGEST:
            raise BadPoints(f"Line {number} has a value beyond ±{LARGEST:,.0f}: {line[:40]!r}.")
        found.append((x, y))
    if not LEAST <= len(found) <= MOST:
        raise BadPoints(f"These are {len(found)} points; from {LEAST} to {MOST} are needed.")
    points = np.array(found)
    if 0 < np.ptp(points, axis=0).max() < SMALLEST:
        raise BadPoints(
            f"The points differ by less than {SMALLEST:.6f} in x and in y: give them in a smaller unit."
        )
    return points


def fitted(points: np.ndarray) -> np.ndarray:
    """Points (N, 2) moved and scaled, by one factor, so that they fill the square from -REACH to REACH."""
    low, high = points.min(0), points.max(0)
    size = float((high - low).max()) or 1.0
    return ((points - (low + high) / 2) * (2 * REACH / size)).astype(np.float32)


def from_marks(marks: np.ndarray) -> np.ndarray:
    """One point at the middle of each marked cell of the pad (32, 32), at most MOST of them, evenly chosen: (N, 2)."""
    row, column = np.nonzero(marks)
    middle = (np.stack([column, sketchpad.SIDE - 1 - row], 1) + 0.5) / sketchpad.SIDE
    if len(middle) > MOST:
        middle = middle[np.linspace(0, len(middle) - 1, MOST).round().astype(int)]
    return ((2 * middle - 1) * 2).astype(np.float32)


def points_control(c: Controls) -> tuple[str, int]:
    """Where the points come from, and how many are taken of a shape."""
    where = c.choice("Points", "points", SOURCES, SHAPES[0])
    count = c.slider("How many", "count", 40, 5, 300, 5) if where in SHAPES else 0
    return where, count


def points(where: str, count: int, seed: int) -> np.ndarray | None:
    """The training points, (N, 2) float32, with a place to draw or paste them; None as long as there are none."""
    if where in SHAPES:
        return diffusion2d.points(where, count, seed)
    if where == DRAW:
        pad = np.full((256, 256, 3), 255, np.uint8)
        marks = sketchpad.marker(pad, "scores-pad", large=True)
        found = np.zeros((0, 2), np.float32) if marks is None else from_marks(marks)
        if len(found) < LEAST:
            st.info(
                f"Draw with mouse or finger: every cell is a point; {LEAST} at least.", icon=":material/draw:"
            )
            return None
        return found
    text = st.text_area("Points as CSV, two numbers a line", EXAMPLE, key="scores-csv", max_chars=20_000)
    try:
        return fitted(parse(text))
    except BadPoints as error:
        st.warning(str(error), icon=":material/edit:")
        return None


@dataclass(frozen=True)
class Look:
    """The network after so many training steps: its sampling paths (FRAMES + 1, SAMPLED, 2), and x0 on the field's grid."""

    step: int
    loss: float
    path: np.ndarray
    x0: np.ndarray | None  # (len(FIELD_TIMES), GRID * GRID, 2), of the last look alone


def learn(data: np.ndarray, seed: int) -> Iterator[Look]:
    """Train a network on the points, and look at it at each of SNAPSHOTS; the first look comes before any training."""
    model = diffusion2d.init_model(lambda: diffusion2d.Diffusion("v", SCHEDULE.name), seed)
    assert isinstance(model, diffusion2d.Diffusion)
    start = noise(seed, SAMPLED).float()
    for snapshot in diffusion2d.train(model, data, SNAPSHOTS[-1], seed, SNAPSHOTS):
        path = model.path(start, FRAMES).numpy()
        fields = None
        if snapshot.step == SNAPSHOTS[-1]:
            where = tensor(plane.grid()).float()
            fields = np.stack(
                [model.denoise(where, torch.full((len(where),), t)).numpy() for t in FIELD_TIMES]
            )
        yield Look(snapshot.step, snapshot.loss, path, fields)


def exact_path(data: np.ndarray, seed: int) -> np.ndarray:
    """The same sampler from the same noise with the exact denoiser of the points: (FRAMES + 1, SAMPLED, 2)."""
    exact = exact_of(data)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        return exact.posterior_mean(x, float(t[0]))

    steps = list(ddim(denoise, noise(seed, SAMPLED), timesteps(FRAMES * EXACT_EVERY), SCHEDULE))
    return np.stack([step.x.numpy() for step in steps[::EXACT_EVERY]])


def exact_of(data: np.ndarray) -> Diffused:
    """The empirical distribution of the points under the noise of the schedule."""
    return Diffused(Mixture.at_points(tensor(data)), SCHEDULE)


def trained(stage: Stage, data: np.ndarray, seed: int) -> list[Look]:
    """The looks at a network for these points: kept, or trained now, with its samples in sight from the first step on."""

    def make() -> list[Look]:
        torch.set_num_threads(1)
        place, looks = stage.picture.empty(), list[Look]()
        start = player.Panel(
            "points", "to be learned", "signal", Plane().dots(data, "signal", 3.4).picture()[None]
        )
        place.html(player.still([start], "The network is being set up."))
        for look in turns.paced(learn(data, seed), "points", SNAPSHOTS[-1], "training"):
            looks.append(look)
            place.html(
                player.still([picture_of(data, look)], f"Training: step {look.step} of {SNAPSHOTS[-1]}.")
            )
        place.empty()
        return looks

    return memo("scores-learned", (data.tobytes(), seed), make)


def picture_of(data: np.ndarray, look: Look) -> player.Panel:
    """The samples of the network so far."""
    return player.Panel("samples", "of the network so far", "prediction", _samples(data, look.path[-1])[None])


def _samples(data: np.ndarray, states: np.ndarray, role: str = "prediction") -> np.ndarray:
    """States of a sampler over the training points: (SIDE, SIDE, 3)."""
    return Plane().dots(data, "signal", 3.4).dots(states, role, 1.8, rim=True).picture()


def show(stage: Stage, data: np.ndarray, seed: int, step: int | None) -> None:
    """The learned score beside the exact one; or, of a training step, the samples at every sampling step."""
    looks = trained(stage, data, seed)
    exact = memo("scores-exact-path", (data.tobytes(), seed), lambda: exact_path(data, seed))
    if step is None:
        _compare(stage, data, looks)
    else:
        _scrub(stage, data, looks, exact, step)
    with stage.below:
        _memorized(data, looks[-1].path[-1], exact[-1])
        source.show(Mixture.score, Mixture.at_points, diffusion2d.Diffusion)


# --- learned and exact ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fields:
    """Noise predictions -σ·score on the grid at FIELD_TIMES, (F, G, 2) each, p_t there, and the error under p_t."""

    exact: np.ndarray
    learned: np.ndarray
    density: np.ndarray  # (F, G)
    error: list[float]


def fields(data: np.ndarray, look: Look) -> Fields:
    """Both noise predictions, and their RMSE under p_t: its square is how far the ε loss lies above its minimum."""
    where, of_data = tensor(plane.grid()), exact_of(data)
    exact, learned, density, error = [], [], [], []
    assert look.x0 is not None
    for x0, t in zip(look.x0, FIELD_TIMES, strict=True):
        alpha, sigma = float(SCHEDULE.alpha(t)), float(SCHEDULE.sigma(t))
        at = of_data.at(t)
        p = at.log_density(where).exp()
        best = -sigma * at.score(where)
        own = (where - alpha * tensor(x0)) / sigma
        error.append(float(((own - best).pow(2).mean(1) * p).sum() / p.sum()) ** 0.5)
        for kept, value in ((exact, best), (learned, own), (density, p)):
            kept.append(value.numpy())
    return Fields(np.stack(exact), np.stack(learned), np.stack(density), error)


def _compare(stage: Stage, data: np.ndarray, looks: list[Look]) -> None:
    found = memo("scores-fields", (data.tobytes(), looks[-1].loss), lambda: fields(data, looks[-1]))
    shown = memo("scores-fields-panels", (data.tobytes(), looks[-1].loss), lambda: _panels(data, found))
    top = max(found.error) * 1.1
    with stage.picture:
        player.play(
            shown,
            [f"t = {t:.2f} · σ = {float(SCHEDULE.sigma(t)):.2f}" for t in FIELD_TIMES],
            [f"Error of the noise prediction under pₜ: {e:.2f} (RMSE). The darker a place, the larger it is there."
             for e in found.error],
            title="Exact and learned score", key="scores-compare", name="scores", start=3 * len(FIELD_TIMES) // 4,
            t=np.linspace(0, 1, len(FIELD_TIMES)),
            charts=[player.Chart("error of −σ·score under pₜ", "noise", found.error,
                                 [f"{e:.2f}" for e in found.error], (0, top))],
        )  # fmt: skip
    with stage.below:
        third = len(found.error) // 3
        st.markdown(
            "Arrows are minus the noise prediction, that is σₜ·score, drawn alike in both, long ones shortened. The error "
            f"is {np.mean(found.error[:third]):.2f} over the noisiest third of t and "
            f"{np.mean(found.error[-third:]):.2f} over the least noisy one. Where pₜ is near 0 no training example "
            "ever lies, and the error there is not in the loss."
        )


def _panels(data: np.ndarray, found: Fields) -> list[player.Panel]:
    every = 5  # of the grid, for arrows
    n = plane.GRID
    chosen = np.arange(n * n).reshape(n, n)[every // 2 :: every, every // 2 :: every].ravel()
    places = plane.grid()[chosen]
    spacing = 2 * plane.LIMIT / (n // every)
    frames: dict[str, list[np.ndarray]] = {"exact": [], "learned": [], "error": []}
    top = float(np.quantile(np.linalg.norm(found.learned - found.exact, axis=-1), 0.98))
    for i in range(len(FIELD_TIMES)):
        for name, eps in (("exact", found.exact[i]), ("learned", found.learned[i])):
            step = -eps[chosen]
            length = np.linalg.norm(step, axis=1, keepdims=True).clip(1e-9)
            ends = places + step / length * 0.85 * spacing * np.tanh(length / 2)
            drawn = Plane().bands(found.density[i], "signal", 0.5).arrows(places, ends, "text")
            frames[name].append(drawn.dots(data, "signal", 2.6, rim=True).picture())
        error = np.linalg.norm(found.learned[i] - found.exact[i], axis=-1)
        drawn = Plane().bands(np.minimum(error / top, 1) ** 2, "noise", 0.9)
        frames["error"].append(drawn.dots(data, "signal", 2.6, rim=True).picture())
    return [
        player.Panel("exact score", "of these points", "signal", np.stack(frames["exact"])),
        player.Panel(
            "learned score", f"{SNAPSHOTS[-1]:,} training steps", "prediction", np.stack(frames["learned"])
        ),
        player.Panel("error", "of the noise prediction", "noise", np.stack(frames["error"])),
    ]


# --- two times -----------------------------------------------------------------------------------------------


def _scrub(stage: Stage, data: np.ndarray, looks: list[Look], exact: np.ndarray, step: int) -> None:
    look = next(look for look in looks if look.step == step)
    shown = memo(
        "scores-scrub-panels", (data.tobytes(), look.loss, step), lambda: _scrub_panels(data, look, exact)
    )
    far = [diffusion2d.mean_nn_distance(states, data) for states in look.path]
    ts = timesteps(FRAMES)
    with stage.picture:
        player.play(
            shown, [f"{step:,} training steps · t = {t:.2f}" for t in ts],
            [f"Sampled down to t = {t:.2f} after {step:,} training steps: {d:.2f} from the nearest training point (mean)."
             for t, d in zip(ts, far, strict=True)],
            title="Training time and sampling time", key="scores-scrub", name="training-and-sampling", same="scrub",
        )  # fmt: skip


def _scrub_panels(data: np.ndarray, look: Look, exact: np.ndarray) -> list[player.Panel]:
    return [
        player.Panel(
            "network", "its samples", "prediction", np.stack([_samples(data, states) for states in look.path])
        ),
        player.Panel(
            "exact score",
            "the same noise",
            "noise",
            np.stack([_samples(data, states, "noise") for states in exact]),
        ),
    ]


# --- memorization --------------------------------------------------------------------------------------------


def _memorized(data: np.ndarray, learned: np.ndarray, exact: np.ndarray) -> None:
    st.header("Why the exact score memorizes", anchor=False)
    far = {
        name: diffusion2d.mean_nn_distance(end, data)
        for name, end in (("exact", exact), ("network", learned))
    }
    apart = np.linalg.norm(data[:, None] - data[None], axis=-1) + np.where(np.eye(len(data)) > 0, np.inf, 0)
    st.markdown(
        f"On average a sample of the **exact** score lies **{far['exact']:.3f}** from the nearest of the {len(data)} "
        f"training points, a sample of the **network** **{far['network']:.3f}**; the training points themselves are "
        f"{apart.min(1).mean():.3f} from their nearest neighbours. The data of the training loss are these points "
        "and nothing else, so pₜ is a **kernel density**: a Gaussian of standard deviation σₜ on each. As t goes to "
        "0 its score pulls to one of the points, and sampling can end nowhere else. A network of limited size and "
        "training time is smoother than that score and ends in between: what generalizes is its error. With few "
        "points and long training it memorizes as well (Kadkhodaie et al. 2024, arXiv 2310.02557)."
    )
    st.latex(
        r"p_t(x) = \frac1N \sum_{i=1}^N \mathcal N\!\left(x;\ \sqrt{\bar\alpha_t}\,x_i,\ (1-\bar\alpha_t) I\right)"
    )
