"""Where long computations make room for others.

What takes long is made of pieces, one network evaluation or training step each. A server that computes for many visitors
decides when each begins (`diffviz.ui.turns`); anywhere else a piece begins at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

# Entered around a piece of so many units, one unit being one evaluation for one image, or one training step.
Gate = Callable[[int], AbstractContextManager[object]]


class _Thread(threading.local):
    gate: Gate | None = None
    waited = 0.0


_thread = _Thread()


@contextmanager
def piece(units: int = 1) -> Iterator[None]:
    """To be entered around a piece of a long computation; waits there where this thread has a gate that says so."""
    if _thread.gate is None:
        yield
        return
    arrived = time.perf_counter()
    with _thread.gate(units):
        _thread.waited += time.perf_counter() - arrived
        yield


def set_gate(gate: Gate | None) -> None:
    """From now on every piece of this thread goes through `gate`."""
    _thread.gate = gate


def clock() -> float:
    """Seconds, to be compared with one another: a clock that stands still while this thread waits before a piece."""
    return time.perf_counter() - _thread.waited
