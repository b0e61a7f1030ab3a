"""What is installed is what a clone has: the lists of requirements agree, and a wheel works on its own."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
from helpers import ROOT
from PIL import Image

import diffviz

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def required(name):
    """The requirements that a file lists itself, without those it takes over from another."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def test_the_requirements_files_and_the_package_ask_for_the_same():
    assert required("requirements.txt") == PROJECT["dependencies"]
    assert required("requirements-dev.txt") == PROJECT["optional-dependencies"]["dev"]


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.M)[1] == diffviz.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{diffviz.__version__}]" in changes and "## [Unreleased]" in changes


def test_the_licence_files_that_the_package_names_are_there():
    for pattern in PROJECT["license-files"]:
        assert list(ROOT.glob(pattern)), pattern
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "assets/licences").iterdir()}
    for owner in ("Google", "Microsoft Corporation", "LobeHub", "Miles Johnson"):
        assert any(owner in text and "Copyright" in text for text in texts.values()), owner
    card = (ROOT / "assets/DATA.md").read_text(encoding="utf-8")
    assert "licences/" in card and "https://creativecommons.org/licenses/by/4.0/" in card


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel of this clone, unpacked: what an installation puts into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, cwd=folder)
    (wheel,) = folder.glob("diffviz-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def installed(unpacked, *command):
    """A command run as from an installation: the clone is out of reach."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    return subprocess.run(
        [sys.executable, "-P", *command], capture_output=True, text=True, env=environment, check=True
    )


@pytest.mark.slow
def test_a_wheel_draws_an_image_in_an_empty_folder(unpacked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = installed(unpacked, "-m", "diffviz", "generate", "cat face", "--steps", "4", "--out", "cat.png")
    assert not done.stderr
    with Image.open("cat.png") as image:
        assert image.size == (384, 384) and image.text["Description"] == "cat face"


@pytest.mark.slow
def test_a_wheel_holds_the_lessons_and_their_pages_run(unpacked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = (
        "from streamlit.testing.v1 import AppTest\n"
        "from diffviz import paths\n"
        f"assert str(paths.WEBAPP).startswith({str(unpacked)!r}), paths.WEBAPP\n"
        "assert (paths.WEBAPP / '.streamlit/config.toml').exists() and (paths.WEBAPP / 'static/fonts').is_dir()\n"
        "app = AppTest.from_file(str(paths.WEBAPP / 'home.py'), default_timeout=60)\n"
        "app.switch_page('pages/1_forward.py').run()\n"
        "assert len(app.title) == 1 and not app.exception, app.exception\n"
    )
    installed(unpacked, "-c", code)


@pytest.mark.slow
def test_a_wheel_exports_the_questions_and_the_labs(unpacked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    installed(unpacked, "-m", "diffviz", "export", "csv", "--format", "labs", "--out", "handouts")
    names = {path.suffix for path in (tmp_path / "handouts").iterdir()}
    assert names == {".csv", ".ipynb"}
