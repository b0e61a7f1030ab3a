"""Where the files are that come with the code: weights, measured figures, lessons, fonts."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the repository, or the folder that a wheel was installed into


def assets_folder() -> Path:
    """The folder `assets`: inside the package where a wheel has put it there, beside it in a clone."""
    packaged = Path(__file__).resolve().parent / "assets"
    return packaged if packaged.is_dir() else ROOT / "assets"


ASSETS = assets_folder()
CURVES = ASSETS / "curves"  # measured figures
FONTS = ASSETS / "fonts"
LESSONS = ASSETS / "lessons"
