"""Flashcards for printing: one a page, question above and answer below."""

from __future__ import annotations

import html
from collections.abc import Sequence

from diffviz.lessons import content
from diffviz.ui import printing

_CSS = """
@page { margin: 18mm; } body { font: 17pt/1.45 Georgia, serif; margin: 0; }
section { break-after: page; } section:last-child { break-after: auto; }
h1 { font-size: 25pt; line-height: 1.25; min-height: 42vh; margin: 0; } small { font-size: 11pt; color: #555; }
"""


def page(cards: Sequence[content.Flashcard]) -> str:
    """An HTML page for the printer: a card a sheet, the question in the upper half, the answer in the lower."""
    sheets = "".join(
        f"<section><small>{html.escape(c.concept)} · {n} of {len(cards)}</small><h1>{html.escape(c.front)}</h1>"
        f"<p>{html.escape(c.back)}</p></section>"
        for n, c in enumerate(cards, 1)
    )
    return printing.sheet("diffviz flashcards", _CSS, sheets)


def button(cards: Sequence[content.Flashcard]) -> None:
    """A button that opens the print dialogue with all cards."""
    printing.button("Print the cards", page(cards), "print-cards")
