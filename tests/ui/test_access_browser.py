"""What a reader with a keyboard, a screen reader or large type needs, tried in a real browser."""

import pytest
from browser_helpers import long_run, rest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUICK = "net=32+×+32,+quick&steps=4"
# What has the focus, through the shadow trees of components.
DEEP = """() => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return [e.tagName, e.getAttribute('aria-label') || e.innerText || ''] }"""
# Shifts of the layout, in windows of at most five seconds with gaps of at most one, the worst of which counts
# (https://web.dev/articles/cls).
SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput)
  window.shifts.push([e.startTime, e.value]); }).observe({ type: 'layout-shift', buffered: true });"""

# The names of all animations that run at one time or another from the first paint on.
MOVING = """window.moved = new Set();
setInterval(() => document.getAnimations().forEach((a) => window.moved.add(a.animationName)), 20);"""


@pytest.fixture
def visit(browser, server):
    """Opens a path in a window of a size; no error in it until the end."""
    contexts, wrong = [], []

    def opened(path, width=1280, height=800, script="", **more):
        context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=server.url, **more
        )
        context.set_default_timeout(90_000)  # other tests may keep both cores busy
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path)
        page.wait_for_selector("h1")
        rest(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


@pytest.mark.parametrize("path", ["/", f"/reverse?{QUICK}", "/forward?T=10", f"/unet?{QUICK}"])
def test_the_play_button_is_within_six_tabs_of_the_top_of_main(tab, path):
    page = tab.open(path)
    page.wait_for_selector("[data-dv-ready]")
    page.get_by_test_id("stMain").evaluate("m => { m.tabIndex = -1; m.focus() }")
    page.keyboard.press("Tab")
    skip = page.locator(".dv-skip")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["width"] > 60
    page.keyboard.press("Enter")
    assert page.evaluate(DEEP)[1] == "Play"
    page.keyboard.press("Enter")
    expect(page.locator(".dv-play").first).to_have_attribute("aria-label", "Pause")


def test_while_the_player_waits_for_a_guess_the_way_to_it_leads_to_the_question(visit):
    page = visit("/steps?part=Samplers+at+equal+NFE&guidance=1&prompt=red+heart&net=32+×+32,+quick")

    def skip():
        page.get_by_test_id("stMain").evaluate("m => { m.tabIndex = -1; m.focus() }")
        page.keyboard.press("Tab")
        expect(page.locator(".dv-skip")).to_be_focused()
        page.keyboard.press("Enter")

    page.wait_for_selector(".st-key-locked-race [data-dv-ready]")
    rest(page)
    skip()
    first = page.locator(".st-key-question button").first
    expect(first).to_be_focused()
    page.keyboard.press("Enter")  # the guess
    page.wait_for_selector(".st-key-open-race [data-dv-ready]")
    rest(page)
    skip()
    assert page.evaluate(DEEP)[1] == "Play"


def test_the_focus_stays_in_the_player_when_the_button_that_has_it_is_disabled(tab):
    page = tab.open(f"/reverse?{QUICK}")
    player = page.locator(".dv-player[data-ready]")
    back, on = (player.get_by_role("button", name=f"One step {where}") for where in ("back", "on"))
    slider = player.get_by_role("slider", name="Frame")
    rest(page)
    slider.focus()
    page.keyboard.press("End")  # which also ends what may still be playing
    expect(on).to_be_disabled()
    back.focus()
    page.keyboard.press("Enter")
    expect(on).to_be_enabled()
    expect(back).to_be_focused()
    on.focus()
    page.keyboard.press("Enter")
    expect(on).to_be_disabled()
    expect(slider).to_be_focused()
    back.focus()
    page.keyboard.press("Home")
    expect(back).to_be_disabled()
    expect(slider).to_be_focused()


def test_the_focus_stays_in_the_player_when_its_parts_go_or_are_made_anew(visit):
    page = visit("/steps?guidance=1&prompt=red+heart&net=32+×+32,+quick")
    player = page.locator(".st-key-counts-player .dv-player[data-ready]")
    fix = player.get_by_role("button", name="Fix my guess here")
    fix.focus()
    page.keyboard.press("Enter")
    expect(fix).to_be_hidden()
    expect(player.get_by_role("slider", name="Frame")).to_be_focused()
    rest(page)
    label = player.get_by_role("button", name="the reference")
    label.focus()
    page.get_by_role("button", name="Guess again").evaluate("b => b.click()")  # takes no focus itself
    expect(fix).to_be_visible()
    rest(page)
    expect(label).to_be_focused()


def test_where_there_is_no_player_nothing_leads_to_it(tab):
    page = tab.open("/teaching")
    assert page.locator(".dv-skip").count() and page.locator(".dv-skip:visible").count() == 0


def test_the_focus_never_falls_to_the_body_when_a_lesson_runs_again(visit):
    page = visit(f"/reverse?{QUICK}")
    page.wait_for_selector("[data-dv-ready]")
    new_seed = page.get_by_role("button", name="New seed")
    new_seed.focus()
    for key in ("Enter", "Enter"):
        before = page.url
        page.keyboard.press(key)
        page.wait_for_function("url => location.href !== url", arg=before)
        rest(page)
        expect(new_seed).to_be_focused()
    # A button that goes away with what it did: a run that is stopped.
    page.goto(long_run())
    stop = page.get_by_test_id("stMain").get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Run it to the end")).to_be_visible()
    rest(page)
    page.wait_for_timeout(300)
    assert page.evaluate(
        "document.activeElement !== document.body && document.activeElement.closest('[data-testid=stMain]') !== null"
    )


def test_every_chart_has_a_name_that_says_what_it_shows(visit):
    page = visit("/forward?T=10")
    charts = page.get_by_test_id("stPlotlyChart")
    expect(charts.first).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every((c) => c.hasAttribute('aria-label'))"
    )
    names = [charts.nth(n).get_attribute("aria-label") for n in range(charts.count())]
    assert len(names) >= 2 and len(set(names)) == len(names)
    for name in names:
        assert name.startswith("Chart: ") and len(name) > 40, name
    page.goto("/practice?way=Progress")
    graph = page.get_by_test_id("stGraphVizChart")
    page.wait_for_function("() => document.querySelector('[data-testid=stGraphVizChart][aria-label]')")
    assert "forward process" in graph.get_attribute("aria-label")


@pytest.mark.parametrize("path", ["/practice", "/forward?T=10", f"/reverse?{QUICK}"])
def test_the_first_paint_does_not_jump(visit, path):
    visit(path)  # the server has loaded what the page needs
    page = visit(path, script=SHIFTS)
    page.wait_for_timeout(1500)
    windows = []
    for at, value in page.evaluate("window.shifts"):
        if windows and at - windows[-1][1] < 1000 and at - windows[-1][0] < 5000:
            windows[-1][1:] = at, windows[-1][2] + value
        else:
            windows.append([at, at, value])
    assert max((total for *_, total in windows), default=0) <= 0.1


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_the_empty_stage_moves_while_it_waits_but_not_under_reduced_motion(visit, motion, moves):
    page = visit(f"/reverse?{QUICK}", script=MOVING, reduced_motion=motion)
    assert page.evaluate("window.moved.has('dv-wait')") == moves


@pytest.mark.parametrize(("motion", "kind"), [("no-preference", "avif"), ("reduce", "png")])
def test_a_recorded_run_is_seen_before_streamlits_scripts_have_come_and_gives_way_to_the_page(
    browser, server, motion, kind
):
    context = browser.new_context(base_url=server.url, reduced_motion=motion)
    page, held, let_go = context.new_page(), [], []
    page.route("**/static/js/**", lambda route: route.continue_() if let_go else held.append(route))
    page.goto("/forward?T=10", wait_until="commit")
    opening = page.locator("#dv-opening")
    expect(opening).to_contain_text("recorded run")
    shown = opening.locator("img")
    expect(shown).to_be_visible()
    page.wait_for_function("() => document.querySelector('#dv-opening img').naturalWidth === 64")
    assert shown.evaluate("i => i.currentSrc").startswith(f"data:image/{kind};")
    assert held, "no script was held back"
    late = opening.get_by_text("longer than it should")
    expect(late).to_be_hidden()
    assert late.evaluate("p => p.getAnimations().map((a) => a.finish() ?? a.effect.getTiming().delay)") == [
        20000
    ]
    expect(late).to_be_visible()
    let_go.append(True)
    for route in held:
        route.continue_()
    page.wait_for_selector("h1")
    expect(opening).to_be_hidden()
    rest(page)
    expect(opening).to_have_count(0)  # nor is it seen between this page and the next
    context.close()
