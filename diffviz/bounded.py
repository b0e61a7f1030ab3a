"""Caches with a bound: what was asked for least lately goes first when their contents grow past their limit."""

from __future__ import annotations

import functools
import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
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


class LoadedOnce(Generic[P, V]):
    """A function that reads something large, as one that reads it once: equal arguments, however written, give one object.

    Where several threads ask at once, one reads and the others wait. The last `kept` results are kept; an error is not.
    """

    def __init__(self, function: Callable[P, V], kept: int = 4) -> None:
        functools.update_wrapper(self, function)
        self._signature = inspect.signature(function)
        self._read = functools.lru_cache(kept)(function)
        self._lock = threading.RLock()  # what is read may need another of the same function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> V:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        with self._lock:
            return self._read(*bound.args, **bound.kwargs)

    def cache_clear(self) -> None:
        """Forget what was read."""
        self._read.cache_clear()
