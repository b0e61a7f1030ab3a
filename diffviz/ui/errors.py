"""What a visitor sees of an error that no page has foreseen: a sentence and a number, never a traceback."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

_LOG = logging.getLogger(__name__)


def report(error: Exception) -> bool:
    """Show a sentence with a number under which the log has the traceback; True: Streamlit shows nothing of its own."""
    number = secrets.token_hex(4)
    _LOG.error("Error %s on a page", number, exc_info=error)
    st.error(
        f"Something went wrong on this page, and it is not your fault. Reload it to go on; the server's log has the "
        f"details under number {number}.",
        icon=":material/error:",
    )
    return True
