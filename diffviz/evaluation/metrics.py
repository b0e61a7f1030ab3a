"""Measures of images and sampling trajectories: arrays in, floats out."""

from __future__ import annotations

import numpy as np

KID_DIGITS = 7  # of KID in the measured files, which is small
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


def polynomial_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """k(x, y) = (x . y / D + 1)^3 of all rows of a (N, D) and b (M, D): (N, M), the kernel of KID."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a @ b.T / a.shape[1] + 1) ** 3


def kid(generated: np.ndarray, real: np.ndarray) -> float:
    """Kernel inception distance of features (N, D) and (M, D): the unbiased estimate of MMD^2 (Binkowski et al. 2018).

    arXiv 1801.01401, section 3 with `polynomial_kernel`; the name is kept although the features need not be those of
    Inception. Being unbiased, it is 0 on average for two samples of one distribution whatever their sizes, and so can
    be negative. Raises ValueError for fewer than two rows.
    """
    if min(len(generated), len(real)) < 2:
        raise ValueError("KID needs at least two rows in each set")
    within = [_mean_of_pairs(polynomial_kernel(x, x), np.ones((1, len(x)))) for x in (generated, real)]
    return float(within[0][0] + within[1][0] - 2 * polynomial_kernel(generated, real).mean())


def bootstrap_weights(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of n rows occurs in each bootstrap sample: (resamples, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples).astype(np.float64)


def kid_between_labels(
    a: np.ndarray, b: np.ndarray, a_label: np.ndarray, b_label: np.ndarray, resamples: int = 1000
) -> dict:
    """KID of features (N, D) and (M, D) over pairs of different labels (N,) and (M,), with a 95 % interval.

    The squared MMD of Binkowski et al. 2018 (arXiv 1801.01401) over such pairs: mean k(a, a') + mean k(b, b')
    - 2 mean k(a, b). With a label of its own for every row this is KID as usual. Leaving pairs of one label out keeps
    it unbiased where both sets draw the same captions, some of them more than once. The bootstrap resamples labels
    with all their images, so that the interval includes the sampling of the real ones. Raises ValueError when a set
    has fewer than two labels.
    """
    labels, where = np.unique(np.concatenate([a_label, b_label]), return_inverse=True)
    of_a, of_b, n = where[: len(a)], where[len(a) :], len(labels)
    if min(len(np.unique(of_a)), len(np.unique(of_b))) < 2:
        raise ValueError("each set needs images of at least two labels")
    ia, ib = (np.eye(n)[of] for of in (of_a, of_b))  # (N, n): which label each row has
    weights = np.vstack([np.ones(n), bootstrap_weights(n, resamples, 0)])

    def mean(x: np.ndarray, ix: np.ndarray, y: np.ndarray, iy: np.ndarray) -> np.ndarray:
        sums, pairs = ix.T @ polynomial_kernel(x, y) @ iy, np.outer(ix.sum(0), iy.sum(0))
        np.fill_diagonal(sums, 0)
        np.fill_diagonal(pairs, 0)
        with np.errstate(invalid="ignore"):  # a resample may hold one label alone
            return ((weights @ sums) * weights).sum(1) / ((weights @ pairs) * weights).sum(1)

    return resampled_figure(mean(a, ia, a, ia) + mean(b, ib, b, ib) - 2 * mean(a, ia, b, ib), KID_DIGITS)


class KidBootstrap:
    """Bootstrap distribution of KID against one set of real features (M, D), with both samples resampled.

    The same resamples of the rows and of the reals serve every set of generated features (N, D), so that the values
    of two sets whose rows share captions and noises can be subtracted resample by resample: a paired bootstrap of their
    difference. Pairs of a row with its own copy are left out, as the unbiased estimate leaves out the diagonal.
    """

    def __init__(self, real: np.ndarray, n: int, resamples: int = 1000) -> None:
        # The first row of the weights takes every image once: that is the estimate itself.
        self.real, self.rows = real, np.vstack([np.ones(n), bootstrap_weights(n, resamples, 0)])
        self.reals = np.vstack([np.ones(len(real)), bootstrap_weights(len(real), resamples, 1)])
        self.within_real = _mean_of_pairs(polynomial_kernel(real, real), self.reals)

    def kid(self, generated: np.ndarray) -> tuple[float, np.ndarray]:
        """KID of the generated features (N, D), and of each resample (resamples,)."""
        across = ((self.rows @ polynomial_kernel(generated, self.real)) * self.reals).sum(1)
        across /= self.rows.sum(1) * self.reals.sum(1)
        within = _mean_of_pairs(polynomial_kernel(generated, generated), self.rows)
        estimate, *resampled = within + self.within_real - 2 * across
        return float(estimate), np.array(resampled)


def _mean_of_pairs(kernel: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of a kernel (N, N) over pairs of different rows, for each row of weights (B, N): (B,)."""
    total = ((weights @ kernel) * weights).sum(1) - weights**2 @ np.diag(kernel)
    return total / (weights.sum(1) ** 2 - (weights**2).sum(1))


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of bootstrap values: the percentile interval (Efron 1979)."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def top_k(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Share of rows of scores (N, C) whose true class (N,) is among the k highest."""
    best = np.argpartition(-np.asarray(scores), min(k, scores.shape[1] - 1), axis=1)[:, :k]
    return float((best == np.asarray(truth)[:, None]).any(1).mean())


def interval(
    hits: np.ndarray, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean: the middle `level` of the means of resampled rows (Efron 1979)."""
    hits = np.asarray(hits, np.float64)
    rng = np.random.default_rng(seed)
    return percentile_interval(rng.choice(hits, (resamples, len(hits))).mean(1), level)


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


def resampled_figure(values: np.ndarray, digits: int = 4) -> dict:
    """The first value with the middle 95 % of the others, which are resamples; those that are NaN are left out."""
    resampled = values[1:][~np.isnan(values[1:])]
    return as_figure(values[0], percentile_interval(resampled), digits)


def kid_figure(value: float, resampled: np.ndarray) -> dict:
    """What `KidBootstrap.kid` gives, or a difference of two of them, as the measured files keep it."""
    return as_figure(value, percentile_interval(resampled), KID_DIGITS)


def mean_figure(values: np.ndarray, label: np.ndarray | None = None, resamples: int = 2000) -> dict:
    """The mean of values (N,) with its 95 % interval, as the measured files keep it.

    With the label (N,) of each value, labels are resampled with all their values, which then need not be independent:
    several seeds of one caption are alike; `resamples` times. Without, each value is resampled by itself, as by `interval`.
    """
    if label is None:
        return as_figure(values.mean(), interval(values))
    _, of = np.unique(label, return_inverse=True)
    n = of.max() + 1
    weights = np.vstack([np.ones(n), bootstrap_weights(n, resamples, 0)])  # the first is the sample itself
    return resampled_figure((weights @ np.bincount(of, values)) / (weights @ np.bincount(of)))
