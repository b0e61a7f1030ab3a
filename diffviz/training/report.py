"""Write the model card from the weights, so that nothing in it is typed by hand.

    python -m diffviz.training.report            # rewrites assets/MODEL.md and the grid beside it

It reads the shipped weights and what they say of their own training, `assets/curves/evaluation.json` (made by
`evaluate`), `assets/curves/training.csv` (the log, copied by `train_denoiser --publish`) and
`assets/model/judged.toml`, the one human judgement: which pictures of the grid are not recognisable.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import tomllib
from pathlib import Path

import torch

from diffviz import checkpoints
from diffviz.checkpoints import ASSETS
from diffviz.samplers import draw, seeded
from diffviz.schedules import SCHEDULES
from diffviz.training.prompts import EVERYDAY_32
from diffviz.training.sample import everyday_grid, tile
from diffviz.training.sources import SOURCES

NAME = checkpoints.DEFAULT


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


def figures_table(evaluation: dict) -> list[str]:
    """The evaluation as a Markdown table."""
    lines = [
        "| captions | measure | generated (95 % interval) | real, held out (95 % interval) | share |",
        "|---|---|---|---|---|",
    ]
    titles = {"subgroup_top1": "subgroup, top-1", "label_top1": "label, top-1", "label_top5": "label, top-5"}
    for name, title in (("everyday", "everyday"), ("all", "all labels")):
        if name not in evaluation:
            continue
        part = evaluation[name]
        for key, measure in titles.items():
            g, r = part["generated"][key], part["real"][key]
            lines.append(
                f"| {title} | {measure} | {g['value']:.1%} ({g['interval'][0]:.1%} to {g['interval'][1]:.1%}), "
                f"N = {part['generated']['n']} | {r['value']:.1%} ({r['interval'][0]:.1%} to {r['interval'][1]:.1%}), "
                f"N = {part['real']['n']} | **{part['share_of_real'][key]:.0%}** |"
            )
        lines.append(
            f"| {title} | Fréchet distance | {part['frechet']:.1f} | {part['frechet_floor']:.1f} (the floor) | "
            f"{part['frechet'] / part['frechet_floor']:.1f} times |"
        )
    return lines


def loss_table(path: Path, rows: int = 8) -> list[str]:
    """Loss on held-out everyday pictures against images seen, from the training log."""
    with path.open() as file:
        seen = [(int(r["images"]), r["heldout_loss"]) for r in csv.DictReader(file) if r["heldout_loss"]]
    picked = [seen[round(i * (len(seen) - 1) / (rows - 1))] for i in range(min(rows, len(seen)))]
    return [
        "| images seen | " + " | ".join(f"{n:,}" for n, _ in picked) + " |",
        "|---" * (len(picked) + 1) + "|",
        "| held-out loss (v) | " + " | ".join(loss for _, loss in picked) + " |",
    ]


def overfitting(path: Path) -> str:
    """What the held-out loss did at the end of the run, in a sentence."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    held = [float(r["heldout_loss"]) for r in rows if r["heldout_loss"]]
    train = [float(r["loss"]) for r in rows if r["loss"]]
    if held[-1] > min(held):
        return (
            f"The held-out loss was lowest at {min(held):.4f} and ended at {held[-1]:.4f}, while the training loss fell "
            f"to {train[-1]:.4f}: towards the end the network began to learn its training drawings by heart."
        )
    return f"The held-out loss was still falling at the end ({held[-1]:.4f}; training {train[-1]:.4f})."


def judged(digest: str) -> str:
    """The human judgement of the grid, or why there is none for these weights."""
    path = ASSETS / "model" / "judged.toml"
    if not path.exists():
        return "The grid has not been judged by eye yet."
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    missed = raw["not_recognisable"]
    names = ", ".join(f"{EVERYDAY_32[i][0]} ({EVERYDAY_32[i][1]})" for i in missed) or "none"
    good = len(EVERYDAY_32) - len(missed)
    stale = "" if raw["sha256"] == digest else " (of earlier weights: to be looked at again)"
    return (
        f"Judged by eye, by one person who knew the prompts: **{good} of {len(EVERYDAY_32)}** recognisable at a "
        f"glance{stale}. Not recognisable: {names}. {raw.get('remark', '')}".strip()
    )


