import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from helpers import make_tiny, tiny_data

from diffviz.models import checkpoints
from diffviz.models.text_encoder import NO_STYLE, NULL_TOKEN, Vocabulary
from diffviz.models.unet import UNet, UNetConfig, in_memory_format
from diffviz.paths import ASSETS
from diffviz.training import augment
from diffviz.training import train_denoiser as train
from diffviz.training.data import CaptionDropout, Captions, Dataset
from diffviz.training.model_card import sections


@pytest.fixture
def data(tmp_path):
    return Dataset.load(tiny_data(tmp_path / "data.npz"))


@pytest.mark.slow
def test_one_batch_can_be_learned_by_heart():
    net = make_tiny().net.train().requires_grad_(True)
    rng = torch.Generator().manual_seed(0)
    x0, eps = torch.rand(4, 3, 16, 16, generator=rng) * 2 - 1, torch.randn(4, 3, 16, 16, generator=rng)
    t, tokens = train.stratified_times(4, rng), torch.ones(4, 12, dtype=torch.long)
    optimizer = train.Optimizer(net, train.Recipe(lr_muon=5e-3, lr_adam=5e-3))
    losses = []
    for _ in range(250):
        loss = train.loss_v(net, x0, eps, t, tokens, "cosine")
        loss.backward()
        optimizer.step(1.0)
        losses.append(float(loss.detach()))
    assert losses[0] > 0.5
    assert min(losses[-20:]) < 0.2 * losses[0]


def test_the_loss_of_the_right_answer_is_zero():
    schedule = train.SCHEDULES["cosine"]
    x0, eps, t = torch.rand(2, 3, 16, 16), torch.randn(2, 3, 16, 16), torch.tensor([0.2, 0.8]).double()
    alpha, sigma = (train.append_dims(f(t), x0) for f in (schedule.alpha, schedule.sigma))

    def knows(x, angle, tokens):
        return alpha * eps - sigma * x0

    assert float(train.loss_v(knows, x0, eps, t, torch.ones(2, 3), "cosine")) == 0


def test_times_of_a_batch_cover_the_range_evenly():
    t = train.stratified_times(10, torch.Generator().manual_seed(0))
    assert ((t * 10).floor() == torch.arange(10)).all()


@pytest.mark.parametrize("share", (0.0, 0.4, 1.0))
def test_the_share_of_the_times_in_the_middle_is_what_the_recipe_says(share):
    t = train.stratified_times(10_000, torch.Generator().manual_seed(0), share)
    start, end = train.MIDDLE_TIMES
    assert ((t >= start) & (t < end)).double().mean() == pytest.approx(
        share + (1 - share) * (end - start), abs=1e-3
    )
    assert (t < start).double().mean() == pytest.approx((1 - share) * start, abs=1e-3)
    assert t.min() >= (start if share == 1 else 0) and t.max() < (end + 1e-6 if share == 1 else 1)


def test_the_rate_warms_up_holds_and_falls_to_nothing():
    recipe = train.Recipe(warm_up=10, decay=0.25)
    assert train.lr_factor(0, 0.0, recipe) == pytest.approx(0.1)
    assert train.lr_factor(50, 0.5, recipe) == 1
    assert train.lr_factor(50, 0.875, recipe) == pytest.approx(0.5)
    assert train.lr_factor(50, 1.0, recipe) == 0


