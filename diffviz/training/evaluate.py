"""Measure the denoiser against held-out real images.

    python -m diffviz.training.evaluate --model emoji64      # shipped weights -> assets/curves/evaluation-emoji64.json
    python -m diffviz.training.evaluate --model emoji128     # likewise; of a network in latents the images are decoded
    python -m diffviz.training.evaluate --weights runs/emoji64/ema.safetensors --data data/emoji64.npz --n 500 \\
        --out runs/e.json

The captions are those of held-out images: (label, style) pairs whose image was never trained on. Each is sampled from
several seeds until there are N images. A classifier of ours then says which label and which subgroup it sees, in the
generated images and in the held-out real ones. Its features give KID (Binkowski et al. 2018, arXiv 1801.01401) of the
generated images to the held-out real ones, and of real training images of the same labels, the floor. KID is unbiased with
the few held-out images there are, where a Fréchet distance is not; the features are not Inception's, so it cannot be
compared with a published one. The classifier takes 32 × 32 pixels: larger images are averaged down for it, real and
generated alike. The network runs in bfloat16, which halves the hours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffviz.evaluation import categories, nearest_neighbors
from diffviz.evaluation.metrics import kid_between_labels, mean_figure, rmse
from diffviz.imaging.pixels import normalize
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.paths import ASSETS
from diffviz.training.augment import HUES, main_hue, recolours
from diffviz.training.batch_generation import (
    generate_for_rows,
    generate_many,
    head_of_images,
    kept,
)
from diffviz.training.data import Dataset, LatentDataset

SETS = {"everyday": True, "all": False}  # of captions: whether of everyday labels alone
FIRST_SEED = 10_000  # of the images of a set
COLOUR_LABELS = 50  # things that are prompted in every colour
HUE_MARGIN = 14  # of 256: 20 degrees, less than half the way between most neighbouring colours


def top_k_hits(logits: Tensor, truth: np.ndarray, k: int) -> np.ndarray:
    """For each row whether the true class is among the k likeliest: (N,) bool."""
    return (logits.topk(k).indices.numpy() == truth[:, None]).any(1)


def agreement(
    label_classifier: classifier.LabelClassifier, images: Tensor, label: np.ndarray, subgroup: np.ndarray
) -> dict:
    """Shares of images in which the classifier sees the right label and subgroup, with 95 % intervals over labels."""
    by_label, by_subgroup, _ = label_classifier.predict(images)
    found = {
        "label_top1": top_k_hits(by_label, label, 1),
        "label_top5": top_k_hits(by_label, label, 5),
        "subgroup_top1": top_k_hits(by_subgroup, subgroup, 1),
    }
    return {name: mean_figure(h, label) for name, h in found.items()} | {"n": len(images)}


def predict_rows(
    label_classifier: classifier.LabelClassifier, data: Dataset, rows: np.ndarray, batch: int = 256
) -> tuple[Tensor, Tensor, Tensor]:
    """`LabelClassifier.predict` of the images of some rows, a few at a time: large ones would fill the memory."""
    parts = [label_classifier.predict(data.examples(part)) for part in _batches(rows, batch)]
    labels, subgroups, features = (torch.cat(column) for column in zip(*parts, strict=True))
    return labels, subgroups, features


def _batches(rows: np.ndarray, batch: int) -> list[np.ndarray]:
    return [rows[start : start + batch] for start in range(0, len(rows), batch)]


def real_training_rows(data: Dataset, heldout_rows: np.ndarray, n: int) -> np.ndarray:
    """Rows of up to n real training images with the labels of the held-out ones: what the floor is measured on."""
    pool = data.rows(heldout=False)
    same = pool[np.isin(data.label[pool], data.label[heldout_rows])]
    return np.random.default_rng(0).choice(same, min(n, len(same)), replace=False)


def small_images(data: Dataset, rows: np.ndarray, batch: int = 256) -> Tensor:
    """The images of some rows, averaged down as `nearest_neighbors` compares them: (N, 3, 32, 32)."""
    return torch.cat([nearest_neighbors.downsample(data.examples(part)) for part in _batches(rows, batch)])


def nearest_distances(images: Tensor, training: Tensor, batch: int = 64) -> np.ndarray:
    """Distance (N,) of each image to the nearest training image, as `evaluation.nearest_neighbors` takes it."""
    small = nearest_neighbors.downsample(training)
    return np.concatenate(
        [nearest_neighbors.distances(part, small).amin(1).numpy() for part in images.split(batch)]
    )


def memorization_figures(
    made: dict[str, np.ndarray], heldout: np.ndarray, labels: dict[str, np.ndarray] | None = None
) -> dict:
    """How near generated images come to training images, beside how near held-out real ones do.

    `suspicious` is the share of generated images that lie nearer to a training image than all but 5 % of the held-out
    ones do. Images distributed as the held-out ones would have 5 % in expectation; a smaller share is no proof that
    nothing is copied, since images of poor quality lie far from everything. With the `labels` (N,) of the generated
    images the intervals are over labels.
    """
    limit = float(np.quantile(heldout, nearest_neighbors.COPY_QUANTILE))
    edges = np.linspace(0, 1, 41)

    def shares(far: np.ndarray) -> list[float]:
        return (np.histogram(far, edges)[0] / len(far)).round(5).tolist()

    return {
        "edges": edges.round(4).tolist(),
        "limit": round(limit, 4),
        "heldout": {
            "n": len(heldout),
            "median": round(float(np.median(heldout)), 4),
            "shares": shares(heldout),
        },
        **{
            name: {
                "n": len(far),
                "median": round(float(np.median(far)), 4),
                "suspicious": mean_figure(far < limit, labels[name] if labels else None),
                "shares": shares(far),
            }
            for name, far in made.items()
        },
    }


def by_category(
    label_classifier: classifier.LabelClassifier,
    data: Dataset,
    generated: tuple[Tensor, np.ndarray],
    real: tuple[Tensor, np.ndarray],
) -> dict:
    """Agreement on the label in each kind of thing, worst first; both are images and the rows of their captions."""
    kind = np.array([categories.category_of(s) for s in data.subgroups])[data.label]  # of each image

    def of(name: str, images: Tensor, rows: np.ndarray) -> dict:
        here = np.flatnonzero(kind[rows] == name)
        label = data.label[rows[here]]
        hit = top_k_hits(label_classifier.predict(images[here])[0], label, 5)
        return {"n": len(here), "label_top5": mean_figure(hit, label)}

    found = {
        str(name): {"generated": of(name, *generated), "real": of(name, *real)}
        for name in np.unique(kind[real[1]])
    }
    return dict(sorted(found.items(), key=lambda item: item[1]["generated"]["label_top5"]["value"]))


def subgroup_numbers(label_classifier: classifier.LabelClassifier, data: Dataset) -> np.ndarray:
    """The classifier's number for the subgroup of each label: (L,)."""
    numbers = {name: i for i, name in enumerate(label_classifier.subgroups)}
    return np.array([numbers[s] for s in data.subgroups])


