"""The lab notebooks: the student's version of each is written from its solution.

    python -m diffviz.export.labs        # notebooks/solutions/*.ipynb -> notebooks/*.ipynb

A solution is the one source. As in nbgrader, what stands between `### BEGIN SOLUTION` and `### END SOLUTION` gives way to a
gap that raises NotImplementedError; cells tagged "teacher" (model answers and the rubric) are left out, and so are outputs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from diffviz.paths import NOTEBOOKS

GAP = "# YOUR CODE HERE\n{indent}raise NotImplementedError"
_SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION$", re.M | re.S)


class Lab(NamedTuple):
    """A lab by the name of its files, with the title that its first line has."""

    name: str
    title: str
    student: Path
    solution: Path


def labs(folder: Path = NOTEBOOKS) -> dict[str, Lab]:
    """Every lab by its name, in the order of their numbers."""
    found = {}
    for solution in sorted((folder / "solutions").glob("*.ipynb")):
        first = "".join(_read(solution)["cells"][0]["source"]).splitlines()[0]
        found[solution.stem] = Lab(solution.stem, first.removeprefix("# "), folder / solution.name, solution)
    return found


def student(solution: bytes) -> bytes:
    """The student's version of a notebook (nbformat 4). Raises ValueError where a mark of a solution has no partner."""
    notebook: dict[str, Any] = json.loads(solution)
    notebook["cells"] = [_with_gaps(cell) for cell in notebook["cells"] if "teacher" not in tags(cell)]
    return written(notebook)


def tags(cell: dict[str, Any]) -> list[str]:
    """The tags of a cell.

    "solution" and "check" are a task's code and what checks it, "demo" defines nothing that a check needs, and "teacher" is
    what students are not given.
    """
    return cell["metadata"].get("tags", [])


def written(notebook: dict[str, Any]) -> bytes:
    """A notebook as Jupyter writes it."""
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


def _with_gaps(cell: dict[str, Any]) -> dict[str, Any]:
    source = _SOLUTION.sub(lambda m: m[1] + GAP.format(indent=m[1]), "".join(cell["source"]))
    if "### BEGIN" in source or "### END" in source:
        raise ValueError(f"a mark without its partner in the cell {cell['id']}")
    cleared = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return {**cell, "source": source.splitlines(keepends=True), **cleared}


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    """Write the students' versions."""
    for lab in labs().values():
        lab.student.write_bytes(student(lab.solution.read_bytes()))
        print(f"wrote {lab.student}")


if __name__ == "__main__":
    main()
