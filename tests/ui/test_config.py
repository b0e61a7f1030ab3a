import tomllib
from unittest.mock import MagicMock

import pytest
import streamlit.config as config
from helpers import ROOT
from streamlit.runtime.scriptrunner import script_runner

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


@pytest.mark.parametrize("collects", [False, True])
def test_garbage_is_collected_after_a_run_only_where_the_option_says_so(collects, monkeypatch):
    """An undocumented option: if Streamlit renames or drops it, this fails, and bench/load.py shows what it costs."""
    assert CONFIG["runner"]["postScriptGC"] is False
    collected = []
    monkeypatch.setattr(script_runner.gc, "collect", lambda *generation: collected.append(generation))
    before = config.get_option("runner.postScriptGC")
    config.set_option("runner.postScriptGC", collects)
    try:
        script_runner.ScriptRunner._on_script_finished(*(MagicMock() for _ in range(5)))
    finally:
        config.set_option("runner.postScriptGC", before)
    assert bool(collected) == collects


def test_every_option_is_one_that_streamlit_has():
    for section, options in CONFIG.items():
        for name, value in options.items():
            if isinstance(value, dict):
                for inner in value:
                    assert f"{section}.{name}.{inner}" in config._config_options_template
            else:
                assert f"{section}.{name}" in config._config_options_template, name


def test_the_fonts_are_files_of_ours_with_their_licences():
    for face in CONFIG["theme"]["fontFaces"]:
        assert (ROOT / face["url"].removeprefix("app/")).exists()
    assert len(list((ROOT / "static" / "fonts").glob("OFL-*.txt"))) == 2


def contrast(a, b):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_role_can_be_read_on_its_ground():
    from diffviz.ui.theme import DARK, LIGHT

    for mode, palette in (("light", LIGHT), ("dark", DARK)):
        assert palette["ground"] == CONFIG["theme"][mode]["backgroundColor"]
        assert palette["text"] == CONFIG["theme"][mode]["textColor"]
        for role in ("signal", "noise", "prediction", "conditional", "unconditional", "text"):
            assert contrast(palette[role], palette["ground"]) >= 4.5, (mode, role)
            assert contrast(palette[role], CONFIG["theme"][mode]["secondaryBackgroundColor"]) >= 4.5, (
                mode,
                role,
            )
        assert contrast(palette["line-strong"], palette["ground"]) >= 3
