"""What the log of answers adds up to: which cards are due, how each concept stands, what to do next.

Cards are scheduled by py-fsrs (the FSRS algorithm of Ye et al. 2022). Their state is not stored: the ratings in
the log are replayed, so it can never disagree with them. The clock is passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fsrs import Card, Rating, Scheduler

from diffviz.lessons.content import Item
from diffviz.lessons.store import Event, History

RATINGS = {"again": Rating.Again, "hard": Rating.Hard, "good": Rating.Good, "easy": Rating.Easy}
CREDIT = {"right": 1.0, "partly": 0.5, "wrong": 0.0, "again": 0.0, "hard": 0.5, "good": 1.0, "easy": 1.0}
_SCHEDULER = Scheduler(enable_fuzzing=False)  # the same answers give the same dates


def cards(events: Iterable[Event]) -> dict[str, Card]:
    """The state of every card that was ever rated, by replaying its ratings; those of a `History` are replayed once."""
    if not isinstance(events, History):
        return _replay(events)
    if "cards" not in events.derived:
        events.derived["cards"] = _replay(events)
    return events.derived["cards"]


def _replay(events: Iterable[Event]) -> dict[str, Card]:
    states: dict[str, Card] = {}
    for event in events:
        if event.kind == "flashcards" and event.result in RATINGS:
            card = states.get(event.item) or Card(card_id=1, due=event.at)
            at = max(
                event.at, card.last_review or event.at
            )  # a clock that was put back makes no review earlier
            states[event.item], _ = _SCHEDULER.review_card(card, RATINGS[event.result], at)
    return states


def due(events: Sequence[Event], deck: Sequence[str], now: datetime) -> list[str]:
    """Cards to show now: those whose time has come, longest overdue first, then those never seen."""
    states = cards(events)
    waiting = sorted((states[c].due, c) for c in deck if c in states and states[c].due <= now)
    return [c for _, c in waiting] + [c for c in deck if c not in states]


def next_due(events: Sequence[Event], deck: Sequence[str]) -> datetime | None:
    """When the next card of a deck comes up, or None if none was ever rated."""
    states = cards(events)
    return min((states[c].due for c in deck if c in states), default=None)


def intervals(events: Sequence[Event], card: str, now: datetime) -> dict[str, float]:
    """Seconds until a card would come back, for each rating it could be given now."""
    state = cards(events).get(card) or Card(card_id=1, due=now)
    return {
        name: (_SCHEDULER.review_card(state, rating, now)[0].due - now).total_seconds()
        for name, rating in RATINGS.items()
    }


@dataclass(frozen=True)
class ConceptMastery:
    """How one concept stands: items answered of all there are, and the mean credit of the newest answers."""

    concept: str
    done: int
    total: int
    credit: float

    @property
    def mastery(self) -> str:
        """ "new" before the first answer, "known" when most of it was answered and nearly all of that right."""
        if not self.done:
            return "new"
        return "known" if self.credit >= 0.8 and self.done >= self.total / 2 else "begun"


def concept_mastery(events: Iterable[Event], items: Iterable[Item]) -> list[ConceptMastery]:
    """One ConceptMastery per concept, in the order in which the concepts first appear."""
    newest = {e.item: CREDIT[e.result] for e in events}
    by_concept: dict[str, list[str]] = {}
    for item in items:
        by_concept.setdefault(item.concept, []).append(item.id)
    found: list[ConceptMastery] = []
    for concept, ids in by_concept.items():
        credits = [newest[i] for i in ids if i in newest]
        found.append(
            ConceptMastery(concept, len(credits), len(ids), sum(credits) / len(credits) if credits else 0.0)
        )
    return found


def next_item(
    events: Sequence[Event], items: Sequence[Item], now: datetime, kinds: dict[str, str], rest: float = 600
) -> Item | None:
    """What mixed practice asks next, or None when everything was answered right and no card is due.

    First come cards whose time has come, then what went wrong or only partly right, then what was never asked; the
    weaker its concept, the sooner. Kind and concept change from one question to the next where they can
    (interleaving: Rohrer & Taylor 2007, "The shuffling of mathematics problems improves learning", Instr. Sci. 35),
    and nothing comes back within `rest` seconds. `kinds` gives the kind of each item by id.
    """
    newest = {e.item: e for e in events}
    credit = {s.concept: s.credit for s in concept_mastery(events, items)}
    states = cards(events)

    def rank(item: Item) -> int | None:
        last = newest.get(item.id)
        if (
            last is not None and abs((now - last.at).total_seconds()) < rest
        ):  # abs: the clock may have been put back
            return None
        if item.id in states:
            return 0 if states[item.id].due <= now else None
        if last is None:
            return 2
        return 1 if CREDIT[last.result] < 1 else None

    open_items = [(r, credit[i.concept], n, i) for n, i in enumerate(items) if (r := rank(i)) is not None]
    recent = [e for e in events if e.item in kinds][-4:]
    concept = {i.id: i.concept for i in items}

    def alike(item: Item) -> int:
        if not recent:
            return 0
        last = recent[-1].item
        return (kinds[item.id] == kinds[last]) + (item.concept == concept.get(last))

    def order(entry: tuple[int, float, int, Item]) -> tuple[int, bool, int, int, float, int]:
        found, weak, n, item = entry
        # A change is worth more than the exact order; among what is not pressing, kinds seen lately wait.
        lately = sum(kinds[e.item] == kinds[item.id] for e in recent)
        return alike(item), found > 1, lately, found, weak, n

    best = min(open_items, key=order, default=None)
    return best[3] if best else None


def advice(standing: Sequence[ConceptMastery], cards_due: int) -> str:
    """One sentence: what to do next, and why."""
    if not any(s.done for s in standing):
        return "Nothing answered yet: the self-check is a good place to begin."
    weak = [s for s in standing if s.done and s.credit < 0.6]
    if weak:
        worst = min(weak, key=lambda s: s.credit)
        return f"“{worst.concept}” went wrong last time: open its demo, then ask yourself again."
    if cards_due == 1:
        return "1 flashcard is due: recalling it now is what makes it stay."
    if cards_due:
        return f"{cards_due} flashcards are due: recalling them now is what makes them stay."
    fresh = [s for s in standing if not s.done]
    if fresh:
        return f"“{fresh[0].concept}” is still new to you."
    return "All that was asked is known. Come back when cards are due."
