"""What other tools get: each file is opened and read as that tool would."""

import csv
import html
import io
import json
import re
import sqlite3
import zipfile
from xml.etree import ElementTree as ET

import pytest
import torch
from PIL import Image
from pypdf import PdfReader

from diffviz import cli, export
from diffviz.export import anki, pictures, quiz
from diffviz.lessons import content
from diffviz.ui.practice.handouts import FILES


@pytest.fixture(scope="module")
def made():
    """Every file of every kind, made once."""
    return {name: data for maker in export.KINDS.values() for name, data in maker().items()}


def test_the_buttons_offer_exactly_the_files_that_are_made(made):
    assert {file for _, _, file, _, _ in FILES} == set(made)
    assert {kind for _, kind, _, _, _ in FILES} == set(export.KINDS)


@pytest.fixture(scope="module")
def package(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("anki")
    (folder / "a.apkg").write_bytes(made["diffviz.apkg"])
    with zipfile.ZipFile(folder / "a.apkg") as archive:
        archive.extractall(folder)
    return folder


def test_the_anki_package_holds_every_card_with_its_picture(package):
    database = sqlite3.connect(package / "collection.anki2")
    notes = dict(database.execute("select guid, flds from notes"))
    cards = [i for kind in ("flashcards", "self_check", "interview") for i in content.load(kind)]
    assert len(notes) == len(cards) == database.execute("select count(*) from cards").fetchone()[0]
    media = {name: number for number, name in json.loads((package / "media").read_text()).items()}
    for item in cards:
        fields = notes[anki.genanki.guid_for("diffviz", item.id)].split("\x1f")
        assert fields[0] == anki.sides(item)[0]
        name = f"diffviz-{item.id}.png"
        assert (name in fields[2]) == (name in media) == bool(item.demo)
        if item.demo:
            with Image.open(package / media[name]) as picture:
                assert picture.width > 4 * picture.height


def test_drawing_for_a_card_leaves_the_callers_threads_alone():
    demo = next(item.demo for item in content.load("flashcards") if item.demo and item.demo.page == "forward")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        pictures._strip.__wrapped__(demo.page, tuple(demo.state.items()))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_the_same_card_keeps_its_number_in_the_next_package(made, package):
    with zipfile.ZipFile(io.BytesIO(anki.files()["diffviz.apkg"])) as again:
        again.extract("collection.anki2", package / "again")
    ids = [
        {row[0] for row in sqlite3.connect(folder / "collection.anki2").execute("select guid from notes")}
        for folder in (package, package / "again")
    ]
    assert ids[0] == ids[1]


def strip_namespaces(root):
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    return root


def test_the_qti_zip_lists_what_it_holds_and_gives_a_reason_for_each_option(made):
    with zipfile.ZipFile(io.BytesIO(made["diffviz-quiz.zip"])) as archive:
        assert archive.testzip() is None
        manifest = strip_namespaces(ET.fromstring(archive.read("imsmanifest.xml")))
        listed = {f.get("href") for f in manifest.iter("file")}
        assert listed <= set(archive.namelist())
        assessments = [
            n for n in archive.namelist() if n.endswith(".xml") and b"<assessment " in archive.read(n)
        ]
        assert len(assessments) == 1 and assessments[0] in listed
        root = strip_namespaces(ET.fromstring(archive.read(assessments[0])))
    items = root.findall(".//item")
    asked = quiz.questions()
    assert [i.get("title") for i in items] == [q.id for q in asked]
    for element, question in zip(items, asked, strict=True):
        labels = {
            e.get("ident"): letters("".join(e.itertext())) for e in element.findall(".//response_label")
        }
        feedback = {
            e.get("ident").rsplit("_fb", 1)[0]: letters("".join(e.itertext()))
            for e in element.findall("itemfeedback")
        }
        assert {feedback[i] for i in labels} == {letters(o.why) for o in question.options}
        right = element.find(".//respcondition[@continue='No']//varequal").text
        assert labels[right] == letters(next(o.text for o in question.options if o.right))
        for ident, text in labels.items():
            assert feedback[ident] == letters(
                next(o.why for o in question.options if letters(o.text) == text)
            )


def letters(markup):
    """The letters of a text without its markup: typographic quotes and entities differ between formats."""
    return re.sub(r"\W", "", html.unescape(re.sub(r"<[^>]+>", "", markup)))


def test_the_moodle_file_parses_with_feedback_for_each_option(made):
    root = ET.fromstring(made["diffviz-quiz.xml"])
    choices = root.findall("question[@type='multichoice']")
    assert len(choices) == len(quiz.questions())
    for element, question in zip(choices, quiz.questions(), strict=True):
        assert element.find("idnumber").text == question.id
        answers = element.findall("answer")
        assert sorted(a.get("fraction") for a in answers) == ["0"] * (len(answers) - 1) + ["100"]
        assert all(a.find("feedback/text").text for a in answers)
    essays = root.findall("question[@type='essay']")
    assert len(essays) == len(content.load("self_check"))
    assert all(e.find("graderinfo/text").text for e in essays)


def test_the_table_holds_every_item_once_and_reads_back(made):
    rows = list(csv.DictReader(io.StringIO(made["diffviz-questions.csv"].decode("utf-8-sig"))))
    wanted = [i.id for kind in content.KINDS if kind != "live" for i in content.load(kind)]
    assert [r["id"] for r in rows] == wanted
    assert all(r["question"] and r["answer"] for r in rows)


def words(data):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def test_the_quiz_on_paper_asks_everything_and_ends_in_the_right_key(made):
    text = words(made["diffviz-quiz.pdf"])
    questions, key = text.split("Answer key")
    for number, item in enumerate(quiz.questions(), 1):
        assert item.prompt in questions
        right = next(
            letter for letter, o in zip(quiz.LETTERS, quiz.options(item, number), strict=False) if o.right
        )
        assert f"{number}. {right} a)" in key
        assert all(o.why in key for o in item.options)


def test_the_cards_on_paper_are_one_a_page_and_every_letter_is_in_the_font(made, caplog):
    reader = PdfReader(io.BytesIO(made["diffviz-cards.pdf"]))
    cards = content.load("flashcards")
    assert len(reader.pages) == len(cards)
    for page, card in zip(reader.pages, cards, strict=True):
        text = " ".join(page.extract_text().split())
        assert card.front in text and card.back in text


def test_no_letter_of_the_content_is_missing_from_the_paper_font():
    from fontTools.ttLib import TTFont

    from diffviz.export.pdf import FONTS

    known = set(TTFont(FONTS / "DejaVuSans.ttf").getBestCmap()) & set(
        TTFont(FONTS / "DejaVuSans-Bold.ttf").getBestCmap()
    )
    texts = [str(item) for kind in content.KINDS for item in content.load(kind)]
    assert {c for t in texts for c in t if ord(c) > 32 and ord(c) not in known} == set()


def test_the_command_writes_a_folder_of_files_and_says_so(tmp_path, capsys):
    assert cli.main(["export", "csv", "--out", str(tmp_path / "new" / "folder")]) == 0
    assert (tmp_path / "new" / "folder" / "diffviz-questions.csv").exists()
    assert "wrote" in capsys.readouterr().out


def test_a_wrong_kind_or_folder_is_explained_without_a_traceback(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["export", "powerpoint", "--out", str(tmp_path)])
    assert "anki" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert cli.main(["export", "csv", "--out", str(tmp_path / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err
