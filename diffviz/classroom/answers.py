"""The kinds of question that can be voted on, and what an answer to each must be."""

from __future__ import annotations

import math
from typing import Any, TypeGuard, cast

from diffviz.classroom import wording
from diffviz.classroom.errors import Unfit

KINDS = {
    "choice": "one of several options",
    "order": "stages put in order",
    "number": "a number",
    "text": "a short text",
    "pairs": "which of two images is better, pair by pair",
    "tell": "which of two images is the one that is asked for, pair by pair",
}
BLIND = ("pairs", "tell")  # of images, two at a time, in one vote: there is nothing to discuss in between
TEXT_LENGTH = 200
LARGEST_NUMBER = 1e12

Answer = int | float | str | list[int] | list[list[int]]


def checked(kind: str, options: int, raw: Any, images: int = 0) -> Answer:
    """An answer to a question of this kind with so many options and images, of what a phone sent. Raises Unfit.

    A choice is the index of an option; an order the indices of all options, first to last. Pairs are lists of three: the
    set of images that was looked at, the option chosen in it, and the other; where two are to be told apart, one of both
    is the last option.
    """
    if kind == "choice" and _is_index(raw, options):
        return raw
    if kind == "order" and isinstance(raw, list):
        given = cast("list[Any]", raw)
        if all(_is_index(i, options) for i in given) and sorted(given) == list(range(options)):
            return given
    if kind == "number" and _is_number(raw):
        return float(raw)
    if kind == "text" and isinstance(raw, str) and (text := wording.line(raw, TEXT_LENGTH)):
        return text
    if kind in BLIND and isinstance(raw, list):
        pairs = cast("list[Any]", raw)
        sets = images // options
        if (
            0 < len(pairs) <= sets * options * (options - 1) // 2
            and all(_is_pair(p, sets, options) for p in pairs)
            and (kind == "pairs" or all(options - 1 in p[1:] for p in pairs))
            and len({(s, min(a, b), max(a, b)) for s, a, b in pairs}) == len(pairs)
        ):
            return pairs
    raise Unfit(f"This is no answer to this question: it asks for {KINDS[kind]}.")


def _is_index(raw: Any, options: int) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < options


def _is_pair(raw: Any, sets: int, options: int) -> bool:
    if not isinstance(raw, list) or len(cast("list[Any]", raw)) != 3:
        return False
    one, better, worse = cast("list[Any]", raw)
    return (
        _is_index(one, sets) and _is_index(better, options) and _is_index(worse, options) and better != worse
    )


def _is_number(raw: Any) -> TypeGuard[int | float]:
    # The size first: an int may be too large to be made a float.
    is_real = isinstance(raw, int | float) and not isinstance(raw, bool)
    return is_real and abs(raw) <= LARGEST_NUMBER and math.isfinite(raw)
