"""Plotly figures: arrays in, figures out, and `show`. Colours come in as a palette of roles, see `diffviz.ui.theme`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots
from streamlit.delta_generator import DeltaGenerator

from diffviz.evaluation.results import KID_SCALE, DistanceHistogram
from diffviz.ui.cache import by_content

if TYPE_CHECKING:  # a chart must not cost a page the import of torch
    from diffviz.analysis.latent_cost import Cost

FONT = "Atkinson Hyperlegible Next, system-ui, sans-serif"
CONFIG = {"displayModeBar": False}


def show(figure: go.Figure, key: str, place: DeltaGenerator | None = None, **more: Any) -> Any:
    """Draw a figure on the page, or at a `place` kept for it, as all charts here are drawn.

    It is made into plain data once, and not to be changed after: Streamlit asks a figure that visitors share for that at
    every rerun.
    """
    if "to_dict" not in vars(figure):
        plain = figure.to_dict()
        object.__setattr__(figure, "to_dict", lambda: plain)
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


@by_content
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


@by_content
def pixel_histograms(
    titles: Sequence[str],
    one_jump: Sequence[np.ndarray],
    step_by_step: Sequence[np.ndarray],
    colours: Mapping[str, str],
    columns: int = 4,
) -> go.Figure:
    """Histograms of pixel values of x_t in one step and step by step, a small chart for each t, on a standard normal."""
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
            name="in one step",
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
    # The clean image piles up at white: its bar would flatten everything else, so it is cut off.
    top = max(1.0, *(float(np.histogram(v, edges, density=True)[0][8:-8].max()) for v in one_jump[1:]))
    figure.update_yaxes(range=[0, min(top * 1.15, 1.6)], showticklabels=False)
    figure.update_xaxes(tickvals=[-2, 0, 2])
    _style(figure, colours, 270 * rows)
    return figure.update_layout(hovermode=False, margin={"t": 64}, legend={"y": 1.16})


@by_content
def convergence(
    steps: np.ndarray, layout: np.ndarray, detail: np.ndarray, colours: Mapping[str, str]
) -> go.Figure:
    """How near x0_hat is to the finished image at `steps`, in layout and in fine detail: (F,) each."""
    figure = go.Figure()
    figure.add_scatter(
        x=steps,
        y=layout,
        name="layout (averages on an 8 × 8 grid)",
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
    figure.update_yaxes(title="converged", tickformat=".0%", range=[-0.03, 1.05])
    return _style(figure, colours, 320)


@by_content
def detail_by_step(
    steps: np.ndarray,
    lines: Mapping[str, np.ndarray],
    names: Mapping[str, str],
    finished: float,
    colours: Mapping[str, str],
) -> go.Figure:
    """Fine detail (RMS) of predictions at `steps`, "x0" and perhaps "cond" with their `names`: (F,) each.

    `finished` is that of the finished image.
    """
    looks = {
        "x0": ("prediction", "dot", "diamond"),
        "cond": ("conditional", "longdash", "circle"),
    }
    figure = go.Figure()
    for name, line in lines.items():
        role, dash, mark = looks[name]
        figure.add_scatter(
            x=steps,
            y=line,
            name=names[name],
            mode="lines+markers",
            line={"color": colours[role], "width": 3, "dash": dash},
            marker={"symbol": mark, "size": 6},
            hovertemplate="%{y:.3f}",
        )
    figure.add_hline(
        y=finished,
        line={"color": colours["signal"], "width": 2},
        annotation_text="finished image",
        annotation_position="bottom right",
        annotation_font_color=colours["signal"],
    )
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="fine detail (RMS)", rangemode="tozero")
    return _style(figure, colours, 320)


@by_content
def terminal_means(white: np.ndarray, black: np.ndarray, colours: Mapping[str, str]) -> go.Figure:
    """Histograms of the mean of x_1 over many draws of the noise, for an all-white and an all-black image: (N,) each."""
    limit = float(max(np.abs(white).max(), np.abs(black).max()))
    edges = np.linspace(-limit, limit, 26)
    middle = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    for values, title, role, dash in (
        (black, "x₁ of an all-black image", "text", "dash"),
        (white, "x₁ of an all-white image", "signal", "solid"),
    ):
        figure.add_scatter(
            x=middle,
            y=np.histogram(values, edges)[0] / len(values),
            name=title,
            mode="lines",
            line={"color": colours[role], "width": 2.5, "dash": dash, "shape": "hvh"},
            hovertemplate="%{y:.1%}",
        )
    figure.update_xaxes(title="mean of all values of x₁", tickformat=".3f", nticks=5)
    figure.update_yaxes(title="share of draws", tickformat=".0%", rangemode="tozero")
    return _style(figure, colours, 300)


SERIES_DASHES = ("solid", "dot", "dash", "longdash", "dashdot", "longdashdot")
SERIES_MARKS = ("circle", "x", "square", "diamond", "triangle-up", "star")


SERIES_GLYPHS = ("●", "✕", "■", "◆", "▲", "★")  # what stands for SERIES_MARKS in a text
NAME_ROOM = 132  # pixels at the right for the names of lines
NAME_HEIGHT = 18


def spread(heights: Sequence[float], gap: float, top: float = 1.0) -> list[float]:
    """Places for labels that want to be at these heights, 0 to `top`: at least `gap` apart, as near as that lets them."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed, free = list(heights), 0.0
    for i in order:
        placed[i] = free = max(heights[i], free)
        free += gap
    free = top
    for i in reversed(order):
        placed[i] = min(placed[i], free)
        free = placed[i] - gap
    return placed


