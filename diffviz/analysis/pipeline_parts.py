"""The parts of a text-to-image pipeline for one run: what each took and gave, and what breaks when one is changed.

The order is Stable Diffusion's (Rombach et al. 2022, arXiv 2112.10752): prompt, text encoder, noise from the seed,
U-Net with cross-attention, scheduler, VAE decoder, safety check. Every change is made in the part itself, on the same
seed; nothing is done to the finished image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffviz.analysis import latents, unet_probe
from diffviz.diffusion.samplers import Step, make_generators, randn_per_seed
from diffviz.imaging.pixels import from_uint8
from diffviz.models.classifier import LabelClassifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import FIRST_STYLE, NO_STYLE, NULL_TOKEN, PAD, Vocabulary
from diffviz.pipelines.text_to_image import Settings, build_denoiser, sample

# Words of the vocabulary that our check refuses: weapons and smoking. A short list by hand, as the first filters were.
BLOCKED_WORDS = frozenset(("bomb", "dagger", "pistol", "axe", "swords", "knife", "cigarette"))
BLOCKED_LABELS = frozenset(
    ("bomb", "dagger", "water pistol", "axe", "crossed swords", "kitchen knife", "cigarette")
)
CHANGES = {
    "text encoder": ("no prompt", "words in reverse order"),
    "noise": ("another seed", "all zeros"),
    "U-Net": ("no cross-attention", "no self-attention"),
    "scheduler": ("one step", "DPM-Solver++ 2M"),
    "decoder": ("left out", "its linear part alone"),
}
SWITCHES = {
    "no cross-attention": unet_probe.Switches(cross_attention=False),
    "no self-attention": unet_probe.Switches(self_attention=False),
}
NEAREST = 4  # words named beside a token


@dataclass(frozen=True)
class Token:
    """One token of a prompt: its id, its text, and the words whose embeddings are nearest to its own."""

    id: int
    text: str
    nearest: tuple[tuple[str, float], ...]  # (word, cosine similarity)


@dataclass(frozen=True)
class SafetyCheck:
    """What the check found: words of the prompt on its list, and what the classifier takes the image for."""

    words: tuple[str, ...]
    label: str
    probability: float

    @property
    def refused(self) -> bool:
        return bool(self.words) or self.label in BLOCKED_LABELS


@dataclass(frozen=True)
class PartsRun:
    """What every part gave: token vectors (L, D), noise (C, H, W), the steps, and the image (S, S, 3) uint8."""

    tokens: tuple[Token, ...]
    embeddings: np.ndarray
    pooled: np.ndarray
    noise: np.ndarray
    steps: tuple[Step, ...]
    image: np.ndarray

    @property
    def latents(self) -> np.ndarray:
        """The last state (C, H, W), which the decoder takes."""
        return self.steps[-1].x[0].numpy()


def token_texts(vocabulary: Vocabulary) -> list[str]:
    """What each token id stands for."""
    special = {PAD: "(padding)", NULL_TOKEN: "(no prompt)", NO_STYLE: "(no style)"}
    texts = [special.get(i, "") for i in range(FIRST_STYLE)]
    return [*texts, *(f"style: {style}" for style in vocabulary.styles), *vocabulary.words]


def encode_prompt(denoiser: Denoiser, ids: Tensor) -> tuple[tuple[Token, ...], np.ndarray, np.ndarray]:
    """(tokens, token vectors (L, D), pooled vector (D,)) of token ids (1, L), padding left out."""
    with torch.inference_mode():
        each, pooled, mask = denoiser.net.text(ids)
    kept, texts = ids[0][mask[0]].tolist(), token_texts(denoiser.vocabulary)
    tokens = tuple(Token(i, texts[i], tuple(unet_probe.nearest_to_token(i, denoiser, NEAREST))) for i in kept)
    return tokens, each[0][mask[0]].numpy(), pooled[0].numpy()


def changed_settings(settings: Settings, change: str) -> Settings:
    """The settings of a run with this change, where it is one of settings; else the settings as they are."""
    changes = {
        "no prompt": {"prompt": ""},
        "words in reverse order": {"prompt": " ".join(reversed(settings.prompt.split()))},
        "another seed": {"seed": settings.seed + 1},
        "one step": {"steps": 1},
        "DPM-Solver++ 2M": {"sampler": "dpmpp_2m"},
    }
    return dataclasses.replace(settings, **changes.get(change, {}))


def decoder_of(denoiser: Denoiser, change: str) -> Callable[[np.ndarray], np.ndarray]:
    """Latents (C, H, W) to an image (S, S, 3) uint8 by the decoder, or by what the change puts in its place."""
    autoencoder = denoiser.autoencoder
    if autoencoder is None:
        raise ValueError("this network works on pixels: it has no decoder")
    if change == "left out":
        return lambda z: latents.first_channels(z, denoiser.image_size)
    decode = latents.decode_linear if change == "its linear part alone" else latents.decode
    return lambda z: decode(autoencoder, z)


def sample_changed(settings: Settings, denoiser: Denoiser, change: str = "") -> Iterator[Step]:
    """The steps of a run with one change of `CHANGES`, or with none. Raises ValueError for another."""
    if change and change not in {name for names in CHANGES.values() for name in names}:
        raise ValueError(f"no such change: {change!r}")
    settings = changed_settings(settings, change)
    denoiser = unet_probe.switched(denoiser, SWITCHES.get(change, unet_probe.Switches()))
    rng = make_generators([settings.seed])
    noise = randn_per_seed(rng, denoiser.shape)
    if change == "all zeros":
        noise = torch.zeros_like(noise)
    return sample(settings, build_denoiser(settings, denoiser), noise, settings.timesteps, rng)


def run(settings: Settings, denoiser: Denoiser, change: str = "") -> PartsRun:
    """One run with what every part gave."""
    steps = tuple(sample_changed(settings, denoiser, change))
    told = changed_settings(settings, change)
    tokens, embeddings, pooled = encode_prompt(denoiser, denoiser.tokens([told.prompt], [told.style or None]))
    return PartsRun(
        tokens,
        embeddings,
        pooled,
        steps[0].x[0].numpy(),
        steps,
        decoder_of(denoiser, change)(steps[-1].x[0].numpy()),
    )


def safety_check(prompt: str, image: np.ndarray, denoiser: Denoiser, judge: LabelClassifier) -> SafetyCheck:
    """Our check: words of the prompt on a list, and the classifier's first label for the image (S, S, 3) uint8.

    Stable Diffusion 1's compares a CLIP embedding of the image with those of forbidden concepts. Both err both ways:
    a list knows no synonym, and the classifier knows only its own labels.
    """
    words = tuple(w for w in denoiser.vocabulary.read(prompt).words if w in BLOCKED_WORDS)
    p = judge.predict(torch.from_numpy(from_uint8(image))[None])[0].softmax(1)[0]
    best = int(p.argmax())
    return SafetyCheck(words, judge.labels[best], float(p[best]))
