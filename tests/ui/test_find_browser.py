"""A stranger finds the terms of the field from the start page, in a real browser, by the search of the menu."""

import re

import pytest
from helpers import SOUGHT_TERMS
from playwright.sync_api import expect

from diffviz.lessons import glossary, pages

pytestmark = pytest.mark.browser


@pytest.fixture
def start(tab):
    """The start page at the size of a small laptop."""
    return tab.open("/")


def search(page, typed):
    """Type into the search of the menu; nothing is chosen yet."""
    box = page.get_by_label("Find a term")
    box.click()
    box.fill(typed)
    return box


def results(page):
    """The links that the search offers."""
    return page.locator(".st-key-menu a", has_text="arrow_forward")


@pytest.mark.slow
@pytest.mark.parametrize("term", SOUGHT_TERMS)
def test_a_term_is_found_in_two_clicks_and_its_page_says_what_it_is(start, term):
    search(start, term)
    start.get_by_role("option").first.click()  # the first click
    expect(results(start)).to_have_count(1, timeout=120_000)
    results(start).click()  # the second
    entry = glossary.search(term)[0]
    page = next(lesson for lesson in pages.LESSONS if lesson.slug == entry.page)
    start.wait_for_url(re.compile(rf"/{page.slug}\?(.*&)?term={entry.id}(&|$)"), timeout=120_000)
    note = start.get_by_test_id("stMain").locator(".st-key-term")
    expect(note.get_by_text(entry.term, exact=False).first).to_be_in_viewport(timeout=120_000)
    assert term.casefold() in note.inner_text().casefold()
    # The state of the link is one the page knows: it would say so otherwise.
    expect(
        start.get_by_test_id("stMain").locator(".stSlider, .stSelectbox, .stTextInput").first
    ).to_be_visible(timeout=120_000)
    expect(start.get_by_text("The link asks for")).to_have_count(0)


@pytest.mark.slow
def test_a_misspelt_term_finds_what_comes_near_and_nonsense_is_told_so(start):
    search(start, "classifer free guidence").press("Enter")
    expect(start.locator(".st-key-menu").get_by_text("Classifier-free guidance.")).to_be_visible(
        timeout=120_000
    )
    expect(results(start).first).to_be_visible()
    search(start, "xyzzy").press("Enter")
    expect(start.get_by_text("No term comes near that.")).to_be_visible(timeout=120_000)
    expect(results(start)).to_have_count(0)


@pytest.mark.slow
def test_the_menu_fits_a_small_screen_and_cuts_no_title_off(start):
    start.reload()  # nothing has been searched for
    expect(start.get_by_text("Presenter view", exact=True)).to_be_in_viewport(ratio=1, timeout=120_000)
    menu = start.get_by_test_id("stSidebarContent")
    assert menu.evaluate("e => e.scrollHeight - e.clientHeight") <= 0
    for lesson in pages.PAGES:
        title = start.locator(".st-key-menu a", has_text=lesson.title).locator("p, span").last
        assert title.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, lesson.title
