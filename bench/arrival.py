"""What it costs the server when a page is opened: by the first visitor of a link, and by others who open the same one.

    python -m bench.arrival                   # one after another
    python -m bench.arrival --together 10     # and ten at the same moment, on a server just started

Prints the server's processor time in seconds, on a server just started, for each lesson as it opens and for those parts
that compute most. Most of what a page computes of its link alone is given to whoever opens that link later, or waits for
it meanwhile.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from bench.load import Target, Visitor
from bench.server import AppServer
from diffviz.lessons import pages

LINKS = [
    *((lesson.slug, {}) for lesson in pages.LESSONS),
    ("guidance", {"show": "Guidance scale"}),
    ("guidance", {"show": "Guidance interval"}),
    ("steps", {"part": "Samplers at equal NFE"}),
    ("steps", {"part": "One step or many"}),
    ("editing", {"do": "Inpainting"}),
]
VISITORS = 3


class Arrival(Visitor):
    """A visitor who opens a page and looks at it; Visitor itself runs it a second time at once."""

    def rerun(self) -> float:
        return super().rerun() if not self.page_hash else 0.0


def opened(server: AppServer, slug: str, link: dict[str, str], visitors: int = 1) -> float:
    """Seconds of the server's processor that as many visitors take who open a page at the same moment."""
    process = psutil.Process(server.process.pid)

    def used() -> float:
        spent = process.cpu_times()
        return spent.user + spent.system

    before = used()
    with ThreadPoolExecutor(visitors) as pool:
        for arrival in pool.map(lambda _: Arrival(server.port, Target(slug, link, "", ())), range(visitors)):
            arrival.socket.close()
    time.sleep(0.3)  # what is still written after the page's end counts too
    return used() - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--together", type=int, default=0, help="visitors at the same moment")
    n = parser.parse_args().together
    print(f"{'page':18} {'part':22} {'first':>7} {'others':>7}   s of processor")
    alone: list[float] = []
    with AppServer() as server:
        for slug, link in LINKS:
            first, *more = [opened(server, slug, link) for _ in range(VISITORS)]
            alone.append(first)
            others = sum(more) / len(more)
            print(f"{slug:18} {next(iter(link.values()), ''):22} {first:7.2f} {others:7.2f}", flush=True)
    if n:
        print(f"\n{n} at the same moment, in all, and as a multiple of the first alone")
        with AppServer() as server:
            for (slug, link), first in zip(LINKS, alone, strict=True):
                all_of_them = opened(server, slug, link, n)
                part = next(iter(link.values()), "")
                print(f"{slug:18} {part:22} {all_of_them:7.2f} {all_of_them / first:7.1f}", flush=True)


if __name__ == "__main__":
    main()
