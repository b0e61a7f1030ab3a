"""The relatives of diffusion on points: their losses against closed forms, what each learns, and ways that are straight."""

import numpy as np
import pytest
import torch

from diffviz.toy import baselines, diffusion2d

MODELS = {"VAE": baselines.VAE, "GAN": baselines.GAN, "flow": lambda: diffusion2d.Diffusion("u", "flow")}


def learned(kind, shape="ring", steps=300, seed=0):
    data = diffusion2d.points(shape, 1000, seed)
    model = diffusion2d.init_model(kind, seed)
    return model, list(diffusion2d.train(model, data, steps, seed, (0, steps))), data[: diffusion2d.POINTS]


@pytest.mark.parametrize("name", MODELS)
def test_each_learns_where_a_ring_lies(name):
    _, run, data = learned(MODELS[name], steps=700 if name == "GAN" else 300)
    far = [diffusion2d.max_nn_distance(s.samples, data) for s in run]
    assert run[1].samples.shape == (diffusion2d.POINTS, 2) and np.isfinite(run[1].loss)
    assert far[1] < 0.35 and far[1] < far[0] / 2


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_trains_the_same_maker(name):
    first, again = (learned(MODELS[name], steps=5)[1][1] for _ in range(2))
    assert np.array_equal(first.samples, again.samples) and first.loss == again.loss


@pytest.mark.parametrize("name", MODELS)
def test_what_is_drawn_stays_within_reach(name):
    drawn = diffusion2d.init_model(MODELS[name], 1).sample(
        100 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    )
    assert drawn.abs().max() <= diffusion2d.DATA_LIMIT + 1e-6


def test_the_divergence_of_bells_is_torchs():
    rng = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 7, 2, generator=rng)
    normal = torch.distributions.Normal(0.0, 1.0)
    bells = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(bells, normal).sum(-1)
    assert torch.allclose(baselines.kl_divergence(mean, log_variance), expected, atol=1e-6)


def test_a_critic_at_a_loss_leaves_the_generator_with_log_two():
    model = diffusion2d.init_model(baselines.GAN, 0)
    with torch.no_grad():
        for weight in model.discriminator.parameters():
            weight.zero_()  # even chances, whatever it is shown
    x0 = torch.zeros(64, 2)
    loss = model.step(x0, torch.Generator().manual_seed(0), rate=0.0)
    assert loss == pytest.approx(np.log(2), abs=1e-4)


def test_a_vae_that_learned_restores_what_it_encodes():
    model, _, data = learned(baselines.VAE)
    points = torch.from_numpy(data)
    with torch.inference_mode():
        mean, _ = baselines.apply_net(model.encoder, points).chunk(2, dim=1)
        restored = baselines.apply_net(model.decoder, mean)
    assert (restored - points).norm(dim=1).mean() < 2 * baselines.DECODER_STD


def test_a_pupil_comes_nearer_in_one_call_than_its_teacher():
    teacher, _, data = learned(lambda: diffusion2d.Diffusion("v"))
    student = diffusion2d.init_model(lambda: baselines.DistilledStudent(teacher), 1)
    (end,) = diffusion2d.train(
        student, np.full((4, 2), np.nan, np.float32), 300, 1, (300,)
    )  # data it must not look at
    static = diffusion2d.initial_noise(1)
    once = teacher.path(static, 1)[-1]
    far = (torch.from_numpy(end.samples) - teacher.sample(static)).norm(dim=1).mean()
    assert far < (once - teacher.sample(static)).norm(dim=1).mean() / 3
    assert (
        diffusion2d.max_nn_distance(end.samples, data) < diffusion2d.max_nn_distance(once.numpy(), data) / 3
    )


def test_flow_matching_walks_along_its_velocity():
    flow = diffusion2d.init_model(lambda: diffusion2d.Diffusion("u", "flow"), 0)
    static = 0.1 * diffusion2d.initial_noise(0, 20)  # near the middle, where nothing is cut off at the edge
    path = flow.path(static, 4)
    angle = flow.schedule.angle(torch.ones(20, dtype=torch.float64)).float()
    with torch.inference_mode():
        velocity = flow.net(static, angle)
    assert torch.allclose(path[1], static - velocity / 4, atol=1e-5)


def test_a_straightened_flow_is_straighter_than_its_teacher():
    teacher, _, data = learned(lambda: diffusion2d.Diffusion("u", "flow"))
    model = diffusion2d.init_model(lambda: baselines.Reflow(teacher), 0)
    list(diffusion2d.train(model, data, 300, 0, (300,)))
    static = diffusion2d.initial_noise(0)
    bent, straight = (baselines.path_length_ratio(m.path(static, 16)) for m in (teacher, model))
    assert straight < 1.05 < bent


def test_a_detour_is_one_for_straight_ways_and_the_ratio_of_lengths_otherwise():
    straight = torch.tensor([[[0.0, 0.0]], [[1.0, 1.0]], [[3.0, 3.0]]])
    corner = torch.tensor([[[0.0, 0.0]], [[3.0, 0.0]], [[3.0, 4.0]]])
    assert baselines.path_length_ratio(straight) == pytest.approx(1)
    assert baselines.path_length_ratio(corner) == pytest.approx(7 / 5)
