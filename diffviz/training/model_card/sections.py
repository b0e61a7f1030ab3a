"""Sentences of the model card that depend on what was measured, its commands and its histogram."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from diffviz.evaluation.results import DistanceHistogram
from diffviz.training.model_card.tables import heldout_losses
from diffviz.training.train_denoiser import ADJUSTABLE, MIDDLE_TIMES, Recipe, current_recipe

MEASURES = ("evaluate", "eval_outside")  # the commands whose figures the card leads with


def core_hours(facts: dict) -> float:
    """Processor time in a network; where it was not kept, the hours by the clock of all its workers."""
    return facts.get("core_hours", facts["minutes"] / 60 * facts["workers"])


def recipe_text(facts: dict, name: str) -> str:
    """How a network was trained, in sentences."""
    recipe = current_recipe(facts["recipe"])
    middle = " to ".join(map(str, MIDDLE_TIMES))
    said = [
        f"{facts['images']:,} images in {core_hours(facts):.1f} core-hours on a CPU shared with other work, batch "
        f"{recipe['batch']}, bf16.",
        f"Muon on the weight matrices (rate {recipe['lr_muon']}), AdamW on the rest ({recipe['lr_adam']}), flat, then "
        f"down to nothing over the last {recipe['decay']:.0%}; average of weights with decay "
        f"{facts.get('ema', recipe['ema'])} a step.",
        f"Loss: v, unweighted, {recipe['schedule']} schedule, times spread evenly in each batch"
        f"{f', {share:.0%} of them from {middle} alone' if (share := recipe.get('middle_share')) else ''}.",
        f"Besides, with weight {recipe['align']:g}, one minus the cosine of features in its middle, projected, and "
        "those of Inception on the clean image (`alignment`)."
        if recipe.get("align")
        else "",
        f"From {recipe['oversample_from']:.0%} of the run on, {recipe['oversample_share']:.0%} of the "
        "images were everyday ones."
        if recipe["oversample_share"]
        else "Everyday images came as often as any other.",
        f"The caption was dropped {recipe['dropout']['caption']:.0%} of the time, the style "
        f"{recipe['dropout']['style']:.0%}.",
    ]
    if recipe.get("start"):
        said.append(
            f"Its weights began as those of `{recipe['start']}`, translated from pixels to latents (`transfer`)."
            if latent(facts)
            else f"Its inner levels began as those of `{recipe['start']}`; only the outermost level is new."
        )
    if recipe.get("flip"):
        said.append(f"{recipe['flip']:.0%} of the images that stay true in a mirror were mirrored.")
    if recipe.get("recolour"):
        said.append(
            f"{recipe['recolour']:.0%} of the images of one colour were painted in another, with its name in the "
            "caption; the combinations of the second grid were never made."
        )
    if facts.get("data", name).endswith("-tones"):
        said.append(f"Skin tones as extra data, {recipe['skin_tone_weight']:g} as often as other images.")
    if "heldout_by_ema" in facts:
        losses = ", ".join(f"{loss:.4f} at {decay}" for decay, loss in facts["heldout_by_ema"].items())
        said.append(f"The length of the average was chosen after the fact: held-out loss {losses}.")
    if facts.get("earlier"):
        said.append(
            f"In {len(facts['earlier']) + 1} sessions, each with its own course of the rate; what is said here is of the "
            "last, the commands are those of all."
        )
    return " ".join(filter(None, said))


def latent(facts: dict) -> bool:
    """Whether a network was trained on latents."""
    return facts.get("data", "").startswith("latent")


def commands(name: str, size: int, facts: dict, runs: str = "runs") -> list[str]:
    """The commands that make the weights again: their data, each session in turn, publishing and evaluating them.

    `size` is that of the images, in pixels a side.
    """
    sessions = [*facts.get("earlier", []), {"data": name, **facts}]
    lines = [f"build_dataset --size {size} --out data/{name}.npz"]  # evaluate needs it in any case
    if any(s["data"].endswith("-tones") for s in sessions):
        lines.append(f"build_dataset --size {size} --out data/{name}-tones.npz --skin-tones")
    if latent(facts):
        lines.append(f"encode_dataset --data data/{name}.npz --out data/{facts['data']}.npz")
    if any(s["recipe"].get("align") for s in sessions):
        lines.append(f"alignment --data data/{name}.npz --out data/features{size}.npz")
    for i, session in enumerate(sessions):
        recipe, images = current_recipe(session["recipe"]), session["images"]
        length = f"{session['planned']} --until {images}" if "planned" in session else f"{images}"
        lines.append(
            f"train_denoiser --data data/{session['data']}.npz --out {runs}/{name} --images {length} "
            f"--workers {session['workers']} --channels {' '.join(map(str, recipe['channels']))}{flags(recipe)}"
            f"{' --resume' if i else ''}"
        )
    lines += [f"train_denoiser --out {runs}/{name} --publish"]
    lines += [f"{measure} --model {name}" for measure in MEASURES]
    return [f"python -m diffviz.training.{line}" for line in lines]


def flags(recipe: dict) -> str:
    """What of a recipe has to be said on the command line: all that is not the default."""
    other = {k: recipe[k] for k in ADJUSTABLE if recipe.get(k, getattr(Recipe, k)) != getattr(Recipe, k)}
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in other.items())


def overfitting(path: Path, facts: dict) -> str:
    """What the held-out loss did at the end of the run, in a sentence or two."""
    times = " The training loss is of the times of training, which crowd in the middle, and lower for that."
    mixes = {current_recipe(s["recipe"]).get("oversample_share") for s in [*facts.get("earlier", []), facts]}
    return _overfitting(path, comparable=len(mixes) == 1) + (
        times if facts["recipe"].get("middle_share") else ""
    )


def _overfitting(path: Path, comparable: bool) -> str:
    """`comparable`: the training loss is of the same mix of images to the end."""
    held = [loss for _, loss in heldout_losses(path)]
    with path.open() as file:
        train = [float(r["loss"]) for r in csv.DictReader(file) if r["loss"]]
    if held[-1] > min(held) and not comparable:
        return (
            f"The held-out loss was lowest at {min(held):.4f} and ended at {held[-1]:.4f}. The training loss ended at "
            f"{train[-1]:.4f}, of other images than before: the everyday ones came more often at last."
        )
    if held[-1] > min(held):
        return (
            f"The held-out loss was lowest at {min(held):.4f} and ended at {held[-1]:.4f}, while the training loss fell "
            f"to {train[-1]:.4f}: towards the end the network began to memorize its training images."
        )
    return f"The held-out loss was still falling at the end ({held[-1]:.4f}; training {train[-1]:.4f})."


def prediction(path: Path) -> str:
    """What the held-out loss of the second half of the run says about training on."""
    seen = heldout_losses(path)
    seen = seen[len(seen) // 2 :]
    if len(seen) < 4:
        return "Too few points to say what more training would bring."
    slope, at = np.polyfit(np.log2([n for n, _ in seen]), [loss for _, loss in seen], 1)
    if slope >= 0:
        return "Over the second half of the run it no longer fell: more training of this kind would bring nothing."
    far = seen[-1][0] * 4
    return (
        f"Over the second half of the run each doubling of the images lowered it by {-slope:.4f}; carried on, four times "
        f"the images ({far:,}) would end at {at + slope * np.log2(far):.4f}. (The falling rate at the end helps too, so "
        "this is on the hopeful side.)"
    )


def histogram(memory: dict) -> str:
    """Distances to the nearest training image as an SVG: generated images filled, held-out ones as a line."""
    width, height, left, base = 640, 240, 44, 200
    found = DistanceHistogram.of(memory)
    edges, last = found.edges, found.filled
    top = 1.08 * max(found.new_captions.max(), found.trained_captions.max(), found.heldout.max())
    step = (width - left - 10) / last

    def x(i: float) -> float:
        return round(left + i * step, 1)

    def y(share: float) -> float:
        return round(base - share / top * (base - 16), 1)

    bars = "".join(
        f'<rect x="{x(i)}" y="{y(v)}" width="{step:.1f}" height="{base - y(v):.1f}"/>'
        for i, v in enumerate(found.new_captions[:last].tolist())
    )

    def stairs(shares: np.ndarray) -> str:
        return " ".join(f"H{x(i)} V{y(v)} H{x(i + 1)}" for i, v in enumerate(shares[:last].tolist()))

    limit = left + found.limit / (edges[1] - edges[0]) * step
    ticks = "".join(
        f'<text x="{x(i)}" y="{base + 16}" text-anchor="middle">{edges[i]:g}</text>'
        for i in range(0, last + 1, 4)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" '
        f'fill="#333"><rect width="{width}" height="{height}" fill="#fff"/><g fill="#1d5fa8" fill-opacity=".4">{bars}</g>'
        f'<path d="M{x(0)} {base} {stairs(found.trained_captions)}" fill="none" stroke="#b1470a" stroke-width="2" '
        f'stroke-dasharray="5 3"/>'
        f'<path d="M{x(0)} {base} {stairs(found.heldout)}" fill="none" stroke="#222" stroke-width="2"/>'
        f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="10" y2="{base}" stroke="#222" stroke-dasharray="2 3"/>'
        f'<line x1="{left}" x2="{width - 10}" y1="{base}" y2="{base}" stroke="#222"/>{ticks}'
        f'<text x="{(width + left) / 2}" y="{base + 34}" text-anchor="middle">'
        "distance to the nearest training image (RMS)</text></svg>\n"
    )
