"""PDF to print: a quiz with an answer key at its end, and the flashcards, one a page."""

from __future__ import annotations

from fpdf import FPDF

from diffviz.export import quiz
from diffviz.lessons import content
from diffviz.paths import FONTS

QUIZ, CARDS = "diffviz-quiz.pdf", "diffviz-cards.pdf"

GREY = 95


class _Paper(FPDF):
    """A4 portrait with our font, a footer and page numbers."""

    def __init__(self, title: str, numbered: bool) -> None:
        super().__init__(format="A4")
        self.numbered = numbered
        self.add_font("DejaVu", "", FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", "B", FONTS / "DejaVuSans-Bold.ttf")
        self.set_title(title)
        self.set_lang("en")
        self.set_margins(20, 18)
        self.set_auto_page_break(True, 20)

    def footer(self) -> None:
        if not self.numbered:
            return
        self.set_y(-14)
        self.set_font("DejaVu", "", 8)
        self.set_text_color(GREY)
        self.cell(0, 6, f"diffviz · {self.page_no()}", align="R")
        self.set_text_color(0)

    def line_of(
        self, text: str, size: float, bold: bool = False, indent: float = 0, space: float = 1.5
    ) -> None:
        """A paragraph, left-aligned, with `space` mm under it."""
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_x(self.l_margin + indent)
        self.multi_cell(0, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
        self.ln(space)


def quiz_pdf() -> bytes:
    """Questions with letters to tick, then the key with the reason for each option."""
    paper = _Paper("Diffusion models: a quiz", numbered=True)
    paper.add_page()
    paper.line_of("Diffusion models: a quiz", 17, bold=True, space=2)
    paper.line_of("Name:                                                   Date:", 10, space=5)
    asked = list(enumerate(quiz.questions(), 1))
    for number, item in asked:
        with paper.unbreakable() as block:
            block.line_of(f"{number}. {item.setting}. {item.prompt}", 10.5, bold=True)
            for letter, option in zip(quiz.LETTERS, quiz.options(item, number), strict=False):
                block.line_of(f"{letter})  {option.text}", 10, indent=5, space=0.8)
            block.ln(4)
    paper.add_page()
    paper.line_of("Answer key", 17, bold=True, space=3)
    for number, item in asked:
        options = list(zip(quiz.LETTERS, quiz.options(item, number), strict=False))
        right = next(letter for letter, option in options if option.right)
        with paper.unbreakable() as block:
            block.line_of(f"{number}. {right}", 10.5, bold=True, space=0.5)
            for letter, option in options:
                block.line_of(f"{letter})  {option.why}", 9, indent=5, space=0.4)
            block.ln(2.5)
    return bytes(paper.output())


def cards_pdf() -> bytes:
    """One flashcard a page: the question in the upper half, the answer in the lower."""
    paper = _Paper("Diffusion models: flashcards", numbered=False)
    cards = content.load("flashcards")
    for number, card in enumerate(cards, 1):
        paper.add_page()
        paper.set_text_color(GREY)
        paper.line_of(f"{card.concept} · {number} of {len(cards)}", 10, space=8)
        paper.set_text_color(0)
        paper.line_of(card.front, 24, bold=True)
        paper.set_draw_color(170)
        paper.set_dash_pattern(2, 2)
        paper.line(paper.l_margin, paper.h / 2, paper.w - paper.r_margin, paper.h / 2)
        paper.set_y(paper.h / 2 + 12)
        paper.line_of(card.back, 17)
    return bytes(paper.output())


def files() -> dict[str, bytes]:
    """Both documents: {name: bytes}."""
    return {QUIZ: quiz_pdf(), CARDS: cards_pdf()}
