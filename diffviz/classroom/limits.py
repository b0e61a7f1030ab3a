"""How often one may ask: a token bucket for each person or address."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from diffviz.classroom.errors import TooMany

KEPT = 20_000  # buckets; the one used least lately goes first


class RateLimit:
    """Each key may ask `burst` times at once and `per_second` times a second in the long run."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.burst, self.per_second, self._clock = burst, per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, and when
        self._lock = threading.Lock()

    def spend(self, key: str) -> None:
        """Count a request of this key. Raises TooMany, with the time to wait."""
        self._take(key, 1)

    def check(self, key: str) -> None:
        """Raises TooMany where `spend` would, without counting a request."""
        self._take(key, 0)

    def _take(self, key: str, count: int) -> None:
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.pop(key, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - at) * self.per_second)
            enough = tokens >= 1
            self._buckets[key] = tokens - count if enough else tokens, now
            if len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
        if not enough:
            raise TooMany("That is too often: wait a moment, then try again.", (1 - tokens) / self.per_second)
