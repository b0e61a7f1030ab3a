"""Finding and returning, in a real browser: history, tabs, links, the stop of the toolbar, symbols, the menu of a phone."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_helpers import is_accessible, long_run, rest
from playwright.sync_api import expect

from diffviz.lessons import pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUICK = "net=32+×+32,+quick&steps=2"


@pytest.fixture
def visit(browser, server):
    """Makes a visitor's page; no error in it until the end."""
    contexts, wrong = [], []

    def make(width=1280, height=800, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=server.url, **options
        )
        context.set_default_timeout(120_000)  # other tests may keep both cores busy
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def page(visit):
    return visit()


PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


def at(page, title):
    """Wait until a page is there and at rest."""
    expect(page.locator("h1")).to_have_text(title)
    page.wait_for_function("() => window.dvNavigation")
    rest(page)


def state(page):
    """The address as a path and its parameters in any order, and what the controls say."""
    url = urlsplit(page.url)
    controls = page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=stMain] input, [data-testid=stSidebar] input[type=checkbox]')]"
        ".filter(e => e.type !== 'range' && e.type !== 'radio')"
        ".map(e => [e.ariaLabel, e.type === 'checkbox' ? e.checked : e.value])"
    )
    part = page.locator(".st-key-parts [aria-checked=true]").all_inner_texts()
    size = page.locator("h1").evaluate("e => getComputedStyle(e).fontSize")
    return url.path, parse_qs(url.query), controls, part, size


def menu(page, title):
    page.get_by_test_id("stSidebar").get_by_role("link", name=title, exact=False).click()


def entries(page):
    return page.evaluate("history.length")


TITLES = {  # menu label -> title of the page; all but lesson 4, which runs up to 250 steps as it opens
    "1 · Forward": "Forward process",
    "2 · Training": "Training objective",
    "3 · Reverse": "Reverse process (sampling)",
    "5 · Prompts": "Prompts and guidance",
    "6 · Image": "Image-to-image and inpainting",
    "7 · Memorization": "Memorization",
    "8 · VAE": "VAE, GAN, flow matching, distillation",
    "9 · Latent": "Latent diffusion",
    "10 · Inside": "Inside the U-Net",
    "12 · Find": "Workshop: find the bug",
    "Practice": "Practice",
    "For teachers": "For teachers",
}


def test_twelve_pages_on_and_twelve_presses_back(page):
    page.goto(f"/reverse?{QUICK}&prompt=red+heart")
    at(page, "Reverse process (sampling)")
    first = entries(page)
    page.get_by_role("button", name="New seed").click()
    page.wait_for_function("() => location.search.includes('seed=')")
    rest(page)
    left = []
    for n, (label, title) in enumerate(TITLES.items()):
        if n == 4:
            page.get_by_text("Presenter view", exact=True).click()
            page.wait_for_function("() => location.search.includes('presenter=true')")
            rest(page)
        left.append((page.locator("h1").inner_text(), state(page)))
        menu(page, label)
        at(page, title)
        assert entries(page) == first + n + 1, f"{title} took more than one entry"
    assert len(left) == 12
    there = state(page)
    for title, before in reversed(left):
        page.go_back()
        at(page, title)
        assert state(page) == before
    assert entries(page) == first + 12
    page.evaluate("history.go(12)")
    at(page, "For teachers")
    assert state(page) == there


def test_moving_controls_adds_no_entry_and_a_part_adds_one(page):
    page.goto(
        f"/steps?part=Measured+quality&calls=3&guidance=1&{QUICK}"
    )  # three evaluations each: soon at rest
    at(page, "Samplers and steps")
    first = entries(page)
    page.get_by_label("Prompt", exact=True).fill("palm tree")
    page.get_by_label("Prompt", exact=True).press("Enter")
    page.wait_for_function("() => location.search.includes('palm')")
    rest(page)
    page.get_by_role("button", name="New seed").click()
    page.wait_for_function("() => location.search.includes('seed=')")
    rest(page)
    assert entries(page) == first
    page.locator(".st-key-parts").get_by_text("Samplers at equal NFE").click()
    page.wait_for_function("() => location.search.includes('part=Samplers')")
    rest(page)
    assert entries(page) == first + 1
    page.get_by_role("button", name="Next part: Measured quality").click()
    page.wait_for_function("() => location.search.includes('part=Measured')")
    rest(page)
    assert entries(page) == first + 2
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollTop") == 0
    for part in ("Samplers at equal NFE", "Measured quality"):
        page.go_back()
        expect(page.locator(".st-key-parts [aria-checked=true]")).to_have_text(part)
        rest(page)
        assert page.get_by_label("Prompt", exact=True).input_value() == "palm tree"


def test_the_tabs_answer_to_the_keyboard(page):
    page.goto(f"/guidance?show=Guidance+scale&{QUICK}")
    at(page, "Prompts and guidance")
    first = entries(page)
    chosen = page.locator(".st-key-parts [aria-checked=true]")
    expect(chosen).to_have_text("Guidance scale")
    chosen.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(chosen).to_have_text("Guidance interval")
    rest(page)
    assert "Guidance+interval" in page.url
    assert entries(page) == first + 1
    is_accessible(page)


