"""PDF to print: a quiz, its answer key as a file of its own, exercise sheets with solutions, and flashcards to cut out.

Headings are tagged as such and stand in the outline, concept by concept. The other text is not tagged: fpdf2 tags headings
and images alone. Quiz and key made of the same selection have the same numbers.
"""

from __future__ import annotations

from typing import cast

from fpdf import FPDF, TextStyle
from fpdf.recorder import FPDFRecorder

from diffviz.export import quiz
from diffviz.export.selection import QUIZ_KINDS, ExportFile, Selection
from diffviz.lessons.content import Choice, Flashcard, Item, Ordering, Prediction, SelfCheck, Sheet
from diffviz.paths import FONTS

GREY, LIGHT = 95, 170
# Of the cards, in mm: so many on A4, with room for what a printer cannot reach.
COLUMNS, ROWS, EDGE = 2, 4, 11
PADDING = 5
LARGEST, SMALLEST = 15.0, 7.5  # points; a text gets the largest letters with which it fits
ANSWER_LINES = 6
RULE = 8  # mm between lines to write on


class Paper(FPDF):
    """A4 portrait with our font; page numbers in the footer, unless there are cards on it."""

    def __init__(self, title: str, footer: str) -> None:
        super().__init__(format="A4")
        self._footer = footer
        self.add_font("DejaVu", "", FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", "B", FONTS / "DejaVuSans-Bold.ttf")
        self.set_font("DejaVu", "", 10)  # before a heading can be measured
        self.set_title(title)
        self.set_author("diffviz")
        self.set_lang("en")
        self.set_margins(20, 18)
        self.set_auto_page_break(True, 20)
        self.set_section_title_styles(
            TextStyle("DejaVu", "B", 17, b_margin=2), TextStyle("DejaVu", "B", 12.5, t_margin=4, b_margin=3)
        )

    def footer(self) -> None:
        if not self._footer:
            return
        self.set_y(-14)
        self.set_font("DejaVu", "", 8)
        self.set_text_color(GREY)
        self.cell(0, 6, f"{self._footer} · {self.page_no()} of {{nb}}", align="R")
        self.set_text_color(0)

    def section(self, title: str, room: float) -> None:
        """A heading under the document's own, on a new page if less than `room` mm are left under it."""
        if self.will_page_break(room):
            self.add_page()
        self.start_section(title, level=1)

    def paragraph(
        self, text: str, size: float, bold: bool = False, indent: float = 0, space: float = 1.5, grey: bool = False,
        mark: str = "",
    ) -> None:  # fmt: skip
        """A paragraph, left-aligned, with `space` mm under it; its lines begin to the right of `mark`."""
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_text_color(GREY if grey else 0)
        self.set_x(self.l_margin + indent)
        if mark:
            self.cell(self.get_string_width(f"{mark}  ") + 2 * self.c_margin, size * 0.5, mark)
        self.multi_cell(0, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
        self.set_text_color(0)
        self.ln(space)

    def blank(self, label: str, left: float, right: float) -> None:
        """A label and a line to write on after it, between two places across the page; the height stays."""
        self.set_font("DejaVu", "", 10)
        left += self.c_margin  # as far in as the text of a paragraph
        self.text(left, self.get_y(), label)
        self.set_draw_color(GREY)
        self.set_line_width(0.2)
        self.line(left + self.get_string_width(label) + 2, self.get_y() + 0.5, right, self.get_y() + 0.5)


def _numbered(selection: Selection) -> dict[str, list[tuple[int, Item]]]:
    """The questions by concept, numbered through."""
    number, found = 0, {}
    for concept, items in quiz.by_concept(selection.items(*QUIZ_KINDS)).items():
        found[concept] = list(enumerate(items, number + 1))
        number += len(items)
    return found


# --- the quiz ----------------------------------------------------------------------------------------------


def quiz_pdf(selection: Selection) -> bytes:
    """Questions with letters to ring, places to number and lines to write on, concept by concept."""
    paper = Paper(f"{quiz.TITLE}: a quiz", "diffviz, questions")
    paper.add_page()
    paper.start_section(f"{quiz.TITLE}: a quiz")
    paper.paragraph(f"{QUIZ.holds(selection)}.", 10, grey=True, space=7)
    for label, left, right in (("Name", 20, 105), ("Date", 110, 150), ("Points", 155, 190)):
        paper.blank(label, left, right)
    paper.ln(7)
    for concept, items in _numbered(selection).items():
        paper.section(concept.capitalize() if concept.islower() else concept, room=60)
        for number, item in items:
            with paper.unbreakable() as block:
                _ask(block, number, item)
    return bytes(paper.output())


def _ask(block: FPDFRecorder, number: int, item: Item) -> None:
    """One question, on a part of the paper that is not broken."""
    if isinstance(item, Choice):
        block.paragraph(item.setting, 8.5, space=0.5, grey=True)
    block.paragraph(f"{number}. {quiz.prompt(item)}", 10.5, bold=True)
    if isinstance(item, Choice):
        for letter, option in zip(quiz.LETTERS, quiz.options(item), strict=False):
            block.paragraph(option.text, 10, indent=5, space=0.8, mark=f"{letter})")
        block.ln(4)
    elif isinstance(item, Ordering):
        for stage in quiz.stages(item):
            block.paragraph(stage.text, 10, indent=5, mark=f"____  {stage.letter})")
        block.ln(4)
    else:
        block.set_draw_color(LIGHT)
        block.set_line_width(0.2)
        for _ in range(ANSWER_LINES):
            block.cell(0, RULE, "", border="B", new_x="LMARGIN", new_y="NEXT")
        block.ln(6)


def key_pdf(selection: Selection) -> bytes:
    """The answers under the numbers of the quiz: letters with a reason for each option, orders, model answers."""
    paper = Paper(f"{quiz.TITLE}: answer key", "diffviz, answer key")
    paper.add_page()
    paper.start_section(f"{quiz.TITLE}: answer key")
    paper.paragraph(f"{KEY.holds(selection)}.", 10, grey=True, space=4)
    for concept, items in _numbered(selection).items():
        paper.section(concept.capitalize() if concept.islower() else concept, room=45)
        for number, item in items:
            with paper.unbreakable() as block:
                _answer(block, number, item)
    return bytes(paper.output())


def _answer(block: FPDFRecorder, number: int, item: Item) -> None:
    if isinstance(item, Choice):
        options = list(zip(quiz.LETTERS, quiz.options(item), strict=False))
        letter = next(letter for letter, option in options if option.right)
        head, lines = letter, [(f"{letter})", option.why) for letter, option in options]
    elif isinstance(item, Ordering):
        head, lines = ", ".join(stage.letter for stage in item.stages), [("", item.explanation)]
    elif isinstance(item, SelfCheck | Prediction):
        head, lines = "a model answer", [("", item.answer), *(("•", point) for point in item.key_points)]
    else:
        raise TypeError(f"{item.id} is no question of a quiz")
    block.paragraph(f"{number}. {head}", 10.5, bold=True, space=0.5)
    for mark, line in lines:
        block.paragraph(line, 9, indent=5, space=0.4, mark=mark)
    block.ln(2.5)


# --- exercise sheets ---------------------------------------------------------------------------------------


def exercises_pdf(sheet: Sheet, solutions: bool) -> bytes:
    """An exercise sheet with lines for name and date, or its worked solutions under the same numbers."""
    title = f"{sheet.title}: solutions" if solutions else sheet.title
    paper = Paper(title, f"diffviz, {title.lower()}")
    paper.add_page()
    paper.start_section(title)
    paper.paragraph(f"{len(sheet.exercises)} exercises, {sheet.points} points.", 10, grey=True, space=7)
    if not solutions:
        for label, left, right in (("Name", 20, 105), ("Date", 110, 150), ("Points", 155, 190)):
            paper.blank(label, left, right)
        paper.ln(7)
    for number, exercise in enumerate(sheet.exercises, 1):
        with paper.unbreakable() as block:
            block.paragraph(f"{number}. {exercise.title} ({exercise.points} points)", 11, bold=True)
            block.paragraph(exercise.task, 10, space=2, grey=solutions)
            if solutions:
                block.paragraph(exercise.solution, 10, indent=5)
            block.ln(4)
    return bytes(paper.output())


# --- the cards ---------------------------------------------------------------------------------------------


def cards_pdf(selection: Selection) -> bytes:
    """Flashcards, eight on a page: fronts, then on the next page their backs, mirrored so that both sides meet."""
    paper = Paper(f"{quiz.TITLE}: flashcards", "")
    paper.set_auto_page_break(False)
    paper.set_section_title_styles(TextStyle("DejaVu", "", 7.5, color=GREY), TextStyle("DejaVu", "", 7.5))
    cards = [item for item in selection.items("flashcards") if isinstance(item, Flashcard)]
    on_a_sheet = COLUMNS * ROWS
    sheets = [cards[i : i + on_a_sheet] for i in range(0, len(cards), on_a_sheet)]
    for number, sheet in enumerate(sheets, 1):
        which = f"{CARDS.holds(selection)}. Sheet {number} of {len(sheets)}"
        _page(
            paper,
            f"{which}, fronts. Print on both sides, turned on the long edge; cut along the dashed lines.",
        )
        for place, card in enumerate(sheet):
            _side(paper, place % COLUMNS, place // COLUMNS, card.concept, card.front, bold=True)
        _page(paper, f"{which}, backs.")
        for place, card in enumerate(sheet):
            _side(paper, COLUMNS - 1 - place % COLUMNS, place // COLUMNS, card.concept, card.back, bold=False)
    return bytes(paper.output())


def _page(paper: Paper, title: str) -> None:
    """A page with its title at the edge, and the lines to cut along."""
    paper.add_page()
    paper.set_xy(EDGE, 4)
    paper.l_margin = EDGE
    paper.start_section(title)
    paper.set_draw_color(LIGHT)
    paper.set_line_width(0.2)
    paper.set_dash_pattern(2, 2)
    width, height = _card_size(paper)
    for i in range(COLUMNS + 1):
        paper.line(EDGE + i * width, EDGE, EDGE + i * width, paper.h - EDGE)
    for j in range(ROWS + 1):
        paper.line(EDGE, EDGE + j * height, paper.w - EDGE, EDGE + j * height)
    paper.set_dash_pattern()


def _card_size(paper: FPDF) -> tuple[float, float]:
    return (paper.w - 2 * EDGE) / COLUMNS, (paper.h - 2 * EDGE) / ROWS


def _side(paper: Paper, column: int, row: int, concept: str, text: str, bold: bool) -> None:
    """One side of a card: its concept at the top, the text in the middle, as large as fits."""
    width, height = _card_size(paper)
    left, top, inner = EDGE + column * width + PADDING, EDGE + row * height, width - 2 * PADDING
    paper.set_font("DejaVu", "", 8)
    paper.set_text_color(GREY)
    paper.set_xy(left, top + PADDING)
    paper.cell(inner, 4, concept)
    paper.set_text_color(0)
    room = height - 3 * PADDING - 4
    size = LARGEST
    while (tall := _set(paper, text, size, bold, inner, dry_run=True)) > room and size > SMALLEST:
        size -= 0.5
    if tall > room:
        raise ValueError(f"this text is too long for a card: {text!r}")
    paper.set_xy(left, top + PADDING + 6 + (room - tall) / 2)
    _set(paper, text, size, bold, inner, dry_run=False)


def _set(paper: Paper, text: str, size: float, bold: bool, width: float, dry_run: bool) -> float:
    """Set a text in so many points, or only measure it; returns its height in mm."""
    paper.set_font("DejaVu", "B" if bold else "", size)
    height = paper.multi_cell(width, size * 0.48, text, align="L", dry_run=dry_run, output="HEIGHT")
    return cast("float", height)


_PDF = "application/pdf"
QUIZ = ExportFile(
    "diffviz-quiz.pdf",
    "Quiz on paper",
    _PDF,
    QUIZ_KINDS,
    "questions",
    "To print; lines for name and date.",
    quiz_pdf,
)
KEY = ExportFile(
    "diffviz-quiz-key.pdf",
    "Its answer key",
    _PDF,
    QUIZ_KINDS,
    "questions",
    "Under the same numbers, a reason for each option.",
    key_pdf,
)
CARDS = ExportFile(
    "diffviz-cards.pdf",
    "Flashcards on paper",
    _PDF,
    ("flashcards",),
    "cards",
    "Eight a page, to be printed on both sides and cut.",
    cards_pdf,
)
FILES = (QUIZ, KEY, CARDS)
