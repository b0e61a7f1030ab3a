"""What steers a run: the two answers that guidance weighs, how hard it pushes, and what each word does."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from diffviz.diffusion.guidance import classifier
from diffviz.diffusion.samplers import draw, last, seeded
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import rms
from diffviz.models import checkpoints
from diffviz.models.classifier import Judge
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.pipelines.text_to_image import Settings, asked, finals, walk
from diffviz.pipelines.trajectory import Trajectory

Net = TypeVar("Net", bound=torch.nn.Module)
SCALES = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)
# Of a run, by t; a little above the thirds, so that a step that falls on one belongs to the same side on every machine.
THIRDS = {"first": (0.67, 1.0), "middle": (0.34, 0.67), "last": (0.0, 0.34)}


@dataclasses.dataclass(frozen=True)
class BothAnswers:
    """The network's guesses x0_hat at each state of a run, asked in both ways: (steps, C, H, W) each."""

    with_words: np.ndarray
    without: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """How far the words move the guess at each state, root mean square: (steps,)."""
        return rms(self.with_words - self.without)

    def pushed(self, guided: np.ndarray) -> np.ndarray:
        """How far the answers that were used, (steps, C, H, W), lie from the ones without words: (steps,)."""
        return rms(guided - self.without)


def both_answers(run: Trajectory, settings: Settings, denoiser: Denoiser) -> BothAnswers:
    """Put every state of a recorded run to the network again, with its words and without them, in one batch.

    "Without" is what guidance pushes away from: no words and no style, or the negative prompt. Of a guided run
    of a sampler that asks once a step, these are the very answers it was steered by.
    """
    n = run.steps
    denoise = denoiser.prompted(
        [*[settings.prompt] * n, *[settings.negative] * n],
        [*[settings.style or None] * n, *[None] * n],
        SCHEDULES[settings.schedule],
    )
    x, t = torch.from_numpy(run.x[:n]), torch.from_numpy(run.t[:n])
    answers = denoise(torch.cat([x, x]), torch.cat([t, t])).numpy()
    return BothAnswers(answers[:n], answers[n:])


@torch.inference_mode()
def attention(run: Trajectory, settings: Settings, denoiser: Denoiser) -> np.ndarray:
    """Which words each place of the picture looks at, at each state of a run: (steps, 1 + words, h, w).

    The shares of the cross-attention, averaged over heads and blocks, at the network's lowest resolution; those of
    one place add up to 1. The first is the style's, the others stand in the order of the words that are known.
    """
    n, seen = run.steps, []
    net = _same_weights(denoiser.net)  # other visitors are using the one that is shared: it must get no hooks
    for block in net.middle:
        block.cross_attention.register_forward_hook(
            lambda module, asked, _: seen.append(module.weights(*asked).mean(1))
        )
    again = Denoiser(net, denoiser.vocabulary)
    denoise = again.prompted(
        [settings.prompt] * n, [settings.style or None] * n, SCHEDULES[settings.schedule]
    )
    denoise(torch.from_numpy(run.x[:n]), torch.from_numpy(run.t[:n]))
    shares = torch.stack(seen).mean(0)  # (steps, places, tokens)
    side = math.isqrt(shares.shape[1])
    words = len(denoiser.vocabulary.read(settings.prompt).words)
    return shares.transpose(1, 2).unflatten(2, (side, side))[:, : 1 + words].numpy()


def _same_weights(net: Net) -> Net:
    """A second network of the very same tensors: only the modules are copied, in which hooks are kept."""
    shared = [*net.parameters(), *net.buffers()]
    return copy.deepcopy(net, {id(tensor): tensor for tensor in shared})


def at_scales(
    settings: Settings, seeds: Sequence[int], scales: Sequence[float] = SCALES
) -> Iterator[np.ndarray]:
    """The finished pictures of the same seeds at each guidance scale, one scale after another: (N, C, H, W)."""
    for scale in scales:
        yield finals(dataclasses.replace(settings, guidance=scale), seeds).numpy()


def by_thirds(settings: Settings) -> dict[str, Settings]:
    """The same run pushed always, in one third of it alone, and never."""
    limited = {third: dataclasses.replace(settings, interval=interval) for third, interval in THIRDS.items()}
    return {"always": settings, **limited, "never": dataclasses.replace(settings, guidance=1.0)}


def by_judge(settings: Settings, seeds: Sequence[int], judge: Judge, label: str, scale: float) -> np.ndarray:
    """Finished pictures (N, C, H, W) of runs without words that a judge pushes towards one of its labels."""
    denoiser, schedule = checkpoints.load(settings.model), SCHEDULES[settings.schedule]
    alone = dataclasses.replace(settings, prompt="", guidance=1.0)
    denoise = classifier(asked(alone, denoiser, len(seeds)), judge.log_p(label), scale, schedule)
    rng = seeded(seeds)
    return last(walk(alone, denoise, draw(rng, denoiser.shape), alone.times, rng)).x.numpy()


def certainty(pictures: np.ndarray, judge: Judge, label: str) -> np.ndarray:
    """How sure the judge is that each of the pictures (N, C, H, W) is of this label, from 0 to 1: (N,)."""
    with torch.inference_mode():
        return judge.log_p(label)(torch.from_numpy(pictures)).exp().numpy()


def likeness(pictures: np.ndarray, judge: Judge) -> float:
    """How alike two or more pictures (N, C, H, W) are to the judge: the mean cosine of its features, 1 for the same.

    Pixels would not do: guidance makes contrasts harder, and with them every difference of pixel values.
    """
    features = judge.look(torch.from_numpy(pictures))[2].numpy()
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    n = len(features)
    return float(((features @ features.T).sum() - n) / (n * (n - 1)))


def colourfulness(pictures: np.ndarray) -> float:
    """The mean gap between the strongest and the weakest colour of a pixel: 0 for greys, 1 for pure colours."""
    return float((pictures.max(-3) - pictures.min(-3)).mean() / 2)


def one_word_less(prompt: str, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """(the word that is left out, the prompt without it) for each word the network knows, in their order."""
    words = vocabulary.read(prompt).words
    return [(word, " ".join(w for w in words if w != word)) for word in words]
