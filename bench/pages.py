"""What each page costs a visitor, in a real browser: time to the first frame, and bytes.

    python -m bench.pages
    python -m bench.pages --mbit 20     # over a network of 20 Mbit a second and 20 ms, as a visitor of a class may have

Every page is opened on a fresh server (nothing imported yet, no cache in the browser) and once more on the
warm one by a new visitor; in both, "recorded" is when the recorded run of the start page is on screen. Then by an
address in a browser that has been here before and keeps the scripts, and from the menu, both with a seed that nobody
has asked for, the median of REPEATS. "first frame" is when the first image of a run is on screen, "player" when the
run is done and can be played. Both are given as ratios to the bare run (bench/bare.py): the same network run with
nothing around it, opened in the same way in the same minute, by a new browser on the warm server for those two. Last:
the server's memory with one and with ten visitors.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.browser import CHROMIUM, FLAGS
from bench.server import AppServer

PAGES = {"home": "/", "forward": "/forward", "reverse": "/reverse"}
# A page that hands its seed on, to come from by the menu.
NEIGHBOURS = {"forward": "/reverse", "reverse": "/forward"}
FIRST = ".dv-panel img, .dv-panel canvas"
READY = ".dv-player[data-ready]"
REPEATS = 5
# Milliseconds from the navigation until the recorded run's image is decoded and a frame is drawn with it.
RECORDED = """addEventListener('DOMContentLoaded', () => document.querySelector('#dv-opening img')?.decode().then(
  () => requestAnimationFrame(() => requestAnimationFrame((now) => { window.recorded = now }))));"""
LATENCY = 20  # milliseconds of a network whose rate is given


def visit(browser: Browser, url: str, player: bool, mbit: float = 0) -> dict[str, float]:
    """Open a page as a new visitor: seconds to the recorded run, if there is one, to the first frame and to the player, and
    bytes received."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(RECORDED)
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
    seconds = timed(page, lambda: page.goto(url), player)
    page.wait_for_timeout(1500)
    if recorded := page.evaluate("window.recorded ?? null"):
        seconds["recorded"] = recorded / 1000
    context.close()
    return {**seconds, "kb": received[0] / 1000}


def timed(page: Page, go: Callable[[], object], player: bool = True) -> dict[str, float]:
    """Seconds from `go` to the first frame that was not there before, and to the player."""
    page.evaluate(
        "selector => document.querySelectorAll(selector).forEach(e => e.setAttribute('data-before', ''))",
        f"{FIRST}, {READY}",
    )
    began = time.perf_counter()
    go()
    page.wait_for_selector(
        ", ".join(f"{part}:not([data-before])" for part in FIRST.split(", ")), timeout=120_000
    )
    first = time.perf_counter() - began
    if player:
        page.wait_for_selector(f"{READY}:not([data-before])", timeout=120_000)
    return {"first": first, "player": time.perf_counter() - began}


def returning(browser: Browser, url: str, name: str) -> dict[str, dict[str, float]]:
    """How long a page takes in a browser that has been here: by its address, and from the menu of another page."""
    context = browser.new_context()
    page = context.new_page()
    found: dict[str, list[dict[str, float]]] = {"again": [], "menu": []}
    for seed in range(1000, 1000 + 2 * REPEATS, 2):
        page.goto(url + NEIGHBOURS[name] + f"?seed={seed}")
        page.wait_for_selector(READY, timeout=120_000)
        page.wait_for_timeout(1500)
        link = page.locator(f"[data-testid=stSidebar] a[href$={name}]")
        found["menu"].append(timed(page, link.click))
        page.wait_for_timeout(1500)
        address = f"{url}{PAGES[name]}?seed={seed + 1}"
        found["again"].append(timed(page, lambda to=address: page.goto(to)))
        page.wait_for_timeout(1500)
    context.close()
    return {
        way: {part: statistics.median(row[part] for row in rows) for part in rows[0]}
        for way, rows in found.items()
    }


def all_ways(
    browser: Browser, path: str, mbit: float, name: str = "", **server: Any
) -> dict[str, dict[str, float]]:
    with AppServer(**server) as app:
        found = {w: visit(browser, app.url + path, "script" not in server, mbit) for w in ("fresh", "warm")}
        return found | (returning(browser, app.url, name) if name in NEIGHBOURS and not mbit else {})


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
        bare = all_ways(browser, "/", mbit, script=Path(__file__).with_name("bare.py"))
        print(f"{'':10}{'server':8}{'first frame':>20}{'player':>18}{'received':>12}")
        for when, row in bare.items():
            print(f"{'bare run':10}{when:8}{row['first']:10.2f} s{'':8}{'':>18}{row['kb']:9.0f} kB")
        for name, path in PAGES.items():
            for when, row in all_ways(browser, path, mbit, name).items():
                base = bare["fresh" if when == "fresh" else "warm"]["first"]
                received = f"{row['kb']:9.0f} kB" if "kb" in row else ""
                if "recorded" in row:
                    received += f"   recorded {row['recorded']:.2f} s"
                print(
                    f"{name:10}{when:8}{row['first']:10.2f} s = ×{row['first'] / base:4.2f}"
                    f"{row['player']:9.2f} s = ×{row['player'] / base:4.2f}{received}"
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