def test_every_weight_is_trained_by_one_of_the_two_optimizers():
    net = make_tiny().net.requires_grad_(True)
    optimizer = train.Optimizer(net, train.Recipe())
    held = sum(p.numel() for o in (optimizer.muon, optimizer.adam) for p in o.param_groups[0]["params"])
    assert held == sum(p.numel() for p in net.parameters()) == optimizer.flat_grad.numel()
    before = [p.clone() for p in net.parameters()]
    for p in net.parameters():
        p.grad.fill_(0.1)
    optimizer.step(1.0)
    assert all(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert not optimizer.flat_grad.any()


def test_the_layout_of_the_weights_in_memory_does_not_change_what_a_step_does():
    rng = torch.Generator().manual_seed(0)
    steps = []
    for layout in (torch.contiguous_format, torch.channels_last):
        net = in_memory_format(make_tiny().net.requires_grad_(True), layout)
        optimizer = train.Optimizer(net, train.Recipe())
        for p in net.parameters():
            rng.manual_seed(p.numel())
            p.grad.copy_(torch.randn(p.shape, generator=rng))
        before = [p.detach().clone() for p in net.parameters()]
        optimizer.step(1.0)
        steps.append([p.detach() - b for p, b in zip(net.parameters(), before, strict=True)])
        assert not optimizer.flat_grad.any()
    for contiguous, channels_last in zip(*steps, strict=True):
        # Muon works in bfloat16, whose rounding depends on the order of the columns.
        assert torch.allclose(contiguous, channels_last, atol=0.05 * float(contiguous.abs().max()))


def test_captions_are_dropped_as_often_as_the_recipe_says(data):
    vocabulary = make_tiny().vocabulary
    draw = Captions(data, vocabulary, CaptionDropout(caption=0.1, style=0.15))
    rng = np.random.default_rng(0)
    rows = [draw.tokens(draw.words(2, rng), 0, rng) for _ in range(4000)]
    assert np.mean([r[1] == NULL_TOKEN for r in rows]) == pytest.approx(0.1, abs=0.02)
    assert np.mean([r[0] == NO_STYLE for r in rows]) == pytest.approx(0.15, abs=0.02)


def test_held_out_images_are_never_drawn(data):
    batches = train.Batches(data, make_tiny().vocabulary, train.Recipe(), 8, seed=0)
    assert not data.heldout[batches.all_rows].any()
    assert not data.heldout[batches.common_rows].any()
    assert data.common[data.label[batches.common_rows]].all()


def test_oversampling_turns_to_common_labels(data):
    recipe = train.Recipe(oversample_from=0.5, oversample_share=1.0)
    batches = train.Batches(data, make_tiny().vocabulary, recipe, 200, seed=0)
    everyday = {tuple(data.images[r, :, 0, 0].tolist()) for r in batches.common_rows}

    def share(done):
        x0 = batches.next_batch(done)[0]
        colours = ((x0[:, :, 0, 0] + 1) * 127.5).round().byte().tolist()
        return np.mean([tuple(c) in everyday for c in colours])

    assert share(0.0) < 0.9
    assert share(0.6) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_can_be_stopped_and_resumed(tmp_path, monkeypatch, workers):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "run"
    common = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    common += ["--workers", str(workers)]
    monkeypatch.setattr("sys.argv", [*common, "--images", "40"])
    train.main()
    first = torch.load(out / "last.pt", weights_only=True)
    monkeypatch.setattr("sys.argv", [*common, "--images", "80", "--resume"])
    train.main()
    second = torch.load(out / "last.pt", weights_only=True)
    assert (first["state"]["images"], second["state"]["images"]) == (40, 80)
    assert second["state"]["step"] == 20
    assert not torch.equal(first["net"]["conv_in.weight"], second["net"]["conv_in.weight"])
    rows = csv.DictReader((out / "log.csv").read_text().splitlines())
    held_out = [row["heldout_loss"] for row in rows if row["heldout_loss"]]
    assert len(held_out) == 2
    assert len(list(out.glob("grid-*.png"))) == 2
    config, facts = checkpoints.metadata(out / "ema.safetensors")
    assert config["channels"] == [8, 8] and facts["images"] == 80
    assert [s["images"] for s in facts["earlier"]] == [40]
    assert facts["earlier"][0]["recipe"]["batch"] == 4


@pytest.mark.slow
def test_a_run_whose_checkpoint_was_lost_goes_on_from_its_averaged_weights(tmp_path, monkeypatch):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "a name that nothing ships under"
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "80", "--until", "40"])
    train.main()
    average = checkpoints.read(out / "ema.safetensors").state_dict()
    (out / "last.pt").unlink()

    monkeypatch.setattr("sys.argv", [*arguments, "--images", "80"])
    with pytest.raises(SystemExit):  # a run from the start would write over them
        train.main()
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "80", "--resume"])
    train.main()
    last = torch.load(out / "last.pt", weights_only=True)
    assert (last["state"]["images"], last["state"]["step"]) == (80, 20)
    assert [(s["images"], s["planned"]) for s in last["state"]["earlier"]] == [(40, 80)]
    name = "conv_in.weight"
    fresh = UNet(UNetConfig(**checkpoints.metadata(out / "ema.safetensors")[0])).state_dict()[name]
    slowest = last["averages"][max(last["averages"])][f"module.{name}"]
    assert 0 < (slowest - average[name]).norm() < 0.5 * (slowest - fresh).norm()
    rows = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    assert [row["images"] for row in rows if row["heldout_loss"]] == ["40", "80"]


