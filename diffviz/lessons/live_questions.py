"""Questions whose images, and whose right answer, come from running the network there and then.

Each function takes the learner's seed and returns a `Question`. What is right is read off the run: nothing here
knows the answer beforehand. The words of each question are in `assets/lessons/live.toml`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from diffviz import pacing
from diffviz.analysis import broken_pipelines, frame_captions, latents, step_comparison
from diffviz.diffusion.process import add_noise
from diffviz.diffusion.samplers import SAMPLERS, make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import rmse
from diffviz.imaging import samples
from diffviz.imaging.pixels import mosaic, to_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.models.unet import UNet
from diffviz.pipelines.text_to_image import Settings, sample_images, sample_trajectory

PROMPTS = ("cat face", "red heart", "sunflower", "penguin", "octopus", "palm tree", "fox", "ghost")
STYLE = "noto"
LETTERS = "ABCD"
TIE = 0.05  # distances that differ by less than this share of the larger one are no difference


@dataclass(frozen=True)
class Question:
    """Images (H, W, 3) uint8 with titles, options with a reason each, and the index of the right one.

    `notes` say, once the answer is given, what each image really was.
    """

    images: Sequence[np.ndarray]
    titles: Sequence[str]
    notes: Sequence[str]
    options: Sequence[str]
    feedback: Sequence[str]
    right: int


def _settings(seed: int, **more: Any) -> Settings:
    """A prompt chosen by the seed, in one style."""
    chosen: dict[str, Any] = {"prompt": PROMPTS[seed % len(PROMPTS)], "style": STYLE, "seed": seed}
    return Settings(**(chosen | more))


def _which(
    seed: int, images: Sequence[np.ndarray], notes: Sequence[str], right: int, feedback: Sequence[str]
) -> Question:
    """Images in an order fixed by the seed, to be chosen among by letter."""
    order = list(range(len(images)))
    random.Random(seed).shuffle(order)
    return Question(
        [images[k] for k in order],
        list(LETTERS[: len(order)]),
        [notes[k] for k in order],
        [f"Image {LETTERS[i]}" for i in range(len(order))],
        [feedback[k] for k in order],
        order.index(right),
    )


def first_guess(seed: int) -> Question:
    """Three predictions of one run: which came first?"""
    # Without guidance: with it the first prediction is extrapolated and clipped, and no longer a mean.
    run = sample_trajectory(_settings(seed, steps=12, guidance=1.0))
    at = (1, 4, 10)
    notes = [f"step {i + 1} of 12" for i in at]
    return _which(
        seed,
        list(run.frames("x0", at)),
        notes,
        int(np.argmin(at)),
        [f"It is the prediction at {n}." for n in notes],
    )


def most_calls(seed: int) -> Question:
    """One noise, three numbers of steps: which image cost the most?"""
    counts = (1, 4, 40)
    images = [np.asarray(sample_trajectory(_settings(seed, steps=n)).image) for n in counts]
    notes = [f"{n} step{'s' if n > 1 else ''}" for n in counts]
    return _which(
        seed,
        images,
        notes,
        int(np.argmax(counts)),
        [f"It took {note}, each with two evaluations, since guidance is on." for note in notes],
    )


def strongest_guidance(seed: int) -> Question:
    """One noise, three guidance scales: which is the highest?"""
    scales = (1.0, 3.0, 10.0)
    images = [np.asarray(sample_trajectory(_settings(seed, steps=20, guidance=g)).image) for g in scales]
    strength = [float((p.max(-1).astype(float) - p.min(-1)).mean()) for p in images]
    notes = [f"guidance {g:g}, colourfulness {c:.0f} of 255" for g, c in zip(scales, strength, strict=True)]
    return _which(seed, images, notes, int(np.argmax(scales)), [f"Drawn at {n}." for n in notes])


def nearest_sampler(seed: int) -> Question:
    """Three samplers at an NFE of seven each against a long run from the same noise: who ends nearest, if anyone?"""
    budget, long = 7, 60
    titles = {name: SAMPLERS[name].title for name in ("ddim", "heun", "unipc")}
    target = sample_trajectory(_settings(seed, sampler="dpmpp_2m", steps=long, guidance=1.0))
    finals = {
        n: sample_trajectory(
            _settings(seed, sampler=n, steps=step_comparison.max_steps(n, budget), guidance=1.0)
        )
        for n in titles
    }
    far = [float(rmse(finals[n].final, target.final)) for n in titles]
    best, second = sorted(far)[:2]
    tie = second - best < TIE * second
    apart = f"The two nearest are {best:.3f} and {second:.3f} away: {'within' if tie else 'more than'} {TIE:.0%} apart."
    feedback = [f"It ended {d:.3f} away from {long} steps (RMSE). {apart}" for d in far]
    return Question(
        [np.asarray(target.image), *(np.asarray(finals[n].image) for n in titles)],
        [f"the long run, {long} steps", *titles.values()],
        ["", *(f"{d:.3f} away" for d in far)],
        [*titles.values(), f"A tie: the two nearest are within {TIE:.0%}"],
        [*feedback, apart],
        len(far) if tie else int(np.argmin(far)),
    )


def same_static(seed: int) -> Question:
    """An image, and three more of the prompt: which began from the same noise?"""
    prompt = PROMPTS[seed % len(PROMPTS)]
    given = sample_trajectory(_settings(seed, steps=20))
    others = [_settings(seed + k, prompt=prompt, steps=6 if k == 0 else 20) for k in range(3)]
    runs = [sample_trajectory(s) for s in others]
    same = [rmse(r.x[0], given.x[0]) == 0 for r in runs]
    notes = [f"seed {s.seed}, {s.steps} steps" for s in others]
    feedback = [
        "Its run began from the same noise." if e else f"Its run began from other noise: {n}."
        for e, n in zip(same, notes, strict=True)
    ]
    asked = _which(seed, [np.asarray(r.image) for r in runs], notes, same.index(True), feedback)
    return replace(
        asked,
        images=[np.asarray(given.image), *asked.images],
        titles=["given", *asked.titles],
        notes=[f"seed {seed}, 20 steps", *asked.notes],
    )


def snr_one(seed: int) -> Question:
    """An image of ours under three amounts of noise: where is the SNR one?"""
    schedule = SCHEDULES["cosine"]
    x0 = torch.as_tensor(sample_trajectory(_settings(seed, steps=12)).final)[None]
    eps = randn_per_seed(make_generators([seed]), x0.shape[1:])
    ts = [schedule.inverse_log_snr(log(snr)) for snr in (30.0, 1.0, 0.03)]
    images = [to_uint8(add_noise(x0, eps, t, schedule)[0].numpy()) for t in ts]
    snr = [float(schedule.alpha(t) ** 2 / schedule.sigma(t) ** 2) for t in map(torch.tensor, ts)]
    notes = [f"SNR {v:.2g}" for v in snr]
    right = int(np.argmin([abs(log(v)) for v in snr]))
    return _which(seed, images, notes, right, [f"α²/σ² is {v:.2g} here." for v in snr])


def dice_again(seed: int) -> Question:
    """DDPM twice with one seed: how different are the images?"""
    runs = [sample_trajectory(_settings(seed, sampler="ddpm", steps=15)) for _ in range(2)]
    far = rmse(runs[0].final, runs[1].final)
    right = 0 if far == 0 else 1 if far < 0.1 else 2
    found = f"The two differ by {far:.3f} (RMSE)."
    return Question(
        [np.asarray(r.image) for r in runs],
        ["first run", "second run"],
        ["", ""],
        ["Not at all", "In small details", "They are different images"],
        [
            f"{found} The seed fixes the random noise of every step, not only that at the start.",
            f"{found} Equal seeds give equal random numbers, to the last detail.",
            f"{found} Other random numbers would give another image, and they would take another seed.",
        ],
        right,
    )


def four_times_the_steps(seed: int) -> Question:
    """The NFE of 10 steps against that of 40, counted; the time is shown beside it, and grades nothing."""
    sample_trajectory(_settings(seed, steps=2))  # what is loaded once must not be timed
    whole = checkpoints.load()
    nfe: list[int] = []
    took: list[float] = []
    for steps in (10, 40):
        counted, denoiser = _counting(whole)
        began = pacing.clock()
        sample_trajectory(_settings(seed, steps=steps), denoiser)
        took.append(pacing.clock() - began)
        nfe.append(counted.asked)
    factors = (1, 2, 4, 16)
    found = (
        f"Counted just now: {nfe[0]} and {nfe[1]} evaluations. They took {took[0]:.2f} s and {took[1]:.2f} s, "
        f"{took[1] / took[0]:.1f} times as long: time also depends on what else this computer has to do."
    )
    right = factors.index(nfe[1] // nfe[0])
    return Question(
        [], [], [],
        ["As many", "Twice as many", "Four times as many", "Sixteen times as many"],
        [found + (" Each step makes its own, one after the other." if i == right else "") for i in range(4)],
        right,
    )  # fmt: skip


class _Counted(nn.Module):
    """A network that counts its evaluations, one for each image of a batch."""

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net, self.config, self.asked = net, net.config, 0

    def forward(self, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
        self.asked += len(x)
        return self.net(x, angle, tokens)


def _counting(whole: Denoiser) -> tuple[_Counted, Denoiser]:
    """A counter, and a denoiser whose every evaluation it counts."""
    counted = _Counted(whole.net)
    # It is called as the network is, and has its `config`.
    return counted, replace(whole, net=cast(UNet, counted))


def heun_calls(seed: int) -> Question:
    """The network function evaluations of a guided Heun run, counted."""
    steps = 10
    counted, denoiser = _counting(checkpoints.load())
    run = sample_trajectory(_settings(seed, sampler="heun", steps=steps, guidance=3.0), denoiser)
    options = [steps, 2 * steps, 4 * steps - 2, 8 * steps]
    return Question(
        [np.asarray(run.image)],
        ["Heun, 10 steps, guidance scale 3"],
        [f"{counted.asked} evaluations"],
        [f"{n} evaluations" for n in options],
        [
            "That would be one a step: neither Heun's second evaluation nor guidance is in it.",
            "One doubling is missing: Heun evaluates twice a step, and guidance doubles each evaluation.",
            "Heun evaluates twice in every step but the last, and guidance doubles that.",
            "That is more than twice as many as were made.",
        ],
        options.index(counted.asked),
    )


def when_layout_settles(seed: int) -> Question:
    """In which part of a run half of the layout is decided."""
    steps = 24
    run = sample_trajectory(_settings(seed, steps=steps))
    at = int(np.argmax(frame_captions.convergence(run).layout >= 0.5)) + 1
    parts = ((1, 3), (4, 10), (11, 17), (18, 24))
    found = f"In this run half of the layout was settled by step {at}."
    shown = (0, 3, 10, 17, 24)
    return Question(
        list(run.frames("x0", shown)),
        [f"step {i + 1}" if i < steps else "the end" for i in shown],
        ["" for _ in shown],
        [f"Steps {a} to {b}" for a, b in parts],
        [found] * len(parts),
        next(i for i, (_, last) in enumerate(parts) if at <= last),
    )


def where_seeds_part(seed: int) -> Question:
    """Eight seeds after one step, and after twenty, without guidance: where do they differ more?"""
    n = 8
    spread: list[float] = []
    shown: list[np.ndarray] = []
    for steps in (1, 20):
        x = sample_images(_settings(seed, steps=steps, guidance=1.0), range(seed, seed + n)).numpy()
        spread.append(float(rmse(x, x.mean(0))))
        shown.append(to_uint8(x))
    ratio = spread[1] / max(spread[0], 1e-9)
    right = 2 if 0.8 < ratio < 1.25 else int(ratio > 1)
    found = f"They differ from their mean by {spread[0]:.2f} after one step and by {spread[1]:.2f} after 20."
    return Question(
        [*shown[0][:4], *shown[1][:4]],
        [f"seed {seed + i}, {k}" for k in ("1 step", "20 steps") for i in range(4)],
        [""] * 8,
        ["After one step", "After 20 steps", "About equally (within a quarter)"],
        [
            f"{found} One step gives nearly the same mean from any noise.",
            f"{found} Each step decides a little more, and seeds decide differently.",
            found,
        ],
        right,
    )


def word_order(seed: int) -> Question:
    """Three prompts from one noise: which two images are equal?"""
    prompts = ("red fox", "fox red", "fox")
    order = list(prompts)
    random.Random(seed).shuffle(order)
    runs = [sample_trajectory(_settings(seed, prompt=p, steps=15)) for p in order]
    pairs = ((0, 1), (0, 2), (1, 2))
    equal = [bool(np.allclose(runs[a].x[-1], runs[b].x[-1], atol=1e-3)) for a, b in pairs]
    feedback = [
        f"“{order[a]}” and “{order[b]}” "
        f"{'give the very same image: the words are a set.' if e else 'are different prompts.'}"
        for (a, b), e in zip(pairs, equal, strict=True)
    ]  # fmt: skip
    return Question(
        [np.asarray(r.image) for r in runs],
        list(LETTERS[:3]),
        [f"“{p}”" for p in order],
        [*(f"{LETTERS[a]} and {LETTERS[b]}" for a, b in pairs), "None of them"],
        [*feedback, "Two of the three prompts hold the same words." if any(equal) else "All three differ."],
        equal.index(True) if any(equal) else 3,
    )


# Mistakes that look much alike in these images: a question about one offers none of the others beside it.
ALIKE = (
    {"terminal-snr", "pixel-range", "latents-unscaled", "latents-clipped"},  # pale
    {"guidance-off-by-one", "no-average", "time-off-by-one"},  # slight
)


def _latent(case: broken_pipelines.Case) -> bool:
    return bool(checkpoints.manifest()[case.model].autoencoder)


def rivals(case: broken_pipelines.Case) -> list[broken_pipelines.Case]:
    """The other mistakes that a question about this run may offer: possible in it, and not too like its own."""
    like = set[str]().union(*(group for group in ALIKE if case.id in group))
    return [
        c
        for c in broken_pipelines.CASES.values()
        if c is not case
        and c.id not in like
        and (case.from_image or not c.from_image)
        and not (_latent(c) and not _latent(case))
    ]


def find_the_bug(seed: int) -> Question:
    """A healthy and a broken pipeline of four images: which mistake is in it?"""
    cases = list(broken_pipelines.CASES.values())
    case = cases[seed % len(cases)]
    denoiser, step_net = broken_pipelines.load(case)
    pixels = broken_pipelines.start_image(case, denoiser)
    runs = [
        list(
            broken_pipelines.run(
                parts, case, denoiser, range(seed, seed + len(case.prompts)), pixels, step_net
            )
        )
        for parts in (broken_pipelines.PARTS, broken_pipelines.broken(case))
    ]
    half = case.steps // 2
    begun = ", begun at a noisy image" if case.from_image else ""
    rms = [
        [(float(f.input_rms.mean()), float(rmse(f.step.x0.numpy(), 0.0))) for f in run[:-1]] for run in runs
    ]
    shown = random.Random(seed).sample(rivals(case), 3)
    options = sorted([case, *shown], key=lambda c: c.title)
    return Question(
        [mosaic(run[i].images.numpy()) for run in runs for i in (half, -1)],
        [
            f"{name}{begun}, {when}: RMS of network input {values[i][0]:.2f}, of x̂₀ {values[i][1]:.2f}"
            for name, values in zip(("healthy", "broken"), rms, strict=True)
            for when, i in ((f"x̂₀ of step {half + 1}", half), ("the end", -1))
        ],
        [""] * 4,
        [c.title for c in options],
        [c.sign for c in options],
        options.index(case),
    )


def _shipped_images(seed: int, n: int) -> list[tuple[str, np.ndarray]]:
    """n shipped images (128, 128, 3) uint8 with their labels, chosen by the seed."""
    chosen = random.Random(seed).sample(samples.records(128), n)
    return [(record["label"], samples.pixels(record["file"], 128)) for record in chosen]


def latent_loss(seed: int) -> Question:
    """Three images, encoded and decoded: which loses most?"""
    autoencoder, chosen = checkpoints.load_autoencoder(), _shipped_images(seed, 3)
    psnr = [latents.reconstruct(autoencoder, image).psnr for _, image in chosen]
    notes = [f"{label}: PSNR {value:.1f} dB" for (label, _), value in zip(chosen, psnr, strict=True)]
    right, feedback = int(np.argmin(psnr)), [f"Its PSNR is {value:.1f} dB; lower is worse." for value in psnr]
    return _which(seed, [image for _, image in chosen], notes, right, feedback)


def latent_reach(seed: int) -> Question:
    """One latent value moved by three standard deviations: how far does the change reach?"""
    autoencoder, ((label, image),) = checkpoints.load_autoencoder(), _shipped_images(seed, 1)
    rng, found = random.Random(seed), latents.reconstruct(autoencoder, image)
    channels, side, _ = found.z.shape
    channel, row, column = rng.randrange(channels), rng.randrange(3, side - 3), rng.randrange(3, side - 3)
    after = latents.decode(autoencoder, latents.moved(found.z, channel, row, column, 3.0))
    pixels, patches = latents.reach(found.decoded, after)
    options = ("none or one", "two to nine", "ten to thirty", "more than thirty")
    right = int(np.searchsorted((1, 9, 30), patches))
    where = f"channel {channel + 1}, row {row + 1}, column {column + 1}"
    feedback = [f"{patches} patches change, {pixels:,} pixels by 8 levels or more ({where})."] * len(options)
    return Question(
        [found.decoded, after], ["before", "after"], [label, where], list(options), feedback, right
    )


def latent_half(seed: int) -> Question:
    """Half way between two images, in pixels and in latents: which has more contrast?"""
    autoencoder = checkpoints.load_autoencoder()
    (first, a), (second, b) = _shipped_images(seed, 2)
    middle = [latents.between_pixels(a, b, 3)[1], latents.between_latents(autoencoder, a, b, 3)[1]]
    contrast = [float(image.std()) for image in middle]
    tie = abs(contrast[0] - contrast[1]) < TIE * max(contrast)
    right = 2 if tie else int(np.argmax(contrast))
    found = f"Standard deviations of {contrast[0]:.1f} in pixels and {contrast[1]:.1f} in latents"
    feedback = [f"{found}: {'within' if tie else 'more than'} {TIE:.0%} apart."] * 3
    titles = [first, second, "half way in pixels", "half way in latents"]
    options = ["the one in pixels", "the one in latents", "they are alike"]
    return Question([a, b, *middle], titles, [""] * 4, options, feedback, right)


QUESTIONS: dict[str, Callable[[int], Question]] = {
    f.__name__: f
    for f in (
        first_guess, most_calls, strongest_guidance, nearest_sampler, same_static, snr_one, dice_again,
        four_times_the_steps, heun_calls, when_layout_settles, where_seeds_part, word_order, find_the_bug, latent_loss,
        latent_reach, latent_half,
    )
}  # fmt: skip
