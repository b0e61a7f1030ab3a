"""CSV: every question and card in one table, for spreadsheets and for importers of any kind."""

from __future__ import annotations

import csv
import io

from diffviz.lessons import content
from diffviz.lessons.content import Choice, Flashcard, Interview, Item, Ordering, Prediction, SelfCheck

NAME = "diffviz-questions.csv"
COLUMNS = ("id", "kind", "concept", "difficulty", "question", "answer", "wrong options", "explanation")


def row(kind: str, item: Item) -> dict[str, str]:
    """One line of the table; several texts in a cell stand on lines of their own."""
    wrong: list[str] = []
    if isinstance(item, Choice):
        right = next(o for o in item.options if o.right)
        question, answer = f"{item.setting}. {item.prompt}", right.text
        wrong = [o.text for o in item.options if not o.right]
        why = [f"{o.text}: {o.why}" for o in item.options]
        why += [
            f"Misconception behind “{o.text}”: {content.misconceptions()[o.misconception].belief}"
            for o in item.options
            if not o.right
        ]
    elif isinstance(item, SelfCheck | Prediction):
        question, answer, why = item.prompt, item.answer, list(item.key_points)
    elif isinstance(item, Ordering):
        question, answer = item.prompt, "\n".join(f"{s.letter}) {s.text}" for s in item.stages)
        why = [item.explanation]
    elif isinstance(item, Flashcard):
        question, answer, why = item.front, item.back, []
    elif isinstance(item, Interview):
        question, answer, why = item.prompt, item.answer, []
    else:
        raise TypeError(f"{item.id} cannot stand in a table")
    cells = (item.id, kind, item.concept, item.difficulty, question, answer, "\n".join(wrong), "\n".join(why))
    return dict(zip(COLUMNS, cells, strict=True))


def files() -> dict[str, bytes]:
    """The table: {name: bytes}, with a byte order mark so that Excel reads it as UTF-8."""
    buffer = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    for kind in content.KINDS:
        if kind != "live":  # its questions have no answer until they are run
            writer.writerows(row(kind, item) for item in content.load(kind))
    return {NAME: buffer.getvalue().encode("utf-8-sig")}
