"""Where the files are that come with the code: weights, measured figures, lessons, fonts."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent  # the repository, or the folder that a wheel was installed into


def _in_wheel_or_clone(packaged: str, cloned: str) -> Path:
    """A folder that a wheel holds inside the package (`pyproject.toml` puts it there) and a clone beside it."""
    inside = PACKAGE / packaged
    return inside if inside.is_dir() else (ROOT / cloned).resolve()


ASSETS = _in_wheel_or_clone("assets", "assets")
WEBAPP = _in_wheel_or_clone("webapp", ".")  # app.py, home.py, pages, static files and Streamlit's settings
CITATION = (
    ASSETS / "CITATION.cff" if (ASSETS / "CITATION.cff").is_file() else ROOT / "CITATION.cff"
)  # how to cite the project
CURVES = ASSETS / "curves"  # measured figures
FONTS = ASSETS / "fonts"
LESSONS = ASSETS / "lessons"
NOTEBOOKS = _in_wheel_or_clone("notebooks", "notebooks")  # the labs
