"""Multiple choice: a deck with progress, confidence, feedback for every option, and a retry of wrong answers.

Live questions are multiple choice too: their images, options and right answer come from a run that is computed when
the question is asked, from the learner's seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from diffviz.lessons import content, grading
from diffviz.lessons.pages import BY_SLUG
from diffviz.ui import learner
from diffviz.ui.cache import memo
from diffviz.ui.practice import common

if TYPE_CHECKING:
    from diffviz.lessons.live_questions import Question

# deck -> the key under which the learner's place in it is saved
DECKS = {"scenario_quiz": "quiz", "page_quiz": "pages", "live": "live"}
SIDE = 112  # CSS pixels of an image in a question


@dataclass(frozen=True)
class PosedQuestion:
    """A question as it is shown: options in their shuffled order, and its images if it has any."""

    item: content.Choice | content.Live
    kind: str
    options: tuple[content.Option, ...]
    images: tuple[np.ndarray, ...] = ()
    titles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def right(self) -> content.Option:
        return next(o for o in self.options if o.right)


def pose_question(item: content.Choice | content.Live, kind: str, seed: int) -> PosedQuestion:
    """Prepare a question: options shuffled by the seed, or a live run from that seed (kept for the visit)."""
    if isinstance(item, content.Choice):
        order = grading.shuffled(len(item.options), seed)
        return PosedQuestion(item, kind, tuple(item.options[k] for k in order))
    asked = memo(f"scene-{item.id}", seed, lambda: _run_live(item.run, seed))
    options = tuple(
        content.Option(text, i == asked.right, why)
        for i, (text, why) in enumerate(zip(asked.options, asked.feedback, strict=True))
    )
    return PosedQuestion(item, kind, options, tuple(asked.images), tuple(asked.titles), tuple(asked.notes))


def _run_live(name: str, seed: int) -> Question:
    import torch  # slow to import, and only live questions need it

    from diffviz.lessons.live_questions import QUESTIONS

    torch.set_num_threads(1)
    with st.spinner("Running the network for this question …"):
        return QUESTIONS[name](seed)


def ask(asked: PosedQuestion, key: str, on_answer: Callable[[PosedQuestion, str, str | None], None]) -> None:
    """The question with its options and a confidence rating."""
    _head(asked, answered=False)
    pick, confidence = f"pick-{key}", f"sure-{key}"
    picked = st.radio("Your answer", [o.text for o in asked.options], index=None, key=pick)
    st.segmented_control("How sure are you?", common.CONFIDENCE, key=confidence)

    def answer() -> None:
        # What is chosen by then: a click may come before the page has run with the last choice.
        on_answer(asked, st.session_state[pick], st.session_state[confidence])

    st.button("Answer", type="primary", disabled=picked is None, on_click=answer, key=f"answer-{key}")


def explain(asked: PosedQuestion, picked: str, sure: str | None) -> None:
    """Feedback: whether the answer was right, and why each option is right or wrong."""
    _head(asked, answered=True)
    said = f" You were {sure}." if sure else ""
    chosen = next((o for o in asked.options if o.text == picked), None)
    if chosen is not None and chosen.right:
        st.success(f"Right. {chosen.why}{said}", icon=":material/check:")
    else:
        st.error(f"Not this one. {chosen.why if chosen else ''}{said}", icon=":material/close:")
    if chosen is not None:
        _refute(chosen, with_belief=True)
    for option in asked.options:
        mark = ":material/check:" if option.right else ":material/close:"
        st.markdown(f"{mark} **{option.text}** {option.why}")
        if option is not chosen:
            _refute(option, with_belief=False)
    if isinstance(asked.item, content.Live):
        st.markdown(asked.item.explanation)
        st.caption("Generated and evaluated just now, from a seed of your own.")
    common.demo_link(asked.item.demo)


def _refute(option: content.Option, with_belief: bool) -> None:
    """The misconception behind a wrong option, and a link to the run that refutes it where there is one."""
    if not option.misconception:  # a right one, or one that a live run made
        return
    behind = content.misconceptions()[option.misconception]
    if with_belief:
        st.markdown(f"The misconception behind it: *{behind.belief}*")
    if behind.demo:
        st.page_link(
            BY_SLUG[behind.demo.page].file,
            label=f"The run that refutes it: {behind.demo.label}",
            icon=":material/science:",
            query_params=behind.demo.state,
        )


def _head(asked: PosedQuestion, answered: bool) -> None:
    st.caption(asked.item.setting)
    st.header(asked.item.prompt, anchor=False)
    if asked.images:
        from diffviz.ui.components import gallery

        notes = asked.notes if answered else [""] * len(asked.images)
        st.html(gallery.row(asked.images, asked.titles, notes, wanted=SIDE))


def log(asked: PosedQuestion, picked: str, sure: str | None, turn: object, key: str) -> None:
    """Add an answer to the learner's log, with the place in the exercise `key`; see `learner.log`."""
    result = "right" if picked == asked.right.text else "wrong"
    learner.log(asked.kind, asked.item.id, result, sure, turn=turn, key=key)


