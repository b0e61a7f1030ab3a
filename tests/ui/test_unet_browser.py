"""The lesson on the U-Net in a real browser: blocks and places are chosen by a click, and it all fits."""

import pytest
from browser_helpers import is_no_wider

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_says_what_the_place_takes_from_each_token(tab, width):
    page = tab.open("/unet?inside=Attention", width)
    shown = page.locator(".dv-player[data-ready]").first
    shown.get_by_text("row 4, column 4").wait_for()
    frame = shown.get_attribute("data-frame")
    box = page.locator(".dv-panel.main canvas").first.bounding_box()
    page.mouse.click(box["x"] + 0.06 * box["width"], box["y"] + 0.94 * box["height"])
    shown.get_by_text("row 8, column 1").wait_for()
    assert shown.get_attribute("data-frame") == frame
    is_no_wider(page)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_block_of_the_diagram_is_opened_by_a_click_or_a_key_and_stands_in_the_address(tab, width):
    page = tab.open("/unet", width)
    diagram = page.locator(".dv-u")
    page.locator('.dv-u[data-ready="down.0"]').wait_for()
    blocks, lines = diagram.get_by_role("button"), diagram.locator("path:not(.head)")
    skips = diagram.get_by_text("+ skip from", exact=False)
    assert lines.count() == skips.count() > 0
    for k, label in enumerate(diagram.locator("svg text").all_text_contents()):
        assert label.endswith(" ch"), k
    first, last = blocks.first.bounding_box(), diagram.get_by_role("button", name="conv_out").bounding_box()
    for line in lines.all():
        box = line.bounding_box()
        assert first["x"] + first["width"] - 40 < box["x"] and box["x"] + box["width"] < last["x"] + 40
    diagram.get_by_role("button", name="up.1").click()
    page.locator('.dv-u[data-ready="up.1"]').wait_for()
    page.locator(".dv-player[data-ready]").get_by_text("The values of up.1").wait_for()
    assert "block=up.1" in page.url
    diagram.get_by_role("button", name="middle.0").focus()
    page.keyboard.press("Enter")
    page.locator('.dv-u[data-ready="middle.0"]').wait_for()
    assert "block=middle.0" in page.url
    assert diagram.locator("button[aria-pressed=true]").all_inner_texts()[0].startswith("middle.0")
    assert diagram.locator("button:focus").get_attribute("data-name") == "middle.0"
    is_no_wider(page)
