"""Imports go one way; the table here is the map of the library, and it is kept true."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TRAINING = {"training"}

# module -> what of ours it may import ("ui" and "training" stand for all their modules)
ALLOWED = {
    "schedules": set(),
    "text": set(),
    "metrics": set(),
    "plots": set(),
    "uploads": set(),
    "process": {"schedules"},
    "unet": {"text"},
    "denoiser": {"unet", "text", "process", "schedules"},
    "guidance": {"process", "schedules"},
    "samplers": {"process", "schedules"},
    "forward": {"process", "schedules"},
    "trajectory": {"samplers", "schedules"},
    "captions": {"trajectory"},
    "classifier": set(),
    "curves": set(),
    "neighbours": {"curves"},
    "kinds": {"curves", "text"},
    "checkpoints": {"denoiser", "text", "unet"},
    "generation": {"checkpoints", "denoiser", "guidance", "process", "samplers", "schedules", "trajectory"},
    "targets": {"denoiser", "metrics", "process", "samplers", "schedules"},
    "toy": {"process", "samplers", "schedules"},
    "relatives": {"toy"},
    "editing": {
        "checkpoints",
        "denoiser",
        "generation",
        "process",
        "samplers",
        "schedules",
        "trajectory",
        "uploads",
    },
    "experiments": {"denoiser", "generation", "samplers", "schedules", "trajectory"},
    "steering": {
        "checkpoints",
        "classifier",
        "denoiser",
        "generation",
        "guidance",
        "metrics",
        "samplers",
        "schedules",
        "text",
        "trajectory",
    },
    "live_questions": {
        "captions",
        "checkpoints",
        "denoiser",
        "experiments",
        "generation",
        "process",
        "samplers",
        "schedules",
        "trajectory",
    },
    "__init__": {"editing", "generation"},
    "__main__": {"checkpoints", "export", "generation", "trajectory"},
}
LIBRARY = set(ALLOWED) - {"__main__", "__init__"}


def imports(path):
    """Every module of ours that a file imports, anywhere in it, and whether it imports streamlit."""
    ours, streamlit = set(), False
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{a.name}" for a in node.names] if node.module == "diffviz" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        for name in names:
            streamlit |= name.split(".")[0] == "streamlit"
            if name.startswith("diffviz."):
                ours.add(name.split(".")[1])
    return ours, streamlit


def library_files():
    return sorted((ROOT / "diffviz").glob("*.py"))


@pytest.mark.parametrize("path", library_files(), ids=lambda p: p.stem)
def test_library_modules_import_only_what_the_table_allows(path):
    assert path.stem in ALLOWED, f"{path.name} is not in the table: add it, with what it may import"
    ours, streamlit = imports(path)
    assert ours <= ALLOWED[path.stem] | {path.stem}
    assert not streamlit


@pytest.mark.parametrize("path", sorted((ROOT / "diffviz/learn").glob("*.py")), ids=lambda p: p.stem)
def test_learn_imports_nothing_but_itself(path):
    ours, streamlit = imports(path)
    assert ours <= {"learn"}
    assert not streamlit
    assert "torch" not in path.read_text(encoding="utf-8").replace("No torch", "")


@pytest.mark.parametrize("path", sorted((ROOT / "diffviz/export").glob("*.py")), ids=lambda p: p.stem)
def test_export_knows_the_content_and_the_library_and_no_page(path):
    ours, streamlit = imports(path)
    assert ours <= LIBRARY | {"export", "learn"}
    assert not streamlit


@pytest.mark.parametrize("path", sorted((ROOT / "diffviz/training").glob("*.py")), ids=lambda p: p.stem)
def test_training_never_imports_the_pages(path):
    ours, streamlit = imports(path)
    assert ours <= LIBRARY | TRAINING
    assert not streamlit


@pytest.mark.parametrize(
    "path", [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))], ids=lambda p: p.stem
)
def test_pages_are_short_and_never_import_each_other(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120
    assert "pages" not in {n.split(".")[0] for n in imports(path)[0]}
    assert not imports(path)[0] & TRAINING


def test_the_table_has_no_circles():
    left = {k: set(v) for k, v in ALLOWED.items()}
    while left:
        ready = [k for k, v in left.items() if not v & set(left)]
        assert ready, f"circular: {sorted(left)}"
        for k in ready:
            del left[k]