def _name_at_ends(
    figure: go.Figure,
    ends: Mapping[str, tuple[int, float, float]],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    logarithmic: tuple[bool, bool],
    height: int,
    colours: Mapping[str, str],
) -> None:
    """Write the name of each line at the right of where it ends, in place of a legend.

    `ends` are name -> (number of its colour, x, y); `ranges` those of both axes, in powers of ten where logarithmic.
    """
    (left, right), (low, high) = ranges
    across, along = ((np.log10 if log else float) for log in logarithmic)
    wanted = [(along(y) - low) / (high - low) for _, _, y in ends.values()]
    places = spread(wanted, NAME_HEIGHT / (height - 90))
    for (name, (k, x, y)), place in zip(ends.items(), places, strict=True):
        edge, at = low + place * (high - low), (right, low + place * (high - low))
        colour = colours[f"series-{k}"]
        tail = [10**v if log else v for v, log in zip(at, logarithmic, strict=True)]
        if abs(place - (along(y) - low) / (high - low)) > 0.01 or across(x) < right:
            figure.add_scatter(
                x=[x, tail[0]], y=[y, tail[1]], mode="lines", line={"color": colour, "width": 1, "dash": "dot"},
                hoverinfo="skip", showlegend=False,
            )  # fmt: skip
        figure.add_annotation(
            x=1, xref="paper", y=edge, text=f"{SERIES_GLYPHS[k]} {name}", showarrow=False, xanchor="left", yanchor="middle",
            xshift=4, font={"color": colour},
        )  # fmt: skip
    figure.update_xaxes(range=[left, right])
    figure.update_yaxes(range=[low, high])


@by_content
def distance_by_nfe(
    lines: Mapping[str, tuple[int, Sequence[int], Sequence[float]]], budget: int, colours: Mapping[str, str]
) -> go.Figure:
    """RMSE to the reference image against NFE: title -> (number of its colour, NFE, RMSE)."""
    figure = _lines_by_nfe(lines, budget, colours)
    ends = {name: (k, made[-1], far[-1]) for name, (k, made, far) in lines.items()}
    top = max(max(far) for _, _, far in lines.values()) * 1.06 or 1.0
    _name_at_ends(figure, ends, ((0, budget + 0.5), (0, top)), (False, False), 320, colours)
    return figure.update_layout(showlegend=False, margin={"r": NAME_ROOM})


def _lines_by_nfe(
    lines: Mapping[str, tuple[int, Sequence[int], Sequence[float]]], budget: int, colours: Mapping[str, str]
) -> go.Figure:
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
    figure.update_xaxes(title="network function evaluations (NFE)", range=[0, budget + 0.5])
    figure.update_yaxes(title="RMSE to the reference", rangemode="tozero")
    return _style(figure, colours, 320)


