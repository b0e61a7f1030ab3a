import numpy as np
import pytest

from diffviz.evaluation import metrics

RNG = np.random.default_rng(0)


def test_frechet_of_a_set_with_itself_is_zero():
    a = RNG.normal(size=(200, 8))
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_of_a_shifted_set_is_the_squared_shift():
    a = RNG.normal(size=(300, 6))
    assert metrics.frechet_distance(a, a + np.array([3, 0, 4, 0, 0, 0])) == pytest.approx(25, rel=1e-9)


def test_frechet_of_scaled_gaussians_is_its_closed_form():
    a = RNG.normal(size=(400, 5))
    a -= a.mean(0)
    c = np.trace(np.cov(a, rowvar=False))
    assert metrics.frechet_distance(a, 3 * a) == pytest.approx((3 - 1) ** 2 * c, rel=1e-9)


def test_frechet_survives_fewer_rows_than_columns():
    a, b = RNG.normal(size=(10, 40)), RNG.normal(size=(12, 40)) + 1
    assert np.isfinite(metrics.frechet_distance(a, b))
    with pytest.raises(ValueError, match="two rows"):
        metrics.frechet_distance(a[:1], b)


def test_precision_and_recall_of_known_sets():
    a = RNG.normal(size=(120, 4))
    assert metrics.precision_recall(a, a) == (1.0, 1.0)
    assert metrics.precision_recall(a, a + 1000) == (0.0, 0.0)
    narrow = RNG.normal(size=(120, 4)) * 0.05  # all of it is plausible, little of the variety is there
    precision, recall = metrics.precision_recall(a, narrow)
    assert precision > 0.9 and recall < 0.1
    with pytest.raises(ValueError, match="more than 3"):
        metrics.precision_recall(a[:3], a)


def test_the_frechet_interval_holds_the_figure_and_narrows_with_the_sample():
    real = RNG.normal(size=(300, 6))
    few, many = RNG.normal(size=(60, 6)) + 0.3, RNG.normal(size=(2000, 6)) + 0.3
    for made in (few, many):
        low, high = metrics.frechet_interval(made, real)
        assert low < metrics.frechet_distance(made, real) < high
    width = [np.diff(metrics.frechet_interval(m, real))[0] for m in (few, many)]
    assert width[1] < width[0] / 2


def test_top_k_counts_rows_whose_truth_is_among_the_best():
    scores = np.array([[0.1, 0.9, 0.5], [0.8, 0.1, 0.3], [0.2, 0.3, 0.9]])
    truth = np.array([1, 2, 0])
    assert metrics.top_k(scores, truth, 1) == pytest.approx(1 / 3)
    assert metrics.top_k(scores, truth, 2) == pytest.approx(2 / 3)
    assert metrics.top_k(scores, truth, 3) == 1


def test_the_bootstrap_interval_holds_the_mean_and_narrows_with_the_sample():
    few, many = RNG.random(50) < 0.3, RNG.random(5000) < 0.3
    wide, narrow = metrics.interval(few), metrics.interval(many)
    assert wide[0] <= few.mean() <= wide[1]
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 5


def test_ks_distance_of_known_samples():
    assert metrics.ks_distance([1, 2, 3, 4], [1, 2, 3, 4]) == 0
    assert metrics.ks_distance([1, 2], [3, 4]) == 1
    assert metrics.ks_distance([1, 2, 3, 4], [3, 4, 5, 6]) == pytest.approx(0.5)


def test_ks_limit_is_passed_one_time_in_twenty():
    passed = [
        metrics.ks_distance(RNG.normal(size=500), RNG.normal(size=500)) > metrics.ks_limit(500, 500)
        for _ in range(400)
    ]
    assert 0.01 < np.mean(passed) < 0.09
