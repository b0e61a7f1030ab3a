"""How fairly a class is served that asks for everything at once: 30 visitors press "New seed" together.

    python -m bench.fairness                    # 30 visitors, in turns and evenly sliced
    python -m bench.fairness --training         # 30 who start a training instead
    python -m bench.fairness --visitors 10

It speaks Streamlit's own websocket protocol, as bench.load does. For a server that takes turns and for one that slices
evenly (as many permits as there are visitors), both in one run on the same machine: the time until the first is done, by
that of one visitor alone; the mean; the longest, by the mean; and what an answer in a quiz takes meanwhile.

Times are given in seconds and in processor seconds of the server, what it had computed until a visitor was done. Ratios
are of the latter: on a machine that has other things to do, a server with many threads gets a larger share of it than one
with few, and the seconds compare nothing. On a machine of its own they are the seconds times the cores in use.

The program ends with an error where nobody who waited was told the place in the queue, or where turns do not do what they
are for: a mean of at most 0.6 of even slicing's, and nobody who waits longer than twice the mean.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil
from streamlit.proto.ButtonGroup_pb2 import ButtonGroup
from streamlit.proto.WidgetStates_pb2 import WidgetState

from bench.load import PATIENCE, Target, Visitor, WrongPageError
from bench.server import AppServer

RUN = Target("reverse", {}, "New seed", ())
QUIZ = Target("practice", {"way": "Lesson quiz"}, "Your answer", ())
WAITS = (
    "other is ",
    "others are ",
)  # what the sentence on the place in the queue begins with, after the number
MEAN_BY_SLICED, LONGEST_BY_MEAN = 0.6, 2.0


def training(seed: int) -> Target:
    """A training of a seed of its own: equal ones are kept for each visitor alone, but their data would be the same."""
    link = {"learn": "Train a small network", "seed": str(seed), "train": "300"}
    return Target("training", link, "The network starts untrained", ())


@dataclass
class Served:
    """What one server did until each visitor was done and for one alone, and seconds of a quiz's answers meanwhile."""

    alone: float  # processor seconds
    seconds: Sequence[float]
    work: Sequence[float]  # processor seconds
    answers: Sequence[float]
    told: int  # visitors who were told their place
    places: list[str] = field(default_factory=list[str])

    @property
    def mean(self) -> float:
        return statistics.mean(self.work)

    @property
    def answer_p95(self) -> float:
        return statistics.quantiles(self.answers, n=20)[-1] if len(self.answers) > 1 else float("nan")


def press(visitor: Visitor, label: str) -> float:
    """Press a button; returns the seconds until the page was done."""
    state = WidgetState(id=visitor.found(label).id, trigger_value=True)
    visitor.states[state.id] = state
    try:
        return visitor.rerun()
    finally:
        del visitor.states[state.id]


def choose(visitor: Visitor, label: str) -> float:
    """Choose the first option of a question; returns the seconds until the page was done."""
    question = visitor.found(label)
    state = visitor.states[question.id] = WidgetState(id=question.id)
    if isinstance(question, ButtonGroup):
        state.string_array_value.data.append(question.options[0].content)
    else:
        state.string_value = question.options[0]
    return visitor.rerun()


def answer(visitor: Visitor) -> float:
    """Answer one question of a quiz, and go on to the next; returns the seconds until the answer was graded."""
    choose(visitor, "Your answer")
    took = press(visitor, "Answer")
    press(visitor, "See the score" if "See the score" in visitor.elements else "Next")
    if "Start over" in visitor.elements:
        press(visitor, "Start over")
    return took


def serve(visitors: int, train: bool, **environment: str) -> Served:
    """Let so many ask at once on a server with these settings."""
    with (
        tempfile.TemporaryDirectory() as answers_folder,
        AppServer(environment={**environment, "DIFFVIZ_DATA": answers_folder}) as server,
    ):

        def arrive(k: int) -> Visitor:
            return Visitor(server.port, training(k) if train else RUN)

        def ask(visitor: Visitor) -> float:
            return choose(visitor, visitor.target.control) if train else press(visitor, "New seed")

        first = arrive(999)
        process, rounds = psutil.Process(server.process.pid), 1 if train else 3

        def computed() -> float:
            return sum(process.cpu_times()[:2])

        before = computed()
        for _ in range(rounds):
            ask(first)
        alone = (computed() - before) / rounds
        first.socket.close()
        answers: list[float] = []
        seconds, work, errors = [0.0] * visitors, [0.0] * visitors, list[BaseException]()
        texts: list[list[str]] = [[]] * visitors
        there, together = threading.Semaphore(0), threading.Event()

        def one(k: int) -> None:
            try:
                visitor = arrive(k)
                there.release()
                while not together.is_set():
                    visitor.rest(0.5)  # which answers the server's pings
                visitor.texts.clear()
                seconds[k] = ask(visitor)
                work[k] = computed() - before - of_an_answer * len(answers)
                texts[k] = visitor.texts
                visitor.socket.close()
            except BaseException as error:
                errors.append(error)
                there.release()

        threads = [threading.Thread(target=one, args=(k,), daemon=True) for k in range(visitors)]
        for thread in threads:
            thread.start()
        for _ in threads:
            there.acquire(timeout=PATIENCE)
        quiz = Visitor(server.port, QUIZ)
        before = computed()
        for _ in range(5):
            answer(quiz)
        of_an_answer = (computed() - before) / 5  # the quiz's own share is not what the others wait for
        before = computed()
        together.set()
        while any(thread.is_alive() for thread in threads):
            answers.append(answer(quiz))
            quiz.rest(0.2)
        if errors:
            raise errors[0]
        places = [[t for t in heard if any(w in t for w in WAITS)] for heard in texts]
        return Served(alone, seconds, work, answers, sum(map(bool, places)), max(places, key=len))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--training", action="store_true", help="start a training instead of a sampling run")
    args = parser.parse_args()
    found: dict[str, Served] = {}
    for name, environment in {
        "in turns": {},
        "sliced evenly": {"DIFFVIZ_PERMITS": str(args.visitors + 1)},
    }.items():
        served = found[name] = serve(args.visitors, args.training, **environment)
        print(
            f"{name:14} processor seconds: alone {served.alone:.1f}, first {min(served.work):.1f} "
            f"(×{min(served.work) / served.alone:.1f}), mean {served.mean:.1f}, last {max(served.work):.1f} "
            f"(×{max(served.work) / served.mean:.2f} of the mean); seconds: first {min(served.seconds):.0f}, mean "
            f"{statistics.mean(served.seconds):.0f}, last {max(served.seconds):.0f}; {served.told} were told their place; "
            f"quiz answer p95 {served.answer_p95 * 1000:.0f} ms of {len(served.answers)}"
        )
        if served.places:
            read = list(dict.fromkeys(served.places))
            print(f"{'':14} one of them read: {' → '.join(read[:: -(-len(read) // 8)])}")
    turns, sliced = found["in turns"], found["sliced evenly"]
    ratio, longest = turns.mean / sliced.mean, max(turns.work) / turns.mean
    print(f"mean time to done in turns, by that of even slicing: {ratio:.2f}")
    if not turns.told:
        sys.exit("nobody who waited was told the place in the queue")
    if ratio > MEAN_BY_SLICED or longest > LONGEST_BY_MEAN:
        sys.exit(
            f"not fair enough: the mean is to be at most {MEAN_BY_SLICED}, the longest {LONGEST_BY_MEAN}"
        )


if __name__ == "__main__":
    try:
        main()
    except (WrongPageError, OSError) as error:
        sys.exit(str(error))
