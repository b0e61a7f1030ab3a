"""Which Chromium the benchmarks and the browser tests drive, and how it is started."""

from __future__ import annotations

import shutil

# Debian's chromium-headless-shell is the same browser without its window: a page costs it a third less processor time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",  # no WebGL here, which no page needs
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
