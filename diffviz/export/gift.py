"""GIFT, Moodle's text format, which other systems read too: the questions with feedback, in categories.

The ordering exercise is a matching question, self-check and predictions are essays. GIFT holds no images; ids and tags
stand in comments, where Moodle reads them. The format: https://docs.moodle.org/en/GIFT_format
"""

from __future__ import annotations

import re

from diffviz.export import quiz
from diffviz.export.selection import QUIZ_KINDS, ExportFile, Selection
from diffviz.lessons.content import Choice, Item, Ordering

CATEGORY = f"$course$/top/{quiz.TITLE}"
_CONTROL = re.compile(r"([\\~=#{}:])")


def escape(text: str) -> str:
    """A text on one line, in which no character controls the format."""
    return _CONTROL.sub(r"\\\1", " ".join(text.split()))


def _answers(item: Item) -> list[str]:
    if isinstance(item, Choice):
        return [
            f"{'=' if option.right else '~'}{escape(quiz.paragraphs([option.text]))}"
            f"#{escape(quiz.paragraphs(quiz.reasons(option)))}"
            for option in quiz.options(item)
        ]
    if isinstance(item, Ordering):
        return [
            f"={escape(quiz.paragraphs([f'{stage.letter}) {stage.text}']))} -> {item.stages.index(stage) + 1}"
            for stage in quiz.stages(item)
        ]
    return []  # an essay


def question(item: Item, selection: Selection) -> str:
    """One question: its id and tags, title, text, answers and general feedback."""
    feedback = quiz.answer_html(item) + quiz.demo_html(item, selection)
    lines = [
        f"// [id:{item.id}] [tag:{item.concept}] [tag:{item.difficulty}]",
        f"::{escape(item.id)}::[html]{escape(quiz.question_html(item))}{{",
        *(f"\t{answer}" for answer in _answers(item)),
        f"\t####{escape(feedback)}",
        "}",
    ]
    return "\n".join(lines)


def text(selection: Selection) -> bytes:
    """The GIFT file, in UTF-8."""
    parts = [f"// {quiz.TITLE}. {selection.holds(QUIZ_KINDS, FILE.noun)}."]
    for concept, items in quiz.by_concept(selection.items(*QUIZ_KINDS)).items():
        parts.append(f"$CATEGORY: {CATEGORY}/{concept.replace('/', '//')}")
        parts += [question(item, selection) for item in items]
    return ("\n\n".join(parts) + "\n").encode()


FILE = ExportFile(
    "diffviz-quiz.gift",
    "GIFT quiz",
    "text/plain",
    QUIZ_KINDS,
    "questions",
    "Plain text for Moodle and others; feedback for each option, no images.",
    text,
)
