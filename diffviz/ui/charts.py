"""Plotly figures: arrays in, figures out, and `show`. Colours come in as a palette of roles, see `diffviz.ui.theme`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots
from streamlit.delta_generator import DeltaGenerator

from diffviz.evaluation.results import DistanceHistogram

FONT = "Atkinson Hyperlegible Next, system-ui, sans-serif"
CONFIG = {"displayModeBar": False}


def show(figure: go.Figure, key: str, place: DeltaGenerator | None = None, **more: Any) -> Any:
    """Draw a figure on the page, or at a `place` kept for it, as all charts here are drawn."""
    return (place or st).plotly_chart(figure, theme=None, config=CONFIG, key=key, **more)


def _style(figure: go.Figure, colours: Mapping[str, str], height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 14, "color": colours["text"]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        hoverlabel={"font": {"family": FONT}},
        dragmode=False,
        bargap=0,
    )
    axis = {
        "gridcolor": colours["line"],
        "linecolor": colours["line-strong"],
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def log_snr_curves(
    t: np.ndarray, curves: Mapping[str, np.ndarray], chosen: str, colours: Mapping[str, str]
) -> go.Figure:
    """log-SNR over t of several schedules, the chosen one drawn in colour and wide: curves title -> (N,)."""
    figure = go.Figure()
    dashes = ("dash", "dot", "dashdot", "longdash")
    others = [name for name in curves if name != chosen]
    for name in (*others, chosen):
        mine = name == chosen
        figure.add_scatter(
            x=t,
            y=np.clip(curves[name], -20, 20),
            name=name,
            line={
                "color": colours["signal" if mine else "unconditional"],
                "width": 4 if mine else 1.8,
                "dash": "solid" if mine else dashes[others.index(name) % len(dashes)],
            },
            hovertemplate="%{y:.1f}",
        )
    figure.update_xaxes(title="t")
    figure.update_yaxes(title="log SNR", range=[-12, 12])
    return _style(figure, colours, 340)


def pixel_histograms(
    titles: Sequence[str],
    one_jump: Sequence[np.ndarray],
    step_by_step: Sequence[np.ndarray],
    colours: Mapping[str, str],
    columns: int = 4,
) -> go.Figure:
    """Histograms of pixel values reached in two ways, one small chart per time, on a standard normal curve."""
    edges = np.linspace(-4, 4, 65)
    middle = (edges[:-1] + edges[1:]) / 2
    normal = np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    rows = -(-len(titles) // columns)
    figure = make_subplots(rows, columns, subplot_titles=titles, horizontal_spacing=0.03)
    for i, (jump, chain) in enumerate(zip(one_jump, step_by_step, strict=True)):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        first = i == 0
        heights = [np.histogram(v, edges, density=True)[0] for v in (jump, chain)]
        figure.add_bar(
            x=middle,
            y=heights[0],
            name="one jump",
            showlegend=first,
            legendgroup="jump",
            marker={"color": colours["signal"], "opacity": 0.45, "line": {"width": 0}},
            **place,
        )
        figure.add_scatter(
            x=middle,
            y=heights[1],
            name="step by step",
            showlegend=first,
            legendgroup="chain",
            line={"color": colours["noise"], "width": 2, "shape": "hvh"},
            **place,
        )
        figure.add_scatter(
            x=middle,
            y=normal,
            name="standard normal",
            showlegend=first,
            legendgroup="normal",
            line={"color": colours["text"], "width": 1.8, "dash": "dash"},
            **place,
        )
    # The clean picture piles up at white: its bar would flatten everything else, so it is cut off.
    top = max(1.0, *(float(np.histogram(v, edges, density=True)[0][8:-8].max()) for v in one_jump[1:]))
    figure.update_yaxes(range=[0, min(top * 1.15, 1.6)], showticklabels=False)
    figure.update_xaxes(tickvals=[-2, 0, 2])
    _style(figure, colours, 270 * rows)
    return figure.update_layout(hovermode=False, margin={"t": 64}, legend={"y": 1.16})


def convergence(layout: np.ndarray, detail: np.ndarray, colours: Mapping[str, str]) -> go.Figure:
    """How much of the finished picture's layout and detail is in the estimate after each step: (F,) each."""
    steps = np.arange(len(layout))
    figure = go.Figure()
    figure.add_scatter(
        x=steps,
        y=layout,
        name="layout (averages over 8 × 8 squares)",
        mode="lines+markers",
        line={"color": colours["signal"], "width": 3},
        marker={"symbol": "square", "size": 6},
        hovertemplate="%{y:.0%}",
    )
    figure.add_scatter(
        x=steps,
        y=detail,
        name="fine detail (the rest)",
        mode="lines+markers",
        line={"color": colours["prediction"], "width": 3, "dash": "dot"},
        marker={"symbol": "diamond", "size": 6},
        hovertemplate="%{y:.0%}",
    )
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="settled", tickformat=".0%", range=[-0.03, 1.05])
    return _style(figure, colours, 320)


SERIES_DASHES = ("solid", "dot", "dash", "longdash", "dashdot", "longdashdot")
SERIES_MARKS = ("circle", "x", "square", "diamond", "triangle-up", "star")


