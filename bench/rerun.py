"""What a rerun costs that changes nothing: the server's processor time, page by page.

    python -m bench.rerun                        # every page, as it opens
    python -m bench.rerun --pages reverse steps --reruns 40

It speaks Streamlit's own websocket protocol, as bench.load does. A visitor opens a page, waits until nothing more is
computed, and then runs it again and again with nothing changed. Counted are the processor seconds of the whole server, so
the script, what Streamlit makes of it and what is sent. The program ends with an error where a page is over the limit.

Given is the best of four rounds: what else runs on the machine takes caches and clock from this and can only add.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

import psutil

from bench.load import Target, Visitor, WrongPageError
from bench.server import AppServer
from diffviz.lessons.pages import HOME, PAGES

LIMIT = 0.020  # processor seconds
ROUNDS = 4


def targets(only: Iterable[str] = ()) -> list[Target]:
    """Every page, and of the given slugs alone if there are any."""
    slugs = ["", *(page.slug for page in PAGES if page is not HOME)]
    wanted = set(only)
    return [Target(slug, {}, "", ()) for slug in slugs if not wanted or (slug or "home") in wanted]


def cost(server: AppServer, target: Target, reruns: int) -> float:
    """Processor seconds of an unchanged rerun: the mean of so many, in the best of ROUNDS rounds."""
    process = psutil.Process(server.process.pid)
    visitor = Visitor(server.port, target)
    for _ in range(2):
        visitor.rerun()
    rounds = []
    for _ in range(ROUNDS):
        before = sum(process.cpu_times()[:2])
        for _ in range(reruns):
            visitor.rerun()
        time.sleep(0.2)  # what is done after the last answer belongs to it
        rounds.append((sum(process.cpu_times()[:2]) - before) / reruns)
    visitor.socket.close()
    return min(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", nargs="+", default=[], help="their slugs, or home; by default all")
    parser.add_argument("--reruns", type=int, default=15, help="of each page in a round")
    args = parser.parse_args()
    slow = []
    with AppServer() as server:
        for target in targets(args.pages):
            mean = cost(server, target, args.reruns)
            print(f"  {target.slug or 'home':18} {mean * 1000:5.1f} ms of processor a rerun", flush=True)
            if mean > LIMIT:
                slow.append(target.slug or "home")
    if slow:
        sys.exit(f"over {LIMIT * 1000:.0f} ms: {', '.join(slow)}")


if __name__ == "__main__":
    try:
        main()
    except (WrongPageError, OSError) as error:
        sys.exit(str(error))
