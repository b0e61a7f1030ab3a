"""An error that no page has foreseen."""

from __future__ import annotations

import ast
import logging
import re
import tomllib

from helpers import ROOT
from streamlit.testing.v1 import AppTest


def failing_page() -> None:
    import streamlit as st
    from streamlit.error_util import handle_user_script_exception

    from diffviz.ui import errors

    try:
        raise OSError("/a/path/of/the/server")
    except OSError as error:
        handle_user_script_exception(error, errors.report)  # what st.App does with `on_script_error`
    st.text("drawn")


def test_a_visitor_sees_a_sentence_and_the_log_has_the_traceback_under_its_number(caplog):
    with caplog.at_level(logging.ERROR, "diffviz.ui.errors"):
        app = AppTest.from_function(failing_page, default_timeout=60).run()
    assert not app.exception  # nothing of Streamlit's own
    (shown,) = [e.value for e in app.error]
    assert "/a/path" not in shown and "Error" not in shown
    number = re.search(r"number ([0-9a-f]{8})", shown)[1]
    (logged,) = [r for r in caplog.records if number in r.getMessage()]
    assert "/a/path" in str(logged.exc_info[1])


def test_the_server_uses_it_and_streamlits_own_message_holds_no_details():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["client"]["showErrorDetails"] == "none"
    tree = ast.parse((ROOT / "app.py").read_text())
    (made,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "App"]
    assert "errors.report" in {ast.unparse(k.value) for k in made.keywords if k.arg == "on_script_error"}