@pytest.mark.slow
def test_a_run_that_was_lost_whole_goes_on_from_the_shipped_weights(tmp_path, monkeypatch):
    """The averages begin at the shipped weights and stay near them; the count of images and the log go on."""
    path, out, assets = tiny_data(tmp_path / "data.npz"), tmp_path / "tiny", tmp_path / "assets"
    (assets / "curves").mkdir(parents=True)
    (assets / "vocabulary.json").write_bytes((train.ASSETS / "vocabulary.json").read_bytes())
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "40"])
    train.main()
    checkpoints.publish(out / "ema.safetensors", "tiny", assets)
    shutil.copyfile(out / "log.csv", assets / "curves" / "training-tiny.csv")
    shipped = checkpoints.load("tiny", assets).net.state_dict()
    config, facts = checkpoints.metadata(assets / "tiny.safetensors")
    older = {key: value for key, value in facts.items() if key not in ("core_hours", "earlier", "data")}
    checkpoints.write(out / "ema.safetensors", checkpoints.load("tiny", assets).net, config, older)
    checkpoints.publish(out / "ema.safetensors", "tiny", assets)  # weights of a former version say less
    shutil.rmtree(out)

    monkeypatch.setattr(train, "ASSETS", assets)
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "80", "--resume"])
    train.main()
    last = torch.load(out / "last.pt", weights_only=True)
    assert (last["state"]["images"], last["state"]["step"]) == (80, 20)
    assert [session["images"] for session in last["state"]["earlier"]] == [40]
    slowest = last["averages"][max(last["averages"])]
    assert int(slowest["n_averaged"]) == 21
    name = "conv_in.weight"
    fresh = UNet(UNetConfig(**checkpoints.metadata(out / "ema.safetensors")[0])).state_dict()[name]
    moved = [(other - shipped[name]).norm() for other in (slowest[f"module.{name}"], fresh)]
    assert 0 < moved[0] < 0.5 * moved[1]
    rows = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    assert [row["images"] for row in rows if row["heldout_loss"]] == ["40", "80"]


@pytest.mark.slow
def test_what_is_saved_in_the_middle_of_a_run_counts_every_step_that_was_taken(tmp_path, monkeypatch):
    path, counted = tiny_data(tmp_path / "data.npz"), []

    def saved(training, *_):
        taken = {int(state["step"]) for state in training.optimizer.adam.state.values()}
        counted.append((training.state["images"], taken))
        return 1.0

    monkeypatch.setattr(train, "save_and_evaluate", saved)
    arguments = ["train", "--data", str(path), "--out", str(tmp_path / "run"), "--channels", "8", "8"]
    monkeypatch.setattr("sys.argv", [*arguments, "--batch", "4", "--images", "12", "--evaluate-every", "0"])
    train.main()
    assert counted == [(4, {1}), (8, {2}), (12, {3}), (12, {3})]


