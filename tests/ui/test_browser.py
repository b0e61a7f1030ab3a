"""The pages in a real browser, clicked through as a student would."""

import itertools
import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from browser_helpers import (
    Runs,
    at_rest,
    is_accessible,
    is_no_wider,
    is_sound,
    long_run,
    ready,
    until,
    watch,
)
from playwright.sync_api import expect

from bench.server import AppServer
from diffviz.lessons import pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(browser, server):
    """A fresh visitor; fails the test on any console error, failed request or request to elsewhere."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, base_url=server.url, accept_downloads=True
    )
    page = context.new_page()
    wrong = watch(page, server.url)
    yield page
    context.close()
    assert not wrong


def shown(page, panel=0):
    """The pixels of one panel, as one long string."""
    return page.locator(".dv-panel canvas").nth(panel).evaluate("c => c.toDataURL()")


def until_shown(page, panel, *, equal=None, other_than=None):
    """Wait until a panel shows the given pixels, or others."""
    until(
        page,
        lambda: (now := shown(page, panel)) != other_than and equal in (None, now),
        f"panel {panel} shows other pixels than it should, or the same",
    )


GROUND = {"light": "rgb(251, 250, 246)", "dark": "rgb(20, 23, 29)"}
QUICK = "net=32+×+32,+quick"
MARKING = f"/editing?do=Inpainting&hole=what+I+mark&{QUICK}"


# Every page as it opens, with a network that is soon done, and parts that look otherwise.
OPENED = [
    "/",
    *(f"/{page.slug}?{QUICK}&steps=4&guidance=1" for page in pages.PAGES),
    "/forward?picture=Draw",
    "/forward?picture=Upload",
    "/reverse?presenter=true",
    MARKING,
    "/latent?latent=Diffuse+in+latents",
]
FITS_ONE_SCREEN = {"/forward", "/training", "/reverse", "/editing", "/scores"}  # picture, player and its bar
WITHOUT_PLAYER = {
    "/steps",
    "/memorization",
    "/generative_models",
    "/latent",
    "/practice",
    "/teaching",
    "/classroom",
}
# Controls outside a window, but for those in a part that scrolls by itself, as tabs do, and the toolbars over tables.
OUT_OF_REACH = """m => [...m.querySelectorAll('button, input, select, textarea, a[href], [role=slider]')].filter((e) => {
  const box = e.getBoundingClientRect();
  if (!box.width || e.closest('[data-testid=stElementToolbar]') || (box.left >= -1 && box.right <= innerWidth + 1))
    return false;
  for (let s = e.parentElement; s && s !== m; s = s.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(s).overflowX) && s.scrollWidth > s.clientWidth) return false;
  return true;
}).map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("path", OPENED)
def test_every_page_has_one_title_fits_every_width_keeps_to_the_policy_and_passes_axe_in_both_themes(
    tab, path
):
    page = tab.open(path)
    slug = urlsplit(path).path
    if slug not in WITHOUT_PLAYER or "latent=" in path:
        ready(page)
    at_rest(page)
    assert page.locator("h1").count() == 1
    assert not page.locator("[data-testid=stException]").count()
    if slug in FITS_ONE_SCREEN and "steps=4" in path:  # as it opens, and not in presenter view
        bar = page.locator(".dv-bar").bounding_box()
        assert bar["y"] + bar["height"] <= 800
    is_sound(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".stApp")).to_have_css("background-color", GROUND["dark"])
    # A window of 1280 × 800 at 200 % is one of 640 × 400.
    for width, height in ((1920, 1080), (1024, 768), (640, 400), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        at_rest(page)
        is_no_wider(page)
        if width == 640:
            assert page.get_by_test_id("stMain").evaluate(OUT_OF_REACH) == []
    is_accessible(page)


def test_the_scrubber_moves_the_image_without_asking_the_server(tab):
    page = tab.open("/forward")
    player = ready(page)
    at_rest(page)
    sent = []
    page.on("websocket", lambda socket: sent.append("a new socket"))
    scrub = page.get_by_role("slider", name="Frame")
    scrub.evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input', {bubbles: true})) }")
    first = shown(page, 2)
    scrub.evaluate("e => { e.value = 50; e.dispatchEvent(new Event('input', {bubbles: true})) }")
    assert shown(page, 2) != first
    assert player.get_attribute("data-frame") == "50"
    expect(page.locator(".dv-readout")).to_contain_text("step 50 of 50")
    expect(page.locator(".dv-caption")).to_contain_text("Gaussian noise")
    assert not sent
    assert not page.locator("[data-testid=stStatusWidget]").count()


def test_the_player_answers_to_the_keyboard(tab):
    page = tab.open("/forward")
    player = ready(page)
    page.get_by_role("slider", name="Frame").focus()
    for key, frame in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 50)):
        page.keyboard.press(key)
        assert player.get_attribute("data-frame") == str(frame), key
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert int(player.get_attribute("data-frame")) < 50


