"""What the README says is so: its paths exist, and its commands are there."""

import re
import runpy
import sys

import pytest
from helpers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAP = re.findall(r"^\| (`[^|]+`) \| ", README, re.M)


@pytest.mark.parametrize("cell", MAP)
def test_the_map_names_what_is_there(cell):
    for name in re.findall(r"`([^`]+)`", cell):
        assert (ROOT / name).exists()


def test_every_package_of_the_library_is_on_the_map():
    named = " ".join(MAP)
    for path in (ROOT / "diffviz").iterdir():
        if (path / "__init__.py").exists() or (path.suffix == ".py" and not path.stem.startswith("__")):
            assert f"diffviz/{path.name}" in named, path.name


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize(
    "module", sorted(set(re.findall(r"python -m (diffviz\.training\.[a-z_]+)\b", README)))
)
def test_commands_exist_and_explain_themselves(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, module, raising=False)  # as `python -m` finds it: not yet imported
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert ended.value.code == 0 and "usage" in capsys.readouterr().out


def test_the_two_commands_stand_there_word_for_word():
    assert "pip install -r requirements.txt && streamlit run app.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README
