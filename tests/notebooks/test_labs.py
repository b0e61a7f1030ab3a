"""The labs: each student's version is in step with its solution, solutions run, and no check lets a gap pass."""

import json
import re

import pytest

from diffviz.export import labs
from diffviz.paths import NOTEBOOKS

LABS = labs.labs()


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def test_there_are_four_and_no_other_notebook():
    assert [lab.title[:6] for lab in LABS.values()] == [f"Lab {n}:" for n in (1, 2, 3, 4)]
    assert {p.stem for p in NOTEBOOKS.glob("*.ipynb")} == set(LABS)


@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.name)
def test_the_students_version_is_what_the_solution_gives(lab):
    # If this fails: python -m diffviz.export.labs
    assert lab.student.read_bytes() == labs.student(lab.solution.read_bytes())
    text = "\n".join(source(cell) for cell in cells(lab.student))
    assert "SOLUTION" not in text and "Model answer" not in text and "Rubric" not in text


@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.name)
def test_a_lab_is_a_valid_notebook_without_outputs(lab):
    nbformat = pytest.importorskip("nbformat")
    for path in (lab.student, lab.solution):
        nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
        assert not any(cell.get("outputs") for cell in cells(path))


@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.name)
def test_a_lab_says_what_it_is_for_and_its_rubric_has_the_points_of_its_tasks(lab):
    solution = cells(lab.solution)
    head, rubric = source(solution[0]), source(solution[-1])
    assert all(f"**{part}" in head for part in ("Afterwards", "Before:", "Time:", "Points:", "Source"))
    assert "arxiv.org/abs/" in head
    text = "\n".join(source(cell) for cell in solution[:-1])
    asked = {name: int(n) for name, n in re.findall(r"((?:Task|Question) \d) \((\d+) points\)", text)}
    graded = {name: int(n) for name, n in re.findall(r"^\| ((?:Task|Question) \d) \| (\d+) \|", rubric, re.M)}
    assert asked == graded and sum(asked.values()) == int(re.search(r"\*\*Points:\*\* (\d+)", head)[1])
    answers = sum("**Model answer.**" in source(cell) for cell in solution)
    assert answers == sum(name.startswith("Question") for name in asked)


@pytest.mark.slow
@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.name)
def test_every_check_takes_the_solution_and_refuses_the_gap(lab):
    # What only shows something is left out here: `pytest --nbmake` runs the whole (.ci/run).
    code = [c for c in cells(lab.solution) if c["cell_type"] == "code" and "demo" not in labs.tags(c)]
    gaps = {cell["id"]: source(cell) for cell in json.loads(labs.student(lab.solution.read_bytes()))["cells"]}
    names, tried = {}, 0
    for cell, after in zip(code, [*code[1:], None], strict=True):
        if "solution" in labs.tags(cell):
            assert "check" in labs.tags(after)
            with pytest.raises((NotImplementedError, AssertionError)):
                exec(gaps[cell["id"]] + "\n" + source(after), {**names})
            tried += 1
        exec(source(cell), names)
    assert tried == sum("solution" in labs.tags(cell) for cell in code) > 2


def test_a_mark_without_its_partner_is_refused():
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["### BEGIN SOLUTION\n", "x = 1"]}
    with pytest.raises(ValueError, match="partner"):
        labs.student(labs.written({"cells": [cell]}))
