"""What each page costs a visitor, in a real browser: time to the first frame, and bytes.

    python -m bench.pages
    python -m bench.pages --mbit 20     # over a network of 20 Mbit a second and 20 ms, as a visitor of a class may have

Every page is opened on a fresh server (nothing imported yet, no cache in the browser) and once more on the
warm one by a new visitor. "first frame" is when the first image of a run is on screen, "player" when the
run is done and can be played. Both are given as ratios to the bare run (bench/bare.py): the same network
run with nothing around it, opened in the same way in the same minute. Last: the server's memory with one and
with ten visitors.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.browser import CHROMIUM, FLAGS
from bench.server import AppServer

PAGES = {"home": "/", "forward": "/forward", "reverse": "/reverse"}
FIRST = ".dv-panel img, .dv-panel canvas"


LATENCY = 20  # milliseconds of a network whose rate is given


def visit(browser: Browser, url: str, player: bool, mbit: float = 0) -> dict[str, float]:
    """Open a page as a new visitor: seconds to the first frame and to the player, and bytes received."""
    context = browser.new_context()
    page = context.new_page()
    received = [0]
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    if mbit:
        rate = mbit * 1e6 / 8
        limits = {"latency": LATENCY, "downloadThroughput": rate, "uploadThroughput": rate}
        tools.send("Network.emulateNetworkConditions", {"offline": False, **limits})
    tools.on(
        "Network.loadingFinished", lambda e: received.__setitem__(0, received[0] + e["encodedDataLength"])
    )
    tools.on(
        "Network.webSocketFrameReceived",
        lambda e: received.__setitem__(0, received[0] + len(e["response"]["payloadData"]) * 3 // 4),
    )
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_selector(FIRST, timeout=120_000)
    first = time.perf_counter() - began
    if player:
        page.wait_for_selector(".dv-player[data-ready]", timeout=120_000)
    done = time.perf_counter() - began
    page.wait_for_timeout(1500)
    context.close()
    return {"first": first, "player": done, "kb": received[0] / 1000}


def both(browser: Browser, path: str, mbit: float, **server: Any) -> dict[str, dict[str, float]]:
    with AppServer(**server) as app:
        return {w: visit(browser, app.url + path, "script" not in server, mbit) for w in ("fresh", "warm")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--mbit", type=float, default=0, help="rate of the network, Mbit a second (default: its own)"
    )
    mbit = parser.parse_args().mbit
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        bare = both(browser, "/", mbit, script=Path(__file__).with_name("bare.py"))
        print(f"{'':10}{'server':8}{'first frame':>20}{'player':>18}{'received':>12}")
        for when, row in bare.items():
            print(f"{'bare run':10}{when:8}{row['first']:10.2f} s{'':8}{'':>18}{row['kb']:9.0f} kB")
        for name, path in PAGES.items():
            for when, row in both(browser, path, mbit).items():
                base = bare[when]["first"]
                print(
                    f"{name:10}{when:8}{row['first']:10.2f} s = ×{row['first'] / base:4.2f}"
                    f"{row['player']:9.2f} s = ×{row['player'] / base:4.2f}{row['kb']:9.0f} kB"
                )
        with AppServer() as app:
            start = app.memory()
            memory = {}
            for visitor in range(1, 11):
                visit(browser, app.url + list(PAGES.values())[visitor % 3], True)
                memory[visitor] = app.memory()
        browser.close()
    print(f"memory of the server: {start:.0f} MB before anyone came, {memory[1]:.0f} MB after one visitor "
          f"(aim: under 700), {memory[10]:.0f} MB after ten (×{memory[10] / memory[1]:.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