def card() -> str:
    """The whole model card."""
    path = ASSETS / f"{NAME}.safetensors"
    digest = checkpoints.sha256_of(path)
    denoiser = checkpoints.load(NAME)
    config, facts = checkpoints.metadata(path)
    evaluation = json.loads((ASSETS / "curves" / "evaluation.json").read_text())
    recipe, words = facts["recipe"], denoiser.vocabulary
    everyday = sum(x["everyday"] for x in words.labels)
    stale = "" if evaluation["weights_sha256"] == digest else "\n\n**These figures are of earlier weights.**"
    settings, held = evaluation["settings"], evaluation["classifier_heldout"]
    hours = facts["minutes"] / 60
    return "\n".join(
        [
            f"# Model card: {NAME}",
            "",
            "Written by `python -m diffviz.training.report`; do not edit by hand.",
            "",
            "![The fixed everyday prompts, picture i from seed i](model/everyday32.png)",
            "",
            f"{judged(digest)} The grid: {len(EVERYDAY_32)} fixed prompts, seeds 0 to {len(EVERYDAY_32) - 1}, DDIM, "
            "30 steps, guidance 3, not picked from several. Prompts in order: "
            + ", ".join(f"{p} ({s})" for p, s in EVERYDAY_32)
            + ".",
            "",
            "## What it is",
            "",
            f"A U-Net for {config['size']} × {config['size']} pictures: 2 × 2 pixels become channels, levels of "
            f"{' and '.join(map(str, config['channels']))} channels, {config['attention_blocks']} transformer blocks "
            f"with self-attention and cross-attention to the words at the lowest resolution, noise level and averaged "
            f"words by scale and shift. It predicts v and is told the noise level as an angle, so that it serves every "
            f"schedule. {checkpoints.parameters(denoiser.net) / 1e6:.2f} million weights, "
            f"{path.stat().st_size / 1e6:.1f} MB in half precision, run in single precision; one call at batch 1 on "
            f"one thread took {call_ms(denoiser):.1f} ms on the machine that wrote this card.",
            "",
            f"SHA-256 `{digest}`.",
            "",
            "## Data",
            "",
            f"Emoji drawings of {len(SOURCES)} open sets, {len(words.labels):,} labels, {len(words.words):,} words; "
            f"{everyday} labels count as everyday ones (faces, hearts, hands, animals, plants, fruit, vehicles, weather "
            "and some things). 5 % of the (label, drawing) pairs were never trained on. See [DATA.md](DATA.md).",
            "",
            "## Recipe",
            "",
            f"{facts['images']:,} images in {hours:.1f} hours on {facts['workers']} CPU cores that also did other "
            f"work, batch {recipe['batch']}, bf16. Muon on the weight matrices (rate {recipe['lr_muon']}), AdamW on the "
            f"rest ({recipe['lr_adam']}), flat, then down to nothing over the last {recipe['decay']:.0%}; average of "
            f"weights with decay {recipe['ema']} a step. Loss: v, unweighted, {recipe['schedule']} schedule, times "
            f"spread evenly in each batch. From {recipe['focus_from']:.0%} of the run on, {recipe['focus_share']:.0%} of "
            f"the pictures were everyday ones. The caption was dropped {recipe['dropout']['caption']:.0%} of the time, "
            f"the style {recipe['dropout']['style']:.0%}. Reproduce it with:",
            "",
            "```",
            "python -m diffviz.training.build_dataset --size 32 --out data/emoji32.npz",
            f"python -m diffviz.training.train_denoiser --images {facts['images']} --workers {facts['workers']}",
            "python -m diffviz.training.train_denoiser --publish",
            "```",
            "",
            *loss_table(ASSETS / "curves" / "training.csv"),
            "",
            overfitting(ASSETS / "curves" / "training.csv"),
            "",
            "## Figures",
            "",
            f"{settings['sampler'].upper()}, {settings['steps']} steps, guidance {settings['guidance']}; captions of "
            "held-out pictures. The judge is a small classifier of ours, trained on the real training pictures: on the "
            f"{held['n']} held-out ones it is right about the label in {held['label_top1']:.1%} (among its first five: "
            f"{held['label_top5']:.1%}) and about the subgroup in {held['subgroup_top1']:.1%}. The Fréchet distance is "
            "taken in its features against the held-out real pictures, the floor with as many real training pictures; "
            f"it is not an FID and cannot be compared with one.{stale}",
            "",
            *figures_table(evaluation),
            "",
            "A share above 100 % does not mean better than real. The held-out drawings are new to the judge, while the "
            "network draws in the manner of the training drawings that the judge learned from: it is recognised more "
            "easily, and it may owe some of that to copying. How much it copies has not been measured yet.",
            "",
            "## What it is bad at",
            "",
            "- **Rare labels.** Outside the everyday ones it saw each drawing only a few times: people at work, "
            "buildings, tools and devices often come out as blots of the right colours. The pages say so when a prompt "
            "has no everyday word.",
            "- **Counting and small parts.** Fingers, legs, spokes and teeth are drawn as texture, not counted.",
            "- **Faces with a mood.** The face is there; which of a hundred moods it shows is often wrong.",
            "- **New combinations.** Words are a set to it, without order: “cat with red hat” and “red cat with hat” "
            "are one prompt.",
            "- **Fine detail.** 32 × 32 pixels hold little, and 2 × 2 patches can show as a faint grid.",
            "",
            "It draws what emoji look like, with the tastes and gaps of the seven sets it was trained on. It is made "
            "for teaching and is of no use for anything else.",
            "",
        ]
    )


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    folder = ASSETS / "model"
    folder.mkdir(exist_ok=True)
    tile(everyday_grid(checkpoints.load(NAME)), 8).save(folder / "everyday32.png", optimize=True)
    (ASSETS / "MODEL.md").write_text(card(), encoding="utf-8")
    print(f"wrote {ASSETS / 'MODEL.md'} and {folder / 'everyday32.png'}")


if __name__ == "__main__":
    main()
