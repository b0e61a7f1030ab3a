"""The measured curve of the samplers page: sample quality against NFE, from a file that a command makes."""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import Any

import numpy as np
import streamlit as st
import torch

from diffviz import pacing
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.evaluation.results import KID_SCALE
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.ui import charts, terms, theme, turns
from diffviz.ui.cache import by_content, memo
from diffviz.ui.components import gallery
from diffviz.ui.fold import fold
from diffviz.ui.measured import note_provenance
from diffviz.ui.prediction import UNASKED, ask_prediction, locked
from diffviz.ui.stage import Stage

SAMPLES, SAMPLES_OF_LONG_RUNS = 8, 2
TIMED_ANEW = 600.0  # seconds between measurements of the network's speed


def show(stage: Stage, settings: Settings) -> None:
    """Quality against NFE or seconds for every sampler, what follows from it, and published tables."""
    with stage.question:
        guess = ask_prediction(
            "From how many DDIM steps on does quality stop rising?",
            ["5", "12", "20", "50", "never"],
            "guess-curve",
        )
    curve = results.load_quality_curve(settings.model)
    if curve is None:
        st.info("The curve of this network has not been measured yet.", icon=":material/hourglass_empty:")
        return
    note_provenance(curve, settings.model)
    with stage.controls:
        measure = st.segmented_control(
            "Quality", list(results.METRICS), default="difference", format_func=lambda m: results.METRICS[m][0],
            required=True, key="curve-y",
        )  # fmt: skip
        by_time = st.segmented_control(
            "Cost", ["NFE", "seconds here"], default="NFE", required=True, key="curve-x"
        )
    timed = settings.model if by_time == "seconds here" else None
    with stage.picture, locked(guess, "guess-curve"):
        event = chart(curve, measure, key="curve", timed=timed)
    st.caption(
        f"N = {curve.n:,} generated images a point, 1 to {curve.longest} steps, the same captions and noises for all, "
        f"guidance scale {curve.raw['guidance']:g} (which doubles the NFE); bars are 95 % intervals. "
        f"{_about(measure, curve)}"
    )
    if guess is None:
        return
    said = "" if guess == UNASKED else f"You said **{guess}**. "
    st.markdown(said + _finding(curve))
    _samples(settings, curve, [p["customdata"] for p in event.selection.points])
    with st.expander("How to read the intervals", icon=":material/straighten:"):
        st.markdown(_about_intervals(curve))
    published = functools.partial(_published, settings.model)
    fold("Published curves for comparison", "published", published, icon=":material/menu_book:")


def chart(
    curve: results.QualityCurve,
    measure: str,
    *,
    key: str,
    timed: str | None = None,
    mark: tuple[float, str] | None = None,
) -> Any:
    """Draw the curve of one measure; returns Streamlit's event, whose points carry "sampler:steps".

    `timed` names the network whose time for an evaluation turns NFE into seconds; None leaves NFE.
    """
    scale = _seconds_per_evaluation(timed, int(time.time() / TIMED_ANEW)) if timed else 1.0
    unit = KID_SCALE if measure in ("kid", "difference") else 1
    lines, tags = {}, {}
    for name in curve.samplers():
        line = curve.line(name, measure)
        if line:
            intervals = [[unit * end for end in p["interval"]] for p in line]
            x, y = [p["nfe"] * scale for p in line], [unit * p["value"] for p in line]
            lines[SAMPLERS[name].title] = (list(SAMPLERS).index(name), x, y, intervals)
            tags[SAMPLERS[name].title] = [f"{name}:{p['steps']}" for p in line]
    titles = (
        "seconds an image, on this computer" if timed else "network function evaluations (NFE)",
        results.METRICS[measure][0] + (f" × {unit:,}" if unit > 1 else ""),
    )
    floor = {"kid": (unit * curve.floor, "real images"), "difference": (0.0, "the reference")}.get(measure)
    figure = charts.quality_curve(
        lines, titles, floor, theme.palette(), tags, mark, power=measure == "distance"
    )
    return charts.show(figure, key, on_select="rerun", selection_mode="points")


