"""The four cards of the practice page in a real browser: addresses, Back, the keyboard, focus, and their looks."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_helpers import is_accessible, is_no_wider, rest
from playwright.sync_api import expect

from diffviz.ui.practice import TITLES
from diffviz.ui.practice.cards import CARDS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CARD = ".dv-cards .dv-link"
OPEN = ".dv-cards .dv-link[aria-current=true]"


@pytest.fixture
def practice(browser, server):
    """Opens the practice page in a window of a size; no error in it until the end."""
    contexts, wrong = [], []

    def opened(query="", width=1280, height=800, **more):
        context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=server.url, **more
        )
        context.set_default_timeout(60_000)  # other tests may keep both cores busy
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"/practice{query}")
        page.wait_for_selector(CARD)
        rest(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def way(page):
    return parse_qs(urlsplit(page.url).query).get("way")


def focused(page):
    return page.evaluate("() => { const e = document.activeElement; return e.innerText || e.tagName }")


def test_there_are_four_cards_each_with_a_line_minutes_and_progress(practice):
    page = practice()
    assert page.locator(CARD).all_inner_texts() == [card.title for card in CARDS]
    for n, card in enumerate(CARDS):
        box = page.locator(".dv-card").nth(n)
        expect(box.locator(".line")).to_have_text(card.line)
        expect(box.locator(".time")).to_contain_text("min")
        expect(box.locator(".done")).to_have_text(re.compile(r"\w"))
    assert page.locator(".st-key-parts").count() == 0


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.title)
def test_every_exercise_is_a_link_in_its_card_with_an_address_and_one_entry_of_the_history(practice, card):
    page = practice("?way=Dictionary" if card is CARDS[0] else "")
    first = page.evaluate("history.length")
    page.locator(CARD, has_text=card.title).click()
    expect(page.locator(OPEN)).to_have_text(card.title)
    steps = [page.url]
    for name in card.exercises[1:]:
        tab = page.locator(".dv-tabs a", has_text=TITLES[name])
        tab.click()
        expect(page.locator(".dv-tabs a[aria-current=true]")).to_have_text(TITLES[name])
        assert way(page) == [TITLES[name]]
        steps.append(page.url)
    rest(page)
    assert page.evaluate("history.length") == first + len(steps)
    for url in reversed(steps[:-1]):
        page.go_back()
        expect(page).to_have_url(url)
        expect(page.locator(OPEN)).to_have_text(card.title)


def test_a_former_address_opens_its_exercise_and_is_written_as_it_is_today(practice):
    page = practice("?way=page+quiz")
    expect(page.locator(".dv-tabs a[aria-current=true]")).to_have_text("Lesson quiz")
    expect(page).to_have_url(re.compile(r"way=Lesson\+quiz"))


def test_the_cards_are_used_by_keyboard_alone_and_keep_the_focus(practice):
    page = practice()
    page.locator(CARD).first.focus()
    for title in ("Explain it", "Put it in order"):
        page.keyboard.press("Tab")
        assert focused(page) == title
    page.keyboard.press("Enter")
    expect(page.locator(OPEN)).to_have_text("Put it in order")
    rest(page)
    assert focused(page) == "Put it in order"


def test_the_focus_stays_on_the_answered_question_and_goes_on_to_the_next(practice):
    page = practice("?way=Scenario+quiz")
    question = page.locator(".st-key-exercise h2").first.inner_text()
    page.locator(".st-key-exercise input[type=radio]").first.focus()
    page.keyboard.press("Space")
    answer = page.get_by_role("button", name="Answer", exact=True)
    expect(answer).to_be_enabled()
    rest(page)
    assert page.evaluate("document.activeElement.type") == "radio"
    answer.focus()
    page.keyboard.press("Enter")
    following = page.get_by_role("button", name="Next", exact=True)
    expect(following).to_be_visible()
    rest(page)
    inside = "document.activeElement.closest('.st-key-exercise') !== null"
    assert page.evaluate(inside)
    assert page.locator(".st-key-exercise h2").first.inner_text() == question
    expect(page.locator(".st-key-exercise h2").first).to_be_in_viewport()
    # From there Tab goes into the feedback, not to the top of the page.
    page.keyboard.press("Tab")
    assert page.evaluate(inside)
    following.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 5")).to_be_visible()
    rest(page)
    assert page.evaluate(inside)
    expect(page.locator(".st-key-exercise h2").first).to_be_in_viewport()


def test_an_answer_is_told_by_the_card_at_once(practice):
    page = practice("?way=Flashcards")
    done = page.locator(".dv-card .done").first
    expect(done).to_have_text(re.compile("^0 of"))
    page.get_by_role("button", name="Flip").click()
    page.get_by_role("button", name="Good").click()
    expect(done).to_have_text(re.compile("^1 of"))


def test_the_cards_fit_every_width_and_pass_axe_in_both_themes(practice):
    page = practice("?way=Self-check", 390, 844)
    for width, schemes in ((390, ("light", "dark")), (1024, ()), (1280, ()), (1920, ("dark", "light"))):
        page.set_viewport_size({"width": width, "height": 844 if width == 390 else 900})
        rest(page)
        boxes = [page.locator(".dv-card").nth(n).bounding_box() for n in range(4)]
        assert len({round(box["width"]) for box in boxes}) == 1
        in_a_row = sum(round(box["y"]) == round(boxes[0]["y"]) for box in boxes)
        assert in_a_row == (2 if width == 390 else 4 if width >= 1280 else in_a_row)
        is_no_wider(page)
        # The question stands on the first screen.
        question = page.locator(".st-key-exercise h2").first.bounding_box()
        assert question["y"] + question["height"] <= page.viewport_size["height"]
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(400)  # colours fade from one theme to the other
            is_accessible(page)
