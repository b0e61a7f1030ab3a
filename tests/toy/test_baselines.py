"""VAE, GAN, distillation and reflow on points: their losses against closed forms, and what each learns."""

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
@pytest.mark.slow
def test_each_learns_where_a_ring_lies(name):
    _, run, data = learned(MODELS[name], steps=700 if name == "GAN" else 300)
    far = [diffusion2d.max_nn_distance(s.samples, data) for s in run]
    assert run[1].samples.shape == (diffusion2d.POINTS, 2) and np.isfinite(run[1].loss)
    assert far[1] < 0.35 and far[1] < far[0] / 2


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_trains_the_same_model(name):
    first, again = (learned(MODELS[name], steps=5)[1][1] for _ in range(2))
    assert np.array_equal(first.samples, again.samples) and first.loss == again.loss


@pytest.mark.parametrize("name", MODELS)
def test_samples_stay_within_the_limit_of_the_data(name):
    drawn = diffusion2d.init_model(MODELS[name], 1).sample(
        100 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    )
    assert drawn.abs().max() <= diffusion2d.DATA_LIMIT + 1e-6


def test_the_kl_divergence_of_gaussians_is_torchs():
    rng = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 7, 2, generator=rng)
    normal = torch.distributions.Normal(0.0, 1.0)
    gaussians = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(gaussians, normal).sum(-1)
    assert torch.allclose(baselines.kl_divergence(mean, log_variance), expected, atol=1e-6)


def test_an_undecided_discriminator_gives_the_generator_a_loss_of_log_two():
    model = diffusion2d.init_model(baselines.GAN, 0)
    with torch.no_grad():
        for weight in model.discriminator.parameters():
            weight.zero_()  # even chances, whatever it is shown
    x0 = torch.zeros(64, 2)
    loss = model.step(x0, torch.Generator().manual_seed(0), rate=0.0)
    assert loss == pytest.approx(np.log(2), abs=1e-4)


@pytest.mark.slow
def test_a_trained_vae_reconstructs_what_it_encodes():
    model, _, data = learned(baselines.VAE)
    points = torch.from_numpy(data)
    with torch.inference_mode():
        mean, _ = baselines.apply_net(model.encoder, points).chunk(2, dim=1)
        restored = baselines.apply_net(model.decoder, mean)
    assert (restored - points).norm(dim=1).mean() < 2 * baselines.DECODER_STD


@pytest.mark.slow
def test_a_student_with_one_evaluation_is_nearer_than_its_teacher_with_one():
    teacher, _, data = learned(lambda: diffusion2d.Diffusion("v"))
    student = diffusion2d.init_model(lambda: baselines.DistilledStudent(teacher), 1)
    (end,) = diffusion2d.train(
        student, np.full((4, 2), np.nan, np.float32), 300, 1, (300,)
    )  # data it must not look at
    noise = diffusion2d.initial_noise(1)
    once = teacher.path(noise, 1)[-1]
    far = (torch.from_numpy(end.samples) - teacher.sample(noise)).norm(dim=1).mean()
    assert far < (once - teacher.sample(noise)).norm(dim=1).mean() / 3
    assert (
        diffusion2d.max_nn_distance(end.samples, data) < diffusion2d.max_nn_distance(once.numpy(), data) / 3
    )


def test_a_step_of_flow_matching_is_an_euler_step_along_its_velocity():
    flow = diffusion2d.init_model(lambda: diffusion2d.Diffusion("u", "flow"), 0)
    noise = 0.1 * diffusion2d.initial_noise(0, 20)  # near the middle, where nothing is cut off at the edge
    path = flow.path(noise, 4)
    angle = flow.schedule.angle(torch.ones(20, dtype=torch.float64)).float()
    with torch.inference_mode():
        velocity = flow.net(noise, angle)
    assert torch.allclose(path[1], noise - velocity / 4, atol=1e-5)


@pytest.mark.slow
def test_reflow_makes_trajectories_straighter_and_leaves_less_loss():
    """Its loss is the variance of the velocities of paths through one state: 0 only if no two of them cross."""
    teacher, run, data = learned(lambda: diffusion2d.Diffusion("u", "flow"))
    model = diffusion2d.init_model(lambda: baselines.Reflow(teacher), 0)
    (end,) = diffusion2d.train(model, data, 300, 0, (300,))
    noise = diffusion2d.initial_noise(0)
    bent, straight = (baselines.path_length_ratio(m.path(noise, 16)) for m in (teacher, model))
    assert straight < 1.05 < bent
    assert 0 < end.loss < run[1].loss / 4


def test_a_teacher_with_one_evaluation_predicts_the_mean_of_the_data():
    teacher, _, data = learned(lambda: diffusion2d.Diffusion("v"), "four spots")
    once = teacher.path(diffusion2d.initial_noise(1), 1)[-1].numpy()
    assert np.abs(once.mean(0) - data.mean(0)).max() < 0.2
    assert once.std() < data.std() / 4


def test_against_the_best_discriminator_a_missing_mode_costs_the_generator():
    """Goodfellow et al. 2014, theorem 1, on four modes: the generator's optimum is the distribution of the data."""
    data = np.full(4, 1 / 4)

    def value(generated):
        best = data / (data + generated)  # proposition 1
        return (data * np.log(best)).sum() + (
            generated[generated > 0] * np.log(1 - best[generated > 0])
        ).sum()

    assert value(data) == pytest.approx(-np.log(4))
    assert value(np.array([1 / 3, 1 / 3, 1 / 3, 0.0])) > value(data) + 0.1


def test_the_length_ratio_is_one_for_straight_paths_and_larger_for_others():
    straight = torch.tensor([[[0.0, 0.0]], [[1.0, 1.0]], [[3.0, 3.0]]])
    corner = torch.tensor([[[0.0, 0.0]], [[3.0, 0.0]], [[3.0, 4.0]]])
    assert baselines.path_length_ratio(straight) == pytest.approx(1)
    assert baselines.path_length_ratio(corner) == pytest.approx(7 / 5)
