"""Record that the cards have changed, so that Anki updates the ones that learners have imported.

    python -m diffviz.training.stamp_cards        # -> assets/cards/version.toml, where anything has changed

To be run after any change to the flashcards, self-check and interview questions or their images.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from diffviz.export import anki

_HEAD = """# The content of the Anki cards and when it last changed; written by `python -m diffviz.training.stamp_cards`.
"""


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    digest = anki.content_sha256()
    if anki.VERSION_FILE.exists() and digest in anki.VERSION_FILE.read_text(encoding="utf-8"):
        print("the cards are as recorded")
        return
    now = datetime.now(UTC).replace(microsecond=0)
    lines = f'changed = {now.isoformat()}\nsha256 = "{digest}"\n'
    anki.VERSION_FILE.write_text(_HEAD + lines, encoding="utf-8")
    print(f"recorded: changed on {now:%d %B %Y at %H:%M} UTC")


if __name__ == "__main__":
    main()