def _title(setting: dict) -> str:
    return f"{SAMPLERS[setting['sampler']].title} at {setting['steps']} steps"


def _finding(curve: results.QualityCurve) -> str:
    """From how many steps on the paired differences show the loss against the reference to be small."""
    first = curve.first_close("ddim")
    last = curve.line("ddim", "difference")[-1]
    point = first or last
    there = (
        f"At {point['steps']} steps the paired difference of KID is {_in_words(point)}; of a single step it is "
        f"{KID_SCALE * curve.single_step_loss():+.0f}. "
    )
    head = f"Measured on this network with N = {curve.n:,}: "
    loss = f"the loss against the reference ({_title(curve.reference)}) is"
    small = f"below {results.MARGIN:.0%} of that of a single step"
    if first is None:
        head += f"up to {last['steps']} DDIM steps {loss} not shown to be {small}. "
    else:
        head += f"from **{first['steps']} DDIM steps** on, {loss} {small}, with 95 % confidence. "
    return head + there + _others(curve) + _below(curve)


def _below(curve: results.QualityCurve) -> str:
    """Which setting is shown to have a lower KID than the reference by most, if any is."""
    found = [
        {**p, "sampler": s}
        for s in curve.samplers()
        for p in curve.line(s, "difference")
        if p["interval"][1] < 0
    ]
    if not found:
        return ""
    best = min(found, key=lambda p: p["value"])
    return (
        f" Some settings with fewer steps even have a lower KID than the reference, {_title(best)} by most: "
        f"{_in_words(best)}. "
        "More steps bring samples nearer to what the guided network defines, which is not the training distribution that "
        "KID compares them with."
    )


def _in_words(point: dict) -> str:
    low, high = (KID_SCALE * end for end in point["interval"])
    return f"{KID_SCALE * point['value']:+.0f} (95 % interval {low:+.0f} to {high:+.0f}, in units of 1/{KID_SCALE:,})"


def _others(curve: results.QualityCurve) -> str:
    others = [name for name in curve.samplers() if name != "ddim"]
    found = {name: curve.first_close(name) for name in others}
    reached = [f"{SAMPLERS[n].title} from {p['steps']} steps (NFE {p['nfe']})" for n, p in found.items() if p]
    missed = [SAMPLERS[n].title for n, p in found.items() if p is None]
    return " ".join(
        [f"The same holds for {', '.join(reached)}."] * bool(reached)
        + [f"It is not shown for {', '.join(missed)}."] * bool(missed)
    )


