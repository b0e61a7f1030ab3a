"""One host and three phones in a real browser, through a whole round; what is lost and comes back."""

import re

import pytest
from browser_helpers import STREAMLITS_OWN, is_sound
from playwright.sync_api import expect

from bench.server import AppServer
from diffviz.classroom import activities, questions, rooms, votes
from diffviz.classroom.activities import Choice, Draft, free_question
from diffviz.classroom.database import Database
from diffviz.paths import ROOT
from tests.classroom.conftest import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONE = {"width": 390, "height": 844}
ANY_TIME = 60_000


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with AppServer(environment={"DIFFVIZ_DATA": str(tmp_path_factory.mktemp("data"))}) as running:
        yield running


@pytest.fixture
def visit(browser, app):
    """Opens a page of its own browser; an error in its console, or a request to elsewhere, fails the test at its end."""
    contexts, wrong = [], []

    def opened(path, **more):
        context = browser.new_context(base_url=app.url, **{"viewport": PHONE, **more})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: is_an_error(message) and wrong.append(message.text))
        page.on(
            "request",
            lambda r: None if r.url.startswith((app.url, "data:", "blob:")) else wrong.append(r.url),
        )
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def is_an_error(message):
    """An error of ours: neither of Streamlit's probes nor of a request that a test cut off."""
    probe = message.location.get("url", "").endswith(STREAMLITS_OWN)
    return message.type == "error" and not probe and not message.text.endswith("net::ERR_FAILED")


def open_room(visit, **more):
    """The host's page with an open room, and its code."""
    host = visit("/classroom", viewport={"width": 1280, "height": 800}, **more)
    host.get_by_role("button", name="Open a room").click(timeout=ANY_TIME)
    expect(host.locator(".dv-wall[data-ready] .code")).to_have_text(
        re.compile(r"\w{3} \w{3}"), timeout=ANY_TIME
    )
    return host, host.locator(".dv-wall .code").inner_text().replace(" ", "")


def join(visit, code, **more):
    phone = visit(f"/c/{code}", **more)
    expect(phone.get_by_role("heading")).to_contain_text("You are in")
    return phone


def ask_own(host, prompt="Which is it?", options="this\n* that\nneither"):
    host.get_by_text("Your own", exact=True).click()
    host.get_by_label("Options, one a line").fill(
        options
    )  # when it is there, "Question" is no longer the collection's
    host.get_by_label("Question", exact=True).fill(prompt)
    host.get_by_role("button", name="Ask the class").click()


def vote(phone, option):
    phone.get_by_role("radio").nth(option).check()
    phone.get_by_role("button", name=re.compile("Vote|Change my vote")).click()
    expect(phone.locator("#said")).to_have_text("Your vote is counted.")


def voted(host, number):
    expect(host.locator(".dv-wall .voted b")).to_have_text(str(number))


def test_a_class_goes_through_a_whole_round(visit):
    host, code = open_room(visit)
    phones = [join(visit, code, color_scheme="dark" if n else "light") for n in range(3)]
    expect(host.locator(".dv-wall .joined b")).to_have_text("3")
    is_sound(host)
    is_sound(phones[0])

    ask_own(host)
    for phone, option in zip(phones, (0, 2, 1), strict=True):
        expect(phone.get_by_role("heading")).to_have_text("Which is it?")
        vote(phone, option)
    voted(host, 3)
    vote(phones[0], 1)  # changed: still three
    phones[0].reload()
    expect(phones[0].get_by_role("radio").nth(1)).to_be_checked()
    voted(host, 3)
    for phone in phones[:2]:
        is_sound(phone)

    phones[2].get_by_role("button", name="lost").click()
    expect(host.locator(".dv-wall .lost")).to_have_text("1 lost")

    host.get_by_role("button", name="Close the vote, discuss").click()
    for phone in phones:
        expect(phone.locator("#phase")).to_contain_text("Discuss it")
        expect(phone.locator("#result")).to_be_empty()
    expect(host.locator(".dv-wall .left")).to_have_text(re.compile(r"1:\d\d|2:00"))
    assert not host.get_by_text("vote 1", exact=True).count()
    host.get_by_role("button", name="Show vote 1").click()
    expect(phones[0].locator("#result")).to_contain_text("3 people have voted.")
    expect(host.get_by_text("vote 1", exact=True)).to_have_count(3)

    host.get_by_role("button", name="Vote again").click()
    for phone in phones:
        expect(phone.locator("#result")).to_be_empty()
        vote(phone, 1)
    voted(host, 3)
    host.get_by_role("button", name="Reveal").click()
    for phone in phones:
        expect(phone.locator("#answer .right")).to_contain_text("that: right, your vote")
    expect(host.get_by_text("Right: 67% in vote 1, 100% in vote 2, normalised gain 1.00")).to_be_visible()
    expect(host.locator(".dv-drawing svg")).to_be_visible()
    is_sound(host)
    is_sound(phones[0])
    is_sound(phones[1])
    host.get_by_text("Results of this class").click()
    host.set_viewport_size(PHONE)
    is_sound(host)

    host.get_by_role("button", name="Close the room").click()
    host.get_by_role("button", name="Close it now").click()
    for phone in phones:
        expect(phone.get_by_role("heading")).to_have_text(re.compile("ended"))
    expect(host.get_by_text("has ended")).to_be_visible()


