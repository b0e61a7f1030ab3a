"""Cards on paper: one a page, question above and answer below, by the browser's own print dialogue."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence

import streamlit as st

from diffviz.learn import content

_JS = """
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  button.onclick = () => {
    document.getElementById("dv-print")?.remove();
    const frame = document.createElement("iframe");
    frame.id = "dv-print";
    frame.title = "Cards to print";
    frame.style.cssText = "position:fixed;width:0;height:0;border:0;visibility:hidden";
    frame.srcdoc = data.page;
    frame.onload = () => frame.contentWindow.print();
    document.body.append(frame);
  };
}
"""
_CSS = """
button { font: inherit; color: inherit; background: none; border: 1px solid var(--st-border-color); cursor: pointer;
  border-radius: var(--st-button-radius, .5rem); padding: .4rem .75rem; min-height: 2.5rem; }
button:hover { border-color: var(--st-primary-color); }
button:focus-visible { outline: 3px solid var(--dv-focus); outline-offset: 2px; }
"""
_PAGE_CSS = """
@page { margin: 18mm; } body { font: 17pt/1.45 Georgia, serif; margin: 0; }
section { break-after: page; } section:last-child { break-after: auto; }
h1 { font-size: 25pt; line-height: 1.25; min-height: 42vh; margin: 0; } small { font-size: 11pt; color: #555; }
"""


@functools.cache
def _component() -> Callable[..., object]:
    return st.components.v2.component(
        "diffviz_print", html="<button type='button'>Print the cards</button>", css=_CSS, js=_JS
    )


def page(cards: Sequence[content.Flashcard]) -> str:
    """An HTML page for the printer: a card a sheet, the question in the upper half, the answer in the lower."""
    sheets = "".join(
        f"<section><small>{html.escape(c.concept)} · {n} of {len(cards)}</small><h1>{html.escape(c.front)}</h1>"
        f"<p>{html.escape(c.back)}</p></section>"
        for n, c in enumerate(cards, 1)
    )
    return (
        f'<!doctype html><html lang="en"><title>diffviz flashcards</title><style>{_PAGE_CSS}</style>{sheets}'
    )


def button(cards: Sequence[content.Flashcard]) -> None:
    """A button that opens the print dialogue with all cards."""
    _component()(data={"page": page(cards)}, key="print-cards")
