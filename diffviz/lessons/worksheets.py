"""The tables of `assets/lessons/worksheets.toml`: what a class fills in while a demo of its plan runs.

Raises ContentError for a field that is missing or unknown, a plan or phase that does not exist, and a table without room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from diffviz.lessons import content
from diffviz.lessons.content import ContentError
from diffviz.paths import LESSONS

FILE = "worksheets.toml"


@dataclass(frozen=True)
class Table:
    """A table for a phase of a plan: `rows` are its first column, and `key` says what it should show.

    A key in braces, such as "{snr_one}", is the name of one that is computed.
    """

    plan: str
    phase: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    key: str

    @property
    def computed(self) -> str:
        """The name of the key that is computed; empty where it stands in the file."""
        return self.key[1:-1] if self.key.startswith("{") and self.key.endswith("}") else ""


@lru_cache
def tables(folder: Path = LESSONS) -> Mapping[tuple[str, str], Table]:
    """The tables by the plan's id and the title of the phase."""
    phases = {(plan.id, phase.title) for plan in content.plans(folder) for phase in plan.phases}
    found: dict[tuple[str, str], Table] = {}
    for raw in content.read_toml(folder / FILE)["table"]:
        place = (str(raw.get("plan")), str(raw.get("phase")))
        where = f"{FILE}, {' / '.join(place)}"
        try:
            values: dict[str, Any] = {**raw, "columns": tuple(raw["columns"]), "rows": tuple(raw["rows"])}
            table = Table(**values)
        except (KeyError, TypeError) as error:
            raise ContentError(f"{where}: these fields are missing or unknown: {error}") from error
        if place not in phases:
            raise ContentError(f"{where}: there is no such plan or phase")
        if place in found:
            raise ContentError(f"{where}: the phase has two tables")
        if len(table.columns) < 2 or not table.rows or not table.key:
            raise ContentError(f"{where}: a table has two columns, a row and a key at least")
        found[place] = table
    return found
