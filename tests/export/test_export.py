"""What other tools get: each file is opened and read as that tool would."""

import base64
import csv
import html
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
import qti2latex
from helpers import images_of
from lxml import etree
from moodle_xml_parser import parser as moodle_reader
from PIL import Image
from pypdf import PdfReader

from diffviz import cli, export
from diffviz.export import EVERYTHING, Selection, gift, moodle, pdf, pictures, qti, quiz, table
from diffviz.export.selection import EVERY_KIND, QUIZ_KINDS
from diffviz.lessons import content, pages
from diffviz.lessons.content import Choice, Ordering

QUESTIONS = EVERYTHING.items(*QUIZ_KINDS)
CHOICES = [item for item in QUESTIONS if isinstance(item, Choice)]
ESSAYS = [item for item in QUESTIONS if not isinstance(item, Choice | Ordering)]
(ORDERING,) = (item for item in QUESTIONS if isinstance(item, Ordering))
APP = "https://example.org/app"
LINKED = Selection(app_url=APP)


def text_of(markup):
    """The text of a piece of HTML, white space made even."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def letters(markup):
    """The letters of a text without its markup: typographic quotes and entities differ between formats."""
    return re.sub(r"\W", "", text_of(markup))


def signed_letters(markup):
    """The letters with minus signs: 1.25 and −1.25 are different answers."""
    return re.sub(r"[^\w−]", "", text_of(markup))


# --- what is selected --------------------------------------------------------------------------------------


def test_everything_is_every_item_that_has_an_answer_on_paper():
    assert {i.id for i in EVERYTHING.items(*EVERY_KIND)} == {
        i.id for kind in content.KINDS if kind != "live" for i in content.load(kind)
    }


def test_a_selection_holds_the_concepts_and_levels_that_were_chosen():
    chosen = Selection(("guidance", "samplers"), ("easy", "hard")).items(*EVERY_KIND)
    assert chosen and {i.concept for i in chosen} <= {"guidance", "samplers"}
    assert {i.difficulty for i in chosen} <= {"easy", "hard"}
    both = [Selection(levels=(level,)).items(*EVERY_KIND) for level in content.DIFFICULTIES]
    assert sum(map(len, both)) == len(EVERYTHING.items(*EVERY_KIND))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"concepts": ("guidence",)}, "did you mean 'guidance'"),
        ({"levels": ("brutal",)}, "choose one of easy, medium, hard"),
        ({"app_url": "localhost:8501"}, "http://"),
    ],
)
def test_a_selection_that_cannot_be_is_refused_in_a_sentence(asked, answer):
    with pytest.raises(ValueError, match=re.escape(answer)):
        Selection(**asked)


def test_a_link_opens_the_demo_in_its_state():
    item = next(i for i in QUESTIONS if i.demo and i.demo.state)
    parts = urlsplit(LINKED.link(item.demo))
    assert {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()} == item.demo.state
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{APP}/{item.demo.page}"


def test_every_demo_is_on_a_page_of_the_app():
    """Streamlit takes a page's address from its file's name, which is its slug."""
    slugs = {lesson.slug for lesson in pages.LESSONS}
    assert {i.demo.page for i in EVERYTHING.items(*EVERY_KIND) if i.demo} <= slugs


def test_what_a_file_holds_is_counted_and_named():
    assert EVERYTHING.holds(("flashcards",), "cards") == f"{len(content.load('flashcards'))} cards: " + (
        f"{len(content.load('flashcards'))} flashcards"
    )
    assert EVERYTHING.holds(("order",), "questions and cards") == "1 question and card: 1 ordering"
    assert Selection(("spatial control",)).holds(("flashcards",), "cards") == "no cards"


@pytest.mark.slow
@pytest.mark.parametrize("name", export.FORMATS)
def test_no_format_joins_a_scene_to_its_question_with_doubled_punctuation(name):
    for file in export.FORMATS[name]:
        data = file.make(Selection(("memorization",)))
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = b"".join(archive.read(n) for n in archive.namelist() if not n.endswith(".png"))
        text = words(data) if data[:4] == b"%PDF" else data.decode("utf-8", "replace")
        assert not re.search(r"[?!:]\.(?!\.)", re.sub(r"https?:\S+|\d:\.", "", text))


# --- the letters of the options ----------------------------------------------------------------------------


def test_a_question_has_the_same_letters_in_every_selection_and_the_right_one_is_spread():
    places = [[o.right for o in quiz.options(item)].index(True) for item in CHOICES]
    assert places == [[o.right for o in quiz.options(item)].index(True) for item in CHOICES]
    for letter in range(4):
        assert places.count(letter) > len(places) / 10


# --- QTI ---------------------------------------------------------------------------------------------------


def strip_namespaces(root):
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    return root


def unzipped(package):
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def assessment_in(files):
    (name,) = (n for n, data in files.items() if n.endswith(".xml") and b"<assessment " in data)
    return strip_namespaces(ET.fromstring(files[name]))


@pytest.fixture(scope="module")
def qti_zip():
    return unzipped(qti.package(LINKED))


@pytest.fixture(scope="module")
def assessment(qti_zip):
    manifest = strip_namespaces(ET.fromstring(qti_zip["imsmanifest.xml"]))
    assert {f.get("href") for f in manifest.iter("file")} <= set(qti_zip)
    return assessment_in(qti_zip)


def fields(item):
    return {f.find("fieldlabel").text: f.find("fieldentry").text for f in item.iter("qtimetadatafield")}


@pytest.mark.slow
def test_qti_holds_every_question_once_in_its_type(assessment, qti_zip):
    found = {i.get("title"): fields(i)["question_type"] for i in assessment.iter("item")}
    assert len(list(assessment.iter("item"))) == len(found) == len(QUESTIONS)
    assert len({i.get("ident") for i in assessment.iter("item")}) == len(QUESTIONS)
    for item in QUESTIONS:
        kind = {Choice: "multiple_choice", Ordering: "matching"}.get(type(item), "essay")
        assert found[item.id] == f"{kind}_question"
    points = sum(float(fields(i)["points_possible"]) for i in assessment.iter("item"))
    (meta,) = (data for name, data in qti_zip.items() if name.endswith("assessment_meta.xml"))
    root = strip_namespaces(ET.fromstring(meta))
    assert {float(e.text) for e in root.iter("points_possible")} == {points}
    assert QUIZ_HOLDS in (root.findtext("description") or "")


QUIZ_HOLDS = EVERYTHING.holds(QUIZ_KINDS, "questions")


def test_every_reference_in_qti_leads_somewhere(assessment):
    for item in assessment.iter("item"):
        feedback = {f.get("ident") for f in item.iter("itemfeedback")}
        assert {d.get("linkrefid") for d in item.iter("displayfeedback")} == feedback
        answers = {label.get("ident") for label in item.iter("response_label")}
        asked = {r.get("ident") for tag in ("response_lid", "response_str") for r in item.iter(tag)}
        for equal in item.iter("varequal"):
            assert equal.get("respident") in asked and equal.text in answers


def test_qti_gives_a_reason_for_each_option_and_scores_the_right_one(assessment):
    elements = {i.get("title"): i for i in assessment.iter("item")}
    for question in CHOICES:
        element = elements[question.id]
        options = {
            e.get("ident"): signed_letters("".join(e.itertext())) for e in element.iter("response_label")
        }
        feedback = {e.get("ident"): letters("".join(e.itertext())) for e in element.iter("itemfeedback")}
        right = element.find(".//respcondition[@continue='No']//varequal").text
        assert options[right] == signed_letters(quiz.right(question).text)
        for ident, text in options.items():
            option = next(o for o in question.options if signed_letters(o.text) == text)
            assert feedback[f"{ident}_fb"] == letters(" ".join(quiz.reasons(option)))
        assert letters(quiz.right(question).why) in feedback["general_fb"]
        shown = "".join(element.find("presentation/material").itertext())
        assert letters(question.prompt) in letters(shown) and letters(question.setting) in letters(shown)
        links = set(re.findall(r'href="([^"]+)"', html.unescape(ET.tostring(element, "unicode"))))
        assert {html.unescape(link) for link in links} == (
            {LINKED.link(question.demo)} if question.demo else set()
        )


def test_the_ordering_exercise_in_qti_has_a_place_for_each_stage(assessment):
    element = next(i for i in assessment.iter("item") if i.get("title") == ORDERING.id)
    place = {e.get("ident"): "".join(e.itertext()) for e in element.iter("response_label")}
    shown = {r.get("ident"): "".join(r.find("material").itertext()) for r in element.iter("response_lid")}
    conditions = [c for c in element.iter("respcondition") if c.find("setvar") is not None]
    scored = {c.find("conditionvar/varequal").get("respident"): c for c in conditions}
    for n, stage in enumerate(ORDERING.stages, 1):
        (ident,) = (i for i, text in shown.items() if text == f"{stage.letter}) {stage.text}")
        assert place[scored[ident].find("conditionvar/varequal").text] == str(n)
    assert sum(float(c.find("setvar").text) for c in scored.values()) == pytest.approx(100, abs=0.1)


def test_essays_in_qti_carry_their_image_and_model_answer(assessment, qti_zip):
    elements = {i.get("title"): i for i in assessment.iter("item")}
    for question in ESSAYS:
        feedback = "".join(elements[question.id].find("itemfeedback").itertext())
        assert letters(question.answer) in letters(feedback)
        assert all(letters(point) in letters(feedback) for point in question.key_points)
        picture = pictures.of(question.id)
        assert ("<img" in feedback) == bool(picture)
        if picture:
            assert f'alt="{html.escape(picture.alt, quote=False)}"' in feedback
            source = re.search(r'src="([^"]+)"', feedback)[1]
            stored = source.replace("%24IMS-CC-FILEBASE%24/", "")
            assert qti_zip[stored] == picture.path.read_bytes()


@pytest.mark.slow
def test_a_qti_reader_from_outside_finds_each_question_in_its_type_with_its_options(tmp_path, monkeypatch):
    """qti2latex, which reads what Canvas exports; it does not tell the answers that score from those with feedback."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "quiz.zip").write_bytes(qti.package(LINKED))
    files = qti2latex.read_qti_dir(qti2latex.extract_zip_to_tmp(tmp_path / "quiz.zip"))
    items = {
        item.get("title"): item
        for f in files
        for item in qti2latex.findall_anyns(ET.parse(f).getroot(), "item")
    }
    assert items.keys() == {q.id for q in QUESTIONS}
    for question in QUESTIONS:
        item = items[question.id]
        kind = {Choice: "multiple_choice", Ordering: "matching"}.get(type(question), "essay")
        assert qti2latex.guess_type(qti2latex.get_qti_metadata(item), item) == f"{kind}_question"
        assert letters(question.prompt) in letters(qti2latex.get_item_stem(item))
        if isinstance(question, Choice):
            read = [signed_letters(text) for _, text in qti2latex.get_choices(item)]
            assert sorted(read) == sorted(signed_letters(o.text) for o in question.options)


