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
from torch import Tensor, nn

from diffviz.analysis import latents
from diffviz.diffusion.samplers import Step, make_generators, randn_per_seed
from diffviz.imaging.pixels import to_uint8
from diffviz.models.classifier import LabelClassifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import FIRST_STYLE, NO_STYLE, NULL_TOKEN, PAD, Vocabulary
from diffviz.models.unet import same_weights
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


def nearest_words(denoiser: Denoiser, token: int, n: int = 4) -> tuple[tuple[str, float], ...]:
    """The n words whose embeddings point most nearly the way of this token's, with the cosine of the angle between."""
    embeddings = denoiser.net.text.embed.weight.detach()
    texts = token_texts(denoiser.vocabulary)
    first = len(texts) - len(denoiser.vocabulary.words)
    cosines = torch.cosine_similarity(embeddings[first:], embeddings[token][None], dim=1)
    best = [i for i in cosines.argsort(descending=True).tolist() if first + i != token][:n]
    return tuple((texts[first + i], float(cosines[i])) for i in best)


def encode_prompt(denoiser: Denoiser, ids: Tensor) -> tuple[tuple[Token, ...], np.ndarray, np.ndarray]:
    """(tokens, token vectors (L, D), pooled vector (D,)) of token ids (1, L), padding left out."""
    with torch.inference_mode():
        each, pooled, mask = denoiser.net.text(ids)
    kept, texts = ids[0][mask[0]].tolist(), token_texts(denoiser.vocabulary)
    tokens = tuple(Token(i, texts[i], nearest_words(denoiser, i)) for i in kept)
    return tokens, each[0][mask[0]].numpy(), pooled[0].numpy()


class _NoAttention(nn.Module):
    """In place of an attention layer: it adds nothing to its block."""

    def forward(self, x: Tensor, *_: Tensor) -> Tensor:
        return torch.zeros_like(x)


def without_attention(denoiser: Denoiser, kind: str) -> Denoiser:
    """The same network with its "cross_attention" or "self_attention" switched off in every block."""
    net = same_weights(denoiser.net)
    for block in net.middle:
        setattr(block, kind, _NoAttention())
    return dataclasses.replace(denoiser, net=net)


def changed_settings(settings: Settings, change: str) -> Settings:
    """The settings of a run with this change, where it is one of settings; else the settings as they are."""
    changes = {
        "no prompt": {"prompt": "", "style": ""},
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
    if change == "left out":  # the first three channels as red, green and blue, each value a square

        def first_channels(z: np.ndarray) -> np.ndarray:
            zoom = denoiser.picture_size // z.shape[-1]
            return to_uint8(z[:3] / latents.SHOWN_STD).repeat(zoom, 0).repeat(zoom, 1)

        return first_channels
    decode = latents.decode_linear if change == "its linear part alone" else latents.decode
    return lambda z: decode(autoencoder, z)


def sample_changed(settings: Settings, denoiser: Denoiser, change: str = "") -> Iterator[Step]:
    """The steps of a run with one change of `CHANGES`, or with none. Raises ValueError for another."""
    if change and change not in {name for names in CHANGES.values() for name in names}:
        raise ValueError(f"no such change: {change!r}")
    settings = changed_settings(settings, change)
    if change in ("no cross-attention", "no self-attention"):
        denoiser = without_attention(denoiser, change.removeprefix("no ").replace("-", "_"))
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
    pixels = torch.from_numpy(np.moveaxis(image, -1, 0).astype(np.float32) / 127.5 - 1)[None]
    p = judge.predict(pixels)[0].softmax(1)[0]
    best = int(p.argmax())
    return SafetyCheck(words, judge.labels[best], float(p[best]))
