"""Measures of pictures and runs: arrays in, floats out."""

from __future__ import annotations

import numpy as np

PER_IMAGE = (-3, -2, -1)  # the axes of an image (C, H, W), whatever stands before them


def rmse(a: np.ndarray, b: np.ndarray | float = 0.0, axis: tuple[int, ...] | None = None) -> np.ndarray:
    """Root of the mean squared difference of `a` and `b`, over all values or over `axis`.

    Of images in [-1, 1]: 0 for the same, 2 at the very most. With b = 0 it is the root mean square of `a`.
    """
    return np.sqrt(np.mean((np.asarray(a) - b) ** 2, axis=axis))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of features, (N, D) and (M, D).

    |mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), the formula of Dowson & Landau 1982 that Heusel et
    al. 2017 (arXiv 1706.08500, eq. 6) use. The trace of the root comes from the eigenvalues of the symmetric
    product C_a^(1/2) C_b C_a^(1/2), which cannot turn complex. In float64; 0 for identical sets. Raises
    ValueError for fewer than two rows.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if len(a) < 2 or len(b) < 2:
        raise ValueError("a covariance needs at least two rows")
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cov_a, cov_b = np.atleast_2d(cov_a), np.atleast_2d(cov_b)
    root_a = _root(cov_a)
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root_a @ cov_b @ root_a), 0, None)).sum()
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(max(means + np.trace(cov_a) + np.trace(cov_b) - 2 * cross, 0.0))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def precision_recall(real: np.ndarray, made: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall of Kynkäänniemi et al. 2019 (arXiv 1904.06991, eq. 1 and 2).

    Precision: the share of `made` (M, D) that lies within reach of some real feature (N, D), where a feature
    reaches as far as its k-th nearest neighbour in its own set. Recall: the same with the sets exchanged.
    Raises ValueError for sets of k rows or fewer.
    """
    if min(len(real), len(made)) <= k:
        raise ValueError(f"more than {k} rows are needed in each set")

    def covered(points: np.ndarray, by: np.ndarray) -> float:
        reach = np.sort(_distances(by, by), axis=1)[:, k]  # column 0 is the point itself
        return float((_distances(points, by) <= reach[None, :]).any(1).mean())

    return covered(made, real), covered(real, made)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    return np.sqrt(np.clip(squared, 0, None))


def frechet_interval(
    made: np.ndarray, real: np.ndarray, resamples: int = 100, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the Fréchet distance: `made` is resampled, `real` is kept.

    Resampling repeats rows, which adds a little distance of its own; the interval is moved by that bias, so
    that it says how far the figure would swing with other samples (basic bootstrap, Davison & Hinkley 1997).
    """
    rng, here = np.random.default_rng(seed), frechet_distance(made, real)
    again = [frechet_distance(made[rng.integers(0, len(made), len(made))], real) for _ in range(resamples)]
    low, high = np.quantile(again, [(1 - level) / 2, (1 + level) / 2]) - np.mean(again)
    return float(here + low), float(here + high)


def top_k(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Share of rows of scores (N, C) whose true class (N,) is among the k highest."""
    best = np.argpartition(-np.asarray(scores), min(k, scores.shape[1] - 1), axis=1)[:, :k]
    return float((best == np.asarray(truth)[:, None]).any(1).mean())


def interval(
    hits: np.ndarray, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of a mean: the middle `level` of the means of resampled rows (Efron 1979)."""
    hits = np.asarray(hits, np.float64)
    rng = np.random.default_rng(seed)
    means = rng.choice(hits, (resamples, len(hits))).mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance: the largest gap between the cumulative histograms of two samples."""
    a, b = np.sort(np.ravel(a)), np.sort(np.ravel(b))
    both = np.concatenate([a, b])
    gap = np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)
    return float(np.abs(gap).max())


def ks_limit(n: int, m: int) -> float:
    """The distance that two samples of n and m values from one distribution exceed one time in twenty.

    The large-sample form of Smirnov 1948: 1.358 sqrt((n + m) / (n m)).
    """
    return float(1.358 * np.sqrt((n + m) / (n * m)))


def as_figure(value: float, interval: tuple[float, float], digits: int = 4) -> dict:
    """A value with its interval, rounded as the measured files keep them."""
    return {"value": round(float(value), digits), "interval": [round(v, digits) for v in interval]}


def mean_figure(values: np.ndarray) -> dict:
    """The mean of values (N,) with its 95 % interval, as the measured files keep it."""
    return as_figure(values.mean(), interval(values))
