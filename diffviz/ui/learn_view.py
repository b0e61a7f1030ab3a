"""The parts of the practice page. What was answered is kept while the visit lasts."""

from __future__ import annotations

import random
from collections.abc import Callable

import streamlit as st

from diffviz.learn import content, grading

CONFIDENCE = ("a guess", "fairly sure", "certain")
PAGES = {"forward": "pages/1_forward.py", "reverse": "pages/2_reverse.py", "steps": "pages/3_steps.py"}
MARKS = {"missed": ":material/close:", "partly": ":material/contrast:", "got it": ":material/check:"}


def demo_link(demo: content.Demo | None) -> None:
    """A link to the live demo that shows the answer."""
    if demo:
        st.page_link(
            PAGES[demo.page], label=demo.label, icon=":material/play_circle:", query_params=demo.state
        )


def _state(key: str, make: Callable[[], dict]) -> dict:
    """This visit's state of one way to practise."""
    return st.session_state.setdefault(f"practice-{key}", make())


def _next(state: dict) -> None:
    state["at"] += 1


def _again(key: str) -> None:
    st.session_state.pop(f"practice-{key}", None)


# --- self-check --------------------------------------------------------------------------------------------


def self_check() -> None:
    """Question, own words, confidence, then the model answer; the learner marks it against the key points."""
    items = content.load("self_check")
    state = _state("check", lambda: {"at": 0, "marks": {}})
    if state["at"] >= len(items):
        _self_check_summary(items, state)
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    st.header(item.prompt, anchor=False)
    st.text_area("In your own words (nobody else sees it)", key=f"own-{item.id}", persist_state="session")
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
    st.button("Next question", key=f"next-{item.id}", on_click=_next, args=(state,), type="primary")


def _self_check_summary(items: tuple, state: dict) -> None:
    st.header("Done", anchor=False)
    for item in items:
        verdict = state["marks"].get(item.id)
        st.markdown(
            f"- {MARKS[verdict]} **{verdict}**: {item.prompt}" if verdict else f"- not marked: {item.prompt}"
        )
    st.button("Start over", on_click=_again, args=("check",))


# --- order the process -------------------------------------------------------------------------------------


def order() -> None:
    """Six shuffled stages, moved by buttons; feedback names the first that stands wrong, and why."""
    item = content.load("order")[0]
    state = _state(
        "order",
        lambda: {"order": grading.scrambled(len(item.stages), random.randrange(10**6)), "checked": None},
    )
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
    result: grading.OrderResult | None = state["checked"]
    if result is None:
        return
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
    state["checked"] = None


def _check_order(state: dict, item: content.Ordering) -> None:
    right = [s.id for s in item.stages]
    state["checked"] = grading.grade_order([right[k] for k in state["order"]], right)


# --- the work quiz -----------------------------------------------------------------------------------------


def work_quiz() -> None:
    """Five scenes: answer, confidence, the reason for every option, and a retry of what was missed."""
    every = {i.id: i for i in content.load("work_quiz")}
    state = _state(
        "quiz", lambda: {"ids": list(every), "at": 0, "given": {}, "seed": random.randrange(10**6)}
    )
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


def _quiz_summary(state: dict, every: dict[str, content.Choice]) -> None:
    right = {i: next(o.text for o in every[i].options if o.right) for i in state["ids"]}
    missed = [i for i in state["ids"] if state["given"].get(i, ("",))[0] != right[i]]
    st.header(f"{len(state['ids']) - len(missed)} of {len(state['ids'])} right", anchor=False)
    for i in missed:
        st.markdown(f"- Missed: {every[i].prompt}")
    with st.container(horizontal=True):
        if missed:
            st.button("Retry what was missed", type="primary", on_click=_retry, args=(state, missed))
        st.button("Start over", on_click=_again, args=("quiz",))


def _retry(state: dict, missed: list[str]) -> None:
    for i in missed:
        state["given"].pop(i, None)
    state.update(ids=missed, at=0, seed=state["seed"] + 100)


# --- flashcards --------------------------------------------------------------------------------------------


def flashcards() -> None:
    """Ten cards in a queue: what was not known comes back soon, what was known leaves."""
    cards = {c.id: c for c in content.load("flashcards")}
    state = _state("cards", lambda: {"queue": list(cards), "flipped": False})
    if not state["queue"]:
        st.header("Every card is known", anchor=False)
        st.button("Go through them again", on_click=_again, args=("cards",))
        return
    card = cards[state["queue"][0]]
    st.progress(1 - len(state["queue"]) / len(cards), f"{len(state['queue'])} left")
    with st.container(border=True):
        st.caption(f"{card.concept} · {card.difficulty}")
        st.header(card.front, anchor=False)
        if state["flipped"]:
            st.markdown(card.back)
            demo_link(card.demo)
    if not state["flipped"]:
        st.button("Flip", type="primary", icon=":material/flip:", on_click=lambda: state.update(flipped=True))
        return
    with st.container(horizontal=True):
        for name, back in (("Again", 2), ("Hard", 4), ("Good", None)):
            st.button(name, key=f"rate-{name}", on_click=_rate, args=(state, back))


def _rate(state: dict, back: int | None) -> None:
    card = state["queue"].pop(0)
    if back is not None:
        state["queue"].insert(back, card)
    state["flipped"] = False


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


PARTS = {
    "self-check": self_check,
    "order": order,
    "work quiz": work_quiz,
    "flashcards": flashcards,
    "interview deck": interview,
    "dictionary": dictionary,
}
