"""Lines that are named at their ends, in place of a legend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.ui import charts, theme

GAP = 0.06


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_labels_keep_apart_and_in_order_and_within_the_axis(heights):
    placed = charts.spread(heights, GAP)
    order = np.argsort(heights, kind="stable")
    steps = np.diff(np.array(placed)[order])
    assert (steps >= GAP - 1e-9).all()
    assert min(placed) >= -1e-9 and max(placed) <= 1 + 1e-9


def test_labels_with_room_stay_where_their_lines_end():
    assert charts.spread([0.9, 0.1, 0.5], GAP) == [0.9, 0.1, 0.5]


@pytest.mark.parametrize("power", [False, True])
def test_each_line_is_named_once_beside_its_end_and_there_is_no_legend(power):
    lines = {
        "DDIM": (0, [2, 8, 500], [0.2, 0.03, 0.001], [[0.1, 0.3], [0.02, 0.04], [0.0005, 0.002]]),
        "Heun": (3, [2, 9, 998], [0.2, 0.05, 0.0012], None),
    }
    figure = charts.quality_curve(lines, ("NFE", "error"), None, theme.LIGHT, power=power)
    named = {a.text: a.y for a in figure.layout.annotations}
    assert set(named) == {"● DDIM", "◆ Heun"} and not figure.layout.showlegend
    low, high = figure.layout.yaxis.range
    assert all(low <= y <= high for y in named.values())
    assert named["● DDIM"] < named["◆ Heun"]  # as their lines end
    points = [y for line in figure.data for y in line.y]
    assert all(low <= (np.log10(y) if power else y) <= high for y in points)


def test_every_sampler_has_a_colour_a_dash_a_mark_and_a_sign_of_its_own():
    for series in (charts.SERIES_DASHES, charts.SERIES_MARKS, charts.SERIES_GLYPHS):
        assert len(set(series)) == len(series) >= len(SAMPLERS)
    for palette in (theme.LIGHT, theme.DARK):
        assert len({palette[f"series-{k}"] for k in range(len(SAMPLERS))}) == len(SAMPLERS)


def test_the_race_names_its_lines_at_their_ends_too():
    lines = {"DDIM": (0, [1, 2, 3], [0.3, 0.2, 0.1]), "UniPC": (5, [1, 2, 3], [0.3, 0.2, 0.1])}
    figure = charts.distance_by_nfe(lines, 3, theme.LIGHT)
    first, second = figure.layout.annotations
    assert {first.text, second.text} == {"● DDIM", "★ UniPC"} and first.y != second.y


@pytest.mark.parametrize(("values", "said"), [
    ([0.85, 0.9, 1.0], "axis from 0.84, not from 0"), ([0.1, 0.6, 0.9], ""), ([0.01, 0.5, 80.0], "logarithmic axis"),
])  # fmt: skip
def test_the_axis_of_two_runs_shows_their_differences_and_says_where_it_does_not_begin_at_0(values, said):
    runs = {"RMS": {"healthy": np.array(values), "broken": np.array(values[::-1])}}
    figure = charts.paired_lines(runs, np.arange(3), theme.LIGHT)
    assert figure.layout.annotations[0].text == ("RMS" + (f"<br><sup>{said}</sup>" if said else ""))
    axis, spread = figure.layout.yaxis, max(values) - min(values)
    if said.startswith("axis"):
        low, high = axis.range
        assert low < min(values) and max(values) < high and spread > 0.8 * (high - low)
    else:
        assert axis.range is None and (axis.rangemode == "tozero") == (not said)
