"""The parts of the practice page."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from diffviz.learn import content, grading, review
from diffviz.learn.store import StoreError
from diffviz.ui import learner

CONFIDENCE = ("a guess", "fairly sure", "certain")
PAGES = {"forward": "pages/1_forward.py", "reverse": "pages/2_reverse.py", "steps": "pages/3_steps.py"}
RESULT_OF_MARK = {"missed": "wrong", "partly": "partly", "got it": "right"}
MARKS = {"missed": ":material/close:", "partly": ":material/contrast:", "got it": ":material/check:"}


def demo_link(demo: content.Demo | None) -> None:
    """A link to the live demo that shows the answer."""
    if demo:
        st.page_link(
            PAGES[demo.page], label=demo.label, icon=":material/play_circle:", query_params=demo.state
        )


def _next(state: dict) -> None:
    state["at"] += 1


def _again(key: str, make: Callable[[], dict]) -> None:
    st.session_state[f"practice-{key}"] = make()


def _new_check() -> dict:
    return {"at": 0, "marks": {}, "own": {}}


def _new_order() -> dict:
    stages = len(content.load("order")[0].stages)
    return {"order": grading.scrambled(stages, random.randrange(10**6)), "checked": False}


def _new_quiz() -> dict:
    ids = [i.id for i in content.load("work_quiz")]
    return {"ids": ids, "at": 0, "given": {}, "seed": random.randrange(10**6)}


# --- self-check --------------------------------------------------------------------------------------------


def self_check() -> None:
    """Question, own words, confidence, then the model answer; the learner marks it against the key points."""
    items = content.load("self_check")
    state = learner.place("check", _new_check)
    if state["at"] >= len(items):
        _self_check_summary(items, state)
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    st.header(item.prompt, anchor=False)
    state["own"][item.id] = st.text_area(
        "In your own words (nobody else sees it)",
        state["own"].get(item.id, ""),
        max_chars=2000,
        key=f"own-{item.id}",
    )
    st.segmented_control("How sure are you?", CONFIDENCE, key=f"sure-{item.id}", persist_state="session")
    if st.toggle("Show our answer", key=f"shown-{item.id}"):
        st.info(item.answer)
        st.markdown("Mark yourself: which of these were in your answer?")
        met = [
            st.checkbox(point, key=f"{item.id}-{i}", persist_state="session")
            for i, point in enumerate(item.key_points)
        ]
        verdict = grading.mark(sum(met), len(met))
        state["marks"][item.id] = verdict
        st.markdown(f"{MARKS[verdict]} **{verdict}**")
        demo_link(item.demo)
    st.button(
        "Next question", key=f"next-{item.id}", on_click=_next_check, args=(state, item), type="primary"
    )


def _next_check(state: dict, item: content.SelfCheck) -> None:
    if item.id in state["marks"]:
        learner.log("self_check", item.id, RESULT_OF_MARK[state["marks"][item.id]])
    _next(state)


def _self_check_summary(items: tuple, state: dict) -> None:
    st.header("Done", anchor=False)
    for item in items:
        verdict = state["marks"].get(item.id)
        st.markdown(
            f"- {MARKS[verdict]} **{verdict}**: {item.prompt}" if verdict else f"- not marked: {item.prompt}"
        )
    st.button("Start over", on_click=_again, args=("check", _new_check))


# --- order the process -------------------------------------------------------------------------------------


def order() -> None:
    """Six shuffled stages, moved by buttons; feedback names the first that stands wrong, and why."""
    item = content.load("order")[0]
    state = learner.place("order", _new_order)
    st.header(item.prompt, anchor=False)
    for place, k in enumerate(state["order"]):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"**{place + 1}.** {item.stages[k].text}")
            with st.container(horizontal=True, width="content"):
                for by, name in ((-1, "up"), (1, "down")):
                    st.button(
                        name,
                        key=f"order-{k}-{name}",
                        icon=f":material/arrow_{name}ward:",
                        help=f"Move this stage {name}",
                        disabled=not 0 <= place + by < len(state["order"]),
                        on_click=_move,
                        args=(state, place, by),
                    )
    st.button("Check the order", type="primary", on_click=_check_order, args=(state, item))
    if not state["checked"]:
        return
    result = _grade(state, item)
    if result.first_wrong is None:
        st.success(f"All six stand right. {item.explanation}", icon=":material/check:")
    else:
        stage = item.stages[state["order"][result.first_wrong]]
        st.warning(
            f"{result.pairs_right} of {result.pairs} pairs are in the right order. The first that stands wrong is "
            f"number {result.first_wrong + 1}, “{stage.text}”. {item.stages[result.first_wrong].why}",
            icon=":material/low_priority:",
        )
    demo_link(item.demo)


def _move(state: dict, place: int, by: int) -> None:
    order = state["order"]
    order[place], order[place + by] = order[place + by], order[place]
    state["checked"] = False


def _grade(state: dict, item: content.Ordering) -> grading.OrderResult:
    right = [s.id for s in item.stages]
    return grading.grade_order([right[k] for k in state["order"]], right)


def _check_order(state: dict, item: content.Ordering) -> None:
    state["checked"] = True
    share = _grade(state, item).share
    learner.log("order", item.id, "right" if share == 1 else "partly" if share >= 0.5 else "wrong")


# --- predict, then look ------------------------------------------------------------------------------------


def _new_predictions() -> dict:
    return {"at": 0, "picked": {}, "why": {}, "looked": []}


def predict() -> None:
    """Commit to a prediction and the reason for it, then the live model shows what happens."""
    items = content.load("predictions")
    state = learner.place("predict", _new_predictions)
    if state["at"] >= len(items):
        st.header("All three are settled", anchor=False)
        st.button("Start over", on_click=_again, args=("predict", _new_predictions))
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    st.header(item.prompt, anchor=False)
    committed = item.id in state["looked"]
    before = state["picked"].get(item.id)
    at = item.options.index(before) if before else None
    picked = st.radio("Your prediction", item.options, at, key=f"predict-{item.id}", disabled=committed)
    why = st.text_input(
        "Because …", state["why"].get(item.id, ""), max_chars=200, key=f"why-{item.id}", disabled=committed
    )
    if not committed:
        ready = picked is not None and why.strip() != ""
        st.button(
            "Commit and look",
            type="primary",
            disabled=not ready,
            on_click=_commit,
            args=(state, item, picked, why),
        )
        if not ready:
            st.caption("Choose, and give a reason in a line: then the model shows what happens.")
        return
    from diffviz.ui.live_answers import ANSWERS  # needs torch: not for those who only read

    ANSWERS[item.id]()
    verdict = "as you said" if before == item.answer else f"and not “{before}”"
    st.markdown(f"The answer: **{item.answer}**, {verdict}. {item.reason}")
    st.markdown("Your reason was:")
    st.text(state["why"][item.id])
    demo_link(item.demo)
    st.button("Next", type="primary", on_click=_next, args=(state,), key=f"next-{item.id}")


def _commit(state: dict, item: content.Prediction, picked: str, why: str) -> None:
    state["picked"][item.id], state["why"][item.id] = picked, why
    state["looked"].append(item.id)
    learner.log("predictions", item.id, "right" if picked == item.answer else "wrong")


# --- the work quiz -----------------------------------------------------------------------------------------


def work_quiz() -> None:
    """Five scenes: answer, confidence, the reason for every option, and a retry of what was missed."""
    every = {i.id: i for i in content.load("work_quiz")}
    state = learner.place("quiz", _new_quiz)
    ids = state["ids"]
    if state["at"] >= len(ids):
        _quiz_summary(state, every)
        return
    item = every[ids[state["at"]]]
    st.progress(state["at"] / len(ids), f"{state['at'] + 1} of {len(ids)}")
    st.caption(item.setting)
    st.header(item.prompt, anchor=False)
    shown = [item.options[k] for k in grading.shuffled(len(item.options), state["seed"] + state["at"])]
    given = state["given"].get(item.id)
    if given is None:
        texts = [o.text for o in shown]
        picked = st.radio("Your answer", texts, index=None, key=f"pick-{item.id}-{state['seed']}")
        sure = st.segmented_control("How sure are you?", CONFIDENCE, key=f"sure-{item.id}-{state['seed']}")
        st.button(
            "Answer",
            type="primary",
            disabled=picked is None,
            on_click=_answer,
            args=(state, item, picked, sure),
        )
        return
    picked, sure = given
    right = next(o for o in shown if o.right)
    said = f" You were {sure}." if sure else ""
    if picked == right.text:
        st.success(f"Right. {right.why}{said}", icon=":material/check:")
    else:
        wrong = next(o for o in shown if o.text == picked)
        st.error(f"Not this one: {wrong.why}{said}", icon=":material/close:")
    for option in shown:
        st.markdown(
            f"{':material/check:' if option.right else ':material/close:'} **{option.text}** {option.why}"
        )
    demo_link(item.demo)
    last = state["at"] + 1 == len(ids)
    st.button("See the score" if last else "Next", type="primary", on_click=_next, args=(state,))


def _answer(state: dict, item: content.Choice, picked: str, sure: str | None) -> None:
    state["given"][item.id] = (picked, sure)
    right = next(o.text for o in item.options if o.right)
    learner.log("work_quiz", item.id, "right" if picked == right else "wrong", sure)


def _quiz_summary(state: dict, every: dict[str, content.Choice]) -> None:
    right = {i: next(o.text for o in every[i].options if o.right) for i in state["ids"]}
    missed = [i for i in state["ids"] if state["given"].get(i, ("",))[0] != right[i]]
    st.header(f"{len(state['ids']) - len(missed)} of {len(state['ids'])} right", anchor=False)
    for i in missed:
        st.markdown(f"- Missed: {every[i].prompt}")
    with st.container(horizontal=True):
        if missed:
            st.button("Retry what was missed", type="primary", on_click=_retry, args=(state, missed))
        st.button("Start over", on_click=_again, args=("quiz", _new_quiz))


def _retry(state: dict, missed: list[str]) -> None:
    for i in missed:
        state["given"].pop(i, None)
    state.update(ids=missed, at=0, seed=state["seed"] + 100)


# --- flashcards --------------------------------------------------------------------------------------------


def flashcards() -> None:
    """Ten cards, scheduled by how well each was known: what is due comes first, then what is new."""
    deck = {c.id: c for c in content.load("flashcards")}
    events, now = learner.store().events(learner.identity_now()), datetime.now(UTC)
    waiting = review.due(events, list(deck), now)
    if not waiting:
        when = review.next_due(events, list(deck))
        st.header("Nothing is due", anchor=False)
        st.markdown(f"The next card comes up in {_span((when - now).total_seconds())}.")
        return
    card = deck[waiting[0]]
    st.progress(1 - len(waiting) / len(deck), f"{len(waiting)} due")
    flipped = st.session_state.get("flipped") == card.id
    with st.container(border=True):
        st.caption(f"{card.concept} · {card.difficulty}")
        st.header(card.front, anchor=False)
        if flipped:
            st.markdown(card.back)
            demo_link(card.demo)
    if not flipped:
        st.button("Flip", type="primary", icon=":material/flip:", on_click=_flip, args=(card.id,))
        return
    st.markdown("How well did you know it?")
    with st.container(horizontal=True):
        for rating, seconds in review.intervals(events, card.id, now).items():
            st.button(
                rating.capitalize(),
                key=f"rate-{rating}",
                help=f"Comes back in {_span(seconds)}",
                on_click=_rate,
                args=(card.id, rating),
            )


def _flip(card: str) -> None:
    st.session_state["flipped"] = card


def _rate(card: str, rating: str) -> None:
    learner.log("flashcards", card, rating)
    st.session_state.pop("flipped", None)


def _span(seconds: float) -> str:
    """A length of time in the unit a reader would use."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            n = round(seconds / length)
            return f"{n} {unit}{'s' if n != 1 else ''}"
    return "under a minute"


