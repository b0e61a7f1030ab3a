import dataclasses

import numpy as np
import pytest
from helpers import make_tiny

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


@pytest.mark.slow
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


def test_samplers_that_have_no_eta_run_beside_one_that_has():
    noisy = dataclasses.replace(SETTINGS, eta=0.5, guidance=1.0)
    *_, seen = step_comparison.race_samplers(noisy, ("ddim", "heun"), 2)
    assert set(seen) == {"ddim", "heun"} and len(seen["ddim"]) == 3
    assert next(step_comparison.reference_steps(noisy)).t == 1


def test_distances_count_nfe_and_end_at_the_final_images_rmse():
    *_, seen = step_comparison.race_samplers(SETTINGS, ("heun",), 5)
    target = np.zeros(checkpoints.load().shape, np.float32)
    images = np.stack([step.x0[0].numpy() for step in seen["heun"]])
    made, far = step_comparison.distances(images, "heun", 3, target)
    assert made == [1, 3, 5, 5]
    assert far[-1] == pytest.approx(rmse(seen["heun"][-1].x[0].numpy(), target))


def test_lockstep_shows_each_sampler_as_it_stands_after_each_evaluation():
    frames = np.arange(4)
    assert step_comparison.align_by_nfe(frames, "ddim", 3, 3).tolist() == [0, 0, 1, 3]
    assert step_comparison.align_by_nfe(frames, "heun", 3, 5).tolist() == [0, 0, 0, 1, 1, 3]
    assert step_comparison.align_by_nfe(frames, "heun", 3, 6).tolist()[-1] == 3


def test_a_difference_image_is_grey_where_images_agree_and_clipped_where_they_do_not():
    image, reference = np.zeros((3, 2, 2)), np.zeros((3, 2, 2))
    image[:, 0, 0], image[:, 1, 1] = 0.05, -0.5
    seen = step_comparison.difference_image(image, reference)
    assert seen[0].tolist() == [[pytest.approx(0.4), 0], [0, -1]]


def test_the_plane_of_paths_that_lie_in_one_keeps_their_distances():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(48, 2)))[0].T  # two orthonormal directions among 48
    angle = np.linspace(np.pi, 0.2, 9)
    inside = {
        "arc": np.stack([3 * np.cos(angle), np.sin(angle)], 1),
        "chord": np.linspace([-3, 0], [3, 0.2], 4),
    }
    paths = {name: (p @ basis + 5).reshape(-1, 3, 4, 4) for name, p in inside.items()}
    found = step_comparison.principal_plane(paths)
    assert sum(found.shares) == pytest.approx(1) and found.shares[0] > found.shares[1]
    for name, p in inside.items():
        before, after = (np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (p, found.paths[name]))
        assert np.allclose(before, after)
    arc = found.paths["arc"]
    assert arc[-1, 0] > arc[0, 0] and arc[4, 1] > (arc[0, 1] + arc[-1, 1]) / 2  # signs, which PCA leaves open


def test_the_shares_of_a_plane_are_shares_of_the_variance_of_all_points():
    points = np.array([[x, y, z] for x in (-3, 3) for y in (-2, 2) for z in (-1, 1)], float)
    found = step_comparison.principal_plane({"a": points[:3], "b": points[3:]})
    assert found.shares == pytest.approx((9 / 14, 4 / 14))
    # No plane brings points further apart than they are.
    flat = np.concatenate(list(found.paths.values()))
    between = [np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (points, flat)]
    assert (between[1] <= between[0] + 1e-9).all()


@pytest.mark.parametrize("points", [np.zeros((2, 3)), np.ones((5, 3)), np.arange(5.0)[:, None]])
def test_points_that_span_no_plane_are_refused(points):
    with pytest.raises(ValueError, match="three points"):
        step_comparison.principal_plane({"a": points})


def test_rmse_of_known_images():
    a = np.zeros((3, 4, 4))
    assert rmse(a, a) == 0
    assert rmse(a - 1, a + 1) == 2
    assert step_comparison.rank_by_distance({"x": a + 0.5, "y": a + 0.1}, a)[0] == ("y", pytest.approx(0.1))


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_every_image_of_one_step_or_many_is_the_given_networks():
    given, other = (make_tiny(seed=seed) for seed in (0, 1))
    settings = Settings("red heart", guidance=1.0, model=checkpoints.QUICK)
    found, changed = (step_comparison.one_step_or_many(settings, net, range(2)) for net in (given, other))
    for a, b in zip(found.images, changed.images, strict=True):
        assert not np.allclose(a, b)
