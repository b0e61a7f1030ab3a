"""A page's network evaluations and trainings take turns with those of the other visitors.

Each run of a page begins with `enter`; from then on every piece of a long computation waits for its turn, and the page
says how long that will be. `paced` declares a computation of known length, which keeps its turn from its first piece to
its last. What is not declared stands in the queue as one run of usual length for each run of the page.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from diffviz import pacing
from diffviz.serving import engine, remote
from diffviz.serving.scheduler import Job, LimitError, Place, Scheduler

T = TypeVar("T")


@functools.cache
def scheduler() -> Scheduler:
    """The one of this process; its limits are set by the environment when it is first used."""
    return Scheduler()


def enter(notices: DeltaGenerator) -> None:
    """From now on this run of a page takes turns; what there is to say of them is shown in `notices`."""
    run = _PageRun(notices)
    run.tell_of_remote()
    _runs.set(run)
    pacing.set_gate(run.gate)


def entered() -> bool:
    """Whether this run takes turns; a fragment that runs by itself has a thread of its own, which does not yet."""
    return _runs.get() is not None


def paced(
    steps: Iterable[T],
    kind: Hashable,
    units: float,
    doing: str = "drawing",
    say: Callable[[str], object] | None = None,
) -> Iterator[T]:
    """The same steps, computed in one turn: `units` evaluations or training steps, those of a `kind` take equally long.

    While the turn is waited for, `say` is given the place in the queue as a sentence; by default it stands above the
    page. The turn ends with the steps, or when the loop over them is left, as it is when the visitor leaves the page or
    changes a control. Ends the page with a sentence where the server is at its limit.
    """
    run = _runs.get()
    if run is None or declared():  # no page; or part of what was declared
        yield from steps
        return
    job = Job(visitor(), kind, units, doing)
    run.join(job)
    run.declared, run.say = job, say
    try:
        yield from steps
    finally:
        scheduler().leave(job)
        run.declared = run.say = None
        run.hush()


def declared() -> bool:
    """Whether this run is within a computation that `paced` declared, and so keeps others from their turns."""
    run = _runs.get()
    return run is not None and run.declared is not None


@contextmanager
def elsewhere(who: Hashable, kind: Hashable, units: float, doing: str = "drawing") -> Iterator[None]:
    """A computation of this thread that belongs to no run of a page, as a download's does: it takes turns as the runs do.

    Nobody reads that it waits. Raises LimitError where the server is at its limit.
    """
    job = Job(who, kind, units, doing)

    @contextmanager
    def gate(units: int) -> Iterator[None]:
        scheduler().take_turn(job, units)
        yield

    with scheduler().outstanding(job):
        pacing.set_gate(gate)
        try:
            yield
        finally:
            pacing.set_gate(None)


class _PageRun:
    """One run of a page: what it declared, and where it says that it waits."""

    def __init__(self, notices: DeltaGenerator) -> None:
        self.declared: Job | None = None
        self.say: Callable[[str], object] | None = None
        self._undeclared = Job(visitor())
        self._notices, self._shown = notices, None
        self._computing, self._said, self._told_of_remote = False, "", False
        self._arrival: tuple[float, int] | None = None

    @contextmanager
    def gate(self, units: int) -> Iterator[None]:
        """What every piece of a computation goes through, see `pacing`."""
        if self._computing:  # a piece within a piece
            yield
            return
        job = self.declared or self._undeclared
        if job is self._undeclared:
            self.join(job)
        try:
            scheduler().take_turn(job, units, self._tell)
            self._computing = True
            yield
            self.tell_of_remote()
        finally:
            self._computing = False
            if job is self._undeclared:
                scheduler().leave(job)
                self.hush()

    def tell_of_remote(self) -> None:
        """Say once that the denoiser elsewhere is away and the networks are evaluated here."""
        if not self._told_of_remote and engine.remote_away():
            self._told_of_remote = True
            self._notices.warning(remote.AWAY, icon=":material/cloud_off:")

    def _tell(self, place: Place) -> None:
        # Here Streamlit ends this run when the visitor has left or changed a control, as at every use of its session.
        st.session_state.get("page")
        if place.sentence == self._said:  # a message more for each of those who wait costs those who compute
            return
        self._said = place.sentence
        if self.say is not None:
            self.say(place.sentence)
        else:
            self._shown = self._shown or self._notices.empty()
            self._shown.info(place.sentence, icon=":material/hourglass_empty:")

    def hush(self) -> None:
        """Take away what was said while waiting."""
        self._said = ""
        if self._shown is not None:
            self._shown.empty()

    def join(self, job: Job) -> None:
        """Give a job its place: all that one run of a page computes stands where the first of it stands.

        Says so and ends the page where the server is at its limit.
        """
        job.arrival = self._arrival
        try:
            scheduler().join(job)
        except LimitError as error:
            self._notices.warning(str(error), icon=":material/hourglass_disabled:")
            st.stop()
        self._arrival = job.arrival


_runs: ContextVar[_PageRun | None] = ContextVar("page run", default=None)


def visitor() -> Hashable:
    """Whoever shares a browser is one visitor, whatever the number of tabs; without cookies each tab is one."""
    try:
        # Streamlit's cookie against cross-site requests holds 16 random bytes, masked anew for each page.
        _, mask, masked, _ = st.context.cookies["_streamlit_xsrf"].split("|")
        key = bytes.fromhex(mask)
        return bytes(b ^ key[i % len(key)] for i, b in enumerate(bytes.fromhex(masked)))
    except (KeyError, ValueError, ZeroDivisionError):
        context = get_script_run_ctx()
        return context.session_id if context else None
