"""CSV: every question and card in one table, for spreadsheets and for importers of any kind."""

from __future__ import annotations

import csv
import io

from diffviz.export import quiz
from diffviz.export.selection import EVERY_KIND, ExportFile, Selection
from diffviz.lessons import content
from diffviz.lessons.content import Choice, Flashcard, Interview, Item, Ordering, Prediction, SelfCheck

COLUMNS = (
    "id", "kind", "concept", "difficulty", "setting", "question", "answer", "wrong options", "explanation", "demo",
)  # fmt: skip


def row(kind: str, item: Item, selection: Selection) -> dict[str, str]:
    """One line of the table; several texts in a cell stand on lines of their own."""
    setting, wrong, why = "", [], []
    if isinstance(item, Choice):
        setting, answer = item.setting, quiz.right(item).text
        wrong = [o.text for o in item.options if not o.right]
        why = [f"{o.text}: {o.why}" for o in item.options]
        why += [
            f"Misconception behind “{o.text}”: {content.misconceptions()[o.misconception].belief}"
            for o in item.options
            if not o.right
        ]
    elif isinstance(item, SelfCheck | Prediction):
        answer, why = item.answer, list(item.key_points)
    elif isinstance(item, Ordering):
        answer, why = "\n".join(f"{s.letter}) {s.text}" for s in item.stages), [item.explanation]
    elif isinstance(item, Flashcard):
        answer = item.back
    elif isinstance(item, Interview):
        answer = item.answer
    else:
        raise TypeError(f"{item.id} cannot stand in a table")
    demo = selection.link(item.demo) if item.demo else ""
    cells = (
        item.id, kind, item.concept, item.difficulty, setting, quiz.prompt(item), answer, "\n".join(wrong),
        "\n".join(why), demo,
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))


def table(selection: Selection) -> bytes:
    """The CSV file, with a byte order mark so that Excel reads it as UTF-8."""
    buffer = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    for kind in EVERY_KIND:
        writer.writerows(row(kind, item, selection) for item in selection.items(kind))
    return buffer.getvalue().encode("utf-8-sig")


FILE = ExportFile(
    "diffviz-questions.csv",
    "Table (CSV)",
    "text/csv",
    EVERY_KIND,
    "questions and cards",
    "Everything in one table, for a spreadsheet.",
    table,
)
