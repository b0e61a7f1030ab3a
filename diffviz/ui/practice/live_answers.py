"""The live runs that answer the predictions: each shows on our model what was asked, there and then."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st
import torch

from diffviz.generation import Settings, run_steps
from diffviz.trajectory import to_uint8
from diffviz.ui import gallery


def _finals(settings: Settings, seeds: list[int]) -> list:
    torch.set_num_threads(1)
    *_, last = run_steps(settings, seeds=seeds)
    return list(to_uint8(last.x.numpy()))


def slow() -> None:
    """Time a run and one of twice the steps."""
    torch.set_num_threads(1)
    took = []
    with st.spinner("Running 20 steps, then 40 …"):
        _finals(Settings("cat face", "noto", steps=3), [0])  # the first run of all also loads things
        for steps in (20, 40):
            began = time.perf_counter()
            _finals(Settings("cat face", "noto", steps=steps), [0])
            took.append(time.perf_counter() - began)
    st.markdown(
        f"Measured just now: 20 steps took {took[0]:.2f} s, 40 steps {took[1]:.2f} s: **{took[1] / took[0]:.1f} times** "
        "as long."
    )


def different() -> None:
    """Nine seeds of one prompt."""
    seeds = list(range(9))
    with st.spinner("Nine seeds at once …"):
        pictures = _finals(Settings("cat face", "noto", steps=20), seeds)
    st.html(gallery.row(pictures, [f"seed {s}" for s in seeds], ["cat face, noto"] * 9))


def hands() -> None:
    """Hands, to be counted by the learner."""
    seeds = list(range(4, 10))
    with st.spinner("Six hands …"):
        pictures = _finals(Settings("hand with fingers splayed", "noto", steps=20), seeds)
    st.html(gallery.row(pictures, [f"seed {s}" for s in seeds], ["count the fingers"] * 6, largest=128))
    st.caption("Drawn just now and not picked: some are right, some are not. Nothing in the network counts.")


ANSWERS: dict[str, Callable[[], None]] = {
    "predict-slow": slow,
    "predict-different": different,
    "predict-hands": hands,
}