def evaluate(
    denoiser: Denoiser,
    label_classifier: classifier.LabelClassifier,
    data: Dataset,
    n: int,
    common: bool,
    settings: dict,
    generated: Tensor | None = None,
) -> tuple[dict, Tensor]:
    """All figures for one set of captions, everyday labels only or every label; and the images behind them.

    `generated` are those images (n, 3, S, S), where they are there already.
    """
    rows = data.rows(heldout=True, common=common)
    subgroup = subgroup_numbers(label_classifier, data)
    real = data.examples(rows)
    picked = np.resize(rows, n)
    if generated is None:
        generated = generate_for_rows(denoiser, data, picked, FIRST_SEED, **settings)
    training = real_training_rows(data, rows, n)
    made, held = (label_classifier.predict(p)[2].numpy() for p in (generated, real))
    other = predict_rows(label_classifier, data, training)[2].numpy()
    scale = rmse(held)  # at unit scale the kernel's terms have like weight: see `eval_steps.ImageScorer`
    truth = [(data.label[r], subgroup[data.label[r]]) for r in (picked, rows)]
    result = {
        "captions": len(rows),
        "generated": agreement(label_classifier, generated, *truth[0]),
        "real": agreement(label_classifier, real, *truth[1]),
        "kid": kid_between_labels(made / scale, held / scale, truth[0][0], truth[1][0]),
        "kid_floor": kid_between_labels(other / scale, held / scale, data.label[training], truth[1][0]),
        "kid_floor_n": len(training),
    }
    result["share_of_real"] = {
        k: round(result["generated"][k]["value"] / result["real"][k]["value"], 4)
        for k in ("label_top1", "label_top5", "subgroup_top1")
    }
    if not common:
        result["kinds"] = by_category(label_classifier, data, (generated, picked), (real, rows))
    return result, generated