@pytest.mark.slow
def test_a_run_is_not_begun_over_another_and_its_log_has_its_head(tmp_path, monkeypatch, capsys):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "run"
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "8"])
    train.main()
    with pytest.raises(SystemExit):
        train.main()
    assert "go on with it by --resume" in capsys.readouterr().err
    (out / "log.csv").unlink()
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "12", "--resume"])
    train.main()
    assert (out / "log.csv").read_text().startswith("images,minutes")


@pytest.mark.parametrize("wrong", [["--minutes", "-5"], ["--images", "4", "--middle-share", "1.5"]])
def test_lengths_and_shares_out_of_range_are_refused(wrong, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train", "--out", str(tmp_path / "run"), *wrong])
    with pytest.raises(SystemExit):
        train.main()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_that_was_interrupted_is_one_session(tmp_path, monkeypatch):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "run"
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "40"])
    train.main()
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "40", "--resume"])
    train.main()
    assert checkpoints.metadata(out / "ema.safetensors")[1]["earlier"] == []


@pytest.mark.slow
def test_a_run_that_was_stopped_before_its_end_is_made_again_by_its_own_course_of_the_rate(
    tmp_path, monkeypatch
):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "run"
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "80", "--until", "40"])
    train.main()
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "60", "--resume"])
    train.main()
    facts = checkpoints.metadata(out / "ema.safetensors")[1]
    assert [(s["images"], s["planned"]) for s in facts["earlier"]] == [(40, 80)]
    lines = [line for line in sections.commands("run", 8, facts) if "--images" in line]
    assert "--images 80 --until 40 " in lines[0] and "--images 60 " in lines[1]


def test_no_two_workers_and_starts_of_a_run_see_the_same_stream():
    """A sum of seed, rank and step made the first worker, resumed at step 1000, repeat the second one's start."""
    seeds = {
        train.stream_seed(s, r, step) for s in (0, 1, 1000) for r in range(3) for step in (0, 1000, 2000)
    }
    assert len(seeds) == 27
    assert train.stream_seed(0, 1, 7) == train.stream_seed(0, 1, 7)
    torch.Generator().manual_seed(max(seeds))


def test_publishing_writes_a_manifest_that_loads(tmp_path, monkeypatch):
    import shutil

    shutil.copy(ASSETS / "vocabulary.json", tmp_path)
    tiny = make_tiny()
    config = {**tiny.net.config.as_dict()}
    checkpoints.write(tmp_path / "ema.safetensors", tiny.net, config, {})
    checkpoints.publish(tmp_path / "ema.safetensors", "emoji32", tmp_path)
    checkpoints.load.cache_clear()
    assert checkpoints.load("emoji32", tmp_path).net.config.size == 16
    checkpoints.publish(tmp_path / "ema.safetensors", "emoji64", tmp_path)
    assert list(checkpoints.manifest(tmp_path)) == ["emoji32", "emoji64"]
    assert "quick" in checkpoints.manifest(tmp_path)["emoji64"].title
    checkpoints.load.cache_clear()


def test_a_missing_data_file_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(SystemExit, match="build_dataset"):
        Dataset.load(tmp_path / "none.npz")


@pytest.mark.slow
def test_the_classifier_can_learn_a_batch_and_augmenting_keeps_the_range():
    from diffviz.models.classifier import Classifier
    from diffviz.training.train_classifier import augment

    rng = torch.Generator().manual_seed(0)
    x = torch.rand(16, 3, 32, 32, generator=rng) * 2 - 1
    assert augment(x, rng).shape == x.shape
    assert augment(x, rng).abs().max() < 2.5
    white = augment(torch.ones(8, 3, 32, 32), rng)
    assert white.mean() > 0.6  # what is moved in from outside is the white ground
    net, labels = Classifier(16, 4), torch.arange(16)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(net(x)[0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5


def test_the_classifier_scales_images_to_its_own_size():
    from diffviz.models.classifier import FEATURES, Classifier

    labels, subgroups, features = Classifier(5, 2).eval()(torch.zeros(2, 3, 64, 64))
    assert labels.shape == (2, 5) and subgroups.shape == (2, 2) and features.shape == (2, FEATURES)


def test_the_recipe_in_the_weights_is_json(tmp_path):
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(train.Recipe())))["schedule"] == "cosine"


