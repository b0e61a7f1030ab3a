"""The lesson on scores in a real browser: a place is clicked, points are drawn, two scrubbers move apart, and it fits."""

import pytest
from browser_helpers import is_sound

from diffviz.ui.lessons import scores

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def open_at(tab):
    """A function that opens the page at a width and an address."""
    return lambda width, query="": tab.open(f"/scores{query}", width)


def at_rest(page):
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def player(page):
    found = page.locator(".dv-player[data-ready]").first
    found.wait_for()
    at_rest(page)
    return found


def picture(page):
    return page.locator(".dv-panel.main canvas").first.evaluate("c => c.toDataURL()")


@pytest.mark.parametrize("title", scores.PARTS.values())
def test_every_part_fits_and_is_accessible(open_at, title):
    page = open_at(1280, f"?scores={title.replace(' ', '+')}")
    page.wait_for_selector(".dv-player, .js-plotly-plot")
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(500)  # colours fade from one theme to the other
        at_rest(page)
        is_sound(page)
        first = page.locator(".dv-panel.main, .js-plotly-plot").first.bounding_box()
        assert first["y"] < 420  # the picture comes before the controls
        assert first["width"] >= min(420, 0.65 * width)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_traces_paths_through_the_place_and_keeps_the_frame(open_at, width):
    page = open_at(width)
    shown = player(page)
    for _ in range(3):
        page.get_by_label("One step on").click()
    frame, before = shown.get_attribute("data-frame"), picture(page)
    box = page.locator(".dv-panel.main canvas").first.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    page.wait_for_url("**px=1.3*")
    page.wait_for_function(
        "before => document.querySelector('.dv-panel.main canvas')?.toDataURL() !== before", arg=before
    )
    at_rest(page)
    assert "py=1.3" in page.url and f"pf={frame}" in page.url
    assert shown.get_attribute("data-frame") == frame


def test_a_drag_scrubs_and_is_no_click(open_at):
    page = open_at(1280)
    shown = player(page)
    frame = shown.get_attribute("data-frame")
    box = page.locator(".dv-panel.main canvas").first.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    assert shown.get_attribute("data-frame") != frame
    at_rest(page)
    assert "px=" not in page.url


@pytest.mark.parametrize("width", [1280, 390])
def test_points_are_drawn_and_learned(open_at, width):
    page = open_at(width, "?scores=Your+own+points&points=draw+them")
    pad = page.locator(".dv-sketch canvas").first
    pad.wait_for()
    at_rest(page)
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 40, box["y"] + box["height"] - 40, steps=8)
    page.mouse.up()
    player(page)
    assert page.get_by_text("training points, a sample").count() == 1


def test_the_pad_grows_with_the_window_and_fits_a_phone(open_at):
    page = open_at(1920, "?scores=Your+own+points&points=draw+them")
    pad = page.locator(".dv-sketch canvas").first
    pad.wait_for()
    at_rest(page)
    wide = []
    for width, height in ((1920, 1080), (1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function("() => innerWidth === " + str(width))
        wide.append(pad.bounding_box()["width"])
        assert wide[-1] <= width
    assert wide[0] > 560 > wide[1] > 420 > wide[2] > 320


def test_training_time_and_sampling_time_move_independently(open_at):
    page = open_at(1280, "?scores=Your+own+points&own=Training+time+and+sampling+time")
    shown = player(page)
    page.get_by_label("One step back").click()
    page.get_by_label("One step back").click()
    frame, before = shown.get_attribute("data-frame"), picture(page)
    training = page.get_by_role("slider", name="Training steps")
    training.focus()
    training.press("ArrowLeft")
    page.wait_for_url("**trained=*")
    page.wait_for_function(
        "before => document.querySelector('.dv-panel.main canvas')?.toDataURL() !== before", arg=before
    )
    assert shown.get_attribute("data-frame") == frame
