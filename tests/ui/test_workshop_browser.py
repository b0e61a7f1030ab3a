"""The workshop in a real browser: both runs are of one size and side by side, and the page fits."""

import pytest
from browser_helpers import is_no_wider

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [1280, 390])
def test_both_runs_stand_side_by_side_at_one_size(tab, width):
    page = tab.open("/workshop?bug=Run+3", width)
    page.locator(".dv-player[data-ready]").wait_for()
    healthy, broken = (box.bounding_box() for box in page.locator(".dv-panel canvas").all())
    assert healthy["width"] == broken["width"] and healthy["height"] == broken["height"]
    assert healthy["y"] == broken["y"] and healthy["x"] + healthy["width"] < broken["x"]
    assert healthy["width"] > 0.3 * width
    page.locator(".js-plotly-plot").first.wait_for()  # the curves
    is_no_wider(page)