@by_content
def distance_by_few_nfe(
    lines: Mapping[str, tuple[int, Sequence[int], Sequence[float]]], colours: Mapping[str, str]
) -> go.Figure:
    """Distance from the data against the NFE on a logarithmic axis: lines as for `distance_by_nfe`."""
    made = sorted({calls for _, each, _ in lines.values() for calls in each})
    figure = _lines_by_nfe(lines, made[-1], colours)
    figure.update_xaxes(
        title="network evaluations (NFE)",
        type="log",
        tickvals=made,
        range=[np.log10(made[0]) - 0.05, np.log10(made[-1]) + 0.05],
    )
    return figure.update_yaxes(title="distance from the data")


def _round_ticks(low: float, high: float) -> dict:
    """Ticks at 1, 2 and 5 times powers of ten, for a logarithmic axis."""
    round_numbers = [m * 10.0**k for k in range(-4, 5) for m in (1, 2, 5)]
    ticks = [v for v in round_numbers if low * 0.9 <= v <= high * 1.1]
    return {"tickvals": ticks, "ticktext": [f"{v:g}" for v in ticks]}


def _error_bars(y: Sequence[float], intervals: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Bars from each value to the ends (low, high) of its interval."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - v for v, (_, high) in zip(y, intervals, strict=True)],
        "arrayminus": [v - low for v, (low, _) in zip(y, intervals, strict=True)],
        "thickness": 1.2,
        "width": 3,
    }


QUALITY_HEIGHT = 440


@by_content
def quality_curve(
    lines: Mapping[str, tuple[int, Sequence[float], Sequence[float], Sequence[Sequence[float]] | None]],
    titles: tuple[str, str],
    floor: tuple[float, str] | None,
    colours: Mapping[str, str],
    tags: Mapping[str, Sequence[str]] | None = None,
    mark: tuple[float, str] | None = None,
    power: bool = False,
) -> go.Figure:
    """Quality against cost on a log axis with error bars: title -> (number of its colour, x, y, intervals).

    With `power` the other axis is logarithmic too, so that a power law is a straight line. `tags` name each point
    for whoever handles a click; `floor` is a y and `mark` an x, each with a text, drawn as lines.
    """
    figure = go.Figure()
    for name, (k, x, y, intervals) in lines.items():
        figure.add_scatter(
            x=list(x),
            y=list(y),
            name=name,
            mode="lines+markers",
            error_y=_error_bars(y, intervals) if intervals else None,
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
            y=floor[0],
            line={"color": colours["signal"], "width": 2},
            annotation_text=floor[1],
            annotation_position="bottom left",
            annotation_font_color=colours["signal"],
        )
    far = max(max(x) for _, x, _, _ in lines.values())
    near = min(min(x) for _, x, _, _ in lines.values())
    figure.update_xaxes(title=titles[0], type="log", **_round_ticks(near, far))
    figure.update_yaxes(title=titles[1])
    heights = [v for _, _, y, _ in lines.values() for v in y]
    heights += [
        v
        for _, _, _, intervals in lines.values()
        for pair in intervals or ()
        for v in pair
        if v > 0 or not power
    ]
    if floor is not None and not power:
        heights.append(floor[0])
    if power:
        figure.update_yaxes(type="log", **_round_ticks(min(heights), max(heights)))
    low, high = (float(np.log10(v)) if power else v for v in (min(heights), max(heights)))
    margin = 0.05 * (high - low or 1.0)
    _style(figure, colours, QUALITY_HEIGHT)
    _name_at_ends(
        figure, {name: (k, x[-1], y[-1]) for name, (k, x, y, _) in lines.items()},
        ((float(np.log10(near)) - 0.05, float(np.log10(far)) + 0.1), (low - margin, high + margin)), (True, power),
        QUALITY_HEIGHT, colours,
    )  # fmt: skip
    return figure.update_layout(hovermode="closest", showlegend=False, margin={"r": NAME_ROOM})


