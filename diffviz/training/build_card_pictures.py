"""Draw the images on the exported cards: for each, the process that the card is about, run by the shipped weights.

    python -m diffviz.training.build_card_pictures               # -> assets/cards/*.png and pictures.json; some minutes
    python -m diffviz.training.build_card_pictures --only iv-cfg iv-gan

A card without an entry in PICTURES gets no image. `pictures.json` holds the alternative text of each, and the SHA-256
of the weights that drew them.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from diffviz.analysis import forward_trajectory, guidance_analysis, prediction_targets, step_comparison
from diffviz.diffusion.process import add_noise
from diffviz.diffusion.samplers import SAMPLERS, final_step
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging import samples
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.paths import ASSETS, FONTS
from diffviz.pipelines import editing
from diffviz.pipelines.editing import InpaintSettings
from diffviz.pipelines.text_to_image import Settings, sample_images, sample_trajectory
from diffviz.toy import baselines, diffusion2d
from diffviz.toy.diffusion2d import Dots, GenerativeModel

Model = TypeVar("Model", bound=GenerativeModel)
FOLDER = ASSETS / "cards"
MODEL = (
    checkpoints.SHARP
)  # on pixels, as what the cards show: noise on an image, predictions that are clipped
CELL, GAP, TEXT = 128, 6, 15  # screen pixels: a cell's side, the space between cells, the size of letters
SEEDS = (0, 1, 2, 3, 4, 5)
TOY_STEPS, TOY_POINTS, TOY_SEED = 3000, 1000, 0
SIGNAL, PREDICTION, PALE = (29, 95, 168), (0, 115, 90), (208, 208, 208)  # as on the pages


@dataclass(frozen=True)
class Sheet:
    """Rows of square images (H, W, 3) uint8 with a heading over each column and a label before each row."""

    alt: str
    rows: Sequence[Sequence[np.ndarray]]
    columns: Sequence[str] = ()
    labels: Sequence[str] = ()


# --- what the images are made of -------------------------------------------------------------------------


def _settings(prompt: str, seed: int = 0, **more: Any) -> Settings:
    return Settings(prompt, "noto" if prompt else "", seed, model=MODEL, **more)


def _sample(name: str) -> np.ndarray:
    """One of the sample images: (3, S, S) in [-1, 1]."""
    return from_uint8(samples.pixels(f"{name}.png", checkpoints.load(MODEL).image_size))


def _noise(like: np.ndarray, seed: int = 0) -> np.ndarray:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).numpy()


def _cells(images: np.ndarray, scale: float = 1.0) -> list[np.ndarray]:
    return list(to_uint8(images, scale))


def _spread(frames: np.ndarray, count: int = 6) -> list[np.ndarray]:
    """So many of the frames, first and last among them."""
    return list(frames[np.linspace(0, len(frames) - 1, count).round().astype(int)])


def _sample_each(jobs: Sequence[Settings]) -> list[np.ndarray]:
    return [sample_trajectory(job).frames("x")[-1] for job in jobs]


def _times(count: int = 6) -> list[str]:
    return [f"t = {t:.1f}" for t in np.linspace(0, 1, count)]


# --- forward process and training --------------------------------------------------------------------------


def forward(sample: str, schedule: str) -> Sheet:
    states = forward_trajectory.forward_states(_sample(sample), SCHEDULES[schedule], 50, seed=0)
    return Sheet(
        f"The forward process with the {schedule} schedule: an image at six times, each with more Gaussian noise, the last "
        "almost pure noise.",
        [_spread(to_uint8(np.stack([x for _, x in states])))],
        _times(),
    )


def one_jump() -> Sheet:
    image, t = _sample("palm-tree-blob"), torch.tensor(0.5, dtype=torch.float64)
    noise, schedule = _noise(image), SCHEDULES["cosine"]
    signal, rest = float(schedule.alpha(t)) * image, float(schedule.sigma(t)) * noise
    return Sheet(
        "A faint image plus Gaussian noise gives the noisy image: the three terms of the closed form at t = 0.5.",
        [[*_cells(np.stack([signal, rest, signal + rest]))]],
        ("√α̅ₜ · x₀", "√(1−α̅ₜ) · ε", "sum: xₜ"),
    )


def known_target() -> Sheet:
    image, ts = _sample("sunflower-3d"), (0.25, 0.5, 0.75)
    noise = _noise(image)
    x = [
        add_noise(torch.from_numpy(image), torch.from_numpy(noise), t, SCHEDULES["cosine"]).numpy()
        for t in ts
    ]
    rows = [[*_cells(image[None]), *_cells(noise[None], 3.0), *_cells(state[None])] for state in x]
    return Sheet(
        "Three training examples: an image, the noise that was drawn, and the noisy image made of both at t = 0.25, 0.5 "
        "and 0.75. Image and noise are known, so the target is too.",
        rows,
        ("image x₀", "noise ε", "noisy xₜ"),
        [f"t = {t}" for t in ts],
    )


def _predicted(sample: str, prompt: str, style: str, ts: Sequence[float]) -> tuple[np.ndarray, ...]:
    """x_t, eps and its prediction at the times: (F, C, H, W) each."""
    found = prediction_targets.predict_at_times(
        checkpoints.load(MODEL), _sample(sample), prompt, style, 0, np.array(ts)
    )
    return found.x, found.target["eps"], found.prediction["eps"]


def training_example() -> Sheet:
    x, target, prediction = _predicted("owl-noto", "owl", "noto", (0.5,))
    return Sheet(
        "One training example: the noisy image that the network is given, the noise that was added, and the network's "
        "prediction of it, which looks like it.",
        [[*_cells(x), *_cells(target, 3.0), *_cells(prediction, 3.0)]],
        ("input xₜ", "target ε", "prediction ε̂"),
    )


def objective() -> Sheet:
    ts = (0.1, 0.3, 0.5, 0.7, 0.9)
    x, target, prediction = _predicted("fox-gradient", "fox", "gradient", ts)
    return Sheet(
        "One image at five timesteps: the noisy input, the noise ε, which is the same in all, and the network's prediction "
        "ε̂ of it, which looks like it.",
        [_cells(x), _cells(target, 3.0), _cells(prediction, 3.0)],
        [f"t = {t}" for t in ts],
        ("xₜ", "ε", "ε̂"),
    )


def schedules() -> Sheet:
    image, ts = _sample("rocket-gradient"), (0.2, 0.4, 0.6, 0.8, 1.0)
    start, noise = torch.from_numpy(image), torch.from_numpy(_noise(image))
    return Sheet(
        "One image under the same noise by five schedules. At t = 0.2 karras leaves it the clearest; at t = 0.6 it is gone "
        "with karras and linear, and still to be seen with cosine, sigmoid and flow.",
        [_cells(np.stack([add_noise(start, noise, t, s).numpy() for t in ts])) for s in SCHEDULES.values()],
        [f"t = {t}" for t in ts],
        [s.name for s in SCHEDULES.values()],
    )


def snr() -> Sheet:
    image, levels = _sample("hamburger-3d"), (100.0, 10.0, 1.0, 0.1, 0.01)
    schedule, noise = SCHEDULES["cosine"], torch.from_numpy(_noise(image))
    ts = [schedule.inverse_log_snr(float(np.log(level))) for level in levels]
    return Sheet(
        "One image with noise at signal-to-noise ratios of 100, 10, 1, 0.1 and 0.01: from hardly any noise to hardly any "
        "image.",
        [_cells(np.stack([add_noise(torch.from_numpy(image), noise, t, schedule).numpy() for t in ts]))],
        [f"SNR {level:g}" for level in levels],
    )


# --- reverse process ---------------------------------------------------------------------------------------


def reverse(settings: Settings, what: str, columns: Sequence[str] = ()) -> Sheet:
    return Sheet(what, [_spread(sample_trajectory(settings).frames("x"))], columns or _times()[::-1])


def two_seeds() -> Sheet:
    seeds = (2, 3)
    return Sheet(
        "Two sampling trajectories of “sunflower”: from two different noises to two different sunflowers.",
        [_spread(sample_trajectory(_settings("sunflower", seed)).frames("x")) for seed in seeds],
        _times()[::-1],
        [f"seed {seed}" for seed in seeds],
    )


def state_and_prediction(settings: Settings, alt: str) -> Sheet:
    run = sample_trajectory(settings)
    return Sheet(
        alt, [_spread(run.frames("x")), _spread(run.frames("x0"))], _times()[::-1], ("state xₜ", "x̂₀")
    )


def forward_and_reverse() -> Sheet:
    states = forward_trajectory.forward_states(_sample("rainbow-twemoji"), SCHEDULES["cosine"], 50, seed=0)
    return Sheet(
        "Upper row: noise is added to an image of a rainbow until it is gone. Lower row: the network denoises other "
        "Gaussian noise until a new rainbow is there.",
        [
            _spread(to_uint8(np.stack([x for _, x in states]))),
            _spread(sample_trajectory(_settings("rainbow")).frames("x")),
        ],
        labels=("forward", "reverse"),
    )


def no_prompt() -> Sheet:
    runs = [sample_trajectory(_settings("", seed)).frames("x") for seed in (8, 9, 10, 11, 12, 13)]
    return Sheet(
        "Six samples without a prompt: Gaussian noise in the upper row, and the image that each led to in the lower.",
        [[r[0] for r in runs], [r[-1] for r in runs]],
        labels=("noise", "sample"),
    )


def seeds_of(prompt: str, alt: str) -> Sheet:
    return Sheet(
        alt, [_cells(sample_images(_settings(prompt), SEEDS).numpy())], [f"seed {seed}" for seed in SEEDS]
    )


# --- steps and samplers ------------------------------------------------------------------------------------


def one_step_or_many() -> Sheet:
    unguided = _settings("penguin", guidance=1.0)
    rows = [_cells(sample_images(replace(unguided, steps=n), SEEDS).numpy()) for n in (1, 50)]
    return Sheet(
        "Six noises denoised without guidance: in one step six blurred, much alike images; in fifty steps six clear and "
        "different ones.",
        rows,
        [f"seed {seed}" for seed in SEEDS],
        ("1 step", "50 steps"),
    )


def ladder() -> Sheet:
    counts = (1, 2, 4, 8, 16, 30)
    runs = step_comparison.step_sweep(_settings("fox", 1, guidance=1.0), counts)
    return Sheet(
        "The same noise and prompt in 1, 2, 4, 8, 16 and 30 steps without guidance: from a blur to a clear image.",
        [[run.frames("x")[-1] for run in runs]],
        [f"{n} step{'s' * (n > 1)}" for n in counts],
    )


def hundred_steps() -> Sheet:
    run = sample_trajectory(_settings("cat face", steps=100, guidance=1.0))
    return Sheet(
        "A sampling trajectory of 100 steps after 0, 20, 40, 60, 80 and 100 network evaluations; only the last image is "
        "finished.",
        [_spread(run.frames("x"))],
        [f"{n} NFE" for n in range(0, 101, 20)],
    )


def solvers() -> Sheet:
    budget, names = 8, ("ddim", "heun", "dpmpp_2m", "unipc")
    start = _settings("owl", 1, guidance=1.0)
    jobs = [replace(start, sampler=name, steps=step_comparison.max_steps(name, budget)) for name in names]
    long = replace(start, **step_comparison.REFERENCE)
    return Sheet(
        f"The same noise by four samplers in {budget} network evaluations each, beside {long.nfe} evaluations: all five "
        "owls are much alike.",
        [_sample_each([*jobs, long])],
        [*(SAMPLERS[name].title for name in names), f"{long.nfe} NFE"],
        [f"{budget} NFE"],
    )


def ddim_and_ddpm() -> Sheet:
    counts, names = (6, 12, 25, 50, 100), ("ddim", "ddpm")
    return Sheet(
        "The same noise in 6 to 100 steps: from 25 steps on DDIM's images are nearly the same; those of DDPM, which draws "
        "new noise at each step, differ at the mouth.",
        [_sample_each([_settings("dog face", 1, sampler=name, steps=n) for n in counts]) for name in names],
        [f"{n} steps" for n in counts],
        [SAMPLERS[name].title for name in names],
    )


# --- prompts and guidance ----------------------------------------------------------------------------------


def cond_and_uncond() -> Sheet:
    settings = _settings("octopus")
    run = sample_trajectory(settings)
    found = guidance_analysis.cond_uncond(run, settings, checkpoints.load(MODEL))
    rows = [run.frames("x")[:-1], to_uint8(found.cond), to_uint8(found.uncond)]
    return Sheet(
        "A sampling trajectory of “octopus” with the conditional and the unconditional prediction of x₀ at six states: the "
        "two differ most at the first.",
        [_spread(row) for row in rows],
        [f"t = {t:.2f}" for t in run.t[:-1][np.linspace(0, run.steps - 1, 6).round().astype(int)]],
        ("state xₜ", "conditional", "uncond."),
    )


def prompts(texts: Sequence[str], seed: int, alt: str) -> Sheet:
    return Sheet(
        alt,
        [_sample_each([_settings(text, seed) for text in texts])],
        [text or "no prompt" for text in texts],
    )


def guidance_scales() -> Sheet:
    scales = guidance_analysis.SCALES
    return Sheet(
        "“Fox” from the same noise at guidance scales from 1, which is off, to 10: colour and contrast grow with it.",
        [[_cells(x)[0] for x in guidance_analysis.at_scales(_settings("fox"), [0], scales)]],
        [f"w = {scale:g}" for scale in scales],
    )


# --- editing -----------------------------------------------------------------------------------------------


def inpainting() -> Sheet:
    image, size = _sample("cat-face-noto"), checkpoints.load(MODEL).shape[-1]
    mask = np.zeros((size, size), np.uint8)
    mask[size // 4 + 2 : size // 2 + 6] = 1
    edit = InpaintSettings(
        "cat face with sunglasses",
        "noto",
        steps=30,
        image=to_uint8(image).tobytes(),
        mask=mask.tobytes(),
        model=MODEL,
        resampling_steps=4,
    )
    known = to_uint8(image)
    results = [
        _cells(final_step(editing.inpaint_steps(replace(edit, seed=seed))).x.numpy())[0] for seed in (0, 1, 2)
    ]
    return Sheet(
        "Inpainting: a cat face, the same with a band over the eyes masked out in grey, and three results for the prompt "
        "“cat face with sunglasses”. Outside the mask nothing has changed.",
        [[known, np.where(mask[..., None] > 0, np.uint8(128), known), *results]],
        ("image", "mask in grey", "seed 0", "seed 1", "seed 2"),
    )


# --- models of points --------------------------------------------------------------------------------------


def _trained(kind: Callable[[], Model], data: np.ndarray) -> Model:
    model = cast("Model", diffusion2d.init_model(kind, TOY_SEED))
    for _ in diffusion2d.train(model, data, TOY_STEPS, TOY_SEED, at=()):
        pass
    return model


def _dots(points: np.ndarray, data: np.ndarray | None = None) -> np.ndarray:
    layers = [] if data is None else [Dots(data, PALE)]
    return diffusion2d.scatter_image(*layers, Dots(points, SIGNAL if data is None else PREDICTION), size=CELL)


def point_models(shape: str, kinds: dict[str, Callable[[], GenerativeModel]], alt: str) -> Sheet:
    data = diffusion2d.points(shape, TOY_POINTS, TOY_SEED)
    shown, noise = data[: diffusion2d.POINTS], diffusion2d.initial_noise(TOY_SEED)
    cells = [_dots(_trained(kind, data).sample(noise).numpy(), shown) for kind in kinds.values()]
    return Sheet(alt, [[_dots(shown), *cells]], ("data", *kinds))


def flow() -> Sheet:
    data, noise = diffusion2d.points("two moons", TOY_POINTS, TOY_SEED), diffusion2d.initial_noise(TOY_SEED)
    first = _trained(partial(diffusion2d.Diffusion, "u", "flow"), data)
    second = _trained(partial(baselines.Reflow, first), data)
    shown = data[: diffusion2d.POINTS]
    cells = []
    for model in (first, second):
        path = model.path(noise, diffusion2d.SAMPLING_STEPS).numpy()
        lines, ends = diffusion2d.paths(path, 40), path[-1, :40]
        cells.append(
            diffusion2d.scatter_image(
                Dots(shown, PALE), Dots(lines, PREDICTION, 1), Dots(ends, SIGNAL, 3), size=CELL
            )
        )
    return Sheet(
        "Sampling trajectories of points, from noise to data in the shape of two moons: those of flow matching bend, those "
        "of rectified flow, trained on the first one's pairs, are nearly straight.",
        [[_dots(shown), *cells]],
        ("data", "flow matching", "rectified flow"),
    )


DIFFUSION = partial(diffusion2d.Diffusion, "v")

# What each card shows, by the card's id; no two the same.
PICTURES: dict[str, Callable[[], Sheet]] = {
    "check-forward": partial(forward, "penguin-emojitwo", "linear"),
    "check-task": training_example,
    "check-generate": partial(
        reverse, _settings("penguin", 3), "One sampling trajectory: Gaussian noise becomes a penguin."
    ),
    "check-many-steps": one_step_or_many,
    "check-prompt": cond_and_uncond,
    "check-impossible": partial(
        seeds_of,
        "three o'clock",
        "Six samples of “three o'clock”: all dials are crisp, but some have hands at another time, or one hand alone.",
    ),
    "card-forward": partial(forward, "strawberry-emojitwo", "cosine"),
    "card-reverse": partial(
        state_and_prediction,
        _settings("fox", guidance=1.0),
        "A sampling trajectory of “fox”: above the state, which loses noise step by step, below the network's prediction "
        "of the clean image, which begins as a blur.",
    ),
    "card-targets": known_target,
    "card-generate": two_seeds,
    "card-steps": ladder,
    "card-vae-gan": partial(
        point_models,
        "eight points",
        {"VAE": baselines.VAE, "GAN": baselines.GAN, "diffusion": DIFFUSION},
        "Eight points, and the samples of a VAE, a GAN and a diffusion model trained on them: the VAE's lie on lines "
        "between the points, the GAN's leave some out, the diffusion model's lie at all, with some in between.",
    ),
    "card-slow": hundred_steps,
    "card-prompt": partial(
        prompts,
        ("cat face", "fox", "owl", "sunflower", "strawberry", ""),
        4,
        "The same noise with five prompts and with none: each prompt leads to an image of what it names.",
    ),
    "card-impossible": partial(
        seeds_of, "newspaper", "Six samples of “newspaper”: what stands in place of lettering is no text."
    ),
    "card-intuition": no_prompt,
    "iv-what": forward_and_reverse,
    "iv-forward": one_jump,
    "iv-reverse": partial(
        state_and_prediction,
        _settings("ghost", sampler="ddpm", guidance=1.0),
        "A DDPM trajectory of “ghost”: above the state xₜ, below the prediction of x₀ from which the mean of the next "
        "transition follows.",
    ),
    "iv-objective": objective,
    "iv-schedule": schedules,
    "iv-cost": solvers,
    "iv-ddim": ddim_and_ddpm,
    "iv-cfg": guidance_scales,
    "iv-gan": partial(
        point_models,
        "four spots",
        {"GAN": baselines.GAN, "diffusion": DIFFUSION},
        "Four clusters of points, and the samples of a GAN and of a diffusion model trained on them: the GAN's all lie in "
        "one cluster, which is mode collapse, the diffusion model's in all four, with a few between.",
    ),
    "iv-inpainting": inpainting,
    "iv-text": partial(
        prompts,
        ("red apple", "apple", "red", ""),
        0,
        "The same noise with the prompts “red apple”, “apple”, “red” and none: each word changes the image.",
    ),
    "iv-snr": snr,
    "iv-flow": flow,
}


# --- the files ---------------------------------------------------------------------------------------------


def draw(sheet: Sheet) -> Image.Image:
    """The sheet as one image: pixels enlarged without smoothing, dark letters on white."""
    font = ImageFont.truetype(FONTS / "DejaVuSans.ttf", TEXT)
    left = max((int(font.getlength(label)) + 2 * GAP for label in sheet.labels), default=0)
    top = TEXT + 2 * GAP if sheet.columns else 0
    across, down = len(sheet.rows[0]), len(sheet.rows)
    pitch = CELL + GAP
    picture = Image.new("RGB", (left + across * pitch - GAP, top + down * pitch - GAP), "white")
    pen = ImageDraw.Draw(picture)
    for i, heading in enumerate(sheet.columns):
        pen.text((left + i * pitch + CELL / 2, top / 2), heading, "#1c2230", font, anchor="mm")
    for j, row in enumerate(sheet.rows):
        if sheet.labels:
            pen.text((0, top + j * pitch + CELL / 2), sheet.labels[j], "#1c2230", font, anchor="lm")
        for i, cell in enumerate(row):
            square = Image.fromarray(cell).resize((CELL, CELL), Image.Resampling.NEAREST)
            picture.paste(square, (left + i * pitch, top + j * pitch))
    return picture


def png(sheet: Sheet) -> bytes:
    """The sheet as a PNG of 256 colours: a third of the size, and no banding to be seen beside the noise."""
    buffer = io.BytesIO()
    draw(sheet).quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def drawn(names: Sequence[str]) -> Iterator[tuple[str, Sheet]]:
    """The sheets of these cards, one after the other; sums on one thread, so that the bytes are the same each time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name in names:
            yield name, PICTURES[name]()
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=PICTURES, metavar="ID", help="draw only these cards anew"
    )
    only = parser.parse_args().only
    FOLDER.mkdir(exist_ok=True)
    listing = FOLDER / "pictures.json"
    known = json.loads(listing.read_text(encoding="utf-8"))["pictures"] if only else {}
    for name, sheet in drawn(only or list(PICTURES)):
        data = png(sheet)
        (FOLDER / f"{name}.png").write_bytes(data)
        known[name] = sheet.alt
        print(f"{name}: {len(data) / 1e3:.0f} kB", flush=True)
    facts = {
        "model": MODEL,
        "weights_sha256": checkpoints.manifest()[MODEL].sha256,
        "pictures": {name: known[name] for name in PICTURES},
    }
    listing.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
