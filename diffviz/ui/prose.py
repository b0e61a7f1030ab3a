"""Words put together for a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(words: Sequence[str]) -> str:
    """Words in a row: "", "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def counted(n: int, noun: str) -> str:
    """A number with its noun: "1 answer", "2 answers", "0 answers"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"
