"""Bradley-Terry: against closed forms, an optimizer, and data drawn from the model itself."""

import math
import random
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from diffviz.classroom import preference


def fitted(n, comparisons, virtual=preference.VIRTUAL):
    return preference.strengths(preference.counted(n, comparisons), virtual)


def drawn(logs, n, seed):
    """Comparisons of random pairs, decided as the model says."""
    rng, found = random.Random(seed), []
    for _ in range(n):
        i, j = rng.sample(range(len(logs)), 2)
        wins = rng.random() < 1 / (1 + math.exp(logs[j] - logs[i]))
        found.append((i, j) if wins else (j, i))
    return found


def test_two_things_have_the_odds_of_their_wins():
    first, second = fitted(2, [(0, 1)] * 9 + [(1, 0)] * 3, virtual=0)
    assert first - second == pytest.approx(math.log(3)) and first + second == pytest.approx(0)


@pytest.mark.parametrize("virtual", [0, 1, 3])
def test_the_fit_has_the_largest_likelihood(virtual):
    found = drawn([0.8, 0.1, -0.2, -0.7], 60, 1)
    ahead = fitted(4, found, virtual)

    def minus_log_likelihood(logs):
        said = sum(np.log1p(np.exp(logs[worse] - logs[better])) for better, worse in found)
        return said + virtual / 2 * sum(np.log1p(np.exp(x)) + np.log1p(np.exp(-x)) for x in logs)

    best = minimize(minus_log_likelihood, np.zeros(4), tol=1e-12).x
    np.testing.assert_allclose(ahead, best - best.mean(), atol=1e-4)


@pytest.mark.slow
def test_known_strengths_are_found_again_and_names_do_not_matter():
    true = [1.0, 0.2, -0.3, -0.9]
    found = drawn(true, 20_000, 2)
    np.testing.assert_allclose(fitted(4, found), true, atol=0.08)
    turned = [(3 - better, 3 - worse) for better, worse in found]
    np.testing.assert_allclose(fitted(4, turned), fitted(4, found)[::-1], atol=1e-6)


def test_a_thing_that_always_won_or_was_never_compared_has_a_finite_strength():
    logs = fitted(3, [(0, 1)] * 50)
    assert logs[0] > logs[2] > logs[1] and all(map(math.isfinite, logs))
    assert not fitted(3, []).any()


@pytest.mark.slow
def test_the_interval_holds_what_is_true_about_as_often_as_it_says():
    true = [0.6, 0.0, -0.6]
    within = 0
    for seed in range(15):
        people = [drawn(true, 6, 1000 * seed + k) for k in range(30)]
        for found, log in zip(preference.preferences(3, people, seed), true, strict=True):
            assert found.low is not None and found.high is not None
            within += found.low <= 1 / (1 + math.exp(-log)) <= found.high
    assert 0.85 <= within / 45 <= 1.0


@pytest.mark.slow
def test_people_who_agree_with_themselves_alone_make_the_interval_wide():
    """Twenty comparisons of each of 21 people are no 420 people."""
    pairs = ([(0, 1)] * 20, [(1, 0)] * 20, [(0, 1)] * 20) * 7
    few = preference.preferences(2, pairs)[0]
    many = preference.preferences(2, [[c] for own in pairs for c in own])[0]
    assert few.share == pytest.approx(many.share)
    assert few.low and few.high and many.low and many.high
    assert few.high - few.low > 2 * (many.high - many.low)


def ends(people, n=2):
    return [(p.low, p.high) for p in preference.preferences(n, people)]


def test_an_interval_takes_enough_people_and_a_difference_among_them():
    enough = preference.MIN_PEOPLE
    mixed = [[(0, 1)]] * (enough - 5) + [[(1, 0)]] * 5
    assert all(low and high and low < high for low, high in ends(mixed))
    assert ends(mixed[1:]) == [(None, None)] * 2
    assert ends([[(0, 1)]] * enough) == [(None, None)] * 2
    assert ends([[(0, 1), (1, 2), (2, 0)]] * enough, 3) == [(None, None)] * 3  # each won and lost, all alike


def test_what_all_prefer_has_no_interval_where_they_differ_about_the_rest():
    enough = preference.MIN_PEOPLE
    first, *rest = ends([[(0, 1), (0, 2), (1, 2)], [(0, 1), (0, 2), (2, 1)]] * (enough // 2), 3)
    assert first == (None, None) and all(low and high and low < high for low, high in rest)


def test_what_was_counted_is_said_and_no_vote_says_nothing():
    found = preference.preferences(3, [list(combinations(range(3), 2))])
    assert [(p.won, p.compared) for p in found] == [(2, 2), (1, 2), (0, 2)]
    assert [(p.share, p.low, p.high) for p in preference.preferences(2, [])] == [(0.5, None, None)] * 2


def test_the_bootstrap_is_fitted_as_closely_as_its_interval_is_told():
    people = [drawn([0.9, 0.3, -0.4, -0.8], 12, k) for k in range(20)]
    wins = sum(preference.counted(4, own) for own in people)
    near = preference.shares(wins, preference._CLOSE_ENOUGH, np.zeros(4))
    np.testing.assert_allclose(near, preference.shares(wins), atol=1e-3)