# --- progress ----------------------------------------------------------------------------------------------


def progress() -> None:
    """How each concept stands, what to do next, and the learner's own copy of it all."""
    who, store = learner.identity_now(), learner.store()
    events = store.events(who)
    items = [
        i
        for kind in ("self_check", "order", "predictions", "work_quiz", "flashcards")
        for i in content.load(kind)
    ]
    standing = review.standings(events, items)
    waiting = review.due(events, [c.id for c in content.load("flashcards")], datetime.now(UTC))
    st.header("Where you stand", anchor=False)
    st.info(review.advice(standing, len(waiting)), icon=":material/lightbulb:")
    st.markdown(f"{len(events)} answers so far · {len(waiting)} flashcards due")
    for s in standing:
        share = s.credit * s.done / s.total
        st.progress(
            share, f"{s.concept}: {s.done} of {s.total} answered, {s.credit:.0%} right at the last try"
        )
    st.header("Your data", anchor=False)
    st.markdown("Kept on this server under a random id in your browser. Nothing about you is asked for.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download",
            json.dumps(store.export(who)),
            "diffviz-progress.json",
            "application/json",
            on_click="ignore",
        )
        if st.session_state.get("erase-asked"):
            st.button("Yes, erase everything", type="primary", on_click=_erase)
            st.button("No", on_click=lambda: st.session_state.pop("erase-asked"))
        else:
            st.button("Erase …", on_click=lambda: st.session_state.update({"erase-asked": True}))
    file = st.file_uploader("Bring in a download from another browser", type="json")
    if file is not None:
        try:
            st.success(f"{store.absorb(who, json.loads(file.getvalue()))} answers were added.")
        except (StoreError, ValueError) as error:
            st.error(
                str(error) if isinstance(error, StoreError) else "This file is not an export of diffviz."
            )


