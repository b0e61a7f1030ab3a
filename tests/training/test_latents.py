"""Training in latents: what is encoded beforehand, what augmentation looks up, and the autoencoder's own run."""

from __future__ import annotations

import argparse
import csv

import numpy as np
import pytest
import torch
from helpers import tiny_data

from diffviz.models import checkpoints
from diffviz.models.autoencoder import Autoencoder, AutoencoderConfig
from diffviz.training import encode_dataset, train_autoencoder, train_denoiser
from diffviz.training.augment import HUES, recolour
from diffviz.training.data import Dataset, LatentDataset


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """A tiny data file, an untrained autoencoder, and the file that it encodes the data to."""
    folder = tmp_path_factory.mktemp("latents")
    path = tiny_data(folder / "pixels.npz")
    torch.manual_seed(0)
    net = Autoencoder(AutoencoderConfig(size=16, channels=(16, 32))).eval()
    data = Dataset.load(path)
    with np.load(path) as raw:
        captions = {name: raw[name] for name in raw.files if name != "images"}
    np.savez(folder / "latents.npz", **captions, **encode_dataset.encode_all(net, data, batch=8))
    return data, net, Dataset.load(folder / "latents.npz")


def close(a, b):
    return torch.allclose(a, b, atol=0.05)  # encoded in bf16, kept in half precision


def test_a_file_of_latents_holds_the_encoding_of_every_image(encoded):
    data, net, latents = encoded
    rows = np.arange(len(data.label))
    assert isinstance(latents, LatentDataset)
    assert latents.images.shape == (len(rows), 8, 2, 2)
    with torch.inference_mode():
        assert close(latents.examples(rows), net.encode(data.examples(rows)))


def test_mirror_images_and_colours_are_looked_up_as_pixels_would_give_them(encoded):
    data, net, latents = encoded
    rows = data.rows(heldout=False)
    with torch.inference_mode():
        assert close(latents.mirrored(rows), net.encode(data.mirrored(rows)))
        painted = 0
        for row in rows:
            image = data.examples(np.array([row]))[0]
            found, wanted = latents.recoloured(row, image, "blue"), recolour(image, "blue")
            if found is not None:
                painted += 1
                assert close(found[None], net.encode(wanted[None]))
    assert painted


def test_held_out_images_are_encoded_as_they_are_and_no_other_way(encoded):
    _, _, latents = encoded
    held = latents.rows(heldout=True)
    assert (latents.mirror[held] < 0).all() and (latents.colours[held] < 0).all()
    assert latents.colours.shape == (len(latents.label), len(HUES))


@pytest.mark.parametrize("encoded_by", ["shipped", "another", None])
def test_training_takes_latents_of_the_shipped_autoencoder_alone_and_warns_where_that_is_not_known(
    tmp_path, encoded_by
):
    shipped = checkpoints.listed()[f"{checkpoints.AUTOENCODER}.safetensors"]
    digest = {"shipped": shipped, "another": "ab" * 32}.get(encoded_by)
    path = tmp_path / "latents.npz"
    np.savez(path, latents=np.zeros(1), **({} if digest is None else {"autoencoder": np.array(digest)}))
    if encoded_by == "shipped":
        train_denoiser.check_latents(path)  # warnings are errors
    elif encoded_by is None:
        with pytest.warns(UserWarning, match="does not say which autoencoder"):
            train_denoiser.check_latents(path)
    else:
        with pytest.raises(SystemExit, match=r"encoded by another autoencoder .*encode_dataset"):
            train_denoiser.check_latents(path)


def test_the_command_checks_its_latents_before_it_makes_anything(tmp_path, monkeypatch):
    path, out = tmp_path / "latents.npz", tmp_path / "runs"
    np.savez(path, latents=np.zeros(1), autoencoder=np.array("ab" * 32))
    monkeypatch.setattr("sys.argv", ["x", "--data", str(path), "--out", str(out), "--minutes", "1"])
    with pytest.raises(SystemExit, match="another autoencoder"):
        train_denoiser.main()
    assert not out.exists()


def test_images_need_no_autoencoder(tmp_path):
    train_denoiser.check_latents(tiny_data(tmp_path / "pixels.npz"))


@pytest.mark.slow
def test_a_run_of_the_autoencoder_ends_at_unit_variance_and_goes_on_where_it_stopped(tmp_path):
    data = tiny_data(tmp_path / "pixels.npz")
    recipe = train_autoencoder.Recipe(latent_channels=2, batch=8, crop=16, perceptual=0.0, warm_up=1)
    args = argparse.Namespace(
        data=data, out=tmp_path, minutes=0.03, threads=1, evaluate_every=10.0, resume=False
    )
    train_autoencoder.train(args, recipe)
    steps = torch.load(tmp_path / "last.pt", weights_only=True)["state"]["step"]
    train_autoencoder.train(argparse.Namespace(**{**vars(args), "resume": True, "minutes": 0.06}), recipe)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["state"]["step"] > steps > 0
    net, whole = checkpoints.read_autoencoder(tmp_path / "ema.safetensors"), Dataset.load(data)
    with torch.inference_mode():
        z = net.encode(whole.examples(whole.rows(heldout=False)))
    assert z.mean((0, 2, 3)).abs().max() < 0.02 and z.std((0, 2, 3)).sub(1).abs().max() < 0.02
    with (tmp_path / "log.csv").open() as file:
        assert [row[2] for row in csv.reader(file)].count("psnr") == 2
