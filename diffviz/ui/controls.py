"""Controls that live in the address bar: a link opens the same image, control by control.

Streamlit binds the widgets to the address. What it does not do is speak up: a value in a link that cannot be
used is dropped without a word. So each control looks at the link first and says what it fell back to. Nor does
it keep a bound value when the page changes: a control of the same key on another page starts with it here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from diffviz.ui import frame

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Controls:
    """Makes the controls of one page; remarks on a bad link go to its notices."""

    page: frame.Page

    def _prepare(
        self,
        key: str,
        label: str,
        default: object,
        why_bad: Callable[[str], str | None],
        instead: str | None = None,
    ) -> dict[str, Any]:
        """Carry a value in, check the link, and return what every widget needs.

        `instead` says what is used in place of a bad value: the default, if it says nothing.
        """
        frame.restore_control(key, self.page.carry, str(default))
        asked = st.query_params.get_all(key)
        repeated = len(asked) > 1
        problem = _REPEATED if repeated else why_bad(asked[0]) if asked else None
        if problem:
            default = f"“{default}”" if isinstance(default, str) else default
            self._warn(label, asked, problem, instead if instead and not repeated else f"{default} instead")
            if repeated or not _finite(asked[0]):
                # Streamlit's number input makes an int of what the address says, which an infinity cannot be; and of
                # several values some widgets use the last, some the first, and some none.
                st.session_state.pop(key, None)
                with suppress(StreamlitAPIException):  # a widget that is bound already, after Back
                    del st.query_params[key]
                return {"key": key}
        return {"key": key, "bind": "query-params"}

    def _warn(self, label: str, asked: Sequence[str], problem: str, using: str) -> None:
        raw = " and ".join(asked)
        shown = (raw if len(raw) <= 40 else f"{raw[:40]}…").replace("`", "")
        self.page.notices.warning(
            f"The link asks for {label.lower()} `{shown}`, which is {problem}. Using {using}."
        )

    def text(self, label: str, key: str, default: str = "", limit: int = 120, **more: Any) -> str:
        """A line of text, at most `limit` characters."""
        problem = f"longer than {limit} characters"
        common = self._prepare(
            key,
            label,
            default,
            lambda raw: problem if len(raw) > limit else None,
            f"its first {limit} characters",  # which are all that Streamlit takes
        )
        typed = st.text_input(label, default, limit, **common, **more)
        return frame.remember_control(key, typed, default).strip()

    def choice(
        self,
        label: str,
        key: str,
        options: Sequence[str],
        default: str,
        titles: dict[str, str] | None = None,
        segmented: bool = False,
        formerly: Mapping[str, str] | None = None,
        **more: Any,
    ) -> str:
        """One of a few names; `titles` are what is shown and what stands in the address.

        `formerly` leads from titles that an option had in earlier versions to the option, so that old links stay good.
        """

        def title(option: str) -> str:
            return (titles or {}).get(option, option)

        shown = [title(o) for o in options]
        former = _option(key, formerly or {})
        if former is not None and st.session_state.get(key) != former:
            # The widget was seeded from the address before this run began, and would clear what it cannot use there:
            # begin again with the option, and with the address as it is written today.
            st.session_state[key] = former
            with suppress(
                StreamlitAPIException
            ):  # a widget that is bound already, after Back, writes it by itself
                st.query_params[key] = title(former)
            frame.arrive_again(self.page.carry)
        problem = f"not one of {_quoted(shown)}"
        common = self._prepare(
            key, label, title(default), lambda raw: None if raw in shown or former else problem
        )
        if segmented:
            picked = st.segmented_control(
                label, options, default=default, format_func=title, required=True, **common, **more
            )
        else:
            picked = st.selectbox(label, options, options.index(default), format_func=title, **common, **more)
        picked = default if picked is None else picked
        return frame.remember_control(key, picked, default, title(picked))

    def parts(
        self,
        key: str,
        titles: Mapping[str, str],
        formerly: Mapping[str, str] | None = None,
        label: str = "Part",
        wrap: bool = False,
    ) -> str:
        """The parts of a page as a row of tabs, the first of `titles` at first; each has an address and a history entry.

        The row scrolls where there is no room for all, or has several lines with `wrap`.
        """
        with st.container(key="parts"):
            return self.choice(
                label, key, tuple(titles), next(iter(titles)), dict(titles), segmented=True, formerly=formerly,
                label_visibility="collapsed", wrap=wrap, width="stretch",
            )  # fmt: skip

    def linked(
        self, label: str, key: str, titles: Mapping[str, str], formerly: Mapping[str, str] | None = None
    ) -> str:
        """One of a few names that links of the page set (`?key=title`), with no widget of its own; the first by default."""
        default = next(iter(titles))
        frame.restore_control(key, self.page.carry, titles[default])
        asked = st.query_params.get_all(key)
        found = _option(key, {title: name for name, title in titles.items()})
        if asked and found is None:
            if found := _option(key, formerly or {}):
                st.query_params[key] = titles[found]  # the address as it is written today
            else:
                # It stays in the address, and so is said whenever the page runs again, as it does by itself in practice.
                problem = _REPEATED if len(asked) > 1 else f"not one of {_quoted(titles.values())}"
                self._warn(label, asked, problem, f"“{titles[default]}” instead")
        chosen = found or default
        return frame.remember_control(key, chosen, default, titles[chosen])

    def integer(self, label: str, key: str, default: int, low: int, high: int, **more: Any) -> int:
        """A whole number to be typed."""
        common = self._prepare(key, label, default, lambda raw: out_of_range(raw, low, high))
        typed = int(st.number_input(label, low, high, default, 1, **common, **more))
        return frame.remember_control(key, typed, default)

    def slider(
        self, label: str, key: str, default: Number, low: Number, high: Number, step: Number, **more: Any
    ) -> Number:
        """A number on a scale; whole if `low` is."""
        common = self._prepare(key, label, default, lambda raw: out_of_range(raw, low, high))
        return frame.remember_control(
            key, st.slider(label, low, high, default, step, **common, **more), default
        )

    def select(self, label: str, key: str, default: int, options: Sequence[int], **more: Any) -> int:
        """One of a few numbers, on a scale."""
        names = [str(o) for o in options]
        problem = f"not one of {_quoted(names)}"
        common = self._prepare(key, label, default, lambda raw: None if raw in names else problem)
        return frame.remember_control(
            key, st.select_slider(label, options, default, **common, **more), default
        )


_REPEATED = "more than one value"


def _option(key: str, options: Mapping[str, str]) -> str | None:
    """The option whose title (a key of `options`) the link asks for; None for another title, or for more than one."""
    asked = st.query_params.get_all(key)
    return options.get(asked[0]) if len(asked) == 1 else None


def _finite(raw: str) -> bool:
    """Whether a text is anything but an infinite number or one that is none ("nan")."""
    try:
        return math.isfinite(float(raw))
    except ValueError:
        return True


def _quoted(names: Iterable[str]) -> str:
    """Names that may have commas in them, told apart."""
    return ", ".join(f"“{name}”" for name in names)


def out_of_range(raw: str, low: float, high: float) -> str | None:
    """What is wrong with a number in a link, or None; whole numbers are asked for when `low` is an int."""
    try:
        value = float(raw)
    except ValueError:
        return "not a number"
    if not low <= value <= high:
        return f"not from {low} to {high}"
    if isinstance(low, int) and value != int(value):
        return "not a whole number"
    return None
