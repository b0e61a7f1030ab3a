"""The measured curve on the steps page: quality against network calls, from a file that a command makes."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import streamlit as st
import torch

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.imaging.pixels import to_uint8
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.ui import charts, theme
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery
from diffviz.ui.measured import note_provenance
from diffviz.ui.prediction import ask_prediction

SAMPLES, SAMPLES_OF_LONG_RUNS = 8, 2


def show(settings: Settings) -> None:
    """Quality against calls or seconds for every sampler, the sentence that follows from it, and published tables."""
    curve = results.load_quality_curve()
    guess = ask_prediction(
        "From how many DDIM steps on does quality stop rising?",
        ["5", "12", "20", "50", "never"],
        "guess-curve",
    )
    if guess is None:
        return
    if curve is None:
        st.info("The curve of these weights has not been measured yet.", icon=":material/hourglass_empty:")
        return
    note_provenance(curve, settings.model)
    with st.container(horizontal=True):
        measure = st.segmented_control(
            "Quality", list(results.METRICS), default="frechet", format_func=lambda m: results.METRICS[m][0],
            required=True, key="curve-y",
        )  # fmt: skip
        by_time = st.segmented_control(
            "Cost", ["network calls", "seconds here"], default="network calls", required=True, key="curve-x"
        )
    timed = settings.model if by_time == "seconds here" else None
    event = chart(curve, measure, key="curve", timed=timed)
    st.caption(
        f"N = {curve.n:,} pictures a point, 1 to {curve.longest} steps, the same captions and noises for all, guidance "
        f"{curve.raw['guidance']:g} (two calls a step); bars are 95 % intervals. {_about(measure, curve)}"
    )
    left_out = []
    for point, why in curve.raw.get("left_out", {}).items():
        sampler, _, steps = point.partition(":")
        left_out.append(f"{SAMPLERS[sampler].title}{f' at {steps} steps' if steps else ''} ({why})")
    if left_out:
        st.caption(f"Not measured: {', '.join(left_out)}.")
    _samples(settings, curve, [p["customdata"] for p in event.selection.points])
    line = curve.line("ddim", "frechet")
    near, apart = results.first_near_best(line, False), results.first_within_interval(line, False)
    if near and apart:
        st.markdown(
            f"You said **{guess}**. Measured on our model: DDIM's Fréchet distance is within 5 % of its best from "
            f"**{near['steps']} steps** on. How sure is that? With N = {curve.n} the 95 % interval at "
            f"{apart['steps']} steps already overlaps that of the best, so finer differences are hints and no more. "
            + _others(curve)
        )
    with st.expander("Published curves for comparison", icon=":material/menu_book:"):
        _published()


def chart(
    curve: results.QualityCurve,
    measure: str,
    *,
    key: str,
    timed: str | None = None,
    mark: tuple[float, str] | None = None,
) -> object:
    """Draw the curve of one measure; returns Streamlit's event, whose points carry "sampler:steps".

    `timed` names the network whose time for a call turns calls into seconds; None leaves calls.
    """
    scale = _seconds_per_call(timed) if timed else 1.0
    lines, tags = {}, {}
    for name in curve.samplers():
        line = curve.line(name, measure)
        if line:
            intervals = [p["interval"] for p in line] if line[0]["interval"] else None
            x, y = [p["calls"] * scale for p in line], [p["value"] for p in line]
            lines[SAMPLERS[name].title] = (list(SAMPLERS).index(name), x, y, intervals)
            tags[SAMPLERS[name].title] = [f"{name}:{p['steps']}" for p in line]
    titles = (
        "seconds a picture, on this computer" if timed else "network calls",
        results.METRICS[measure][0],
    )
    floor = curve.floor if measure == "frechet" else None
    power = measure == "distance"
    figure = charts.quality_curve(lines, titles, floor, theme.palette(), tags, mark, power)
    return charts.show(figure, key, on_select="rerun", selection_mode="points")


def _samples(settings: Settings, curve: results.QualityCurve, clicked: list) -> None:
    """Pictures drawn now at one setting of the curve: a click on its point or the list chooses which."""
    points = [f"{p['sampler']}:{p['steps']}" for p in sorted(curve.raw["points"], key=lambda p: p["steps"])]
    tag = str(clicked[0][0] if isinstance(clicked[0], list) else clicked[0]) if clicked else None
    if tag in points and tag != st.session_state.get("curve-clicked"):
        st.session_state["curve-point"] = tag
    st.session_state["curve-clicked"] = tag
    chosen = st.selectbox(
        "Samples at a point: click it in the chart, or choose it here", points, index=None, key="curve-point",
        format_func=_setting_title, placeholder="no point chosen yet",
    )  # fmt: skip
    if chosen is None:
        return
    sampler, steps = chosen.split(":")
    setting = dataclasses.replace(settings, sampler=sampler, steps=int(steps))
    n = SAMPLES if setting.steps <= 50 else SAMPLES_OF_LONG_RUNS
    seeds = [settings.seed + k for k in range(n)]

    def draw() -> np.ndarray:
        torch.set_num_threads(1)
        bar = st.progress(0.0, f"{n} pictures at {_setting_title(chosen)} …")
        for step in sample_steps(setting, seeds=seeds):
            bar.progress(step.i / setting.steps, f"Step {step.i} of {setting.steps}, {n} pictures at once")
        bar.empty()
        return to_uint8(step.x.numpy())

    pictures = memo("curve-samples", setting, draw)
    point = curve.point(sampler, setting.steps)
    low, high = point["frechet"]["interval"]
    st.html(gallery.row(list(pictures), [f"seed {s}" for s in seeds], [""] * n))
    st.caption(
        f"Drawn now: your prompt at {_setting_title(chosen)}. Measured there: Fréchet distance "
        f"{point['frechet']['value']:.1f} ({low:.1f} to {high:.1f}), N = {curve.n:,}."
    )


def _setting_title(point: str) -> str:
    sampler, steps = point.split(":")
    return f"{SAMPLERS[sampler].title}, {steps} step{'s' if steps != '1' else ''}"


def _about(measure: str, curve: results.QualityCurve) -> str:
    if measure == "frechet":
        return (
            f"A Fréchet distance in the features of our own small classifier, against {curve.raw['real']} held-out real "
            "pictures: not an FID, and not to be compared with one. The real pictures behind the line share the labels but "
            "not always the styles, which is why it can lie above the generated ones."
        )
    if measure == "distance":
        steps, name = curve.raw["reference"]["steps"], SAMPLERS[curve.raw["reference"]["sampler"]].title
        rounding = curve.raw.get("rounding")
        limit = f" Below about {rounding['value']:.3f} the differences are rounding." if rounding else ""
        return (
            f"Root mean square distance to {steps} steps of {name} from the same noise. DDPM has none: it draws "
            f"anew.{limit} Both axes are logarithmic: the steeper a line falls, the more each further call brings."
        )
    if measure == "subgroup_top1":
        return "How often our classifier sees the subgroup that was asked for."
    return "Nearest-neighbour precision and recall in our classifier's features (no intervals)."


def _others(curve: results.QualityCurve) -> str:
    found = []
    for name in curve.samplers():
        enough = results.first_near_best(curve.line(name, "frechet"), higher_is_better=False)
        if enough and name != "ddim":
            found.append(f"{SAMPLERS[name].title} from {enough['steps']} steps ({enough['calls']} calls)")
    return f"The others: {', '.join(found)}." if found else ""


@st.cache_data(show_spinner="Timing a few network calls …", ttl=600)
def _seconds_per_call(model: str) -> float:
    torch.set_num_threads(1)
    began = time.perf_counter()
    steps = 12
    for _ in sample_steps(Settings("cat face", "noto", steps=steps, guidance=1.0, model=model)):
        pass
    return (time.perf_counter() - began) / steps


def _published() -> None:
    columns, rows = results.published_results()
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
        f"Ours: `{(ASSETS / 'curves' / 'steps.json').name}`, made by `python -m diffviz.training.eval_steps`."
    )
