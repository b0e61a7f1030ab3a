"""The arithmetic that a visitor chooses in the menu: for their own runs alone, kept in the address."""

import pytest
from helpers import open_page

from diffviz.serving import engine

QUICK = {"steps": "2", "seed": "977", "net": "32 × 32, quick", "guidance": "1"}


@pytest.fixture
def asked(monkeypatch):
    """The precisions that evaluations were asked of; torch makes them."""
    seen = []

    def evaluate(self, net, *given):
        seen.append(self.options["INFERENCE_PRECISION_HINT"])
        return net(*given)

    monkeypatch.setattr(engine, "installed", lambda: True)
    monkeypatch.setattr(engine.OpenVino, "evaluate", evaluate)
    return seen


def test_an_engine_is_chosen_in_the_menu_and_its_runs_are_kept_apart(asked):
    app = open_page("reverse", QUICK)
    assert not asked and app.selectbox(key="engine").value == "torch"
    before = app.session_state["reverse-run"]
    app.selectbox(key="engine").select("openvino-bf16").run()
    assert not app.exception
    assert set(asked) == {"bf16"} and app.session_state["reverse-run"] is not before
    assert any("images differ a little" in c.value for c in app.sidebar.caption)
    done = len(asked)
    app.run()
    assert len(asked) == done  # the run is kept
    app.selectbox(key="engine").select("torch").run()
    assert app.session_state["reverse-run"] is before and len(asked) == done


def test_the_address_chooses_and_what_is_no_engine_is_not_used(asked):
    app = open_page("reverse", {**QUICK, "seed": "978", "engine": "openvino"})
    assert set(asked) == {"f32"} and app.selectbox(key="engine").value == "openvino"
    done = len(asked)
    app = open_page("reverse", {**QUICK, "seed": "978", "engine": "cuda"})
    assert app.selectbox(key="engine").value == "torch" and len(asked) == done


def test_without_another_engine_there_is_no_switch(monkeypatch):
    monkeypatch.setattr(engine, "installed", lambda: False)
    app = open_page("reverse", {**QUICK, "engine": "openvino"})
    assert all(box.key != "engine" for box in app.selectbox)
    assert app.session_state["reverse-run"].engine is None
