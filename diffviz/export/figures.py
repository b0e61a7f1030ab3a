"""The figure of a demo for a slide: real runs as images in rows, computed when it is asked for, with their settings beside.

What the address of the demo fixes is taken over (prompt, seed, steps, sampler, schedule); for the rest each page has the
settings that its figure needs, and the caption names them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from diffviz.analysis import broken_pipelines, latents, unet_probe
from diffviz.analysis.spaces import space_of
from diffviz.diffusion.process import add_noise
from diffviz.diffusion.samplers import SAMPLERS, make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.nearest_neighbors import load_reference_set
from diffviz.imaging import samples
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines import editing
from diffviz.pipelines.text_to_image import Settings, sample_images, sample_trajectory, with_guidance

State = dict[str, str]
SIDE = 64  # pixels of an image in a figure, at least; the slide enlarges it
STEPS = 20  # of a run whose number of steps the demo leaves open
IMAGE = "cat-face-noto.png"
GAP = 2  # white pixels between images
TIMES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Figure(NamedTuple):
    """Rows of images as one PNG, with its size, its alternative text, and the caption with the settings."""

    png: bytes
    width: int
    height: int
    alt: str
    caption: str


def figure(page: str, state: State, model: str = checkpoints.DEFAULT) -> Figure | None:
    """The figure of a demo by a shipped network; None where it shows no images of a run, or others than are drawn here."""
    make = _PAGES.get(page)
    return make(state, model) if make else None


# --- images in rows ----------------------------------------------------------------------------------------


def _sheet(rows: Sequence[np.ndarray], alt: str, caption: str) -> Figure:
    """Rows of images (N, S, S, 3) uint8, pixels enlarged without smoothing."""
    shown = []
    for row in rows:
        zoom = max(1, SIDE // row.shape[1])
        big = row.repeat(zoom, axis=1).repeat(zoom, axis=2)
        shown.append(np.pad(big, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255))
    width = max(row.shape[0] * row.shape[2] for row in shown)
    lines = [np.concatenate(list(row), axis=1) for row in shown]
    lines = [
        np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0)), constant_values=255) for line in lines
    ]
    pixels = np.concatenate(lines)[:-GAP, :-GAP]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return Figure(buffer.getvalue(), pixels.shape[1], pixels.shape[0], alt, caption)


def _frames(array: np.ndarray, count: int = 6) -> tuple[list[int], np.ndarray]:
    """Numbers of the frames that are shown, spread over all, and these (N, S, S, 3)."""
    chosen = np.unique(np.linspace(0, len(array) - 1, count).round().astype(int))
    return chosen.tolist(), array[chosen]


def _four_seeds(runs: Sequence[Settings], alt: str, caption: str) -> Figure:
    """A row of samples for each of these settings, from seeds 0 to 3."""
    return _sheet([to_uint8(sample_images(run, range(4)).numpy()) for run in runs], alt, caption)


def _settings(state: State, model: str, **fixed: Any) -> Settings:
    """The settings of a run: what the demo's address says, then what the figure fixes."""
    titles = {sampler.title: name for name, sampler in SAMPLERS.items()}
    read: dict[str, Any] = {
        "prompt": state.get("prompt", "cat face"),
        "steps": int(state.get("steps", STEPS)),
    }
    read["seed"] = int(state.get("seed", 0))
    if "sampler" in state:
        read["sampler"] = titles[state["sampler"]]
    return Settings(**with_guidance({**read, "model": model, **fixed}))


def _made_with(settings: Settings, *left_out: str) -> str:
    """The settings in words: those named in `left_out` differ between the images of the figure."""
    facts = {
        "prompt": f"prompt “{settings.prompt}”" if settings.prompt else "no prompt",
        "seed": f"seed {settings.seed}",
        "sampler": SAMPLERS[settings.sampler].title,
        "steps": f"{settings.steps} step{'s' if settings.steps > 1 else ''}",
        "guidance": f"guidance scale {settings.guidance:g}",
        "model": f"network {settings.model}",
    }
    return ", ".join(text for name, text in facts.items() if name not in left_out)


