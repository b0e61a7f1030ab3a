"""Where the training images come from: seven emoji sets and one caption table, as npm packages.

Each set yields `(hexcode, render)` pairs: the Unicode code point sequence that the image draws, in the
spelling of emojibase ("1F600", parts joined by "-", without the variation selector FE0F), and a function
that renders it at a given side length as a premultiplied RGBA image.
"""

from __future__ import annotations

import functools
import io
import json
import re
import subprocess
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CAPTIONS = ("emojibase-data", "17.0.0")


@dataclass(frozen=True)
class Source:
    """One emoji set: where it is, what it is called here, and on what terms it may be used."""

    style: str  # the word a prompt uses for it
    package: str
    version: str
    licence: str
    author: str
    drawing: str  # sets that share their drawings share this name, so that they are held out together
    about: str


SOURCES = (
    Source(
        "noto", "@iconify-json/noto", "1.2.9", "Apache-2.0", "Google", "noto", "soft shapes, thin outlines"
    ),
    Source(
        "blob",
        "@iconify-json/noto-v1",
        "1.2.5",
        "Apache-2.0",
        "Google",
        "blob",
        "the older blob-shaped faces",
    ),
    Source(
        "flat", "@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "Microsoft", "fluent", "plain flat colours"
    ),
    Source(
        "gradient",
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "MIT",
        "Microsoft",
        "fluent",
        "smooth colour gradients",
    ),
    Source(
        "3d",
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "MIT",
        "Microsoft",
        "fluent",
        "rendered, glossy, with shadows",
    ),
    Source(
        "twemoji",
        "@discordapp/twemoji",
        "16.0.1",
        "CC-BY-4.0",
        "Twitter and contributors",
        "twemoji",
        "flat with bold shapes",
    ),
    Source(
        "emojitwo",
        "@iconify-json/emojione",
        "1.2.3",
        "CC-BY-4.0",
        "EmojiTwo contributors",
        "emojitwo",
        "rounded with dark details",
    ),
)
SKIN_TONES = {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}


def fetch(package: str, version: str, into: Path) -> Path:
    """Fetch one package with the npm client (once) and return the folder of its files.

    Raises RuntimeError with npm's own words when the package cannot be had.
    """
    folder = into / f"{package.lstrip('@').replace('/', '-')}-{version}"
    if not (folder / "package" / "package.json").exists():
        into.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"], cwd=into, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"npm could not fetch {package}@{version}: {done.stderr.strip()}")
        with tarfile.open(into / done.stdout.strip().splitlines()[-1]) as tar:
            tar.extractall(folder, filter="data")
    return folder / "package"


def canonical(hexcode: str) -> str:
    """A code point sequence in one spelling, whatever file it was read from."""
    parts = re.split(r"[-_ ]+", hexcode.upper())
    return "-".join(p.lstrip("0") for p in parts if p and p != "FE0F")


def slug(label: str) -> str:
    """The way icon sets write a label: plain lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", label.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")


def names_to_hexcodes(cache: Path, labels: dict[str, str]) -> dict[str, str]:
    """Icon name -> hexcode, from the sets that ship a code point table, then from the labels themselves."""
    names = {slug(label): hexcode for hexcode, label in labels.items()}
    for source in SOURCES:
        table = fetch(source.package, source.version, cache) / "chars.json"
        if table.exists():
            for hexcode, name in json.loads(table.read_text()).items():
                names.setdefault(name, canonical(hexcode))
    return names


def images_of(
    source: Source, cache: Path, names: dict[str, str]
) -> Iterator[tuple[str, Callable[[int], Image.Image]]]:
    """Every image of a set as `(hexcode, render)`; a name that maps to no code point is left out."""
    folder = fetch(source.package, source.version, cache)
    if source.package.startswith("@iconify-json/"):
        yield from _iconify(json.loads((folder / "icons.json").read_text()), names)
        return
    for path in sorted([*folder.glob("dist/svg/*.svg"), *folder.glob("assets/*.webp")]):
        render = _render_svg(path.read_text()) if path.suffix == ".svg" else _render_bitmap(path.read_bytes())
        yield canonical(path.stem), render


def without_code_point(source: Source, cache: Path, names: dict[str, str]) -> int:
    """How many images of a set `images_of` leaves out for their names."""
    if not source.package.startswith("@iconify-json/"):
        return 0
    icons = json.loads((fetch(source.package, source.version, cache) / "icons.json").read_text())
    return sum(hexcode is None for hexcode, _ in _named(icons, names))


def _named(icons: dict, names: dict[str, str]) -> Iterator[tuple[str | None, dict]]:
    """The hexcode and the drawing of every icon that its set has not given up."""
    aliases: dict[str, list[str]] = {}
    for alias, spec in icons.get("aliases", {}).items():
        if set(spec) == {"parent"}:  # an alias that also flips or turns the image is another image
            aliases.setdefault(spec["parent"], []).append(alias)
    for name, icon in sorted(icons["icons"].items()):
        # Old sets use names that the newer ones keep only as aliases ("bear-face" for "bear").
        hexcode = next((names[n] for n in (name, *aliases.get(name, ())) if n in names), None)
        if not icon.get("hidden"):
            yield hexcode, icon


def _iconify(icons: dict, names: dict[str, str]) -> Iterator[tuple[str, Callable[[int], Image.Image]]]:
    for hexcode, icon in _named(icons, names):
        if hexcode is None:
            continue
        width = icon.get("width", icons.get("width", 16))
        height = icon.get("height", icons.get("height", 16))
        left, top = icon.get("left", 0), icon.get("top", 0)
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{icon["body"]}</svg>'
        )
        yield hexcode, _render_svg(svg)


def _render_svg(svg: str) -> Callable[[int], Image.Image]:
    return functools.partial(_svg_at, svg)


def _svg_at(svg: str, size: int) -> Image.Image:
    import resvg_py  # a development dependency: only building the data needs it

    png = resvg_py.svg_to_bytes(svg_string=svg, width=size * 4, height=size * 4, skip_system_fonts=True)
    return _fit(Image.open(io.BytesIO(bytes(png))), size)


def _render_bitmap(data: bytes) -> Callable[[int], Image.Image]:
    return functools.partial(_bitmap_at, data)


def _bitmap_at(data: bytes, size: int) -> Image.Image:
    return _fit(Image.open(io.BytesIO(data)), size)


def _fit(image: Image.Image, size: int) -> Image.Image:
    """Area-resample to size × size with premultiplied alpha, so that edges do not darken or glow."""
    premultiplied = image.convert("RGBA").convert("RGBa")
    side = max(premultiplied.size)
    if premultiplied.width != premultiplied.height:
        square = Image.new("RGBa", (side, side))
        square.paste(premultiplied, ((side - premultiplied.width) // 2, (side - premultiplied.height) // 2))
        premultiplied = square
    return premultiplied.resize((size, size), Image.Resampling.BOX)


def on_white(premultiplied: Image.Image) -> np.ndarray:
    """A premultiplied RGBa image laid on white: (H, W, 3) uint8."""
    pixels = np.asarray(premultiplied).astype(np.int16)
    return np.clip(pixels[..., :3] + (255 - pixels[..., 3:]), 0, 255).astype(np.uint8)
