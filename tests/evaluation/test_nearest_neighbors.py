"""The search for copies: copies are found, and the threshold is that of the reference set that ships."""

import json

import numpy as np
import pytest
import torch

from diffviz.evaluation import nearest_neighbors
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_images
from diffviz.training import build_reference_set
from diffviz.ui import charts, theme
from diffviz.ui.lessons import memorization


def images(n, size=32, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_distance_is_the_rms_over_all_pixels_and_colours():
    far = nearest_neighbors.distances(torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.25))
    assert far.item() == pytest.approx(0.25)


def test_an_image_is_at_no_distance_from_itself():
    drawings = images(64)
    assert nearest_neighbors.distances(drawings, drawings).diag().max() < 1e-6


def test_a_mirrored_copy_is_a_copy():
    drawings = images(5)
    far = nearest_neighbors.distances(drawings[2:3].flip(-1), drawings)
    assert far[0].argmin() == 2 and far[0, 2] < 1e-3
    assert far[0, [0, 1, 3, 4]].min() > 0.5


def test_larger_images_are_averaged_down_first():
    large = images(2, size=64)
    small = torch.nn.functional.avg_pool2d(large, 2)
    assert nearest_neighbors.distances(large, small).diag() == pytest.approx(0, abs=1e-3)


def test_drawings_kept_as_bytes_give_the_same_distances_in_any_portion():
    kept = (torch.rand(7, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 255).byte()
    whole = nearest_neighbors.distances(images(3), kept.float() / 127.5 - 1)
    assert torch.allclose(nearest_neighbors.distances(images(3), kept, at_once=2), whole, atol=1e-5)


def test_the_sheet_keeps_every_drawing_in_its_place():
    made = np.random.default_rng(0).integers(0, 256, (200, 32, 32, 3), np.uint8)
    sheet = np.asarray(build_reference_set.sheet(made))
    row, column = divmod(150, build_reference_set.COLUMNS)
    cell = sheet[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
    assert (cell == made[150]).all()


@pytest.mark.slow
def test_the_nearest_of_a_drawing_is_that_drawing_in_what_ships():
    drawings = nearest_neighbors.load_reference_set()
    for i in (0, 4000, len(drawings.labels) - 1):
        picture = drawings.images[i].float() / 127.5 - 1
        found = drawings.nearest(picture, 3)
        assert found[0].distance == pytest.approx(0, abs=1e-6)
        assert (found[0].image == drawings.images[i].permute(1, 2, 0).numpy()).all()
        assert [n.distance for n in found] == sorted(n.distance for n in found)


def test_the_drawings_that_ship_are_named_and_none_is_left_over():
    drawings, words = nearest_neighbors.load_reference_set(), checkpoints.load().vocabulary
    assert len(drawings.images) == len(drawings.labels) == len(drawings.styles) > 8000
    assert set(drawings.labels) <= {x["label"] for x in words.labels}
    assert set(drawings.styles) == set(words.styles)


def test_the_share_of_new_drawings_grows_with_the_distance():
    drawings = nearest_neighbors.load_reference_set()
    assert drawings.percentile(0) == 0 and drawings.percentile(2) == 1
    assert drawings.percentile(float(np.median(drawings.heldout_distances))) == pytest.approx(0.5, abs=0.02)


def test_missing_drawings_are_none_and_not_an_error(tmp_path):
    assert nearest_neighbors.load_reference_set(tmp_path) is None
    assert nearest_neighbors.memorization_results("emoji64", tmp_path) is None


def test_what_was_measured_brings_its_settings_and_the_weights_it_is_of(tmp_path):
    (tmp_path / "curves").mkdir()
    file = {"weights_sha256": "ab", "settings": {"steps": 30}, "memorisation": {"limit": 0.1}}
    (tmp_path / "curves" / "evaluation-x.json").write_text(json.dumps(file))
    assert nearest_neighbors.memorization_results("x", tmp_path) == {
        "limit": 0.1,
        "steps": 30,
        "weights_sha256": "ab",
    }


def measured(name):
    found = nearest_neighbors.memorization_results(name)
    if found is None:
        pytest.skip(f"{name} has not been measured yet")
    return found


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_measured_shares_agree_with_their_histograms_and_their_limit(name):
    """The page's percentages: 5 % of the held-out images by construction, the others within the bin of the limit."""
    found = measured(name)
    edges, limit = np.array(found["edges"]), found["limit"]
    bin_of_limit = int(np.searchsorted(edges, limit, side="right")) - 1
    expected = {"heldout": nearest_neighbors.COPY_QUANTILE}
    for part in ("heldout", "new_captions", "trained_captions"):
        shares = np.cumsum([0.0, *found[part]["shares"]])
        share = expected.get(part) or found[part]["suspicious"]["value"]
        rounding = 1 / found[part]["n"]
        assert shares[bin_of_limit] - rounding <= share <= shares[bin_of_limit + 1] + rounding


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_mark_in_the_chart_is_on_the_side_of_the_limit_that_the_page_states(name):
    """The verdict searches compressed training images, the measured limit is of the original ones."""
    reference = nearest_neighbors.load_reference_set()
    limit = measured(name)["limit"]
    threshold = float(np.quantile(reference.heldout_distances, nearest_neighbors.COPY_QUANTILE))
    assert limit < threshold < 1.2 * limit  # compression moves the two apart by less than a fifth
    for distance in np.linspace(0, 2, 41):
        near = distance < threshold
        assert (memorization.without_compression(distance, limit) < limit) == near
        assert (memorization.classify_distance(reference.percentile(distance)) == memorization.COPY) == near


@pytest.mark.parametrize(
    ("interval", "says"),
    [([0.06, 0.1], "more"), ([0.01, 0.04], "fewer"), ([0.04, 0.06], "no clear difference")],
)
def test_a_share_is_compared_with_the_held_out_one_by_its_interval(interval, says):
    part = {"suspicious": {"value": sum(interval) / 2, "interval": interval}}
    assert memorization.compare_with_heldout(part).startswith(says)


@pytest.mark.slow
def test_a_design_that_was_trained_on_three_times_is_copied_more_closely_than_one_of_its_own():
    """The closing question of the page: flat, gradient and 3d share their designs, twemoji has its own."""
    reference = nearest_neighbors.load_reference_set()
    trained = set(zip(reference.labels, reference.styles, strict=True))
    assert {("cat face", style) for style in ("flat", "gradient", "3d", "twemoji")} <= trained

    def nearest(style):
        settings = Settings("cat face", style, 0, 12, "unipc", 3.0, model=checkpoints.QUICK)
        return nearest_neighbors.distances(sample_images(settings, range(4)), reference.images).amin(1)

    assert nearest("gradient").mean() < nearest("twemoji").mean() / 2


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, memorization.COPY), (0.05, memorization.TYPICAL), (0.9, memorization.FAR)]
)
def test_the_verdict_follows_the_yardstick(share, said):
    assert memorization.classify_distance(share) == said


def test_the_chart_reaches_as_far_as_the_image_it_marks():
    part = {"shares": [0.5, 0.5, 0.0, 0.0]}
    found = {"edges": [0, 0.1, 0.2, 0.3, 0.4], "limit": 0.05}
    found |= dict.fromkeys(("heldout", "new_captions", "trained_captions"), part)
    figure = charts.neighbor_distances(found, 0.9, theme.LIGHT)
    assert figure.layout.xaxis.range[1] > 0.9
    assert [s.x0 for s in figure.layout.shapes] == [0.05, 0.9]
