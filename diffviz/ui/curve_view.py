"""The measured curve on the steps page: quality against network calls, from a file that a command makes."""

from __future__ import annotations

import time

import streamlit as st
import torch

from diffviz import checkpoints, curves, plots
from diffviz.checkpoints import ASSETS
from diffviz.generation import Settings, run_steps
from diffviz.samplers import SAMPLERS
from diffviz.ui import theme
from diffviz.ui.names import SAMPLER_TITLES
from diffviz.ui.steps_view import predict

CONFIG = {"displayModeBar": False}


def measured(settings: Settings) -> None:
    """Quality against calls or seconds for every sampler, the sentence that follows from it, and published tables."""
    curve = curves.load()
    guess = predict(
        "From how many DDIM steps on does quality stop rising?",
        ["5", "12", "20", "50", "never"],
        "guess-curve",
    )
    if guess is None:
        return
    if curve is None:
        st.info("The curve of these weights has not been measured yet.", icon=":material/hourglass_empty:")
        return
    entry = checkpoints.manifest()[settings.model]
    if not curve.is_of(entry.sha256):
        st.warning(
            "This curve was measured on earlier weights than the ones that run here.",
            icon=":material/history:",
        )
    with st.container(horizontal=True):
        measure = st.segmented_control(
            "Quality", list(curves.MEASURES), default="frechet", format_func=lambda m: curves.MEASURES[m][0],
            required=True, key="curve-y",
        )  # fmt: skip
        by_time = st.segmented_control(
            "Cost", ["network calls", "seconds here"], default="network calls", required=True, key="curve-x"
        )
    title = curves.MEASURES[measure][0]
    scale = _seconds_per_call() if by_time == "seconds here" else 1.0
    lines = {}
    for name in curve.samplers():
        line = curve.line(name, measure)
        if line:
            intervals = [p["interval"] for p in line] if line[0]["interval"] else None
            x, y = [p["calls"] * scale for p in line], [p["value"] for p in line]
            lines[SAMPLER_TITLES[name]] = (list(SAMPLERS).index(name), x, y, intervals)
    figure = plots.measured_curve(
        lines,
        ("seconds a picture, on this computer" if by_time == "seconds here" else "network calls", title),
        curve.floor if measure == "frechet" else None,
        theme.palette(),
    )
    st.plotly_chart(figure, theme=None, config=CONFIG, key="curve")
    st.caption(
        f"N = {curve.n:,} pictures a point, 1 to {curve.longest} steps, the same captions and noises for all, guidance "
        f"{curve.raw['guidance']:g} (two calls a step); bars are 95 % intervals. {_about(measure, curve)}"
    )
    line = curve.line("ddim", "frechet")
    near, apart = curves.near_best(line, False), curves.good_enough(line, False)
    if near and apart:
        st.markdown(
            f"You said **{guess}**. Measured on our model: DDIM's Fréchet distance is within 5 % of its best from "
            f"**{near['steps']} steps** on. How sure is that? With N = {curve.n} the 95 % interval at "
            f"{apart['steps']} steps already overlaps that of the best, so finer differences are hints and no more. "
            + _others(curve)
        )
    with st.expander("Published curves for comparison", icon=":material/menu_book:"):
        _published()


def _about(measure: str, curve: curves.Curve) -> str:
    if measure == "frechet":
        return (
            f"A Fréchet distance in the features of our own small classifier, against {curve.raw['real']} held-out real "
            "pictures: not an FID, and not to be compared with one. The real pictures behind the line share the labels but "
            "not always the styles, which is why it can lie above the generated ones."
        )
    if measure == "distance":
        steps, name = curve.raw["reference"]["steps"], SAMPLER_TITLES[curve.raw["reference"]["sampler"]]
        return f"Root mean square distance to {steps} steps of {name} from the same noise. DDPM has none: it draws anew."
    if measure == "subgroup_top1":
        return "How often our classifier sees the subgroup that was asked for."
    return "Nearest-neighbour precision and recall in our classifier's features (no intervals)."


def _others(curve: curves.Curve) -> str:
    found = []
    for name in curve.samplers():
        enough = curves.near_best(curve.line(name, "frechet"), higher_is_better=False)
        if enough and name != "ddim":
            found.append(f"{SAMPLER_TITLES[name]} from {enough['steps']} steps ({enough['calls']} calls)")
    return f"The others: {', '.join(found)}." if found else ""


@st.cache_data(show_spinner="Timing a few network calls …", ttl=600)
def _seconds_per_call() -> float:
    torch.set_num_threads(1)
    began = time.perf_counter()
    steps = 12
    for _ in run_steps(Settings("cat face", "noto", steps=steps, guidance=1.0)):
        pass
    return (time.perf_counter() - began) / steps


def _published() -> None:
    columns, rows = curves.published()
    table = [
        {
            "method": r["method"],
            **{f"{c} calls": r["fid"].get(str(c)) for c in columns},
            "source": r["source"],
        }
        for r in rows
    ]
    st.dataframe(table, hide_index=True)
    st.markdown(
        "FID on CIFAR-10, lower is better; compare within a row. These numbers differ from ours because the pictures, "
        "the network and the features of the measure are all others. What carries over is the shape: a steep fall "
        "first, then little."
    )
    st.caption(
        f"Ours: `{(ASSETS / 'curves' / 'steps.json').name}`, made by `python -m diffviz.training.measure_steps`."
    )