def print_results(name: str, result: dict) -> None:
    print(f"\n{name}: {result['captions']} held-out captions")
    for kind in ("label_top1", "label_top5", "subgroup_top1"):
        g, r = result["generated"][kind], result["real"][kind]
        print(
            f"  {kind:14} generated {g['value']:.3f} [{g['interval'][0]:.3f}, {g['interval'][1]:.3f}] "
            f"(N = {result['generated']['n']})   real {r['value']:.3f} "
            f"[{r['interval'][0]:.3f}, {r['interval'][1]:.3f}] (N = {result['real']['n']})   "
            f"share {result['share_of_real'][kind]:.2f}"
        )
    print(f"  KID {result['kid']}, real against real {result['kid_floor']}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=checkpoints.QUICK, help="a network of the manifest")
    parser.add_argument("--data", type=Path, help="default: data/MODEL.npz")
    parser.add_argument("--weights", type=Path, help="a file in place of the shipped one")
    parser.add_argument("--classifier", type=Path, default=ASSETS / "classifier32.safetensors")
    parser.add_argument("--out", type=Path, help="default: assets/curves/evaluation-MODEL.json")
    parser.add_argument("--n", type=int, default=2000, help="generated images per set of captions")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, help="default: what the network's pages begin with")
    parser.add_argument("--sampler", default="unipc")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=list(SETS), help="captions; two processes can share them"
    )
    parser.add_argument(
        "--images",
        type=Path,
        help="a file that `eval_outside` keeps: its images are not drawn again for the set “all”",
    )
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    weights = args.weights or ASSETS / checkpoints.manifest()[args.model].file
    denoiser = checkpoints.read_denoiser(weights, Vocabulary.load(ASSETS / "vocabulary.json"))
    label_classifier = classifier.load(args.classifier)
    data = images_for(denoiser, args.data or Path(f"data/{args.model}.npz"))
    captions = max(len(data.rows(heldout=True, common=SETS[name])) for name in args.sets)
    if args.n < captions:  # captions lie in the order of their styles: the last ones would be left out
        parser.error(f"--n must be at least the number of held-out captions, {captions}")
    guidance = checkpoints.guidance_scale(args.model, args.guidance)
    settings = {"steps": args.steps, "guidance": guidance, "sampler": args.sampler}
    head = {
        "weights_sha256": checkpoints.sha256_of(weights),
        "classifier_sha256": checkpoints.sha256_of(args.classifier),
        "classifier_heldout": label_classifier.facts["heldout"],
        "settings": settings,
        "resampled": "labels",  # for the intervals; files without this took all images for independent
    }
    out = args.out or ASSETS / "curves" / f"evaluation-{args.model}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    print(f"classifier on held-out real images: {label_classifier.facts['heldout']}")
    for name in args.sets:
        there = None
        if args.images and name == "all":
            there = images_of_all(
                args.images, head_of_images(head["weights_sha256"], settings, FIRST_SEED), args.n
            )
        figures, images = evaluate(denoiser, label_classifier, data, args.n, SETS[name], settings, there)
        print_results(name, figures)
        write_results(out, head, {name: figures})
        if name == "everyday":
            write_results(
                out,
                head,
                {
                    "memorisation": memorization(
                        denoiser, data, training_data(weights, data), images, settings
                    )
                },
            )
            write_results(out, head, {"colours": colours(denoiser, data, settings)})
    print(f"\nwrote {out}")


def images_of_all(path: Path, head: dict, n: int) -> Tensor:
    """The first n images (n, 3, S, S) that are kept in a file. Raises SystemExit where it has others, or fewer."""
    found = kept(path, head, "images")
    if found is None or len(found) < n:
        raise SystemExit(
            f"{path} does not hold {n:,} images of these weights and settings: run eval_outside first"
        )
    return normalize(torch.from_numpy(found[:n]).permute(0, 3, 1, 2).float())


def images_for(denoiser: Denoiser, path: Path) -> Dataset:
    """The images that a network's own are compared with.

    Raises SystemExit in a sentence where the file has latents, or images of another size than the network's.
    """
    data, side = Dataset.load(path), denoiser.image_size
    if isinstance(data, LatentDataset):
        raise SystemExit(
            f"{path} holds latents, and images are needed: --data data/emoji{side}.npz, of build_dataset"
        )
    if (found := data.images.shape[-1]) != side:
        raise SystemExit(f"the network's images have {side} pixels a side, and those of {path} {found}")
    return data


