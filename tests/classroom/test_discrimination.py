"""The threshold of a class: on answers drawn from a known psychometric function, and against an optimizer."""

import math
import random

import numpy as np
import pytest
from scipy.optimize import minimize

from diffviz.classroom.discrimination import LAPSES, TARGET, discrimination
from diffviz.classroom.preference import MIN_PEOPLE

LEVELS = (1, 2, 3, 5, 8, 12, 20, 30, 50)


def share(level, place, slope):
    return 0.5 + (0.5 - LAPSES) / (1 + math.exp((math.log(level) - place) / slope))


def person(rng, place, slope, trials=2):
    return [
        (i, rng.random() < share(level, place, slope))
        for i, level in enumerate(LEVELS)
        for _ in range(trials)
    ]


def threshold(place, slope):
    seen = (TARGET - 0.5) / (0.5 - LAPSES)
    return math.exp(place + slope * math.log((1 - seen) / seen))


@pytest.mark.parametrize(("at", "slope"), [(3, 0.3), (8, 0.5), (15, 0.8)])
def test_a_known_threshold_is_found_again(at, slope):
    rng = random.Random(at)
    found = discrimination(LEVELS, [person(rng, math.log(at), slope) for _ in range(400)])
    assert found.threshold == pytest.approx(threshold(math.log(at), slope), rel=0.1)
    assert found.threshold and found.low and found.high
    assert found.low < found.threshold < found.high < 1.5 * found.low


def test_the_fit_is_the_likeliest_within_the_width_of_the_grid():
    rng = random.Random(3)
    people = [person(rng, math.log(8), 0.5) for _ in range(60)]
    found = discrimination(LEVELS, people)
    right, n = np.array(found.right), np.array(found.trials)

    def minus_log_likelihood(of):
        p = np.array([share(level, of[0], math.exp(of[1])) for level in LEVELS])
        return -(right * np.log(p) + (n - right) * np.log(1 - p)).sum()

    best = minimize(minus_log_likelihood, (math.log(5), -0.5), method="Nelder-Mead").x
    assert found.threshold == pytest.approx(threshold(best[0], math.exp(best[1])), rel=0.08)


def test_what_nobody_or_everybody_sees_has_no_threshold():
    always = discrimination(LEVELS, [[(i, True) for i in range(9)]] * 10)
    never = discrimination(
        LEVELS, [[(i, i % 2 == 0) for i in range(9)], [(i, i % 2 == 1) for i in range(9)]] * 10
    )
    assert always.threshold is never.threshold is None
    assert always.curve[-1] > TARGET > never.curve[0]


@pytest.mark.parametrize("levels", [(0, 1), (4, 5), tuple(range(9))])
def test_where_no_answer_is_wrong_the_threshold_lies_beyond(levels):
    """No function that falls later is less likely, so no place of it is found and no interval."""
    for people in (1, MIN_PEOPLE):
        found = discrimination(LEVELS, [[(i, True) for i in levels]] * people)
        assert found.threshold is found.low is found.high is None
        assert found.curve[-1] > TARGET


@pytest.mark.parametrize("answers", [(True,), (False,), (True, True, False), (True, False)])
def test_answers_at_one_level_have_a_share_and_no_threshold(answers):
    """Through one point go functions of every slope."""
    found = discrimination(LEVELS, [[(4, right) for right in answers]] * MIN_PEOPLE)
    assert found.threshold is found.low is found.high is None and found.curve == ()
    assert found.share == sum(answers) / len(answers) and found.people == MIN_PEOPLE


def test_a_slip_at_an_easy_level_is_no_threshold():
    people = [[(i, True) for i in range(9)] for _ in range(MIN_PEOPLE)]
    people[0][0] = (0, False)
    found = discrimination(LEVELS, people)
    assert found.threshold is None and found.curve[-1] > TARGET


def test_few_people_have_a_threshold_and_no_interval_and_none_have_neither():
    rng = random.Random(5)
    few = discrimination(LEVELS, [person(rng, math.log(8), 0.4, 6) for _ in range(4)])
    assert few.threshold is not None and few.low is few.high is None and few.people == 4
    none = discrimination(LEVELS, [[], []])
    assert (none.people, none.threshold, sum(none.trials), none.share) == (0, None, 0, 0)


def test_one_level_is_not_enough():
    with pytest.raises(ValueError, match="two levels"):
        discrimination((5,), [])


@pytest.mark.slow
def test_the_interval_holds_the_true_threshold_about_as_often_as_it_says():
    true, within = threshold(math.log(8), 0.5), 0
    for seed in range(60):
        rng = random.Random(seed)
        found = discrimination(LEVELS, [person(rng, math.log(8), 0.5) for _ in range(25)], seed)
        within += (found.low or 0) <= true <= (found.high or math.inf)
    assert 52 <= within <= 60