def _samples(settings: Settings, curve: results.QualityCurve, clicked: list) -> None:
    """Images sampled now at one setting of the curve: a click on its point or the list chooses which."""
    points = {
        f"{p['sampler']}:{p['steps']}": p for p in sorted(curve.raw["points"], key=lambda p: p["steps"])
    }
    tag = str(clicked[0][0] if isinstance(clicked[0], list) else clicked[0]) if clicked else None
    if tag in points and tag != st.session_state.get("curve-clicked"):
        st.session_state["curve-point"] = tag
    st.session_state["curve-clicked"] = tag
    if st.session_state.get("curve-point") not in (None, *points):
        st.session_state["curve-point"] = None  # a point of the other network's curve
    chosen = st.selectbox(
        "Samples at a point: click it in the chart, or choose it here", list(points), index=None, key="curve-point",
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
        bar = st.progress(0.0, f"{n} images at {_setting_title(chosen)} …")
        for step in sample_steps(setting, seeds=seeds):
            bar.progress(step.i / setting.steps, f"Step {step.i} of {setting.steps}, {n} images at once")
        bar.empty()
        return to_uint8(checkpoints.load(setting.model).decode(step.x).numpy())

    images = memo("curve-samples", setting, draw)
    kid = points[chosen]["kid"]
    low, high = (KID_SCALE * end for end in kid["interval"])
    st.html(gallery.row(list(images), [f"seed {s}" for s in seeds], [""] * n))
    st.caption(
        f"Sampled now: your prompt at {_setting_title(chosen)}. Measured there: KID × {KID_SCALE:,} = "
        f"{KID_SCALE * kid['value']:.1f} ({low:.1f} to {high:.1f}), N = {curve.n:,}."
    )


def _setting_title(point: str) -> str:
    sampler, steps = point.split(":")
    return f"{SAMPLERS[sampler].title}, {steps} step{'s' if steps != '1' else ''}"


def _about(measure: str, curve: results.QualityCurve) -> str:
    reference = _title(curve.reference)
    if measure == "kid":
        return (
            f"KID is the unbiased squared maximum mean discrepancy with a cubic kernel (Bińkowski et al. 2018), here in "
            f"the {curve.raw['features']} features of our own classifier at 32 × 32 pixels, to {curve.raw['real']:,} real "
            "images of the training distribution whose captions are not used: not comparable with a published KID. Lower "
            "is better. The line is the KID of the real images whose captions were taken; on average that is 0. "
            "These wide bars are mostly due to the choice of captions, which all points share."
        )
    if measure == "difference":
        return (
            f"KID of a point minus KID of {reference}, from a paired bootstrap over captions, noises and real images. An "
            "interval above 0 is a measured loss of quality, one below 0 a lower KID than the reference's."
        )
    if measure == "distance":
        rounding = curve.raw.get("rounding")
        limit = f" Below about {rounding['value']:.3f} the differences are rounding." if rounding else ""
        return (
            f"RMSE to the image of {reference} from the same noise. DDPM has none: it adds new noise at every step and "
            f"ends in another image.{limit} Both axes are logarithmic: for steps that are short enough a line falls with a "
            "slope of minus the order of convergence. With steps as long as these, and with clipping, the lines do "
            "not reach it."
        )
    return "The share of images in which our classifier sees the subgroup of the caption."


def _about_intervals(curve: results.QualityCurve) -> str:
    return (
        f"All points share their captions, their noises and the {curve.raw['real']:,} real images. So the error bars of "
        "two points move together, and **whether they overlap is no test** of a difference (Schenker & Gentleman 2001). "
        "What answers the question is the interval of the *paired* difference: choose “KID minus the reference's” above. "
        "Resampling draws captions with their noises, and real images, with replacement 1,000 times; the interval is the "
        "middle 95 % of the values (a percentile bootstrap, Efron 1979). An interval that includes 0 does not prove "
        "equality: its ends say how large a difference remains possible. So the sentence above asks for more: the whole "
        f"interval has to lie below {results.MARGIN:.0%} of the loss of a single step (a non-inferiority test)."
    )


@by_content
def _seconds_per_evaluation(model: str, period: int) -> float:
    """Measured anew in each period, without decoding: that is done once an image."""
    torch.set_num_threads(1)
    steps = 12
    settings = Settings("cat face", "noto", steps=steps, guidance=1.0, model=model)
    with st.spinner("Timing a few network evaluations …"):
        began = pacing.clock()
        for _ in turns.paced(sample_steps(settings), (model, False), settings.nfe):
            pass
        return (pacing.clock() - began) / steps


def _published(model: str) -> None:
    columns, rows = results.published_results()
    table = [
        {
            "method": r["method"],
            **{f"NFE {c}": r["fid"].get(str(c)) for c in columns},
            "source": r["source"],
        }
        for r in rows
    ]
    st.dataframe(table, hide_index=True)
    st.html(terms.symbols_line("FID", "NFE"))
    st.markdown(
        "FID on CIFAR-10, lower is better; compare within a row. These numbers differ from ours because the images, the "
        "network, the features and the measure all do. What carries over is the shape: a steep fall first, then little."
    )
    option = "" if model == checkpoints.QUICK else f" --model {model}"
    st.caption(f"Ours: `steps-{model}.json`, made by `python -m diffviz.training.eval_steps{option}`.")
