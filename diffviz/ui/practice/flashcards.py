"""Flashcards, scheduled by spaced repetition (FSRS, see `diffviz.lessons.scheduling`)."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from diffviz.lessons import content, scheduling
from diffviz.lessons.store import Event
from diffviz.ui import learner
from diffviz.ui.practice import common, printing
from diffviz.ui.prose import counted


def show() -> None:
    """The deck by spaced repetition: cards that are due come first, then new ones."""
    every = content.load("flashcards")
    concepts = list(dict.fromkeys(c.concept for c in every))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        concept = st.selectbox(
            "Deck", ["all", *concepts], key="deck", format_func=lambda c: "all concepts" if c == "all" else c,
            persist_state="session", width=260,
        )  # fmt: skip
        printing.button(every)
    deck = {c.id: c for c in every if concept in ("all", c.concept)}
    events, now = learner.events(), datetime.now(UTC)
    waiting = scheduling.due(events, list(deck), now)
    if not waiting:
        when = scheduling.next_due(events, list(deck))
        st.header("Nothing is due", anchor=False)
        if when is not None:
            st.markdown(f"The next card is due in {_span((when - now).total_seconds())}.")
        _browse(deck, events, now)
        return
    st.progress(1 - len(waiting) / len(deck), f"{len(waiting)} due")
    ask(deck[waiting[0]], events, now)
    _browse({c: card for c, card in deck.items() if c not in waiting}, events, now)


def _browse(cards: dict[str, content.Flashcard], events: list[Event], now: datetime) -> None:
    """The cards that are not due, to be read; reading them does not change their schedule."""
    if not cards:
        return
    states = scheduling.cards(events)
    n = len(cards)
    which = f"{n} cards that are" if n != 1 else "1 card that is"
    with st.expander(f"Browse the {which} not due", icon=":material/menu_book:"):
        for card in cards.values():
            back_in = _span((states[card.id].due - now).total_seconds())
            st.markdown(f"**{card.front}** {card.back}")
            st.caption(f"{card.concept} · {card.difficulty} · comes back in {back_in}")
            common.demo_link(card.demo)


def ask(card: content.Flashcard, events: list[Event], now: datetime) -> None:
    """One card: its front, then its back and the four ratings, each with the interval that follows from it."""
    flipped = st.session_state.get("flipped") == card.id
    with st.container(border=True):
        st.caption(f"{card.concept} · {card.difficulty}")
        st.header(card.front, anchor=False)
        if flipped:
            st.markdown(card.back)
            common.demo_link(card.demo)
    if not flipped:
        st.button(
            "Flip", type="primary", icon=":material/flip:", on_click=_flip, args=(card.id,), shortcut="Space"
        )
        return
    st.markdown("How well did you recall it?")
    rated = sum(e.item == card.id for e in events)
    with st.container(horizontal=True):
        for rating, seconds in scheduling.intervals(events, card.id, now).items():
            st.button(
                rating.capitalize(),
                key=f"rate-{rating}",
                help=f"Comes back in {_span(seconds)}",
                on_click=_rate,
                args=(card.id, rating, rated),
            )


def _flip(card: str) -> None:
    st.session_state["flipped"] = card


def _rate(card: str, rating: str, rated: int) -> None:
    learner.log("flashcards", card, rating, turn=rated)
    st.session_state.pop("flipped", None)


def _span(seconds: float) -> str:
    """A duration in its largest whole unit: “3 days”, “1 hour”, “under a minute”."""
    if seconds < 60:
        return "under a minute"
    n, unit = round(seconds / 60), "minute"
    if n >= 60:
        n, unit = round(seconds / 3600), "hour"
    if unit == "hour" and n >= 24:
        n, unit = round(seconds / 86_400), "day"
    return counted(n, unit)
