"""What is kept between reruns: a visitor's values (`memo`), and what all share (`memo_for_all`, `by_content`, `made_once`).

What one engine made (`serving.engine`) is never given to whoever chose another.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from diffviz.bounded import BoundedCache
from diffviz.serving import engine
from diffviz.ui import turns

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
P = ParamSpec("P")
SHARED_BYTES = 256_000_000
_shared: BoundedCache[Any] = BoundedCache(SHARED_BYTES)
_locks: weakref.WeakValueDictionary[Hashable, threading.Lock] = weakref.WeakValueDictionary()
_finding_a_lock = threading.Lock()


def memo(key: str, settings: object, make: Callable[[], T]) -> T:
    """The visitor's value of this key: the one kept under equal `settings`, else what `make` gives, kept from now on.

    One value a key is kept. What is filled while it is shown, a list or a dict, can be made empty and filled in place:
    a run of the page that is cut short then goes on where it was.
    """
    key = _by_engine(key)
    kept = st.session_state.get(key)
    if kept is None or kept[0] != settings:
        kept = st.session_state[key] = (settings, make())
    return kept[1]


def has(key: str) -> bool:
    """Whether `memo` keeps a value of this key for the visitor, under whatever settings."""
    return _by_engine(key) in st.session_state


def _by_engine(key: str) -> str:
    other = engine.here()
    return key if other is None else f"{key} by {other}"


def memo_for_all(
    key: str, settings: object, make: Callable[[], T], nbytes: Callable[[T], int] | None = None
) -> T:
    """As `memo`, and what `make` gave one visitor is given to all others of equal settings, by the rules of `by_content`.

    `make` must follow from `key` and `settings` alone; `nbytes` as of `made_once`.
    """
    return memo(key, settings, lambda: made_once(digest(key, settings), make, nbytes))


def by_content(function: Callable[P, T]) -> Callable[P, T]:
    """A function of its arguments alone, computed once for equal ones, whoever asks.

    Arguments may be arrays, texts, numbers, None, and lists, tuples, dicts or dataclasses of them; others raise
    TypeError. All visitors get the same object back, which must not be changed: its arrays are made read-only. Results
    are kept within SHARED_BYTES, those asked for least lately are dropped.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def once(*args: P.args, **kwargs: P.kwargs) -> T:
        return made_once(digest(name, args, kwargs), lambda: function(*args, **kwargs))

    return once


def made_once(key: bytes, make: Callable[[], T], nbytes: Callable[[T], int] | None = None) -> T:
    """What `make` gave whoever asked for this first, by the rules of `by_content`; `key` is a `digest` of all that it
    follows from.

    Who asks while another visitor's page makes it waits for that; when that page is left, the next in line makes it.
    `nbytes` says how large the value is, by default as large as when it is pickled.
    """
    kept = key, engine.here()
    found = _shared.get(kept)
    if found is None:
        with _alone(kept):
            found = _shared.get(kept)
            if found is None:
                value = frozen(make())
                found = _shared.put(kept, (value,), nbytes(value) if nbytes else len(pickle.dumps(value)))
    return found[0]


@contextmanager
def _alone(key: Hashable) -> Iterator[None]:
    """One thread at a time for each key, but for one that keeps others from their turns: they may wait for just that."""
    if turns.declared():
        yield
        return
    with _finding_a_lock:
        lock = _locks.setdefault(key, threading.Lock())
    while not lock.acquire(timeout=0.1):
        if get_script_run_ctx(suppress_warning=True) is not None:
            # Here Streamlit ends this run when the visitor has left or changed a control.
            st.session_state.get("page")
    try:
        yield
    finally:
        lock.release()


def shared(key: bytes) -> Any | None:
    """What `share` has kept under a key, whichever visitor it was made for, or None. It must not be changed."""
    found = _shared.get((key, engine.here()))
    return None if found is None else found[0]


def share(key: bytes, value: T, nbytes: int) -> T:
    """Keep a value of this size for all visitors under a key, a `digest` of what it follows from; returns it."""
    return _shared.put((key, engine.here()), (value,), nbytes)[0]


