"""Questions answered by a run: what is called right must be what the run shows."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from diffviz.analysis import broken_pipelines
from diffviz.diffusion.samplers import Step
from diffviz.evaluation.metrics import rmse
from diffviz.lessons import live_questions
from diffviz.lessons.live_questions import QUESTIONS
from diffviz.pipelines import text_to_image


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), list(zip(QUESTIONS, itertools.cycle([0, 11]), strict=False)))
def test_every_question_has_one_right_option_and_a_reason_for_each(name, seed):
    q = QUESTIONS[name](seed)
    assert len(set(q.options)) == len(q.options) == len(q.feedback) >= 3
    assert all(q.feedback)
    assert 0 <= q.right < len(q.options)
    assert len(q.images) == len(q.titles) == len(q.notes)
    assert all(p.dtype == np.uint8 and p.shape[-1] == 3 for p in q.images)


@pytest.mark.parametrize(
    "name", ["first_guess", "most_calls", "strongest_guidance", "snr_one", "same_static"]
)
def test_the_right_letter_moves_with_the_seed(name, monkeypatch):
    """Otherwise a learner who comes back would know it without looking."""
    monkeypatch.setattr(live_questions, "sample_trajectory", lambda settings, denoiser=None: fake(settings))
    assert len({QUESTIONS[name](seed).right for seed in range(12)}) == 3


def fake(settings):
    """A run without a network, with noise at the start that the seed decides."""
    x = np.random.default_rng(settings.seed).normal(size=(settings.steps + 1, 3, 8, 8)).astype(np.float32)
    flat = np.zeros(settings.steps + 1)
    return text_to_image.Trajectory(x, x, x, flat, flat)


@pytest.mark.parametrize(
    ("far", "right"),
    [((0.2, 0.3, 0.1), 2), ((0.1, 0.3, 0.2), 0), ((0.2, 0.3, 0.196), 3), ((0.2, 0.3, 0.2), 3), ((0.2, 0.3, 0.18), 2)],
)  # fmt: skip
def test_the_nearest_sampler_is_the_one_with_the_smallest_distance_unless_two_tie(far, right, monkeypatch):
    distances = iter(far)
    monkeypatch.setattr(live_questions, "sample_trajectory", lambda settings, denoiser=None: fake(settings))
    monkeypatch.setattr(live_questions, "rmse", lambda a, b: next(distances))
    q = QUESTIONS["nearest_sampler"](3)
    assert q.right == right
    assert [float(note.split()[0]) for note in q.notes[1:]] == pytest.approx(far, abs=5e-4)
    assert len(q.options) == 4


@pytest.mark.slow
def test_four_times_the_steps_are_graded_by_evaluations_on_a_slow_clock_too(monkeypatch):
    """A loaded machine must not change what is right."""
    ticks = iter([0.0, 1.0, 1.0, 17.0])
    monkeypatch.setattr(live_questions.pacing, "clock", lambda: next(ticks))
    q = QUESTIONS["four_times_the_steps"](0)
    assert q.options[q.right] == "Four times as many"
    assert "20 and 80 evaluations" in q.feedback[0] and "16.0 times as long" in q.feedback[0]


@pytest.mark.slow
def test_heuns_calls_are_counted_and_not_looked_up(monkeypatch):
    q = QUESTIONS["heun_calls"](0)
    settings = text_to_image.Settings("cat face", sampler="heun", steps=10, guidance=3.0)
    assert q.options[q.right] == f"{settings.nfe} evaluations"
    # Another sampler in its place must change the count, and no option would fit.
    plain = live_questions._settings
    monkeypatch.setattr(
        live_questions,
        "_settings",
        lambda seed, **more: dataclasses.replace(plain(seed, **more), sampler="ddim"),
    )
    assert QUESTIONS["heun_calls"](0).options[QUESTIONS["heun_calls"](0).right] == "20 evaluations"


@pytest.mark.slow
def test_the_order_of_words_is_decided_by_the_images():
    q = QUESTIONS["word_order"](4)
    a, b = (q.titles.index(letter) for letter in q.options[q.right].split(" and "))
    assert rmse(q.images[a], q.images[b]) < 1
    assert {q.notes[a], q.notes[b]} == {"“red fox”", "“fox red”"}


def test_every_mistake_of_the_workshop_is_asked_for_by_some_seed(monkeypatch):
    blank, state = torch.zeros(4, 3, 8, 8), torch.zeros(4, 8, 2, 2)  # some cases are in latents
    frame = broken_pipelines.Frame(Step(0, 1.0, state, state, state), np.ones(4), blank)
    monkeypatch.setattr(broken_pipelines, "run", lambda *args: [frame] * (broken_pipelines.STEPS + 1))
    cases = broken_pipelines.CASES
    asked = [QUESTIONS["find_the_bug"](seed) for seed in range(2 * len(cases))]
    assert {q.options[q.right] for q in asked} == {c.title for c in cases.values()}
    assert all(len(set(q.options)) == 4 for q in asked)
    assert len({q.right for q in asked}) == 4
    assert all(image.shape == (16, 16, 3) for q in asked for image in q.images)


@pytest.mark.parametrize("case", broken_pipelines.CASES.values(), ids=list(broken_pipelines.CASES))
def test_a_question_about_a_mistake_offers_others_that_are_possible_and_unlike_it(case):
    rivals = live_questions.rivals(case)
    assert len(rivals) >= 3 and case not in rivals
    assert case.from_image or not any(c.from_image for c in rivals)
    assert "terminal-snr" in live_questions.ALIKE[0] and set().union(*live_questions.ALIKE) <= set(
        broken_pipelines.CASES
    )
    for group in live_questions.ALIKE:
        assert case.id not in group or not any(c.id in group for c in rivals)
    if case.model == broken_pipelines.checkpoints.QUICK:
        assert not any(c.part in ("to_latents", "latent_range") for c in rivals)


@pytest.mark.slow
def test_the_bug_that_is_right_is_the_one_that_ran(monkeypatch):
    monkeypatch.setattr(broken_pipelines, "STEPS", 3)
    q = QUESTIONS["find_the_bug"](2)
    assert q.options[q.right] == "One noise for the whole batch"
    assert len(q.options) == 4 and len(q.images) == 4
    left, right = (
        q.images[3][:32, :32],
        q.images[3][:32, 32:],
    )  # the two cats of the broken run, at the end
    assert np.abs(left.astype(int) - right).max() <= 1
