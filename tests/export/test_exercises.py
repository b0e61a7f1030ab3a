"""The exercise sheets: complete, on paper, and with solutions under the same numbers."""

import io

import pytest
from pypdf import PdfReader

from diffviz.export import pdf
from diffviz.lessons import content
from diffviz.lessons.content import ContentError

SHEETS = content.sheets().values()


def text_of(raw):
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(raw)).pages)


@pytest.mark.slow
@pytest.mark.parametrize("sheet", SHEETS, ids=lambda s: s.plan)
def test_a_sheet_asks_and_its_solutions_answer(sheet):
    asked, solved = (text_of(pdf.exercises_pdf(sheet, solutions)) for solutions in (False, True))
    assert "Name" in asked and f"{sheet.points} points" in asked
    for number, exercise in enumerate(sheet.exercises, 1):
        head = f"{number}. {exercise.title} ({exercise.points} points)"
        assert head in asked and head in solved
        assert exercise.solution[:40] in solved and exercise.solution[:40] not in asked
        assert exercise.points > 0 and exercise.solution.endswith((".", ")."))


def test_a_sheet_for_no_plan_is_refused(tmp_path):
    for name in ("plans.toml",):
        (tmp_path / name).write_bytes((content.LESSONS / name).read_bytes())
    (tmp_path / "exercises.toml").write_text(
        '[[sheet]]\nplan = "plan-nowhere"\ntitle = "x"\n[[sheet.exercise]]\n'
        'title = "a"\npoints = 1\ntask = "b"\nsolution = "c."\n'
    )
    with pytest.raises(ContentError, match="plan-nowhere"):
        content.sheets(tmp_path)
