"""The lesson on the U-Net in a real browser: a click on the picture asks what that place takes, and it all fits."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_says_what_the_place_takes_from_each_token(browser, server, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, base_url=server.url)
    context.set_default_timeout(120_000)  # other tests may keep both cores busy
    wrong, page = [], context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/unet?inside=Attention")
    shown = page.locator(".dv-player[data-ready]").first
    shown.get_by_text("row 4, column 4").wait_for()
    frame = shown.get_attribute("data-frame")
    box = page.locator(".dv-panel.main canvas").first.bounding_box()
    page.mouse.click(box["x"] + 0.06 * box["width"], box["y"] + 0.94 * box["height"])
    shown.get_by_text("row 8, column 1").wait_for()
    assert shown.get_attribute("data-frame") == frame
    assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth - e.clientWidth") <= 1
    context.close()
    assert not wrong
