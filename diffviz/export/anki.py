"""Anki: flashcards, self-check and interview questions as one package with three decks, pictures inside.

Note ids come from the ids of our items, so that a newer package updates the cards and keeps their history.
"""

from __future__ import annotations

import html
import tempfile
from pathlib import Path

import genanki

from diffviz.export import pictures
from diffviz.lessons import content
from diffviz.lessons.content import Flashcard, Interview, Item, SelfCheck

NAME = "diffviz.apkg"
# Anki knows note types and decks by these numbers: they must never change.
MODEL_ID, DECK_IDS = (
    1_749_203_311,
    {"flashcards": 1_749_203_312, "self_check": 1_749_203_313, "interview": 1_749_203_314},
)
TITLES = {"flashcards": "Flashcards", "self_check": "Self-check", "interview": "Interview"}
TIMESTAMP = 1_767_225_600.0  # the same package from the same content

_CSS = """.card { font-family: system-ui, sans-serif; font-size: 20px; line-height: 1.4; text-align: center; }
.concept { font-size: 14px; color: #777; } img { image-rendering: pixelated; max-width: 100%; }"""
_MODEL = genanki.Model(
    MODEL_ID,
    "diffviz",
    fields=[{"name": n} for n in ("Question", "Answer", "Picture", "Concept")],
    templates=[
        {
            "name": "Recall",
            "qfmt": '<div class="concept">{{Concept}}</div><p>{{Question}}</p>',
            "afmt": '{{FrontSide}}<hr id="answer"><p>{{Answer}}</p>{{Picture}}',
        }
    ],
    css=_CSS,
)


def sides(item: Item) -> tuple[str, str]:
    """Question and answer of a card, as HTML."""
    if isinstance(item, Flashcard):
        return html.escape(item.front), html.escape(item.back)
    if isinstance(item, SelfCheck):
        points = "".join(f"<li>{html.escape(p)}</li>" for p in item.key_points)
        return html.escape(item.prompt), f"{html.escape(item.answer)}<ul>{points}</ul>"
    if isinstance(item, Interview):
        return html.escape(item.prompt), html.escape(item.answer)
    raise TypeError(f"{item.id} is no card")


def files() -> dict[str, bytes]:
    """The package: {name: bytes}."""
    decks, media = [], {}
    for kind, deck_id in DECK_IDS.items():
        deck = genanki.Deck(deck_id, f"diffviz::{TITLES[kind]}")
        for item in content.load(kind):
            picture = ""
            if item.demo:
                media[f"diffviz-{item.id}.png"] = pictures.image_strip(item.demo)
                picture = f'<img src="diffviz-{item.id}.png" alt="">'
            question, answer = sides(item)
            deck.add_note(
                genanki.Note(
                    _MODEL,
                    [question, answer, picture, html.escape(item.concept)],
                    guid=genanki.guid_for("diffviz", item.id),
                    tags=[item.concept.replace(" ", "-"), item.difficulty],
                )
            )
        decks.append(deck)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in media.items():
            (Path(folder) / name).write_bytes(data)
        package = genanki.Package(decks, [str(Path(folder) / name) for name in media])
        package.write_to_file(Path(folder) / NAME, timestamp=TIMESTAMP)
        return {NAME: (Path(folder) / NAME).read_bytes()}
