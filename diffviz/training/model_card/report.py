"""Write the model card from the weights: its figures are filled into the template `card.md.j2`.

    python -m diffviz.training.model_card            # rewrites assets/MODEL.md and the images beside it

It reads the shipped weights and what they say of their own training, from `assets/curves/`: `evaluation-NAME.json`
(made by `evaluate`), `guidance-NAME.json` (`eval_guidance`), `recipes.json`, `sizes.json` and `guided.json`
(`ablations`) and `training-NAME.csv` (the log, copied by `train_denoiser --publish`); and two files that people write:
`assets/model/human_eval.toml` (which images of a grid are not recognisable) and `assets/model/ablation_log.toml`
(what was tried, with what was measured).
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from pathlib import Path

import jinja2
import torch

from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints
from diffviz.paths import ASSETS, CURVES
from diffviz.training.batch_generation import generate_grid, image_grid
from diffviz.training.model_card.sections import (
    commands,
    core_hours,
    histogram,
    overfitting,
    prediction,
    recipe_text,
)
from diffviz.training.model_card.tables import (
    categories_table,
    channels,
    figures_table,
    guidance_table,
    guided_table,
    loss_table,
    outside_table,
    recipes_table,
    sizes_table,
)
from diffviz.training.prompts import COMMON_64, NOVEL_24
from diffviz.training.sources import SOURCES
from diffviz.training.train_denoiser import current_recipe

GRIDS = {"everyday": COMMON_64, "new": NOVEL_24}
TITLES = {"everyday": "everyday prompts", "new": "combinations that no training caption has"}
SAMPLER = "unipc"  # of the grids: the best one by the measured curve


def call_ms(denoiser: checkpoints.Denoiser, rounds: int = 40) -> float:
    """Milliseconds of one network function evaluation at batch 1 on one thread: the median of several."""
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


def read_json(path: Path) -> dict | None:
    """A file of measured figures, or None where nothing was measured."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def network(name: str) -> dict:
    """What the template needs of one network: what its weights say of themselves, and what was measured of it."""
    path = ASSETS / checkpoints.manifest()[name].file
    denoiser, digest = checkpoints.load(name), checkpoints.sha256_of(path)
    config, facts = checkpoints.metadata(path)
    log = CURVES / f"training-{name}.csv"
    evaluation, sweep, outside = (
        read_json(CURVES / f"{what}-{name}.json") for what in ("evaluation", "guidance", "outside")
    )
    categories = (evaluation or {}).get("all", {}).get("kinds")
    return {
        "name": name,
        "size": denoiser.image_size,
        "guidance": checkpoints.manifest()[name].guidance,
        "state": "" if denoiser.autoencoder is None else " × ".join(map(str, denoiser.shape)),
        "config": config,
        "facts": facts,
        "recipe": current_recipe(facts["recipe"]),
        "sha256": digest,
        "bytes": path.stat().st_size,
        "parameters": checkpoints.parameters(denoiser.net),
        "call_ms": call_ms(denoiser),
        "core_hours": core_hours(facts),
        "grids": [
            {"which": w, "title": title, "prompts": GRIDS[w], "human_eval": human_eval_text(name, w, digest)}
            for w, title in TITLES.items()
        ],
        "recipe_text": recipe_text(facts, name),
        "commands": commands(name, denoiser.image_size, facts),
        "loss_table": loss_table(log),
        "overfitting": overfitting(log, facts),
        "prediction": prediction(log),
        "outside": outside,
        "outside_table": outside_table(outside) if outside else None,
        "evaluation": evaluation,
        "figures_table": figures_table(evaluation) if evaluation else None,
        "categories_table": categories_table(categories) if categories else None,
        "sweep": sweep,
        "guidance_table": guidance_table(sweep) if sweep else None,
    }


def ablations() -> dict[str, dict | None]:
    """What `ablations` measured, as far as it has been: sizes, recipes, and guidance trained in."""
    sizes, recipes, guided = (read_json(CURVES / f"{kind}.json") for kind in ("sizes", "recipes", "guided"))
    found: dict[str, dict | None] = {"sizes": None, "recipes": None, "guided": None}
    if sizes:
        fresh = {name: row for name, row in sizes.items() if not name.endswith("begun")}
        found["sizes"] = {
            "minutes": max(row["cpu_minutes"] for row in sizes.values()),
            "best": channels(min(fresh, key=lambda name: fresh[name]["heldout_loss"])),
            "table": sizes_table(sizes),
        }
    if recipes:
        found["recipes"] = {
            "images": recipes["plain"]["images"],
            "seeds": abs(recipes["plain"]["heldout_loss"] - recipes["plain-again"]["heldout_loss"]),
            "table": recipes_table(recipes),
        }
    if guided:
        found["guided"] = {**guided, "table": guided_table(guided)}
    return found


def ablation_log() -> list[dict]:
    """What was tried and measured: {what, found, verdict} each."""
    path = ASSETS / "model" / "ablation_log.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["tried"] if path.exists() else []


def templates() -> jinja2.Environment:
    """Where the card's templates are read, with the filters that they use."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, and all of it ours
    )
    found.filters["percent"] = lambda value, digits=0: f"{value:.{digits}%}"
    found.filters["thousands"] = lambda value: f"{value:,}"
    return found


def card() -> str:
    """The whole model card."""
    names = list(checkpoints.manifest())
    vocabulary = checkpoints.load(names[0]).vocabulary
    return (
        templates()
        .get_template("card.md.j2")
        .render(
            networks=[network(name) for name in names],
            sampler=SAMPLER,
            sources=len(SOURCES),
            vocabulary=vocabulary,
            common_labels=sum(label["everyday"] for label in vocabulary.labels),
            ablation_log=ablation_log(),
            engines=read_json(CURVES / "engine.json"),
            **ablations(),
        )
    )


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    folder = ASSETS / "model"
    folder.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for name, entry in checkpoints.manifest().items():
        denoiser = checkpoints.load(name)
        zoom = max(1, 64 // denoiser.image_size)
        for which, prompts in GRIDS.items():
            images = generate_grid(denoiser, prompts, guidance=entry.guidance, sampler=SAMPLER)
            image_grid(images, 8, zoom).save(folder / f"{which}-{name}.png", optimize=True)
        measured = CURVES / f"evaluation-{name}.json"
        memory = json.loads(measured.read_text()).get("memorisation") if measured.exists() else None
        if memory:
            (folder / f"memory-{name}.svg").write_text(histogram(memory), encoding="utf-8")
    (ASSETS / "MODEL.md").write_text(card(), encoding="utf-8")
    print(f"wrote {ASSETS / 'MODEL.md'} and the images in {folder}")


if __name__ == "__main__":
    main()