def distance_by_nfe(
    lines: Mapping[str, tuple[int, Sequence[int], Sequence[float]]], budget: int, colours: Mapping[str, str]
) -> go.Figure:
    """Distance to the long run against network calls: title -> (number of its colour, calls, distances)."""
    figure = go.Figure()
    for name, (k, made, far) in lines.items():
        figure.add_scatter(
            x=list(made),
            y=list(far),
            name=name,
            mode="lines+markers",
            line={"color": colours[f"series-{k}"], "width": 2.5, "dash": SERIES_DASHES[k]},
            marker={"symbol": SERIES_MARKS[k], "size": 8},
            hovertemplate="%{y:.3f}",
        )
    figure.update_xaxes(title="network calls", range=[0, budget + 0.5])
    figure.update_yaxes(title="distance to the long run", rangemode="tozero")
    return _style(figure, colours, 320)


def distance_by_few_nfe(
    lines: Mapping[str, tuple[int, Sequence[int], Sequence[float]]], colours: Mapping[str, str]
) -> go.Figure:
    """Distance from the data against network calls, few of them drawn wide apart: as for `distance_by_nfe`."""
    made = sorted({calls for _, each, _ in lines.values() for calls in each})
    figure = distance_by_nfe(lines, made[-1], colours)
    figure.update_xaxes(
        type="log", tickvals=made, range=[np.log10(made[0]) - 0.05, np.log10(made[-1]) + 0.05]
    )
    return figure.update_yaxes(title="distance from the data")


def _round_ticks(low: float, high: float) -> dict:
    """Ticks at 1, 2 and 5 times powers of ten, for a logarithmic axis."""
    round_numbers = [m * 10.0**k for k in range(-4, 5) for m in (1, 2, 5)]
    ticks = [v for v in round_numbers if low * 0.9 <= v <= high * 1.1]
    return {"tickvals": ticks, "ticktext": [f"{v:g}" for v in ticks]}


def quality_curve(
    lines: Mapping[str, tuple[int, Sequence[float], Sequence[float], Sequence[Sequence[float]] | None]],
    titles: tuple[str, str],
    floor: float | None,
    colours: Mapping[str, str],
    tags: Mapping[str, Sequence[str]] | None = None,
    mark: tuple[float, str] | None = None,
    power: bool = False,
) -> go.Figure:
    """Quality against cost on a log axis with error bars: title -> (number of its colour, x, y, intervals).

    With `power` the other axis is logarithmic too, so that a power law is a straight line. `tags` name each point
    for whoever handles a click; `mark` is an x with a text, drawn as an upright line.
    """
    figure = go.Figure()
    for name, (k, x, y, intervals) in lines.items():
        bars = None
        if intervals:
            up = [high - v for v, (_, high) in zip(y, intervals, strict=True)]
            down = [v - low for v, (low, _) in zip(y, intervals, strict=True)]
            bars = {
                "type": "data",
                "symmetric": False,
                "array": up,
                "arrayminus": down,
                "thickness": 1.2,
                "width": 3,
            }
        figure.add_scatter(
            x=list(x),
            y=list(y),
            name=name,
            mode="lines+markers",
            error_y=bars,
            line={"color": colours[f"series-{k}"], "width": 2.2, "dash": SERIES_DASHES[k]},
            marker={"symbol": SERIES_MARKS[k], "size": 8},
            hovertemplate="%{y:.3g} at %{x:.3g}",
            customdata=list(tags[name]) if tags else None,
            unselected={"marker": {"opacity": 1}},  # a click asks for samples; it must not fade the rest
        )
    if mark is not None:
        figure.add_shape(
            type="line", x0=mark[0], x1=mark[0], y0=0, y1=1, yref="paper",
            line={"color": colours["noise"], "width": 2, "dash": "dash"},
        )  # fmt: skip
        figure.add_annotation(
            x=float(np.log10(mark[0])), y=1, yref="paper", text=mark[1], showarrow=False, xanchor="left", yanchor="top",
            font={"color": colours["noise"]},
        )  # fmt: skip
    if floor is not None:
        figure.add_hline(
            y=floor,
            line={"color": colours["signal"], "width": 2},
            annotation_text="real against real",
            annotation_position="top right",
            annotation_font_color=colours["signal"],
        )
    far = max(max(x) for _, x, _, _ in lines.values())
    near = min(min(x) for _, x, _, _ in lines.values())
    figure.update_xaxes(title=titles[0], type="log", **_round_ticks(near, far))
    figure.update_yaxes(title=titles[1])
    if power:
        heights = [v for _, _, y, _ in lines.values() for v in y]
        figure.update_yaxes(type="log", **_round_ticks(min(heights), max(heights)))
    return _style(figure, colours, 440).update_layout(hovermode="closest")


