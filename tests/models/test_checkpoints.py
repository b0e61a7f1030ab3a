import shutil

import pytest

from diffviz.models import checkpoints
from diffviz.models.checkpoints import CheckpointError
from diffviz.paths import ASSETS


@pytest.fixture
def assets(tmp_path):
    """A copy of the weights' files, to be damaged."""
    for file in ("manifest.toml", "emoji32.safetensors", "vocabulary.json"):
        shutil.copy(ASSETS / file, tmp_path / file)
    return tmp_path


def message(assets, name="emoji32"):
    checkpoints.load.cache_clear()
    with pytest.raises(CheckpointError) as error:
        checkpoints.load(name, assets)
    text = str(error.value)
    assert text.endswith((".", "!")) and "\n" not in text and len(text) < 200  # one sentence, fit to be shown
    return text


def test_the_manifest_lists_the_files_that_are_there():
    for entry in checkpoints.manifest().values():
        assert checkpoints.sha256_of(ASSETS / entry.file) == entry.sha256


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