def test_a_larger_network_inherits_the_smaller_one_level_for_level():
    words = {"n_tokens": 9, "text_dim": 8, "heads": 2}
    small = UNet(UNetConfig(size=16, channels=(8, 16), **words))
    large = UNet(UNetConfig(size=32, channels=(8, 8, 16), **words))
    fresh = {k: v.clone() for k, v in large.state_dict().items()}
    copied = train.init_from_smaller(large, small)
    state, source = large.state_dict(), small.state_dict()
    assert torch.equal(state["down.1.conv1.weight"], source["down.0.conv1.weight"])
    assert torch.equal(state["downsample.1.weight"], source["downsample.0.weight"])
    assert torch.equal(state["up.0.conv1.weight"], source["up.0.conv1.weight"])
    assert torch.equal(state["text.embed.weight"], source["text.embed.weight"])
    for own in ("conv_in.weight", "down.0.conv1.weight", "up.5.conv1.weight"):
        assert torch.equal(state[own], fresh[own])
    assert copied == sum(not k.startswith(("conv_in", "norm", "conv_out")) for k in source)


def test_levels_of_other_widths_cannot_be_inherited():
    words = {"n_tokens": 9, "text_dim": 8, "heads": 2}
    small = UNet(UNetConfig(size=16, channels=(8, 16), **words))
    with pytest.raises(ValueError, match="to inherit"):
        train.init_from_smaller(UNet(UNetConfig(size=32, channels=(8, 8, 24), **words)), small)


def test_every_repainted_image_is_captioned_with_its_colour(data):
    vocabulary = Vocabulary.load(ASSETS / "vocabulary.json")
    recipe = train.Recipe(recolour=1.0, dropout=CaptionDropout(caption=0.0))
    before = {tuple(data.examples(np.array([r]))[0, :, 0, 0].tolist()) for r in data.rows(heldout=False)}
    colours = {vocabulary.encode(c)[1] for c in augment.HUES}
    x0, _, _, tokens = train.Batches(data, vocabulary, recipe, 200, seed=0).next_batch(0.0)
    repainted = np.array([tuple(p[:, 0, 0].tolist()) not in before for p in x0])
    # "red apple" is never repainted, so what of it is left aside is all of one kind.
    apple = np.array([vocabulary.encode("apple")[1] in row for row in tokens.tolist()])
    named = np.array([bool(colours & set(row)) for row in tokens.tolist()])
    assert repainted.sum() > 30
    assert named[repainted].all()
    assert not named[~repainted & ~apple].any()


def test_a_combination_that_is_tested_as_new_is_never_painted_whatever_its_caption_names(
    tmp_path, monkeypatch
):
    """A caption of keywords alone, "blue fruit", does not name the strawberry that it would have made blue."""
    data = Dataset.load(tiny_data(tmp_path / "data.npz"))
    data.labels[0] = "strawberry"
    vocabulary = Vocabulary.load(ASSETS / "vocabulary.json")
    recipe = train.Recipe(recolour=1.0, dropout=CaptionDropout(caption=0.0, keywords_only=1.0))
    painted = []

    def recoloured(self, row, x0, colour):
        painted.append((data.labels[data.label[row]], colour))

    monkeypatch.setattr(Dataset, "recoloured", recoloured)
    train.Batches(data, vocabulary, recipe, 400, seed=0).next_batch(0.0)
    assert ("strawberry", "red") in painted and ("cat face", "blue") in painted
    assert ("strawberry", "blue") not in painted