ORDERING_ALONE = Selection((ORDERING.concept,), (ORDERING.difficulty,))


def test_a_qti_quiz_of_the_ordering_exercise_alone_is_one():
    assert unzipped(qti.package(ORDERING_ALONE))


SCHEMA = "pyslet==0.7.20170805"  # its source archive, and not what it installs, holds the standard's own DTD


@pytest.fixture
def qti_schema(tmp_path):
    """The DTD of QTI 1.2.1."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", SCHEMA]
    downloaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if downloaded.returncode:
        pytest.skip(f"{SCHEMA} cannot be downloaded: {downloaded.stderr.strip().splitlines()[-1:]}")
    (archive,) = tmp_path.glob("pyslet-*.tar.gz")
    with tarfile.open(archive) as files:
        (name,) = (n for n in files.getnames() if n.endswith("data_imsqtiv1p2p1/ims_qtiasiv1p2p1.dtd"))
        return etree.DTD(files.extractfile(name))


@pytest.mark.slow
def test_qti_is_valid_by_the_schema_of_its_standard(qti_schema):
    for selection in (LINKED, ORDERING_ALONE):
        root = assessment_in(unzipped(qti.package(selection)))
        root.attrib.clear()  # where the schema is: a DTD knows no namespaces
        made = etree.fromstring(ET.tostring(root))
        qti_schema.assertValid(made)
        made.find(".//item").append(etree.Element("presentation"))
        assert not qti_schema.validate(made)


# --- Moodle XML --------------------------------------------------------------------------------------------

# What a question of each type must have, and may have but once: https://docs.moodle.org/en/Moodle_XML_format
ALWAYS = {"name", "questiontext", "generalfeedback", "defaultgrade", "penalty", "hidden", "idnumber", "tags"}
OWN = {
    "multichoice": {"single", "shuffleanswers", "answernumbering"},
    "matching": {"shuffleanswers"},
    "essay": {
        "responseformat", "responserequired", "responsefieldlines", "attachments", "attachmentsrequired", "graderinfo",
        "responsetemplate",
    },
}  # fmt: skip
REPEATED = {"multichoice": "answer", "matching": "subquestion"}


@pytest.fixture(scope="module")
def moodle_questions():
    root = ET.fromstring(moodle.xml(LINKED))
    assert root.tag == "quiz" and {e.tag for e in root} == {"question"}
    return list(root)


def test_the_moodle_file_follows_the_rules_of_its_format(moodle_questions):
    for element in moodle_questions:
        kind = element.get("type")
        tags = [child.tag for child in element]
        if kind == "category":
            assert tags == ["category", "info"]
            assert element.find("category/text").text.startswith("$course$/top/")
            continue
        once = [tag for tag in tags if tag != REPEATED.get(kind)]
        assert sorted(once) == sorted(ALWAYS | OWN[kind])
        assert float(element.find("defaultgrade").text) > 0 and 0 <= float(element.find("penalty").text) <= 1
        for part in element.iter():
            if part.get("format") is not None:
                assert part.get("format") == "html" and part.find("text") is not None
            if part.get("format") == "html":
                images_of(part.findtext("text") or "")
    ids = [e.find("idnumber").text for e in moodle_questions if e.get("type") != "category"]
    assert sorted(ids) == sorted(q.id for q in QUESTIONS)


def test_moodle_files_each_question_under_its_concept_with_tags(moodle_questions):
    concept_of = {q.id: q for q in QUESTIONS}
    category = None
    for element in moodle_questions:
        if element.get("type") == "category":
            category = element.find("category/text").text
            continue
        item = concept_of[element.find("idnumber").text]
        assert category == f"$course$/top/Diffusion models/{item.concept}"
        assert [t.find("text").text for t in element.findall("tags/tag")] == [item.concept, item.difficulty]
    assert moodle_questions[0].find("info/text").text == QUIZ_HOLDS


def test_moodle_has_feedback_for_each_option_and_one_right_one(moodle_questions):
    elements = {e.find("idnumber").text: e for e in moodle_questions if e.get("type") == "multichoice"}
    for question in CHOICES:
        answers = {text_of(a.find("text").text): a for a in elements[question.id].findall("answer")}
        assert answers.keys() == {" ".join(o.text.split()) for o in question.options}
        for option in question.options:
            answer = answers[" ".join(option.text.split())]
            assert answer.get("fraction") == ("100" if option.right else "0")
            assert letters(answer.find("feedback/text").text) == letters(" ".join(quiz.reasons(option)))
        general = elements[question.id].find("generalfeedback/text").text
        assert letters(quiz.right(question).why) in letters(general)
        assert (
            (html.escape(LINKED.link(question.demo)) in general) if question.demo else "href" not in general
        )


def test_moodle_embeds_the_images_that_its_texts_show(moodle_questions):
    shown = 0
    for element in moodle_questions:
        for part in element.iter():
            files = {f.get("name"): f for f in part.findall("file")}
            text = part.findtext("text") or ""
            assert set(re.findall(r"@@PLUGINFILE@@/([^\"]+)", text)) == set(files)
            for file in files.values():
                assert file.get("encoding") == "base64" and file.get("path") == "/"
                with Image.open(io.BytesIO(base64.b64decode(file.text, validate=True))) as image:
                    assert image.format == "PNG" and image.width >= 256
                assert len(re.search(r'alt="([^"]+)"', text)[1]) > 30
                shown += 1
    assert shown == sum(pictures.of(q.id) is not None for q in QUESTIONS) > 0


def test_moodle_matches_each_stage_to_its_place(moodle_questions):
    (element,) = (e for e in moodle_questions if e.get("type") == "matching")
    places = {text_of(s.find("text").text): s.findtext("answer/text") for s in element.findall("subquestion")}
    assert places == {f"{s.letter}) {s.text}": str(n) for n, s in enumerate(ORDERING.stages, 1)}


def test_moodle_essays_come_with_a_key_and_a_point_for_each_of_its_points(moodle_questions):
    elements = {e.find("idnumber").text: e for e in moodle_questions if e.get("type") == "essay"}
    for question in ESSAYS:
        key = letters(elements[question.id].findtext("graderinfo/text"))
        assert all(letters(point) in key for point in question.key_points)
        assert float(elements[question.id].findtext("defaultgrade")) == len(question.key_points)


def test_a_moodle_reader_from_outside_finds_each_option_with_its_score_and_feedback():
    """moodle-xml-parser reads multiple choice and no other type; test_moodle_reader.py has one that reads all."""
    found = moodle_reader.parse_bytes(moodle.xml(LINKED))
    read = {letters(q.text_pre_parse): q for q in found["multichoice"]}
    assert len(found["multichoice"]) == len(read) == len(CHOICES) and not found["cloze"]
    for question in CHOICES:
        asked = read[letters(quiz.question_html(question))]
        assert (asked.name, asked.single, asked.shuffle_answers) == (question.id, True, True)
        assert letters(quiz.right(question).why) in letters(asked.general_feedback)
        options = {signed_letters(o.answer): o for o in asked.options}
        assert options.keys() == {signed_letters(o.text) for o in question.options}
        for option in question.options:
            given = options[signed_letters(option.text)]
            assert given.score_fraction == (100 if option.right else 0)
            assert letters(given.feedback) == letters(" ".join(quiz.reasons(option)))


# --- GIFT --------------------------------------------------------------------------------------------------


class GiftError(ValueError):
    """A text that is not GIFT."""


def split_at(text, marks):
    """The parts of a text between control characters that no backslash precedes: (mark before, part)."""
    parts, mark, here, i = [], "", "", 0
    while i < len(text):
        if text[i] == "\\":
            if i + 1 == len(text) or text[i + 1] not in "\\~=#{}:n":
                raise GiftError(f"a backslash before nothing that needs it: {text[i : i + 20]!r}")
            here, i = here + text[i : i + 2], i + 2
        elif text[i] in marks:
            parts.append((mark, here))
            mark, here, i = text[i], "", i + 1
        else:
            here, i = here + text[i], i + 1
    return [*parts, (mark, here)]


def plain_gift(text):
    if any(mark for mark, _ in split_at(text, "~=#{}:")):
        raise GiftError(f"a control character that is not escaped: {text!r}")
    return re.sub(r"\\(.)", r"\1", text).strip()


def read_gift(text):
    """The questions of a GIFT text, strictly: title, text, answers as (mark, text, feedback), feedback, category."""
    found, category, about = [], None, {}
    for block in re.split(r"\n{2,}", text.strip("\n")):
        for line in (line for line in block.split("\n") if line.startswith("//")):
            about = {
                "id": re.findall(r"\[id:([^\]]+)\]", line),
                "tags": re.findall(r"\[tag:([^\]]+)\]", line),
            }
        block = "\n".join(line for line in block.split("\n") if not line.startswith("//"))
        if block.startswith("$CATEGORY: "):
            category = block.removeprefix("$CATEGORY: ")
            continue
        if not block:
            continue
        match = re.fullmatch(r"::((?:\\.|[^:\\])+)::\[html\](.*)", block, re.S)
        if not match:
            raise GiftError(f"no title: {block[:40]!r}")
        outer = split_at(match[2], "{}")
        if [mark for mark, _ in outer] != ["", "{", "}"] or outer[2][1].strip():
            raise GiftError(f"answers are not in one pair of braces: {block[:60]!r}")
        inner, _, general = outer[1][1].partition("####")
        answers = []
        for mark, part in split_at(inner, "=~"):
            if not mark:
                if part.strip():
                    raise GiftError(f"text before the first answer: {part!r}")
                continue
            answer, *feedback = split_at(part.strip(), "#")
            if len(feedback) > 1:
                raise GiftError(f"feedback twice: {part!r}")
            answers.append((mark, plain_gift(answer[1]), plain_gift(feedback[0][1]) if feedback else ""))
        found.append(
            {"title": plain_gift(match[1]), "text": plain_gift(outer[0][1]), "answers": answers,
             "general": plain_gift(general), "category": category, **about}
        )  # fmt: skip
    return found


def test_gift_reads_back_as_what_was_written():
    text = gift.text(LINKED).decode()
    assert text.startswith("// ") and QUIZ_HOLDS in text.split("\n")[0]
    found = {q["title"]: q for q in read_gift(text)}
    assert found.keys() == {q.id for q in QUESTIONS}
    for item in QUESTIONS:
        read = found[item.id]
        assert read["id"] == [item.id] and read["tags"] == [item.concept, item.difficulty]
        assert read["category"] == f"$course$/top/Diffusion models/{item.concept}"
        assert " ".join(item.prompt.split()) in text_of(read["text"])
        if item.demo:
            assert html.escape(LINKED.link(item.demo)) in read["general"]
        if isinstance(item, Choice):
            assert [m for m, _, _ in read["answers"]].count("=") == 1
            for option, (mark, answer, feedback) in zip(quiz.options(item), read["answers"], strict=True):
                assert text_of(answer) == " ".join(option.text.split()) and (mark == "=") == option.right
                assert letters(feedback) == letters(" ".join(quiz.reasons(option)))
        elif isinstance(item, Ordering):
            pairs = dict(answer.split(" -> ") for _, answer, _ in read["answers"])
            assert {text_of(k): v for k, v in pairs.items()} == {
                f"{s.letter}) {s.text}": str(n) for n, s in enumerate(item.stages, 1)
            }
        else:
            assert not read["answers"] and letters(item.answer) in letters(read["general"])


@pytest.mark.parametrize("text", ["x = {y}", "~a#b", "a\\b", "16:9", "::", "a\nb"])
def test_gift_escapes_what_would_control_it(text):
    assert plain_gift(gift.escape(text)) == " ".join(text.split())


@pytest.mark.parametrize(
    "text", ["::a::[html]b{=c", "::a::[html]b{=c#d#e}", "::a::[html]b{c}", "a{=b}", "::a::[html]\\b{}"]
)
def test_the_reader_of_gift_is_strict(text):
    with pytest.raises(GiftError):
        read_gift(text)


# --- CSV ---------------------------------------------------------------------------------------------------


def test_the_table_holds_every_item_once_and_reads_back():
    rows = list(csv.DictReader(io.StringIO(table.table(LINKED).decode("utf-8-sig"))))
    assert sorted(r["id"] for r in rows) == sorted(i.id for i in EVERYTHING.items(*EVERY_KIND))
    assert all(r["question"] and r["answer"] for r in rows)
    items = {i.id: i for i in QUESTIONS}
    for r in rows:
        assert r["setting"] == getattr(items.get(r["id"]), "setting", "")
    assert {r["demo"].split("?")[0] for r in rows if r["demo"]} == {
        f"{APP}/{i.demo.page}" for i in EVERYTHING.items(*EVERY_KIND) if i.demo
    }


# --- PDF ---------------------------------------------------------------------------------------------------


def words(data):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def outline(data):
    """The titles of the bookmarks, level by level."""

    def titles(entries):
        return [titles(e) if isinstance(e, list) else e.title for e in entries]

    return titles(PdfReader(io.BytesIO(data)).outline)


def headings(selection):
    concepts = dict.fromkeys(i.concept for i in selection.items(*QUIZ_KINDS))
    return [c.capitalize() if c.islower() else c for c in concepts]


SOME = Selection(("the whole process", "VAE and GAN", "reverse process", "seeds"))


@pytest.fixture(scope="module")
def papers():
    return {file.name: file.make(SOME) for file in export.FORMATS["pdf"]}


def numbers(selection):
    return dict(enumerate(selection.items(*QUIZ_KINDS), 1))


@pytest.mark.slow
def test_the_quiz_on_paper_asks_everything_and_answers_nothing(papers):
    text = words(papers["diffviz-quiz.pdf"])
    assert "Name" in text and "Date" in text and SOME.holds(QUIZ_KINDS, "questions") in text
    for number, item in numbers(SOME).items():
        assert f"{number}. {' '.join(item.prompt.split())}" in text
        for option in getattr(item, "options", ()):
            assert option.text in text and option.why not in text
        assert getattr(item, "answer", "\0") not in text


def test_the_key_is_a_file_of_its_own_and_right(papers):
    text = words(papers["diffviz-quiz-key.pdf"])
    for number, item in numbers(SOME).items():
        if isinstance(item, Choice):
            right = next(
                letter for letter, o in zip(quiz.LETTERS, quiz.options(item), strict=False) if o.right
            )
            assert f"{number}. {right} a)" in text
            assert all(o.why in text for o in item.options)
        elif isinstance(item, Ordering):
            assert f"{number}. {', '.join(s.letter for s in item.stages)} " in text
        else:
            assert item.answer in text and all(point in text for point in item.key_points)


def test_quiz_and_key_have_a_title_a_language_and_a_bookmark_for_each_concept(papers):
    for name in ("diffviz-quiz.pdf", "diffviz-quiz-key.pdf"):
        reader = PdfReader(io.BytesIO(papers[name]))
        assert reader.metadata.title.startswith("Diffusion models")
        assert reader.root_object["/Lang"] == "en"
        assert reader.root_object["/MarkInfo"]["/Marked"]
        top, below = outline(papers[name])
        assert top == reader.metadata.title and below == headings(SOME)


def test_fronts_and_backs_of_the_cards_meet_when_the_sheet_is_turned_on_its_long_edge():
    data = pdf.cards_pdf(EVERYTHING)
    reader = PdfReader(io.BytesIO(data))
    cards = EVERYTHING.items("flashcards")
    assert len(reader.pages) == 2 * -(-len(cards) // 8)

    def places(page):
        """The fragments of text with their place: (text, from the left, from the bottom)."""
        seen = []
        page.extract_text(
            visitor_text=lambda text, _cm, tm, *_: seen.append((" ".join(text.split()), tm[4], tm[5]))
        )
        return [s for s in seen if s[0]]

    width = float(reader.pages[0].mediabox.width)
    for front, back in zip(reader.pages[::2], reader.pages[1::2], strict=True):
        for card in cards:
            fronts = [s for s in places(front) if s[0] and card.front.startswith(s[0])]
            backs = [s for s in places(back) if s[0] and card.back.startswith(s[0]) and len(s[0]) > 8]
            if not fronts:
                assert not backs
                continue
            (_, x, y), (_, other_x, other_y) = fronts[0], backs[0]
            assert (x < width / 2) == (other_x > width / 2)
            height = float(front.mediabox.height) - 2 * pdf.EDGE * 72 / 25.4
            row = [(place - pdf.EDGE * 72 / 25.4) // (height / pdf.ROWS) for place in (y, other_y)]
            assert row[0] == row[1]
    text = words(data)
    assert all(c.front in text and c.back in text for c in cards)
    assert "long edge" in text and EVERYTHING.holds(("flashcards",), "cards") in text


def test_no_letter_of_the_content_is_missing_from_the_paper_font(caplog):
    from fontTools.ttLib import TTFont

    from diffviz.export.pdf import FONTS

    known = set(TTFont(FONTS / "DejaVuSans.ttf").getBestCmap()) & set(
        TTFont(FONTS / "DejaVuSans-Bold.ttf").getBestCmap()
    )
    texts = [str(item) for kind in content.KINDS for item in content.load(kind)]
    assert {c for t in texts for c in t if ord(c) > 32 and ord(c) not in known} == set()
    pdf.quiz_pdf(SOME)
    assert "missing" not in caplog.text


# --- the command -------------------------------------------------------------------------------------------


def test_the_command_writes_what_was_chosen_and_says_what_each_file_holds(tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    asked = ["--format", "gift", "--format", "csv", "--concept", "guidance", "--level", "medium"]
    assert cli.main(["export", *asked, "--out", str(folder)]) == 0
    assert {p.name for p in folder.iterdir()} == {"diffviz-quiz.gift", "diffviz-questions.csv"}
    chosen = Selection(("guidance",), ("medium",))
    assert {q["title"] for q in read_gift((folder / "diffviz-quiz.gift").read_text())} == {
        i.id for i in chosen.items(*QUIZ_KINDS)
    }
    said = capsys.readouterr().out
    assert chosen.holds(QUIZ_KINDS, "questions") in said and said.count("wrote") == 2


def test_the_command_takes_a_format_as_it_did_before(tmp_path, capsys):
    assert cli.main(["export", "csv", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "diffviz-questions.csv").exists()


def test_a_file_that_would_be_empty_is_left_out_and_named(tmp_path, capsys):
    concept = ["--concept", "licences and law"]
    assert cli.main(["export", "--format", "gift", "--format", "anki", *concept, "--out", str(tmp_path)]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"diffviz-quiz.gift"}
    assert "left out diffviz.apkg: no cards" in capsys.readouterr().out
    assert cli.main(["export", "anki", *concept, "--out", str(tmp_path)]) == 2
    assert "nothing to export" in capsys.readouterr().err


def test_wrong_input_is_explained_without_a_traceback(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["export", "powerpoint", "--out", str(tmp_path)])
    assert "anki" in capsys.readouterr().err
    assert cli.main(["export", "csv", "--concept", "guidence", "--out", str(tmp_path)]) == 2
    assert "did you mean 'guidance'?" in capsys.readouterr().err
    assert cli.main(["export", "csv", "--app-url", "ftp://x", "--out", str(tmp_path)]) == 2
    assert "http://" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert cli.main(["export", "csv", "--out", str(tmp_path / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err
