"""Grading: what was answered in, what it is worth out. Pure functions, no state."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations


def shuffled(n: int, seed: int) -> list[int]:
    """The numbers 0 to n - 1 in an order fixed by the seed."""
    order = list(range(n))
    random.Random(seed).shuffle(order)
    return order


def scrambled(n: int, seed: int) -> list[int]:
    """Like `shuffled`, but never in the right order already (for n > 1)."""
    order = shuffled(n, seed)
    return order[1:] + order[:1] if order == sorted(order) and n > 1 else order


@dataclass(frozen=True)
class OrderResult:
    """How far an order is right: pairs in the right order of all pairs, and the first place that is wrong."""

    pairs_right: int
    pairs: int
    first_wrong: int | None

    @property
    def share(self) -> float:
        """From 0 (all backwards) to 1 (all right)."""
        return self.pairs_right / self.pairs if self.pairs else 1.0


def grade_order(given: Sequence[str], right: Sequence[str]) -> OrderResult:
    """Partial credit for an order: every pair of stages that stands in the right order counts.

    Raises ValueError unless `given` holds just what `right` holds.
    """
    if sorted(given) != sorted(right) or len(set(right)) != len(right):
        raise ValueError("the two orders must hold the same stages, each once")
    place = {stage: i for i, stage in enumerate(right)}
    pairs = list(combinations(given, 2))
    wrong = (i for i, (g, r) in enumerate(zip(given, right, strict=True)) if g != r)
    return OrderResult(sum(place[a] < place[b] for a, b in pairs), len(pairs), next(wrong, None))


def mark(points_met: int, points: int) -> str:
    """The learner's own mark for a free answer: "missed", "partly" or "got it"."""
    if not 0 <= points_met <= points:
        raise ValueError(f"{points_met} of {points} points cannot be")
    if points_met == points:
        return "got it"
    return "partly" if points_met else "missed"
