import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from helpers import ROOT, make_tiny

from diffviz.models import checkpoints, classifier
from diffviz.models.checkpoints import CheckpointError
from diffviz.paths import ASSETS


@pytest.fixture
def assets(tmp_path):
    """A copy of the weights' files, to be damaged."""
    for file in ("manifest.toml", "emoji32.safetensors", "vocabulary.json", "classifier32.safetensors"):
        shutil.copy(ASSETS / file, tmp_path / file)
    return tmp_path


def message(assets, name="emoji32"):
    checkpoints.load.cache_clear()
    with pytest.raises(CheckpointError) as error:
        checkpoints.load(name, assets)
    text = str(error.value)
    assert text.endswith((".", "!")) and "\n" not in text and len(text) < 200  # one sentence, fit to be shown
    return text


@pytest.mark.slow
def test_loading_weights_does_not_import_torchs_compiler():
    """Which takes seconds before a server's first picture, and memory for as long as it runs."""
    code = "import sys; from diffviz.models import checkpoints as c; c.load(); c.load_autoencoder(); "
    code += "sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_manifest_lists_the_files_that_are_there():
    listed = checkpoints.listed()
    assert {"classifier32.safetensors", "vocabulary.json"} < set(listed)
    for file, digest in listed.items():
        assert checkpoints.sha256_of(ASSETS / file) == digest


def test_a_missing_weights_file_is_named(assets):
    (assets / "emoji32.safetensors").unlink()
    assert "emoji32.safetensors is missing" in message(assets)


