"""What the README says is so: its paths exist, its commands are there, its sizes are about right."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = (".py", ".js", ".css", ".html")


def rows():
    """The rows of the map that give a size: (paths, lines)."""
    found = re.findall(r"^\| (`[^|]+`) \| (\d+) \|", README, re.M)
    for cell, size in found:
        names = re.findall(r"`([^`]+)`", cell)
        folder = names[0].rsplit("/", 1)[0] if "/" in names[0].rstrip("/") else ""
        yield [ROOT / (n if "/" in n or not folder else f"{folder}/{n}") for n in names], int(size)


def count(path):
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.suffix in SOURCES]
    return sum(len(f.read_text(encoding="utf-8").splitlines()) for f in files)


@pytest.mark.parametrize(("paths", "size"), rows(), ids=lambda v: str(v) if isinstance(v, int) else v[0].name)
def test_the_map_names_what_is_there_at_about_its_size(paths, size):
    assert all(p.exists() for p in paths), paths
    assert 0.8 * size - 20 <= sum(count(p) for p in paths) <= 1.25 * size + 20


def test_every_module_of_the_library_is_on_the_map():
    for path in (ROOT / "diffviz").glob("*.py"):
        if not path.stem.startswith("__"):
            assert re.search(rf"\b{path.stem}\.py`", README), path.name


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize(
    "module", sorted(set(re.findall(r"python -m (diffviz\.training\.[a-z_]+)\b", README)))
)
def test_commands_exist_and_explain_themselves(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "usage" in done.stdout


def test_the_two_commands_stand_there_word_for_word():
    assert "pip install -r requirements.txt && streamlit run app.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README
