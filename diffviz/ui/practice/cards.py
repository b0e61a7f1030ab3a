"""The four cards of the practice page, each with what it asks, the minutes it takes and the learner's progress in it."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from diffviz.lessons import content, scheduling
from diffviz.lessons.content import Item
from diffviz.lessons.store import History
from diffviz.ui.practice.mixed_practice import ROUND

# Words a minute: silent reading (Brysbaert 2019, doi 10.1016/j.jml.2019.104047, finds a mean of 238 for English
# non-fiction; these texts are dense), and writing one's own sentences at a keyboard (Karat et al. 1999, CHI: 19).
READING, WRITING = 200, 19
# What of an item is not read by the learner.
_UNREAD = {"id", "concept", "difficulty", "skill", "demo", "misconception", "right", "run", "letter"}


@dataclass(frozen=True)
class Progress:
    """How far a learner is: a share from 0 to 1, and the same in words."""

    share: float
    text: str


@dataclass(frozen=True)
class Card:
    """One card: its exercises by name, the first of them the one it opens."""

    title: str
    line: str
    exercises: tuple[str, ...]
    time: Callable[[], str]
    progress: Callable[[History], Progress]


def words(value: object) -> int:
    """How many words an item, or a part of one, gives a learner to read."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, tuple | list):
        return sum(map(words, value))
    if dataclasses.is_dataclass(value):
        return sum(words(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in _UNREAD)
    return 0


def _items(*kinds: str) -> list[Item]:
    return [item for kind in kinds for item in content.load(kind)]


def _minutes(minutes: float) -> str:
    return f"about {max(1, round(minutes))} min"


_QUICK = ("flashcards", "self_check", "scenario_quiz", "page_quiz", "live")


def _time_of_a_round() -> str:
    """Of a round with as many questions of each kind, each read once and thought about for as long."""
    kinds = [content.load(kind) for kind in _QUICK]
    mean = sum(words(items) / len(items) for items in kinds) / len(kinds)
    return _minutes(2 * ROUND * mean / READING)


def _time_of_an_answer() -> str:
    """Of an answer as long as ours, written, and compared with ours."""
    answers = [item.answer for item in (*content.load("self_check"), *content.load("predictions"))]
    ours = words(answers) / len(answers)
    return f"{_minutes(ours / WRITING + ours / READING)} each"


def _time_of_the_order() -> str:
    return _minutes(2 * words(content.load("order")) / READING)


def _time_of_the_entry() -> str:
    return _minutes(words(list(content.dictionary()["entry"].values())) / READING)


def _answered(*kinds: str) -> Callable[[History], Progress]:
    def progress(events: History) -> Progress:
        items = _items(*kinds)
        done = len({e.item for e in events} & {i.id for i in items})
        return Progress(done / len(items), f"{done} of {len(items)} answered")

    return progress


def _order(events: History) -> Progress:
    (item,) = content.load("order")
    last = next((e.result for e in reversed(events) if e.item == item.id), None)
    said = {None: "not tried yet", "right": "right at the last try", "partly": "nearly right at the last try"}
    share = 0.0 if last is None else scheduling.CREDIT[last]
    return Progress(share, said.get(last, "wrong at the last try"))


def _known(events: History) -> Progress:
    standing = scheduling.concept_mastery(events, _items(*content.PRACTISED))
    known = sum(s.mastery == "known" for s in standing)
    return Progress(known / len(standing), f"{known} of {len(standing)} topics known")


CARDS = (
    Card(
        "Quick round",
        f"{ROUND} questions from all lessons, or one deck",
        ("mixed", "scenario_quiz", "page_quiz", "live", "flashcards"),
        _time_of_a_round,
        _answered("flashcards", "scenario_quiz", "page_quiz", "live"),
    ),
    Card(
        "Explain it",
        "In your own words; then compare with an answer",
        ("self_check", "predict", "interview"),
        _time_of_an_answer,
        _answered("self_check", "predictions"),
    ),
    Card(
        "Put it in order",
        "Six stages of training and sampling",
        ("order",),
        _time_of_the_order,
        _order,
    ),
    Card(
        "Look it up",
        "A dictionary, and what you know by now",
        ("dictionary", "progress"),
        _time_of_the_entry,
        _known,
    ),
)


def of(exercise: str) -> Card:
    """The card that an exercise lies in."""
    return next(card for card in CARDS if exercise in card.exercises)


def show(chosen: str, titles: dict[str, str], events: History) -> None:
    """The cards, and the exercises of the one that is open, as links: each exercise has an address of its own."""
    current = of(chosen)
    boxes = "".join(_box(card, card is current, titles, events) for card in CARDS)
    tabs = ""
    if len(current.exercises) > 1:
        links = (_tab(name, titles[name], name == chosen) for name in current.exercises)
        tabs = (
            f'<nav aria-label="{html.escape(current.title)}"><ul class="dv-tabs">{"".join(links)}</ul></nav>'
        )
    with st.container(key="cards"):
        st.html(
            f'<style>{CSS}</style><nav aria-label="Practice"><ul class="dv-cards">{boxes}</ul></nav>{tabs}'
        )


def _address(title: str) -> str:
    return html.escape(f"?{urlencode({'way': title})}")


def _box(card: Card, current: bool, titles: dict[str, str], events: History) -> str:
    progress = card.progress(events)
    return (
        f'<li class="dv-card{" on" * current}">'
        f'<a class="dv-link" href="{_address(titles[card.exercises[0]])}"{_current(current)}>{html.escape(card.title)}</a>'
        f'<span class="line">{html.escape(card.line)}</span><span class="time">{html.escape(card.time())}</span>'
        f'<span class="bar" aria-hidden="true"><i style="width:{progress.share:.1%}"></i></span>'
        f'<span class="done">{html.escape(progress.text)}</span></li>'
    )


def _tab(name: str, title: str, current: bool) -> str:
    return f'<li><a class="dv-link" href="{_address(title)}"{_current(current)}>{html.escape(title)}</a></li>'


def _current(current: bool) -> str:
    return ' aria-current="true"' * current


CSS = """
.st-key-cards ul { list-style: none; margin: 0; padding: 0; }
.st-key-cards li { margin: 0; }
.st-key-cards a { color: inherit; text-decoration: none; }
.dv-cards { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: .8rem; }
/* The whole card takes the click of its link. */
.dv-card { position: relative; display: grid; grid-template-columns: 1fr auto; gap: .1rem .8rem;
  padding: .75rem .9rem .8rem; border: 1px solid var(--dv-line-strong); border-radius: .6rem;
  background: var(--dv-ground); align-content: start; }
.dv-card a { grid-column: 1 / -1; font-size: 1.15rem; font-weight: 650; line-height: 1.25; }
.dv-card a::after { content: ""; position: absolute; inset: 0; border-radius: inherit; }
.dv-card a:focus-visible { outline: none !important; }
.dv-card:has(a:focus-visible) { outline: 3px solid var(--dv-focus); outline-offset: 2px; }
.dv-card:hover { border-color: var(--dv-signal); box-shadow: 0 2px 10px rgb(0 0 0 / .12); }
.dv-card.on { border-color: var(--dv-signal); box-shadow: inset 0 0 0 2px var(--dv-signal); }
.dv-card .line { grid-column: 1 / -1; line-height: 1.35; min-height: 2.7em; }
.dv-card .bar { grid-column: 1 / -1; height: 6px; border-radius: 3px; margin: .3rem 0 .15rem; overflow: hidden;
  background: var(--dv-line); }
.dv-card .bar i { display: block; height: 100%; background: var(--dv-prediction); }
.dv-card :is(.time, .done) { font-size: .88rem; line-height: 1.3; }
.dv-card .time { order: 2; text-align: right; }
.dv-card .bar { order: 0; }
.dv-card .done { order: 1; }
.dv-tabs { display: flex; gap: .15rem; margin-top: .7rem !important; overflow-x: auto;
  border-bottom: 1px solid var(--dv-line-strong); }
.dv-tabs a { display: block; padding: .45rem .85rem; min-height: 24px; border-bottom: 3px solid transparent;
  white-space: nowrap; border-radius: .4rem .4rem 0 0; }
.dv-tabs a:hover { border-bottom-color: var(--dv-line-strong); }
.dv-tabs a[aria-current] { border-bottom-color: var(--dv-signal); font-weight: 650; }
.dv-tabs a:focus-visible { outline-offset: -3px; }
.st-key-exercise { max-width: 1180px; }
@media (min-width: 1500px) { .dv-card .line { min-height: 0; } }
@media (max-width: 1100px) { .dv-cards { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; } }
@media (max-width: 640px) {
  .dv-card { padding: .45rem .6rem; grid-template-columns: 1fr; gap: 0; }
  .dv-card a { font-size: 1.02rem; }
  .dv-card .line { font-size: .88rem; line-height: 1.25; min-height: 0; }
  .dv-card .time { text-align: left; }
  .dv-tabs { flex-wrap: wrap; }
  .dv-tabs a { padding: .3rem .55rem; }
}
"""