def test_playing_runs_to_the_end_and_a_loop_goes_on(tab):
    page = tab.open("/forward?T=10")
    player = ready(page)
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play").click()
    expect(player).to_have_attribute("data-frame", "10", timeout=10_000)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("button", name="Loop").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(  # from the last frame to the first: once when Play is pressed there, once by the loop
        "player => { const now = Number(player.dataset.frame);"
        " const seen = (window.seen ??= { last: 10, returns: 0 });"
        " seen.returns += now < seen.last; seen.last = now; return seen.returns >= 2 }",
        arg=player.element_handle(),
    )
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_player_given_other_frames_answers_once_to_a_click(tab):
    page = tab.open("/guidance?show=Prompt+ablation&prompt=red+heart&net=32+×+32,+quick")
    ready(page)
    at_rest(page)
    first, loop = shown(page), page.get_by_role("button", name="Loop")
    page.locator("[class*=st-key-look]").get_by_text("red", exact=True).click()
    until_shown(page, 0, other_than=first)
    at_rest(page)
    for pressed in ("true", "false"):
        loop.click()
        expect(loop).to_have_attribute("aria-pressed", pressed)


def test_nothing_plays_by_itself_and_reduced_motion_slows_playing(browser, server):
    context = browser.new_context(reduced_motion="reduce", base_url=server.url)
    page = context.new_page()
    page.clock.install()
    page.goto("/forward")
    player = ready(page)
    at_rest(page)
    page.clock.pause_at(
        datetime.now() + timedelta(hours=1)
    )  # from here on the page's time is what we make it
    before = player.get_attribute("data-frame")
    page.clock.run_for(10_000)
    assert player.get_attribute("data-frame") == before
    page.get_by_role("slider", name="Frame").press("Home")
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(3000)
    assert 4 <= int(player.get_attribute("data-frame")) <= 6  # two frames a second
    context.close()


def test_the_first_frame_stands_where_the_player_will_be_until_it_is_there(page):
    page.add_init_script("""const decode = createImageBitmap; window.held = [];
        window.createImageBitmap = (...image) => new Promise((go) => held.push(() => go(decode(...image))));""")
    page.goto("/reverse?steps=2&net=32+×+32,+quick")
    page.wait_for_function("() => held.length >= 3")  # the player has its frames, and none is decoded
    at_rest(page)
    first = page.locator(".dv-first .main img")
    expect(first).to_be_visible()
    before = first.bounding_box()
    page.evaluate("held.splice(0).forEach((go) => go())")
    ready(page)
    expect(page.locator(".dv-first img")).to_have_count(0)
    assert page.locator(".dv-panel.main canvas").bounding_box() == pytest.approx(before, abs=1)


def test_frames_that_are_decoded_late_do_not_write_over_the_next_run(page):
    page.add_init_script("""const decode = createImageBitmap; window.held = [];
        window.createImageBitmap = (...image) => new Promise((go) => held.push(() => go(decode(...image))));""")
    page.goto(f"/guidance?show=Prompt+ablation&prompt=red+heart&{QUICK}")
    page.wait_for_function("() => held.length")
    at_rest(page)
    page.evaluate("window.late = held.splice(0)")
    page.locator("[class*=st-key-look]").get_by_text("red", exact=True).click()
    page.wait_for_function("() => held.length")
    at_rest(page)
    page.evaluate("held.splice(0).forEach((go) => go())")
    ready(page)
    run = page.locator(".dv-player").get_attribute("data-ready")
    page.evaluate("late.forEach((go) => go())")
    page.wait_for_timeout(500)
    assert page.locator(".dv-player").get_attribute("data-ready") == run


