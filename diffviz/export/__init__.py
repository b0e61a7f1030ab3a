"""The questions and cards in the formats of other tools: Anki, Canvas (QTI), Moodle, GIFT, CSV and PDF.

`FORMATS` lists the files of each format; each says what it holds of a `Selection` and makes its bytes, so that the pages
can offer the same files without touching the disk. `write` writes those of one format into a folder.
"""

from __future__ import annotations

from pathlib import Path

from diffviz.export import anki, gift, moodle, pdf, qti, table
from diffviz.export.selection import EVERYTHING, ExportFile, Selection

FORMATS: dict[str, tuple[ExportFile, ...]] = {
    "anki": (anki.FILE,),
    "qti": (qti.FILE,),
    "moodle": (moodle.FILE,),
    "gift": (gift.FILE,),
    "csv": (table.FILE,),
    "pdf": pdf.FILES,
}


def write(format_name: str, folder: Path, selection: Selection = EVERYTHING) -> dict[Path, str]:
    """Write the files of one format into a folder, made if need be; returns their paths with what each holds.

    A file that would hold nothing of the selection is left out. Raises ValueError for an unknown format and OSError where
    the folder cannot be written.
    """
    if format_name not in FORMATS:
        raise ValueError(f"unknown format {format_name!r}: choose one of {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[Path, str] = {}
    for file in FORMATS[format_name]:
        if not file.is_empty(selection):
            path = folder / file.name
            path.write_bytes(file.make(selection))
            written[path] = file.holds(selection)
    return written


__all__ = ["EVERYTHING", "FORMATS", "ExportFile", "Selection", "write"]
