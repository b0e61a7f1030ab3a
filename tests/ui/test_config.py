import tomllib

import streamlit.config as config
from helpers import ROOT
from streamlit.runtime.scriptrunner import script_runner

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def test_garbage_is_not_collected_after_every_run():
    # An undocumented option: if Streamlit renames it, this fails, and bench/load.py shows what it costs.
    assert CONFIG["runner"]["postScriptGC"] is False
    assert "runner.postScriptGC" in config._config_options_template
    with open(script_runner.__file__, encoding="utf-8") as file:
        assert 'get_option("runner.postScriptGC")' in file.read()


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
