"""The Anki package, read by Anki itself: imported, studied, changed, and imported again."""

import dataclasses
import html
import json
import re
import sqlite3
import tomllib
import zipfile
from datetime import UTC, datetime

import pytest
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from anki.import_export_pb2 import IMPORT_ANKI_PACKAGE_UPDATE_CONDITION_IF_NEWER as IF_NEWER
from helpers import images_of

from diffviz.export import EVERYTHING, Selection, anki, pictures, quiz
from diffviz.export.selection import CARD_KINDS
from diffviz.lessons import content

CARDS = EVERYTHING.items(*CARD_KINDS)
LISTING = pictures.FOLDER / "pictures.json"


@pytest.fixture
def collection(tmp_path):
    opened = Collection(str(tmp_path / "collection.anki2"))
    yield opened
    opened.close()


def take_in(collection, tmp_path, data):
    """Import a package as Anki does when nothing is ticked or unticked; returns what it says of the notes."""
    file = tmp_path / "in.apkg"
    file.write_bytes(data)
    options = ImportAnkiPackageOptions(update_notes=IF_NEWER, update_notetypes=IF_NEWER)
    return collection.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(file), options=options)
    ).log


def note_of(collection, item_id):
    guid = anki.genanki.guid_for("diffviz", item_id)
    (found,) = (
        collection.get_note(nid) for nid in collection.find_notes("") if collection.get_note(nid).guid == guid
    )
    return found


@pytest.mark.slow
def test_a_corrected_card_reaches_a_deck_that_was_imported_before_and_keeps_its_schedule(
    collection, tmp_path, monkeypatch
):
    log = take_in(collection, tmp_path, anki.package(EVERYTHING))
    assert len(log.new) == len(CARDS)

    studied = note_of(collection, "card-forward").cards()[0]
    collection.decks.select(studied.did)
    studied.start_timer()
    collection.sched.answerCard(studied, 4)  # "easy": days go by before it is due again
    studied = collection.get_card(studied.id)
    assert studied.ivl > 0 and studied.reps == 1

    # The same content again: nothing is newer, nothing changes, and what a learner wrote stays.
    own = note_of(collection, "card-steps")
    own["Answer"] = "In my own words."
    collection.update_note(own)
    log = take_in(collection, tmp_path, anki.package(EVERYTHING))
    assert not log.new and not log.updated
    assert note_of(collection, "card-steps")["Answer"] == "In my own words."

    correct(monkeypatch, "card-forward", "A corrected answer.")
    log = take_in(collection, tmp_path, anki.package(EVERYTHING))
    assert (
        not log.new and len(log.updated) >= len(CARDS) - 1
    )  # all but the one changed by hand, if that is newer
    assert "A corrected answer." in note_of(collection, "card-forward")["Answer"]
    after = collection.get_card(studied.id)
    schedule = ("ivl", "due", "reps", "lapses", "queue", "type", "factor", "nid", "did")
    assert [getattr(after, k) for k in schedule] == [getattr(studied, k) for k in schedule]


def correct(monkeypatch, item_id, back):
    """Give a flashcard another answer, as an edit of its file would."""
    load = content.load
    cards = tuple(dataclasses.replace(c, back=back) if c.id == item_id else c for c in load("flashcards"))
    monkeypatch.setattr(content, "load", lambda kind: cards if kind == "flashcards" else load(kind))


def test_a_deck_from_before_gets_the_new_layout_too(collection, tmp_path, monkeypatch):
    old = anki.genanki.Model(
        anki.MODEL_ID,
        "diffviz",
        fields=[{"name": n} for n in ("Question", "Answer", "Picture", "Concept")],
        templates=[
            {
                "name": "Recall",
                "qfmt": '<div class="concept">{{Concept}}</div><p>{{Question}}</p>',
                "afmt": '{{FrontSide}}<hr id="answer"><p>{{Answer}}</p>{{Image}}',
            }
        ],
    )
    with monkeypatch.context() as before:
        before.setattr(anki, "_MODEL", old)
        before.setattr(anki, "changed", lambda: 1_767_225_600.0)
        take_in(collection, tmp_path, anki.package(EVERYTHING))
    take_in(collection, tmp_path, anki.package(EVERYTHING))
    (model,) = (m for m in collection.models.all() if m["name"].startswith("diffviz"))
    assert model["id"] == anki.MODEL_ID
    assert [t["afmt"] for t in model["tmpls"]] == [anki._BACK]
    assert len(collection.find_notes("")) == len(CARDS)


def test_the_time_of_the_last_change_is_recorded_for_the_content_of_today():
    """Run `python -m diffviz.training.stamp_cards` after a change to cards or images."""
    version = tomllib.loads(anki.VERSION_FILE.read_text(encoding="utf-8"))
    assert version["sha256"] == anki.content_sha256()
    assert anki.changed() == version["changed"].timestamp()
    assert datetime(2026, 1, 1, tzinfo=UTC) < version["changed"]  # the stamp of all packages before


def test_content_that_is_not_recorded_counts_as_changed_now(monkeypatch):
    recorded = anki.changed()
    monkeypatch.setattr(pictures, "of", lambda _: None)
    assert anki.content_sha256() != tomllib.loads(anki.VERSION_FILE.read_text(encoding="utf-8"))["sha256"]
    assert anki.changed() > recorded


def test_what_a_card_shows_is_well_formed_and_its_image_is_there_and_described(collection, tmp_path):
    take_in(collection, tmp_path, anki.package(Selection(app_url="http://localhost:8501")))
    seen = {}
    for item in CARDS:
        card = note_of(collection, item.id).cards()[0]
        images = images_of(card.answer().partition("</style>")[2])
        assert quiz.prompt(item) in html.unescape(card.question())
        assert bool(images) == bool(pictures.of(item.id))
        for image in images:
            assert len(image["alt"]) > 30
            with open(f"{collection.media.dir()}/{image['src']}", "rb") as file:
                seen[item.id] = file.read()
        assert ("http://localhost:8501/" in card.answer()) == bool(item.demo)
    assert len(set(seen.values())) == len(seen) == len(json.loads(LISTING.read_text())["pictures"])


def test_a_selection_holds_only_what_was_chosen_and_its_decks_say_what(collection, tmp_path):
    chosen = Selection(concepts=("guidance",), levels=("hard", "medium"))
    log = take_in(collection, tmp_path, anki.package(chosen))
    assert len(log.new) == len(chosen.items(*CARD_KINDS)) > 0
    assert {t for nid in collection.find_notes("") for t in collection.get_note(nid).tags} <= {
        "guidance",
        "hard",
        "medium",
    }
    deck = collection.decks.by_name("diffviz::Interview")
    assert re.search(r"\d cards?: \d interview", deck["desc"])


def test_the_numbers_by_which_anki_knows_us_never_change(tmp_path):
    file = tmp_path / "a.apkg"
    file.write_bytes(anki.package(EVERYTHING))
    with zipfile.ZipFile(file) as archive:
        archive.extract("collection.anki2", tmp_path)
    database = sqlite3.connect(tmp_path / "collection.anki2")
    guids = dict(database.execute("select guid, mid from notes"))
    assert guids.keys() == {anki.genanki.guid_for("diffviz", item.id) for item in CARDS}
    assert set(guids.values()) == {1_749_203_311}
    assert anki.genanki.guid_for("diffviz", "card-forward") == "kEMEdz$j1L"