def _images_of(runs: Sequence[Settings]) -> np.ndarray:
    """The samples of some settings: (N, S, S, 3) uint8."""
    return to_uint8(np.stack([sample_trajectory(s).final for s in runs]))


def _sample_image(model: str) -> np.ndarray:
    return samples.pixels(IMAGE, checkpoints.load(model).image_size)


# --- page by page ------------------------------------------------------------------------------------------


def _forward(state: State, model: str) -> Figure:
    names = ["cosine", "flow", "linear"] if "schedule" in state else ["cosine", "linear"]
    x0 = torch.from_numpy(from_uint8(_sample_image(model)))[None]
    eps = randn_per_seed(make_generators([0]), x0.shape[1:])
    rows = [torch.cat([add_noise(x0, eps, t, SCHEDULES[name]) for t in TIMES]).numpy() for name in names]
    which = ", ".join(SCHEDULES[name].title for name in names)
    times = ", ".join(f"{t:g}" for t in TIMES)
    return _sheet(
        [to_uint8(row) for row in rows],
        "An image under more and more Gaussian noise",
        f"A sample image and noise of seed 0; schedules from the top: {which}; t = {times}",
    )


def _training(state: State, model: str) -> Figure | None:
    if "learn" in state:  # the first part alone is about one image
        return None
    denoiser, schedule, times = checkpoints.load(model), SCHEDULES["cosine"], TIMES[1:]
    x0 = denoiser.encode(torch.from_numpy(from_uint8(_sample_image(model)))[None])
    eps = randn_per_seed(make_generators([0]), x0.shape[1:])
    noisy = torch.cat([add_noise(x0, eps, t, schedule) for t in times])
    decoded = "" if denoiser.autoencoder is None else ", both decoded"
    denoise = denoiser.conditioned(["cat face"] * len(times), [None] * len(times), schedule)
    predicted = denoise(noisy, torch.tensor(times, dtype=torch.float64))
    return _sheet(
        [to_uint8(denoiser.decode(states).numpy()) for states in (noisy, predicted)],
        "Noisy images in the first row, and what the network predicts for each in the second",
        space_of(denoiser).say("x_t above, the x₀-prediction below")
        + f"{decoded}; t = {', '.join(f'{t:g}' for t in times)}; prompt “cat face”, "
        f"noise of seed 0, cosine schedule, network {model}",
    )


def _reverse(state: State, model: str) -> Figure:
    settings = _settings(state, model)
    run = sample_trajectory(settings)
    numbers, states = _frames(run.frames("x"))
    _, predictions = _frames(run.frames("x0"))
    return _sheet(
        [states, predictions],
        "A run from noise to an image: the states, and under each the prediction for the image",
        space_of(run).say("States x_t above, predictions x̂₀ below")
        + ("" if run.decode is None else ", both decoded")
        + f", at steps {', '.join(map(str, numbers))}; {_made_with(settings)}",
    )


