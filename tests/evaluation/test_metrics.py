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


def test_kid_is_zero_on_average_for_one_distribution_at_any_sizes_and_frechet_is_not():
    rng, sizes = np.random.default_rng(1), (40, 120)
    pairs = [[rng.normal(size=(n, 16)) for n in sizes] for _ in range(150)]
    kids = np.array([metrics.kid(a, b) for a, b in pairs])
    assert abs(kids.mean()) < 3 * kids.std() / np.sqrt(len(kids))
    assert (kids < 0).any()
    # What it replaces: the Fréchet distance of two samples of one distribution is far from 0.
    assert min(metrics.frechet_distance(a, b) for a, b in pairs[:20]) > 1


def test_kid_is_the_mean_of_kernel_values_over_different_rows():
    a, b = RNG.normal(size=(7, 3)), RNG.normal(size=(9, 3)) + 1

    def k(x, y):
        return (x @ y / 3 + 1) ** 3

    within = [
        np.mean([k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]) for x in (a, b)
    ]
    across = np.mean([k(x, y) for x in a for y in b])
    assert metrics.kid(a, b) == pytest.approx(sum(within) - 2 * across)
    with pytest.raises(ValueError, match="two rows"):
        metrics.kid(a[:1], b)


def test_the_bootstrap_begins_with_the_estimate_itself():
    a, b = RNG.normal(size=(12, 3)), RNG.normal(size=(15, 3)) + 1
    estimate, resampled = metrics.KidBootstrap(b, len(a), resamples=400).kid(a)
    assert estimate == pytest.approx(metrics.kid(a, b)) and resampled.shape == (400,)
    # Pairs of a row with its own copy are left out, so that the resamples lie around the estimate.
    assert abs(resampled.mean() - estimate) < 4 * resampled.std() / np.sqrt(400)


@pytest.mark.slow
def test_the_kid_interval_holds_the_true_distance_about_as_often_as_it_says():
    """The truth is that of very large samples; both samples are drawn anew each time, the reals too."""
    rng = np.random.default_rng(3)
    true = metrics.kid(rng.normal(size=(4000, 4)) + 0.5, rng.normal(size=(4000, 4)))
    held = 0
    for _ in range(100):
        a, b = rng.normal(size=(80, 4)) + 0.5, rng.normal(size=(120, 4))
        low, high = metrics.percentile_interval(metrics.KidBootstrap(b, 80, 300).kid(a)[1])
        held += low <= true <= high
    assert held >= 86


def test_the_paired_difference_is_told_apart_where_the_intervals_overlap():
    """What overlapping intervals hide: two sets of generated rows that share their noise."""
    rng = np.random.default_rng(4)
    real, noise = rng.normal(size=(300, 8)), rng.normal(size=(100, 8))
    near, far = noise + 0.35, noise + 0.45
    bootstrap = metrics.KidBootstrap(real, 100)
    of_near, of_far = bootstrap.kid(near)[1], bootstrap.kid(far)[1]
    assert metrics.percentile_interval(of_near)[1] > metrics.percentile_interval(of_far)[0]  # they overlap
    assert metrics.percentile_interval(of_far - of_near)[0] > 0  # and yet differ


def test_top_k_counts_rows_whose_truth_is_among_the_best():
    scores = np.array([[0.1, 0.9, 0.5], [0.8, 0.1, 0.3], [0.2, 0.3, 0.9]])
    truth = np.array([1, 2, 0])
    assert metrics.top_k(scores, truth, 1) == pytest.approx(1 / 3)
    assert metrics.top_k(scores, truth, 2) == pytest.approx(2 / 3)
    assert metrics.top_k(scores, truth, 3) == 1


def test_an_interval_over_labels_is_as_wide_as_the_labels_are_few():
    """Ten copies of each value say no more than one: taken for independent, they would give a third of the width."""
    values, label = np.random.default_rng(0).normal(size=40), np.arange(40)

    def width(*of):
        found = metrics.mean_figure(*of)
        assert found["value"] == pytest.approx(values.mean(), abs=1e-4)
        return found["interval"][1] - found["interval"][0]

    once, copied = width(values), (values.repeat(10), label.repeat(10))
    assert width(*copied) == pytest.approx(once, rel=0.1)
    assert width(copied[0]) < 0.5 * once


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


def test_kid_between_labels_is_that_of_a_plain_double_loop():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(7, 4)), rng.normal(size=(9, 4)) + 0.5

    def k(x, y):
        return (x @ y / 4 + 1) ** 3

    def within(x):
        return np.mean([k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j])

    plain = within(a) + within(b) - 2 * np.mean([k(x, y) for x in a for y in b])
    assert metrics.kid_between_labels(a, b, np.arange(7), np.arange(7, 16))["value"] == pytest.approx(
        plain, abs=1e-5
    )
    with pytest.raises(ValueError, match="two labels"):
        metrics.kid_between_labels(a[:1], b, np.arange(1), np.arange(9))


def test_kid_is_unbiased_also_when_both_sets_draw_the_same_captions_several_times():
    rng, values = np.random.default_rng(2), []
    label_a, label_b = np.repeat(np.arange(20), 3), np.arange(20)
    for _ in range(300):
        centre = rng.normal(size=(20, 4))
        a, b = (centre[of] + 0.3 * rng.normal(size=(len(of), 4)) for of in (label_a, label_b))
        values.append(metrics.kid_between_labels(a, b, label_a, label_b, resamples=2)["value"])
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    moved = metrics.kid_between_labels(a + 1, b, label_a, label_b)
    assert moved["value"] > 10 * np.std(values) or moved["interval"][0] > 0
