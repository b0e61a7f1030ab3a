"""Controls that live in the address bar: a link opens the same picture, control by control.

Streamlit binds the widgets to the address. What it does not do is speak up: a value in a link that cannot be
used is dropped without a word. So each control looks at the link first and says what it fell back to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from diffviz.ui.frame import Page

SESSION = "session"  # values are kept while a visitor moves between pages


@dataclass(frozen=True)
class Controls:
    """Makes the controls of one page; remarks on a bad link go to its notices."""

    page: Page

    def _from_link(self, key: str, label: str, default: object, why_bad: Callable[[str], str | None]) -> None:
        raw = st.query_params.get(key)
        problem = why_bad(raw) if raw is not None else None
        if problem:
            shown = raw if len(raw) <= 40 else f"{raw[:40]}…"
            self.page.notices.warning(
                f"The link asks for {label} `{shown.replace('`', '')}`, {problem}. Using {_quoted(default)} instead."
            )

    def text(self, label: str, key: str, default: str = "", limit: int = 120, **more: object) -> str:
        """A line of text, at most `limit` characters."""
        too_long = f"which is longer than {limit} characters"
        self._from_link(key, label.lower(), default, lambda raw: too_long if len(raw) > limit else None)
        return st.text_input(
            label, default, limit, key=key, bind="query-params", persist_state=SESSION, **more
        ).strip()

    def choice(
        self,
        label: str,
        key: str,
        options: Sequence[str],
        default: str,
        titles: dict[str, str] | None = None,
        segmented: bool = False,
        **more: object,
    ) -> str:
        """One of a few names; `titles` are what is shown and what stands in the address."""
        titles = titles or {}
        shown = [titles.get(o, o) for o in options]
        unknown = f"which is not one of {', '.join(shown)}"
        self._from_link(
            key, label.lower(), titles.get(default, default), lambda raw: None if raw in shown else unknown
        )
        common = {"key": key, "bind": "query-params", "persist_state": SESSION, **more}
        if segmented:
            picked = st.segmented_control(
                label,
                options,
                default=default,
                format_func=lambda o: titles.get(o, o),
                required=True,
                **common,
            )
        else:
            picked = st.selectbox(
                label, options, options.index(default), format_func=lambda o: titles.get(o, o), **common
            )
        return picked or default

    def whole(self, label: str, key: str, default: int, low: int, high: int, **more: object) -> int:
        """A whole number to be typed."""
        self._range_check(label, key, default, low, high)
        picked = st.number_input(
            label, low, high, default, 1, key=key, bind="query-params", persist_state=SESSION, **more
        )
        return int(picked)

    def slider(
        self, label: str, key: str, default: float, low: float, high: float, step: float, **more: object
    ) -> float:
        """A number on a scale; whole if `step` is."""
        self._range_check(label, key, default, low, high)
        return st.slider(
            label, low, high, default, step, key=key, bind="query-params", persist_state=SESSION, **more
        )

    def stops(self, label: str, key: str, default: int, options: Sequence[int], **more: object) -> int:
        """One of a few numbers, on a scale."""
        names = [str(o) for o in options]
        unknown = f"which is not one of {', '.join(names)}"
        self._from_link(key, label.lower(), default, lambda raw: None if raw in names else unknown)
        return st.select_slider(
            label, options, default, key=key, bind="query-params", persist_state=SESSION, **more
        )

    def _range_check(self, label: str, key: str, default: float, low: float, high: float) -> None:
        def why_bad(raw: str) -> str | None:
            try:
                value = float(raw)
            except ValueError:
                return "which is not a number"
            if not low <= value <= high:
                return f"which is not from {low} to {high}"
            if isinstance(low, int) and value != int(value):
                return "which is not a whole number"
            return None

        self._from_link(key, label.lower(), default, why_bad)


def _quoted(value: object) -> str:
    return f"“{value}”" if isinstance(value, str) else str(value)
