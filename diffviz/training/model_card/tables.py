"""The tables of the model card: measured figures in, lines of Markdown out."""

from __future__ import annotations

import csv
from pathlib import Path

from diffviz.evaluation.results import KID_SCALE


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
            f"| {title} | KID × {KID_SCALE:,} | {kid_range(part['kid'])}, N = {part['generated']['n']} | "
            f"{kid_range(part['kid_floor'])}, N = {part['kid_floor_n']}, of the training images | – |"
        )
    return lines


def kid_range(figure: dict) -> str:
    """KID in units of 1/KID_SCALE with its 95 % interval."""
    low, high = (KID_SCALE * end for end in figure["interval"])
    return f"{KID_SCALE * figure['value']:.1f} ({low:.1f} to {high:.1f})"


def outside_table(found: dict) -> list[str]:
    """Retrieval among real images of other sets as a Markdown table."""
    lines = [
        "| captions | the nearest has the same | generated | real, held out | share (95 % interval) |",
        "|---" * 5 + "|",
    ]
    titles = {"subgroup_top1": "subgroup", "label_top1": "label", "label_top5": "label, one of five"}
    for name, title in (("all", "all labels"), ("common", "common labels")):
        for key, what in titles.items():
            row = found[name]["retrieval"][key]
            low, high = row["share"]["interval"]
            lines.append(
                f"| {title}, N = {found[name]['n']} | {what} | {row['generated']['value']:.1%} | "
                f"{row['real']['value']:.1%} | **{row['share']['value']:.0%}** ({low:.0%} to {high:.0%}) |"
            )
    return lines


def categories_table(found: dict) -> list[str]:
    """Agreement by kind of thing, in the order of the file."""
    lines = ["| kind | generated (95 % interval) | real, held out | share |", "|---" * 4 + "|"]
    for kind, row in found.items():
        made, real = row["generated"]["label_top5"], row["real"]["label_top5"]["value"]
        share = f"{made['value'] / real:.0%}" if real else "–"
        lines.append(
            f"| {kind} | {made['value']:.0%} ({made['interval'][0]:.0%} to {made['interval'][1]:.0%}), "
            f"N = {row['generated']['n']} | {real:.0%}, N = {row['real']['n']} | {share} |"
        )
    return lines


def loss_table(path: Path, rows: int = 8) -> list[str]:
    """Loss on held-out everyday images against images seen, from the training log."""
    seen = heldout_losses(path)
    picked = [seen[round(i * (len(seen) - 1) / (rows - 1))] for i in range(min(rows, len(seen)))]
    return [
        "| images seen | " + " | ".join(f"{n:,}" for n, _ in picked) + " |",
        "|---" * (len(picked) + 1) + "|",
        "| held-out loss (v) | " + " | ".join(f"{loss:.4f}" for _, loss in picked) + " |",
    ]


def heldout_losses(path: Path) -> list[tuple[int, float]]:
    """(images seen, loss on held-out everyday images) of a training log."""
    with path.open() as file:
        return [
            (int(r["images"]), float(r["heldout_loss"])) for r in csv.DictReader(file) if r["heldout_loss"]
        ]


def guidance_table(sweep: dict) -> list[str]:
    """Guidance scales against agreement with the caption and KID in units of 1/KID_SCALE, with 95 % intervals."""
    lines = [
        f"| w | NFE | subgroup | label, top-5 | KID × {KID_SCALE:,} | minus that of w = 1 |",
        "|---" * 6 + "|",
    ]
    for row in sweep["scales"]:
        shares = " | ".join(f"{row[measure]['value']:.0%}" for measure in ("subgroup_top1", "label_top5"))
        difference = kid_range(row["difference"]) if "difference" in row else "–"
        lines.append(
            f"| {row['guidance']:g} | {row['nfe']} | {shares} | {kid_range(row['kid'])} | {difference} |"
        )
    return lines


def recipes_table(found: dict) -> list[str]:
    """Recipes with one thing changed, the best first, each against the plain one."""
    plain = (found["plain"]["heldout_loss"] + found["plain-again"]["heldout_loss"]) / 2
    lines = ["| changed | held-out loss | against plain | images a second |", "|---|---|---|---|"]
    for row in sorted(found.values(), key=lambda r: r["heldout_loss"]):
        lines.append(
            f"| {row['what']} | {row['heldout_loss']:.4f} | {row['heldout_loss'] / plain - 1:+.1%} | "
            f"{row['images_per_cpu_second']:.0f} |"
        )
    return lines


def channels(name: str) -> str:
    """The channels in a size's name: "64, 64, 192" of "64-64-192-begun"."""
    return ", ".join(part for part in name.split("-") if part.isdigit())


def sizes_table(found: dict) -> list[str]:
    """Sizes after equal processor time."""
    lines = [
        "| channels | | weights | images a second | images seen | held-out loss | training loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        lines.append(
            f"| {channels(name)} | {row['what']} | {row['million_weights']:.1f} million | "
            f"{row['images_per_cpu_second']:.0f} | {row['images']:,} | {row['heldout_loss']:.4f} | "
            f"{row['training_loss']:.4f} |"
        )
    return lines


def guided_table(found: dict) -> list[str]:
    """Guidance by two network evaluations a step beside guidance distilled into one."""
    lines = [f"| guidance | NFE a step | subgroup | label, top-5 | KID × {KID_SCALE:,} |", "|---" * 5 + "|"]
    for name in ("without", "two calls", "trained in"):
        row = found[name]
        lines.append(
            f"| {name} | {row['calls']} | {row['subgroup_top1']:.0%} | {row['label_top5']:.0%} | "
            f"{kid_range(row['kid'])} |"
        )
    return lines
