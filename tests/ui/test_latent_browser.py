"""The network on latents in a real browser: the arrow over decoded predictions, and a mask in latents."""

import re

import pytest
from browser_helpers import is_no_wider

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NET = "net=128+×+128,+in+latents"


@pytest.fixture
def page(browser, server):
    """A fresh visitor; what the test leaves on the page fits a desk and a phone."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=server.url)
    context.set_default_timeout(180_000)  # other tests may keep both cores busy
    wrong, page = [], context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(300)
        is_no_wider(page)
    context.close()
    assert not wrong


def pixels(canvas):
    return canvas.evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")


def test_the_arrow_shows_what_was_decoded_nearest_to_its_head_and_says_of_which_scale_it_is(page):
    page.goto(f"/guidance?prompt=red+heart&guidance=4.0&{NET}")
    page.get_by_role("button", name="Show me").first.click()
    arrow = page.locator(".dv-arrow[data-ready]:not(.locked)")
    head = page.get_by_role("slider", name="the arrow's head")
    head.wait_for()
    uncond, cond, guided = (
        pixels(arrow.locator(f".dv-{name} canvas")) for name in ("uncond", "cond", "guided")
    )
    assert len(guided) == 4 * 128 * 128 and arrow.get_attribute("data-shown") == "4"  # that of the run itself
    assert guided not in (uncond, cond)
    arrow.get_by_text("D(ẑ₀(c))").wait_for()
    head.press("Home")
    assert arrow.get_attribute("data-shown") == "0"
    assert pixels(arrow.locator(".dv-guided canvas")) == uncond
    head.press("PageUp")
    assert arrow.get_attribute("data-shown") == "1"
    assert pixels(arrow.locator(".dv-guided canvas")) == cond
    head.press("End")
    head.press("PageDown")
    assert arrow.get_attribute("data-w") == "9" and arrow.get_attribute("data-shown") == "10"
    assert (
        "the image is that of w = 10, the nearest that is decoded"
        in arrow.locator(".dv-caption").inner_text()
    )


def test_inpainting_in_latents_shows_decoded_frames_and_what_the_mask_costs(page):
    page.goto(f"/editing?do=Inpainting&{NET}")
    player = page.locator(".dv-player[data-ready]").first
    player.get_by_text("D(ẑ₀)").first.wait_for()
    player.get_by_text("Finished: outside the mask every pixel is that of the given image").wait_for()
    assert page.locator(".dv-panel.main canvas").first.evaluate("c => c.width") == 128
    page.get_by_text(re.compile("A latent stands for 8 × 8 pixels")).wait_for()