@by_content
def guidance_tradeoff(
    scales: Sequence[float],
    agreement: tuple[Sequence[float], Sequence[Sequence[float]]],
    kid: tuple[Sequence[float], Sequence[Sequence[float]]],
    floor: float,
    colours: Mapping[str, str],
) -> go.Figure:
    """Measured against the guidance scale: agreement with the caption, and KID with that of real images as a line.

    Both are values with their intervals (low, high); KID and its `floor` in units of 1/KID_SCALE.
    """
    figure = make_subplots(1, 2, subplot_titles=("agreement with the caption", f"KID × {KID_SCALE:,}"))
    for column, (y, intervals), role, mark in (
        (1, agreement, "conditional", "circle"),
        (2, kid, "noise", "square"),
    ):
        figure.add_scatter(
            x=list(scales),
            y=list(y),
            error_y=_error_bars(y, intervals),
            mode="lines+markers",
            line={"color": colours[role], "width": 2.5, "dash": "longdash" if column == 1 else "dash"},
            marker={"symbol": mark, "size": 8},
            hovertemplate="%{y:.0%} at %{x:g}" if column == 1 else "%{y:.1f} at %{x:g}",
            showlegend=False,
            row=1,
            col=column,
        )
    figure.add_scatter(
        x=[scales[0], scales[-1]],
        y=[floor, floor],
        mode="lines",
        line={"color": colours["signal"], "width": 2},
        hovertemplate="real images of the same captions: %{y:.1f}",
        showlegend=False,
        row=1,
        col=2,
    )
    figure.update_xaxes(title="guidance scale w")
    _style(figure, colours, 300).update_layout(hovermode="closest")
    figure.update_yaxes(tickformat=".0%", row=1, col=1)
    return figure