def _steps(state: State, model: str) -> Figure | None:
    if state.get("part") in ("Measured quality", "Blind test"):
        return None
    if state.get("part") == "One step or many":
        runs = [_settings(state, model, prompt="", guidance=1.0, steps=n) for n in (1, 30)]
        return _four_seeds(
            runs,
            "Images of four seeds with one step, and with thirty",
            f"1 step above, 30 below; seeds 0 to 3; {_made_with(runs[0], 'steps', 'seed')}",
        )
    if "calls" in state or state.get("part") == "Samplers at equal NFE":
        nfe = int(state.get("calls", 8))
        steps = {name: (nfe + s.evals_per_step - 1) // s.evals_per_step for name, s in SAMPLERS.items()}
        runs = [_settings(state, model, steps=n, sampler=name, guidance=1.0) for name, n in steps.items()]
        shown = ", ".join(f"{SAMPLERS[run.sampler].title} ({run.nfe})" for run in runs)
        caption = f"Samplers with the NFE of each: {shown}; {_made_with(runs[0], 'sampler', 'steps')}"
        return _sheet([_images_of(runs)], "Images of several samplers from the same noise", caption)
    counts = (1, 2, 4, 8, 16, 50)
    runs = [_settings(state, model, steps=n) for n in counts]
    caption = f"{', '.join(map(str, counts))} steps; {_made_with(runs[0], 'steps')}"
    return _sheet([_images_of(runs)], "Images of one seed with more and more steps", caption)


def _guidance(state: State, model: str) -> Figure | None:
    if state.get("show") in ("Guidance interval", "Classifier guidance"):
        return None
    if state.get("show") == "Prompt ablation":
        words = state["prompt"].split()
        prompts = [" ".join(words), *(" ".join(words[:i] + words[i + 1 :]) for i in range(len(words)))]
        runs = [_settings(state, model, prompt=p) for p in prompts]
        caption = f"The whole prompt, then one word less each time; {_made_with(runs[0])}"
        return _sheet(
            [_images_of(runs)], "Images of a prompt, and of the prompt without each of its words", caption
        )
    if state.get("show") == "Negative prompt":
        runs = [_settings(state, model, prompt="heart", negative=n) for n in ("", "red")]
        caption = (
            f"Without a negative prompt above, with “red” below; seeds 0 to 3; {_made_with(runs[0], 'seed')}"
        )
        return _four_seeds(runs, "Four images without a negative prompt, and the same four with one", caption)
    scales = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
    runs = [_settings(state, model, guidance=w) for w in scales]
    caption = f"Guidance scale {', '.join(f'{w:g}' for w in scales)}; {_made_with(runs[0], 'guidance')}"
    return _sheet([_images_of(runs)], "Images of one seed with larger and larger guidance scales", caption)


def _editing(state: State, model: str) -> Figure | None:
    if state.get("do") != "Inpainting" or "hole" in state or "sample" in state or "picture" in state:
        return None
    image, prompt = _sample_image(model), state.get("filling", "cat face with sunglasses")
    side, known = len(image), Image.fromarray(image)
    mask = np.zeros((side, side), bool)
    mask[side * 18 // 64 : side * 38 // 64] = True  # the page's own, at the eyes
    counts = sorted({1, int(state.get("rounds", max(editing.RESAMPLING_STEPS)))})
    edits = [
        editing.inpaint(known, mask, prompt, seed=0, steps=STEPS, resampling_steps=n, model=model)
        for n in counts
    ]
    hidden = np.where(mask[..., None], np.uint8(128), image)
    return _sheet(
        [np.stack([image, hidden, *(to_uint8(run.final) for run in edits)])],
        "An image, the same with a band masked, and what it is inpainted with",
        "A sample image, its mask (grey), inpainted with each step taken "
        f"{' and '.join('once' if n == 1 else f'{n} times' for n in counts)}; prompt “{prompt}”, seed 0, {STEPS} steps, "
        f"network {model}",
    )


def _memorization(state: State, model: str) -> Figure | None:
    settings, reference = _settings(state, model), load_reference_set()
    if reference is None:
        return None
    sample = sample_trajectory(settings).final
    near = reference.nearest(torch.from_numpy(sample), 5)
    found = np.stack([n.image for n in near])
    distances = ", ".join(f"{n.distance:.2f}" for n in near)
    return _sheet(
        [to_uint8(sample[None]), found],
        "A generated image, and under it the five training images nearest to it",
        f"A sample above ({_made_with(settings)}), its five nearest training images below, at an RMSE of {distances}",
    )


def _scores(state: State, model: str) -> Figure | None:
    if state.get("scores") == "Your own points":
        return None
    steps = int(state.get("grid", 16))
    scale = float(state.get("scale", 1))
    runs = [_settings({}, model, sampler=name, steps=steps, guidance=scale) for name in ("ddim", "ddpm")]
    return _four_seeds(
        runs,
        "Images of four seeds by an ODE sampler in the first row and by an SDE sampler in the second",
        f"The same question for images: DDIM, an ODE sampler, above, and DDPM, an SDE sampler, below, from the same four "
        f"noises (seeds 0 to 3); {_made_with(runs[0], 'sampler', 'seed')}",
    )


def _unet(state: State, model: str) -> Figure | None:
    if state.get("inside") != "Switches":
        return None
    denoiser, settings = checkpoints.load(model), _settings({}, model)
    last = len(denoiser.net.up) - 1
    blocks = denoiser.net.config.blocks
    above_bottom = blocks + 1  # the first block that takes what comes up from the lowest level
    changed = {
        "nothing": unet_probe.Switches(),
        "the bottom level": unet_probe.Switches(backbone={above_bottom: 0.0}),
        "the highest skip connection": unet_probe.Switches(skips={last: 0.0}),
        "cross-attention": unet_probe.Switches(cross_attention=False),
    }
    runs = [sample_trajectory(settings, unet_probe.switched(denoiser, s)) for s in changed.values()]
    return _sheet(
        [to_uint8(np.stack([run.final for run in runs]))],
        "Images with parts of the network switched off",
        f"Switched off, from left to right: {', '.join(changed)}; {_made_with(settings)}",
    )


def _workshop(state: State, model: str) -> Figure:
    number = int(state["bug"].removeprefix("Run "))
    case = list(broken_pipelines.CASES.values())[number - 1]
    (denoiser, step_net), seeds = broken_pipelines.load(case), range(len(case.prompts))
    pixels = broken_pipelines.start_image(case, denoiser)
    ends = []
    for parts in (broken_pipelines.PARTS, broken_pipelines.broken(case)):
        *_, last = broken_pipelines.run(parts, case, denoiser, seeds, pixels, step_net)
        ends.append(to_uint8(last.images.numpy()))
    prompts = ", ".join(f"“{p}”" for p in case.prompts)
    return _sheet(
        ends,
        "Four images of a healthy run, and under them those of a broken one",
        f"A healthy run above, run {number} below; prompts {prompts}, seeds 0 to 3, {SAMPLERS[case.sampler].title}, "
        f"{case.steps} steps, guidance scale {case.guidance:g}, network {case.model}",
    )


def _latent(state: State, model: str) -> Figure | None:
    part = state.get("latent", "Encode and decode")
    if (
        part not in ("Encode and decode", "Diffuse in latents", "Interpolate")
        or "process" in state
        or "middle" in state
    ):
        return None
    autoencoder = checkpoints.load_autoencoder()
    image = samples.pixels(IMAGE, autoencoder.config.size)
    if part == "Diffuse in latents":
        both = latents.forward_in_both(autoencoder, image, SCHEDULES["cosine"], frames=6)
        times = ", ".join(f"{t:g}" for t in both.t)
        return _sheet(
            [both.pixels, both.decoded],
            "An image under noise in pixels, and the decoded image of its latents under noise",
            f"Noise in pixels above, in latents and decoded below; t = {times}; noise of seed 0",
        )
    if part == "Interpolate":
        other = samples.pixels("dog-face-3d.png", autoencoder.config.size)
        return _sheet(
            [latents.between_pixels(image, other, 5), latents.between_latents(autoencoder, image, other, 5)],
            "Five images from one sample image to another, in pixels and in latents",
            "Straight lines between two sample images: in pixels above, in latents and decoded below",
        )
    found = latents.reconstruct(autoencoder, image)
    of_image, of_latents = found.numbers
    return _sheet(
        [np.stack([found.image, found.decoded, found.difference])],
        "An image, the image that is decoded from its latents, and the enlarged difference",
        f"A sample image ({of_image:,} numbers), decoded from its latents ({of_latents:,} numbers), and the error four "
        f"times enlarged; PSNR {found.psnr:.1f} dB",
    )


_PAGES: dict[str, Callable[[State, str], Figure | None]] = {
    "forward": _forward,
    "training": _training,
    "reverse": _reverse,
    "steps": _steps,
    "guidance": _guidance,
    "editing": _editing,
    "memorization": _memorization,
    "scores": _scores,
    "unet": _unet,
    "workshop": _workshop,
    "latent": _latent,
}
