"""A class votes: 300 phones over real HTTP and server-sent events, while the host's demo runs on the wall.

    python -m bench.classroom                          # one room of 300, two of 150, thirty of ten
    python -m bench.classroom --rooms 1 --phones 300 --within 1   # all at once
    python -m bench.classroom --store                  # only what the database takes of the processor for a vote

Against a real `streamlit run app.py` on this machine. The phones share its cores, which in a class they do not, so their
program gives way to it (nice), and a process of its own drives the host's demo. Each phone joins with a cookie of its own,
listens to the room's events, and votes at a random moment of `--within` seconds; every tenth vote is sent twice with one
token, as a phone does whose answer was lost on the way. Meanwhile the first room's host presses *New seed* in lesson 3
over and over, with the bar of the room on the page; before each vote the same is timed while nobody votes.

Printed are the time from sending a vote to its acknowledgement and to the host's screen, the demo's time under votes by
that of quiet, and what a vote takes of the server's processor, which tells more on a busy machine. The host's screen has
the k-th acknowledged vote when the wall's event says that k or more have voted. The program ends with an error where a
vote is lost or counted twice. Where this machine has two cores for it (a busy loop gets nearly all of one, as printed), it
also does where the 95th percentile to the screen is over a second or the median demo takes over 1.2 times its quiet time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import psutil
import sqlalchemy as sql

from bench.fairness import press
from bench.load import Target, Visitor, WrongPageError
from bench.phones import Phone
from bench.server import AppServer
from diffviz.classroom import activities, rooms, votes
from diffviz.classroom.activities import Activity, free_question
from diffviz.classroom.database import FILE, Database
from diffviz.classroom.rooms import Room
from diffviz.classroom.routes import HOST
from diffviz.classroom.schema import VOTES

OPTIONS = ("first", "second", "third", "fourth")
RUN = Target("reverse", {"steps": "10"}, "New seed", ())
LAST_STEP = "step 10 of 10"  # what the page says of its last frame
QUIET_RUNS = 5  # of the demo before each vote
FILES = 4096  # that are open at once: two connections a phone, and some to spare
MAX_TO_SCREEN, MAX_DEMO_RATIO = 1.0, 1.2
FREE = 0.9  # the share of a core from which on times are judged


@dataclass
class Measured:
    """Seconds of every vote and of every run of the demo, and what went wrong."""

    acknowledged: list[float] = field(default_factory=list[float])
    on_screen: list[float] = field(default_factory=list[float])
    quiet: list[float] = field(default_factory=list[float])
    loaded: list[float] = field(default_factory=list[float])
    work: float = 0.0  # processor seconds of the server while classes voted, without those of the demo
    wrong: list[str] = field(default_factory=list[str])


@dataclass
class Class:
    """A room with its phones, what each is going to answer, and what its wall has been told."""

    room: Room
    phones: list[Phone]
    told: list[tuple[float, int, int]] = field(default_factory=list)  # when, which question, how many voted
    heard: dict[int, int] = field(default_factory=dict)  # phone's place -> the question on it

    async def listen(self, phone: Phone, place: int) -> None:
        """Keep a phone on the line; it comes back when it is cut off, as a browser does."""
        while True:
            with contextlib.suppress(OSError):
                async for event, told in phone.listen():
                    if event == "message" and (shown := told["state"]["activity"]):
                        self.heard[place] = shown["id"]
            await asyncio.sleep(1)

    async def watch(self, wall: Phone) -> None:
        """Note when the host's screen says how many have voted."""
        async for _, told in wall.listen("wall"):
            state = told["state"]
            if state["activity"] is not None:
                self.told.append((time.perf_counter(), state["activity"], state["voted"]))


class Demo:
    """The host's demo, with the room's bar over it: a sampling run of another seed each time.

    It is driven by a process of its own: the time that the phones take in ours is no part of it.
    """

    def __init__(self, port: int, cookie: str) -> None:
        self._process = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=open_demo, initargs=(port, cookie)
        )
        self.run()  # the process begins here, with the priority of who made it

    def run(self) -> float:
        """Seconds of one run. Raises WrongPageError where the page does not show it to its end."""
        return self._process.submit(run_demo).result()

    def close(self) -> None:
        self._process.shutdown()

    async def run_until(self, over: asyncio.Event) -> list[float]:
        """The seconds of the runs that begin before `over` is set, one after another."""
        times: list[float] = []
        while not over.is_set():
            times.append(await asyncio.to_thread(self.run))
        return times


_demo: list[Visitor] = []  # of a demo's process


