"""The figures of the model card, on images whose answer is known."""

import csv
import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import make_tiny_latent, tiny_data

from diffviz.evaluation import nearest_neighbors
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.training import evaluate, reproduce
from diffviz.training.batch_generation import head_of_images, keep
from diffviz.training.model_card import sections
from diffviz.training.train_denoiser import Recipe
from diffviz.ui import charts, theme


def images(n, seed, size=32):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_a_copy_is_at_distance_nothing_and_any_other_image_is_not():
    training = images(50, 0)
    far = evaluate.nearest_distances(torch.cat([training[7:9], images(2, 1)]), training)
    assert far[:2] == pytest.approx(0, abs=1e-3)
    assert far[2:].min() > 0.5


def test_the_distance_is_the_rms_over_the_pixels():
    training, shifted = torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.25)
    assert evaluate.nearest_distances(shifted, training) == pytest.approx(0.25)


def test_large_images_are_averaged_down_before_they_are_compared():
    large = images(3, 0, size=64)
    small = torch.nn.functional.avg_pool2d(large, 2)
    assert evaluate.nearest_distances(large, small) == pytest.approx(0, abs=1e-3)


def test_a_network_that_copies_is_suspicious_and_one_like_the_heldout_is_not():
    heldout = np.random.default_rng(0).normal(0.4, 0.05, 4000)
    fresh = np.random.default_rng(1).normal(0.4, 0.05, 4000)
    found = evaluate.memorization_figures({"fresh": fresh, "copies": np.full(100, 0.01)}, heldout)
    low, high = found["fresh"]["suspicious"]["interval"]
    assert low <= 0.05 <= high
    assert found["copies"]["suspicious"]["value"] == 1
    assert sum(found["heldout"]["shares"]) == pytest.approx(1, abs=1e-3)


def log(path, losses):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["images", "minutes", "loss", "heldout_loss", "rate", "images_per_second"])
        for n, loss in losses:
            writer.writerow([n, "1", "0.05", "", "1", "100"])
            writer.writerow([n, "1", "", loss, "", ""])
    return path


def test_the_prediction_carries_the_curve_on(tmp_path):
    halving = [(1000 * 2**k, 0.20 - 0.01 * k) for k in range(10)]
    said = sections.prediction(log(tmp_path / "log.csv", halving))
    assert "lowered it by 0.0100" in said and "would end at 0.0900" in said


def test_a_loss_that_no_longer_falls_is_said_to(tmp_path):
    said = sections.prediction(log(tmp_path / "log.csv", [(1000 * k, 0.1) for k in range(1, 10)]))
    assert "no longer fell" in said or "lowered it by 0.0000" in said
    rising = log(tmp_path / "rising.csv", [(1, 0.2), (2, 0.1), (3, 0.15)])
    assert "memorize" in sections.overfitting(rising, {"recipe": {}})
    crowded = sections.overfitting(rising, {"recipe": {"middle_share": 0.4}})
    assert "crowd in the middle" in crowded and "memorize" in crowded
    sessions = {"recipe": {"oversample_share": 0.4}, "earlier": [{"recipe": {"oversample_share": 0.0}}]}
    mixed = sections.overfitting(rising, sessions)  # a training loss of other images shows no memorizing
    assert "lowest at 0.1000" in mixed and "came more often" in mixed and "memorize" not in mixed


def test_the_histogram_is_wellformed_and_as_wide_as_its_data():
    from xml.etree import ElementTree as ET

    held = np.array([0.2, 0.3, 0.3, 0.4])
    memory = evaluate.memorization_figures({"new_captions": held, "trained_captions": held}, held)
    root = ET.fromstring(sections.histogram(memory))
    boxes = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("x")]
    assert len(boxes) > 5
    assert max(float(b.get("x")) for b in boxes) < 640


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_card_s_figure_and_the_lesson_s_chart_show_the_same_histogram(name):
    memory = nearest_neighbors.memorization_results(name)
    if memory is None:
        pytest.skip(f"{name} has not been measured yet")
    drawn = (ASSETS / "model" / f"memory-{name}.svg").read_text(encoding="utf-8")
    assert drawn == sections.histogram(memory)
    chart = charts.neighbor_distances(memory, 0.1, theme.LIGHT)
    bars, *lines = (trace.y for trace in chart.data)
    assert list(bars) == memory["new_captions"]["shares"]
    assert [list(y) for y in lines] == [memory[k]["shares"] for k in ("trained_captions", "heldout")]


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_shipped_figures_say_of_which_weights_they_are(name):
    path = ASSETS / "curves" / f"evaluation-{name}.json"
    if not path.exists():
        pytest.skip(f"{name} has not been measured yet")
    found = json.loads(path.read_text())
    digest = checkpoints.manifest()[name].sha256
    card = (ASSETS / "MODEL.md").read_text(encoding="utf-8")
    assert digest in card
    if found["weights_sha256"] != digest:
        assert "of earlier weights" in card


