"""Make a shipped network again, by the record that its weights carry.

    python -m diffviz.training.reproduce emoji64           # into runs/again/emoji64
    python -m diffviz.training.reproduce emoji64 --list    # only say what would be run

Builds the data, then does each session of the training in turn, which takes the core-hours that the model card
gives. The weights come out alike and not the same to the bit: what several workers add up depends on the machine.
Nothing in assets/ changes; the last line printed is the command that would put them there.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys

from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.training.model_card.sections import MEASURES, commands


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=tuple(checkpoints.manifest()))
    parser.add_argument("--list", action="store_true", help="only print the commands")
    args = parser.parse_args(argv)
    _, facts = checkpoints.metadata(ASSETS / checkpoints.manifest()[args.name].file)
    found = commands(args.name, checkpoints.load(args.name).image_size, facts, runs="runs/again")
    *lines, publish = found[: -len(MEASURES)]
    for line in lines:
        print(line, flush=True)
        if not args.list:
            subprocess.run([sys.executable, *shlex.split(line)[1:]], check=True)
    print(publish)


if __name__ == "__main__":
    main()