def test_a_vote_outlives_a_network_that_is_gone_and_a_reload(visit):
    host, code = open_room(visit)
    phone = join(visit, code)
    ask_own(host)
    expect(phone.get_by_role("radio").first).to_be_visible()
    phone.route("**/vote", lambda route: route.abort())  # the line is down for votes
    phone.get_by_role("radio").nth(2).check()
    phone.get_by_role("button", name="Vote", exact=True).click()
    expect(phone.locator("#said")).to_contain_text("Not sent yet")
    phone.unroute("**/vote")
    phone.reload()
    expect(phone.locator("#said")).to_have_text("Your vote is counted.", timeout=ANY_TIME)
    expect(phone.get_by_role("radio").nth(2)).to_be_checked()
    voted(host, 1)


def test_the_hosts_link_makes_a_second_device_the_host_and_both_go_on_together(visit):
    host, code = open_room(visit)
    host.get_by_role("button", name="Your host's link").click()
    link = host.get_by_test_id("stCode").locator("code").inner_text()
    path = link[link.index("/host#") :]
    second = visit(path, viewport={"width": 1280, "height": 800})
    expect(second.locator(".dv-wall .code")).to_have_text(f"{code[:3]} {code[3:]}", timeout=ANY_TIME)
    assert "#" not in second.url
    host.keyboard.press("Escape")
    ask_own(host)
    expect(second.get_by_role("heading", name="Which is it?")).to_be_visible(timeout=ANY_TIME)
    second.get_by_role("button", name="Reveal").click()
    expect(host.get_by_text("✓ right")).to_be_visible(timeout=ANY_TIME)


def test_a_reload_of_the_page_is_the_host_still_and_erasing_forgets_it(visit):
    host, code = open_room(visit)
    kept = [c for c in host.context.cookies() if c["name"] == "diffviz-host"]
    assert kept and kept[0]["httpOnly"] and kept[0]["sameSite"] == "Strict"
    host.reload()
    expect(host.locator(".dv-wall .code")).to_have_text(f"{code[:3]} {code[3:]}", timeout=ANY_TIME)
    phone = join(visit, code)
    host.get_by_role("button", name="Erase", exact=True).click()
    host.get_by_role("button", name="Erase everything now").click()
    expect(host.get_by_role("button", name="Open a room")).to_be_visible()
    expect(phone.get_by_role("heading")).to_have_text("This room was erased.")
    host.reload()
    expect(host.get_by_role("button", name="Open a room")).to_be_visible(timeout=ANY_TIME)


