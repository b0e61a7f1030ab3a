"""Mixed practice: questions from all decks, interleaved; what is due or was answered wrong comes first."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import streamlit as st

from diffviz.lessons import content, scheduling
from diffviz.ui import learner
from diffviz.ui.practice import flashcards, quiz, self_check

KINDS = ("flashcards", "self_check", "scenario_quiz", "page_quiz", "live")
KIND_TITLES = {
    "flashcards": "Flashcard",
    "self_check": "Self-check",
    "scenario_quiz": "Scenario",
    "page_quiz": "Lesson question",
    "live": "Answered by a live run",
}
ROUND = 10  # questions


def _new() -> dict:
    return {
        "item": None,
        "rated_before": 0,
        "given": None,
        "own": {},
        "marks": {},
        "done": 0,
        "credits": [],  # of the questions of this round
        "seed": random.randrange(10**6),
    }


def show() -> None:
    """A round of questions; kinds and concepts alternate while they can (see `scheduling.next_item`)."""
    kind_of = {i.id: kind for kind in KINDS for i in content.load(kind)}
    items = {i.id: i for kind in KINDS for i in content.load(kind)}
    state = learner.load_progress("now", _new)
    events, now = learner.events(), datetime.now(UTC)
    # A card is done as soon as it has one rating more than when it was shown.
    times = Counter(e.item for e in events)
    if kind_of.get(state["item"]) == "flashcards" and times[state["item"]] > state["rated_before"]:
        rating = next(e.result for e in reversed(events) if e.item == state["item"])
        _done(state, scheduling.CREDIT[rating])
    if len(state["credits"]) >= ROUND:
        _summary(state)
        return
    if state["item"] not in items:
        found = scheduling.next_item(events, list(items.values()), now, kind_of)
        state.update(
            item=found.id if found else None, given=None, rated_before=times[found.id] if found else 0
        )
    if state["item"] is None:
        st.header("All done for now", anchor=False)
        st.markdown(
            "No flashcard is due, and every other question has been answered right. Questions answered wrong come back "
            "after ten minutes, flashcards when they are due."
        )
        return
    item = items[state["item"]]
    kind = kind_of[item.id]
    n = len(state["credits"])
    st.progress(n / ROUND, f"{n + 1} of {ROUND}")
    st.caption(f"{KIND_TITLES[kind]} · {item.concept}")
    if isinstance(item, content.Flashcard):
        flashcards.ask(item, events, now)
    elif isinstance(item, content.SelfCheck):
        self_check.ask(item, state)
        st.button("Next", type="primary", on_click=_next_check, args=(state, item), key=f"now-next-{item.id}")
    elif isinstance(item, content.Choice | content.Live):
        asked = quiz.pose_question(item, kind, state["seed"] + state["done"])
        if state["given"] is None:
            quiz.ask(asked, f"now-{item.id}-{state['done']}", lambda *answer: _answer(state, *answer))
        else:
            quiz.explain(asked, *state["given"])
            credit = float(state["given"][0] == asked.right.text)
            st.button(
                "Next",
                type="primary",
                on_click=_next,
                args=(state, item.id, credit),
                key=f"now-next-{item.id}",
            )


def _answer(state: dict, asked: quiz.PosedQuestion, picked: str, sure: str | None) -> None:
    state["given"] = (picked, sure)
    quiz.log(asked, picked, sure, _turn(state), "now")


def _turn(state: dict) -> str:
    """The place of the question in the round that was dealt with this seed."""
    return f"{state['seed']} {state['done']}"


def _done(state: dict, credit: float) -> None:
    """Leave a question with the credit of its answer, from 0 to 1."""
    state.update(item=None, given=None, done=state["done"] + 1, credits=[*state["credits"], credit])


def _next(state: dict, item: str, credit: float) -> None:
    """Leave this question; a second press before the page has run does nothing."""
    if state["item"] == item:
        _done(state, credit)


def _next_check(state: dict, item: content.SelfCheck) -> None:
    if state["item"] != item.id:  # pressed twice before the page has run
        return
    self_check.keep(item, state)
    sure = self_check.leave(item)
    state["own"].pop(item.id, None)  # recalled freely when it comes back
    # An answer that was never compared counts as missed: it will be asked again.
    result, turn = self_check.RESULT_OF_MARK[state["marks"].pop(item.id, "missed")], _turn(state)
    _done(state, scheduling.CREDIT[result])
    learner.log("self_check", item.id, result, sure, turn=turn, key="now")


def _summary(state: dict) -> None:
    credits = state["credits"]
    st.header(f"{sum(c == 1 for c in credits)} of {len(credits)} right", anchor=False)
    partly = sum(0 < c < 1 for c in credits)
    also = (
        f" {partly} more partly: a self-check with some of its points, or a card rated “hard”."
        if partly
        else ""
    )
    st.markdown(
        f"A card counts as right where you rated it “good” or “easy”.{also} What was wrong comes back after ten minutes."
    )
    st.button("Another round", type="primary", on_click=lambda: state.update(credits=[]))
