"""Something on paper, by the browser's own print dialogue."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from typing import Any

from streamlit.components import v2

_JS = """
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  button.textContent = data.label;
  button.onclick = () => {
    document.getElementById("dv-print")?.remove();
    const frame = document.createElement("iframe");
    frame.id = "dv-print";
    frame.title = "To print";
    frame.style.cssText = "position:fixed;width:0;height:0;border:0;visibility:hidden";
    frame.srcdoc = data.page;
    frame.onload = () => frame.contentWindow.print();
    document.body.append(frame);
  };
}
"""
_CSS = """
button { font: inherit; font-size: .875rem;
  color: inherit; background: none; border: 1px solid var(--st-border-color); cursor: pointer;
  border-radius: var(--st-button-radius, .5rem); padding: .4rem .75rem; min-height: 2.5rem; }
button:hover { border-color: var(--st-primary-color); }
button:focus-visible { outline: 3px solid var(--dv-focus); outline-offset: 2px; }
"""


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component("diffviz_print", html="<button type='button'></button>", css=_CSS, js=_JS)


def sheet(title: str, css: str, body: str) -> str:
    """An HTML page for the printer; `body` is HTML of ours."""
    return f'<!doctype html><html lang="en"><title>{html.escape(title)}</title><style>{css}</style>{body}'


def button(label: str, page: str, key: str) -> None:
    """A button that opens the print dialogue with a page made by `sheet`."""
    _component()(data={"label": label, "page": page}, key=key)