def test_dragging_over_the_images_scrubs(tab):
    page = tab.open("/forward")
    player = ready(page)
    page.get_by_role("slider", name="Frame").press(
        "Home"
    )  # a player stands where it was left, here perhaps at the end
    box = page.locator(".dv-panels").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 40
    before = int(player.get_attribute("data-frame"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=5)
    page.mouse.up()
    assert int(player.get_attribute("data-frame")) > before


def test_pixels_are_drawn_on_whole_screen_pixels(tab):
    page = tab.open("/forward")
    ready(page)
    for canvas in page.locator(".dv-panel canvas").all():
        side = canvas.evaluate("c => c.width")
        assert side in (32, 64)
        assert canvas.bounding_box()["width"] % side == 0
        assert canvas.evaluate("c => getComputedStyle(c).imageRendering") == "pixelated"
    page.get_by_role("button", name="Smooth enlargement").click()
    large = page.locator(".dv-panel.main canvas")
    assert large.evaluate("c => getComputedStyle(c).imageRendering") == "auto"
    assert large.bounding_box()["width"] == pytest.approx(
        page.locator(".dv-panel.main").bounding_box()["width"]
    )


def test_the_player_has_names_for_those_who_cannot_see_it(tab):
    page = tab.open("/reverse?steps=4")
    ready(page)
    slider = page.get_by_role("slider", name="Frame")
    slider.press("End")
    assert "finished" in slider.get_attribute("aria-valuetext")
    slider.press("Home")
    assert "step 1 of 4" in slider.get_attribute("aria-valuetext")
    for canvas in page.locator(".dv-panel canvas").all():
        assert "step 1 of 4" in canvas.get_attribute("aria-label")


def test_a_deep_link_as_the_very_first_request_opens_that_very_run(browser):
    with AppServer() as fresh:
        context = browser.new_context(base_url=fresh.url)
        page = context.new_page()
        page.goto("/reverse?prompt=red+heart&style=flat&seed=7&steps=6&sampler=DDPM")
        ready(page)
        expect(page.get_by_label("Prompt", exact=True)).to_have_value("red heart")
        expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
        expect(page.locator(".dv-readout")).to_have_text(re.compile("finished"))
        assert page.get_by_role("slider", name="Frame").get_attribute("max") == "6"
        assert "seed=7" in page.url and "sampler=DDPM" in page.url
        first = shown(page)
        page.reload()
        ready(page)
        assert shown(page) == first
        context.close()


def test_controls_are_kept_in_the_address(page):
    page.goto("/reverse?steps=3")
    ready(page)
    page.get_by_label("Prompt", exact=True).fill("palm tree")
    page.get_by_label("Prompt", exact=True).press("Enter")
    page.wait_for_function("() => location.search.includes('palm')")
    ready(page)
    page.get_by_role("button", name="New seed").click()
    page.wait_for_function("() => /seed=\\d+/.test(location.search)")


def test_prompt_style_and_seed_travel_from_page_to_page(page):
    page.goto("/reverse?prompt=octopus&seed=12&steps=3")
    ready(page)
    page.get_by_role("link", name="1 · Forward process").first.click()
    page.wait_for_selector("h1:has-text('Forward process')")
    page.wait_for_function("() => location.search.includes('seed=12')")
    ready(page)
    page.get_by_role("link", name="3 · Reverse process").first.click()
    page.wait_for_selector("h1:has-text('Reverse process')")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("octopus")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("12")


def test_a_long_run_can_be_stopped_and_what_was_computed_is_kept(page):
    page.goto(long_run())
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click(timeout=90_000)
    expect(page.get_by_text(re.compile(r"Stopped after \d+ of 250 steps"))).to_be_visible()
    ready(page)
    assert int(page.get_by_role("slider", name="Frame").get_attribute("max")) < 250
    expect(page.get_by_role("button", name="Run it to the end")).to_be_visible()


def test_a_run_can_be_downloaded_in_every_form(page):
    page.goto("/reverse?steps=3&prompt=red+heart")
    ready(page)
    at_rest(page)
    page.get_by_role("button", name="Save").click()
    for name, begins, file in (
        ("GIF", b"GIF89a", "red-heart-seed0.gif"),
        ("WebP", b"RIFF", "red-heart-seed0.webp"),
        ("Strip of frames", b"\x89PNG", "red-heart-seed0.png"),
        ("PNG with settings", b"\x89PNG", "red-heart-seed0-image.png"),
        ("Run as .npz", b"PK", "red-heart-seed0.npz"),
        ("Code as a notebook", b"{", "red-heart-seed0.ipynb"),
        ("Cite this", b"@softwar", "diffviz.bib"),
    ):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name).click()
        with open(waiting.value.path(), "rb") as saved:
            assert saved.read(8).startswith(begins), name
        assert waiting.value.suggested_filename == file


