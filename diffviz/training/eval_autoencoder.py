"""Measure what the autoencoder loses, on the held-out images it never saw.

    python -m diffviz.training.eval_autoencoder      # the shipped one -> assets/curves/autoencoder.json and a sheet

PSNR and SSIM (Wang et al. 2004, with its Gaussian window of 11 pixels) by scikit-image, a development dependency,
on images of 8 bits; the same for a linear code of as many numbers (the principal components of 8 × 8 patches of the
training images), since a figure says little without what is cheap. The sheet shows the images that lose most, an
average one and the best, each beside its reconstruction and the difference four times enlarged.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from diffviz.evaluation.metrics import mean_figure
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.models.autoencoder import Autoencoder, AutoencoderConfig
from diffviz.paths import ASSETS
from diffviz.training.data import Dataset
from diffviz.training.train_autoencoder import principal_patches

SHOWN = 8  # images on the sheet from each end, and from the middle


def qualities(real: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PSNR in dB and SSIM of each pair of images (N, H, W, 3) uint8: two arrays (N,)."""
    pairs = list(zip(real, again, strict=True))
    return (
        np.array([peak_signal_noise_ratio(x, y, data_range=255) for x, y in pairs]),
        np.array(
            [
                structural_similarity(x, y, data_range=255, channel_axis=-1, gaussian_weights=True, sigma=1.5)
                for x, y in pairs
            ]
        ),
    )


@torch.inference_mode()
def reconstruct(through: Callable[[Tensor], Tensor], images: Tensor, batch: int = 16) -> np.ndarray:
    """Images (N, 3, S, S) in [-1, 1] there and back again: (N, S, S, 3) uint8."""
    return np.concatenate([to_uint8(through(x).clamp(-1, 1).numpy()) for x in images.split(batch)])


def linear_code(data: Dataset, config: AutoencoderConfig) -> Callable[[Tensor], Tensor]:
    """The reconstruction by the leading principal components of 8 × 8 patches, as many as the latents have channels."""
    net = Autoencoder(config).eval()
    net.start_from_principal_components(principal_patches(data))
    return lambda x: net.decoder.linear(net.encoder.linear(x))


def sheet(real: np.ndarray, again: np.ndarray, psnr: np.ndarray) -> Image.Image:
    """Rows of (image, reconstruction, four times the difference): the worst, those in the middle, the best."""
    order, half = np.argsort(psnr), SHOWN // 2
    middle = len(order) // 2
    chosen = [order[:SHOWN], order[middle - half : middle + half], order[-SHOWN:]]
    rows = []
    for picked in chosen:
        error = np.clip(128 + 4 * (again[picked].astype(int) - real[picked]), 0, 255).astype(np.uint8)
        rows += [np.concatenate(list(images), axis=1) for images in (real[picked], again[picked], error)]
    return Image.fromarray(np.concatenate(rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji128.npz"))
    parser.add_argument("--weights", type=Path, default=ASSETS / "autoencoder128.safetensors")
    parser.add_argument("--out", type=Path, default=ASSETS / "curves" / "autoencoder.json")
    parser.add_argument("--sheet", type=Path, default=ASSETS / "model" / "autoencoder.webp")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data, net = Dataset.load(args.data), checkpoints.read_autoencoder(args.weights)
    rows = data.rows(heldout=True)
    images = data.examples(rows)
    real = to_uint8(images.numpy())
    again = reconstruct(lambda x: net.decode(net.encode(x)), images)
    psnr, ssim = qualities(real, again)
    linear_psnr, linear_ssim = qualities(real, reconstruct(linear_code(data, net.config), images))
    found = {
        "weights_sha256": checkpoints.sha256_of(args.weights),
        "n": len(rows),
        "numbers": int(np.prod(net.latent_shape)),
        "pixels": int(np.prod(images.shape[1:])),
        "psnr": mean_figure(psnr),
        "ssim": mean_figure(ssim),
        "psnr_worst_tenth": round(float(np.quantile(psnr, 0.1)), 2),
        "linear": {"psnr": mean_figure(linear_psnr), "ssim": mean_figure(linear_ssim)},
        "by_style": {
            style: round(float(psnr[data.style[rows] == i].mean()), 2) for i, style in enumerate(data.styles)
        },
    }
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sheet(real, again, psnr).save(args.sheet, quality=88)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
