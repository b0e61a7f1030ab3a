"""The command line.

python -m diffviz generate "cat face" --style noto --out cat.gif
python -m diffviz export anki --out handouts
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from diffviz.pipelines.trajectory import PANELS, Trajectory

KINDS = (".gif", ".png")


def _save(run: Trajectory, path: Path, zoom: int, panels: list[str]) -> None:
    if path.suffix.lower() == ".gif":
        run.save_gif(path, panels, zoom)
    else:
        run.save_png(path, zoom)


def _generate(args: argparse.Namespace) -> str:
    from diffviz.models import checkpoints
    from diffviz.pipelines.text_to_image import generate

    if args.out.suffix.lower() not in KINDS:
        raise ValueError(f"--out must end in one of {', '.join(KINDS)}, not {args.out.suffix or 'nothing'}")
    if not args.out.resolve().parent.is_dir():
        raise ValueError(f"the folder of --out does not exist: {args.out.parent}")
    settings = {
        k: getattr(args, k)
        for k in ("style", "seed", "steps", "sampler", "guidance", "negative", "schedule", "eta")
    }
    settings["interval"] = tuple(args.interval)
    vocabulary = checkpoints.load().vocabulary
    for word in vocabulary.read(args.prompt).unknown:
        near = ", ".join(vocabulary.nearest(word)) or "none close"
        print(f"the network does not know “{word}” (nearest it knows: {near}): left out", file=sys.stderr)
    run = generate(args.prompt, **settings)
    _save(run, args.out, args.zoom, args.panels)
    return f"wrote {args.out}: {run.steps} steps, seed {args.seed}"


def _export(args: argparse.Namespace) -> str:
    from diffviz import export

    try:
        paths = export.write(args.kind, args.out)
    except OSError as error:
        raise ValueError(f"cannot write to {args.out}: {error.strerror or error}") from error
    return "\n".join(f"wrote {path} ({path.stat().st_size / 1e3:.0f} kB)" for path in paths)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m diffviz", description="Diffusion models, seen at work.")
    commands = parser.add_subparsers(dest="command", required=True)
    g = commands.add_parser("generate", help="make one picture and save it as .png, or its way there as .gif")
    g.add_argument("prompt", nargs="?", default="", help="words to draw; none draws anything")
    g.add_argument("--style", default="", help="noto, blob, flat, gradient, 3d, twemoji or emojitwo")
    g.add_argument("--seed", type=int, default=0)
    g.add_argument("--steps", type=int, default=30)
    g.add_argument("--sampler", default="ddim")
    g.add_argument("--guidance", type=float, default=3.0, help="1 is off")
    g.add_argument("--negative", default="", help="words to stay away from")
    g.add_argument(
        "--interval",
        nargs=2,
        type=float,
        default=(0.0, 1.0),
        metavar=("LOW", "HIGH"),
        help="times t between which guidance acts",
    )
    g.add_argument("--schedule", default="cosine")
    g.add_argument("--eta", type=float, default=0.0, help="noise added back by DDIM, 0 to 1")
    g.add_argument(
        "--panels",
        nargs="+",
        choices=PANELS,
        default=["x"],
        help="what a .gif shows side by side: the state, the network's guess, the noise it sees",
    )
    g.add_argument("--zoom", type=int, default=6, help="screen pixels per picture pixel")
    g.add_argument("--out", type=Path, default=Path("diffviz.gif"))
    g.set_defaults(run=_generate)
    e = commands.add_parser(
        "export", help="write the questions for other tools: Anki, Canvas, Moodle, CSV, PDF"
    )
    e.add_argument("kind", help="anki, qti (Canvas), moodle, csv or pdf")
    e.add_argument("--out", type=Path, default=Path("handouts"), help="a folder, made if need be")
    e.set_defaults(run=_export)
    args = parser.parse_args(argv)
    try:
        print(args.run(args))
    except (ValueError, RuntimeError) as error:
        print(f"diffviz: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
