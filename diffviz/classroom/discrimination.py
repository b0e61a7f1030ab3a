"""Up to which level a class tells two images apart, from trials of two alternatives at fixed levels, pooled over persons.

The share of right answers at a level x falls from nearly 1 to the 1/2 of guessing as a logistic function of log x, with
a small share of lapses (Wichmann & Hill 2001, "The psychometric function: I", doi 10.3758/BF03194544, eq. 1, with a
guess rate of 1/2). It is fitted by maximum likelihood on a grid. The threshold is where it is `TARGET`, at which the
staircase of `diffviz.lessons.staircase` settles for one person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffviz.classroom.preference import DRAWS, LEVEL, MIN_PEOPLE, resampled

TARGET = 0.5**0.5  # of a 2-down-1-up staircase: two right answers in a row are as likely as not (Levitt 1971)
LAPSES = 0.02  # wrong by a slip, whatever is seen
BEYOND = 4.0  # by which factor the threshold may lie outside the levels before it is only said to
_SLOPES = np.geomspace(0.12, 2.0, 12)  # of log x; the smallest is a step between two levels
_PLACES = 241
_AS_LIKELY = 1e-6  # difference of two log-likelihoods that is none

Trial = tuple[int, bool]  # the place of its level, and whether the answer was right


@dataclass(frozen=True)
class Discrimination:
    """What a class told apart. `right` and `trials` are by level; `curve` is the fitted share of right answers.

    `threshold` is None where the fitted function does not come to `TARGET` within the levels, widened by `BEYOND`, or need
    not: where no answer is wrong, a function that falls farther out is never less likely. `low` and `high` are its
    interval of 95 %, None for an end that lies outside of them or with fewer than `MIN_PEOPLE` people. Where all answers
    were given at one level nothing is fitted, as functions of every slope go through it: `threshold` is None and `curve`
    empty.
    """

    right: tuple[int, ...]
    trials: tuple[int, ...]
    people: int
    threshold: float | None
    low: float | None
    high: float | None
    curve: tuple[float, ...]

    @property
    def share(self) -> float:
        """The share of right answers at all levels together."""
        return sum(self.right) / max(1, sum(self.trials))


def discrimination(
    levels: Sequence[float], by_person: Sequence[Sequence[Trial]], seed: int = 0
) -> Discrimination:
    """What was told apart at levels (L,) from easy to hard, all above 0; `by_person` holds each person's trials.

    The interval is a percentile bootstrap over persons. Raises ValueError for fewer than two levels.
    """
    if len(levels) < 2 or min(levels) <= 0:
        raise ValueError("a threshold needs at least two levels above 0")
    people = [own for own in by_person if own]
    counts = np.zeros((len(people), 2, len(levels)))  # right, all
    for own, of_person in zip(people, counts, strict=True):
        for level, right in own:
            of_person[:, level] += right, 1
    total = counts.sum(0)
    right, trials = (tuple(map(int, of_level)) for of_level in total)
    if np.count_nonzero(trials) < 2:
        return Discrimination(right, trials, len(people), None, None, None, ())
    x = np.log(np.asarray(levels, float))
    places, slopes, shares = _grid(x)
    best = _fitted(total[None], shares, places)
    threshold = _thresholds(places, slopes, best, x)[0]
    low = high = np.nan
    if len(people) >= MIN_PEOPLE:
        again = resampled(len(people), DRAWS, seed) @ counts.reshape(len(people), -1)
        drawn = again.reshape(DRAWS, 2, len(levels))
        found = _thresholds(places, slopes, _fitted(drawn, shares, places), x)
        low, high = np.quantile(found, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), method="nearest")
    return Discrimination(
        right,
        trials,
        len(people),
        _inside(threshold),
        _inside(low),
        _inside(high),
        tuple(map(float, shares[best[0]])),
    )


def _grid(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places and slopes (G,) of the functions that are tried, and their shares of right answers at each level (G, L)."""
    margin = 2 * np.log(BEYOND)
    first, last = float(x[0]) - margin, float(x[-1]) + margin
    at = first + (last - first) * np.arange(_PLACES, dtype=np.float64) / (_PLACES - 1)
    places, slopes = np.tile(at, len(_SLOPES)), np.repeat(_SLOPES, _PLACES)
    seen = 1 / (1 + np.exp((x - places[:, None]) / slopes[:, None]))
    return places, slopes, 0.5 + (0.5 - LAPSES) * seen


def _fitted(
    counts: NDArray[np.float64], shares: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.intp]:
    """The place in the grid of the most likely function, for each of the counts (D, 2, L): right, all.

    Where one that falls last of all is as likely, it is that one.
    """
    right, trials = counts[:, 0], counts[:, 1]
    likelihood = right @ np.log(shares).T + (trials - right) @ np.log(1 - shares).T  # (D, G)
    best, farthest = likelihood.argmax(1), places.argmax()
    as_likely = likelihood[:, farthest] > likelihood.max(1) - _AS_LIKELY
    return np.where(as_likely, farthest, best)


def _thresholds(
    places: NDArray[np.float64], slopes: NDArray[np.float64], best: NDArray[np.intp], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Levels at which the functions are `TARGET`; 0 and infinity where that is far outside of the levels."""
    seen = (TARGET - 0.5) / (0.5 - LAPSES)
    at = places[best] + slopes[best] * np.log((1 - seen) / seen)
    margin = np.log(BEYOND)
    with np.errstate(over="ignore"):
        return np.where(at < x[0] - margin, 0.0, np.where(at > x[-1] + margin, np.inf, np.exp(at)))


def _inside(level: float) -> float | None:
    return float(level) if 0 < level < np.inf else None
