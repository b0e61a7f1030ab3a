"""What the lesson on the training objective concludes from a run."""

import pytest

from diffviz.ui.lessons import training
from diffviz.ui.lessons.training import ANSWERS, WITHIN

FAR, NEAR = 2 * training.CLOSE, training.CLOSE / 2


@pytest.mark.parametrize(
    ("steps", "near_at", "left"),
    [
        ((0, 50, 100), 50, ANSWERS[:1]),
        ((0, 251, 316), 316, ANSWERS[1:3]),
        ((0, 251, 300, 316), 316, ANSWERS[2:3]),
        ((0, 251, 300), 300, ANSWERS[1:2]),
        ((0, 900, 1100, 3000), 3000, ANSWERS[3:]),
        ((0, 50, 100), None, ANSWERS[1:]),
        ((0, 50, 300), None, ANSWERS[2:]),
        ((0, 50, 1000), None, ANSWERS[3:]),
    ],
)
def test_only_what_the_looks_at_a_run_can_decide_is_decided(steps, near_at, left):
    far = [FAR if near_at is None or s < near_at else NEAR for s in steps]
    assert training.possible_answers(steps, far) == list(left)


def test_a_run_that_ended_early_is_no_proof_of_later_or_never():
    told = training._when_near(ANSWERS[3], (0, 50, 100), (FAR, FAR, FAR))
    assert f"You said **{ANSWERS[3]}**: not excluded" in told and "ended after 100 steps" in told
    assert f"Set **Training steps** to {WITHIN[-1]}" in told
    assert "that did not happen" in training._when_near(ANSWERS[0], (0, 50, 100), (FAR, FAR, FAR))
    assert training._when_near("", (0, 50, 100), (FAR, FAR, FAR)).startswith("This run ended")


def test_of_two_answers_that_the_looks_cannot_tell_apart_either_is_right():
    told = {guess: training._when_near(guess, (0, 251, 316), (FAR, FAR, NEAR)) for guess in ANSWERS}
    assert ["and so it is" in told[guess] for guess in ANSWERS] == [False, True, True, False]
    assert all(f"both {ANSWERS[1]} and {ANSWERS[2]} are possible" in text for text in told.values())