def open_demo(port: int, cookie: str) -> None:
    _demo.append(Visitor(port, RUN, cookie))


def run_demo() -> float:
    """Seconds of one run, in the demo's process. Raises WrongPageError where the page does not show it to its end."""
    (visitor,) = _demo
    visitor.texts.clear()
    took = press(visitor, "New seed")
    if not any(LAST_STEP in text for text in visitor.texts):
        raise WrongPageError(f"the demo did not run: {visitor.texts[-1:]}")
    return took


def give_way() -> None:
    """This thread, and those that it makes, run when nothing else wants to: on Linux each thread has a priority."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def expected(place: int, round_: int) -> int:
    """What a phone answers, known beforehand."""
    return (place + round_) % len(OPTIONS)


async def vote(phone: Phone, asked: Activity, answer: int, after: float, twice: bool) -> tuple[float, float]:
    """Vote after so many seconds; when it was sent and when acknowledged."""
    await asyncio.sleep(after)
    sent, token = time.perf_counter(), f"{phone.mine['number']:04}-{asked.id:08}"
    status, told = await phone.vote(asked.id, 1, answer, token)
    if status != 200:
        raise AssertionError(f"a vote was refused: {status} {told}")
    acknowledged = time.perf_counter()
    if twice:
        await phone.vote(asked.id, 1, answer, token)
    return sent, acknowledged


async def class_votes(db: Database, one: Class, round_: int, within: float, found: Measured) -> None:
    """Ask a class, let it vote, and compare what is counted with what was voted."""
    asked = activities.ask(db, one.room, free_question("choice", f"Question {round_}", OPTIONS))
    while sum(shown == asked.id for shown in one.heard.values()) < len(one.phones):
        await asyncio.sleep(0.05)
    times = await asyncio.gather(
        *(
            vote(phone, asked, expected(place, round_), within * random.random(), place % 10 == 0)
            for place, phone in enumerate(one.phones)
        )
    )
    deadline = time.perf_counter() + 10
    while time.perf_counter() < deadline and not any(
        activity == asked.id and voted == len(one.phones) for _, activity, voted in one.told
    ):
        await asyncio.sleep(0.02)
    counts = [(at, voted) for at, activity, voted in one.told if activity == asked.id]
    for k, (sent, acknowledged) in enumerate(sorted(times, key=lambda t: t[1]), 1):
        found.acknowledged.append(acknowledged - sent)
        shown = next((at for at, voted in counts if voted >= k), None)
        if shown is None:
            found.wrong.append(f"{one.room.code}: vote {k} never reached the host's screen")
        else:
            found.on_screen.append(shown - sent)
    found.wrong += compare(db, one, asked, round_)


def compare(db: Database, one: Class, asked: Activity, round_: int) -> list[str]:
    """What is wrong with what was counted: nothing, where each phone's vote is there once, and is its own."""
    with db.read() as connection:
        counted = {v.participant: v.answer for v in votes.of_activity(connection, asked.id)}
        rows = sql.select(sql.func.count()).where(VOTES.c.activity_id == asked.id)
        kept = connection.execute(rows).scalar_one()
    voted = {p.mine["number"]: expected(place, round_) for place, p in enumerate(one.phones)}
    wrong = [] if counted == voted else [f"{one.room.code}: what is counted is not what was voted"]
    if kept != len(voted):
        wrong.append(f"{one.room.code}: {kept} votes are kept of {len(voted)}")
    return wrong


async def classes_vote(
    db: Database,
    server: AppServer,
    opened: Sequence[tuple[Room, str]],
    demo: Demo,
    phones: int,
    within: float,
    rounds: int,
) -> Measured:
    """The rooms of a server, each with its phones, vote at once, several times."""
    found = Measured()
    classes = [Class(room, [Phone(server.port, room.code) for _ in range(phones)]) for room, _ in opened]
    lines: list[asyncio.Task[None]] = []
    for one in classes:
        for place, phone in enumerate(one.phones):
            status = await phone.join()
            if status != 200:
                raise AssertionError(f"a phone could not join: {status}")
            lines.append(asyncio.create_task(one.listen(phone, place)))
        lines.append(asyncio.create_task(one.watch(Phone(server.port, one.room.code))))
    process = psutil.Process(server.process.pid)

    def worked() -> float:
        return sum(process.cpu_times()[:2])

    for round_ in range(rounds):
        before = worked()
        for _ in range(QUIET_RUNS):
            found.quiet.append(await asyncio.to_thread(demo.run))
        of_a_run, before, over = (worked() - before) / QUIET_RUNS, worked(), asyncio.Event()
        runs = asyncio.create_task(demo.run_until(over))
        await asyncio.gather(*(class_votes(db, one, round_, within, found) for one in classes))
        over.set()
        found.loaded += (times := await runs)
        found.work += worked() - before - of_a_run * len(times)
    for line in lines:
        line.cancel()
    return found


