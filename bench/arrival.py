"""What it costs the server when a page is opened: by the first visitor of a link, and by others who open the same one.

    python -m bench.arrival

Prints the server's processor time in seconds, on a server just started, for each lesson as it opens and for those parts
that compute most. Most of what a page computes of its link alone is given to whoever opens that link later.
"""

from __future__ import annotations

import argparse
import time

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


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(f"{'page':18} {'part':22} {'first':>7} {'others':>7}   s of processor")
    with AppServer() as server:
        process = psutil.Process(server.process.pid)

        def used() -> float:
            spent = process.cpu_times()
            return spent.user + spent.system

        for slug, link in LINKS:
            seconds: list[float] = []
            for _ in range(VISITORS):
                before = used()
                Arrival(server.port, Target(slug, link, "", ())).socket.close()
                time.sleep(0.3)  # what is still written after the page's end counts too
                seconds.append(used() - before)
            others = sum(seconds[1:]) / (VISITORS - 1)
            print(f"{slug:18} {next(iter(link.values()), ''):22} {seconds[0]:7.2f} {others:7.2f}", flush=True)


if __name__ == "__main__":
    main()
