"""What is kept between reruns: a visitor's values (`memo`), and what many share (`by_content`)."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
import streamlit as st

from diffviz.bounded import BoundedCache

T = TypeVar("T")
P = ParamSpec("P")
SHARED_BYTES = 256_000_000
_shared: BoundedCache[Any] = BoundedCache(SHARED_BYTES)


def memo(key: str, settings: object, make: Callable[[], T]) -> T:
    """The visitor's value of this key: the one kept under equal `settings`, else what `make` gives, kept from now on.

    One value a key is kept. What is filled while it is shown, a list or a dict, can be made empty and filled in place:
    a run of the page that is cut short then goes on where it was.
    """
    kept = st.session_state.get(key)
    if kept is None or kept[0] != settings:
        kept = st.session_state[key] = (settings, make())
    return kept[1]


def by_content(function: Callable[P, T]) -> Callable[P, T]:
    """A function of its arguments alone, computed once for equal ones, whoever asks.

    Arguments may be arrays, texts, numbers, None, and lists, tuples, dicts or dataclasses of them; others raise
    TypeError. All visitors get the same object back, which must not be changed. Results are kept within SHARED_BYTES,
    those asked for least lately are dropped.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def once(*args: P.args, **kwargs: P.kwargs) -> T:
        key = name, digest(args, kwargs)
        found = _shared.get(key)
        if found is None:
            value = function(*args, **kwargs)
            found = _shared.put(key, (value,), len(pickle.dumps(value)))
        return found[0]

    return once


def shared(key: bytes) -> Any | None:
    """What `share` has kept under a key, whichever visitor it was made for, or None. It must not be changed."""
    found = _shared.get(key)
    return None if found is None else found[0]


def share(key: bytes, value: T, nbytes: int) -> T:
    """Keep a value of this size for all visitors under a key, a `digest` of what it follows from; returns it."""
    return _shared.put(key, (value,), nbytes)[0]


def digest(*values: object) -> bytes:
    """A hash of values by their content; different kinds with equal bytes differ."""
    hashed = hashlib.blake2b(digest_size=16)
    for value in values:
        _feed(hashed.update, value)
    return hashed.digest()


def _feed(update: Callable[[Any], None], value: object) -> None:
    if isinstance(value, np.ndarray):
        update(f"array {value.dtype} {value.shape};".encode())
        update(np.ascontiguousarray(value).view(np.uint8))
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
