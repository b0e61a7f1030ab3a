"""One-time codes by which a learner goes on in another browser, without an account.

A code stands for a learner for ten minutes and is good once. It is kept in this process's memory alone, so one that is
left over is void when the server stops.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

# Without letters and digits that are taken for one another; 8 of 30 are 39 bits.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ2345678"
LENGTH = 8
LIFETIME = 600.0  # seconds
TRIES_EACH, TRIES = 5, 200  # wrong codes within LIFETIME, of one visitor and of all


class MoveError(RuntimeError):
    """A code that leads nowhere; the message is one sentence for the learner."""


@dataclass
class MoveCodes:
    """The codes that are out. Shared between threads."""

    clock: Callable[[], float] = time.monotonic
    _out: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    _wrong: list[tuple[float, Hashable]] = field(default_factory=list[tuple[float, Hashable]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, learner: str) -> str:
        """A new code for a learner, such as "K7DM-2QXA"; an earlier one of the same learner is void."""
        with self._lock:
            self._forget()
            self._out = {code: entry for code, entry in self._out.items() if entry[0] != learner}
            code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
            self._out[code] = learner, self.clock() + LIFETIME
        return f"{code[:4]}-{code[4:]}"

    def redeem(self, typed: str, visitor: Hashable) -> str:
        """The learner whose code this is; the code is used up.

        Raises MoveError where there is none, and, whatever the code, where this visitor or all visitors have tried too
        many wrong ones. Nothing tells a code that has expired from one that never was.
        """
        code = re.sub(r"[\s-]", "", typed[:40]).upper()
        with self._lock:
            self._forget()
            tried = sum(who == visitor for _, who in self._wrong)
            if tried >= TRIES_EACH or len(self._wrong) >= TRIES:
                raise MoveError("Too many wrong codes were tried: wait ten minutes, then take a new one.")
            found = self._out.pop(code, None)
            if found is None:
                self._wrong.append((self.clock(), visitor))
                raise MoveError(
                    "No such code: it may be mistyped, used already, or older than ten minutes. Take a new one."
                )
            return found[0]

    def _forget(self) -> None:
        now = self.clock()
        self._out = {code: entry for code, entry in self._out.items() if entry[1] > now}
        self._wrong = [(when, who) for when, who in self._wrong if when > now - LIFETIME]