def test_a_drawing_is_used_as_soon_as_the_pen_is_lifted_and_is_not_lost(page):
    page.goto("/forward?picture=Draw")
    ready(page)
    at_rest(page)
    before = shown(page, 0)
    pad = page.locator(".dv-sketch canvas")
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20, steps=8)
    page.mouse.up()
    expect(page.get_by_text("Draw something")).to_be_hidden()
    until_shown(page, 0, other_than=before)
    drawn = shown(page, 0)
    page.get_by_role("link", name="3 · Reverse process").first.click()
    page.wait_for_selector("h1:has-text('Reverse process')")
    ready(page)
    page.get_by_role("link", name="1 · Forward process").first.click()
    page.wait_for_selector("h1:has-text('Forward process')")
    page.get_by_text("Draw", exact=True).click()
    ready(page)
    until_shown(page, 0, equal=drawn)


def test_a_marked_part_is_filled_and_unmarked_again(page):
    page.goto(MARKING)
    ready(page)
    assert "Until then: the middle" in page.content()
    before = shown(page, 0)
    pad = page.locator(".dv-sketch canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 30, steps=6)
    page.mouse.up()
    expect(page.get_by_text("Until then: the middle")).to_be_hidden()
    until_shown(page, 0, other_than=before)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Until then: the middle")).to_be_visible()
    until_shown(page, 0, equal=before)


def test_the_pad_can_be_drawn_on_by_keyboard(page):
    page.goto("/forward?picture=Draw")
    ready(page)
    page.locator(".dv-sketch canvas").focus()
    for key in ("ArrowLeft", "Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_text("Draw something")).to_be_hidden()


def test_presenter_view_enlarges_the_type(page):
    page.goto("/")
    ready(page)
    small = page.locator("h1").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    page.get_by_text("Presenter view", exact=True).click()
    page.wait_for_function(
        f"() => parseFloat(getComputedStyle(document.querySelector('h1')).fontSize) > {small * 1.2}"
    )


def test_the_step_sweep_runs_once_predicted_and_opens_a_trajectory(page):
    page.goto(f"/steps?guidance=1&prompt=red+heart&{QUICK}")
    counts, trajectory = (page.locator(f".st-key-{key}-player .dv-player") for key in ("counts", "ladder"))
    expect(counts).to_have_attribute("data-ready", re.compile("."), timeout=120_000)
    # What is to be guessed is there, blurred; the images of all other step counts are at the learner's hand.
    assert blurred(counts) == [False, True, True]
    expect(counts.locator("canvas[aria-label*='hidden until the guess']")).to_have_count(2)
    slider = counts.get_by_role("slider", name="Frame")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    expect(counts.locator(".dv-readout")).to_have_text("12 steps")
    counts.get_by_role("button", name="Fix my guess here").press("Enter")
    expect(page.get_by_text("You said")).to_be_visible(timeout=60_000)
    assert "You said 12 steps" in page.locator("[data-testid=stMain]").inner_text()
    expect(counts.locator(".dv-mark").first).to_contain_text("your guess: 12 steps")
    assert blurred(counts) == [False, False, False]
    # The mark stands under the thumb, which is still where the guess was made.
    expect(slider).to_have_value("5")
    bar, mark = slider.bounding_box(), counts.locator(".dv-mark i").first.bounding_box()
    thumb = bar["x"] + 8 + (bar["width"] - 16) * 5 / 9
    assert abs(mark["x"] + mark["width"] / 2 - thumb) < 4
    expect(trajectory.get_by_role("slider", name="Frame")).to_have_attribute("max", "12", timeout=30_000)
    page.get_by_role("radiogroup", name="Number of steps").get_by_text("3", exact=True).click()
    expect(trajectory.get_by_role("slider", name="Frame")).to_have_attribute("max", "3", timeout=30_000)
    is_sound_at_both_sizes(page)
    # On a phone the words of a mark break and are not cut off, also where they are as long as they become.
    mark = counts.locator(".dv-mark").first
    mark.locator("span").evaluate("words => { words.textContent = 'RMSE below 0.05 from 100 steps on' }")
    box = mark.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def is_sound_at_both_sizes(page):
    """As it is, in the light, and on a phone in the dark."""
    at_rest(page)
    is_sound(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".stApp")).to_have_css("background-color", GROUND["dark"])
    at_rest(page)
    is_sound(page)


def blurred(player):
    """Which panels of a player are blurred."""
    return player.locator(".dv-panel canvas").evaluate_all(
        "all => all.map(canvas => getComputedStyle(canvas).filter.includes('blur'))"
    )


def test_samplers_run_in_lanes_and_their_paths_grow_with_the_evaluations(page):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"/steps?part=Samplers+at+equal+NFE&guidance=1&prompt=red+heart&{QUICK}")
    race = page.locator(".st-key-race-player .dv-player")
    expect(race).to_have_attribute("data-ready", re.compile("."), timeout=120_000)
    assert page.locator("[class*=st-key-locked] .st-key-race-player").count() == 1
    page.locator(".st-key-question").get_by_text("Heun", exact=True).click()
    expect(page.get_by_text("You said")).to_be_visible(timeout=60_000)
    expect(race).to_have_attribute("data-ready", re.compile("."), timeout=60_000)
    assert page.locator("[class*=st-key-locked]").count() == 0

    def stand_apart():
        sizes = [canvas.bounding_box() for canvas in race.locator(".dv-panel canvas").all()]
        in_a_row = {(round(b["y"]), round(b["width"])) for b in sizes}
        assert len(sizes) == 4 and len(in_a_row) == 1  # equal lanes
        heights = names.evaluate_all("all => all.map(name => Number(name.getAttribute('y')))")
        # No name lies over another.
        assert min(b - a for a, b in itertools.pairwise(sorted(heights))) >= 17

    names = race.locator(".dv-plane .name")
    assert sorted(names.all_text_contents()) == ["DDIM", "DPM-Solver++", "Heun", "UniPC", "reference"]
    stand_apart()

    def walked():
        return race.locator(".dv-plane .walked").evaluate_all(
            "all => all.map(line => line.getAttribute('points').split(' ').length)"
        )

    slider = race.get_by_role("slider", name="Frame")
    slider.press("End")
    whole = walked()
    slider.press("Home")
    assert walked() == [1, 1, 1, 1] and min(whole) > 1
    is_sound_at_both_sizes(page)
    stand_apart()


