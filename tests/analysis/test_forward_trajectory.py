import numpy as np
import pytest

from diffviz.analysis import forward_trajectory
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation import metrics


def image():
    return np.random.default_rng(0).uniform(-1, 1, (3, 32, 32)).astype(np.float32)


def record(name="cosine", total=100, seed=0, frames=50):
    x0 = image()
    schedule = SCHEDULES[name]
    return forward_trajectory.record_forward(
        x0, forward_trajectory.forward_states(x0, schedule, total, seed, frames), schedule, total
    )


@pytest.mark.parametrize(("total", "frames"), [(10, 11), (50, 51), (1000, 51)])
def test_a_chain_starts_clean_and_keeps_both_ends(total, frames):
    chain = record(total=total)
    assert len(chain.x) == frames
    assert chain.step[0] == 0 and chain.step[-1] == total
    assert np.array_equal(chain.x[0], image())


@pytest.mark.parametrize("name", SCHEDULES)
def test_signal_and_noise_add_up_to_what_is_seen(name):
    chain = record(name)
    assert np.allclose(chain.signal + chain.noise, chain.x, atol=1e-6)
    spread = chain.noise.std((1, 2, 3))
    assert np.allclose(spread, chain.sigma, atol=0.05)


def test_the_seed_fixes_the_chain():
    assert np.array_equal(record(seed=1).x, record(seed=1).x)
    assert not np.array_equal(record(seed=1).x[1:], record(seed=2).x[1:])


@pytest.mark.parametrize("name", SCHEDULES)
def test_both_ways_give_the_same_distribution(name):
    for s in forward_trajectory.pixel_samples(image(), SCHEDULES[name], 50, (0.1, 0.5, 1.0), seed=0):
        assert len(s.one_jump) == len(s.step_by_step) == 8 * 3 * 32 * 32
        assert not np.array_equal(s.one_jump, s.step_by_step)
        # twice the level that chance alone passes one time in twenty
        assert metrics.ks_distance(s.one_jump, s.step_by_step) < 2 * metrics.ks_limit(24576, 24576)


def test_at_the_end_the_pixels_are_standard_normal():
    values = forward_trajectory.pixel_samples(image(), SCHEDULES["cosine"], 50, (1.0,), seed=0)[
        0
    ].step_by_step
    normal = np.random.default_rng(1).normal(size=len(values))
    assert metrics.ks_distance(values, normal) < 2 * metrics.ks_limit(len(values), len(values))
