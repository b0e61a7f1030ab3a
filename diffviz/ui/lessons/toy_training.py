"""Small networks trained on points in the plane in the visitor's sight, and how the points are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import streamlit as st
import torch

from diffviz.toy import diffusion2d
from diffviz.ui import theme, turns
from diffviz.ui.cache import by_content, frozen, memo
from diffviz.ui.components import player
from diffviz.ui.prediction import ask_prediction
from diffviz.ui.stage import Stage

SIDE = 256  # pixels of a scatter plot
LENGTHS = (100, 300, 1000, 3000)  # training steps
DATA = 1000
CLOSE = 0.06  # distance of samples to the data: two samples of the data themselves are about 0.03 apart
SNAPSHOTS = 24
MAX_MODELS = 30  # trained networks a visitor may have

_distance = by_content(diffusion2d.max_nn_distance)  # takes milliseconds, and each rerun asks for dozens

Model = TypeVar("Model", bound=diffusion2d.GenerativeModel)


@dataclass(frozen=True)
class Training(Generic[Model]):
    """A network after its training, and its samples on the way."""

    model: Model
    snapshots: list[diffusion2d.Snapshot]

    @property
    def samples(self) -> np.ndarray:
        """Its samples at the end: (N, 2)."""
        return self.snapshots[-1].samples


@dataclass(frozen=True)
class ToyTask:
    """A training task: points of a shape, the number of training steps, the seed."""

    shape: str
    steps: int
    seed: int

    @cached_property
    def data(self) -> np.ndarray:
        """The training points: (DATA, 2)."""
        return diffusion2d.points(self.shape, DATA, self.seed)

    @property
    def shown_data(self) -> np.ndarray:
        """As many of them as there are samples, to be compared with: (N, 2)."""
        return self.data[: diffusion2d.POINTS]

    def distance(self, points: np.ndarray) -> float:
        """Distance of points (N, 2) to the training points, see `diffusion2d.max_nn_distance`."""
        return _distance(points, self.shown_data)


def train_models(
    stage: Stage, task: ToyTask, models: Mapping[str, Callable[[], Model]], titles: Mapping[str, str]
) -> dict[str, Training[Model]]:
    """The visitor's networks for this lesson by their names: kept, or trained now, side by side and in sight."""
    known: dict[tuple[ToyTask, str], Training] = st.session_state.setdefault("trained", {})
    new = {
        name: diffusion2d.init_model(kind, task.seed)
        for name, kind in models.items()
        if (task, name) not in known
    }
    if new:
        torch.set_num_threads(1)
        at = np.geomspace(5, task.steps, SNAPSHOTS).round()
        shorter = [n for n in LENGTHS if n < task.steps]  # what is asked about a length can be told there
        at = np.unique(np.concatenate([[0], at, shorter])).astype(int).tolist()
        runs = {name: diffusion2d.train(m, task.data, task.steps, task.seed, at) for name, m in new.items()}
        place, done = stage.picture.empty(), {name: [] for name in runs}
        together = zip(*runs.values(), strict=True)
        for snapshots in turns.paced(together, "points", task.steps * len(new), "training"):
            for name, snapshot in zip(runs, snapshots, strict=True):
                done[name].append(snapshot)
            panels = [panel(titles[name], [found[-1]], task.shown_data) for name, found in done.items()]
            caption = f"Training: step {snapshots[0].step} of {task.steps}."
            if len(panels) == 1:
                panels.insert(0, data_panel(task.shown_data, 1))
            place.html(player.still(panels, caption))
        place.empty()
        known.update({(task, name): Training(new[name], found) for name, found in done.items()})
    asked = {name: known[task, name] for name in models}
    if new:  # the oldest go, and none that was asked for now
        others = [key for key in known if key not in {(task, name) for name in models}]
        for key in others[: max(0, len(known) - MAX_MODELS)]:
            del known[key]
    return asked


def ask_with_preview(
    question: str, options: Sequence[str], key: str, stage: Stage, task: ToyTask
) -> str | None:
    """Ask for a prediction as `ask_prediction` does; until it is made, show noise and data."""
    with stage.question:
        guess = ask_prediction(question, options, key)
    if guess is None:
        panels = memo("toy-preview", task, lambda: _preview(task))
        stage.picture.html(player.still(panels, "The training data, and beside them the noise.", stays=True))
    return guess


def _preview(task: ToyTask) -> list[player.Panel]:
    """The data, and the noise that sampling starts from."""
    noise = points_image(diffusion2d.initial_noise(task.seed).numpy(), "noise")[None]
    return [
        data_panel(task.shown_data, 1),
        player.Panel("noise", "what sampling starts from", "noise", noise),
    ]


def role_rgb(role: str) -> tuple[int, int, int]:
    """A role's colour on white, which is what points are drawn on in either theme."""
    red, green, blue = bytes.fromhex(theme.LIGHT[role][1:])
    return red, green, blue


def backdrop(data: np.ndarray) -> diffusion2d.Dots:
    """The data in pale grey, for samples to be drawn on."""
    return diffusion2d.Dots(data, (208, 208, 208))


def points_image(points: np.ndarray, role: str, *under: diffusion2d.Dots) -> np.ndarray:
    """Points (N, 2) in the colour of their role, on others: (SIDE, SIDE, 3) uint8."""
    return diffusion2d.scatter_image(*under, diffusion2d.Dots(points, role_rgb(role)), size=SIDE)


def data_panel(data: np.ndarray, frames: int) -> player.Panel:
    """The training data, the same in every frame."""
    return player.Panel(
        "data", "the training points", "signal", np.repeat(points_image(data, "signal")[None], frames, 0)
    )


def panel(title: str, run: Sequence[diffusion2d.Snapshot], data: np.ndarray, label: str = "") -> player.Panel:
    """A network's samples at each snapshot, on the data in grey."""
    frames = np.stack([points_image(s.samples, "prediction", backdrop(data)) for s in run])
    return player.Panel(title, label or "so far", "prediction", frames)


def kept_panels(settings: object, make: Callable[[], list[player.Panel]]) -> list[player.Panel]:
    """The visitor's panels of these `settings`, which name the part of a lesson too, drawn once.

    One place for all parts: the frames of one take up to 20 MB, and only the part in sight asks for its own again.
    """
    return memo("toy-panels", settings, lambda: frozen(make()))


def distance_chart(title: str, far: Sequence[float], top: float) -> player.Chart:
    """Distances from the data under the player, on an axis from 0 to `top`."""
    return player.Chart(title, "prediction", far, [f"{d:.2f}" for d in far], (0, top))


def play_training(
    task: ToyTask,
    run: Sequence[diffusion2d.Snapshot],
    panels: Sequence[player.Panel],
    captions: Sequence[str],
    charts: Sequence[player.Chart],
    *,
    title: str,
    key: str,
) -> None:
    """Show a training to be scrubbed: one frame, caption and value of each chart for each snapshot."""
    player.play(
        panels,
        [f"after {s.step} of {task.steps} training steps" for s in run],
        captions,
        title=title,
        key=key,
        name=title.lower().replace(",", "").replace(" ", "-"),
        t=np.linspace(0, 1, len(run)),
        charts=charts,
    )
