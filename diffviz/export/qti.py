"""Canvas and other QTI 1.2 readers: a zip made by text2qti, with feedback, essays, images and links.

QTI 1.2 has multiple choice, essays, general feedback and feedback for each option, and files beside the questions. What
it or Canvas's reading of it has not: a type for putting in order, so the ordering exercise is a matching question; tags
and categories, so concept and level stand in the text before a question; a key for the marker of an essay, so the model
answer is its general feedback, which Canvas shows after the quiz. text2qti makes no matching questions: those are added
here, in the form that Canvas exports. The format: https://www.imsglobal.org/question/qtiv1p2/imsqti_asi_bindv1p2.html
"""

from __future__ import annotations

import io
import re
from xml.sax.saxutils import escape, quoteattr

from text2qti.config import Config
from text2qti.qti import QTI
from text2qti.quiz import Quiz

from diffviz.export import pictures, quiz
from diffviz.export.selection import QUIZ_KINDS, ExportFile, Selection
from diffviz.lessons.content import Choice, Item, Ordering, Prediction, SelfCheck

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~^])")
_END = "    </section>\n  </assessment>"  # where text2qti ends the items


def plain(text: str) -> str:
    """A line of text in which nothing is Markdown or LaTeX."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(mark: str, *paragraphs: str) -> list[str]:
    """Paragraphs of Markdown after a mark of text2qti's format; those after the first are indented as it asks."""
    indent = " " * (len(mark) + 1)
    lines = [f"{mark} {paragraphs[0]}"]
    for paragraph in paragraphs[1:]:
        lines += ["", *(f"{indent}{line}" for line in paragraph.split("\n"))]
    return lines


def _heading(item: Item) -> str:
    scene = f": {item.setting}" if isinstance(item, Choice) else ""
    return f"*{plain(f'{item.concept}, {item.difficulty}{scene}')}*"


def _after(item: Item, selection: Selection) -> list[str]:
    """What general feedback ends with: the image and the link to the demo."""
    parts = []
    if picture := pictures.of(item.id):
        parts.append(f"![{plain(picture.alt)}](<{picture.path}>)")
    if item.demo and selection.app_url:
        parts.append(f"See it live: [{plain(item.demo.label)}](<{selection.link(item.demo)}>)")
    return parts


def _choice(item: Choice, selection: Selection) -> list[str]:
    answer = [plain(text) for text in quiz.right_answer(item)]
    lines = _block("...", *answer, *_after(item, selection))
    for letter, option in zip(quiz.LETTERS, quiz.options(item), strict=False):
        lines += [f"{'*' if option.right else ''}{letter}) {plain(option.text)}"]
        lines += _block("...", *(plain(reason) for reason in quiz.reasons(option)))
    return lines


def _essay(item: SelfCheck | Prediction, selection: Selection) -> list[str]:
    points = "\n".join(f"- {plain(point)}" for point in item.key_points)
    answer = (plain(item.answer), "A full answer says:", points)
    return [*_block("...", *answer, *_after(item, selection)), "____"]


def source(selection: Selection) -> str:
    """The quiz in text2qti's own format, without the ordering exercise."""
    lines = [
        f"Quiz title: {quiz.TITLE}",
        f"Quiz description: {plain(selection.holds(QUIZ_KINDS, FILE.noun))}, with a reason for each option.",
        "shuffle answers: true",
        "",
    ]
    asked = [
        item for item in selection.items(*QUIZ_KINDS) if isinstance(item, Choice | SelfCheck | Prediction)
    ]
    for number, item in enumerate(asked, 1):
        points = 1 if isinstance(item, Choice) else len(item.key_points)
        lines += [f"Title: {item.id}", f"Points: {points}"]
        lines += _block(f"{number}.", _heading(item), plain(item.prompt))
        lines += _choice(item, selection) if isinstance(item, Choice) else _essay(item, selection)
        lines.append("")
    return "\n".join(lines)


# --- the matching question ---------------------------------------------------------------------------------


def _material(text: str, kind: str = "text/html") -> str:
    return f'<material><mattext texttype="{kind}">{escape(text)}</mattext></material>'


def matching(item: Ordering, selection: Selection) -> str:
    """The ordering exercise as Canvas's matching question: a place from 1 on for each stage, a point for each."""
    places = [f"diffviz_{item.id}_place_{n}" for n in range(1, len(item.stages) + 1)]
    labels = "".join(
        f'<response_label ident="{ident}">{_material(str(n), "text/plain")}</response_label>'
        for n, ident in enumerate(places, 1)
    )
    asked, scored = [], []
    for stage in quiz.stages(item):
        ident = f"response_{stage.id}"
        asked.append(
            f'<response_lid ident="{ident}">{_material(f"{stage.letter}) {stage.text}", "text/plain")}'
            f"<render_choice>{labels}</render_choice></response_lid>"
        )
        scored.append(
            f'<respcondition><conditionvar><varequal respident="{ident}">{places[item.stages.index(stage)]}</varequal>'
            f'</conditionvar><setvar varname="SCORE" action="Add">{100 / len(places):.2f}</setvar></respcondition>'
        )
    fields = {"question_type": "matching_question", "points_possible": str(len(places))}
    metadata = "".join(
        f"<qtimetadatafield><fieldlabel>{k}</fieldlabel><fieldentry>{v}</fieldentry></qtimetadatafield>"
        for k, v in fields.items()
    )
    question = f"<p><em>{escape(item.concept)}, {item.difficulty}</em></p>" + quiz.question_html(item)
    feedback = quiz.answer_html(item) + quiz.demo_html(item, selection)
    return (
        f'<item ident="diffviz_{item.id}" title={quoteattr(item.id)}>'
        f"<itemmetadata><qtimetadata>{metadata}</qtimetadata></itemmetadata>"
        f"<presentation>{_material(question)}{''.join(asked)}</presentation>"
        '<resprocessing><outcomes><decvar maxvalue="100" minvalue="0" varname="SCORE" vartype="Decimal"/></outcomes>'
        '<respcondition continue="Yes"><conditionvar><other/></conditionvar>'
        '<displayfeedback feedbacktype="Response" linkrefid="general_fb"/></respcondition>'
        f"{''.join(scored)}</resprocessing>"
        f'<itemfeedback ident="general_fb"><flow_mat>{_material(feedback)}</flow_mat></itemfeedback>'
        "</item>\n"
    )


def package(selection: Selection) -> bytes:
    """The zip file."""
    ordering = [item for item in selection.items("order") if isinstance(item, Ordering)]
    text = source(selection)
    if not re.search(r"^Title:", text, re.M):  # text2qti makes no quiz of nothing
        text += "Text title: Ordering\nText: Put in order.\n"
    made = Quiz(text, config=Config(), source_name="diffviz")
    made.points_possible += sum(len(item.stages) for item in ordering)
    zipped = QTI(made)
    items = "".join(matching(item, selection) for item in ordering)
    zipped.assessment = zipped.assessment.replace(_END, items + _END)
    buffer = io.BytesIO()
    zipped.write(buffer)
    return buffer.getvalue()


FILE = ExportFile(
    "diffviz-quiz.zip",
    "Canvas quiz (QTI 1.2)",
    "application/zip",
    QUIZ_KINDS,
    "questions",
    "Essays and a matching question beside multiple choice; images, and feedback for each option.",
    package,
)