def measure(number: int, phones: int, within: float, rounds: int) -> Measured:
    """So many rooms of so many phones on a server of their own."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / FILE}")
        opened = [rooms.open_room(db, "") for _ in range(number)]
        with AppServer(environment={"DIFFVIZ_DATA": folder, "DIFFVIZ_DATABASE_URL": ""}) as server:
            room, secret = opened[0]
            demo = Demo(server.port, f"{HOST}={room.code}.{secret}")
            try:
                with ThreadPoolExecutor(1, initializer=give_way) as aside:
                    votes_cast = classes_vote(db, server, opened, demo, phones, within, rounds)
                    return aside.submit(asyncio.run, votes_cast).result()
            finally:
                demo.close()
                db.close()


def store_work(sizes: Sequence[int], number: int = 200) -> dict[int, float]:
    """Processor seconds that keeping a vote takes, for votes that come so many together: size -> seconds a vote."""
    found: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / FILE}")
        room, _ = rooms.open_room(db, "")
        secrets = [rooms.join(db, room.code, None)[2] for _ in range(number)]
        for size in sizes:
            asked = activities.ask(db, room, free_question("choice", f"In {size}s", OPTIONS))
            ballots = [
                votes.Ballot(room.code, s, asked.id, 1, f"{asked.id}-{i:08}", 0)
                for i, s in enumerate(secrets)
            ]
            began = time.process_time()
            for start in range(0, number, size):
                wrong = [w for w in votes.cast_all(db, ballots[start : start + size]) if w is not None]
                if wrong:
                    raise AssertionError(f"a vote was refused: {wrong[0]}")
            found[size] = (time.process_time() - began) / number
        db.close()
    return found


def share_of_a_core() -> float:
    """The share of a core that a busy loop gets now: 1 on an idle machine."""
    began, worked = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < 2:
        pass
    return (time.process_time() - worked) / (time.perf_counter() - began)


def percentiles(seconds: Sequence[float]) -> str:
    return f"p50 {statistics.median(seconds) * 1000:4.0f} ms  p95 {p95(seconds) * 1000:4.0f} ms"


def p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=int, nargs="+", default=[1, 2, 30], help="one after another")
    parser.add_argument("--phones", type=int, default=300, help="in all rooms together")
    parser.add_argument("--within", type=float, default=10.0, help="seconds in which a class votes")
    parser.add_argument("--rounds", type=int, default=3, help="questions that are asked")
    parser.add_argument("--store", action="store_true", help="only keep votes, alone and together")
    args = parser.parse_args()
    if args.store:
        for size, seconds in store_work((1, 5, 25)).items():
            print(f"{size} at a time: {seconds * 1000:.2f} ms of the processor to keep a vote")
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:  # the server inherits it
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    failed: list[str] = []
    free = share_of_a_core()
    print(f"a busy loop gets {free:.0%} of a core of this machine before the first class")
    for number in args.rooms:
        found = measure(number, args.phones // number, args.within, args.rounds)
        ratio = statistics.median(found.loaded) / statistics.median(found.quiet)
        n = len(found.acknowledged)
        print(
            f"{number} × {args.phones // number} phones, {n} votes in {args.rounds} rounds of {args.within:g} s: "
            f"acknowledged {percentiles(found.acknowledged)}, on the host's screen "
            f"{percentiles(found.on_screen)}; demo {statistics.median(found.loaded):.2f} s under votes by "
            f"{statistics.median(found.quiet):.2f} s of quiet: ×{ratio:.2f} (of {len(found.loaded)} and "
            f"{len(found.quiet)} runs); {found.work / n * 1000:.1f} ms of the server's processor a vote; "
            f"{'; '.join(found.wrong) or 'every vote counted once'}",
            flush=True,
        )
        failed += found.wrong
        if min(free, share_of_a_core()) < FREE:
            continue
        if p95(found.on_screen) > MAX_TO_SCREEN:
            failed.append(f"{number} rooms: over {MAX_TO_SCREEN:g} s from a vote to the host's screen")
        if ratio > MAX_DEMO_RATIO:
            failed.append(f"{number} rooms: the demo takes over {MAX_DEMO_RATIO:g} times its quiet time")
    if failed:
        sys.exit("; ".join(failed))


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, WrongPageError, OSError) as error:
        sys.exit(str(error))