def test_the_box_for_the_code_leads_to_the_room_and_a_wrong_code_is_said(visit):
    _, code = open_room(visit)
    phone = visit("/c")
    is_sound(phone)
    phone.get_by_label("The code on the wall").fill(f"{code[:3].lower()}-{code[3:]}")
    phone.get_by_role("button", name="Join").click()
    expect(phone.get_by_role("heading")).to_contain_text("You are in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1920, 1080)])
def test_the_wall_fits_any_screen(visit, size, scheme):
    host, _ = open_room(visit, color_scheme=scheme)
    host.set_viewport_size({"width": size[0], "height": size[1]})
    expect(host.locator(".dv-wall .qr")).to_be_visible()
    is_sound(host)


def test_presenter_view_shows_code_and_qr_without_scrolling_and_large(visit):
    host = visit("/classroom?presenter=true", viewport={"width": 1920, "height": 1080})
    host.get_by_role("button", name="Open a room").click(timeout=ANY_TIME)
    code, qr = host.locator(".dv-wall .code"), host.locator(".dv-wall .qr")
    expect(qr).to_be_visible(timeout=ANY_TIME)
    for part in (code, qr):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= 1080
    assert code.bounding_box()["height"] >= 0.1 * 1080


def test_a_plan_is_run_by_a_clicker_and_the_phones_are_offered_what_the_host_sees(visit):
    host, code = open_room(visit)
    phone = join(visit, code)
    host.goto("/forward?run=plan-first.2")
    step = host.locator(".st-key-run-here a")
    expect(step).to_contain_text("2 of 11", timeout=ANY_TIME)
    expect(host.locator(".st-key-run-clock [role=timer]")).to_have_text(re.compile(r"\d+:\d\d left"))
    host.get_by_text("Follow me").click()
    expect(phone.locator("#follow a")).to_have_attribute("href", "../forward", timeout=ANY_TIME)
    host.keyboard.press("PageDown")
    expect(step).to_contain_text("3 of 11", timeout=ANY_TIME)
    expect(phone.locator("#follow a")).to_have_attribute("href", "../forward?picture=Draw", timeout=ANY_TIME)
    host.keyboard.press("PageUp")
    expect(step).to_contain_text("2 of 11", timeout=ANY_TIME)
    host.reload()
    expect(step).to_contain_text("2 of 11", timeout=ANY_TIME)
    is_sound(host)
    host.get_by_role("button", name="Ask", exact=True).click()
    host.get_by_role("button", name="Ask the class").click()
    expect(phone.get_by_role("heading")).to_have_text(
        "Who learned something here, and what?", timeout=ANY_TIME
    )
    expect(host.locator(".dv-wall.bar .phase")).to_have_text("Vote 1", timeout=ANY_TIME)
    # In the menu a key that a clicker sends types or scrolls, and follows nothing.
    search = host.get_by_test_id("stSidebar").get_by_role("combobox", name="Find a term")
    host.keyboard.press("Escape")
    search.focus()
    search.press("PageDown")
    expect(step).to_contain_text("2 of 11")


def test_a_phone_compares_pairs_and_goes_on_where_it_was_after_a_reload(visit):
    host, code = open_room(visit)
    phone = join(visit, code)
    host.get_by_text("Compare samples", exact=True).click()
    host.get_by_role("button", name="Sample and ask").click()
    said = phone.locator("#vote legend")
    expect(said).to_have_text("Which is better? Pair 1 of 18", timeout=ANY_TIME)
    is_sound(phone)
    seen = [img.get_attribute("src") for img in phone.locator(".pair img").all()]
    assert len(set(seen)) == 2
    for n in (2, 3):
        phone.get_by_role("button", name="the left image").click()
        expect(said).to_have_text(f"Which is better? Pair {n} of 18")
    expect(phone.locator("#said")).to_have_text("Your vote is counted.")
    before = [img.get_attribute("src") for img in phone.locator(".pair img").all()]
    phone.reload()
    expect(said).to_have_text("Which is better? Pair 3 of 18")
    assert [img.get_attribute("src") for img in phone.locator(".pair img").all()] == before
    voted(host, 1)
    host.get_by_role("button", name="Reveal").click()
    expect(phone.locator("#result li")).to_have_count(4, timeout=ANY_TIME)
    expect(host.get_by_text("by the comparisons of 1 person")).to_be_visible(timeout=ANY_TIME)
    is_sound(host)


# --- the phones' page by itself, on a server without the app -------------------------------------------------------


@pytest.fixture
def lesson(tmp_path):
    """A server of the phones' routes, and an open room on it."""
    db = Database(f"sqlite:///{tmp_path / 'classroom.sqlite'}")
    with Server(db, "") as server:
        yield server, rooms.open_room(db, "")[0]
    db.close()


@pytest.fixture
def phone(browser, lesson):
    """A phone in this room."""
    server, room = lesson
    context = browser.new_context(base_url=f"http://127.0.0.1:{server.port}", viewport=PHONE)
    page = context.new_page()
    page.goto(f"/c/{room.code}")
    expect(page.get_by_role("heading")).to_contain_text("You are in")
    yield page
    context.close()


def test_stages_are_put_in_order_by_keyboard_alone(lesson, phone):
    server, room = lesson
    stages = tuple(Choice(text) for text in ("one", "two", "three"))
    activities.ask(server.db, room, Draft("order", "In which order?", options=stages, right=[0, 1, 2]))
    phone.get_by_role("button", name="two").focus()
    for now, then in (("two", "one"), ("one", "three")):
        expect(phone.get_by_role("button", name=now)).to_be_focused()
        phone.keyboard.press("Enter")
        expect(phone.get_by_role("button", name=then)).to_be_focused()
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("button", name="Vote")).to_be_focused()
    phone.keyboard.press("Enter")
    expect(phone.locator("#said")).to_have_text("Your vote is counted.")
    (vote,) = votes.of_room(server.db, room)
    assert vote.answer == [1, 0, 2]
    phone.get_by_role("button", name="Begin again").press("Enter")
    expect(phone.get_by_role("button", name="one")).to_be_focused()


