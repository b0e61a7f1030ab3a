"""Worksheets of the class plans as PDF: predictions to write down and tables to fill while a demo runs; the key apart."""

from __future__ import annotations

from collections.abc import Callable

from fpdf import FontFace
from fpdf.enums import TableBordersLayout

from diffviz.export.pdf import GREY, LIGHT, RULE, Paper
from diffviz.lessons import worksheets
from diffviz.lessons.content import Plan
from diffviz.lessons.worksheets import Table

PREDICTION_LINES, ANSWER_LINES = 1, 2
ROOM = 70  # mm under the heading of a phase, or it begins on the next page


def name(plan: Plan, key: bool) -> str:
    """The name of a plan's file, or of its key's."""
    return f"diffviz-worksheet-{plan.id.removeprefix('plan-')}{'-key' if key else ''}.pdf"


def worksheet_pdf(plan: Plan) -> bytes:
    """The worksheet: for each phase its question, lines for a prediction and an answer, and its table where it has one."""
    paper = Paper(f"{plan.title}: worksheet", "diffviz, worksheet")
    paper.add_page()
    paper.start_section(f"{plan.title}: worksheet")
    paper.paragraph(
        "Write down what you expect before the demo runs, and what you see afterwards.",
        10,
        grey=True,
        space=7,
    )
    for label, left, right in (("Name", 20, 105), ("Date", 110, 190)):
        paper.blank(label, left, right)
    paper.ln(7)
    for number, phase in enumerate(plan.phases, 1):
        paper.section(f"{number}. {phase.title}", room=ROOM)
        paper.paragraph(phase.ask, 10.5, bold=True, space=1)
        _lines(paper, "Before the demo, I expect:", PREDICTION_LINES)
        table = worksheets.tables().get((plan.id, phase.title))
        if table:
            _table(paper, table)
        _lines(paper, "After the demo, my answer:", ANSWER_LINES)
    return bytes(paper.output())


def key_pdf(plan: Plan) -> bytes:
    """The key under the same numbers: model answers, and what each table should show."""
    paper = Paper(f"{plan.title}: key", "diffviz, key to the worksheet")
    paper.add_page()
    paper.start_section(f"{plan.title}: key to the worksheet")
    for number, phase in enumerate(plan.phases, 1):
        with paper.unbreakable() as block:
            block.paragraph(f"{number}. {phase.title}", 11, bold=True, space=0.5)
            block.paragraph(phase.ask, 9.5, space=0.5, grey=True)
            block.paragraph(phase.answer, 10, indent=5)
            table = worksheets.tables().get((plan.id, phase.title))
            if table:
                block.paragraph(f"Table. {table_key(table)}", 10, indent=5)
            block.ln(3)
    return bytes(paper.output())


def _lines(paper: Paper, label: str, count: int) -> None:
    paper.paragraph(label, 9, space=0, grey=True)
    paper.set_draw_color(LIGHT)
    paper.set_line_width(0.2)
    for _ in range(count):
        paper.cell(0, RULE, "", border="B", new_x="LMARGIN", new_y="NEXT")
    paper.ln(3)


def _table(paper: Paper, table: Table) -> None:
    """A table with empty cells, high enough to write in."""
    paper.paragraph(table.caption, 9.5, space=1)
    paper.set_font("DejaVu", "", 9)
    paper.set_draw_color(GREY)
    with paper.table(
        borders_layout=TableBordersLayout.ALL,
        headings_style=FontFace(emphasis="BOLD", size_pt=8.5),
        line_height=5,
        padding=1.5,
        text_align="LEFT",
    ) as grid:
        grid.row(table.columns)
        for first in table.rows:
            grid.row([first or " ", *[" "] * (len(table.columns) - 1)])
    paper.ln(3)


# --- keys that are computed ---------------------------------------------------------------------------------


def table_key(table: Table) -> str:
    """The key of a table, computed where the file only names it. Raises KeyError for a name that is not known."""
    return _KEYS[table.computed]() if table.computed else table.key


def _snr_one() -> str:
    from diffviz.diffusion.schedules import SCHEDULES  # here and below: keys of other plans need no torch

    lines = []
    for schedule in (SCHEDULES[name] for name in ("cosine", "flow", "linear")):
        left = float(schedule.alpha(1.0))
        ends = "ends in pure noise" if left == 0 else "a little of the image is left"
        lines.append(f"{schedule.name}: t = {schedule.inverse_log_snr(0.0):.2f}, α(1) = {left:.4f}, {ends}")
    return f"{'; '.join(lines)}."


def _bugs() -> str:
    from diffviz.analysis.broken_pipelines import CASES

    runs = {number: case for number, case in enumerate(CASES.values(), 1) if number in (3, 9, 14)}
    return " ".join(f"Run {number}: {case.title}. {case.sign}" for number, case in runs.items())


def _latent() -> str:
    from diffviz.models import checkpoints
    from diffviz.models.autoencoder import PATCH

    config = checkpoints.load_autoencoder().config
    side = config.size // PATCH
    image, latent = 3 * config.size**2, config.latent_channels * side**2
    shapes = f"{config.size} × {config.size} × 3", f"{side} × {side} × {config.latent_channels}"
    return f"Image: {shapes[0]} = {image:,}. Latent: {shapes[1]} = {latent:,}. Ratio: {image / latent:g}."


_KEYS: dict[str, Callable[[], str]] = {"snr_one": _snr_one, "bugs": _bugs, "latent": _latent}
