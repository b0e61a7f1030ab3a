"""The questions and cards in the formats of other tools: Anki, Canvas (QTI), Moodle, CSV and PDF.

`write(kind, folder)` writes the files of one kind. Each maker gives file names with their bytes, so that the
pages can offer the same files without touching the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from diffviz.export import anki, moodle, pdf, qti, table

Files = dict[str, bytes]

KINDS: dict[str, Callable[[], Files]] = {
    "anki": anki.files,
    "qti": qti.files,
    "moodle": moodle.files,
    "csv": table.files,
    "pdf": pdf.files,
}


def write(kind: str, folder: Path) -> list[Path]:
    """Write the files of one kind into a folder, made if need be; returns their paths.

    Raises ValueError for an unknown kind and OSError where the folder cannot be written.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}: choose one of {', '.join(KINDS)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, data in KINDS[kind]().items():
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths
