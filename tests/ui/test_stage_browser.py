"""The stage in a real browser: sizes, full screen, keys, pen and pointer, the phone, and results behind a question."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN = "/reverse?steps=4&guidance=1&net=32+×+32,+quick"
ASKED = "/unet?inside=Switches"  # a part that begins with a question


@pytest.fixture
def open_at(tab):
    """Opens a path in a window of a size."""

    def opened(path=RUN, width=1280, height=800):
        page = tab.open(path, width, height)
        page.wait_for_selector(".dv-player[data-ready]")
        return page

    return opened


def at_frame(page, frame):
    expect(page.locator(".dv-player")).to_have_attribute("data-frame", str(frame))


def large(page):
    return page.locator(".dv-panel.main canvas")


def test_the_main_picture_is_large_and_the_others_stand_beside_it(open_at):
    page = open_at()
    main = large(page).bounding_box()
    assert main["width"] >= 440 and main["x"] + main["width"] <= 1280
    others = page.locator(".dv-panel:not(.main) canvas").all()
    assert len(others) == 2
    for other in others:
        assert other.bounding_box()["x"] > main["x"] + main["width"]
    # The controls lie below the pictures.
    assert page.get_by_label("Prompt", exact=True).bounding_box()["y"] > main["y"] + main["height"]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_in_presenter_view_the_main_picture_takes_six_tenths_of_the_height(open_at, width, height):
    page = open_at(f"{RUN}&presenter=true", width, height)
    assert large(page).bounding_box()["height"] >= 0.6 * height


def test_any_panel_becomes_the_main_one_by_click_or_digit_and_stays_it_when_the_page_runs_again(open_at):
    page = open_at()
    labels = page.locator(".dv-label button:not(.dv-symbol)")
    page.locator(".dv-panel canvas").nth(1).click()
    expect(labels.nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("3")
    expect(labels.nth(2)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="New seed").click()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_selector(".dv-player[data-ready]")
    expect(labels.nth(2)).to_have_attribute("aria-pressed", "true")


def test_the_last_frame_is_titled_as_the_finished_image_and_the_focus_stays_in_the_player(open_at):
    page = open_at()
    title = page.locator(".dv-panel").first.locator(".dv-label")
    page.locator("h1").click()
    page.keyboard.press("End")
    expect(title).to_have_text("x₀the finished image")
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text("xₜnoisy image, the input")
    symbol = title.locator(".dv-symbol")
    symbol.focus()
    page.keyboard.press("End")
    expect(title).to_have_text("x₀the finished image")
    expect(page.get_by_role("slider", name="Frame")).to_be_focused()
    expect(page.locator(".dv-panel canvas").first).to_have_attribute(
        "aria-label", re.compile("^x₀ the finished image")
    )


def test_keys_work_anywhere_on_the_page_but_not_in_a_field(open_at):
    page = open_at()
    page.locator("h1").click()
    page.keyboard.press("Home")
    at_frame(page, 0)
    page.keyboard.press("ArrowRight")
    at_frame(page, 1)
    page.keyboard.press("?")
    expect(page.locator(".dv-keys")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("")
    page.get_by_label("Prompt", exact=True).press_sequentially("flep 3")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("flep 3")
    assert "full" not in page.locator(".dv-player").get_attribute("class")
    at_frame(page, 1)


def test_a_clickers_page_keys_step_in_presenter_view_and_scroll_elsewhere(open_at):
    page = open_at()
    page.locator("h1").click()
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    at_frame(page, 0)
    page = open_at(f"{RUN}&presenter=true")
    page.locator("h1").click()
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    at_frame(page, 1)
    page.keyboard.press("PageUp")
    at_frame(page, 0)


def test_full_screen_shows_pictures_scrubber_and_caption_and_nothing_else(open_at):
    page = open_at()
    page.locator("h1").click()
    page.keyboard.press("f")
    player = page.locator(".dv-player.full")
    expect(player).to_be_visible()
    box = player.bounding_box()
    assert box["width"] >= 1280 and box["height"] >= 780
    for part in (".dv-panel.main canvas", ".dv-scrub", ".dv-caption"):
        expect(player.locator(part)).to_be_visible()
    expect(player.locator(".dv-play")).to_be_hidden()
    assert large(page).bounding_box()["height"] >= 0.7 * 800
    page.keyboard.press("Home")
    at_frame(page, 0)
    page.keyboard.press("f")
    expect(player).to_have_count(0)
    expect(page.locator(".dv-play")).to_be_visible()


def drawn(page):
    """How many pixels the pen has covered."""
    return page.locator(".dv-ink").evaluate(
        "c => c.width * c.height && c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".filter((v, i) => i % 4 === 3 && v).length"
    )


def test_the_pen_draws_over_the_pictures_and_is_erased_and_the_pointer_follows(open_at):
    page = open_at()
    page.locator("h1").click()
    page.keyboard.press("p")
    box = large(page).bounding_box()
    x, y = box["x"] + 100, box["y"] + 100
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 40, steps=6)
    page.mouse.up()
    assert drawn(page) > 200
    page.keyboard.press("e")
    assert drawn(page) == 0
    page.keyboard.press("p")
    page.keyboard.press("l")
    page.mouse.move(x, y)
    dot = page.locator(".dv-dot").bounding_box()
    assert abs(dot["x"] + dot["width"] / 2 - x) < 2 and abs(dot["y"] + dot["height"] / 2 - y) < 2


def test_beside_the_menu_of_a_small_screen_the_bar_of_the_player_is_in_sight(open_at):
    for path in (RUN, "/forward"):
        bar = open_at(path, 1024, 768).locator(".dv-bar").bounding_box()
        assert bar["y"] + bar["height"] <= 768


def test_on_a_phone_a_question_stands_below_the_picture_that_it_asks_about(open_at):
    page = open_at(ASKED, 390, 844)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    bar, question = (page.locator(f).bounding_box() for f in (".dv-bar", ".st-key-question"))
    prompt = page.get_by_label("Prompt", exact=True).bounding_box()
    assert bar["y"] + bar["height"] <= question["y"] and question["y"] + question["height"] <= prompt["y"]


@pytest.mark.parametrize("path", [RUN, "/forward", ASKED])
def test_on_a_phone_picture_and_scrubber_come_first_and_stay_while_the_controls_scroll(open_at, path):
    page = open_at(path, 390, 844)
    # Until its run has ended, a page may still show the last frame of the live view above the player.
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    bar = page.locator(".dv-bar").bounding_box()
    assert bar["y"] + bar["height"] <= 844
    assert large(page).bounding_box()["width"] >= 250
    page.locator("[data-testid=stMain]").evaluate("e => e.scrollTo(0, 900)")
    page.wait_for_timeout(300)
    main, scrub = large(page).bounding_box(), page.locator(".dv-scrub").bounding_box()
    assert main["y"] >= 0 and scrub["y"] + scrub["height"] <= 844


def test_results_stand_behind_their_question_until_it_is_answered_or_they_are_asked_for(open_at):
    page = open_at("/latent?latent=Interpolate&middle=two+noises")
    behind = page.locator("[class*=st-key-locked] .dv-player").first
    expect(behind).to_be_attached()
    assert behind.evaluate("e => e.inert")
    assert "blur" in page.locator("[class*=st-key-locked]").first.evaluate("e => getComputedStyle(e).filter")
    page.get_by_role("button", name="Show me").click()
    expect(page.locator("[class*=st-key-locked]")).to_have_count(0)
    expect(page.get_by_text("The answer here")).to_be_visible()
    assert not page.locator(".dv-player").first.evaluate("e => e.inert")
