"""A sampling pipeline in replaceable parts, and the classic mistakes in each: "find the bug", on real runs.

`PARTS` are the parts as they should be; a `Mistake` is a function that takes the place of one of them, so that the run
really goes wrong where the mistake is made, and nowhere else. `mended` puts the part back.

    case = CASES["guidance-off-by-one"]
    for frame in run(broken(case), case, denoiser, seeds=[0, 1, 2, 3]):
        ...
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffviz import pacing
from diffviz.analysis.reverse_trajectory import EXTREMES
from diffviz.diffusion.process import append_dims, x0_from_v
from diffviz.diffusion.samplers import SAMPLERS, Step, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES, STABLE_DIFFUSION_BETA, Schedule, karras_ratio
from diffviz.imaging import samples
from diffviz.imaging.pixels import normalize
from diffviz.models import checkpoints, early_weights
from diffviz.models.autoencoder import Autoencoder
from diffviz.models.denoiser import Denoiser
from diffviz.models.unet import UNet

Generators = Sequence[torch.Generator]
STYLE, STEPS, GUIDANCE = "noto", 16, 3.0
IMAGES = 4  # in a run
IMAGE = "cat-face-noto.png"  # what a run starts from where a case starts from an image
PROMPTS = ("cat face", "cat face", "red heart", "sunflower")  # one prompt twice: two seeds of it must differ

# --- two schedules that mistakes need and the lessons do not ------------------------------------------------
_SD_START, _SD_END = map(math.sqrt, STABLE_DIFFUSION_BETA)


def _sd_alpha(t: Tensor) -> Tensor:
    root = _SD_START + (_SD_END - _SD_START) * t
    return torch.exp(-500 * (root**3 - _SD_START**3) / (3 * (_SD_END - _SD_START)))


# The "scaled linear" schedule of Stable Diffusion (arXiv 2112.10752), in continuous time: alpha(1) = 0.069, not zero.
SCALED_LINEAR = Schedule(
    "scaled-linear",
    "Scaled linear",
    "the noise schedule of Stable Diffusion",
    _sd_alpha,
    lambda t: torch.sqrt(1 - _sd_alpha(t) ** 2),
)
# Karras et al. 2022 (arXiv 2206.00364) leave the image as it is and add noise of up to sigma = 80: alpha = 1 throughout.
VARIANCE_EXPLODING = Schedule(
    "ve", "Variance exploding", "x0 + sigma eps", torch.ones_like, karras_ratio, variance_preserving=False
)


def zero_terminal_snr(schedule: Schedule) -> Schedule:
    """The schedule shifted and scaled so that alpha(1) = 0 (Lin et al. 2023, arXiv 2305.08891, algorithm 1)."""
    last = float(schedule.alpha(1.0))
    if last == 0 or not schedule.variance_preserving:
        return schedule

    def alpha(t: Tensor) -> Tensor:
        return ((schedule.alpha(t) - last) / (1 - last)).clamp(0, 1)

    return dataclasses.replace(schedule, _alpha=alpha, _sigma=lambda t: torch.sqrt(1 - alpha(t) ** 2))


@dataclass(frozen=True)
class Trained:
    """What a training keeps of a network: the weights of a step, and their exponential moving average."""

    step: UNet
    averaged: UNet


# --- the parts of the pipeline, as they should be -----------------------------------------------------------
# Each is short enough to be shown whole beside the mistake that takes its place.


def weights(trained: Trained) -> UNet:
    return trained.averaged


def schedule(given: Schedule) -> Schedule:
    return zero_terminal_snr(given)


def captions(prompts: Sequence[str]) -> list[str]:
    return list(prompts)


def noise(rng: Generators, shape: Sequence[int]) -> Tensor:
    return randn_per_seed(rng, shape)


def image_values(pixels: Tensor) -> Tensor:
    return normalize(pixels)


def to_latents(autoencoder: Autoencoder, images: Tensor) -> Tensor:
    return autoencoder.encode(images)


def first_state(image: Tensor, eps: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * image + sigma * eps


def told_time(ts: Sequence[float], i: int) -> float:
    return ts[i]


def network_input(x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return x * torch.rsqrt(alpha**2 + sigma**2)


def read_output(x: Tensor, output: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return x0_from_v(x, output, alpha, sigma)


def clip(x0: Tensor) -> Tensor:
    return x0.clamp(-1, 1)


def latent_range(x0: Tensor) -> Tensor:
    return x0


def split(outputs: Tensor) -> tuple[Tensor, Tensor]:
    cond, uncond = outputs.chunk(2)
    return cond, uncond


def guide(cond: Tensor, uncond: Tensor, w: float) -> Tensor:
    return uncond + w * (cond - uncond)


def last_state(x0: Tensor, eps: Tensor, beta: float) -> Tensor:
    return x0


@dataclass(frozen=True)
class Parts:
    """What a run is made of, by the names of the functions above."""

    weights: Callable[[Trained], UNet] = weights
    schedule: Callable[[Schedule], Schedule] = schedule
    captions: Callable[[Sequence[str]], list[str]] = captions
    noise: Callable[[Generators, Sequence[int]], Tensor] = noise
    image_values: Callable[[Tensor], Tensor] = image_values
    to_latents: Callable[[Autoencoder, Tensor], Tensor] = to_latents
    first_state: Callable[[Tensor, Tensor, float, float], Tensor] = first_state
    told_time: Callable[[Sequence[float], int], float] = told_time
    network_input: Callable[[Tensor, Tensor, Tensor], Tensor] = network_input
    read_output: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = read_output
    clip: Callable[[Tensor], Tensor] = clip
    latent_range: Callable[[Tensor], Tensor] = latent_range
    split: Callable[[Tensor], tuple[Tensor, Tensor]] = split
    guide: Callable[[Tensor, Tensor, float], Tensor] = guide
    last_state: Callable[[Tensor, Tensor, float], Tensor] = last_state


PARTS = Parts()


# --- the mistakes -------------------------------------------------------------------------------------------


def weights_of_one_step(trained: Trained) -> UNet:
    return trained.step


def schedule_as_it_came(given: Schedule) -> Schedule:
    return given


def captions_shifted(prompts: Sequence[str]) -> list[str]:
    return [*prompts[1:], prompts[0]]


def one_noise_for_all(rng: Generators, shape: Sequence[int]) -> Tensor:
    return randn_per_seed(rng[:1], shape).expand(len(rng), *shape)


def image_from_0_to_1(pixels: Tensor) -> Tensor:
    return pixels / 255


def latents_not_scaled(autoencoder: Autoencoder, images: Tensor) -> Tensor:
    return autoencoder.encoder(images)


def noise_not_scaled(image: Tensor, eps: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * image + eps


def time_of_next_step(ts: Sequence[float], i: int) -> float:
    return ts[i + 1]


def times_ascending(ts: Sequence[float], i: int) -> float:
    return ts[::-1][i + 1]


def input_not_scaled(x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return x


def output_read_as_x0(x: Tensor, output: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return output


def output_read_as_eps(x: Tensor, output: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return (x - sigma * output) / alpha.clamp(min=1e-3)


def not_clipped(x0: Tensor) -> Tensor:
    return x0


def latents_clipped(x0: Tensor) -> Tensor:
    return x0.clamp(-1, 1)


def halves_swapped(outputs: Tensor) -> tuple[Tensor, Tensor]:
    uncond, cond = outputs.chunk(2)
    return cond, uncond


def guidance_off_by_one(cond: Tensor, uncond: Tensor, w: float) -> Tensor:
    return cond + w * (cond - uncond)


def noise_after_last_step(x0: Tensor, eps: Tensor, beta: float) -> Tensor:
    return x0 + math.sqrt(beta) * eps


@dataclass(frozen=True)
class Source:
    """Where a mistake was met: what happened there, and the address of the thread or paper."""

    text: str
    url: str


@dataclass(frozen=True)
class Case:
    """A mistake, and the run it is made in.

    `part` names the field of Parts that `wrong` takes the place of. `sign` says what gives it away, and `why` what it does.
    """

    id: str
    title: str
    part: str
    wrong: Callable[..., Any]
    sign: str
    why: str
    source: Source
    sampler: str = "ddim"
    given: Schedule = SCHEDULES["cosine"]
    guidance: float = GUIDANCE
    from_image: bool = False
    start: float = 1.0  # the first time of the run; below 1 with an image, as in image-to-image
    model: str = checkpoints.QUICK
    fewer_steps: int = 0  # than STEPS, where an evaluation takes long
    prompts: tuple[str, ...] = PROMPTS  # IMAGES of them
    style: str | None = STYLE

    @property
    def right(self) -> Callable[..., object]:
        """The part as it should be."""
        return getattr(PARTS, self.part)

    @property
    def steps(self) -> int:
        return self.fewer_steps or STEPS

    @property
    def timesteps(self) -> list[float]:
        return timesteps(self.steps, self.start)

    @property
    def healthy(self) -> tuple[object, ...]:
        """What the healthy run follows from, seeds apart: cases that agree in it share that run."""
        return (
            self.sampler,
            self.given.name,
            self.guidance,
            self.from_image,
            self.start,
            self.model,
            self.steps,
            self.prompts,
            self.style,
        )


def broken(case: Case) -> Parts:
    """The pipeline with this mistake in it."""
    return dataclasses.replace(PARTS, **{case.part: case.wrong})


def mended(parts: Parts, case: Case) -> Parts:
    """A pipeline with the part that this case is about as it should be."""
    return dataclasses.replace(parts, **{case.part: case.right})


@dataclass(frozen=True)
class Frame:
    """A step of a run, and the root mean square of what the network was given there: (B,), NaN where nothing was.

    `images` are those of the step's x0: decoded, where the run is in latents.
    """

    step: Step
    input_rms: np.ndarray
    images: Tensor


def load(case: Case) -> tuple[Denoiser, UNet | None]:
    """The network that a case runs on, and where it is about them, the same with weights that are not averaged.

    Raises CheckpointError like `checkpoints.load`.
    """
    return checkpoints.load(case.model), early_weights.load() if case.part == "weights" else None


def start_image(case: Case, denoiser: Denoiser) -> np.ndarray | None:
    """The image that a case's run begins at, (S, S, 3) uint8 at the network's size; None where it begins at noise alone."""
    return samples.pixels(IMAGE, denoiser.image_size) if case.from_image else None


def run(
    parts: Parts,
    case: Case,
    denoiser: Denoiser,
    seeds: Sequence[int],
    pixels: np.ndarray | None = None,
    step_net: UNet | None = None,
) -> Iterator[Frame]:
    """The steps of a run made of these parts, one image for each of the case's prompts.

    `seeds` are as many as its prompts; `pixels` (S, S, 3) from 0 to 255 is the image to start from, for cases that do. The
    denoiser's weights are averaged ones; `step_net` has those of one training step, for the case about them. Raises
    ValueError where a seed or the image is missing.
    """
    if len(seeds) != len(case.prompts):
        raise ValueError(f"one seed for each of the {len(case.prompts)} prompts, please")
    if case.from_image and pixels is None:
        raise ValueError("this run starts from an image: give its pixels")
    denoiser = dataclasses.replace(
        denoiser, net=parts.weights(Trained(step_net or denoiser.net, denoiser.net))
    )
    used, ts, rng = parts.schedule(case.given), case.timesteps, make_generators(seeds)
    eps = parts.noise(rng, denoiser.shape)
    image = torch.zeros_like(eps)
    if case.from_image and pixels is not None:
        values = torch.from_numpy(np.moveaxis(pixels, -1, 0).astype(np.float32))
        image = parts.image_values(values)[None]
        if denoiser.autoencoder:
            with torch.inference_mode():
                image = parts.to_latents(denoiser.autoencoder, image)
        image = image.expand_as(eps)
    x = parts.first_state(image, eps, float(used.alpha(ts[0])), float(used.sigma(ts[0])))
    given: list[np.ndarray] = []
    denoise = _denoise(parts, case, denoiser, used, given)
    for step in SAMPLERS[case.sampler](denoise, x, ts, used, rng=rng):
        if step.i < case.steps:
            yield Frame(step, given[-1], denoiser.decode(step.x0))
            continue
        beta = float(used.beta(ts[-2], 0.0))  # variance of the noise of DDPM's last step
        last = parts.last_state(step.x, randn_per_seed(rng, denoiser.shape), beta)
        finished = dataclasses.replace(step, x=last, x0=last)
        yield Frame(finished, np.full(len(seeds), np.nan), denoiser.decode(last))


def _denoise(
    parts: Parts, case: Case, denoiser: Denoiser, used: Schedule, given: list[np.ndarray]
) -> Callable[[Tensor, Tensor], Tensor]:
    """denoise(x, t) with guidance, made of the parts; the RMS of each network input is added to `given`."""
    words = parts.captions(case.prompts)
    tokens = denoiser.tokens(
        [*words, *[""] * len(words)], [*[case.style] * len(words), *[None] * len(words)]
    )  # (2 B, L): conditional, then unconditional
    ts, calls = case.timesteps, itertools.count()
    limited = parts.clip if denoiser.autoencoder is None else parts.latent_range

    @torch.inference_mode()
    def denoise(x: Tensor, t: Tensor) -> Tensor:
        x, t = torch.cat([x, x]), torch.cat([t, t])
        alpha, sigma = used.alpha(t), used.sigma(t)
        level = torch.atan2(sigma, alpha)
        told = used.angle(torch.full_like(t, parts.told_time(ts, next(calls))))
        into = parts.network_input(x, append_dims(alpha, x), append_dims(sigma, x))
        given.append(into.chunk(2)[0].square().mean((1, 2, 3)).sqrt().numpy())
        with pacing.piece(len(x)):
            output = denoiser.net(into, told.to(x.dtype), tokens)
        unit = network_input(x, append_dims(alpha, x), append_dims(sigma, x))
        x0 = parts.read_output(
            unit, output, append_dims(torch.cos(level), x), append_dims(torch.sin(level), x)
        )
        cond, uncond = parts.split(limited(x0))
        return limited(parts.guide(cond, uncond, case.guidance))

    return denoise


def _github(place: str, number: int, pull: bool = False) -> str:
    return f"https://github.com/{place}/{'pull' if pull else 'issues'}/{number}"


_EVERY = (
    Case(
        "captions-shifted", "The captions are shifted by one", "captions", captions_shifted,
        sign="Every image is sound by itself, and three of the four show another prompt than their own.",
        why="Images and captions are two lists that must stay in step. Nothing crashes when one of them is "
        "moved: each image is simply conditioned on its neighbour's words.",
        source=Source(
            "FLUX in diffusers: with several images a prompt, one of the two text embeddings was repeated in "
            "the wrong order, so that it reached the wrong images",
            _github("huggingface/diffusers", 9215),
        ),
    ),
    Case(
        "last-noise", "Noise is added after the last step", "last_state", noise_after_last_step, sampler="ddpm",
        sign="A fine grain lies over the finished images, and x̂₀ of the steps before has none of it.",
        why="Each DDPM step adds fresh noise, but for the last: algorithm 2 sets z = 0 there. What is added "
        "after the last evaluation no network removes.",
        source=Source("DDPM, algorithm 2: z = 0 at t = 1", "https://arxiv.org/abs/2006.11239"),
    ),
    Case(
        "one-noise", "One noise for the whole batch", "noise", one_noise_for_all,
        sign="The two images of one prompt are the same, pixel for pixel.",
        why="Noise of shape (1, C, H, W) is broadcast over the batch without a word of complaint. Each image "
        "needs noise of its own.",
        source=Source(
            "cog-flux: the noise was not batched at generation time", _github("replicate/cog-flux", 52, pull=True)
        ),
    ),
    Case(
        "v-read-as-eps", "v is read as ε", "read_output", output_read_as_eps,
        sign="The images are there, with hard contrasts and specks, and the network's input is too large from "
        "the second step on.",
        why="v = α·ε − σ·x₀ is nearly −x₀ where there is much noise, and nearly ε where there is little. So the "
        "first steps are wrong and the last ones nearly right.",
        source=Source(
            "InvokeAI treated SDXL models trained for v-prediction as ε-prediction: noisy images",
            _github("invoke-ai/InvokeAI", 7495),
        ),
    ),
    Case(
        "pixel-range", "Pixels from 0 to 1 in place of −1 to 1", "image_values", image_from_0_to_1,
        from_image=True, start=0.65,
        sign="Colours are washed out: what should be dark is pale.",
        why="The network was trained on values from −1 to 1. Scaled to 0 to 1, black becomes 0, which is mid "
        "grey to it.",
        source=Source(
            "FLUX's demo fed the autoencoder image-to-image input from 0 to 1: colour shift",
            _github("black-forest-labs/flux", 402),
        ),
    ),
    Case(
        "halves-swapped", "Conditional and unconditional are swapped", "split", halves_swapped,
        sign="The images show anything but the prompt, in colours far from its own.",
        why="Guidance extrapolates from the unconditional prediction through the conditional one. With the "
        "halves of the batch exchanged it extrapolates away from the prompt.",
        source=Source(
            "diffusers' latent upscaler: found in review, positive and negative embeddings in the wrong order",
            _github("huggingface/diffusers", 8947, pull=True),
        ),
    ),
    Case(
        "input-unscaled", "The network's input is not scaled", "network_input", input_not_scaled,
        sampler="euler", given=VARIANCE_EXPLODING,
        sign="The network's input starts at an RMS of 80 in place of 1, and the images are dull and smeared.",
        why="This sampler's states are x₀ + σ·ε with σ up to 80. The network wants unit variance: the input is "
        "to be divided by √(1 + σ²) before each evaluation (scale_model_input in diffusers).",
        source=Source(
            "ControlNet in diffusers: latents not passed through scale_model_input",
            _github("huggingface/diffusers", 3544),
        ),
    ),
    Case(
        "v-read-as-x0", "The output is read as x₀", "read_output", output_read_as_x0,
        sign="Nothing but noise, to the last step.",
        why="v = α·ε − σ·x₀ is nearly ε where there is little noise. So what the last steps take for the image "
        "is the estimate of its noise.",
        source=Source(
            "Textual inversion: a network trained to predict noise, its output read as x₀",
            _github("rinongal/textual_inversion", 135),
        ),
    ),
    Case(
        "time-off-by-one", "The time is off by one step", "told_time", time_of_next_step,
        sign="Specks of noise are left on the white ground, and the colours are a little dull.",
        why="The network is told the noise level of the next step, which is lower. In the last step it is told of no "
        "noise, and leaves what is still there. In the steps before, its output is read at the true level and does not "
        "fit it: that dulls the colours.",
        source=Source(
            "DDPM and DDIM in diffusers: previous_timestep() off by one from the next timestep with trailing spacing",
            _github("huggingface/diffusers", 9261),
        ),
    ),
    Case(
        "noise-unscaled", "The starting noise is not scaled", "first_state", noise_not_scaled,
        sampler="euler", given=VARIANCE_EXPLODING,
        sign="The network's input starts near zero in place of 1, and the two images of one prompt are hardly "
        "to be told apart.",
        why="This run begins at σ = 80 and gets noise of σ = 1. To the network that is an almost empty input, "
        "whatever the seed, so the seeds end nearly alike.",
        source=Source(
            "Inpainting in diffusers: noise scaled by init_noise_sigma though the run began at a lower level, "
            "the same mismatch the other way round",
            _github("huggingface/diffusers", 3487),
        ),
    ),
    Case(
        "times-ascending", "The times run upwards", "told_time", times_ascending,
        sign="Outlines are right and everything is covered with coloured noise.",
        why="The state goes from noise to image, and the network is told that it goes from image to noise: at "
        "first that nothing is to be removed, at last that everything is.",
        source=Source(
            "tiny-diffusion, a text model: sampling ran through the timesteps from clean to noisy",
            _github("nathan-barry/tiny-diffusion", 2),
        ),
    ),
    Case(
        "not-clipped", "x̂₀ is not clipped at guidance scale 10", "clip", not_clipped, guidance=10.0,
        sign="Colours are at their limit, and the network's input rises above an RMS of 1.1 where it should "
        "fall below 1.",
        why="A guided x̂₀ is an extrapolation and leaves the range of images. Unclipped, it makes states that "
        "the network never saw in training, and the error feeds back. Clipping is no cure for so high a scale: "
        "look at the healthy run.",
        source=Source(
            "Imagen, section 2.3: the train-test mismatch of high guidance weights, and thresholding",
            "https://arxiv.org/abs/2205.11487",
        ),
    ),
    Case(
        "terminal-snr", "The schedule does not end at SNR zero", "schedule", schedule_as_it_came, given=SCALED_LINEAR,
        guidance=1.0, model=checkpoints.SHARP, fewer_steps=8, prompts=EXTREMES * 2, style=None,
        sign="The squares are nearer to medium grey: what should be white is not white, what should be black not black.",
        why="At t = 1 this schedule still has α = 0.07. The network is told so, and takes the mean of the "
        "starting noise for a trace of the image's brightness. Pure noise has a mean near 0, which is mid grey. "
        "Guidance, off here, hides a part of it. The mean of a whole image includes its white ground.",
        source=Source(
            "Lin et al. 2024; the thread in diffusers on it is issue 3475", "https://arxiv.org/abs/2305.08891"
        ),
    ),
    Case(
        "guidance-off-by-one", "The guidance scale is off by one", "guide", guidance_off_by_one,
        sign="The same images with a little more contrast, as at scale 4 in place of 3, and a network input that looks "
        "as it should.",
        why="Ho & Salimans write (1 + w)·cond − w·uncond, where w = 0 is off. Imagen and diffusers write uncond "
        "+ w·(cond − uncond), where w = 1 is off. A scale tuned for one is off by one in the other.",
        source=Source(
            "“Implementation does not match the paper?”: the two conventions", _github("huggingface/diffusers", 5882)
        ),
    ),
    Case(
        "latents-unscaled", "The latents are not scaled to unit variance", "to_latents", latents_not_scaled,
        from_image=True, start=0.65, model="emoji128", fewer_steps=8,
        sign="The images are paler, and x̂₀ has a smaller RMS at every step.",
        why="The encoder's raw latents have a standard deviation of 0.65 to 0.94, by channel, and a mean of their own. The "
        "network was trained on latents of mean 0 and variance 1: raw ones are to it an image of less contrast. Those of "
        "Stable Diffusion have a standard deviation near 5.5, hence its factor 0.18215 = 1 / 5.49.",
        source=Source(
            "Unconditional latent diffusion in diffusers: the scaling factor was missing before the decoder, the same "
            "mismatch the other way round",
            _github("huggingface/diffusers", 5166),
        ),
    ),
    Case(
        "latents-clipped", "The latents are clipped as images are", "latent_range", latents_clipped,
        model="emoji128", fewer_steps=8,
        sign="The images are pale and soft, and x̂₀ has an RMS below 1 at every step, in the healthy run above 1.",
        why="Images live in [−1, 1], and clipping x̂₀ to that range helps there. Latents of unit variance have no such "
        "range: about a third of the values of a normal distribution lie beyond ±1. Clipped at each step they lose their "
        "contrast.",
        source=Source(
            "sd-scripts: samples made during training came out bad for days of debugging; the scheduler had clip_sample on",
            _github("kohya-ss/sd-scripts", 1432),
        ),
    ),
    Case(
        "no-average", "The average of the weights is left out", "weights", weights_of_one_step,
        sign="The curves hardly differ and each image is the one of its seed, with flaws: the heart is a colder red, and "
        "the cats have blotches.",
        why="Training at a high rate throws the weights about: those of one step are off in a way of their own, which the "
        "next steps change again. In a moving average over many steps (EMA) that cancels out; Song & Ermon 2020 (arXiv "
        "2006.09011) took it up against colour shifts. Nothing crashes when a checkpoint's other set of weights is "
        "loaded: it has the same names and shapes.",
        source=Source(
            "Converting checkpoints to diffusers: the option to take the averaged weights had no effect, so the others "
            "were converted every time",
            _github("huggingface/diffusers", 1818),
        ),
    ),
)  # fmt: skip
CASES: dict[str, Case] = {case.id: case for case in _EVERY}
