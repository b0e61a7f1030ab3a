"""Write the model card from the weights, so that nothing in it is typed by hand.

    python -m diffviz.training.model_card            # rewrites assets/MODEL.md and the pictures beside it

It reads the shipped weights and what they say of their own training, from `assets/curves/`: `evaluation-NAME.json`
(made by `evaluate`), `guidance-NAME.json` (`evaluate --sweep`), `recipes.json`, `sizes.json` and `guided.json`
(`ablations`) and `training-NAME.csv` (the log, copied by `train_denoiser --publish`); and two files that people write:
`assets/model/human_eval.toml` (which pictures of a grid are not recognisable) and `assets/model/ablation_log.toml`
(what was tried, with what was measured).
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib

import torch

from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.training.batch_generation import generate_grid, image_grid
from diffviz.training.model_card.sections import (
    colours_text,
    commands,
    comparisons,
    core_hours,
    guidance_text,
    histogram,
    memorization_text,
    overfitting,
    prediction,
    recipe_text,
    section,
)
from diffviz.training.model_card.tables import categories_table, figures_table, loss_table
from diffviz.training.prompts import COMMON_64, NOVEL_24
from diffviz.training.sources import SOURCES

GRIDS = {"everyday": COMMON_64, "new": NOVEL_24}
SAMPLER = "unipc"  # of the grids: the best one by the measured curve


def call_ms(denoiser: checkpoints.Denoiser, rounds: int = 40) -> float:
    """Milliseconds of one network call at batch 1 on one thread: the median of several."""
    torch.set_num_threads(1)
    denoise = denoiser.conditioned(["cat face"], ["noto"], SCHEDULES["cosine"])
    x, t, seen = (
        randn_per_seed(make_generators([0]), denoiser.shape),
        torch.tensor([0.5], dtype=torch.float64),
        [],
    )
    for _ in range(rounds):
        began = time.perf_counter()
        denoise(x, t)
        seen.append(time.perf_counter() - began)
    return 1000 * sorted(seen)[rounds // 2]


def human_eval_text(name: str, which: str, digest: str) -> str:
    """The human judgement of a grid, or why there is none for these weights."""
    path = ASSETS / "model" / "human_eval.toml"
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


def network_section(name: str) -> list[str]:
    """Everything about one network."""
    path = ASSETS / checkpoints.manifest()[name].file
    digest = checkpoints.sha256_of(path)
    config, facts = checkpoints.metadata(path)
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
            f"{human_eval_text(name, which, digest)} {len(prompts)} {title}, seeds 0 to "
            f"{len(prompts) - 1}, {SAMPLER}, 30 steps, "
            f"guidance 3, not picked from several: {listed}.",
            "",
        ]
    lines += [
        "### Recipe",
        "",
        f"{recipe_text(facts, name)} Again, in one line: `python -m diffviz.training.reproduce {name}`. Step by step:",
        "",
        "```",
        *commands(name, config["size"], facts),
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
            categories_table(evaluation["all"]["kinds"]),
        )
    if "colours" in evaluation:
        lines += colours_text(evaluation["colours"])
    swept = ASSETS / "curves" / f"guidance-{name}.json"
    if swept.exists():
        lines += guidance_text(json.loads(swept.read_text()), digest)
    return lines + (
        memorization_text(name, evaluation["memorisation"]) if "memorisation" in evaluation else []
    )


def ablation_log() -> list[str]:
    """What was tried and measured, a line each."""
    path = ASSETS / "model" / "ablation_log.toml"
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
            "Written by `python -m diffviz.training.model_card`; do not edit by hand.",
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
            *(line for name in reversed(names) for line in network_section(name)),
            *comparisons(),
            "## What was tried",
            "",
            *ablation_log(),
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
            pictures = generate_grid(denoiser, prompts, sampler=SAMPLER)
            image_grid(pictures, 8, zoom).save(folder / f"{which}-{name}.png", optimize=True)
        measured = ASSETS / "curves" / f"evaluation-{name}.json"
        memory = json.loads(measured.read_text()).get("memorisation") if measured.exists() else None
        if memory:
            (folder / f"memory-{name}.svg").write_text(histogram(memory), encoding="utf-8")
    (ASSETS / "MODEL.md").write_text(card(), encoding="utf-8")
    print(f"wrote {ASSETS / 'MODEL.md'} and the pictures in {folder}")


if __name__ == "__main__":
    main()
