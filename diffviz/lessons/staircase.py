"""An adaptive staircase: harder after two right answers in a row, easier after each wrong one.

The rule settles where 71 % of the answers are right (Levitt 1971, "Transformed up-down methods in
psychoacoustics", J. Acoust. Soc. Am. 49, table I), between sure (100 %) and chance (50 %). Levels are numbers
of an easy-to-hard scale; answers are (level, right) pairs in the order they were given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Answer = tuple[int, bool]
TRIALS = 20
USED_REVERSALS = 6


def next_level(answers: Sequence[Answer], levels: Sequence[int], start: int) -> int:
    """The level to ask next. `levels` runs from easy to hard and holds `start`."""
    if not answers:
        return start
    level, right = answers[-1]
    at = levels.index(level)
    if not right:
        return levels[max(at - 1, 0)]
    # Two in a row at this level, not counting the two that led here.
    run = 0
    for seen, was_right in reversed(answers):
        if not was_right or seen != level:
            break
        run += 1
    return levels[min(at + 1, len(levels) - 1)] if run % 2 == 0 else level


def reversals(answers: Sequence[Answer]) -> list[int]:
    """The levels at which the staircase turned from harder to easier or back."""
    found, direction = [], 0
    for (before, _), (after, _) in pairwise(answers):
        step = (after > before) - (after < before)
        if step and direction and step != direction:
            found.append(before)
        direction = step or direction
    return found


def threshold(answers: Sequence[Answer]) -> float | None:
    """The level of 71 % right answers: geometric mean of the last reversals; None with fewer than two."""
    turned = reversals(answers)[-USED_REVERSALS:]
    if len(turned) < 2:
        return None
    return math.exp(sum(math.log(level) for level in turned) / len(turned))


def share_right(answers: Sequence[Answer]) -> dict[int, tuple[int, int]]:
    """level -> (right answers, answers), levels in order."""
    found: dict[int, tuple[int, int]] = {}
    for level, right in sorted(answers):
        good, all_ = found.get(level, (0, 0))
        found[level] = (good + right, all_ + 1)
    return found