def _erase() -> None:
    learner.erase()
    st.session_state.pop("erase-asked")


# --- the interview deck ------------------------------------------------------------------------------------


def interview() -> None:
    """Twenty questions with difficulty, a filter, and a mock interview of five."""
    items = content.load("interview")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.segmented_control(
            "Difficulty",
            content.DIFFICULTIES,
            selection_mode="multi",
            key="interview-level",
            persist_state="session",
        )
        st.button("Mock interview: five at random", icon=":material/shuffle:", on_click=_mock, args=(items,))
        if "mock" in st.session_state:
            st.button("All twenty", on_click=lambda: st.session_state.pop("mock"))
    shown = [
        i
        for i in items
        if i.id in st.session_state.get("mock", [i.id]) and (not wanted or i.difficulty in wanted)
    ]
    for n, item in enumerate(shown, 1):
        with st.expander(f"{n}. {item.prompt} · {item.difficulty}"):
            st.markdown(item.answer)
            demo_link(item.demo)
    if not shown:
        st.info("No question of this difficulty in this selection.")
    sheet = content.dictionary()["cheat_sheet"]["lines"]
    with st.expander("Cheat sheet", icon=":material/description:"):
        st.markdown("\n".join(f"- {line}" for line in sheet))


def _mock(items: tuple[content.Interview, ...]) -> None:
    st.session_state["mock"] = [i.id for i in random.sample(items, 5)]


# --- the dictionary ----------------------------------------------------------------------------------------


def dictionary() -> None:
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
        demo_link(content.Demo(**entry["demo"]))
    for t in terms:
        st.markdown(f"**{t['term']}.** {t['text']}")
    if wanted and not terms and wanted not in whole.lower():
        st.info("No term matches.", icon=":material/search_off:")


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


KEYS = {
    "self-check": "check",
    "order": "order",
    "predict": "predict",
    "work quiz": "quiz",
}  # exercises whose place is kept
PARTS = {
    "self-check": self_check,
    "order": order,
    "predict": predict,
    "work quiz": work_quiz,
    "flashcards": flashcards,
    "progress": progress,
    "interview deck": interview,
    "dictionary": dictionary,
}
