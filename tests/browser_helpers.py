"""What the tests in a browser build on: waits for the page and the server, checks of a page, and a tab that stays open."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, WebSocket
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

# Streamlit asks for these beside every page first and then at the root: its own way of finding its server.
STREAMLITS_OWN = ("/_stcore/health", "/_stcore/host-config")

# Whether no script runs. While one does it presses Streamlit's own button, which comes a moment after the script begins.
STOPPED = """() => {
  if (document.querySelector("[data-testid=stApp]").dataset.testScriptState === "notRunning") return true;
  [...document.querySelectorAll("header button")].find((b) => b.textContent === "Stop")?.click();
  return false;
}"""


def watch(page: Page, url: str) -> list[str]:
    """What goes wrong on a page from now on: errors on its console, failed requests, requests to elsewhere than `url`."""
    wrong: list[str] = []
    page.on(
        "response",
        lambda r: (
            wrong.append(f"{r.status} {r.url}")
            if r.status >= 400 and not r.url.endswith(STREAMLITS_OWN)
            else None
        ),
    )
    page.on(
        "console",
        lambda m: (
            wrong.append(m.text)
            if m.type == "error" and not m.location.get("url", "").endswith(STREAMLITS_OWN)
            else None
        ),
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else wrong.append(r.url))
    return wrong


def long_run() -> str:
    """The address of a run of 250 steps that no visitor of the tests' server has asked for: what was finished is kept."""
    return f"/reverse?steps=250&seed={random.randrange(1, 100_000)}"


def ready(page: Page) -> Locator:
    """Wait until the player has taken over."""
    page.wait_for_selector(".dv-player[data-ready]", timeout=60_000)
    return page.locator(".dv-player[data-ready]")


def until(page: Page, condition: Callable[[], object], otherwise: str) -> None:
    """Wait up to a minute for a condition that Playwright has no wait for; messages from the page arrive meanwhile."""
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError(otherwise)


def rest(page: Page) -> None:
    """Wait until no script runs, and none is about to: what a control sets off is sent a moment after it."""
    for _ in range(2):
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_timeout(300)


def at_rest(page: Page) -> None:
    """Wait until the server's script has ended and nothing on the page still moves or loads."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
    page.wait_for_function(
        "() => document.fonts.status === 'loaded' && !document.getAnimations().some("
        "a => a.playState === 'running' && a.effect?.getComputedTiming().endTime !== Infinity)"
    )


class Runs:
    """Follows the server's script runs for a page since it was last opened; made before it is.

    A run that is cut short for another has a beginning and no end, so beginnings are counted.
    """

    def __init__(self, page: Page) -> None:
        self.page, self.begun, self.running = page, 0, False
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.begun = 0
        socket.on("framereceived", self._received)

    def _received(self, payload: bytes | str) -> None:
        message = ForwardMsg.FromString(payload) if isinstance(payload, bytes) else ForwardMsg()
        if message.HasField("new_session"):
            self.begun, self.running = self.begun + 1, True
        elif message.HasField("script_finished"):
            self.running = False

    def wait_for(self, begun: int) -> None:
        """Wait for this many runs, and until the page shows what the last one made."""
        until(self.page, lambda: self.begun >= begun and not self.running, f"there were no {begun} runs")
        at_rest(self.page)

    @contextmanager
    def another(self) -> Iterator[None]:
        """Wait for the run that what is done here sets off."""
        at_rest(self.page)
        before = self.begun
        yield
        self.wait_for(before + 1)


def is_no_wider(page: Page) -> None:
    """Nothing runs off the side."""
    assert (
        page.evaluate(
            "() => { const e = document.querySelector('[data-testid=stMain]') ?? document.documentElement;"
            " return e.scrollWidth - e.clientWidth; }"
        )
        <= 1
    )


def is_accessible(page: Page) -> None:
    """Axe finds nothing serious."""
    # Of what it finds right only the rules are told, not each place: on a long page that takes three times as long.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert not [(v["id"], v["nodes"][0]["target"]) for v in found if v["impact"] in ("serious", "critical")]


def is_sound(page: Page) -> None:
    is_no_wider(page)
    is_accessible(page)


class Tab:
    """A page that stays open from test to test, for what does not need a visitor who has never been here.

    It goes to an address as Back does: most of what a page costs a browser is to load Streamlit.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page = context.new_page()
        self.wrong = watch(self.page, url)
        self.runs = Runs(self.page)
        self.page.goto("/practice")
        self.runs.wait_for(2)  # the second comes with this browser's id

    def open(self, path: str, width: int = 1280, height: int = 800) -> Page:
        """The page at an address, at rest, in the light and in a window of a size."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme="light")
        if urlsplit(self.page.url).path == urlsplit(path).path:
            self._go(
                "/teaching" if path.startswith("/practice") else "/practice"
            )  # nothing stays as it was left
        self._go(path)
        return self.page

    def _go(self, path: str) -> None:
        # A run of hundreds of evaluations that nobody looks at any more would be waited for.
        until(self.page, lambda: self.page.evaluate(STOPPED), "the page that is left cannot be stopped")
        with self.runs.another():
            self.page.evaluate(
                "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate', {state: {}})) }",
                path,
            )
