"""Anki: flashcards, self-check and interview questions as one package with three decks, images inside.

A card that somebody has imported is updated by a newer package: Anki knows it by its `guid`, which follows from our item's
id, and overwrites its text where the package's time of change is later than its own; what it has learned about the learner
stays. So the time is that of the last change of the content, held in `assets/cards/version.toml`, which `python -m
diffviz.training.stamp_cards` writes. Content that is not the recorded one counts as changed now.
"""

from __future__ import annotations

import hashlib
import html
import json
import tempfile
import time
import tomllib
from pathlib import Path

import genanki

from diffviz.export import pictures, quiz
from diffviz.export.selection import CARD_KINDS, EVERYTHING, ExportFile, Selection
from diffviz.lessons.content import Item
from diffviz.paths import ASSETS

VERSION_FILE = ASSETS / "cards" / "version.toml"
# Anki knows note types and decks by these numbers: they must never change.
MODEL_ID, DECK_IDS = (
    1_749_203_311,
    {"flashcards": 1_749_203_312, "self_check": 1_749_203_313, "interview": 1_749_203_314},
)
TITLES = {"flashcards": "Flashcards", "self_check": "Self-check", "interview": "Interview"}

_CSS = """.card { font-family: system-ui, sans-serif; font-size: 20px; line-height: 1.4; text-align: center; }
.concept { font-size: 14px; color: #666; } img { max-width: 100%; }
ul { display: inline-block; text-align: left; margin: 0; }"""
_FRONT = '<div class="concept">{{Concept}}</div>{{Question}}'
_BACK = '{{FrontSide}}<hr id="answer">{{Answer}}{{Picture}}'
# Fields must stay as they are: Anki gives cards of other fields a note type of their own, and updates none.
_MODEL = genanki.Model(
    MODEL_ID,
    "diffviz",
    fields=[{"name": n} for n in ("Question", "Answer", "Picture", "Concept")],
    templates=[{"name": "Recall", "qfmt": _FRONT, "afmt": _BACK}],
    css=_CSS,
)


def note_fields(item: Item, selection: Selection = EVERYTHING) -> list[str]:
    """Question, answer, image and concept of a card, as HTML."""
    picture = pictures.of(item.id)
    shown = f'<p><img src="{_media_name(item)}" alt="{html.escape(picture.alt)}"></p>' if picture else ""
    answer = quiz.answer_html(item) + quiz.demo_html(item, selection)
    return [quiz.question_html(item), answer, shown, html.escape(item.concept)]


def _media_name(item: Item) -> str:
    return f"diffviz-{item.id}.png"


def content_sha256() -> str:
    """What the cards are made of, all of them, as one number: it changes when any of them does."""
    digest = hashlib.sha256(json.dumps([_FRONT, _BACK, _CSS]).encode())
    for item in EVERYTHING.items(*CARD_KINDS):
        digest.update(json.dumps([item.id, item.difficulty, *note_fields(item)]).encode())
        if picture := pictures.of(item.id):
            digest.update(picture.path.read_bytes())
    return digest.hexdigest()


def changed() -> float:
    """When the content last changed, in seconds since 1970; now, where it is not the one that was recorded."""
    version = tomllib.loads(VERSION_FILE.read_text(encoding="utf-8"))
    if version["sha256"] == content_sha256():
        return version["changed"].timestamp()
    return time.time()


def package(selection: Selection) -> bytes:
    """The .apkg file."""
    decks, media = [], {}
    for kind, deck_id in DECK_IDS.items():
        holds = selection.holds((kind,), "cards")
        deck = genanki.Deck(deck_id, f"diffviz::{TITLES[kind]}", description=f"{quiz.TITLE}. {holds}.")
        for item in selection.items(kind):
            if picture := pictures.of(item.id):
                media[_media_name(item)] = picture.path.read_bytes()
            deck.add_note(
                genanki.Note(
                    _MODEL,
                    note_fields(item, selection),
                    guid=genanki.guid_for("diffviz", item.id),
                    tags=[item.concept.replace(" ", "-"), item.difficulty],
                )
            )
        if deck.notes:
            decks.append(deck)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in media.items():
            (Path(folder) / name).write_bytes(data)
        file = Path(folder) / FILE.name
        made = genanki.Package(decks, [str(Path(folder) / name) for name in media])
        made.write_to_file(file, timestamp=changed())
        return file.read_bytes()


FILE = ExportFile(
    "diffviz.apkg",
    "Anki deck",
    "application/octet-stream",
    CARD_KINDS,
    "cards",
    "With images. Imported again after a change, it updates the cards and keeps their schedule.",
    package,
)
