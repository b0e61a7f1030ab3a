"""Fair turns: which visitor's network evaluations run now, and how long the others will wait.

A process has one queue and a permit for each core. A job is what one visitor asked for, a sampling run or a training. It
computes while it has a permit, and at each of its evaluations gives way to a job that stands before it.

Jobs stand in the order of their due times, due = arrival + STRETCH · length, where the length is the expected time on one
core of this job and of all that the same visitor has outstanding. So

- equal jobs of equal arrival run one after another and not in slices, which halves the mean time to done: n jobs of length
  s are done after s, 2 s, …, n s instead of all after n s;
- a short job goes before a long one, and none waits for ever: a later job overtakes an earlier one only while it arrives
  within STRETCH times the difference of their lengths. (Shortest job first lets long jobs starve; due times in proportion
  to length bound how many times its own length a job waits, as in Bender, Chakrabarti & Muthukrishnan, "Flow and stretch
  metrics for scheduling continuous job streams", SODA 1998);
- turns go by visitor: a second job of the same visitor stands behind the first jobs of visitors who come soon after.

Lengths are expected from measured service times, a moving average for each kind of job, so an estimate is as honest as the
last few runs.

Equal evaluations of several visitors are not joined into one batch, because that was measured not to pay. Joining k runs
of length s lets all of them end after r·k·s, where r is the time of a joined evaluation by that of its k parts; in turns
they end after s, 2 s, …, k s, on average (k + 1)/2 · s. So joining lowers the mean only where r < (k + 1)/(2 k): 0.75, 0.63
and 0.56 for 2, 4 and 8 runs. On one core r was 0.79, 0.70 and 0.63 for emoji32, 0.87, 0.78 and 0.74 for emoji64
(`python -m bench.joining`: medians of 9 evaluations, November 2026).
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

STRETCH = 10.0  # how many times its length a job is put back in the order
UNMEASURED = 0.03  # seconds a unit of a kind of job that has not run yet
MEMORY = 200.0  # units over which a measured service time fades: some runs
PATIENCE = 1.0  # seconds between two looks at the place while waiting


class LimitError(RuntimeError):
    """A job that the limits refuse; the message is a sentence for the visitor."""


@dataclass(frozen=True)
class Limits:
    """How much one process takes on: permits, jobs that may wait, and jobs that one visitor may have at once."""

    permits: int
    waiting: int = 200
    each: int = 4

    def __post_init__(self) -> None:
        for name in ("permits", "waiting", "each"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """By DIFFVIZ_PERMITS (default: the cores of this process), DIFFVIZ_WAITING and DIFFVIZ_RUNS_EACH.

        Raises ValueError, in a sentence that names the variable, for one that is no whole number from 1.
        """
        found: dict[str, int] = {"permits": cores()}
        for name, variable in {
            "permits": "DIFFVIZ_PERMITS",
            "waiting": "DIFFVIZ_WAITING",
            "each": "DIFFVIZ_RUNS_EACH",
        }.items():
            text = environment.get(variable, "").strip()
            if text:
                if not text.isascii() or not text.isdigit() or int(text) < 1:
                    raise ValueError(f"{variable} must be a whole number from 1, not {text!r}")
                found[name] = int(text)
        return cls(**found)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(eq=False)
class Job:
    """What one visitor asked for: `units` evaluations or training steps are expected, `done` of them are done.

    `kind` groups jobs whose units take equally long; `doing` says to others what it does.
    """

    visitor: Hashable
    kind: Hashable = None
    units: float = 30.0
    doing: str = "drawing"
    done: float = 0.0
    arrival: tuple[float, int] | None = None  # time and number, given when it first joins if it has none
    length: dict[Hashable, float] = field(
        default_factory=dict[Hashable, float]
    )  # units of each kind, own and before it
    granted: threading.Event = field(default_factory=threading.Event)  # set while it has a permit
    computing: float = 0.0  # units that have begun and are not counted as done
    since: float = 0.0  # when they began

    @property
    def left(self) -> float:
        """Units still expected; a job that takes more than it said is always about to end."""
        return max(self.units - self.done, 1.0)


@dataclass(frozen=True)
class Place:
    """A place in the queue: how many jobs of others stand before it, by what they do, and the seconds until its turn.

    `own` counts jobs of the same visitor; `seconds` is None where too little has been measured for an estimate.
    """

    others: Counter[str]
    own: int = 0
    seconds: float | None = None

    @property
    def sentence(self) -> str:
        """Such as "3 others are drawing, about 6 s."."""
        parts = [
            f"{n} {'other is' if n == 1 else 'others are'} {doing}"
            for doing, n in sorted(self.others.items())
        ]
        if self.own:
            parts.append(
                f"{self.own} of your own is first" if self.own == 1 else f"{self.own} of your own are first"
            )
        if not parts:
            return "Your turn is next."
        wait = "" if self.seconds is None else f", {duration(self.seconds)}"
        return f"{' and '.join(parts)}{wait}."


def duration(seconds: float) -> str:
    """Seconds as roughly as they are known: "less than 1 s", "about 6 s", "about 35 s", "about 4 min"."""
    if seconds < 0.75:
        return "less than 1 s"
    if seconds < 10:
        return f"about {seconds:.0f} s"
    if seconds < 100:
        step = 5 if seconds < 30 else 10
        return f"about {step * round(seconds / step)} s"
    return f"about {seconds / 60:.0f} min"


class TurnQueue:
    """Who has a permit and who waits, at times that are passed in: no clock, no threads."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._count = itertools.count()
        self._jobs: list[Job] = []  # all outstanding
        self._waiting: list[Job] = []  # those that want a permit
        self._running: set[Job] = set()
        self._measured: dict[
            Hashable, tuple[float, float]
        ] = {}  # units and their seconds of each kind, fading

    # --- a job's life ---------------------------------------------------------------------------------------

    def join(self, job: Job, now: float) -> None:
        """Give a job its place, the one of its `arrival` if it has one. Raises LimitError where there is none."""
        own = [other for other in self._jobs if other.visitor == job.visitor]
        if job.arrival is None:
            self._check_limits(len(own))
            job.arrival = now, next(self._count)
        if not job.length:
            for other in (*own, job):
                job.length[other.kind] = job.length.get(other.kind, 0.0) + other.left
        self._jobs.append(job)

    def _check_limits(self, own: int) -> None:
        if own >= self.limits.each:
            yours = (
                f"{own} runs of yours, in other tabs, are"
                if own != 1
                else "1 run of yours, in another tab, is"
            )
            raise LimitError(
                f"{yours} not finished yet, and {self.limits.each} at once is the limit of this server. Let one finish, "
                "or close it."
            )
        queued = len(self._jobs) - len(self._running)
        if queued >= self.limits.waiting:
            seconds = self._until_free({other: other.left for other in self._jobs})
            after = "a little later" if seconds is None else f"in {duration(seconds)}"
            others = f"{queued} others are" if queued != 1 else "1 other is"
            raise LimitError(
                f"This server is at its limit: {others} waiting for their turn. Try again {after}."
            )

    def request(self, job: Job) -> None:
        """The job wants to compute; `granted` is set when it may."""
        if job not in self._running and job not in self._waiting:
            self._waiting.append(job)
            self._grant()

    def must_yield(self, job: Job) -> bool:
        """Whether a job with a permit has to hand it over before its next evaluation."""
        return job in self._running and any(self._before(other, job) for other in self._waiting)

    def release(self, job: Job) -> None:
        """The job gives back its permit, or its wish for one."""
        job.granted.clear()
        self._running.discard(job)
        if job in self._waiting:
            self._waiting.remove(job)
        self._grant()

    def leave(self, job: Job) -> None:
        """The job is finished or given up."""
        self.release(job)
        if job in self._jobs:
            self._jobs.remove(job)

    def _grant(self) -> None:
        while self._waiting and len(self._running) < self.limits.permits:
            job = min(self._waiting, key=self._due)
            self._waiting.remove(job)
            self._running.add(job)
            job.granted.set()

    def _due(self, job: Job) -> tuple[float, int]:
        """When a job is due, and its number. By today's service times for all, so that equal jobs never change places."""
        time, number = job.arrival or (math.inf, 0)
        return time + STRETCH * sum(
            units * self._unit_seconds(kind) for kind, units in job.length.items()
        ), number

    def _before(self, job: Job, other: Job) -> bool:
        return self._due(job) < self._due(other)

    # --- what is known --------------------------------------------------------------------------------------

    def measured(self, kind: Hashable, units: float, seconds: float) -> None:
        """So many units of a kind took so long."""
        if units > 0:
            fading = math.exp(-units / MEMORY)
            old_units, old_seconds = self._measured.get(kind, (0.0, 0.0))
            self._measured[kind] = fading * old_units + units, fading * old_seconds + seconds

    def _unit_seconds(self, kind: Hashable) -> float:
        """Expected seconds of a unit of this kind."""
        units, seconds = self._measured.get(kind, (1.0, UNMEASURED))
        return seconds / units

    def place(self, job: Job) -> Place:
        """Where a waiting job stands: behind those of earlier order, and those that compute until they next give way."""
        before = {
            other: other.left if self._before(other, job) else 1.0
            for other in sorted(self._jobs, key=self._due)
            if other is not job and (self._before(other, job) or other in self._running)
        }
        others = Counter(other.doing for other in before if other.visitor != job.visitor)
        return Place(others, len(before) - others.total(), self._until_free(before))

    def _until_free(self, before: Mapping[Job, float]) -> float | None:
        """Seconds until a permit is free after so many units of these; None where a kind was never measured."""
        if any(other.kind not in self._measured for other in before):
            return None
        free = [0.0] * self.limits.permits
        for other, units in before.items():
            heapq.heapreplace(free, free[0] + units * self._unit_seconds(other.kind))
        return free[0]