def test_a_plans_link_is_the_very_state_whatever_was_opened_before(page):
    page.goto("/teaching?presenter=true")
    for label, title, slug in (
        ("A single step", "Reverse process (sampling)", "reverse"),
        ("Add noise to a drawing of yours", "Forward process", "forward"),
        ("One example, every t", "Training objective", "training"),
        ("Count the fingers", "Reverse process (sampling)", "reverse"),
    ):
        at(page, "For teachers")
        page.get_by_role("link", name=label).click()
        at(page, title)
        assert urlsplit(page.url).path == f"/{slug}"
        assert page.get_by_test_id("stMain").evaluate("e => e.scrollTop") == 0
        asked = parse_qs(urlsplit(page.url).query)
        assert asked.pop("presenter") == ["true"]  # the room's, not the page's
        if label == "A single step":
            assert asked == {"steps": ["1"]}
        elif label == "Count the fingers":
            assert asked == {"prompt": ["raised hand"], "seed": ["3"]}
            expect(page.get_by_role("slider", name="Frame")).to_have_attribute("max", "30")
        elif label == "One example, every t":
            assert not page.locator(".dv-sketch").count()
        page.go_back()


def test_a_page_stopped_by_the_toolbar_says_so_and_goes_on(page):
    page.goto(long_run())
    note = page.get_by_text("What was computed until then is shown")
    progress = page.get_by_text(re.compile(r"step \d+ of 250"))
    expect(progress).to_be_visible()
    expect(note).to_be_hidden()
    page.get_by_test_id("stStatusWidget").get_by_role("button").click()
    expect(note).to_be_visible()
    before = progress.inner_text()
    page.get_by_role("button", name="Go on").click()
    expect(note).to_be_hidden()
    expect(page.get_by_text(before)).to_be_hidden()
    expect(progress).to_be_visible()  # of the new run: one that is stopped before its first step has no frame
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped after \d+ of 250 steps"))).to_be_visible()
    caption = page.locator(".dv-player[data-ready] .dv-caption")  # the first frame has one too, until it is
    expect(caption).to_contain_text("the last before the run was stopped")
    expect(caption).to_contain_text("not the finished image")
    rest(page)
    expect(note).to_be_hidden()


def test_a_player_stands_where_it_was_left_when_one_comes_back(page):
    page.goto("/reverse?net=32+×+32,+quick&steps=12")
    at(page, "Reverse process (sampling)")
    frame = page.locator(".dv-player[data-ready]").first.get_by_role("slider", name="Frame")
    frame.press("Home")
    frame.press("ArrowRight")
    menu(page, "For teachers")
    at(page, "For teachers")
    page.go_back()
    at(page, "Reverse process (sampling)")
    expect(frame).to_have_value("1")
    page.get_by_role("button", name="New seed").click()
    expect(frame).not_to_have_value("1")  # another run is shown from where runs are shown
    rest(page)


def test_a_finished_page_has_no_such_note(page):
    for path in ("/", "/teaching", "/practice", "/forward?T=10"):
        page.goto(path)
        page.wait_for_selector("h1")
        rest(page)
        expect(page.locator(".dv-complete")).to_have_count(1)
        expect(page.locator(".st-key-stopped")).to_be_hidden()


@pytest.mark.parametrize("by", ["tap", "key"])
def test_a_symbol_explains_itself(visit, by):
    page = visit(**PHONE)
    page.goto(f"/reverse?{QUICK}")
    at(page, "Reverse process (sampling)")
    tip = page.locator("div.dv-tip")
    page.get_by_role("slider", name="Frame").press("End")  # a frame that plays on replaces the words below it
    for symbol, says in (
        ("x̂₀", "estimate x̂₀ of the clean image"),
        ("SNR", "Signal-to-noise"),
    ):
        button = page.locator(".dv-player[data-ready]").locator(".dv-symbol", has_text=symbol).first
        button.tap() if by == "tap" else button.press("Enter")
        expect(tip).to_contain_text(says)
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
    # The symbol in a panel's title explains itself too, and its panel stays as it is; beside it the panel becomes large.
    label = page.locator(".dv-label", has_text="ε̂")
    before = page.locator(".dv-panel.main .dv-label b").inner_text()
    label.locator(".dv-symbol").tap() if by == "tap" else label.locator(".dv-symbol").press("Enter")
    expect(tip).to_contain_text("estimate of the noise in xₜ")
    assert page.locator(".dv-panel.main .dv-label b").inner_text() == before == "x₀"
    page.keyboard.press("Escape")
    label.get_by_role("button", name="large").press("Enter")
    expect(page.locator(".dv-panel.main .dv-label b")).to_have_text("ε̂")
    page.get_by_role("slider", name="Frame").press("Home")
    expect(page.locator(".dv-caption .dv-symbol").first).to_have_text("xₜ")
    page.get_by_text("network evaluations (NFE), step by step").click()
    page.locator(".dv-symbols .dv-symbol", has_text="RMSE").first.click()
    expect(tip).to_contain_text("square root of the mean squared difference")


