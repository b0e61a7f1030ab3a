"""Guidance analyzed: conditional and unconditional predictions, scales, intervals, prompt ablation, cross-attention."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from diffviz.analysis import unet_probe
from diffviz.diffusion.guidance import classifier_guidance
from diffviz.diffusion.samplers import Step, final_step, make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models import checkpoints
from diffviz.models.classifier import LabelClassifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.pipelines.text_to_image import GuidedStep, Settings, build_denoiser, sample, sample_images
from diffviz.pipelines.trajectory import Trajectory

SCALES = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)
CLIP_TOLERANCE = 1e-3  # what lies less than this outside [-1, 1] is rounding
# Of a trajectory, by t; a little above the thirds, so that a step on one belongs to the same side on every machine.
THIRDS = {"first": (0.67, 1.0), "middle": (0.34, 0.67), "last": (0.0, 0.34)}


@dataclasses.dataclass(frozen=True)
class CondUncond:
    """Conditional and unconditional x0_hat at each state of a trajectory: (steps, C, H, W) each."""

    cond: np.ndarray
    uncond: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """RMSE between the two at each state: (steps,)."""
        return rmse(self.cond, self.uncond, PER_IMAGE)

    def guided_difference(self, guided: np.ndarray) -> np.ndarray:
        """RMSE between the guided x0_hat (steps, C, H, W) and the unconditional one: (steps,)."""
        return rmse(guided, self.uncond, PER_IMAGE)

    def guided(self, scale: float) -> np.ndarray:
        """The guided x0_hat at a scale, before it is clipped, which latents are not: (steps, C, H, W)."""
        return self.uncond + scale * (self.cond - self.uncond)

    def clipped(self, scale: float) -> np.ndarray:
        """Share of the values of the guided x0_hat that lie outside [-1, 1] before they are clipped: (steps,)."""
        return (np.abs(self.guided(scale)) > 1 + CLIP_TOLERANCE).mean(PER_IMAGE)

    def spread(self, scale: float) -> np.ndarray:
        """Standard deviation of the values of the guided x0_hat at each state: (steps,)."""
        return self.guided(scale).std(PER_IMAGE)


def recorded_predictions(steps: Sequence[Step]) -> CondUncond | None:
    """The two predictions that a guided trajectory was made of, at each state but the last, without an evaluation.

    `steps` are those so far, of which the first image is taken. For a sampler of several evaluations a step they are those
    at the states. None where guidance did not act at all of them.
    """
    guided = [step for step in steps[:-1] if isinstance(step, GuidedStep)]
    if not guided or len(guided) < len(steps) - 1:
        return None
    cond, uncond = (
        torch.stack([part[0] for part in parts]).float().numpy()
        for parts in ([s.conditional for s in guided], [s.unconditional for s in guided])
    )
    return CondUncond(cond, uncond)


def cond_uncond(run: Trajectory, settings: Settings, denoiser: Denoiser) -> CondUncond:
    """Evaluate every state of a recorded trajectory with and without its condition, in one batch.

    The unconditional prediction is the one that guidance extrapolates from: no prompt and no style, or the negative
    prompt. For a sampler of one evaluation a step, these are the very predictions that the guided trajectory was made of.
    """
    n = run.steps
    denoise = denoiser.conditioned(
        [*[settings.prompt] * n, *[settings.negative] * n],
        [*[settings.style or None] * n, *[None] * n],
        SCHEDULES[settings.schedule],
    )
    x, t = torch.tensor(run.x[:n]), torch.tensor(run.t[:n])
    x0_hat = denoise(torch.cat([x, x]), torch.cat([t, t])).numpy()
    return CondUncond(x0_hat[:n], x0_hat[n:])


@torch.inference_mode()
def cross_attention_maps(run: Trajectory, settings: Settings, denoiser: Denoiser) -> np.ndarray:
    """Cross-attention maps of each token at each state of a trajectory: (steps, 1 + words, h, w).

    Attention weights, averaged over heads and blocks, at the network's lowest resolution; those of one position add up
    to 1. The first is the style's, the others stand in the order of the words that are known.
    """
    weights = unet_probe.attention(run, settings, denoiser, "cross").mean(
        (0, 2)
    )  # (steps, positions, tokens)
    side = math.isqrt(weights.shape[1])
    words = len(denoiser.vocabulary.read(settings.prompt).words)
    maps = np.swapaxes(weights, 1, 2).reshape(len(weights), -1, side, side)
    return maps[:, : 1 + words]


def at_scales(
    settings: Settings, seeds: Sequence[int], scales: Sequence[float] = SCALES
) -> Iterator[np.ndarray]:
    """The final images of the same seeds at each guidance scale, one scale after another: (N, 3, S, S)."""
    for scale in scales:
        yield sample_images(dataclasses.replace(settings, guidance=scale), seeds).numpy()


def interval_variants(settings: Settings) -> dict[str, Settings]:
    """The same settings with guidance throughout, in one third of the trajectory alone, and off."""
    limited = {third: dataclasses.replace(settings, interval=interval) for third, interval in THIRDS.items()}
    return {"always": settings, **limited, "never": dataclasses.replace(settings, guidance=1.0)}


def sample_with_classifier(
    settings: Settings, seeds: Sequence[int], label_classifier: LabelClassifier, label: str, scale: float
) -> np.ndarray:
    """Samples (N, 3, S, S) without a prompt, of the style of `settings`, with classifier guidance towards a label."""
    denoiser, schedule = checkpoints.load(settings.model), SCHEDULES[settings.schedule]
    alone = dataclasses.replace(settings, prompt="", guidance=1.0)
    log_p = label_classifier.log_p(label)
    denoise = classifier_guidance(
        build_denoiser(alone, denoiser, len(seeds)),
        lambda x0: log_p(denoiser.decode(x0)),
        scale,
        schedule,
        clip=denoiser.autoencoder is None,
    )
    rng = make_generators(seeds)
    last = final_step(sample(alone, denoise, randn_per_seed(rng, denoiser.shape), alone.timesteps, rng))
    return denoiser.decode(last.x).numpy()


def class_probability(images: np.ndarray, label_classifier: LabelClassifier, label: str) -> np.ndarray:
    """p(label given image) of the classifier for each of the images (N, C, H, W): (N,)."""
    with torch.inference_mode():
        return label_classifier.log_p(label)(torch.from_numpy(images)).exp().numpy()


def feature_similarity(images: np.ndarray, label_classifier: LabelClassifier) -> float:
    """Mean pairwise cosine similarity of the classifier's features of two or more images (N, C, H, W): 1 for the same.

    Pixel differences would not do: guidance raises the contrast, and with it every difference of pixel values.
    """
    features = label_classifier.predict(torch.from_numpy(images))[2].numpy()
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    n = len(features)
    return float(((features @ features.T).sum() - n) / (n * (n - 1)))


def colourfulness(images: np.ndarray) -> float:
    """Mean difference between the largest and the smallest channel of a pixel: 0 for greys, 1 for pure colours."""
    return float((images.max(-3) - images.min(-3)).mean() / 2)


def leave_one_word_out(prompt: str, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Prompt ablation: (the word left out, the prompt without it) for each known word, in their order."""
    words = vocabulary.read(prompt).words
    return [(word, " ".join(w for w in words if w != word)) for word in words]
