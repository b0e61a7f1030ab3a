"""Shows the code that ran: read from the running module, never a pasted copy."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import streamlit as st


def show(*functions: Callable[..., object], title: str = "The code that ran") -> None:
    """A fold with the source of the given functions, in the order given."""
    with st.expander(title, icon=":material/code:"):
        for function in functions:
            lines, first = _source(function)
            module = function.__module__.replace(".", "/")
            st.caption(f"`{module}.py`, from line {first}")
            st.code("".join(lines), language="python", wrap_lines=True)


_source = functools.lru_cache(256)(inspect.getsourcelines)  # which reads and tokenizes a file
