"""What the import contracts in pyproject.toml cannot say: a page is short, and pages never import each other."""

import ast

import pytest
from helpers import ROOT

PAGES = [ROOT / "app.py", ROOT / "home.py", *sorted((ROOT / "pages").glob("*.py"))]


def imported(path):
    """Every module that a file imports, anywhere in it, by its full name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_page_is_short_and_imports_neither_a_page_nor_the_training(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120
    for name in imported(path):
        assert name.split(".")[0] != "pages"
        assert not name.startswith("diffviz.training")
