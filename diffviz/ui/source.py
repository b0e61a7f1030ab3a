"""Shows the code that ran: read from the running module, never a pasted copy."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import streamlit as st

from diffviz.ui.fold import fold


def show(*functions: Callable[..., object], title: str = "The code that ran") -> None:
    """A fold with the source of the given functions, in the order given."""

    def draw() -> None:
        for function in functions:
            lines, first = _source(function)
            module = function.__module__.replace(".", "/")
            st.caption(f"`{module}.py`, from line {first}")
            st.code("".join(lines), language="python", wrap_lines=True)

    name = f"{functions[0].__module__}-{functions[0].__qualname__}".replace(".", "-")
    fold(title, f"source-{name}", draw, icon=":material/code:")


_source = functools.lru_cache(256)(inspect.getsourcelines)  # which reads and tokenizes a file
