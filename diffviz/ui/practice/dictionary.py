"""The dictionary: one long entry, the glossary, and a search over both."""

from __future__ import annotations

import streamlit as st

from diffviz.evaluation import results
from diffviz.lessons import content, glossary
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery
from diffviz.ui.practice import common


def show() -> None:
    """The long entry, and the terms of the glossary that match the search."""
    book = content.dictionary()
    entry = book["entry"]
    wanted = st.text_input("Search all terms", key="dictionary-search", max_chars=60).strip().lower()
    terms = glossary.search(wanted, limit=12) if wanted else list(glossary.entries().values())
    whole = " ".join(str(v) for v in entry.values())
    if not wanted or wanted in whole.lower():
        st.header(entry["term"], anchor=False)
        words = sum(len(str(v).split()) for v in entry.values())
        st.caption(f"{' · '.join(entry['tags'])} · {max(1, round(words / 200))} minutes to read")
        st.markdown(
            f"{entry['definition']}\n\n**Typical flow.** {entry['flow']}\n\n**Analogy.** {entry['analogy']}"
        )
        _strip()
        st.markdown(
            f"**One prompt, all the way.** {entry['worked_example']}\n\n**Latent diffusion.** {entry['latent']}"
        )
        st.markdown(
            f"**Families.** {', '.join(entry['families'])}. **Beyond images.** {', '.join(entry['beyond'])}."
        )
        st.markdown(f"**History.** {entry['history']}")
        st.markdown(
            "**When to use it:** "
            + ", ".join(entry["use_for"])
            + ".\n\n**When not to**\n"
            + _bullets(entry["not_for"])
        )
        st.markdown("**Pitfalls**\n" + _bullets([*_measured(), *entry["pitfalls"]]))
        common.demo_link(content.Demo(**entry["demo"]))
    for term in terms:
        st.markdown(f"**{term.term}.** {term.text}")
        if term.formula:
            st.latex(term.formula)
        common.demo_link(glossary.link(term))
    if wanted and not terms and wanted not in whole.lower():
        st.info("No term matches.", icon=":material/search_off:")


def _strip() -> None:
    """Six states of one sampling trajectory, from t = T to t = 0, computed for this visit."""
    run = memo("dictionary-run", None, _red_apple)
    frames, shown = run.frames("x"), (0, 6, 12, 18, 24, 30)
    titles = [f"t = {run.t[i]:.1f}" if 0 < i < 30 else ("t = T" if i == 0 else "t = 0") for i in shown]
    st.html(gallery.row([frames[i] for i in shown], titles, [f"after {i} steps" for i in shown]))
    st.caption(
        "The state x_t from Gaussian noise to “red apple”, sampled just now by the network of these lessons."
    )


def _red_apple() -> Trajectory:
    from diffviz.pipelines.text_to_image import (
        generate,
    )  # imports torch, which is slow: only for the long entry

    with st.spinner("Running 30 steps …"):
        return generate("red apple", style="noto", seed=2, steps=30)


def _measured() -> list[str]:
    """What we measured about the number of steps, where it has been measured."""
    curve = results.load_quality_curve("emoji32")
    first = curve.first_close("ddim") if curve else None
    if curve is None or first is None:
        return []
    return [
        f"Measured on our 32 × 32 network (N = {curve.n:,} images a point, DDIM): from {first['steps']} steps on, the loss "
        f"in KID against {curve.longest} steps is below {results.MARGIN:.0%} of that of a single step."
    ]


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