def test_skin_tones_are_drawn_as_often_as_the_recipe_says(data):
    toned = dataclasses.replace(data, labels=["red apple", "cat face: dark skin tone", "dog"])
    batches = train.Batches(toned, make_tiny().vocabulary, train.Recipe(skin_tone_weight=0.25), 8, seed=0)
    for rows, chance in (
        (batches.all_rows, batches.all_chances),
        (batches.common_rows, batches.common_chances),
    ):
        is_toned = toned.is_skin_tone[toned.label[rows]]
        assert is_toned.any() and not is_toned.all()
        assert chance[is_toned].mean() / chance[~is_toned].mean() == pytest.approx(0.25)


@pytest.mark.slow
def test_the_average_that_ships_is_the_best_of_those_kept(tmp_path, monkeypatch):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "run"
    wanted = {0.998: 0.3, 0.9995: 0.1, 0.9999: 0.2}
    losses = iter(wanted.values())
    monkeypatch.setattr(train, "heldout_loss", lambda *a: next(losses))
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "40"])
    train.main()
    _, facts = checkpoints.metadata(out / "ema.safetensors")
    assert facts["ema"] == 0.9995
    assert facts["heldout_by_ema"] == {str(k): v for k, v in wanted.items()}
    saved = torch.load(out / "last.pt", weights_only=True)["averages"]
    assert set(saved) == set(wanted)


def test_the_moving_average_is_the_one_that_the_shipped_weights_were_taken_with():
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    average, expected = train.moving_average(net, 0.6), net.weight.detach().clone()
    for step in range(12):
        with torch.no_grad():
            net.weight += torch.randn(2, 3)
        average.update_parameters(net)
        keep = min(0.6, (1 + step) / (10 + step))
        expected = torch.lerp(expected, net.weight.detach(), 1 - keep)
    assert torch.equal(average.module.weight, expected)


@pytest.mark.slow
def test_a_run_begun_by_an_earlier_version_goes_on(tmp_path, monkeypatch):
    path, out = tiny_data(tmp_path / "data.npz"), tmp_path / "run"
    arguments = ["train", "--data", str(path), "--out", str(out), "--channels", "8", "8", "--batch", "4"]
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "40"])
    train.main()
    saved = torch.load(out / "last.pt", weights_only=True)
    # As it was written before parts of the network and fields of the recipe were renamed.
    parts = {new: old for old, new in checkpoints.RENAMED_PARTS.items()}
    fields = {new: old for old, new in train.RENAMED_FIELDS.items()}

    def older(state):
        state = {k.removeprefix("module."): v for k, v in state.items() if k != "n_averaged"}
        return {
            f"{parts.get(k.split('.')[0], k.split('.')[0])}.{k.partition('.')[2]}".rstrip("."): v
            for k, v in state.items()
        }

    session = {
        **saved["session"],
        "recipe": {fields.get(k, k): v for k, v in saved["session"]["recipe"].items()},
    }
    old = {
        **{k: saved[k] for k in ("optimizer", "state", "planned")},
        "net": older(saved["net"]),
        "averages": {decay: older(state) for decay, state in saved["averages"].items()},
        "sitting": session,
    }
    assert "stem.weight" in old["net"] and "toned" in session["recipe"]
    assert not set(old["net"]) & {"conv_in.weight", "noise_embed.0.weight"}
    again = train.current_checkpoint(old)
    assert again["session"] == saved["session"]
    for name in ("net", *saved["averages"]):
        now, then = (x["net"] if name == "net" else x["averages"][name] for x in (again, saved))
        assert set(now) == set(then) and all(torch.equal(now[k], then[k]) for k in then)
    torch.save(old, out / "last.pt")
    monkeypatch.setattr("sys.argv", [*arguments, "--images", "40", "--resume"])
    train.main()
    assert checkpoints.metadata(out / "ema.safetensors")[1]["earlier"] == []
