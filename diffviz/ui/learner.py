"""Who is practising, without asking: an anonymous id in the browser, and the store on the server's disk or in PostgreSQL.

An answer that the disk refuses stays in the visit, counts there, is tried again at every run of the page, and is said
to be unkept until it is kept.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2

from diffviz.lessons import postgresql
from diffviz.lessons.moving import MoveCodes
from diffviz.lessons.store import FILE, Event, History, Store, StoreError, folder
from diffviz.lessons.store_postgresql import open_store
from diffviz.ui.turns import visitor

_JS = """
export default function ({ data, setStateValue }) {
  let id = data.adopted;
  try {
    id ??= localStorage.getItem("diffviz-learner") || data.fresh;
    localStorage.setItem("diffviz-learner", id);
  } catch { id ??= data.fresh; }  // a browser that keeps nothing: this visit only
  if (data.known !== id) setStateValue("id", id);
}
"""
_ID = re.compile(r"[0-9a-f]{32}")
RETRY_SECONDS = 30.0  # between attempts to open a file that could not be opened
_UNKEPT = "learner-unkept"  # in the session: token -> answer that the disk has refused
_PROBLEM = "learner-problem"


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component("diffviz_learner", html="<span hidden></span>", js=_JS)


# --- the store ---------------------------------------------------------------------------------------------


@dataclass
class _Opened:
    """The store at a place, in memory where that cannot be opened, which `problem` says."""

    store: Store
    problem: str | None
    tried: float


# Not in Streamlit's cache, which any visitor's browser can ask to be emptied for all.
_opened: dict[Path | str, _Opened] = {}
_opening = threading.Lock()


def _open() -> _Opened:
    """The store in the database that DIFFVIZ_DATABASE_URL names, or in the file of this server."""
    where = postgresql.from_environment() or folder() / FILE
    with _opening:
        found = _opened.get(where)
        if found and (found.problem is None or time.monotonic() - found.tried < RETRY_SECONDS):
            return found
        try:
            store = open_store(where)
            if found:
                found.store.copy_to(store)
            _opened[where] = _Opened(store, None, time.monotonic())
        except StoreError as error:
            memory = found.store if found else Store(None)
            problem = f"{error} Until that is mended it is kept in memory, and lost when the server stops."
            _opened[where] = _Opened(memory, problem, time.monotonic())
        return _opened[where]


def store() -> Store:
    """The store of this server."""
    return _open().store


def _standing_problem() -> str | None:
    """A sentence on the store as a whole: in memory, of a newer version, or begun anew during this visit."""
    found = _open()
    lost = st.session_state.setdefault("store-lost", found.store.lost)
    if found.store.lost > lost:
        return (
            "The server's file of answers was removed or replaced during your visit: what it held of you may be gone. "
            "A new one was begun."
        )
    return found.problem or found.store.problem


# --- the learner -------------------------------------------------------------------------------------------


def identify() -> str:
    """The anonymous id of this browser; until the browser has answered, one for this visit."""
    fresh = st.session_state.setdefault("learner-fresh", uuid.uuid4().hex)
    known, adopted = st.session_state.get("learner-id"), st.session_state.get("learner-adopted")
    data = {"fresh": fresh, "known": known, "adopted": adopted}
    result = _component()(data=data, default={"id": known}, key="learner", on_id_change=lambda: None)
    if adopted:  # what the browser had before no longer counts
        known = st.session_state["learner-id"] = adopted
    elif isinstance(result.id, str) and _ID.fullmatch(result.id) and result.id != known:
        st.session_state["learner-id"] = result.id
        if result.id != fresh:
            _take_along(fresh, result.id)
            _forget_progress()  # what was shown so far belonged to nobody: load this learner's own
        known = result.id
    return known or fresh


def move_code() -> str:
    """A one-time code with which another browser goes on as this learner. Raises StoreError where it cannot be kept."""
    return _codes.issue(current_id())


def go_on_as(code: str) -> int:
    """Go on as the learner who took this code in another browser, with the answers of this one; returns how many there are.

    Raises MoveError for a code that leads nowhere, StoreError where the answers cannot be kept; nothing has changed then,
    but that the code is used up.
    """
    known = _codes.redeem(code, visitor())
    if known != current_id():
        store().rename(current_id(), known)
        st.session_state["learner-adopted"] = st.session_state["learner-id"] = known
        _forget_progress()
    return len(events())


_codes = MoveCodes(store)


def _take_along(fresh: str, known: str) -> None:
    """Give what was answered before the browser said who it is to the one who answered."""
    if st.session_state.pop("learner-wrote", False):
        try:
            store().rename(fresh, known)
        except StoreError as error:
            st.session_state[_PROBLEM] = str(error)


def current_id() -> str:
    """The id found by `identify` earlier in this run."""
    return st.session_state.get("learner-id") or st.session_state["learner-fresh"]


def _forget_progress() -> None:
    # Besides what the exercises keep: what stands in the fields of the self-check, which live on in the session.
    mine = ("practice-", "kept-", "sure-", "own-check-", "check-")
    for key in [k for k in st.session_state if str(k).startswith(mine)]:
        del st.session_state[key]


# --- answers and places ------------------------------------------------------------------------------------


def log(
    kind: str, item: str, result: str, sure: str | None = None, *, turn: object, key: str | None = None
) -> None:
    """Add an answer to the log, and with it the place that it leads to in the exercise `key`, if it is given.

    `turn` tells one asking of an item from the next, the same in every tab: an asking is answered once, whatever is sent
    twice. A disk that refuses the answer is reported by `report`, and the visit goes on with it.
    """
    token = hashlib.sha256(f"{kind}|{item}|{turn}".encode()).hexdigest()[:32]
    unkept: dict[str, Event] = st.session_state.setdefault(_UNKEPT, {})
    unkept.setdefault(token, Event(kind, item, result, sure, datetime.now(UTC)))
    _keep_answers(key)


def _keep_answers(key: str | None = None) -> None:
    """Write the answers that are not kept yet, the last one with the place in the exercise `key`."""
    unkept: dict[str, Event] = st.session_state.get(_UNKEPT, {})
    try:
        waiting = list(unkept.items())
        for token, event in waiting:
            state = st.session_state.get(f"practice-{key}") if token == waiting[-1][0] else None
            store().add(current_id(), event, token, None if state is None or key is None else (key, state))
            st.session_state["learner-wrote"] = True
            del unkept[token]
            if state is not None:
                st.session_state[f"kept-{key}"] = json.dumps(state)
    except StoreError as error:
        st.session_state[_PROBLEM] = str(error)


def events() -> History:
    """The learner's answers, with those of this visit that could not be kept yet."""
    try:
        kept = store().events(current_id())
    except StoreError as error:
        st.session_state[_PROBLEM] = str(error)
        kept = History()
    unkept: dict[str, Event] = st.session_state.get(_UNKEPT, {})
    return History([*kept, *unkept.values()], kept.unreadable) if unkept else kept


