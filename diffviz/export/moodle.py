"""Moodle XML: the multiple-choice questions with feedback, and the self-check as essays with a marker's key."""

from __future__ import annotations

import html
from xml.etree import ElementTree as ET

from diffviz.export import quiz
from diffviz.lessons import content
from diffviz.lessons.content import Item

NAME = "diffviz-quiz.xml"


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    ET.SubElement(element, "text").text = text
    return element


def _html(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _question(root: ET.Element, kind: str, item: Item, prompt: str) -> ET.Element:
    question = ET.SubElement(root, "question", type=kind)
    _text(question, "name", item.id)
    _text(question, "questiontext", _html(prompt), format="html")
    ET.SubElement(question, "idnumber").text = item.id
    return question


def tree() -> ET.Element:
    """The <quiz> element."""
    root = ET.Element("quiz")
    category = ET.SubElement(root, "question", type="category")
    _text(category, "category", "$course$/top/Diffusion models")
    for number, item in enumerate(quiz.questions(), 1):
        question = _question(root, "multichoice", item, f"{item.setting}. {item.prompt}")
        for tag, value in (
            ("defaultgrade", "1"),
            ("single", "true"),
            ("shuffleanswers", "true"),
            ("answernumbering", "abc"),
        ):
            ET.SubElement(question, tag).text = value
        for option in quiz.options(item, number):
            answer = _text(
                question, "answer", _html(option.text), fraction="100" if option.right else "0", format="html"
            )
            _text(answer, "feedback", _html(option.why), format="html")
    for item in content.load("self_check"):
        question = _question(root, "essay", item, item.prompt)
        ET.SubElement(question, "defaultgrade").text = str(len(item.key_points))
        key = "".join(f"<li>{html.escape(p)}</li>" for p in item.key_points)
        _text(question, "graderinfo", f"{_html(item.answer)}<ul>{key}</ul>", format="html")
    return root


def files() -> dict[str, bytes]:
    """The XML file: {name: bytes}."""
    root = tree()
    ET.indent(root)
    return {NAME: ET.tostring(root, encoding="utf-8", xml_declaration=True)}
