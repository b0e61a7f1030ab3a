"""What people write, made fit to be kept and shown: one line, of bounded length, without characters that cannot be seen."""

from __future__ import annotations

import unicodedata

# Characters that join emoji or write some languages correctly, though they cannot be seen.
_JOINERS = "\u200c\u200d"


def line(typed: str, length: int) -> str:
    """One line of at most `length` characters: control and formatting characters go, spaces are single."""
    spaced = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", typed[: 8 * length]))
    seen = "".join(c for c in spaced if c in _JOINERS or not unicodedata.category(c).startswith("C"))
    return " ".join(seen.split())[:length].strip()
