"""The blind test's staircase, on observers whose limit is known."""

import random

import pytest

from diffviz.lessons import staircase

LEVELS = [1, 2, 3, 5, 8, 12, 20, 30, 50]


def run(observer, trials=staircase.TRIALS, start=2):
    answers = []
    for _ in range(trials):
        level = staircase.next_level(answers, LEVELS, start)
        answers.append((level, observer(level)))
    return answers


def test_two_right_in_a_row_make_it_harder_and_one_wrong_easier():
    assert staircase.next_level([], LEVELS, 2) == 2
    assert staircase.next_level([(2, True)], LEVELS, 2) == 2
    assert staircase.next_level([(2, True), (2, True)], LEVELS, 2) == 3
    assert staircase.next_level([(2, True), (2, True), (3, True)], LEVELS, 2) == 3
    assert staircase.next_level([(2, True), (2, True), (3, False)], LEVELS, 2) == 2


def test_the_staircase_stays_on_its_scale():
    assert staircase.next_level([(1, False)], LEVELS, 2) == 1
    assert staircase.next_level([(50, True), (50, True)], LEVELS, 2) == 50


def test_after_a_step_two_new_right_answers_are_needed():
    answers = [(2, True), (2, True), (3, False), (2, True)]
    assert staircase.next_level(answers, LEVELS, 2) == 2
    assert staircase.next_level([*answers, (2, True)], LEVELS, 2) == 3


def test_a_sharp_observer_is_found_between_the_last_level_seen_and_the_next():
    answers = run(lambda level: level <= 8)
    limit = staircase.threshold(answers)
    assert limit is not None and 8 <= limit <= 12


def test_someone_who_always_sees_it_has_no_threshold():
    assert staircase.threshold(run(lambda level: True)) is None
    assert staircase.threshold([]) is None


@pytest.mark.parametrize("limit", [3, 8, 20])
def test_noisy_observers_are_found_within_two_levels_on_average(limit):
    """Sure below their limit, guessing above it: 71 % is reached at the limit itself, give or take a level."""
    rng = random.Random(limit)

    def observer(level):
        return level <= limit or rng.random() < 0.5

    found = [staircase.threshold(run(observer, 40)) for _ in range(200)]
    found = sorted(v for v in found if v)
    at = LEVELS.index(limit)
    assert LEVELS[max(at - 1, 0)] <= found[len(found) // 2] <= LEVELS[at + 2]


def test_shares_count_every_answer_once():
    answers = run(lambda level: level < 5)
    shares = staircase.share_right(answers)
    assert sum(n for _, n in shares.values()) == len(answers)
    assert list(shares) == sorted(shares)
    assert shares[5][0] == 0
