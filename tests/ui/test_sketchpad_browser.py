"""The drawing pad in a real browser: each button does its work once, whatever number of reruns came before."""

import pytest
from browser_helpers import rest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def painted(pad):
    """How many of the pad's pixels are not white."""
    return pad.evaluate(
        "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let n = 0; for (let i = 0; i < d.length; i += 4) n += d[i] + d[i + 1] + d[i + 2] < 765; return n }"
    )


@pytest.fixture
def page(browser, server):
    """The forward process with the pad to draw on."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, base_url=server.url)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto("/forward?picture=Draw&T=10")
    yield page
    context.close()


def test_one_undo_takes_back_one_stroke_after_several_reruns(page):
    pad = page.locator(".dv-sketch canvas")
    expect(pad).to_be_visible()
    rest(page)
    pad.scroll_into_view_if_needed()
    seen = [painted(pad)]
    for row in range(3):  # each stroke is sent, and the page runs again
        box = pad.bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 40 + 60 * row)
        page.mouse.down()
        page.mouse.move(box["x"] + 120, box["y"] + 40 + 60 * row, steps=4)
        page.mouse.up()
        rest(page)
        seen.append(painted(pad))
    assert seen[0] == 0 and seen == sorted(set(seen))
    undo = page.get_by_role("button", name="Undo")
    for left in (seen[2], seen[1], 0):
        undo.click()
        assert painted(pad) == left
        rest(page)


def test_the_colours_are_one_radio_group_to_the_keyboard_and_keep_the_focus_over_reruns(page):
    sketch = page.locator(".dv-sketch")
    pad, colours = sketch.locator("canvas"), sketch.get_by_role("radio")
    expect(pad).to_be_visible()
    rest(page)
    pad.focus()
    page.keyboard.press("Tab")
    expect(colours.first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(colours.last).to_be_focused()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    red = sketch.get_by_role("radio", name="red")
    sketch.get_by_role("button", name="Clear").evaluate("b => b.click()")  # a rerun, without the focus
    rest(page)
    expect(red).to_be_focused()
    expect(red).to_be_checked()
    expect(sketch.get_by_role("radio", checked=True)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(sketch.get_by_label("Brush size")).to_be_focused()
    pad.press(" ")  # is painted in the colour chosen
    assert pad.evaluate("c => [...c.getContext('2d').getImageData(16, 16, 1, 1).data]") == [224, 49, 49, 255]
    colours.nth(1).click()
    rest(page)
    expect(colours.nth(1)).to_be_checked()
    expect(sketch.get_by_role("radio", checked=True)).to_have_count(1)