def test_pairs_are_compared_by_keyboard_alone(lesson, phone):
    server, room = lesson
    draft = questions.compare("Which is better?", ["a", "b"], 2)
    activities.ask(server.db, room, draft, [b"png"] * 4)
    phone.get_by_role("button", name="the left image").press("Enter")
    expect(phone.locator("#vote legend")).to_have_text("Which is better? Pair 2 of 2")
    expect(phone.get_by_role("button", name="the left image")).to_be_focused()
    phone.keyboard.press("Enter")
    expect(phone.locator("#vote legend")).to_contain_text("compared them all")
    expect(phone.get_by_role("heading")).to_be_focused()


def test_a_number_is_taken_as_it_was_meant_or_refused(lesson, phone):
    server, room = lesson
    asked = activities.ask(server.db, room, free_question("number", "How many?"))
    number, send = phone.get_by_label("Your number"), phone.locator("button.main")
    for typed in ("1,000", "-12,000,000", "0x10", "1e3", "many", "1.2.3", "-", "9" * 400):
        number.fill(typed)
        send.click()
        expect(phone.locator("#said")).to_contain_text("thousands without a comma")
        number.fill("")
        send.click()
        expect(phone.locator("#said")).to_have_text("Choose or write an answer first.")
    assert not votes.of_room(server.db, room)
    for typed, meant in (
        (" 1000 ", 1000),
        ("\u22125", -5),
        ("-0,5", -0.5),
        ("0,125", 0.125),
        (".5", 0.5),
        ("1,5", 1.5),
    ):
        number.fill(typed)
        with phone.expect_response("**/vote"):
            send.click()
        expect(phone.locator("#said")).to_have_text("Your vote is counted.")
        (vote,) = votes.of_room(server.db, room)
        assert vote.answer == meant
    number.fill("0.1")
    with phone.expect_response("**/vote"):
        send.click()
    other = rooms.join(server.db, room.code, None)[1]
    votes.cast_vote(server.db, room, other, asked.id, 1, "token-of-another", 0.2)
    activities.set_phase(server.db, room, asked, "reveal")
    expect(phone.locator("#result")).to_contain_text(re.compile(r"Median: 0\.15 "))


def test_a_host_whose_right_was_not_kept_asks_again(browser):
    """Only a network that failed used to count as a failure, and no answer such as "too often"."""
    statuses, sent = [429, 503, 200], []
    script = (ROOT / "diffviz/ui/components/wall/host_cookie.js").read_text(encoding="utf-8")

    def answer(route):
        if not route.request.url.endswith("/host"):
            kind = "text/javascript" if route.request.url.endswith(".js") else "text/html"
            return route.fulfill(body=script if kind == "text/javascript" else "", content_type=kind)
        sent.append(route.request.post_data_json)
        return route.fulfill(status=statuses[len(sent) - 1], body="{}")

    context = browser.new_context()
    context.route("http://class.test/**", answer)
    page = context.new_page()
    page.goto("http://class.test/classroom")
    keep = """async () => (await import("/host_cookie.js")).default({ data: { code: "ABCDEF", secret: "mine" } })"""
    for _ in statuses:
        with page.expect_response("**/host"):
            page.evaluate(keep)
        page.wait_for_timeout(50)  # until the script has seen it
    page.evaluate(keep)
    page.wait_for_timeout(50)
    context.close()
    assert sent == [{"code": "ABCDEF", "secret": "mine"}] * 3
