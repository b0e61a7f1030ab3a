"""A cache with a bound: what was asked for least lately goes first when its contents grow past their limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedCache(Generic[V]):
    """Values by key, with sizes that together stay within `limit` (in bytes, or whatever the sizes are given in).

    Shared between threads. A value larger than the limit is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._kept: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value kept under this key, which is thereby the one asked for last, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: V, size: int) -> V:
        """Keep a value of this size, in the place of any other of the key; returns it."""
        with self._lock:
            self._drop(key)
            if size <= self.limit:
                self._kept[key] = value, size
                self.size += size
            while self.size > self.limit:
                self._drop(next(iter(self._kept)))
        return value

    def forget(self, key: Hashable) -> None:
        """Drop what is kept under this key, if anything is."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
            self.size = 0

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self.size -= self._kept.pop(key)[1]
