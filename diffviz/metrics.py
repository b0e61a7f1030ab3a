"""Measures of pictures and runs: arrays in, floats out."""

from __future__ import annotations

import numpy as np


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
