"""Write the model card from the weights, so that nothing in it is typed by hand.

    python -m diffviz.training.report            # rewrites assets/MODEL.md and the pictures beside it

It reads the shipped weights and what they say of their own training, from `assets/curves/`: `evaluation-NAME.json`
(made by `evaluate`), `guidance-NAME.json` (`evaluate --sweep`), `recipes.json`, `sizes.json` and `guided.json`
(`compare`) and `training-NAME.csv` (the log, copied by `train_denoiser --publish`); and two files that people write:
`assets/model/judged.toml` (which pictures of a grid are not recognisable) and `assets/model/tried.toml` (what was
tried, with what was measured).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from diffviz import checkpoints
from diffviz.checkpoints import ASSETS
from diffviz.samplers import draw, seeded
from diffviz.schedules import SCHEDULES
from diffviz.training.prompts import EVERYDAY_64, NEW_24
from diffviz.training.sample import grid, tile
from diffviz.training.sources import SOURCES
from diffviz.training.tables import (
    figures_table,
    guidance_table,
    guided_table,
    heldout_losses,
    kinds_table,
    loss_table,
    recipes_table,
    sizes_table,
)
from diffviz.training.train_denoiser import ADJUSTABLE, Recipe

GRIDS = {"everyday": EVERYDAY_64, "new": NEW_24}
SAMPLER = "unipc"  # of the grids: the best one by the measured curve


def call_ms(denoiser: checkpoints.Denoiser, rounds: int = 40) -> float:
    """Milliseconds of one network call at batch 1 on one thread: the median of several."""
    torch.set_num_threads(1)
    denoise = denoiser.prompted(["cat face"], ["noto"], SCHEDULES["cosine"])
    x, t, seen = draw(seeded([0]), denoiser.shape), torch.tensor([0.5], dtype=torch.float64), []
    for _ in range(rounds):
        began = time.perf_counter()
        denoise(x, t)
        seen.append(time.perf_counter() - began)
    return 1000 * sorted(seen)[rounds // 2]


def overfitting(path: Path) -> str:
    """What the held-out loss did at the end of the run, in a sentence."""
    held = [loss for _, loss in heldout_losses(path)]
    with path.open() as file:
        train = [float(r["loss"]) for r in csv.DictReader(file) if r["loss"]]
    if held[-1] > min(held):
        return (
            f"The held-out loss was lowest at {min(held):.4f} and ended at {held[-1]:.4f}, while the training loss fell "
            f"to {train[-1]:.4f}: towards the end the network began to learn its training drawings by heart."
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


def judged(name: str, which: str, digest: str) -> str:
    """The human judgement of a grid, or why there is none for these weights."""
    path = ASSETS / "model" / "judged.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8")).get(f"{name}-{which}") if path.exists() else None
    if raw is None:
        return "This grid has not been judged by eye yet."
    prompts, missed = GRIDS[which], raw["missed"]
    names = ", ".join(f"{prompts[i][0]} ({prompts[i][1]})" for i in missed) or "none"
    good = len(prompts) - len(missed)
    stale = "" if raw["sha256"] == digest else " (of earlier weights: to be looked at again)"
    what = "recognisable at a glance" if which == "everyday" else "showing both parts"
    return (
        f"Judged by eye, by one person who knew the prompts: **{good} of {len(prompts)}** {what}{stale}. "
        f"Not: {names}. {raw.get('remark', '')}".strip()
    )


def histogram(memory: dict) -> str:
    """Distances to the nearest training picture as an SVG: generated pictures filled, held-out ones as a line."""
    width, height, left, base = 640, 240, 44, 200
    edges = memory["edges"]
    drawn = [memory[k]["shares"] for k in ("heldout", "new_captions", "trained_captions")]
    last = 1 + max(i for shares in drawn for i, share in enumerate(shares) if share)
    top = 1.08 * max(map(max, drawn))
    step = (width - left - 10) / last

    def x(i: float) -> float:
        return round(left + i * step, 1)

    def y(share: float) -> float:
        return round(base - share / top * (base - 16), 1)

    bars = "".join(
        f'<rect x="{x(i)}" y="{y(v)}" width="{step:.1f}" height="{base - y(v):.1f}"/>'
        for i, v in enumerate(memory["new_captions"]["shares"][:last])
    )

    def stairs(name: str) -> str:
        return " ".join(f"H{x(i)} V{y(v)} H{x(i + 1)}" for i, v in enumerate(memory[name]["shares"][:last]))

    limit = left + memory["limit"] / (edges[1] - edges[0]) * step
    ticks = "".join(
        f'<text x="{x(i)}" y="{base + 16}" text-anchor="middle">{edges[i]:g}</text>'
        for i in range(0, last + 1, 4)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" '
        f'fill="#333"><rect width="{width}" height="{height}" fill="#fff"/><g fill="#1d5fa8" fill-opacity=".4">{bars}</g>'
        f'<path d="M{x(0)} {base} {stairs("trained_captions")}" fill="none" stroke="#b1470a" stroke-width="2" '
        f'stroke-dasharray="5 3"/><path d="M{x(0)} {base} {stairs("heldout")}" fill="none" stroke="#222" stroke-width="2"/>'
        f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="10" y2="{base}" stroke="#222" stroke-dasharray="2 3"/>'
        f'<line x1="{left}" x2="{width - 10}" y1="{base}" y2="{base}" stroke="#222"/>{ticks}'
        f'<text x="{(width + left) / 2}" y="{base + 34}" text-anchor="middle">'
        "distance to the nearest training picture (RMS)</text></svg>\n"
    )


def memory_text(name: str, memory: dict) -> list[str]:
    """What the distances to the training pictures say, with the histogram."""
    new, known, held = memory["new_captions"], memory["trained_captions"], memory["heldout"]

    def share(part: dict) -> str:
        low, high = part["suspicious"]["interval"]
        return f"**{part['suspicious']['value']:.1%}** ({low:.1%} to {high:.1%}, N = {part['n']:,})"

    return [
        "### Does it copy?",
        "",
        f"![Distances to the nearest training picture](model/memory-{name}.svg)",
        "",
        f"Filled: generated from captions of held-out drawings (median {new['median']:.3f}). Dashed: generated from "
        f"captions it was trained on (median {known['median']:.3f}). Line: real held-out drawings (N = {held['n']}, median "
        f"{held['median']:.3f}). Dotted upright: 95 % of the real held-out drawings lie to the right of it. To its left "
        f"lie {share(new)} of the pictures for new captions and {share(known)} of those for known ones; 5 % would be "
        "expected of a network that copies nothing.",
        "",
    ]


def section(heading: str, text: str, table: Sequence[str] = ()) -> list[str]:
    """A heading, a paragraph and perhaps a table, as lines of Markdown."""
    return [heading, "", text, "", *table, *([""] if table else [])]


def colours_text(found: dict) -> list[str]:
    """Whether colour words are obeyed."""

    def share(part: dict) -> str:
        low, high = part["interval"]
        return f"{part['value']:.0%} ({low:.0%} to {high:.0%})"

    return section(
        "### Colours",
        f"{found['labels']} everyday things, asked for in each of {found['n'] // found['labels']} colours (“blue banana”; "
        f"N = {found['n']}): **{share(found['asked'])}** have that colour as their one main hue, within 20°. Without the "
        f"colour word {share(found['not_asked'])} have it, by chance.",
    )


def guidance_text(sweep: dict, digest: str) -> list[str]:
    """What the guidance scale does to the figures."""
    stale = "" if sweep["weights_sha256"] == digest else " Measured on earlier weights."
    return section(
        "### Which guidance",
        f"{sweep['settings']['sampler']}, {sweep['settings']['steps']} steps, N = {sweep['n']} a line, from the same "
        f"noises and captions; shares of the real pictures' own. The pages and the figures above use "
        f"{sweep['settings']['guidance']:g}.{stale}",
        guidance_table(sweep),
    )


def comparisons() -> list[str]:
    """Recipes and sizes on equal terms, as far as they have been measured."""
    lines: list[str] = []
    recipes, sizes, guided = (ASSETS / "curves" / f"{kind}.json" for kind in ("recipes", "sizes", "guided"))
    if sizes.exists():
        found = json.loads(sizes.read_text())
        minutes = max(row["cpu_minutes"] for row in found.values())
        lines += section(
            "## Three sizes, the same time",
            f"{minutes:.0f} minutes of one processor thread each, at 64 × 64 "
            "(`python -m diffviz.training.compare --sizes`). So early, small networks are ahead; which is best after "
            "hours, minutes cannot say.",
            sizes_table(found),
        )
    if recipes.exists():
        found = json.loads(recipes.read_text())
        seeds = abs(found["plain"]["heldout_loss"] - found["plain-again"]["heldout_loss"])
        lines += section(
            "## Recipes, one thing changed",
            f"{found['plain']['images']:,} images each from scratch at 32 × 32, one run each (`python -m "
            f"diffviz.training.compare --recipes`); two seeds of the plain recipe differ by {seeds:.4f}, so smaller "
            "differences say nothing. The loss is that of held-out everyday drawings with their full captions, which "
            "cannot show what recolouring, skin tones or keywords are for: prompts that are not such captions.",
            recipes_table(found),
        )
    if guided.exists():
        found = json.loads(guided.read_text())
        lines += section(
            "## Guidance trained in",
            f"A copy of `emoji32` taught for {found['images']:,} images to give its own guided answer (scale 3) in one "
            f"call (`compare --guided`). UniPC, 30 steps, everyday captions, N = {found['n']} a line; shares of the real "
            "pictures' own.",
            guided_table(found),
        )
    return lines


def core_hours(facts: dict) -> float:
    """Processor time in a network; where it was not kept, the hours by the clock of all its workers."""
    return facts.get("core_hours", facts["minutes"] / 60 * facts["workers"])


def weights_row(name: str) -> str:
    """One line of the table of networks."""
    denoiser, path = checkpoints.load(name), ASSETS / checkpoints.manifest()[name].file
    config, facts = checkpoints.metadata(path)
    start = facts["recipe"].get("start")
    begun = f" after `{start}`" if start else ""
    return (
        f"| `{name}` | {config['size']} × {config['size']} | {', '.join(map(str, config['channels']))} | "
        f"{checkpoints.parameters(denoiser.net) / 1e6:.2f} million | {path.stat().st_size / 1e6:.1f} MB | "
        f"{call_ms(denoiser):.1f} ms | {facts['images']:,}{begun} | {core_hours(facts):.1f} |"
    )


def recipe_text(facts: dict, name: str) -> str:
    """How a network was trained, in sentences."""
    recipe = facts["recipe"]
    said = [
        f"{facts['images']:,} images in {core_hours(facts):.1f} core-hours on a CPU shared with other work, batch "
        f"{recipe['batch']}, bf16.",
        f"Muon on the weight matrices (rate {recipe['lr_muon']}), AdamW on the rest ({recipe['lr_adam']}), flat, then "
        f"down to nothing over the last {recipe['decay']:.0%}; average of weights with decay "
        f"{facts.get('ema', recipe['ema'])} a step.",
        f"Loss: v, unweighted, {recipe['schedule']} schedule, times spread evenly in each batch.",
        f"From {recipe['focus_from']:.0%} of the run on, {recipe['focus_share']:.0%} of the pictures were everyday ones."
        if recipe["focus_share"]
        else "Everyday drawings came as often as any other.",
        f"The caption was dropped {recipe['dropout']['caption']:.0%} of the time, the style "
        f"{recipe['dropout']['style']:.0%}.",
    ]
    if recipe.get("start"):
        said.append(
            f"Its inner levels began as those of `{recipe['start']}`; only the outermost level is new."
        )
    if recipe.get("flip"):
        said.append(f"{recipe['flip']:.0%} of the drawings that stay true in a mirror were mirrored.")
    if recipe.get("recolour"):
        said.append(
            f"{recipe['recolour']:.0%} of the drawings of one colour were painted in another, with its name in the "
            "caption; the combinations of the second grid were never made."
        )
    if facts.get("data", name) != name:
        said.append(f"Skin tones as extra data, {recipe['toned']:g} as often as other drawings.")
    if "heldout_by_ema" in facts:
        losses = ", ".join(f"{loss:.4f} at {decay}" for decay, loss in facts["heldout_by_ema"].items())
        said.append(f"The length of the average was chosen after the fact: held-out loss {losses}.")
    if facts.get("earlier"):
        said.append(
            f"In {len(facts['earlier']) + 1} sittings, each of which began again at the full rate; what is said here is "
            "of the last, the commands are those of all."
        )
    return " ".join(said)


def commands(name: str, facts: dict) -> list[str]:
    """The commands that make the weights again: their data, each sitting in turn, and what comes after."""
    size = checkpoints.load(name).net.config.size
    sittings = [*facts.get("earlier", []), {"data": name, **facts}]
    lines = [f"build_dataset --size {size} --out data/{name}.npz"]  # evaluate needs it in any case
    if any(s["data"].endswith("-tones") for s in sittings):
        lines.append(f"build_dataset --size {size} --out data/{name}-tones.npz --skin-tones")
    for i, sitting in enumerate(sittings):
        recipe = sitting["recipe"]
        lines.append(
            f"train_denoiser --data data/{sitting['data']}.npz --out runs/{name} --images {sitting['images']} "
            f"--workers {sitting['workers']} --channels {' '.join(map(str, recipe['channels']))}{flags(recipe)}"
            f"{' --resume' if i else ''}"
        )
    lines += [f"train_denoiser --out runs/{name} --publish", f"evaluate --model {name}"]
    return [f"python -m diffviz.training.{line}" for line in lines]


def flags(recipe: dict) -> str:
    """What of a recipe has to be said on the command line: all that is not the default."""
    other = {k: recipe[k] for k in ADJUSTABLE if recipe.get(k, getattr(Recipe, k)) != getattr(Recipe, k)}
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in other.items())


def network(name: str) -> list[str]:
    """Everything about one network."""
    path = ASSETS / checkpoints.manifest()[name].file
    digest = checkpoints.sha256_of(path)
    _, facts = checkpoints.metadata(path)
    log = ASSETS / "curves" / f"training-{name}.csv"
    lines = [f"## {name}", "", f"SHA-256 `{digest}`.", ""]
    for which, title in (
        ("everyday", "everyday prompts"),
        ("new", "combinations that no training caption has"),
    ):
        prompts = GRIDS[which]
        listed = ", ".join(f"{p} ({s})" for p, s in prompts)
        lines += [
            f"![Fixed {title}, picture i from seed i](model/{which}-{name}.png)",
            "",
            f"{judged(name, which, digest)} {len(prompts)} {title}, seeds 0 to {len(prompts) - 1}, {SAMPLER}, 30 steps, "
            f"guidance 3, not picked from several: {listed}.",
            "",
        ]
    lines += [
        "### Recipe",
        "",
        f"{recipe_text(facts, name)} Again:",
        "",
        "```",
        *commands(name, facts),
        "```",
        "",
        *loss_table(log),
        "",
        f"{overfitting(log)} {prediction(log)}",
        "",
    ]
    measured = ASSETS / "curves" / f"evaluation-{name}.json"
    if not measured.exists():
        return [*lines, "### Figures", "", "Not measured yet.", ""]
    evaluation = json.loads(measured.read_text())
    settings, held = evaluation["settings"], evaluation["classifier_heldout"]
    if evaluation["weights_sha256"] != digest:
        lines += ["**The figures below are of earlier weights.**", ""]
    lines += [
        "### Figures",
        "",
        f"{settings['sampler']}, {settings['steps']} steps, guidance {settings['guidance']:g}; captions of held-out "
        "pictures. The judge is a small classifier of ours, trained on the real training pictures at 32 × 32: on the "
        f"{held['n']} held-out ones it is right about the label in {held['label_top1']:.1%} (among its first five: "
        f"{held['label_top5']:.1%}) and about the subgroup in {held['subgroup_top1']:.1%}. The Fréchet distance is "
        "taken in its features against the held-out real pictures, the floor with as many real training pictures; "
        "it is not an FID and cannot be compared with one.",
        "",
        *figures_table(evaluation),
        "",
        "A share above 100 % does not mean better than real. The held-out drawings are new to the judge, while the "
        "network draws in the manner of the training drawings that the judge learned from.",
        "",
    ]
    if "kinds" in evaluation.get("all", {}):
        lines += section(
            "### Which things",
            "All labels, by kind, the worst first: how often the judge has the label among its first five.",
            kinds_table(evaluation["all"]["kinds"]),
        )
    if "colours" in evaluation:
        lines += colours_text(evaluation["colours"])
    swept = ASSETS / "curves" / f"guidance-{name}.json"
    if swept.exists():
        lines += guidance_text(json.loads(swept.read_text()), digest)
    return lines + (memory_text(name, evaluation["memorisation"]) if "memorisation" in evaluation else [])


def tried() -> list[str]:
    """What was tried and measured, a line each."""
    path = ASSETS / "model" / "tried.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))["tried"] if path.exists() else []
    return [f"- **{t['what']}.** {t['found']} *{t['verdict']}.*" for t in raw]


def card() -> str:
    """The whole model card."""
    names = list(checkpoints.manifest())
    words = checkpoints.load(names[0]).vocabulary
    everyday = sum(x["everyday"] for x in words.labels)
    return "\n".join(
        [
            "# Model card",
            "",
            "Written by `python -m diffviz.training.report`; do not edit by hand.",
            "",
            "| network | pictures | channels | weights | file, half precision | one call | images seen | core-hours |",
            "|---|---|---|---|---|---|---|---|",
            *(weights_row(name) for name in names),
            "",
            "A call: batch 1, one thread, single precision, on the machine that wrote this card.",
            "",
            "U-Nets: 2 × 2 pixels become channels, then levels of residual blocks; at the lowest resolution, 8 × 8, two "
            "transformer blocks with self-attention and cross-attention to the words. The noise level and the averaged "
            "words enter every block by scale and shift. They predict v and are told the noise level as an angle, so "
            "that they serve every schedule. The same words, the same contract: the pages offer both.",
            "",
            f"Data: emoji drawings of {len(SOURCES)} open sets, {len(words.labels):,} labels, {len(words.words):,} words; "
            f"{everyday} labels count as everyday ones (faces, hearts, hands, animals, plants, fruit, vehicles, weather "
            "and some things). 5 % of the (label, drawing) pairs were never trained on. See [DATA.md](DATA.md).",
            "",
            *(line for name in reversed(names) for line in network(name)),
            *comparisons(),
            "## What was tried",
            "",
            *tried(),
            "",
            "## What they are bad at",
            "",
            "- **Rare things.** Outside the everyday ones they saw each drawing less often: some kinds come out as blots "
            "of the right colours. “Which things”, of each network, says which; the pages say it of a prompt of a kind in "
            "which less than half of what the judge can name in real drawings is named.",
            "- **Counting and small parts.** Fingers, legs, spokes and teeth are drawn as texture, not counted.",
            "- **Faces with a mood.** The face is there; which of a hundred moods it shows is often wrong.",
            "- **New combinations.** Words are a set to them, without order: “cat with red hat” and “red cat with hat” "
            "are one prompt. What was never drawn together often shows one part only, see the second grid of each. "
            "Colours are another matter where the recipe repaints drawings: see there.",
            "- **Fine detail.** 32 × 32 pixels hold little, and the 2 × 2 patches can show as a faint grid at either size.",
            "",
            "They draw what emoji look like, with the tastes and gaps of the seven sets they were trained on. They are "
            "made for teaching and are of no use for anything else.",
            "",
        ]
    )


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    folder = ASSETS / "model"
    folder.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for name in checkpoints.manifest():
        denoiser = checkpoints.load(name)
        zoom = 64 // denoiser.shape[-1]
        for which, prompts in GRIDS.items():
            pictures = grid(denoiser, prompts, sampler=SAMPLER)
            tile(pictures, 8, zoom).save(folder / f"{which}-{name}.png", optimize=True)
        measured = ASSETS / "curves" / f"evaluation-{name}.json"
        memory = json.loads(measured.read_text()).get("memorisation") if measured.exists() else None
        if memory:
            (folder / f"memory-{name}.svg").write_text(histogram(memory), encoding="utf-8")
    (ASSETS / "MODEL.md").write_text(card(), encoding="utf-8")
    print(f"wrote {ASSETS / 'MODEL.md'} and the pictures in {folder}")


if __name__ == "__main__":
    main()
