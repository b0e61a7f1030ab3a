import numpy as np
import pytest

from diffviz.analysis import step_comparison
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation.metrics import rmse
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps

SETTINGS = Settings("red heart", "noto", seed=2, guidance=1.0)


def test_a_sweep_over_steps_starts_from_one_noise():
    runs = list(step_comparison.step_sweep(SETTINGS, (1, 2, 5)))
    assert [r.steps for r in runs] == [1, 2, 5]
    assert all(np.array_equal(r.x[0], runs[0].x[0]) for r in runs)
    assert runs[1].settings["steps"] == 2


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("budget", [1, 2, 5, 8, 50])
def test_a_budget_is_used_as_far_as_it_goes_and_never_passed(sampler, budget):
    n = step_comparison.max_steps(sampler, budget)
    assert SAMPLERS[sampler].nfe(n) <= budget < SAMPLERS[sampler].nfe(n + 1)


def test_samplers_at_equal_nfe_start_from_one_noise_and_end_where_they_would_alone():
    budget, names = 7, ("ddim", "heun", "dpmpp_2m")
    seen, lengths = None, []
    for seen in step_comparison.race_samplers(SETTINGS, names, budget):
        lengths.append([len(seen[n]) for n in names])
    assert lengths[0] == [1, 1, 1]
    assert lengths[2] == [3, 2, 3]  # heun has spent two evaluations on its one step
    for name in names:
        steps = step_comparison.max_steps(name, budget)
        alone = list(sample_steps(Settings("red heart", "noto", 2, steps, name, 1.0)))
        assert len(seen[name]) == steps + 1
        assert np.array_equal(seen[name][0].x.numpy(), seen["ddim"][0].x.numpy())
        assert np.array_equal(seen[name][-1].x.numpy(), alone[-1].x.numpy())


def test_distances_count_nfe_and_end_at_the_final_images_rmse():
    *_, seen = step_comparison.race_samplers(SETTINGS, ("heun",), 5)
    target = np.zeros(checkpoints.load().shape, np.float32)
    made, far = step_comparison.distances(seen["heun"], "heun", 3, target)
    assert made == [1, 3, 5, 5]
    assert far[-1] == pytest.approx(rmse(seen["heun"][-1].x[0].numpy(), target))


def test_lockstep_shows_each_sampler_as_it_stands_after_each_evaluation():
    frames = np.arange(4)
    assert step_comparison.align_by_nfe(frames, "ddim", 3, 3).tolist() == [0, 0, 1, 3]
    assert step_comparison.align_by_nfe(frames, "heun", 3, 5).tolist() == [0, 0, 0, 1, 1, 3]
    assert step_comparison.align_by_nfe(frames, "heun", 3, 6).tolist()[-1] == 3


def test_rmse_of_known_images():
    a = np.zeros((3, 4, 4))
    assert rmse(a, a) == 0
    assert rmse(a - 1, a + 1) == 2
    assert step_comparison.rank_by_distance({"x": a + 0.5, "y": a + 0.1}, a)[0] == ("y", pytest.approx(0.1))


def test_one_prediction_at_pure_noise_is_nearly_the_same_for_any_noise(shipped):
    # Without a condition final images differ widely, predictions at pure noise hardly.
    settings = Settings("", "", guidance=1.0)
    answer = step_comparison.one_pass(settings, shipped, range(8))
    assert answer.one.shape == answer.mean.shape == checkpoints.load().shape
    *_, last = sample_steps(Settings("", "", steps=12, guidance=1.0), seeds=range(8))
    finished = last.x.numpy()
    assert answer.spread < 0.5 * np.sqrt(((finished - finished.mean(0)) ** 2).mean())


def test_a_comparison_without_evaluations_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        next(step_comparison.race_samplers(SETTINGS, ("ddim",), 0))


def test_one_step_is_compared_with_many_without_guidance_and_loses_less_where_a_prompt_says_more():
    denoiser = checkpoints.load(checkpoints.QUICK)
    found = {
        prompt: step_comparison.one_step_or_many(
            Settings(prompt, style, guidance=1.0, model=checkpoints.QUICK), denoiser, range(4)
        )
        for prompt, style in (("", ""), ("sunflower", "noto"))
    }
    free, given = found[""], found["sunflower"]
    assert free.detail_share < 0.7 < given.detail_share
    assert free.detail[0] == pytest.approx(free.detail_share * free.detail[-1])
    with pytest.raises(ValueError, match="guidance"):
        step_comparison.one_step_or_many(Settings("sunflower", guidance=3.0), denoiser, range(4))
