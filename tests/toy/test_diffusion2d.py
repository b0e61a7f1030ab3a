"""Points in the plane: drawn as asked, learned with each target, and compared by a distance whose value is known."""

import copy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import ROOT

from diffviz.analysis.prediction_targets import TARGETS
from diffviz.toy import diffusion2d


@pytest.mark.parametrize("shape", list(diffusion2d.SHAPES))
def test_shapes_stay_within_reach_and_follow_their_seed(shape):
    found = diffusion2d.points(shape, 500, 1)
    assert found.shape == (500, 2) and found.dtype == np.float32
    assert np.abs(found).max() < diffusion2d.DATA_LIMIT
    assert np.array_equal(found, diffusion2d.points(shape, 500, 1))
    assert not np.array_equal(found, diffusion2d.points(shape, 500, 2))


def test_eight_points_are_eight():
    assert len(np.unique(diffusion2d.points("eight points", 400, 0).round(3), axis=0)) == 8


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_network_learns_where_the_points_lie(target):
    data = diffusion2d.points("four spots", 1000, 0)
    run = list(
        diffusion2d.train(
            diffusion2d.init_model(lambda: diffusion2d.Diffusion(target), 0), data, 300, 0, (0, 300)
        )
    )
    far = [diffusion2d.max_nn_distance(s.samples, data[: diffusion2d.POINTS]) for s in run]
    assert [s.step for s in run] == [0, 300]
    assert np.isnan(run[0].loss) and run[1].loss > 0
    assert far[1] < 0.15 and far[1] < far[0] / 3


def test_training_leaves_everyone_elses_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    list(
        diffusion2d.train(
            diffusion2d.init_model(lambda: diffusion2d.Diffusion("eps"), 9),
            diffusion2d.points("ring", 50, 0),
            3,
            9,
            (0, 3),
        )
    )
    assert torch.equal(torch.rand(1), expected)


def test_visitors_at_the_same_time_get_the_weights_of_their_own_seeds():
    def first_weight(seed):
        return float(
            diffusion2d.init_model(lambda: diffusion2d.Diffusion("v"), seed)
            .net.layers[0]
            .weight[0, 0]
            .detach()
        )

    alone = [first_weight(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(first_weight, [0, 1, 2, 3] * 25)) == alone * 25


def test_the_same_seed_trains_the_same_network():
    data = diffusion2d.points("ring", 100, 0)
    makers = (diffusion2d.init_model(lambda: diffusion2d.Diffusion("v"), 4) for _ in range(2))
    first, again = (next(diffusion2d.train(model, data, 20, 4, (20,))) for model in makers)
    assert np.array_equal(first.samples, again.samples) and first.loss == again.loss


def test_the_distance_counts_what_is_missing_and_what_is_too_much():
    a, b = np.zeros((3, 2)), np.array([[0.0, 0.0], [3.0, 4.0]])
    assert diffusion2d.max_nn_distance(a, a) == 0
    assert (
        diffusion2d.max_nn_distance(a, b) == diffusion2d.max_nn_distance(b, a) == pytest.approx(2.5)
    )  # one of the two lies 5 away


@pytest.mark.parametrize("shape", list(diffusion2d.MODES))
def test_the_data_cover_their_modes_and_a_model_that_collapsed_covers_fewer(shape):
    data, modes = diffusion2d.points(shape, 400, 0), len(diffusion2d.MODES[shape])
    assert diffusion2d.modes_covered(data, shape) == (modes, modes)
    left = data[data[:, 0] < 0]
    assert 0 < diffusion2d.modes_covered(left, shape)[0] < modes
    assert diffusion2d.modes_covered(np.zeros((400, 2), np.float32), shape) == (0, modes)
    few = np.concatenate([left, data[data[:, 0] > 0][:1]])  # one sample alone does not cover a mode
    assert diffusion2d.modes_covered(few, shape) == diffusion2d.modes_covered(left, shape)


def test_a_shape_without_separate_modes_has_no_count():
    assert diffusion2d.modes_covered(diffusion2d.points("ring", 50, 0), "ring") is None


def test_points_are_drawn_where_they_are_and_left_out_beyond_the_edge():
    red, grey = (200, 0, 0), (9, 9, 9)
    sheet = diffusion2d.scatter_image(
        diffusion2d.Dots(np.array([[0.0, 0.0], [99.0, 0.0]]), red, wide=2), size=64
    )
    marked = np.argwhere((sheet == red).all(-1))
    assert len(marked) == 4
    assert np.abs(marked - 31.5).max() < 2
    corners = np.array(
        [[-diffusion2d.DATA_LIMIT, -diffusion2d.DATA_LIMIT], [diffusion2d.DATA_LIMIT, diffusion2d.DATA_LIMIT]]
    )
    sheet = diffusion2d.scatter_image(
        diffusion2d.Dots(corners, grey, wide=3), diffusion2d.Dots(corners[:1], red, wide=1), size=64
    )
    assert (sheet[:3, -3:] == grey).all()  # up is up, and no dot is cut at the edge
    assert (sheet[-1, 0] == red).all() and (sheet[-2, 0] == grey).all()  # later layers lie on top


def test_trails_lead_from_a_path_s_beginning_to_its_end():
    path = np.array([[[0.0, 0.0]], [[1.0, 0.0]], [[1.0, 1.0]]])
    found = diffusion2d.paths(path, 1)
    assert np.abs(found.min(0) - 0).max() < 1e-9 and np.abs(found.max(0) - 1).max() < 1e-9
    on_the_way = (np.isclose(found[:, 1], 0)) | (np.isclose(found[:, 0], 1))
    assert on_the_way.all()
    assert len(diffusion2d.paths(path[:1], 1)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.99)])
def test_adam_is_torchs_to_the_bit(betas):
    net = diffusion2d.PointNet()
    nets = [net, copy.deepcopy(net)]
    own = diffusion2d.Adam(nets[0], betas=betas)
    theirs = torch.optim.Adam(nets[1].parameters(), diffusion2d.RATE, betas, foreach=False)
    x, angle = torch.randn(64, 2, generator=torch.Generator().manual_seed(0)), torch.linspace(0, 1.5, 64)
    for step in range(20):
        rate = 1 - step / 20
        own.step(nets[0](x, angle).pow(2).mean(), rate)
        theirs.param_groups[0]["lr"] = diffusion2d.RATE * rate
        theirs.zero_grad()
        nets[1](x, angle).pow(2).mean().backward()
        theirs.step()
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
def test_training_does_not_import_torchs_compiler():
    """Which takes seconds, before the first frame of a server's first visitor."""
    code = (
        "import sys, numpy as np; from diffviz.toy import diffusion2d as d; m = d.Diffusion('v'); "
        "[*d.train(m, d.points('ring', 20, 0), 2, 0, (0, 2))]; sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