@by_content
def weighted_losses(t: np.ndarray, lines: Mapping[str, np.ndarray], colours: Mapping[str, str]) -> go.Figure:
    """The same squared errors over t, weighted as several losses do: `lines` by the names of WEIGHTS, each (F,)."""
    looks = {
        "eps": ("ε loss", "noise", "dash"),
        "x0": ("x₀ loss", "signal", "solid"),
        "v": ("v loss", "text", "dot"),
        "min-snr": ("Min-SNR, γ = 5", "conditional", "longdashdot"),
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
    figure.update_xaxes(title="t, from 0 (data) to 1 (noise)", range=[0, 1])
    figure.update_yaxes(title="weighted squared error", rangemode="tozero")
    return _style(figure, colours, 340)


@by_content
def img2img_strengths(rows: Sequence[Mapping], colours: Mapping[str, str]) -> go.Figure:
    """Image-to-image by strength: how often the category of the source image is seen, and that of the prompt.

    Rows hold `strength`, and `source` and `target`, each with a `value` and its `interval`.
    """
    x = [row["strength"] for row in rows]
    figure = go.Figure()
    for key, title, role, mark, dash in (
        ("source", "source category seen", "signal", "circle", "solid"),
        ("target", "prompt category seen", "conditional", "square", "longdash"),
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
    figure.update_yaxes(title="share of the images", tickformat=".0%", rangemode="tozero")
    return _style(figure, colours, 340)


@by_content
def neighbor_distances(measured: Mapping, distance: float, colours: Mapping[str, str]) -> go.Figure:
    """Histogram of nearest-neighbour distances to the training images: of generated and of held-out images.

    `measured` is the memorization part of an evaluation; `distance` is marked as that of the image on the page.
    """
    found = DistanceHistogram.of(measured)
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    figure = go.Figure()
    figure.add_bar(
        x=middle,
        y=found.new_captions,
        name="generated, held-out captions",
        marker={"color": colours["prediction"], "opacity": 0.45, "line": {"width": 0}},
        hovertemplate="%{y:.1%}",
    )
    for shares, title, role, dash in (
        (found.trained_captions, "generated, training captions", "noise", "dot"),
        (found.heldout, "held-out images", "signal", "solid"),
    ):
        figure.add_scatter(
            x=middle,
            y=shares,
            name=title,
            line={"color": colours[role], "width": 2.2, "dash": dash, "shape": "hvh"},
            hovertemplate="%{y:.1%}",
        )
    for x, text, role, dash in (
        (found.limit, " 5 % of held-out", "text", "dash"),
        (distance, " this image", "prediction", "solid"),
    ):
        figure.add_vline(x=x, line={"color": colours[role], "width": 2, "dash": dash})
        figure.add_annotation(
            x=x, y=1 if role == "text" else 0.9, yref="paper", text=text, showarrow=False, yanchor="top", xanchor="left",
            font={"color": colours[role]},
        )  # fmt: skip
    figure.update_xaxes(
        title="RMSE to the nearest training image",
        range=[0, max(float(found.edges[found.filled]), distance * 1.1)],
    )
    figure.update_yaxes(title="share of the images", tickformat=".0%")
    return _style(figure, colours, 360)


@by_content
def paired_lines(
    panels: Mapping[str, Mapping[str, np.ndarray]], steps: np.ndarray, colours: Mapping[str, str]
) -> go.Figure:
    """Two runs over the steps, one small chart for each quantity: title -> name of the run -> values (steps,).

    Where values differ by more than a factor of ten the axis is logarithmic. It begins at 0 if they differ by more than a
    factor of two, else it has the range of the values; the title says where it does not begin at 0.
    """
    ranges = [_axis_of(np.concatenate(list(runs.values()))) for runs in panels.values()]
    titles = [
        f"{title}<br><sup>{said}</sup>" if said else title
        for title, (said, _) in zip(panels, ranges, strict=True)
    ]
    figure = make_subplots(1, len(panels), subplot_titles=titles, horizontal_spacing=0.14)
    looks = (("signal", "solid", "circle"), ("noise", "dash", "square"))
    for column, runs in enumerate(panels.values(), 1):
        for (name, values), (role, dash, mark) in zip(runs.items(), looks, strict=True):
            figure.add_scatter(
                x=steps, y=values, name=name, legendgroup=name, showlegend=column == 1, mode="lines+markers",
                line={"color": colours[role], "width": 2.5, "dash": dash}, marker={"symbol": mark, "size": 6},
                hovertemplate="%{y:.2f}", row=1, col=column,
            )  # fmt: skip
        figure.update_yaxes(**ranges[column - 1][1], row=1, col=column)
    figure.update_xaxes(title="step")
    return _style(figure, colours, 300).update_layout(legend={"y": 1.3}, margin={"t": 84})


def _axis_of(values: np.ndarray) -> tuple[str, dict[str, Any]]:
    """What is to be said of the axis of values that are not negative, and its settings."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > 10 * low:
        return "logarithmic axis", {"type": "log", **_round_ticks(low, high)}
    if low < high / 2:
        return "", {"rangemode": "tozero"}
    room = max(0.08 * (high - low), 0.01 * high)  # equal values lie in the middle
    return f"axis from {low - room:.2f}, not from 0", {"range": [low - room, high + room]}


@by_content
def embedding_map(
    ts: np.ndarray, table: np.ndarray, similar: np.ndarray, at: float, colours: Mapping[str, str]
) -> go.Figure:
    """A time embedding (T, D) as a heat map over t, and under it the similarity (T,) of each t to the one marked."""
    figure = make_subplots(
        2, 1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.12,
        subplot_titles=("embedding", "cosine similarity to the t chosen"),
    )  # fmt: skip
    scale = [[0, colours["noise"]], [0.5, colours["ground"]], [1, colours["signal"]]]
    figure.add_heatmap(
        x=ts, z=table.T, colorscale=scale, zmin=-1, zmax=1, showscale=False,
        hovertemplate="t %{x:.2f}, feature %{y}: %{z:.2f}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=ts, y=similar, line={"color": colours["signal"], "width": 2.5}, hovertemplate="%{y:.2f}",
        showlegend=False, row=2, col=1,
    )  # fmt: skip
    for row in (1, 2):
        figure.add_vline(
            x=at,
            line={"color": colours["text"], "width": 1.5, "dash": "dash"},
            row=row,  # pyright: ignore[reportArgumentType] - plotly's annotation knows only the text "all"
            col=1,  # pyright: ignore[reportArgumentType]
        )
    figure.update_yaxes(title="feature", row=1, col=1)
    figure.update_xaxes(title="t", row=2, col=1)
    return _style(figure, colours, 460).update_layout(hovermode="closest")


@by_content
def cost_by_resolution(rows: Sequence[Cost], colours: Mapping[str, str]) -> go.Figure:
    """Operations of an image in pixels and in latents against its side, both axes logarithmic."""
    figure, sizes = go.Figure(), [row.size for row in rows]
    for name, values, role, mark, dash in (
        ("in pixels", [row.pixels for row in rows], "signal", "circle", "solid"),
        ("in latents, with decoding", [row.latents for row in rows], "prediction", "diamond", "dot"),
    ):
        figure.add_scatter(
            x=sizes,
            y=[value / 1e9 for value in values],
            name=name,
            mode="lines+markers",
            line={"color": colours[role], "width": 2.5, "dash": dash},
            marker={"symbol": mark, "size": 9},
            hovertemplate="%{y:,.0f} GFLOP",
        )
    figure.update_xaxes(title="pixels a side", type="log", tickvals=sizes, ticktext=[str(s) for s in sizes])
    figure.update_yaxes(title="GFLOP per image", type="log")
    return _style(figure, colours, 320)


def densities(
    x: np.ndarray,
    panels: Sequence[Mapping[str, tuple[str, str, np.ndarray]]],
    marks: Sequence[tuple[float, str, str]],
    colours: Mapping[str, str],
) -> go.Figure:
    """Densities over x (N,), one chart below the other: name -> (role, dash, values). A mark is (x, text, role)."""
    figure = make_subplots(len(panels), 1, shared_xaxes=True, vertical_spacing=0.09)
    for row, lines in enumerate(panels, 1):
        for name, (role, dash, y) in lines.items():
            figure.add_scatter(
                x=x, y=y, name=name, legend="legend" if row == 1 else f"legend{row}",
                line={"color": colours[role], "width": 2.6, "dash": dash}, hovertemplate="%{y:.2f}", row=row, col=1,
            )  # fmt: skip
        top = 1.12 * max(float(y.max()) for _, _, y in lines.values())
        figure.update_yaxes(range=[0, top], showticklabels=False, row=row, col=1)
    for at, text, role in marks:
        for row in range(1, len(panels) + 1):
            figure.add_vline(
                x=at, line={"color": colours[role], "width": 1.5, "dash": "dot"},
                annotation_text=text if row == 1 else "", annotation_font_color=colours[role],
                annotation_position="top left",
                row=row,  # pyright: ignore[reportArgumentType] - plotly's annotation knows only the text "all"
                col=1,  # pyright: ignore[reportArgumentType]
            )  # fmt: skip
    _style(figure, colours, 480)
    return figure.update_layout(
        margin={"t": 46},
        legend={"y": 1.02},
        # Below the axis it may take as many lines as a narrow screen makes of it.
        legend2={"orientation": "h", "y": -0.1, "yanchor": "top", "x": 0},
    )


@by_content
def bound_terms(t: np.ndarray, lines: Mapping[str, np.ndarray], colours: Mapping[str, str]) -> go.Figure:
    """Terms of a loss over t / T, on a logarithmic axis: title -> values (N,), in the order bound, simplified, weight."""
    figure = go.Figure()
    looks = (("noise", "solid"), ("prediction", "dash"), ("unconditional", "dot"))
    for (name, values), (role, dash) in zip(lines.items(), looks, strict=True):
        figure.add_scatter(
            x=t, y=values, name=name, mode="lines+markers" if len(t) < 30 else "lines",
            line={"color": colours[role], "width": 2.5, "dash": dash}, hovertemplate="%{y:.3g}",
        )  # fmt: skip
    every = np.concatenate(list(lines.values()))
    positive = every[every > 0]
    figure.update_xaxes(title="t / T", range=[0, 1])
    figure.update_yaxes(type="log", **_round_ticks(float(positive.min()), float(positive.max())))
    return _style(figure, colours, 360)
