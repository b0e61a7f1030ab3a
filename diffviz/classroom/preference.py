"""Which of several things a class prefers, from comparisons of two at a time (Bradley & Terry 1952, doi 10.2307/2334029).

In the model, i is preferred to j with probability s_i / (s_i + s_j). The strengths s are fitted by the MM algorithm of
Hunter (2004, doi 10.1214/aos/1079120141, eq. 3). Each thing is also compared once with a virtual one of strength 1, half
won and half lost: so there is a finite answer where one was always preferred, or two were never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VIRTUAL = 1.0  # comparisons of each thing with the virtual one
DRAWS = 1000  # of the bootstrap
LEVEL = 0.95
MIN_PEOPLE = 20  # from which on an interval is given: simulated, that of five people holds the truth in 42 to 88 % of cases
_CLOSE, _CLOSE_ENOUGH, _ROUNDS = 1e-8, 1e-5, 10_000  # the bootstrap's ends are random in the second digit

Comparison = tuple[int, int]  # the preferred one, and the other


@dataclass(frozen=True)
class Preference:
    """How often a thing would be preferred to an average one of those compared, with an interval of 95 %.

    `won` of its `compared` comparisons went to it. `low` and `high` are None with fewer than `MIN_PEOPLE` people, and where
    all of the comparisons or all resamples agree: resampling what is all alike says nothing of what else could have been.
    """

    share: float
    low: float | None
    high: float | None
    won: int
    compared: int


def strengths(
    wins: NDArray[np.float64],
    virtual: float = VIRTUAL,
    close: float = _CLOSE,
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """The logarithms of the strengths, with a mean of 0 (…, N), of how often each was preferred to each, (…, N, N).

    Without virtual comparisons every thing must have won and lost against others, directly or by way of them. The fit
    ends when no strength changes by more than the share `close`; `start` are logarithms to begin with, (N,).
    """
    won, met = wins.sum(-1) + virtual / 2, wins + wins.swapaxes(-1, -2)
    s = np.ones_like(won) if start is None else np.broadcast_to(np.exp(start), won.shape)
    for _ in range(_ROUNDS):
        before = s
        s = won / (virtual / (s + 1) + (met / (s[..., :, None] + s[..., None, :])).sum(-1))
        if np.abs(s / before - 1).max() < close:
            break
    logs = np.log(s)
    return logs - logs.mean(-1, keepdims=True)


def counted(n: int, comparisons: Sequence[Comparison]) -> NDArray[np.float64]:
    """How often each of `n` things was preferred to each, (N, N)."""
    wins = np.zeros((n, n))
    for better, worse in comparisons:
        wins[better, worse] += 1
    return wins


def preferences(n: int, by_person: Sequence[Sequence[Comparison]], seed: int = 0) -> list[Preference]:
    """The preferences of a class for each of `n` things; `by_person` holds each person's comparisons.

    The interval is a percentile bootstrap over persons, since the comparisons of one belong together.
    """
    if not by_person:
        return [Preference(0.5, None, None, 0, 0)] * n
    wins = np.stack([counted(n, own) for own in by_person])  # (P, N, N)
    people, total = len(wins), wins.sum(0)
    ends: list[tuple[float | None, float | None]] = [(None, None)] * n
    if people >= MIN_PEOPLE:
        again = resampled(people, DRAWS, seed) @ wins.reshape(people, -1)
        drawn = shares(again.reshape(-1, n, n), _CLOSE_ENOUGH, strengths(total))
        low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
        mixed = (total.sum(1) > 0) & (total.sum(0) > 0) & (np.ptp(drawn, axis=0) > _CLOSE_ENOUGH)
        ends = [(float(low[i]), float(high[i])) if mixed[i] else (None, None) for i in range(n)]
    compared = (total + total.T).sum(1)
    return [
        Preference(float(share), *ends[i], int(total[i].sum()), int(compared[i]))
        for i, share in enumerate(shares(total))
    ]


def resampled(people: int, draws: int, seed: int) -> NDArray[np.float64]:
    """How often each person is in each of the bootstrap's samples, (draws, people)."""
    again = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), draws)
    return again.astype(np.float64)


def shares(
    wins: NDArray[np.float64], close: float = _CLOSE, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """How often each would be preferred to one whose log strength is the mean of all (…, N)."""
    return 1 / (1 + np.exp(-strengths(wins, close=close, start=start)))