def derived(owner: Any, make: Callable[..., T], *more: Hashable, shown: Callable[[], Any] | None = None) -> T:
    """`make`(owner, *more), computed once and kept for as long as `owner` lives; neither is to be changed after.

    With `shown` it is `make`(shown(), *more). `make` may be a `functools.partial`, known by the content of what it binds.
    Raises ValueError for a function within another, which is a new one each time.
    """
    function, bound = make, b""
    if isinstance(make, functools.partial):
        function, bound = make.func, digest(make.args, make.keywords)
    if "<locals>" in function.__qualname__:
        raise ValueError(f"{function.__qualname__} is made anew at each call: nothing can be kept under it")
    at = id(owner)
    found = _derived.get(at)
    if found is None or found[0]() is not owner:
        found = _derived[at] = weakref.ref(owner, lambda _: _derived.pop(at, None)), {}
    key = function, bound, more
    if key not in found[1]:
        with _alone((at, key)):  # many visitors may look at one finished run
            if key not in found[1]:
                found[1][key] = frozen(make(shown() if shown else owner, *more))
    return found[1][key]


_derived: dict[int, tuple[weakref.ref[Any], dict[Hashable, Any]]] = {}


@by_content
def table(columns: Mapping[str, Any]) -> pa.Table:
    """Columns of equal length as what `st.dataframe` sends: to make it of a dict takes milliseconds at every rerun."""
    import pandas as pd  # not needed for the first image of a page
    import pyarrow as pa

    return pa.Table.from_pandas(pd.DataFrame(dict(columns)))


def frozen(value: T) -> T:
    """The same value; the arrays in it, in lists, tuples, dicts and dataclasses too, can no longer be written to.

    Such an array is hashed once for as long as it lives, see `digest`.
    """
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, list | tuple):
        for part in value:
            frozen(part)
    elif isinstance(value, dict):
        for part in value.values():
            frozen(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            frozen(getattr(value, field.name))
    return value


def digest(*values: object) -> bytes:
    """A hash of values by their content; different kinds with equal bytes differ."""
    hashed = hashlib.blake2b(digest_size=16)
    for value in values:
        _feed(hashed.update, value)
    return hashed.digest()


def _feed(update: Callable[[Any], None], value: object) -> None:
    if isinstance(value, np.ndarray):
        update(_array_digest(value))
    elif isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        update(f"{type(value).__name__} {len(data)};".encode())
        update(data)
    elif value is None or isinstance(value, int | float | np.generic):
        update(f"{type(value).__name__} {value!r};".encode())
    elif isinstance(value, list | tuple):
        update(f"list {len(value)};".encode())
        for part in value:
            _feed(update, part)
    elif isinstance(value, Mapping):
        update(f"dict {len(value)};".encode())
        for key, part in value.items():
            _feed(update, key)
            _feed(update, part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        update(f"{type(value).__qualname__};".encode())
        _feed(update, [getattr(value, field.name) for field in dataclasses.fields(value)])
    else:
        raise TypeError(f"a {type(value).__name__} has no content to be known by")


# Digests of large arrays that cannot be written to, by id, for as long as they live: a page shows the same frames at
# every rerun, and to hash them again costs more than all else of it.
_LARGE = 10_000  # bytes
_known: dict[int, tuple[weakref.ref[np.ndarray], bytes]] = {}


def _array_digest(array: np.ndarray) -> bytes:
    fixed = array.nbytes >= _LARGE and _unwritable(array)
    if fixed and (known := _known.get(id(array))) is not None and known[0]() is array:
        return known[1]
    hashed = hashlib.blake2b(f"array {array.dtype} {array.shape};".encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(array).view(np.uint8).data)
    found = hashed.digest()
    if fixed:
        key = id(array)
        _known[key] = weakref.ref(array, lambda _: _known.pop(key, None)), found
    return found


def _unwritable(array: np.ndarray) -> bool:
    """Whether neither the array nor one that it is a view of can be written to."""
    while array.base is not None and isinstance(array.base, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return not array.flags.writeable