def guess_first(page):
    expect(page.get_by_text("Guess first.")).to_be_visible(timeout=60_000)
    option = page.locator("[data-testid=stButtonGroup]:not(.st-key-parts *) button").first
    option.click(timeout=120_000)  # other tests may keep both cores busy


def test_the_nearest_drawings_and_the_chart_appear_once_guessed(page):
    page.goto("/memorization?guidance=1&prompt=red+heart")
    expect(page.get_by_text("Guess first.")).to_be_visible(timeout=60_000)
    page.get_by_text("nearer than 95% of held-out images", exact=True).click()
    expect(page.get_by_text("training images:")).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_be_visible(timeout=30_000)
    assert page.locator(".dv-gallery img").count() == 6  # the image as it was compared, and five neighbours
    is_sound_at_both_sizes(page)


def test_one_row_of_seeds_follows_the_guidance_scale_beside_what_was_measured(page):
    page.goto("/guidance?show=How+hard+to+push&prompt=red+heart&net=32+×+32,+quick")
    row = page.locator(".st-key-stage .dv-gallery img")
    expect(row).to_have_count(4, timeout=60_000)  # blurred, behind the question
    page.get_by_text("more alike", exact=True).click()
    expect(page.get_by_text("You said")).to_be_visible(timeout=60_000)
    at_rest(page)
    visible = page.locator(".dv-gallery img:visible")
    expect(visible).to_have_count(4)  # the scales one below the other are not in sight yet
    before = row.first.get_attribute("src")
    page.get_by_role("slider", name="Guidance scale w").press("End")
    expect(page.get_by_text("w = 10", exact=True).first).to_be_visible(timeout=30_000)
    expect(row.first).not_to_have_attribute("src", before)
    page.get_by_text("All scales, one below the other").click()
    expect(visible).to_have_count(4 + 24, timeout=60_000)  # six scales, four seeds
    is_sound_at_both_sizes(page)


