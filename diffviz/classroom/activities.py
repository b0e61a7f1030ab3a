"""Questions that are put to a class, and the course of peer instruction (Mazur 1997, "Peer Instruction"; Crouch & Mazur
2001, doi 10.1119/1.1374249): vote alone, discuss with a neighbour, vote again, and only then the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import sqlalchemy as sql

from diffviz.classroom import rooms, wording
from diffviz.classroom.answers import BLIND, KINDS
from diffviz.classroom.database import Database
from diffviz.classroom.errors import NotThere, Refused, Unfit
from diffviz.classroom.rooms import Room
from diffviz.classroom.schema import ACTIVITIES, IMAGES, VOTES
from diffviz.lessons.content import Demo

# In this order; discussion and second vote may be left out.
PHASES = ("vote 1", "discuss", "vote 2", "reveal")
ROUNDS = {"vote 1": 1, "vote 2": 2}
MAX_ACTIVITIES = 200  # of a room
MAX_OPTIONS = 12
# Options of pairs, and sets of images that hold one of each: all of them are compared, or each with the last.
MAX_COMPARED, MAX_SETS = {"pairs": 6, "tell": 12}, {"pairs": 4, "tell": 12}
MAX_DISCUSSION = 30 * 60  # seconds
PROMPT_LENGTH, OPTION_LENGTH = 600, 400


@dataclass(frozen=True)
class Choice:
    """One option: its text, why it is right or wrong, and the misconception that leads to a wrong one."""

    text: str
    why: str = ""
    misconception: str = ""


@dataclass(frozen=True)
class Metric:
    """A metric of each option: its title, whether more is better, and value and interval of 95 % for each.

    An interval is None for the option that the others are compared with.
    """

    title: str
    more_is_better: bool
    values: tuple[float, ...]
    intervals: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class Measured:
    """Metrics of the options of a question, and on what they were measured, in a sentence."""

    metrics: tuple[Metric, ...]
    source: str

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Measured:
        """From JSON."""
        metrics = tuple(
            Metric(
                m["title"],
                m["more_is_better"],
                tuple(m["values"]),
                tuple(None if ends is None else (ends[0], ends[1]) for ends in m["intervals"]),
            )
            for m in raw["metrics"]
        )
        return cls(metrics, raw["source"])


@dataclass(frozen=True)
class Draft:
    """A question as it is put to a class; `right` may be None, for an opinion.

    `right` is the index of an option, the indices of all options in order, or a number that answers within `tolerance`
    agree with. `source` is its id in the collection. `titles` name the images; `notes` say, once the answer is
    known, what each was. The images of pairs are sets that hold one of each option, in the order of the options; those
    to be told apart are compared with the last option, and `levels` has a number above 0 for each of the others, from
    easy to hard. `explanation` and `points` are shown with the answer, and `demo` is the run that settles it.
    `measured` is what metrics say of the options, to be shown beside what the class says.
    """

    kind: str
    prompt: str
    setting: str = ""
    options: tuple[Choice, ...] = ()
    right: Any = None
    tolerance: float = 0.0
    unit: str = ""
    explanation: str = ""
    points: tuple[str, ...] = ()
    source: str = ""
    demo: Demo | None = None
    titles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    measured: Measured | None = None

    def chosen(self, answer: int) -> Choice:
        """The option of an index."""
        return self.options[answer]

    def is_right(self, answer: Any) -> bool | None:
        """Whether an answer is right; None where there is no right one."""
        if self.right is None:
            return None
        if self.kind == "number":
            # 1.1 lies within 1 ± 0.1, though their difference in binary is a little more.
            return abs(answer - self.right) <= self.tolerance + 1e-9 * max(abs(answer), abs(self.right))
        return answer == self.right


@dataclass(frozen=True)
class Activity:
    """A question in a room, and how far it is. `discuss_until` is in seconds since 1970."""

    id: int
    question: Draft = field(repr=False)
    phase: str
    shown: bool
    discuss_until: float | None
    asked_at: float

    @property
    def round(self) -> int:
        """The round of votes that is open or was last: 1 or 2."""
        return 1 if self.phase in ("vote 1", "discuss") else 2


def check(question: Draft) -> None:
    """Raises Unfit for a question that cannot be asked."""
    if question.kind not in KINDS:
        raise Unfit("There is no such kind of question.")
    if not question.prompt or len(question.prompt) > PROMPT_LENGTH:
        raise Unfit(f"A question has from 1 to {PROMPT_LENGTH} characters.")
    texts = [o.text for o in question.options]
    if question.kind in ("choice", "order"):
        if not 2 <= len(texts) <= MAX_OPTIONS or not all(0 < len(t) <= OPTION_LENGTH for t in texts):
            raise Unfit(
                f"It takes from 2 to {MAX_OPTIONS} options, of at most {OPTION_LENGTH} characters each."
            )
        if len(set(texts)) < len(texts):
            raise Unfit("Two options are the same.")
    elif question.kind in BLIND:
        sets, left = divmod(len(question.titles), max(1, len(texts)))
        most, most_sets = MAX_COMPARED[question.kind], MAX_SETS[question.kind]
        if not 2 <= len(texts) <= most or left or not 1 <= sets <= most_sets:
            raise Unfit(f"Pairs are of 2 to {most} options, in 1 to {most_sets} sets of an image each.")
        levels = question.levels
        if question.kind == "tell" and (
            len(levels) != len(texts) - 1
            or len(levels) < 2
            or list(levels) != sorted(levels)
            or levels[0] <= 0
        ):
            raise Unfit("Images to be told apart need a level above 0 for each option but the last, rising.")
    elif texts:
        raise Unfit("Only a choice and an order have options.")


def free_question(
    kind: str,
    prompt: str,
    options: Sequence[str] = (),
    right: Any = None,
    unit: str = "",
    tolerance: float = 0.0,
) -> Draft:
    """A question that the host makes up on the spot. Raises Unfit."""
    lines = (wording.line(text, OPTION_LENGTH) for text in options)
    made = Draft(
        kind,
        wording.line(prompt, PROMPT_LENGTH),
        options=tuple(Choice(text) for text in lines if text),
        right=right,
        tolerance=tolerance,
        unit=wording.line(unit, 20),
    )
    check(made)
    return made


def ask(db: Database, room: Room, question: Draft, images: Sequence[bytes] = ()) -> Activity:
    """Put a question to a class, with PNG images: the first vote is open. Raises Unfit and Refused."""
    check(question)
    with db.write(room.id) as connection:
        asked = sql.select(sql.func.count()).where(ACTIVITIES.c.room_id == room.id)
        if connection.execute(asked).scalar_one() >= MAX_ACTIVITIES:
            raise Refused(f"This room has had {MAX_ACTIVITIES} questions: open another.")
        rooms.check_open(connection, room, db.clock())
        values = {"room_id": room.id, "kind": question.kind, "content": json.dumps(asdict(question)),
                  "phase": PHASES[0], "shown": False, "asked_at": db.clock()}  # fmt: skip
        made = connection.execute(sql.insert(ACTIVITIES).values(**values).returning(ACTIVITIES.c.id))
        activity = made.scalar_one()
        for place, png in enumerate(images):
            connection.execute(sql.insert(IMAGES).values(activity_id=activity, place=place, png=png))
        return _one(connection, room, activity)


def set_phase(db: Database, room: Room, activity: Activity, phase: str, seconds: int = 0) -> Activity:
    """Go on to a later phase; `seconds` is how long is discussed. Raises Refused for one that is no later."""
    if PHASES.index(phase) <= PHASES.index(activity.phase):
        raise Refused("This question is further on already.")
    if not 0 <= seconds <= MAX_DISCUSSION:
        raise Unfit(f"A discussion takes at most {MAX_DISCUSSION // 60} minutes.")
    until = db.clock() + seconds if phase == "discuss" else None
    # The second vote begins with the first out of sight: a class follows the tallest bar, right or wrong.
    return _update(db, room, activity, phase=phase, discuss_until=until, shown=False)


def show_first_vote(db: Database, room: Room, activity: Activity, shown: bool) -> Activity:
    """Let the phones see how the first vote went, or hide it; it stays hidden while that vote is open."""
    if activity.phase == "vote 1":
        raise Refused("The first vote is still open: its result would sway it.")
    return _update(db, room, activity, shown=shown)


def settle(db: Database, room: Room, activity: Activity, right: int) -> Activity:
    """Keep which option a run has shown to be right, of a choice that was asked without one. Raises Unfit and Refused."""
    question = activity.question
    if question.kind != "choice" or not 0 <= right < len(question.options):
        raise Unfit("Only an option of a choice can be shown to be right.")
    if question.right is not None:
        raise Refused("What is right is known already.")
    content = json.dumps(asdict(replace(question, right=right)))
    return _update(db, room, activity, content=content)


def approve(db: Database, room: Room, activity: Activity, vote: int, approved: bool) -> None:
    """Let the class see a text, or no longer."""
    with db.write(room.id) as connection:
        chosen = (VOTES.c.id == vote) & (VOTES.c.activity_id == activity.id)
        connection.execute(sql.update(VOTES).where(chosen).values(approved=approved))


def _update(db: Database, room: Room, activity: Activity, **values: object) -> Activity:
    with db.write(room.id) as connection:
        mine = (ACTIVITIES.c.id == activity.id) & (ACTIVITIES.c.room_id == room.id)
        # Only what is as this host saw it: of two devices that go on at once, one does.
        same = mine & (ACTIVITIES.c.phase == activity.phase)
        if connection.execute(sql.update(ACTIVITIES).where(same).values(**values)).rowcount == 0:
            raise Refused("This question has gone on meanwhile, from another device.")
        return _one(connection, room, activity.id)


# --- reading -----------------------------------------------------------------------------------------------


def every(db: Database, room: Room) -> list[Activity]:
    """All questions of a room in the order in which they were asked."""
    chosen = sql.select(ACTIVITIES).where(ACTIVITIES.c.room_id == room.id).order_by(ACTIVITIES.c.id)
    with db.read() as connection:
        return [activity_of(row) for row in connection.execute(chosen)]


_CURRENT = (
    sql.select(ACTIVITIES)
    .where(ACTIVITIES.c.room_id == sql.bindparam("room"))
    .order_by(ACTIVITIES.c.id.desc())
    .limit(1)
)


def current(connection: sql.Connection, room: int) -> Activity | None:
    """The question that a class is at: the last one asked, if any."""
    row = connection.execute(_CURRENT, {"room": room}).first()
    return None if row is None else activity_of(row)


def image(db: Database, room: Room, activity: int, place: int) -> bytes:
    """A image of a question as PNG. Raises NotThere."""
    chosen = (
        sql.select(IMAGES.c.png)
        .join(ACTIVITIES, ACTIVITIES.c.id == IMAGES.c.activity_id)
        .where(ACTIVITIES.c.room_id == room.id, IMAGES.c.activity_id == activity, IMAGES.c.place == place)
    )
    with db.read() as connection:
        png = connection.execute(chosen).scalar()
    if png is None:
        raise NotThere("There is no such image.")
    return png


def _one(connection: sql.Connection, room: Room, activity: int) -> Activity:
    chosen = sql.select(ACTIVITIES).where(ACTIVITIES.c.id == activity, ACTIVITIES.c.room_id == room.id)
    row = connection.execute(chosen).first()
    if row is None:
        raise NotThere("This question is no longer there.")
    return activity_of(row)


def activity_of(row: sql.Row[Any]) -> Activity:
    """The activity of a row."""
    raw: dict[str, Any] = json.loads(row.content)
    raw["options"] = tuple(Choice(**option) for option in raw["options"])
    raw["demo"] = Demo(**raw["demo"]) if raw["demo"] else None
    raw["measured"] = Measured.of(raw["measured"]) if raw.get("measured") else None
    for name in ("points", "titles", "notes", "levels"):
        raw[name] = tuple(raw.get(name, ()))  # a question of an earlier version has no levels
    return Activity(row.id, Draft(**raw), row.phase, row.shown, row.discuss_until, row.asked_at)