def guidance_tradeoff(table: Sequence[Mapping], colours: Mapping[str, str]) -> go.Figure:
    """Measured against the guidance scale: how far the words are obeyed, and the distance to real pictures.

    Rows hold `guidance`, `label_top5` (share of the real pictures' own) and `frechet_to_floor`.
    """
    x = [row["guidance"] for row in table]
    figure = make_subplots(1, 2, subplot_titles=("words obeyed", "distance to real"))
    for column, key, role, mark in (
        (1, "label_top5", "conditional", "circle"),
        (2, "frechet_to_floor", "noise", "square"),
    ):
        figure.add_scatter(
            x=x,
            y=[row[key] for row in table],
            mode="lines+markers",
            line={"color": colours[role], "width": 2.5, "dash": "longdash" if column == 1 else "dash"},
            marker={"symbol": mark, "size": 8},
            hovertemplate="%{y:.0%} at %{x:g}" if column == 1 else "%{y:.2f} at %{x:g}",
            showlegend=False,
            row=1,
            col=column,
        )
    figure.update_xaxes(title="guidance")
    _style(figure, colours, 300).update_layout(hovermode="closest")
    figure.update_yaxes(tickformat=".0%", row=1, col=1)
    return figure


def weighted_losses(t: np.ndarray, lines: Mapping[str, np.ndarray], colours: Mapping[str, str]) -> go.Figure:
    """The same errors over t, weighted as several losses do: `lines` by the names of WEIGHTS, each (F,)."""
    looks = {
        "eps": ("by the noise ε", "noise", "dash"),
        "x0": ("by the picture x₀", "signal", "solid"),
        "v": ("by v", "text", "dot"),
        "min-snr": ("Min-SNR, cap 5", "conditional", "longdashdot"),
    }
    figure = go.Figure()
    for name, line in lines.items():
        title, role, dash = looks[name]
        figure.add_scatter(
            x=t,
            y=line,
            name=title,
            mode="lines",
            line={"color": colours[role], "width": 2.5, "dash": dash},
            hovertemplate="%{y:.2f}",
        )
    figure.update_xaxes(title="t, from hardly any noise to nothing else", range=[0, 1])
    figure.update_yaxes(title="mistake, as it is counted", rangemode="tozero")
    return _style(figure, colours, 340)


def img2img_strengths(rows: Sequence[Mapping], colours: Mapping[str, str]) -> go.Figure:
    """Measured against the strength of a redrawing: how often the thing given is seen, and the thing named.

    Rows hold `strength`, and `given` and `words`, each with a `value` and its `interval`.
    """
    x = [row["strength"] for row in rows]
    figure = go.Figure()
    for key, title, role, mark, dash in (
        ("given", "the thing given is seen", "signal", "circle", "solid"),
        ("words", "the thing named is seen", "conditional", "square", "longdash"),
    ):
        values = [row[key]["value"] for row in rows]
        figure.add_scatter(
            x=x,
            y=values,
            name=title,
            mode="lines+markers",
            line={"color": colours[role], "width": 2.5, "dash": dash},
            marker={"symbol": mark, "size": 8},
            error_y={
                "array": [row[key]["interval"][1] - v for row, v in zip(rows, values, strict=True)],
                "arrayminus": [v - row[key]["interval"][0] for row, v in zip(rows, values, strict=True)],
                "thickness": 1.2,
            },
            hovertemplate="%{y:.0%}",
        )
    figure.update_xaxes(title="strength", dtick=0.1)
    figure.update_yaxes(title="share of the pictures", tickformat=".0%", rangemode="tozero")
    return _style(figure, colours, 340)


def neighbor_distances(measured: Mapping, distance: float, colours: Mapping[str, str]) -> go.Figure:
    """How far pictures lie from the nearest training drawing: generated ones as bars, real new ones as a line.

    `measured` is the memorisation part of an evaluation; `distance` is marked as the picture on the page.
    """
    found = DistanceHistogram.of(measured)
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    figure = go.Figure()
    figure.add_bar(
        x=middle,
        y=found.new_captions,
        name="drawn, new captions",
        marker={"color": colours["prediction"], "opacity": 0.45, "line": {"width": 0}},
        hovertemplate="%{y:.1%}",
    )
    for shares, title, role, dash in (
        (found.trained_captions, "drawn, trained captions", "noise", "dot"),
        (found.heldout, "real, never trained on", "signal", "solid"),
    ):
        figure.add_scatter(
            x=middle,
            y=shares,
            name=title,
            line={"color": colours[role], "width": 2.2, "dash": dash, "shape": "hvh"},
            hovertemplate="%{y:.1%}",
        )
    for x, text, role, dash in (
        (found.limit, "copies ", "text", "dash"),
        (distance, " this picture", "prediction", "solid"),
    ):
        figure.add_vline(x=x, line={"color": colours[role], "width": 2, "dash": dash})
        figure.add_annotation(
            x=x, y=1 if role == "text" else 0.9, yref="paper", text=text, showarrow=False, yanchor="top",
            xanchor="right" if role == "text" else "left", font={"color": colours[role]},
        )  # fmt: skip
    figure.update_xaxes(
        title="distance to the nearest drawing",
        range=[0, max(float(found.edges[found.filled]), distance * 1.1)],
    )
    figure.update_yaxes(title="share of the pictures", tickformat=".0%")
    return _style(figure, colours, 360)