def training_data(weights: Path, data: Dataset) -> Dataset:
    """The images that weights were trained on, where they say it was other data than `data`.

    Latents were encoded from images of the network's size, which is what `data` holds.
    """
    _, facts = checkpoints.metadata(weights)
    if "data" not in facts or facts["data"].startswith("latent"):
        return data
    return Dataset.load(Path("data") / f"{facts['data']}.npz")


def memorization(
    denoiser: Denoiser, data: Dataset, trained: Dataset, new_captions: Tensor, settings: dict
) -> dict:
    """`memorisation` of images for new captions, of a quarter as many for trained ones, and of real ones."""
    training = small_images(trained, trained.rows(heldout=False))
    known = np.random.default_rng(1).choice(data.rows(heldout=False, common=True), len(new_captions) // 4)
    made = {
        "new_captions": new_captions,
        "trained_captions": generate_for_rows(denoiser, data, known, 60_000, **settings),
    }
    new = data.rows(heldout=True, common=True)
    found = memorization_figures(
        {k: nearest_distances(v, training) for k, v in made.items()},
        nearest_distances(small_images(data, new), training),
        {
            "new_captions": data.label[np.resize(new, len(new_captions))],
            "trained_captions": data.label[known],
        },
    )
    for k in made:
        print(f"  nearer to a training image than 95 % of held-out ones: {k} {found[k]['suspicious']}")
    return found


def colour_prompts(data: Dataset, n: int = COLOUR_LABELS) -> list[tuple[str, str, str]]:
    """(colour, label, style) to prompt for: everyday labels that have images of one colour, in each colour of HUES.

    The images need not be of the colour that is prompted; labels that name a colour are left out.
    """
    rows = np.random.default_rng(2).permutation(data.rows(heldout=False, common=True))
    found: dict[str, str] = {}
    for row in rows:
        label = data.labels[data.label[row]]
        if len(found) < n and label not in found and recolours(label) and _has_one_colour(data, row):
            found[label] = data.styles[data.style[row]]
    return [(colour, label, style) for label, style in found.items() for colour in HUES]


def _has_one_colour(data: Dataset, row: int) -> bool:
    return main_hue(data.examples(np.array([row]))[0]) is not None


def colours(denoiser: Denoiser, data: Dataset, settings: dict) -> dict:
    """How often a thing prompted in a colour has that colour, and how often it has without the colour word.

    The main hue must lie nearer to the colour's own than HUE_MARGIN; an image of several colours is a miss.
    """
    asked = colour_prompts(data)
    styles = [style for _, _, style in asked]
    seeds = range(80_000, 80_000 + len(asked))
    found: dict[str, Any] = {"n": len(asked), "labels": len(asked) // len(HUES)}
    for name, prompts in (
        ("asked", [f"{colour} {label}" for colour, label, _ in asked]),
        ("not_asked", [label for _, label, _ in asked]),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            made = generate_many(denoiser, prompts, styles, seeds, **settings)
        hit = np.array(
            [has_hue(image, HUES[colour]) for image, (colour, _, _) in zip(made, asked, strict=True)]
        )
        found[name] = mean_figure(hit, np.array([label for _, label, _ in asked]))
    print(f"  colours: asked {found['asked']}, not asked {found['not_asked']}")
    return found


def has_hue(image: Tensor, wanted: float) -> bool:
    """Whether the main hue of an image lies within HUE_MARGIN of another, round the circle of 256."""
    main = main_hue(image)
    return main is not None and min(abs(main - wanted), 256 - abs(main - wanted)) < HUE_MARGIN


def read_results(path: Path, head: dict) -> dict:
    """What is in the file if it was measured under the same head, else the head alone."""
    found = json.loads(path.read_text()) if path.exists() else {}
    return found if {k: found.get(k) for k in head} == head else dict(head)


def write_results(path: Path, head: dict, part: dict) -> None:
    """Add a part to the file; parts that were measured under another head are dropped."""
    path.write_text(json.dumps({**read_results(path, head), **part}, indent=1) + "\n")


if __name__ == "__main__":
    main()