class Scheduler:
    """The queue of a process, for threads: each computes in `turn` when it may."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._queue = TurnQueue(limits or Limits.from_environment())
        self._clock, self._lock = clock, threading.Lock()

    @contextmanager
    def outstanding(self, job: Job) -> Iterator[Job]:
        """A job has its place within this. Raises LimitError where there is none."""
        self.join(job)
        try:
            yield job
        finally:
            self.leave(job)

    def join(self, job: Job) -> None:
        """Give a job its place; it is to `leave`. Raises LimitError where there is none."""
        with self._lock:
            self._queue.join(job, self._clock())

    def leave(self, job: Job) -> None:
        """The job is finished or given up."""
        with self._lock:
            self._measure(job)
            self._queue.leave(job)

    def take_turn(self, job: Job, units: float, waiting: Callable[[Place], None] | None = None) -> None:
        """Wait until the job may compute its next `units`; it keeps its permit until it pauses, leaves, or begins again.

        `waiting` is told the place again and again; what it raises ends the waiting.
        """
        with self._lock:
            self._measure(job)
            if self._queue.must_yield(job):
                self._queue.release(job)
            self._queue.request(job)
        while not job.granted.wait(PATIENCE):
            if waiting is not None:
                waiting(self.place(job))
        job.since, job.computing = self._clock(), units

    def pause(self, job: Job) -> None:
        """The job computes nothing for now, and hands its permit over; it keeps its place."""
        with self._lock:
            self._measure(job)
            self._queue.release(job)

    def place(self, job: Job) -> Place:
        """Where a waiting job stands."""
        with self._lock:
            return self._queue.place(job)

    def _measure(self, job: Job) -> None:
        """Count what the job has computed since it began, and how long it took."""
        self._queue.measured(job.kind, job.computing, self._clock() - job.since)
        job.done, job.computing = job.done + job.computing, 0.0
