"""The dictionary: one long entry, short terms, and a search."""

from __future__ import annotations

import streamlit as st

from diffviz.learn import content
from diffviz.ui.practice import common


def show() -> None:
    """The long entry, and the short terms with a search."""
    book = content.dictionary()
    entry = book["entry"]
    wanted = st.text_input("Search all terms", key="dictionary-search", max_chars=60).strip().lower()
    terms = [t for t in book["term"] if wanted in (t["term"] + " " + t["text"]).lower()]
    whole = " ".join(str(v) for v in entry.values())
    if not wanted or wanted in whole.lower():
        st.header(entry["term"], anchor=False)
        words = sum(len(str(v).split()) for v in entry.values())
        st.caption(f"{' · '.join(entry['tags'])} · {max(1, round(words / 200))} minutes to read")
        st.markdown(
            f"{entry['definition']}\n\n**Typical flow.** {entry['flow']}\n\n**Picture it.** {entry['analogy']}"
        )
        st.markdown(
            f"**One prompt, all the way.** {entry['worked_example']}\n\n**Latent diffusion.** {entry['latent']}"
        )
        st.markdown(
            f"**Families.** {', '.join(entry['families'])}. **Beyond pictures.** {', '.join(entry['beyond'])}."
        )
        st.markdown(f"**History.** {entry['history']}")
        st.markdown(
            "**Use it for** "
            + ", ".join(entry["use_for"])
            + ".\n\n**Not for**\n"
            + _bullets(entry["not_for"])
        )
        st.markdown("**Pitfalls**\n" + _bullets(entry["pitfalls"]))
        common.demo_link(content.Demo(**entry["demo"]))
    for t in terms:
        st.markdown(f"**{t['term']}.** {t['text']}")
    if wanted and not terms and wanted not in whole.lower():
        st.info("No term matches.", icon=":material/search_off:")


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
