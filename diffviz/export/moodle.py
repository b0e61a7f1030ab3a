"""Moodle XML: the questions in a category for each concept, with tags, feedback and images.

Multiple choice has feedback for each option and as a whole; the ordering exercise is a matching question, since Moodle's
own ordering type is missing before version 4.4; self-check and predictions are essays with a key for the marker. The
format: https://docs.moodle.org/en/Moodle_XML_format
"""

from __future__ import annotations

import base64
import html
from xml.etree import ElementTree as ET

from diffviz.export import pictures, quiz
from diffviz.export.selection import EVERYTHING, QUIZ_KINDS, ExportFile, Selection
from diffviz.lessons.content import Choice, Item, Ordering, Prediction, SelfCheck

CATEGORY = f"$course$/top/{quiz.TITLE}"
PENALTY = "0.3333333"  # Moodle's own default: a third off for each further try


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    ET.SubElement(element, "text").text = text
    return element


def _values(question: ET.Element, values: dict[str, str]) -> None:
    for tag, value in values.items():
        ET.SubElement(question, tag).text = value


def _category(root: ET.Element, path: str, about: str) -> None:
    question = ET.SubElement(root, "question", type="category")
    _text(question, "category", path)
    _text(question, "info", html.escape(about), format="html")


def _question(root: ET.Element, kind: str, item: Item, feedback: str, grade: int) -> ET.Element:
    """What questions of all types begin with."""
    question = ET.SubElement(root, "question", type=kind)
    _text(question, "name", item.id)
    _text(question, "questiontext", quiz.question_html(item), format="html")
    picture = pictures.of(item.id)
    if picture:
        feedback += f'<p><img src="@@PLUGINFILE@@/{picture.path.name}" alt="{html.escape(picture.alt)}"></p>'
    general = _text(question, "generalfeedback", feedback, format="html")
    if picture:
        file = ET.SubElement(general, "file", name=picture.path.name, path="/", encoding="base64")
        file.text = base64.b64encode(picture.path.read_bytes()).decode()
    _values(
        question,
        {"defaultgrade": f"{grade}.0", "penalty": PENALTY, "hidden": "0", "idnumber": item.id},
    )
    return question


def _choice(root: ET.Element, item: Choice, demo: str) -> ET.Element:
    question = _question(root, "multichoice", item, quiz.answer_html(item) + demo, 1)
    _values(question, {"single": "true", "shuffleanswers": "true", "answernumbering": "abc"})
    for option in quiz.options(item):
        fraction = "100" if option.right else "0"
        answer = _text(question, "answer", quiz.paragraphs([option.text]), fraction=fraction, format="html")
        _text(answer, "feedback", quiz.paragraphs(quiz.reasons(option)), format="html")
    return question


def _matching(root: ET.Element, item: Ordering, demo: str) -> ET.Element:
    question = _question(root, "matching", item, quiz.answer_html(item) + demo, len(item.stages))
    _values(question, {"shuffleanswers": "true"})
    for stage in quiz.stages(item):
        pair = _text(
            question, "subquestion", quiz.paragraphs([f"{stage.letter}) {stage.text}"]), format="html"
        )
        _text(pair, "answer", str(item.stages.index(stage) + 1))
    return question


def _essay(root: ET.Element, item: SelfCheck | Prediction, demo: str) -> ET.Element:
    answer = quiz.answer_html(item)
    question = _question(root, "essay", item, answer + demo, len(item.key_points))
    _values(
        question,
        {
            "responseformat": "editor",
            "responserequired": "1",
            "responsefieldlines": "10",
            "attachments": "0",
            "attachmentsrequired": "0",
        },
    )
    _text(question, "graderinfo", answer, format="html")
    _text(question, "responsetemplate", "", format="html")
    return question


def tree(selection: Selection = EVERYTHING) -> ET.Element:
    """The <quiz> element."""
    root = ET.Element("quiz")
    _category(root, CATEGORY, selection.holds(QUIZ_KINDS, FILE.noun))
    for concept, items in quiz.by_concept(selection.items(*QUIZ_KINDS)).items():
        _category(root, f"{CATEGORY}/{concept.replace('/', '//')}", f"Questions on: {concept}")
        for item in items:
            demo = quiz.demo_html(item, selection)
            if isinstance(item, Choice):
                question = _choice(root, item, demo)
            elif isinstance(item, Ordering):
                question = _matching(root, item, demo)
            elif isinstance(item, SelfCheck | Prediction):
                question = _essay(root, item, demo)
            else:
                raise TypeError(f"{item.id} is no question of a quiz")
            tags = ET.SubElement(question, "tags")
            for tag in (item.concept, item.difficulty):
                _text(tags, "tag", tag)
    return root


def xml(selection: Selection) -> bytes:
    """The XML file."""
    root = tree(selection)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


FILE = ExportFile(
    "diffviz-quiz.xml",
    "Moodle quiz (XML)",
    "application/xml",
    QUIZ_KINDS,
    "questions",
    "A category for each concept; tags, images, and feedback for each option.",
    xml,
)