def load_progress(key: str, make: Callable[[], dict]) -> dict:
    """Where the learner is in one exercise: from this visit, from the store, or a new beginning."""
    name = f"practice-{key}"
    if name not in st.session_state:
        fresh, kept = make(), None
        try:
            kept = store().get(current_id(), key)
            if kept is not None and not _fits(kept, fresh):
                raise StoreError("Your place in this exercise cannot be read: the exercise begins anew.")
            if kept is not None:
                st.session_state[f"kept-{key}"] = json.dumps(kept)
        except StoreError as error:
            st.session_state[_PROBLEM], kept = str(error), None
        st.session_state[name] = {**fresh, **(kept or {})}
    return st.session_state[name]


def _fits(kept: dict, fresh: dict) -> bool:
    """Whether a stored place has the form of a new one; a field that it lacks is taken from the new one."""
    return all(
        kept.get(name) is None or value is None or isinstance(kept[name], type(value))
        for name, value in fresh.items()
    )


def save_progress(key: str) -> None:
    """Keep the place in one exercise if the learner has changed it, and report what could not be kept.

    An exercise that was only opened leaves nothing in the store.
    """
    state = st.session_state.get(f"practice-{key}")
    text = json.dumps(state)
    if state is not None and st.session_state.setdefault(f"kept-{key}", text) != text:
        try:
            store().put(current_id(), key, state)
            st.session_state["learner-wrote"] = True
            st.session_state[f"kept-{key}"] = text
        except StoreError as error:
            st.session_state[_PROBLEM] = str(error)
    report()


def report() -> None:
    """Try again what could not be kept, and say what still is not, or what else is wrong; for the end of a page."""
    _keep_answers()
    said = [_standing_problem(), st.session_state.pop(_PROBLEM, None)]
    if waiting := len(st.session_state.get(_UNKEPT, {})):
        said.append(
            f"{waiting} {'answers' if waiting > 1 else 'answer'} of this visit could not be kept yet. They count here and "
            "are tried again with everything you do; closing this tab of the browser loses them."
        )
    if any(said):
        st.warning(" ".join(dict.fromkeys(s for s in said if s)), icon=":material/save:")


def erase() -> None:
    """Forget this learner, on the server and in this visit."""
    st.session_state.pop(_UNKEPT, None)
    try:
        store().erase(current_id())
    except StoreError as error:
        st.session_state[_PROBLEM] = str(error)
    _forget_progress()
