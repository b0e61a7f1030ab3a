"""Who is practising, without asking: an anonymous id in the browser, and the store on the server's disk."""

from __future__ import annotations

import functools
import json
import os
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs
import streamlit as st
from streamlit.components import v2

from diffviz.lessons.store import Event, Store, StoreError

_JS = """
export default function ({ data, setStateValue }) {
  let id = null;
  try {
    id = localStorage.getItem("diffviz-learner");
    if (!id) localStorage.setItem("diffviz-learner", (id = data.fresh));
  } catch { id = data.fresh; }  // a browser that keeps nothing: this visit only
  if (data.known !== id) setStateValue("id", id);
}
"""
_ID = re.compile(r"[0-9a-f]{32}")


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component("diffviz_learner", html="<span hidden></span>", js=_JS)


@st.cache_resource(show_spinner=False)
def _store(folder: str) -> tuple[Store, str | None]:
    """The store, and a sentence if it could only be made in memory."""
    try:
        return Store(Path(folder) / "progress.sqlite"), None
    except StoreError as error:
        return Store(None), f"{error} It is kept until the server stops."


def store() -> Store:
    """The store of this server; says once a page when it is in memory only."""
    folder = os.environ.get("DIFFVIZ_DATA") or platformdirs.user_data_dir("diffviz")
    found, problem = _store(folder)
    if problem:
        st.warning(problem, icon=":material/save:")
    return found


def identify() -> str:
    """The anonymous id of this browser; until the browser has answered, one for this visit."""
    fresh = st.session_state.setdefault("learner-fresh", uuid.uuid4().hex)
    known = st.session_state.get("learner-id")
    result = _component()(
        data={"fresh": fresh, "known": known}, default={"id": known}, key="learner", on_id_change=lambda: None
    )
    if isinstance(result.id, str) and _ID.fullmatch(result.id) and result.id != known:
        st.session_state["learner-id"] = known = result.id
        if known != fresh:
            _forget_progress()  # what was shown so far belonged to nobody: load this learner's own
    return known or fresh


def _forget_progress() -> None:
    for key in [k for k in st.session_state if str(k).startswith("practice-")]:
        del st.session_state[key]


def log(kind: str, item: str, result: str, sure: str | None = None) -> None:
    """Add an answer to the log; a disk that refuses it is reported on the next draw, and the visit goes on."""
    learner = st.session_state.get("learner-id") or st.session_state["learner-fresh"]
    try:
        store().add(learner, Event(kind, item, result, sure, datetime.now(UTC)))
    except StoreError as error:
        st.session_state["learner-problem"] = str(error)


def load_progress(key: str, make: Callable[[], dict]) -> dict:
    """Where the learner is in one exercise: from this visit, from the store, or a new beginning."""
    name = f"practice-{key}"
    if name not in st.session_state:
        kept = None
        try:
            kept = store().get(current_id(), key)
        except StoreError as error:
            st.session_state["learner-problem"] = str(error)
        st.session_state[name] = kept or make()
    return st.session_state[name]


def current_id() -> str:
    """The id found by `identify` earlier in this run."""
    return st.session_state.get("learner-id") or st.session_state["learner-fresh"]


def save_progress(key: str) -> None:
    """Keep the place in one exercise if it has changed, and report what could not be kept."""
    state = st.session_state.get(f"practice-{key}")
    text = json.dumps(state)
    if state is not None and st.session_state.get(f"kept-{key}") != text:
        try:
            store().put(current_id(), key, state)
            st.session_state[f"kept-{key}"] = text
        except StoreError as error:
            st.session_state["learner-problem"] = str(error)
    problem = st.session_state.pop("learner-problem", None)
    if problem:
        st.warning(problem, icon=":material/save:")


def erase() -> None:
    """Forget this learner, on the server and in this visit."""
    store().erase(current_id())
    _forget_progress()
    for key in [k for k in st.session_state if str(k).startswith("kept-")]:
        del st.session_state[key]