def test_parts_of_one_evaluation_are_put_together_and_those_of_another_dropped(tmp_path):
    path = tmp_path / "e.json"
    evaluate.write_results(path, {"weights_sha256": "a"}, {"everyday": 1})
    evaluate.write_results(path, {"weights_sha256": "a"}, {"all": 2})
    assert json.loads(path.read_text()) == {"weights_sha256": "a", "everyday": 1, "all": 2}
    evaluate.write_results(path, {"weights_sha256": "b"}, {"all": 3})
    assert json.loads(path.read_text()) == {"weights_sha256": "b", "all": 3}


def test_a_hue_is_met_round_the_circle_and_missed_by_other_colours():
    red = torch.tensor([1.0, -1.0, -0.9])[:, None, None].expand(3, 16, 16)  # a hue of about 254
    assert evaluate.has_hue(red, 0) and evaluate.has_hue(red, 250)
    assert not evaluate.has_hue(red, 85)
    assert not evaluate.has_hue(torch.zeros(3, 16, 16), 0)  # grey has no hue


def test_the_command_of_the_card_says_all_that_is_not_the_default():
    recipe = asdict(Recipe(flip=0.5, oversample_share=0.0, start="emoji32"))
    assert sections.flags(recipe) == " --flip 0.5 --start emoji32 --oversample-share 0.0"
    assert sections.flags(asdict(Recipe())) == ""
    del recipe["oversample_share"]  # weights from before a choice was there
    assert sections.flags(recipe) == " --flip 0.5 --start emoji32"


def test_the_card_gives_the_command_of_every_session():
    first = {"images": 40, "workers": 1, "data": "emoji64", "recipe": asdict(Recipe(channels=(8, 8)))}
    last = {
        **first,
        "images": 90,
        "data": "emoji64-tones",
        "recipe": asdict(Recipe(channels=(8, 8), skin_tone_weight=0.5)),
    }
    found = sections.commands("emoji64", 64, {**last, "earlier": [first]})
    assert [line.split()[2].rpartition(".")[2] for line in found] == [
        *["build_dataset"] * 2, *["train_denoiser"] * 3, "evaluate", "eval_outside",
    ]  # fmt: skip
    assert not any("encode_dataset" in line for line in found)
    assert "--images 40" in found[2] and "--resume" not in found[2]
    assert "--images 90" in found[3] and found[3].endswith("--skin-tone-weight 0.5 --resume")


def test_the_commands_of_a_latent_network_encode_its_images_first():
    recipe = {"channels": [8, 8], "start": "emoji32"}
    facts = {"images": 80, "workers": 1, "data": "latent128", "recipe": recipe}
    build, encode, train, *_, inside, outside = sections.commands("emoji128", 128, facts)
    assert "build_dataset --size 128 --out data/emoji128.npz" in build
    assert "encode_dataset --data data/emoji128.npz --out data/latent128.npz" in encode
    assert "train_denoiser --data data/latent128.npz" in train
    assert "evaluate --model emoji128" in inside and "eval_outside --model emoji128" in outside


def test_the_card_says_which_times_and_which_features_a_network_was_trained_with():
    recipe = asdict(Recipe(channels=(8, 8)))
    facts = {"images": 80, "workers": 1, "minutes": 1.0, "data": "latent128", "recipe": recipe}
    plain = sections.recipe_text(facts, "emoji128")
    assert "times spread evenly in each batch." in plain and "Inception" not in plain
    assert not any("alignment" in line for line in sections.commands("emoji128", 128, facts))
    facts["recipe"] = recipe | {"middle_share": 0.4, "align": 0.5}
    said = sections.recipe_text(facts, "emoji128")
    assert "40% of them from 0.3 to 0.7 alone" in said and "with weight 0.5" in said and "Inception" in said
    found = sections.commands("emoji128", 128, facts)
    assert found[2].endswith("alignment --data data/emoji128.npz --out data/features128.npz")
    assert "--middle-share 0.4 --align 0.5" in found[3]


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_a_shipped_network_is_made_again_by_every_session_and_left_unpublished(name, monkeypatch, capsys):
    run = []
    monkeypatch.setattr(reproduce.subprocess, "run", lambda command, check: run.append(" ".join(command[1:])))
    reproduce.main([name])
    told = capsys.readouterr().out.splitlines()
    card = [line.removeprefix("python ") for line in told]
    assert run == card[:-1] and card[-1].endswith(f"--out runs/again/{name} --publish")
    _, facts = checkpoints.metadata(ASSETS / checkpoints.manifest()[name].file)
    trained = [line for line in run if "train_denoiser" in line]
    assert len(trained) == len(facts.get("earlier", [])) + 1
    assert f"--images {facts['images']} " in trained[-1] and "--resume" not in trained[0]
    assert all(line.endswith("--resume") for line in trained[1:])
    run.clear()
    reproduce.main([name, "--list"])
    assert not run and capsys.readouterr().out.splitlines() == told


