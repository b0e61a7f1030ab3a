"""Progress: mastery of each concept, what to do next, and the learner's own data."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import streamlit as st

from diffviz.lessons import content, scheduling
from diffviz.lessons.moving import MoveError
from diffviz.lessons.store import MAX_EXPORT_BYTES, StoreError, parse_export
from diffviz.ui import learner, theme
from diffviz.ui.prose import counted


def show() -> None:
    """Mastery of each concept, what to do next, and the learner's own data."""
    events = learner.events()
    items = [i for kind in content.PRACTISED for i in content.load(kind)]
    standing = scheduling.concept_mastery(events, items)
    waiting = scheduling.due(events, [c.id for c in content.load("flashcards")], datetime.now(UTC))
    st.header("Your progress", anchor=False)
    st.info(scheduling.advice(standing, len(waiting)), icon=":material/lightbulb:")
    st.markdown(f"{counted(len(events), 'answer')} so far · {counted(len(waiting), 'flashcard')} due")
    with st.container(key="concept-map"):
        st.graphviz_chart(_map(standing), width="stretch")
        st.caption(
            "Concept map: an arrow leads from a concept to one that builds on it. Filled: known (at least half of its "
            "questions answered, four fifths of them right). Dashed border: begun. Plain: new."
        )
    with st.expander("Concept by concept"):
        _list(standing)
    _own_data(events.unreadable)


def _map(standing: list[scheduling.ConceptMastery]) -> str:
    """The concept map in Graphviz's language: an arrow from each concept to what builds on it, and its mastery."""
    colours = theme.palette()
    looks = {
        "known": f'style="filled,rounded", fillcolor="{colours["prediction"]}", fontcolor="{colours["ground"]}"',
        "begun": f'style="dashed,rounded,bold", color="{colours["noise"]}"',
        "new": 'style="rounded"',
    }
    by_name = {s.concept: s for s in standing}
    lines = []
    for name, needs in content.concepts().items():
        s = by_name.get(name)
        state, count = (s.mastery, f"{s.done} of {s.total}") if s else ("new", "interview only")
        lines.append(f'"{name}" [label="{name}\\n{state}, {count}", {looks[state]}];')
        lines += [f'"{need}" -> "{name}";' for need in needs]
    frame = (
        f'graph [rankdir=TB, bgcolor="transparent", nodesep=0.14, ranksep=0.28]; '
        f'node [shape=box, fontname="Atkinson Hyperlegible Next", fontsize=13, height=0.4, margin="0.12,0.06", '
        f'color="{colours["line-strong"]}", fontcolor="{colours["text"]}"]; '
        f'edge [color="{colours["line-strong"]}", arrowsize=0.6];'
    )
    return f"digraph {{ {frame} {' '.join(lines)} }}"


def _list(standing: list[scheduling.ConceptMastery]) -> None:
    for s in standing:
        share = s.credit * s.done / s.total
        last = f", {s.credit:.0%} right at the last try" if s.done else ""
        st.progress(share, f"{s.concept}: {s.done} of {s.total} answered{last}")


def _own_data(unreadable: int) -> None:
    who, store = learner.current_id(), learner.store()
    st.header("Your data", anchor=False)
    st.markdown(
        "Kept on this server under a random id in your browser, with copies of the last seven days. Nothing about you is "
        "asked for."
    )
    if unreadable:
        st.warning(
            f"{unreadable} stored {'answers' if unreadable > 1 else 'answer'} cannot be read and "
            f"{'are' if unreadable > 1 else 'is'} left out. A download holds all others; erasing removes them too.",
            icon=":material/rule:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download",
            lambda: json.dumps(
                store.export(who)
            ),  # read when the button is pressed, not whenever the page is drawn
            "diffviz-progress.json",
            "application/json",
            key="export",
            on_click="ignore",
        )
        if st.session_state.get("erase-asked"):
            st.button("Yes, erase everything", type="primary", on_click=_erase)
            st.button("No", on_click=lambda: st.session_state.pop("erase-asked", None))
        else:
            st.button("Erase …", on_click=lambda: st.session_state.update({"erase-asked": True}))
    _other_browser()
    # A new key empties the field: a file that stays in it would be brought in again after an erasure.
    turn = st.session_state.setdefault("import-turn", 0)
    key = f"import-{turn}"
    st.file_uploader(
        f"Bring in a download from another browser (up to {MAX_EXPORT_BYTES / 1e6:.0f} MB)", type="json", key=key,
        on_change=_bring_in, args=(key,),
    )  # fmt: skip
    said = st.session_state.pop("import-said", None)
    if said:
        kind, sentence = said
        (st.success if kind == "added" else st.error)(sentence)


def _other_browser() -> None:
    """Give and take a one-time code, with which another browser goes on with the same progress."""
    with st.expander("Go on in another browser", icon=":material/devices:"):
        st.markdown(
            "Take a code here and type it on this page in the other browser within ten minutes. It is good once. Both "
            "browsers then have the same progress, with the answers of both."
        )
        if st.button("Get a code"):
            try:
                st.code(learner.move_code(), language=None)
            except StoreError as error:
                st.error(str(error), icon=":material/save:")
        with st.form("move", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            typed = st.text_input(
                "Code from another browser", max_chars=20, autocomplete="off", key="move-code"
            )
            if st.form_submit_button("Go on with it"):
                _redeem_code(typed)
        said = st.session_state.pop("move-said", None)
        if said:
            st.success(said)


def _redeem_code(typed: str) -> None:
    try:
        n = learner.go_on_as(typed)
    except (MoveError, StoreError) as error:
        st.error(str(error))
        return
    st.session_state["move-said"] = (
        f"This browser goes on with {counted(n, 'answer')}. Reload its other tabs of diffviz."
    )
    st.rerun()


def _bring_in(key: str) -> None:
    """Add the answers of the file that was just chosen, once."""
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state["import-turn"] += 1
    try:
        n = learner.store().import_events(learner.current_id(), parse_export(file.getvalue()))
        st.session_state["import-said"] = (
            "added",
            f"{counted(n, 'answer')} {'were' if n != 1 else 'was'} added.",
        )
    except StoreError as error:
        st.session_state["import-said"] = "refused", str(error)


def _erase() -> None:
    learner.erase()
    st.session_state.pop("erase-asked", None)