def test_the_menu_of_a_phone_closes_when_a_lesson_is_chosen(visit):
    page = visit(**PHONE)
    page.goto("/forward?T=10")
    at(page, "Forward process")
    page.get_by_test_id("stMain").evaluate("e => e.scrollTo(0, 500)")
    page.get_by_test_id("stExpandSidebarButton").click()
    menu(page, "2 · Training")
    at(page, "Training objective")
    assert page.get_by_test_id("stSidebar").bounding_box()["x"] < 0
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollTop") == 0


def test_the_tabs_of_a_phone_scroll_and_are_not_cut_off(visit):
    page = visit(**PHONE)
    page.goto(f"/guidance?show=Classifier+guidance&{QUICK}")
    at(page, "Prompts and guidance")
    tabs = page.locator(".st-key-parts [role=radio]")
    assert tabs.count() == 6
    box = page.locator(".st-key-parts [aria-checked=true]").bounding_box()  # the last is brought into sight
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    heights = {round(tabs.nth(i).bounding_box()["y"]) for i in range(6)}
    assert len(heights) == 1
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 1


def test_a_card_is_turned_by_a_tap_and_no_key_is_named_where_there_is_none(visit):
    page = visit(**PHONE)
    page.goto("/practice?way=Flashcards")
    flip = page.get_by_role("button", name="Flip")
    expect(flip).to_be_visible()
    expect(flip.locator("kbd")).to_be_hidden()
    rest(page)
    flip.tap()
    expect(page.get_by_role("button", name="Good")).to_be_visible()


def test_the_menu_has_a_link_to_every_page(page):
    page.goto("/forward?T=10")
    at(page, "Forward process")
    links = page.get_by_test_id("stSidebar").get_by_test_id("stPageLink-NavLink")
    assert links.count() == 1 + len(pages.PAGES)
    menu(page, "Start")
    at(page, "How diffusion models generate images")
    assert urlsplit(page.url).path == "/"


def test_presenter_view_goes_along_from_the_start_page_and_back(page):
    page.goto("/")
    at(page, "How diffusion models generate images")
    page.get_by_text("Presenter view", exact=True).click()
    page.wait_for_function("() => location.search.includes('presenter=true')")
    rest(page)
    menu(page, "1 · Forward")
    at(page, "Forward process")
    assert parse_qs(urlsplit(page.url).query) == {"presenter": ["true"]}
    expect(page.get_by_role("switch").or_(page.get_by_role("checkbox")).first).to_be_checked()
    page.get_by_text("Presenter view", exact=True).click()
    page.wait_for_function("() => !location.search.includes('presenter')")
    rest(page)
    page.go_back()
    at(page, "How diffusion models generate images")
    assert "presenter=true" in page.url
    expect(page.get_by_role("switch").or_(page.get_by_role("checkbox")).first).to_be_checked()


def test_a_link_to_the_page_one_is_on_is_the_very_state_too(page):
    page.goto(f"/reverse?{QUICK}&seed=12")
    at(page, "Reverse process (sampling)")
    first = entries(page)
    box = page.get_by_label("Find a term")
    box.fill("DDIM")
    page.get_by_role("option", name="DDIM", exact=True).first.click()
    link = page.locator(".st-key-menu a", has_text="arrow_forward").first
    expect(link).to_be_visible()
    rest(page)
    asked = parse_qs(urlsplit(link.evaluate("a => a.href")).query)
    link.click()
    page.wait_for_function("() => location.search.includes('term=')")
    rest(page)
    assert entries(page) == first + 1
    found = parse_qs(urlsplit(page.url).query)
    assert found == {key: value for key, value in asked.items() if key in found}
    assert "seed" not in found


def test_back_returns_to_the_place_where_a_page_was_left(page):
    page.goto("/forward?T=10")
    at(page, "Forward process")
    rest(page)
    main = page.get_by_test_id("stMain")
    main.evaluate("m => m.scrollTo(0, 700)")
    page.wait_for_timeout(200)  # the browser tells of scrolling with its next frame
    menu(page, "For teachers")
    at(page, "For teachers")
    rest(page)
    assert main.evaluate("m => m.scrollTop") == 0
    main.evaluate("m => m.scrollTo(0, 300)")
    page.wait_for_timeout(200)
    page.go_back()
    at(page, "Forward process")
    page.wait_for_function(
        "() => Math.abs(document.querySelector('[data-testid=stMain]').scrollTop - 700) < 2"
    )
    rest(page)
    assert abs(main.evaluate("m => m.scrollTop") - 700) < 2
    page.go_forward()
    at(page, "For teachers")
    page.wait_for_function(
        "() => Math.abs(document.querySelector('[data-testid=stMain]').scrollTop - 300) < 2"
    )
