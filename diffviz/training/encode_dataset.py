"""Encode the training images once, so that a latent denoiser trains on latents and never runs the encoder.

    python -m diffviz.training.encode_dataset --data data/emoji128.npz --out data/latent128.npz

What augmentation does to pixels has to happen before the encoder, so every image is encoded as it is, mirrored where
its label stays true, and in each other colour where it has one main hue (see `augment`). The file holds the captions
of `build_dataset`, no images, and for V encoded variants:

    latents (V, C, H, W) float16, unit variance    row (V,) index of the image    colour (V,) index into HUES or -1
    mirrored (V,) bool                             autoencoder (text) SHA-256 of the weights that encoded them
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffviz.models import checkpoints
from diffviz.models.autoencoder import Autoencoder
from diffviz.models.text_encoder import tokenize
from diffviz.paths import ASSETS
from diffviz.training.augment import HUES, in_colour, mirrors, recolour, recolours
from diffviz.training.data import Dataset


def variants(data: Dataset) -> Iterator[tuple[int, int, bool, Tensor]]:
    """(row, colour, mirrored, image (3, S, S) in [-1, 1]) of every variant; held-out images only as they are."""
    for row in range(len(data.images)):
        label = data.label[row]
        image = data.examples(np.array([row]))[0]
        yield row, -1, False, image
        if data.heldout[row]:
            continue
        if mirrors(data.labels[label], str(data.subgroups[label])):
            yield row, -1, True, image.flip(-1)
        if not recolours(data.labels[label]):
            continue
        for i, colour in enumerate(HUES):
            if in_colour(tokenize(data.labels[label]), colour) is None:  # a combination kept for testing
                continue
            painted = recolour(image, colour)
            if painted is None:  # several colours or hardly any: no other colour will do either
                break
            yield row, i, False, painted


@torch.inference_mode()
def encode(net: Autoencoder, images: list[Tensor]) -> np.ndarray:
    """Latents (B, C, H, W) float16 of a list of images."""
    # bf16 halves the time, and its rounding is far below the noise of training.
    with torch.autocast("cpu", torch.bfloat16):
        return net.encode(torch.stack(images)).half().numpy()


def encode_all(net: Autoencoder, data: Dataset, batch: int = 32) -> dict[str, np.ndarray]:
    """The arrays described at the top of this module, but for captions."""
    rows, colours, mirrored, latents, waiting = [], [], [], [], []
    for row, colour, flipped, image in variants(data):
        rows.append(row)
        colours.append(colour)
        mirrored.append(flipped)
        waiting.append(image)
        if len(waiting) == batch:
            latents.append(encode(net, waiting))
            waiting = []
    if waiting:
        latents.append(encode(net, waiting))
    return {
        "latents": np.concatenate(latents),
        "row": np.array(rows, np.int32),
        "colour": np.array(colours, np.int8),
        "mirrored": np.array(mirrored),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji128.npz"))
    shipped = ASSETS / f"{checkpoints.AUTOENCODER}.safetensors"  # the one that training decodes with
    parser.add_argument("--autoencoder", type=Path, default=shipped)
    parser.add_argument("--out", type=Path, default=Path("data/latent128.npz"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    arrays = encode_all(checkpoints.read_autoencoder(args.autoencoder), Dataset.load(args.data))
    with np.load(args.data) as raw:
        captions = {name: raw[name] for name in raw.files if name != "images"}
    sha256 = np.array(checkpoints.sha256_of(args.autoencoder))
    arrays_and_captions: dict[str, Any] = {**captions, **arrays, "autoencoder": sha256}
    np.savez(args.out, **arrays_and_captions)
    shape = "x".join(map(str, arrays["latents"].shape[1:]))
    print(
        f"wrote {args.out}: {len(arrays['row']):,} variants of {len(np.unique(arrays['row'])):,} images, {shape} each"
    )


if __name__ == "__main__":
    main()
