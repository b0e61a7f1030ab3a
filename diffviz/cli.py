"""The command line: `diffviz`, or `python -m diffviz`.

diffviz app
diffviz generate "cat face" --style noto --out cat.png
diffviz img2img cat.png "fox" --strength 0.8 --out fox.png
diffviz inpaint cat.png "dog face" --mask mask.png --out dog.png
diffviz export --format anki --format pdf --concept guidance --level easy --out handouts
diffviz export slides --plan first --out handouts
diffviz store check
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diffviz import __version__, paths
from diffviz.pipelines.trajectory import MAX_ZOOM, PANELS, Trajectory, check_size

if TYPE_CHECKING:  # Torch takes seconds to import: a command imports what it needs when it is called
    from diffviz.models.text_encoder import Vocabulary
    from diffviz.pipelines.text_to_image import Settings

ENDINGS = (".gif", ".png")
INTERRUPTED = 130  # what a shell gives a command that was ended by Ctrl-C


def _option(
    parser: argparse._ActionsContainer, flag: str, default: Any, help: str, says: str = "", **more: Any
) -> None:
    """An option whose help names its default, unless that is nothing; `says` where it reads better in other words."""
    if says or default not in ("", None, False):
        help = f"{help} (default: {says or default})"
    parser.add_argument(flag, default=default, help=help, **more)


# --- app ---------------------------------------------------------------------------------------------------


def _app_arguments(parser: argparse.ArgumentParser) -> None:
    _option(parser, "--port", 8501, "the port to listen on; 0 for any that is free", type=int)
    _option(parser, "--address", "localhost", "the address to listen on; 0.0.0.0 for all")
    parser.add_argument("--headless", action="store_true", help="do not open a browser")


def _app(args: argparse.Namespace) -> int:
    _check_address(args.address, args.port)
    options = {"port": args.port, "address": args.address}
    if args.headless:  # otherwise Streamlit sees for itself whether there is a display
        options["headless"] = "true"
    flags = [part for name, value in options.items() for part in (f"--server.{name}", str(value))]
    command = [sys.executable, "-m", "streamlit", "run", str(paths.WEBAPP / "app.py"), *flags]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:  # Streamlit has had it too, and said goodbye
        return INTERRUPTED


def _check_address(address: str, port: int) -> None:
    if not 0 <= port <= 65535:
        raise ValueError(f"--port must be between 0 and 65535, not {port}")
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, 0), family=family).close()
    except (OSError, UnicodeError) as error:
        raise ValueError(f"--address {address} is none that this computer can listen on") from error


# --- images ------------------------------------------------------------------------------------------------


def _prompt_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "prompt", nargs="?", default="", help="what the image is to show; without it, anything"
    )


def _image_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, help="a PNG, JPEG or WebP file; its middle square is taken")


def _sampler_arguments(parser: argparse.ArgumentParser) -> None:
    from diffviz.diffusion.samplers import SAMPLERS
    from diffviz.pipelines.text_to_image import Settings

    _option(parser, "--sampler", Settings.sampler, "the sampling algorithm", choices=SAMPLERS)
    _option(parser, "--eta", Settings.eta, "noise added back at each step, 0 to 1; DDIM alone", type=float)


def _settings_arguments(parser: argparse.ArgumentParser) -> None:
    """What all three image commands take: what the image is of, and where it goes."""
    from diffviz.diffusion.schedules import SCHEDULES
    from diffviz.models import checkpoints
    from diffviz.pipelines.text_to_image import MAX_STEPS, Settings

    styles = ", ".join(checkpoints.vocabulary().styles)
    low, high = Settings.interval
    _option(parser, "--style", "", f"one of {styles}", "any")
    _option(parser, "--seed", Settings.seed, "starting noise, a whole number from 0", type=int)
    _option(parser, "--steps", Settings.steps, f"1 to {MAX_STEPS}", type=int)
    _option(parser, "--schedule", Settings.schedule, "the noise schedule", choices=SCHEDULES)
    scales = ", ".join(f"{entry.guidance:g} of {name}" for name, entry in checkpoints.manifest().items())
    _option(parser, "--guidance", None, "guidance scale w, -20 to 50; 1 is off", scales, type=float)
    _option(parser, "--negative", "", "negative prompt")
    _option(
        parser,
        "--interval",
        (low, high),
        "guidance acts at times t in this interval",
        f"{low} {high}",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
    )
    _option(parser, "--model", Settings.model, "the network", choices=checkpoints.manifest())
    output = parser.add_argument_group("output")
    _option(
        output,
        "--out",
        Path("diffviz.gif"),
        "a .png (the image, with its settings in it) or a .gif (the sampling trajectory)",
        type=Path,
    )
    _option(
        output,
        "--panels",
        ["x"],
        "what a .gif shows side by side: the state x, the prediction x0, the estimated noise eps",
        "x",
        nargs="+",
        choices=PANELS,
    )
    _option(output, "--zoom", 6, f"screen pixels per image pixel, 1 to {MAX_ZOOM}", type=int)


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    from diffviz.diffusion.samplers import SPACINGS
    from diffviz.pipelines.text_to_image import Settings

    _prompt_argument(parser)
    _sampler_arguments(parser)
    _option(parser, "--spacing", Settings.spacing, "how the timesteps are spaced", choices=SPACINGS)
    _settings_arguments(parser)


def _generate(args: argparse.Namespace) -> int:
    from diffviz.pipelines.text_to_image import Settings, generate

    return _make(args, Settings, lambda settings: generate(**settings))


def _img2img_arguments(parser: argparse.ArgumentParser) -> None:
    from diffviz.pipelines.editing import Img2ImgSettings

    _image_argument(parser)
    _prompt_argument(parser)
    _option(
        parser,
        "--strength",
        Img2ImgSettings.strength,
        "time t that the image is noised to, from above 0 (all of it is kept) to 1 (nothing is)",
        type=float,
    )
    _sampler_arguments(parser)
    _settings_arguments(parser)


def _img2img(args: argparse.Namespace) -> int:
    from diffviz.pipelines.editing import Img2ImgSettings, img2img

    image = _open(args.image)
    return _make(args, Img2ImgSettings, lambda settings: img2img(image, **settings), strength=args.strength)


def _inpaint_arguments(parser: argparse.ArgumentParser) -> None:
    from diffviz.pipelines.editing import MAX_RESAMPLING_STEPS, InpaintSettings

    _image_argument(parser)
    _prompt_argument(parser)
    parser.add_argument(
        "--mask",
        type=Path,
        required=True,
        help="an image of the same proportions: inpainted where it is neither black nor transparent",
    )
    how = f"how often RePaint takes each step, 1 to {MAX_RESAMPLING_STEPS}"
    _option(parser, "--resampling-steps", InpaintSettings.resampling_steps, how, type=int)
    _settings_arguments(parser)


def _inpaint(args: argparse.Namespace) -> int:
    from PIL import Image, UnidentifiedImageError

    from diffviz.imaging.uploads import MAX_PIXELS
    from diffviz.pipelines.editing import InpaintSettings, inpaint

    image = _open(args.image)
    try:
        with args.mask.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is our own
            mask = Image.open(file)
            if mask.width * mask.height > MAX_PIXELS:
                raise ValueError(
                    f"{args.mask} has {mask.width} × {mask.height} pixels: up to {MAX_PIXELS:,} can be used"
                )
            mask.load()
    except Image.DecompressionBombError as error:
        raise ValueError(f"{args.mask} has far too many pixels: up to {MAX_PIXELS:,} can be used") from error
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ValueError(f"{args.mask} is not an image") from error
    except OSError as error:
        if error.filename:  # the file could not be opened, which `main` says
            raise
        raise ValueError(f"{args.mask} breaks off or is damaged: {error}") from error
    return _make(
        args,
        InpaintSettings,
        lambda settings: inpaint(image, mask, **settings),
        resampling_steps=args.resampling_steps,
    )


def _open(path: Path) -> Any:
    from diffviz.imaging import uploads

    try:
        return uploads.read(path.read_bytes()).image
    except uploads.UploadError as error:
        raise ValueError(f"{path}: {error}") from error


def _make(
    args: argparse.Namespace,
    kind: type[Settings],
    make: Callable[[dict[str, Any]], Trajectory],
    **more: Any,
) -> int:
    """Check everything that can be checked before the run, run, save, and say where."""
    from diffviz.models import checkpoints

    files = {"image", "mask"}  # `args` has their paths, which `make` has read
    shared = [f.name for f in dataclasses.fields(kind) if hasattr(args, f.name) and f.name not in files]
    settings: dict[str, Any] = {name: getattr(args, name) for name in shared}
    settings |= {"interval": tuple(args.interval), **more}
    settings["guidance"] = checkpoints.guidance_scale(args.model, args.guidance)
    planned = kind(**settings)
    for name in ("prompt", "negative"):
        if any("\ud800" <= letter <= "\udfff" for letter in getattr(args, name)):
            raise ValueError(f"the {name} is not text in UTF-8")
    _check_out(args.out)
    denoiser = checkpoints.load(planned.model)
    width = height = denoiser.image_size
    if args.out.suffix.lower() == ".gif":
        check_size(width * len(args.panels), height, args.zoom, planned.frames + 1)
    else:
        check_size(width, height, args.zoom)
    for name in ("prompt", "negative"):
        for remark in remarks(denoiser.vocabulary, getattr(args, name)):
            print(f"diffviz: {name}: {remark}", file=sys.stderr)
    run = make(settings)
    if args.out.suffix.lower() == ".gif":
        run.save_gif(args.out, args.panels, args.zoom)
    else:
        run.save_png(args.out, args.zoom)
    print(f"wrote {args.out}: {planned.frames} steps, {planned.nfe} network evaluations, seed {args.seed}")
    return 0


def _check_out(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"--out must name a file, and {path} is a folder: give {path / 'diffviz.png'}")
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"--out must end in one of {', '.join(ENDINGS)}, not {path.suffix or 'nothing'}")
    if not path.resolve().parent.is_dir():
        raise ValueError(f"the folder of --out does not exist: {path.parent}")


def remarks(vocabulary: Vocabulary, text: str) -> Iterator[str]:
    """What of a prompt the network cannot be told, a sentence each."""
    read = vocabulary.read(text)
    for word in read.unknown:
        near = ", ".join(vocabulary.nearest(word)) or "none is close"
        yield f"the network does not know “{word}”, which is left out (nearest it knows: {near})"
    if read.cut:
        yield f"the network takes {len(read.words)} words, and these are left out: {', '.join(read.cut)}"
    if text.strip() and not read.words:
        yield "the network knows no word of it, so it counts as empty"


# --- export ------------------------------------------------------------------------------------------------


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    from diffviz import export
    from diffviz.export import pack
    from diffviz.lessons import content

    again = "; may be given several times"
    plans = ", ".join(pack.plans_by_name())
    formats = "qti is Canvas's, gift and moodle are Moodle's; slides and worksheets are of class plans, labs of the course"
    choices = [*export.FORMATS, *pack.PACK]
    parser.add_argument("kind", nargs="?", choices=choices, help="a format, as with --format")
    _option(
        parser,
        "--format",
        [],
        f"{formats}{again}",
        "all with questions",
        action="append",
        choices=choices,
    )
    _option(
        parser,
        "--plan",
        [],
        f"slides and worksheets of this class plan{again}; one of {plans}",
        "all of them",
        action="append",
        metavar="PLAN",
    )
    _option(
        parser,
        "--concept",
        [],
        f"only what is asked on a concept{again}; one of {', '.join(content.concepts())}",
        "all of them",
        action="append",
        metavar="CONCEPT",
    )
    _option(
        parser,
        "--level",
        [],
        f"only what has a level{again}",
        "all of them",
        action="append",
        choices=content.DIFFICULTIES,
    )
    parser.add_argument(
        "--app-url",
        default="",
        metavar="URL",
        help="where learners open the app, for links from questions to their demos; without it there are no links",
    )
    _option(parser, "--out", Path("handouts"), "a folder, made if need be", type=Path)


def _export(args: argparse.Namespace) -> int:
    from diffviz import export
    from diffviz.export import pack

    selection = export.Selection(tuple(args.concept), tuple(args.level), args.app_url)
    named: list[str] = [*([args.kind] if args.kind else []), *args.format]
    parts = [name for name in dict.fromkeys(named) if name in pack.PACK]
    formats = [name for name in dict.fromkeys(named or export.FORMATS) if name not in parts]
    plans = pack.plans_named(args.plan)
    if args.plan and not any(part in pack.OF_PLANS for part in parts):
        raise ValueError(f"--plan is for {' and '.join(pack.OF_PLANS)}, and neither is exported")
    files = [file for name in formats for file in export.FORMATS[name]]
    if files and all(file.is_empty(selection) for file in files):
        nothing = ", ".join(dict.fromkeys(file.holds(selection) for file in files))
        raise ValueError(f"nothing to export: {nothing} on this concept and level")
    for name in formats:
        try:
            written = export.write(name, args.out, selection)
        except OSError as error:
            raise ValueError(f"cannot write to {args.out}: {error.strerror or error}") from error
        for path, holds in written.items():
            print(f"wrote {path} ({path.stat().st_size / 1e3:.0f} kB): {holds}")
    for part in parts:
        try:
            for path in pack.write(part, args.out, plans, selection):
                print(f"wrote {path} ({path.stat().st_size / 1e3:.0f} kB)", flush=True)
        except OSError as error:
            raise ValueError(f"cannot write to {args.out}: {error.strerror or error}") from error
    for file in files:
        if file.is_empty(selection):
            print(f"left out {file.name}: {file.holds(selection)}")
    return 0


# --- store -------------------------------------------------------------------------------------------------


def _store_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "do",
        choices=("check", "repair", "copy"),
        help="look at it and change nothing; make it anew of what can be read; or copy it to DIFFVIZ_DATABASE_URL",
    )


def _store(args: argparse.Namespace) -> int:
    """0 for a file that is as it should be, 1 for one that is not."""
    from diffviz.lessons import postgresql, store, store_care

    path = store.folder() / store.FILE
    url = postgresql.from_environment()
    if args.do == "copy":
        if url is None:
            raise store.StoreError(f"{postgresql.URL} says to which PostgreSQL database to copy.")
        print(f"copied {store_care.copy(path, url)} answers")
        return 0
    if url is not None:
        if args.do == "repair":
            raise store.StoreError(
                "The answers are in PostgreSQL: restore a backup that was made with its tools."
            )
        found = store_care.check_database(url)
        print(f"PostgreSQL: {found.answers} answers of {found.learners} learners, schema {found.version}")
        for problem in found.problems:
            print(f"diffviz: {problem}", file=sys.stderr)
        return 1 if found.problems else 0
    if args.do == "repair":
        old, answers, rescued = store_care.repair(path)
        print(f"wrote {path}: {answers} answers, {rescued} of them out of backups; the old file is {old}")
    found = store_care.check(path)
    print(
        f"{path}: {found.answers} answers of {found.learners} learners, schema {found.version}, {found.backups} backups"
    )
    for problem in found.problems:
        print(f"diffviz: {problem}", file=sys.stderr)
    return 1 if found.problems else 0


# --- all of them -------------------------------------------------------------------------------------------


class Command(NamedTuple):
    """A subcommand: what it does in one line, its arguments, and what runs it."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS = {
    "app": Command("run the lessons in a browser", _app_arguments, _app),
    "generate": Command("generate an image from a prompt", _generate_arguments, _generate),
    "img2img": Command(
        "change an image by adding noise and denoising (SDEdit)", _img2img_arguments, _img2img
    ),
    "inpaint": Command("generate the masked part of an image anew (RePaint)", _inpaint_arguments, _inpaint),
    "store": Command("check, repair or copy the learners' answers", _store_arguments, _store),
    "export": Command("write the questions for Anki, Canvas, Moodle and others", _export_arguments, _export),
}


def _version() -> str:
    return f"diffviz {__version__} (torch {metadata.version('torch')}, streamlit {metadata.version('streamlit')})"


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit status, 2 for what cannot be done as asked."""
    # Threads of torch wait for each other at every layer: beside a busy core, two took ten times as long as one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="diffviz", description="A teaching visualizer of diffusion models.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        description = f"{command.help[0].upper()}{command.help[1:]}."
        sub = commands.add_parser(name, help=command.help, description=description)
        if name in argv:  # the choices of the image commands are read from modules that import torch
            command.arguments(sub)
    args = parser.parse_args(argv)
    try:
        return COMMANDS[args.command].run(args)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"diffviz: {where}{error.strerror or error}", file=sys.stderr)
    except (ValueError, RuntimeError) as error:
        print(f"diffviz: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 2