ARROW = f"/guidance?prompt=red+heart&{QUICK}"


def open_arrow(page, guess="between the two"):
    page.goto(ARROW)
    arrow = page.locator(".dv-arrow[data-ready]")
    expect(arrow).to_be_visible(timeout=60_000)
    if guess:
        page.get_by_text(guess, exact=True).click()
        expect(arrow).not_to_have_class(re.compile("locked"))
        at_rest(page)
    return arrow, page.get_by_role("slider", name="the arrow's head")


def pixels(canvas):
    return canvas.evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")


def test_the_guided_prediction_is_held_back_until_there_is_a_guess_and_the_other_two_are_not(page):
    arrow, head = open_arrow(page, guess=None)
    expect(arrow.locator(".dv-guided canvas")).to_have_css("filter", re.compile("blur"))
    expect(arrow.locator(".dv-cond canvas")).to_have_css("filter", "none")
    expect(head).to_be_hidden()
    page.get_by_role("button", name="Show me").click()
    expect(head).to_be_visible()
    expect(arrow.locator(".dv-guided canvas")).to_have_css("filter", "none")


def test_the_arrow_extrapolates_as_the_sampler_does_and_its_ends_are_the_two_predictions(page):
    arrow, head = open_arrow(page)
    three = [pixels(arrow.locator(f".dv-{name} canvas")) for name in ("uncond", "cond", "guided")]
    # What the server sampled with stands in the player: conditional, unconditional and guided at the same step.
    frame = arrow.locator(".dv-step input").input_value()
    assert page.locator(".dv-player").get_attribute("data-frame") == frame
    cond, uncond, guided = (pixels(c) for c in page.locator(".dv-panel canvas").all())
    for ours, theirs in zip(three, (uncond, cond, guided), strict=True):
        assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1  # of 255: rounding
    assert guided != cond
    head.press("Home")
    assert pixels(arrow.locator(".dv-guided canvas")) == three[0]
    head.press("ArrowRight")
    head.press("ArrowRight")
    assert head.get_attribute("aria-valuenow") == "1"
    assert pixels(arrow.locator(".dv-guided canvas")) == three[1]


def test_where_the_head_is_let_go_a_trajectory_is_sampled_and_below_1_none_is(page):
    arrow, head = open_arrow(page)
    box, line = head.bounding_box(), arrow.locator(".dv-line").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(line["x"] + line["width"] - 40, y, steps=6)
    assert float(head.get_attribute("aria-valuenow")) > 9
    assert "guidance=" not in page.url  # a preview, computed in the browser
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"guidance=(9|9\.5|10)(&|$)"), timeout=30_000)
    expect(arrow.locator(".dv-end figcaption")).to_have_text(
        re.compile(r"finished, w = (9|9\.5|10)$"), timeout=30_000
    )
    assert page.evaluate("document.activeElement !== document.body")  # the head keeps the focus
    sampled = page.url
    head.press("Home")
    head.press("Enter")
    expect(arrow.locator(".dv-caption")).to_contain_text("trajectories are sampled with w from 1")
    at_rest(page)
    assert page.url == sampled


def test_each_key_moves_the_head_once_however_often_the_page_ran(page):
    _, head = open_arrow(page)
    for w in ("3.5", "4", "4.5"):
        head.press("ArrowRight")
        assert head.get_attribute("aria-valuenow") == w
    expect(page).to_have_url(re.compile(r"guidance=4\.5(&|$)"), timeout=30_000)
    at_rest(page)
    head.press("ArrowLeft")
    assert head.get_attribute("aria-valuenow") == "4"


