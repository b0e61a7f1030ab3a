"""What a network generates badly, and the category of a prompt."""

import json

import pytest

from diffviz.evaluation import categories
from diffviz.models import checkpoints


@pytest.fixture(scope="module")
def words():
    return checkpoints.load(checkpoints.DEFAULT).vocabulary


def test_every_subgroup_has_a_category_and_every_category_a_subgroup(words):
    assert {categories.category_of(label["subgroup"]) for label in words.labels} == set(categories.CATEGORIES)
    with pytest.raises(ValueError, match="no category"):
        categories.category_of("typography")


def test_fruit_is_no_meal_though_both_are_food():
    assert categories.category_of("food-fruit") == "fruit and vegetables"
    assert categories.category_of("food-asian") == "meals and drinks"


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("hammer", "tools and devices"),
        ("red heart", "hearts"),
        ("heart red", "hearts"),  # words are a set
        ("fire truck", None),  # half of it is not enough: neither fire nor any one truck
        ("", None),
        ("qwertz", None),
    ],
)
def test_a_prompt_has_the_category_of_the_label_that_it_names(words, prompt, kind):
    assert categories.category_of_prompt(words.read(prompt).words, words) == kind


def evaluation(value, interval, n):
    side = {"n": n, "label_top5": {"value": value, "interval": interval}}
    real = {"n": 10, "label_top5": {"value": 0.8, "interval": [0.5, 1.0]}}
    return {"weights_sha256": "abc", "all": {"kinds": {"clocks": {"generated": side, "real": real}}}}


@pytest.mark.parametrize(
    ("value", "interval", "n", "weak"),
    [(0.2, [0.1, 0.3], 50, True), (0.3, [0.1, 0.5], 50, False), (0.2, [0.1, 0.3], 9, False)],
)
def test_a_category_is_weak_only_if_its_interval_says_so(tmp_path, value, interval, n, weak):
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "evaluation-net.json").write_text(json.dumps(evaluation(value, interval, n)))
    assert categories.category_results("net", "abc", tmp_path)["clocks"].weak is weak


def test_figures_of_other_weights_are_not_used(tmp_path):
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "evaluation-net.json").write_text(json.dumps(evaluation(0.2, [0.1, 0.3], 50)))
    assert categories.category_results("net", "other", tmp_path) == {}
    assert categories.category_results("absent", "abc", tmp_path) == {}
