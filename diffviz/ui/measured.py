"""Results measured beforehand, with a remark where they are of another network or of earlier weights."""

from __future__ import annotations

import streamlit as st

from diffviz.evaluation import results
from diffviz.models import checkpoints


def note_provenance(measured: results.MeasuredResult, model: str) -> None:
    """Say so where a result is of another network than the one in use, or of earlier weights."""
    entries = checkpoints.manifest()
    owner = next((e for e in entries.values() if measured.matches(e.sha256)), None)
    if owner is None:
        st.warning(
            "This was measured with earlier weights than those in use here.", icon=":material/history:"
        )
    elif owner.name != model:
        st.info(
            f"This was measured on the other network: {owner.title}. The one you chose, {entries[model].title}, has not "
            "been measured.",
            icon=":material/info:",
        )


def load_result(what: str, model: str) -> results.MeasuredResult | None:
    """A measured result of a network, with a remark where there is none, or where it is of earlier weights."""
    measured = results.load_result(what, model)
    if measured is None:
        st.info("This was not measured for this network.", icon=":material/hourglass_empty:")
    else:
        note_provenance(measured, model)
    return measured
