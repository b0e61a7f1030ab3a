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
from diffviz.training import encode_dataset, train_autoencoder
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