@pytest.mark.parametrize("damage", ["cut", "bit", "empty"])
def test_a_damaged_weights_file_is_refused(assets, damage):
    path = assets / "emoji32.safetensors"
    data = bytearray(path.read_bytes())
    if damage == "bit":
        data[-1] ^= 1
    path.write_bytes({"cut": data[: len(data) // 2], "bit": data, "empty": b""}[damage])
    assert "SHA-256" in message(assets)


def test_a_missing_manifest_or_a_broken_one_is_named(assets):
    (assets / "manifest.toml").write_text("[emoji32\nfile=")
    assert "manifest.toml" in message(assets)
    (assets / "manifest.toml").unlink()
    assert "manifest.toml" in message(assets)


def test_an_unknown_name_lists_the_known_ones(assets):
    assert "emoji32" in message(assets, "emoji1024")


def test_a_file_that_is_not_safetensors_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not weights at all")
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.read(path)


def test_weights_of_another_shape_are_refused(tmp_path, tiny):
    path = tmp_path / "tiny.safetensors"
    config = {**tiny.net.config.as_dict(), "channels": (16, 24)}
    checkpoints.write(path, tiny.net, config, {})
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoints.read(path)


def test_written_weights_come_back_the_same_up_to_half_precision(tmp_path, tiny):
    path = tmp_path / "tiny.safetensors"
    checkpoints.write(path, tiny.net, tiny.net.config.as_dict(), {"images": 3})
    again = checkpoints.read(path)
    assert checkpoints.metadata(path)[1] == {"images": 3}
    for (name, p), (_, q) in zip(tiny.net.named_parameters(), again.named_parameters(), strict=True):
        assert (p - q).abs().max() <= 1e-3 * p.abs().max() + 1e-7, name
    assert not list(tmp_path.glob("*.tmp"))


def test_a_vocabulary_that_was_changed_is_refused(assets):
    path = assets / "vocabulary.json"
    path.write_text(path.read_text().replace('"cat"', '"tac"'))
    assert "vocabulary.json" in message(assets) and "SHA-256" in message(assets)
    with pytest.raises(CheckpointError, match="SHA-256"):
        checkpoints.vocabulary("emoji32", assets)


def test_a_classifier_that_was_changed_is_refused(assets):
    path = assets / "classifier32.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="classifier32"):
        classifier.load(path)


@pytest.mark.parametrize("load", [
    lambda: checkpoints.read(ASSETS / "emoji32.safetensors"),
    lambda: classifier.load.__wrapped__(ASSETS / "classifier32.safetensors"),
], ids=["network", "classifier"])  # fmt: skip
def test_reading_weights_draws_no_random_numbers(load):
    """They would come out of torch's global state, which a visitor's toy training may just have seeded for itself."""
    before = torch.get_rng_state()
    load()
    assert torch.equal(torch.get_rng_state(), before)


def test_publishing_that_is_cut_off_leaves_the_old_weights_whole(assets, tmp_path, monkeypatch, tiny):
    checkpoints.write(tmp_path / "new.safetensors", tiny.net, tiny.net.config.as_dict(), {})
    real = Path.write_bytes

    def half(path, data):
        real(path, data[: len(data) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="no space"):
        checkpoints.publish(tmp_path / "new.safetensors", "emoji32", assets)
    monkeypatch.undo()
    checkpoints.load.cache_clear()
    assert checkpoints.load("emoji32", assets).net.config.size == 32
    assert not list(assets.glob("*.tmp")) and not list(assets.glob(".*"))


def test_publishing_keeps_the_networks_guidance_scale_and_a_new_network_has_the_usual_one(
    assets, tmp_path, tiny
):
    checkpoints.write(tmp_path / "new.safetensors", tiny.net, tiny.net.config.as_dict(), {})
    listed = assets / checkpoints.MANIFEST
    listed.write_text(listed.read_text().replace("[emoji32]", "[emoji32]\nguidance = 4.5"))
    checkpoints.publish(tmp_path / "new.safetensors", "emoji32", assets)
    checkpoints.publish(tmp_path / "new.safetensors", "another", assets)
    published = checkpoints.manifest(assets)
    assert (published["emoji32"].guidance, published["another"].guidance) == (4.5, checkpoints.Entry.guidance)


def test_publishing_keeps_the_other_files_that_are_listed(assets, tmp_path, tiny):
    checkpoints.write(tmp_path / "new.safetensors", tiny.net, tiny.net.config.as_dict(), {})
    before = checkpoints.listed(assets)
    checkpoints.publish(tmp_path / "new.safetensors", "emoji32", assets)
    after = checkpoints.listed(assets)
    assert {f for f in before if before[f] != after[f]} == {"emoji32.safetensors"}
    checkpoints.verify(assets / "emoji32.safetensors")


def test_parts_of_the_network_are_read_by_the_names_they_had_and_by_those_they_have():
    old = {"stem.weight": 1, "shrink.0.bias": 2, "level.2.weight": 3, "position": 4, "down.0.norm1.weight": 5}
    now = checkpoints.current_names(old)
    assert list(now) == [
        "conv_in.weight",
        "downsample.0.bias",
        "noise_embed.2.weight",
        "position",
        "down.0.norm1.weight",
    ]
    assert list(now.values()) == list(old.values())
    assert checkpoints.current_names(now) == now


def test_what_is_loaded_is_one_object_however_it_is_asked_for_and_by_however_many_at_once():
    checkpoints.load.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        found = {id(net) for net in threads.map(lambda _: checkpoints.load(checkpoints.QUICK), range(4))}
    assert found == {id(checkpoints.load(name=checkpoints.QUICK, assets=ASSETS))}
    assert checkpoints.load() is checkpoints.load(checkpoints.DEFAULT)
    assert checkpoints.load(checkpoints.LATENT).autoencoder is checkpoints.load_autoencoder()


@pytest.mark.parametrize("change", [{"channels": [60, 192]}, {"channels": []}, {"patch": 0}])
def test_weights_of_a_network_that_cannot_be_built_are_refused_in_a_sentence(tmp_path, change):
    net = make_tiny().net
    checkpoints.write(tmp_path / "net.safetensors", net, net.config.as_dict() | change, {})
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoints.read(tmp_path / "net.safetensors")
