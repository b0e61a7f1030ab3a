"""A sampling trajectory as files: its arrays, the code that computes it as a notebook, and what to cite for it."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from diffviz import __version__
from diffviz.imaging.encoding import encode_png
from diffviz.lessons import glossary
from diffviz.paths import CITATION
from diffviz.pipelines.trajectory import PANELS, Trajectory

if TYPE_CHECKING:  # a notebook is written without running a network
    from diffviz.pipelines.text_to_image import Settings

# What stands under each key of the file that `npz` makes; F = steps + 1 frames.
KEYS = {
    "x": "states x_t (F, C, H, W) float32, x[0] is the initial noise (or the noised image) and x[-1] the sample",
    "x0": "the network's x0-predictions (F, C, H, W) float32; x0[-1] is the sample",
    "eps": "the network's noise predictions (F, C, H, W) float32",
    "frames": "the states as images (F, S, S, 3) uint8, decoded where they are latents",
    "timesteps": "t of each frame (F,) float64, from 1 (noise; of an edit the strength) to 0 (data)",
    "log_snr": "log signal-to-noise ratio of each frame (F,) float64",
    "settings": "all settings as JSON: json.loads(str(file['settings']))",
    "about": "this list, and the version of diffviz",
}


def npz(run: Trajectory) -> bytes:
    """A run as a compressed .npz with the arrays of `KEYS`; `numpy.load` reads it without pickle.

    In latent diffusion x, x0 and eps are latents, and `frames` are decoded.
    """
    about = "\n".join([f"diffviz {__version__}", *(f"{key}: {text}" for key, text in KEYS.items())])
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        **{name: getattr(run, name) for name in PANELS},
        frames=run.frames("x"),
        timesteps=run.t,
        log_snr=run.log_snr,
        settings=np.array(json.dumps(run.settings, sort_keys=True)),
        about=np.array(about),
    )
    return buffer.getvalue()


# --- the code ----------------------------------------------------------------------------------------------


def call(settings: Settings) -> tuple[str, dict[str, np.ndarray]]:
    """The call of diffviz's Python API that computes a run, and the images (H, W, 3) or masks (H, W) it names."""
    images: dict[str, np.ndarray] = {}
    given: list[str] = []
    pixels: bytes = getattr(settings, "image", b"")
    function = "generate"
    if pixels:
        side = round((len(pixels) / 3) ** 0.5)
        images["image"] = np.frombuffer(pixels, np.uint8).reshape(side, side, 3)
        function, given = "img2img", ["image"]
        if mask := getattr(settings, "mask", b""):
            images["mask"] = (np.frombuffer(mask, np.uint8).reshape(side, side) > 0).astype(np.uint8) * 255
            function, given = "inpaint", ["image", "mask"]
    named = {
        f.name: getattr(settings, f.name)
        for f in dataclasses.fields(settings)
        if f.name not in ("image", "mask", "prompt")
    }
    arguments = [*given, repr(settings.prompt), *(f"{name}={value!r}" for name, value in named.items())]
    return f"diffviz.{function}(\n    " + ",\n    ".join(arguments) + ",\n)", images


def notebook(settings: Settings, weights: str = "", *, latent: bool = False) -> bytes:
    """A Jupyter notebook (nbformat 4.5) with the call that computes a run, and nothing that has been run.

    `weights` is the SHA-256 of the network's file: with other weights the same call gives another image. The states of a
    network in latents are `latent`, and the notebook decodes them.
    """
    code, images = call(settings)
    loads = [
        f'{name} = Image.open(io.BytesIO(base64.b64decode("{base64.b64encode(encode_png(_rgb(pixels))).decode()}")))'
        for name, pixels in images.items()
    ]
    imports = ["import base64", "import io", "", "from PIL import Image", ""] if loads else []
    title = f"# {_plain(settings.prompt) or 'No prompt'}, seed {settings.seed}"
    same = f" The network is `{settings.model}`" + (f" with SHA-256 `{weights}`." if weights else ".")
    about = (
        f"{title}\n\nThe call below computes the run that was saved in diffviz {__version__}, and the same image.{same}"
        "\n\nInstall diffviz from a clone of its repository: `pip install .`"
    )
    gap = [""] if loads else []
    cells = [
        _cell("markdown", about),
        _cell("code", "\n".join([*imports, "import diffviz", *gap, *loads, "", f"run = {code}", "run.image"])),
        _cell("markdown", "The states, the network's predictions of image and noise, one a frame, and the times:"),
        _cell("code", "run.x.shape, run.x0.shape, run.eps.shape, run.t"),
        *(map(dict, _DECODED) if latent else ()),
        _cell("code", '# run.save_gif("run.gif", panels=("x", "x0"))\n# run.save_png("run.png")'),
    ]  # fmt: skip
    for n, cell in enumerate(cells):
        cell["id"] = f"cell-{n}"
    whole = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _plain(text: str) -> str:
    """A visitor's text without what Markdown or HTML would take for more."""
    return re.sub(r"[^\w .,'-]", "", text)


def _cell(kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


_DECODED = [
    _cell(
        "markdown",
        "They are latents. `run.image` is decoded; so are other frames of the states, or of the predictions, by number:",
    ),
    _cell("code", 'run.images("x0", [0, run.steps // 2, run.steps]).shape  # in [-1, 1]'),
]


# --- citation ----------------------------------------------------------------------------------------------


def bibtex(lesson: str = "") -> str:
    """BibTeX of the project, by `CITATION.cff`, and of the papers of a lesson, by its slug ("" for none)."""
    found = glossary.lessons().get(lesson)
    papers = [glossary.papers()[r.paper] for r in found.read] if found else []
    return "\n".join([_project(), *map(_paper, papers)])


def _project() -> str:
    text = CITATION.read_text(encoding="utf-8")

    def field(name: str) -> str:
        line = re.search(rf'^\s*(?:- )?{name}:\s*"?(.*?)"?\s*$', text, re.MULTILINE)
        if line is None:
            raise ValueError(f"{CITATION.name} has no {name}")
        return line[1]

    released = date.fromisoformat(field("date-released"))
    return _entry(
        "software", "diffviz", author=f"{{{field('name')}}}", title=f"{{{field('title')}}}",
        version=field("version"), year=str(released.year), month=str(released.month), note=f"{field('license')} license",
    )  # fmt: skip


def _paper(paper: glossary.Paper) -> str:
    authors = paper.authors.replace(" et al.", " and others").replace(", ", " and ").replace(" & ", " and ")
    where = {"eprint": paper.arxiv, "archiveprefix": "arXiv"} if paper.arxiv else {"doi": paper.doi}
    return _entry(
        "article" if paper.doi else "misc", f"{paper.id}-{paper.year}", author=authors, title=f"{{{paper.title}}}",
        year=str(paper.year), **where, url=paper.url,
    )  # fmt: skip


def _entry(kind: str, key: str, **fields: str) -> str:
    verbatim = ("url", "doi", "eprint")
    lines = "".join(
        f"  {name} = {{{value if name in verbatim else _escape(value)}}},\n" for name, value in fields.items()
    )
    return f"@{kind}{{{key},\n{lines}}}\n"


def _escape(text: str) -> str:
    return re.sub(r"([&%#_$])", r"\\\1", text)
