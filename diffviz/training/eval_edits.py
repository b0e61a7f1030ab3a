"""Measure image-to-image and inpainting on held-out images.

    python -m diffviz.training.eval_edits --model emoji64      # -> assets/curves/edits-emoji64.json; ten minutes

`strengths`: image-to-image (SDEdit) of every held-out image of a common label, with a prompt of another subgroup, at
each strength; the share in which the classifier sees the subgroup of the source image, and of the target named by the
prompt. `resampling`: the left half of every such image is masked and inpainted (RePaint) with the image's own caption,
with each number of resampling steps; the jump of values across the boundary of the mask relative to that of the real
images, and the share in which the classifier sees the right subgroup. 95 % intervals over the images. The network runs
in bfloat16. One in latents is given the latents of the images, and its samples are decoded; in inpainting the known pixels
are then put back, as on the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.process import Denoise
from diffviz.diffusion.samplers import SAMPLERS, Step, final_step, make_generators, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import mean_figure
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.pipelines import editing
from diffviz.training.batch_generation import guided_denoiser
from diffviz.training.data import Dataset
from diffviz.training.evaluate import images_for, subgroup_numbers, top_k_hits, write_results

SETTINGS = {"sampler": "unipc", "steps": 20, "inpaint_steps": 20}
FIRST_SEED, BATCH = 40_000, 64
COSINE = SCHEDULES["cosine"]


def other_labels(data: Dataset, rows: np.ndarray, seed: int = 3) -> np.ndarray:
    """For each row a common label of another subgroup, at random: (len(rows),)."""
    rng, common = np.random.default_rng(seed), np.flatnonzero(data.common)
    return np.array(
        [rng.choice(common[data.subgroups[common] != data.subgroups[data.label[row]]]) for row in rows]
    )


def in_batches(
    denoiser: Denoiser,
    captions: list[tuple[str, str]],
    images: Tensor,
    run: Callable[[Denoise, Tensor, list[torch.Generator]], Iterator[Step]],
    guidance: float,
) -> Tensor:
    """The final images of `run(denoise, states, rng)`, a batch at a time, image i from seed FIRST_SEED + i."""
    done = []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        prompts, styles = zip(*captions[part], strict=True)
        rng = make_generators(range(FIRST_SEED + start, FIRST_SEED + start + len(prompts)))
        with torch.autocast("cpu", torch.bfloat16):
            denoise = guided_denoiser(denoiser, prompts, styles, guidance)
            last = final_step(run(denoise, denoiser.encode(images[part]), rng))
            done.append(denoiser.decode(last.x).float())
    return torch.cat(done)


def img2img_run(strength: float) -> Callable:
    """Image-to-image at this strength."""
    ts = editing.img2img_timesteps(strength, SETTINGS["steps"])

    def run(denoise: Denoise, states: Tensor, rng: list[torch.Generator]) -> Iterator[Step]:
        x = editing.sdedit_init(states, strength, COSINE, rng)
        return SAMPLERS[SETTINGS["sampler"]](denoise, x, ts, COSINE, rng=rng)

    return run


def inpaint_run(resampling_steps: int, mask: Tensor) -> Callable:
    """Inpainting with this number of RePaint resampling steps; `mask` is that of the states."""

    def run(denoise: Denoise, states: Tensor, rng: list[torch.Generator]) -> Iterator[Step]:
        ts = timesteps(SETTINGS["inpaint_steps"])
        return editing.repaint(denoise, states, mask, ts, COSINE, resampling_steps=resampling_steps, rng=rng)

    return run


def measure_strengths(
    denoiser: Denoiser,
    label_classifier: classifier.LabelClassifier,
    data: Dataset,
    rows: np.ndarray,
    guidance: float,
) -> list[dict]:
    """Which of the two subgroups the classifier sees at each strength; strength 0 is the source images themselves."""
    subgroup, others = subgroup_numbers(label_classifier, data), other_labels(data, rows)
    given, table = data.examples(rows), []
    captions = [
        (data.labels[label], data.styles[data.style[row]]) for label, row in zip(others, rows, strict=True)
    ]
    for strength in (0.0, *editing.STRENGTHS):
        made = given
        if strength:
            made = in_batches(denoiser, captions, given, img2img_run(strength), guidance)
        seen = label_classifier.predict(made)[1]
        table.append(
            {
                "strength": strength,
                "source": mean_figure(top_k_hits(seen, subgroup[data.label[rows]], 1)),
                "target": mean_figure(top_k_hits(seen, subgroup[others], 1)),
            }
        )
        print(table[-1], flush=True)
    return table


def measure_resampling(
    denoiser: Denoiser,
    label_classifier: classifier.LabelClassifier,
    data: Dataset,
    rows: np.ndarray,
    guidance: float,
) -> dict:
    """Boundary jump of an inpainted half and agreement of the whole image, by the number of resampling steps."""
    subgroup = subgroup_numbers(label_classifier, data)[data.label[rows]]
    given, table = data.examples(rows), []
    side = given.shape[-1]
    mask = torch.zeros(1, 1, side, side, dtype=torch.bool)
    mask[..., : side // 2] = True
    captions = [(data.labels[data.label[row]], data.styles[data.style[row]]) for row in rows]

    def jumps(images: Tensor) -> np.ndarray:
        return np.array([editing.boundary_jump(image.numpy(), mask[0, 0].numpy()) for image in images])

    real = jumps(given).mean()
    for n in editing.RESAMPLING_STEPS:
        run = inpaint_run(n, editing.state_mask(mask, denoiser))
        drawn = in_batches(denoiser, captions, given, run, guidance)
        made = torch.where(mask, drawn, given)
        table.append(
            {
                "resampling_steps": n,
                "boundary_jump_to_real": mean_figure(jumps(made) / real),
                "subgroup": mean_figure(top_k_hits(label_classifier.predict(made)[1], subgroup, 1)),
            }
        )
        print(table[-1], flush=True)
    return {
        "resampling": table,
        "real_subgroup": mean_figure(top_k_hits(label_classifier.predict(given)[1], subgroup, 1)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=checkpoints.DEFAULT, help="a network of the manifest")
    parser.add_argument("--data", type=Path, help="default: data/MODEL.npz")
    parser.add_argument("--out", type=Path, help="default: assets/curves/edits-MODEL.json")
    parser.add_argument("--n", type=int, help="the first so many images; default: all")
    parser.add_argument("--guidance", type=float, help="default: what the network's pages begin with")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    denoiser, entry = checkpoints.load(args.model), checkpoints.manifest()[args.model]
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    data = images_for(denoiser, args.data or Path(f"data/{args.model}.npz"))
    rows = data.rows(heldout=True, common=True)[: args.n]
    out = args.out or ASSETS / "curves" / f"edits-{args.model}.json"
    guidance = checkpoints.guidance_scale(args.model, args.guidance)
    head = {
        "weights_sha256": entry.sha256,
        "settings": {**SETTINGS, "guidance": guidance},
        "n": len(rows),
    }
    table = measure_strengths(denoiser, label_classifier, data, rows, guidance)
    resampling = measure_resampling(denoiser, label_classifier, data, rows, guidance)
    write_results(out, head, {"strengths": table, **resampling})  # together: the page shows both
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