def test_the_arrow_fits_one_screen_and_the_width_in_both_themes(page):
    arrow, _ = open_arrow(page)
    for width, height in ((1920, 1080), (1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.get_by_test_id("stMain").evaluate("e => e.scrollTo(0, 0)")
        at_rest(page)
        is_no_wider(page)
        assert arrow.bounding_box()["y"] + arrow.bounding_box()["height"] <= height
    page.set_viewport_size({"width": 1280, "height": 800})
    is_sound_at_both_sizes(page)


def test_a_changed_prompt_leaves_the_former_images_until_new_ones_come(page):
    arrow, _ = open_arrow(page)
    page.evaluate(
        "window.gone = 0; setInterval(() => { if (!document.querySelector('.dv-arrow') && "
        "![...document.querySelectorAll('*')].some(e => e.shadowRoot?.querySelector('.dv-arrow'))) window.gone += 1 }, 20)"
    )
    before = pixels(arrow.locator(".dv-cond canvas"))
    page.get_by_label("Prompt", exact=True).fill("sunflower")
    page.get_by_label("Prompt", exact=True).press("Enter")
    until(page, lambda: pixels(arrow.locator(".dv-cond canvas")) != before, "the prompt changed nothing")
    assert page.evaluate("window.gone") == 0


def test_a_click_on_the_measured_curve_takes_samples_at_that_setting(page):
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.goto(f"/steps?part=Measured+curve&guidance=1&{QUICK}")
    guess_first(page)
    point = page.locator(".js-plotly-plot .scatterlayer .trace").first.locator(".point").nth(2)
    expect(point).to_be_visible(timeout=30_000)
    at_rest(page)
    box = None  # while the chart is drawn anew
    for _ in range(100):
        if box := point.bounding_box():
            break
        page.wait_for_timeout(100)
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text("Sampled now: your prompt at")).to_be_visible(timeout=60_000)
    assert page.locator(".dv-gallery img").count() == 8


def test_the_blind_test_runs_by_keyboard_and_its_place_survives_a_reload(page):
    page.goto("/steps?part=Can+you+tell%3F")
    guess_first(page)
    for trial in range(3):
        expect(page.get_by_text(f"Trial {trial + 1} of 20")).to_be_visible(timeout=30_000)
        page.locator(".dv-gallery button").nth(trial % 2).press("Enter")
    expect(page.get_by_text("Trial 4 of 20")).to_be_visible(timeout=30_000)
    page.reload()
    guess_first(page)
    expect(page.get_by_text("Trial 4 of 20")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize(
    "way",
    ["Mixed practice", "Self-check", "Order the stages", "Predict, observe, explain", "Scenario quiz", "Live-model quiz",
     "Flashcards", "Interview questions", "Dictionary", "Progress"],
)  # fmt: skip
def test_axe_finds_nothing_serious_in_practice_in_either_theme(tab, way):
    page = tab.open(f"/practice?way={way}")
    page.set_viewport_size({"width": 390, "height": 800})
    for scheme, ground in GROUND.items():
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(".stApp")).to_have_css("background-color", ground)
        at_rest(page)
        is_sound(page)


def tab_to(page, role, name=None):
    """Press Tab until something of this role, and with this text if one is given, has the focus."""
    for _ in range(90):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "e => { const a = document.activeElement; return [a.tagName == 'INPUT' ? a.type : a.tagName.toLowerCase(),"
            " a.innerText || ''] }"
        )
        if found[0] == role and (name is None or found[1].strip().startswith(name)):
            return
    raise AssertionError(f"Tab never reaches {role} {name}")


def test_a_whole_quiz_can_be_answered_by_keyboard_alone(page):
    page.goto("/practice?way=Scenario+quiz")
    for n in range(1, 6):
        expect(page.get_by_text(f"{n} of 5")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("Your answer")).to_be_visible()
        tab_to(page, "radio")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Answer", exact=True)).to_be_enabled()
        tab_to(page, "button", "Answer")
        page.keyboard.press("Enter")
        forward = "See the score" if n == 5 else "Next"
        expect(page.get_by_role("button", name=forward, exact=True)).to_be_visible()
        tab_to(page, "button", forward)
        page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("[0-5] of 5 right"))).to_be_visible()


def stages(page):
    return page.locator(".dv-sort li").evaluate_all("all => all.map(li => li.dataset.id)")


RIGHT_ORDER = ["noise", "train", "static", "remove", "feed", "repeat"]