class Stubborn:
    """A classifier to whom everything is label 0, then 1 and so on: never 7."""

    subgroups = ("animal-bird", "tool")

    def predict(self, images):
        likelier_first = torch.arange(8, 0, -1).float()
        return likelier_first.repeat(len(images), 1), likelier_first[:2].repeat(len(images), 1), None


def test_agreement_is_taken_kind_by_kind_the_worst_first():
    label = np.array([0, 7, 0, 7])
    data = SimpleNamespace(label=label, subgroups=np.array(["animal-bird"] * 7 + ["tool"]))
    rows = np.arange(4)
    found = evaluate.by_category(Stubborn(), data, (images(6, 0), np.resize(rows, 6)), (images(4, 1), rows))
    assert list(found) == ["tools and devices", "animals"]
    assert found["animals"]["generated"]["n"] == 3 and found["animals"]["real"]["n"] == 2
    assert found["animals"]["generated"]["label_top5"]["value"] == 1
    assert found["tools and devices"]["generated"]["label_top5"]["value"] == 0


@pytest.mark.slow
def test_a_network_in_latents_is_measured_on_decoded_images(tmp_path, monkeypatch):
    denoiser = make_tiny_latent()
    monkeypatch.setattr(checkpoints, "read_denoiser", lambda *_: denoiser)
    monkeypatch.setattr(evaluate.classifier, "load", lambda path: Pale())
    seen = []
    kept = evaluate.nearest_distances
    monkeypatch.setattr(
        evaluate,
        "nearest_distances",
        lambda images, training: seen.append(training.shape) or kept(images, training),
    )
    data, out = tiny_data(tmp_path / "data.npz", 60, size=64), tmp_path / "evaluation.json"
    evaluate.main(
        [
            "--model",
            "emoji128",
            "--data",
            str(data),
            "--out",
            str(out),
            "--n",
            "32",
            "--steps",
            "1",
            "--sets",
            "everyday",
        ]
    )
    found = json.loads(out.read_text())
    assert found["everyday"]["generated"]["n"] == 32 and Pale.sides == {64}
    # Of the data that the weights name as theirs, latents, the images are what is compared.
    assert seen and all(shape[1:] == (3, 32, 32) for shape in seen)
    assert found["memorisation"]["new_captions"]["n"] == 32
    # Real images are less far from the held-out ones than those of a network that has learned nothing.
    assert found["everyday"]["kid_floor"]["value"] < found["everyday"]["kid"]["value"]


def test_images_of_another_size_and_files_of_latents_are_refused_in_a_sentence(tmp_path):
    denoiser, small = make_tiny_latent(), tiny_data(tmp_path / "small.npz")
    with pytest.raises(SystemExit, match="64 pixels a side"):
        evaluate.images_for(denoiser, small)
    with np.load(small) as raw:
        arrays = {name: raw[name] for name in raw.files if name != "images"}
    n = len(arrays["label"])
    np.savez(
        tmp_path / "latents.npz", **arrays, latents=np.zeros((n, 4, 8, 8), np.float16), row=np.arange(n),
        colour=np.full(n, -1), mirrored=np.zeros(n, bool),
    )  # fmt: skip
    with pytest.raises(SystemExit, match="holds latents"):
        evaluate.images_for(denoiser, tmp_path / "latents.npz")


class Pale:
    """A classifier that takes everything for label 0, and keeps which sizes of images it was shown."""

    subgroups = ("fruit", "mammal")
    facts = {"heldout": {}}  # noqa: RUF012
    sides: set[int] = set()  # noqa: RUF012

    def predict(self, images):
        self.sides.add(images.shape[-1])
        n = len(images)
        features = torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)
        return torch.arange(8, 0, -1).float().repeat(n, 1), torch.tensor([[1.0, 0.0]]).repeat(n, 1), features


def test_images_that_are_kept_are_taken_for_the_same_weights_and_settings_alone(tmp_path):
    path = tmp_path / "images.npz"
    head = head_of_images("abc", {"steps": 2}, 10_000)
    made = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    keep(path, head, images=made)
    found = evaluate.images_of_all(path, head, 2)
    assert found.shape == (2, 3, 8, 8)
    assert torch.equal((found[1, :, 4, 5] + 1) * 127.5, torch.from_numpy(made[1, 4, 5]).float())
    for other, n in ((head_of_images("abd", {"steps": 2}, 10_000), 2), (head, 4)):
        with pytest.raises(SystemExit, match="eval_outside first"):
            evaluate.images_of_all(path, other, n)