# --- a whole deck ------------------------------------------------------------------------------------------


def _new_quiz(kind: str) -> dict:
    ids = [i.id for i in content.load(kind)]
    return {"ids": ids, "at": 0, "given": {}, "seed": random.randrange(10**6)}


def show(kind: str) -> None:
    """A deck from its first question to the score."""
    every = {i.id: i for i in content.load(kind) if isinstance(i, content.Choice | content.Live)}
    state = learner.load_progress(DECKS[kind], lambda: _new_quiz(kind))
    ids = state["ids"] = [i for i in state["ids"] if i in every]  # a question may have been removed since
    if state["at"] >= len(ids):
        _summary(state, every, kind)
        return
    item = every[ids[state["at"]]]
    st.progress(state["at"] / len(ids), f"{state['at'] + 1} of {len(ids)}")
    asked = pose_question(item, kind, state["seed"] + state["at"])
    given = state["given"].get(item.id)
    if given is None:
        ask(asked, f"{item.id}-{state['seed']}", lambda *answer: _answer(state, *answer))
        return
    explain(asked, given[0], given[1])
    last = state["at"] + 1 == len(ids)
    st.button(
        "See the score" if last else "Next",
        type="primary",
        on_click=common.advance,
        args=(state, state["at"]),
    )


def _answer(state: dict, asked: PosedQuestion, picked: str, sure: str | None) -> None:
    state["given"][asked.item.id] = (picked, sure, picked == asked.right.text)
    log(asked, picked, sure, state["seed"], DECKS[asked.kind])


def _summary(state: dict, every: dict[str, content.Choice | content.Live], kind: str) -> None:
    missed = [i for i in state["ids"] if not _was_right(state["given"].get(i), every[i])]
    st.header(f"{len(state['ids']) - len(missed)} of {len(state['ids'])} right", anchor=False)
    for i in missed:
        st.markdown(f"- Wrong or skipped: {every[i].prompt}")
    with st.container(horizontal=True):
        if missed:
            st.button("Retry the wrong answers", type="primary", on_click=_retry, args=(state, missed))
        st.button("Start over", on_click=common.restart_exercise, args=(DECKS[kind], lambda: _new_quiz(kind)))


def _was_right(given: Sequence | None, item: content.Choice | content.Live) -> bool:
    if given is None:
        return False
    if len(given) > 2:
        return bool(given[2])
    # A state saved before answers were graded when given.
    return isinstance(item, content.Choice) and given[0] == next(o.text for o in item.options if o.right)


def _retry(state: dict, missed: list[str]) -> None:
    for i in missed:
        state["given"].pop(i, None)
    state.update(ids=missed, at=0, seed=state["seed"] + 100)
