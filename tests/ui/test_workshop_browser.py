"""The workshop in a real browser: both runs are of one size and side by side, and the page fits."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [1280, 390])
def test_both_runs_stand_side_by_side_at_one_size(browser, server, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, base_url=server.url)
    context.set_default_timeout(120_000)  # other tests may keep both cores busy
    wrong, page = [], context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/workshop?bug=Run+3")
    page.locator(".dv-player[data-ready]").wait_for()
    healthy, broken = (box.bounding_box() for box in page.locator(".dv-panel canvas").all())
    assert healthy["width"] == broken["width"] and healthy["height"] == broken["height"]
    assert healthy["y"] == broken["y"] and healthy["x"] + healthy["width"] < broken["x"]
    assert healthy["width"] > 0.3 * width
    page.locator(".js-plotly-plot").first.wait_for()  # the curves
    assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth - e.clientWidth") <= 1
    context.close()
    assert not wrong
