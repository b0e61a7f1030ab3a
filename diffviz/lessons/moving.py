"""One-time codes by which a learner goes on in another browser, without an account.

A code stands for a learner for ten minutes and is good once. Codes and wrong tries are in the store's file, so all
processes that share it honour them; of a code only its hash is kept.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from diffviz.lessons.store import Store

# Without letters and digits that are taken for one another; 8 of 30 are 39 bits.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ2345678"
LENGTH = 8
LIFETIME = 600.0  # seconds
TRIES_EACH, TRIES = 5, 200  # wrong codes within LIFETIME, of one visitor and of all


class MoveError(RuntimeError):
    """A code that leads nowhere; the message is one sentence for the learner."""


@dataclass(frozen=True)
class MoveCodes:
    """The codes that are out, in the store that `store` gives; `clock` is of seconds since 1970."""

    store: Callable[[], Store]
    clock: Callable[[], float] = time.time

    def issue(self, learner: str) -> str:
        """A new code for a learner, such as "K7DM-2QXA"; an earlier one of the same learner is void.

        Raises StoreError where it cannot be kept.
        """
        code, now = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), self.clock()
        self.store().add_move_code(_hash(code), learner, now + LIFETIME, now)
        return f"{code[:4]}-{code[4:]}"

    def redeem(self, typed: str, visitor: Hashable) -> str:
        """The learner whose code this is; the code is used up.

        Raises MoveError where there is none, and, whatever the code, where this visitor or all visitors have tried too
        many wrong ones. Nothing tells a code that has expired from one that never was. Raises StoreError where it cannot
        be looked up.
        """
        code = re.sub(r"[\s-]", "", typed[:40]).upper()
        try:
            found = self.store().take_move_code(
                _hash(code), _hash(repr(visitor)), self.clock(), LIFETIME, TRIES_EACH, TRIES
            )
        except PermissionError:
            raise MoveError(
                "Too many wrong codes were tried: wait ten minutes, then take a new one."
            ) from None
        if found is None:
            raise MoveError(
                "No such code: it may be mistyped, used already, or older than ten minutes. Take a new one."
            )
        return found


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