def test_the_order_can_be_put_right_by_keyboard_and_then_plays(page):
    page.goto("/practice?way=order")  # a former title of the exercise
    expect(page.locator(".dv-sort li").first).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile(r"way=Order\+the\+stages"))
    at_rest(page)
    for place, stage in enumerate(RIGHT_ORDER):
        up = page.locator(f".dv-sort li[data-id={stage}] button").first
        while stages(page).index(stage) > place:
            up.press("Enter")
    assert stages(page) == RIGHT_ORDER
    # At once: the page may not have run with the last move yet, and it counts all the same.
    page.get_by_role("button", name="Check the order").press("Enter")
    expect(page.get_by_text("All six are in the right order")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Generated just now")).to_be_visible(timeout=60_000)
    assert page.locator(".dv-gallery img").count() == 6


def test_a_stage_can_be_dragged_and_stays_after_a_reload(page):
    page.set_viewport_size({"width": 1280, "height": 1100})
    runs = Runs(page)
    page.goto("/practice?way=Order+the+stages")
    expect(page.locator(".dv-sort li").first).to_be_visible(timeout=30_000)
    runs.wait_for(2)  # the second comes with this browser's id, and with it the place of this learner
    before = stages(page)
    grip = page.locator(".dv-sort .grip").first.bounding_box()
    last = page.locator(".dv-sort li").last.bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 8, last["y"] + last["height"] - 6, steps=12)
    with runs.another():
        page.mouse.up()
    assert stages(page) == [*before[1:], before[0]]
    page.reload()
    expect(page.locator(".dv-sort li").first).to_be_visible(timeout=30_000)
    expect(page.locator(".dv-sort li").last).to_have_attribute("data-id", before[0])


def test_cards_are_flipped_by_the_space_bar_and_printed_one_a_page(page):
    page.goto("/practice?way=Flashcards")
    expect(page.get_by_role("button", name="Flip")).to_be_visible(timeout=30_000)
    at_rest(page)  # a key pressed between two runs is lost with the button that it was for
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Good")).to_be_visible()
    page.evaluate("window.printed = 0")
    page.get_by_role("button", name="Print the cards").click()
    frame = page.frame_locator("#dv-print")
    expect(frame.locator("section")).to_have_count(10)
    assert frame.locator("section").first.evaluate("e => getComputedStyle(e).breakAfter") == "page"


def test_the_interview_clock_runs_and_can_be_paused(page):
    page.clock.install()
    page.goto("/practice?way=Interview+questions")
    page.get_by_role("button", name=re.compile("Mock interview")).click()
    clock = page.get_by_role("timer")
    expect(clock).to_have_text("1:58", timeout=30_000)
    page.get_by_role("button", name="Pause").click()
    shown = clock.inner_text()
    page.clock.run_for(5000)
    assert clock.inner_text() == shown


def test_a_reload_in_the_middle_of_a_quiz_comes_back_to_the_same_place(page):
    page.goto("/practice?way=Scenario+quiz")
    page.get_by_role("radio", name=re.compile("diffusion model")).check(force=True)
    page.get_by_role("button", name="Answer", exact=True).click()
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text("2 of 5")).to_be_visible()
    at_rest(page)  # the place is kept as the run ends
    page.reload()
    expect(page.get_by_text("2 of 5")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_class_plan_can_be_followed_link_by_link(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/teaching")
    expect(page.get_by_text("What has stayed")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Print this plan")).to_be_visible()
    is_no_wider(page)
    is_accessible(page)
    page.get_by_role("link", name="Count the fingers").click()
    page.wait_for_selector("h1:has-text('Reverse process')")
    ready(page)
    assert page.get_by_label("Prompt").input_value() == "raised hand"


def test_a_small_network_is_trained_in_the_browser_and_its_training_can_be_scrubbed(page):
    page.goto("/training?learn=Train+a+small+network&train=100&shape=ring")
    page.get_by_text("within 100 steps", exact=True).click()
    ready(page)
    trained = shown(page, 1)
    page.locator(".dv-scrub").fill("0")
    until_shown(page, 1, other_than=trained)
    is_accessible(page)


@pytest.mark.parametrize(
    ("part", "guess"),
    [
        ("VAE,+GAN,+diffusion", "GAN"),
        ("Straight+ways", "straight"),
        ("Distillation", "hardly better than that"),
    ],
)
def test_other_ways_are_trained_in_sight_and_can_be_scrubbed(page, part, guess):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"/generative_models?beside={part}&train=100")
    page.get_by_text(guess, exact=True).last.click()
    ready(page)
    at_rest(page)
    assert page.locator(".dv-panel canvas").count() == 3
    bar = page.locator(".dv-bar").bounding_box()
    assert bar["y"] + bar["height"] <= 800
    last = shown(page)  # of the part on distillation only the first panel, the student, changes
    page.locator(".dv-scrub").fill("0")
    until_shown(page, 0, other_than=last)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        at_rest(page)
        is_sound(page)
