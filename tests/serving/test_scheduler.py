"""Fair turns, on a simulated clock and with real threads; no test measures time."""

import heapq
import itertools
import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffviz.serving.scheduler import (
    STRETCH,
    Job,
    LimitError,
    Limits,
    Place,
    Scheduler,
    TurnQueue,
    duration,
)

UNIT = 0.04  # seconds of an evaluation in the simulation


@dataclass
class Visit:
    """A visitor's job in the simulation: when it comes, how many evaluations it takes, when it was done."""

    visitor: object
    arrival: float
    units: int
    leaves: float = float("inf")
    began: float | None = None
    ended: float | None = None
    estimate: float | None = None


def simulate(visits, permits=1, queue=None):
    """Play visits on a queue whose every evaluation takes UNIT; fills in when each began and ended."""
    queue = queue or TurnQueue(Limits(permits))
    queue.measured("run", 1, UNIT)
    count, events = itertools.count(), []
    jobs = {id(v): Job(v.visitor, "run", v.units) for v in visits}

    def at(time, what, visit):
        heapq.heappush(events, (time, next(count), what, visit))

    computing = set()

    def start(now):
        for visit in visits:
            job = jobs[id(visit)]
            if job.granted.is_set() and id(visit) not in computing:
                computing.add(id(visit))
                assert len(computing) <= permits
                visit.began = now if visit.began is None else visit.began
                at(now + UNIT, "evaluated", visit)

    for visit in visits:
        at(visit.arrival, "arrives", visit)
        if visit.leaves < float("inf"):
            at(visit.leaves, "leaves", visit)
    while events:
        now, _, what, visit = heapq.heappop(events)
        job = jobs[id(visit)]
        if what == "arrives":
            queue.join(job, now)
            queue.request(job)
            visit.estimate = queue.place(job).seconds
        elif what == "evaluated":
            computing.discard(id(visit))
            job.done += 1
            if now >= visit.leaves:
                queue.leave(job)
            elif job.done == visit.units:
                visit.ended = now
                queue.leave(job)
            else:
                if queue.must_yield(job):
                    queue.release(job)
                queue.request(job)
        elif id(visit) not in computing and visit.ended is None:  # leaves while it waits
            queue.leave(job)
        start(now)
    return visits


@pytest.mark.parametrize("permits", [1, 2])
def test_of_thirty_who_ask_at_once_the_first_is_done_as_if_alone_and_the_mean_is_near_half_of_even_slicing(
    permits,
):
    visits = simulate([Visit(i, 0.001 * i, 60) for i in range(30)], permits)
    times = [v.ended - v.arrival for v in visits]
    alone, sliced = 60 * UNIT, 30 / permits * 60 * UNIT
    mean = sum(times) / len(times)
    assert min(times) == pytest.approx(alone)
    assert mean <= 0.6 * sliced
    assert max(times) <= 2 * mean


def test_a_short_job_goes_before_a_long_one_that_has_begun():
    long, short = simulate([Visit("a", 0, 500), Visit("b", 1.0, 10)])
    assert short.ended - short.arrival <= 11 * UNIT + 1e-9  # its own ten, and the one that was running
    assert long.ended == pytest.approx(510 * UNIT)


@pytest.mark.slow
def test_a_long_job_waits_no_longer_than_its_stretch_under_an_endless_stream_of_short_ones():
    stream = [Visit(i, i * 10 * UNIT, 10) for i in range(2000)]  # one permit is never idle
    long = Visit("long", 0.001, 200)
    simulate([*stream, long])
    assert long.ended is not None
    assert long.began - long.arrival <= STRETCH * 200 * UNIT
    assert long.ended < max(v.ended for v in stream)


def test_a_visitor_with_many_runs_gets_one_turn_before_the_others_get_theirs():
    greedy = [Visit("greedy", 0.0, 50) for _ in range(4)]
    others = [Visit(i, 0.1, 50) for i in range(3)]
    simulate([*greedy, *others])
    assert greedy[0].ended < min(v.ended for v in others)
    assert max(v.ended for v in others) < greedy[1].ended


def test_equal_runs_never_change_places_however_the_measured_times_change():
    queue = TurnQueue(Limits(1))
    queue.measured("run", 1, 1.0)
    first, second, third = (Job(k, "run", 60) for k in range(3))
    queue.join(first, 0.0)
    queue.request(first)
    queue.measured("run", 1000, 10.0)  # much faster than it was when the first one came
    for job in (second, third):
        queue.join(job, 0.001)
        queue.request(job)
    assert not queue.must_yield(first)
    queue.measured("run", 1000, 5000.0)  # and much slower
    assert not queue.must_yield(first)
    queue.leave(first)
    assert second.granted.is_set() and not third.granted.is_set()


def test_who_leaves_costs_the_others_nothing():
    with_leavers = [
        Visit(0, 0, 50),
        *(Visit(i, 0.1, 50, leaves=0.5) for i in range(1, 10)),
        Visit(10, 0.2, 50),
    ]
    simulate(with_leavers)
    assert with_leavers[-1].ended == pytest.approx(100 * UNIT)
    assert all(v.ended is None for v in with_leavers[1:-1])


def test_who_leaves_while_computing_hands_the_permit_on():
    first, second = simulate([Visit(0, 0, 50, leaves=10.5 * UNIT), Visit(1, 0, 50)])
    assert first.ended is None
    assert second.began == pytest.approx(11 * UNIT)


@pytest.mark.parametrize("permits", [1, 2, 3])
def test_with_equal_jobs_the_estimate_is_when_the_turn_comes(permits):
    for visit in simulate([Visit(i, 0.0, 40) for i in range(12)], permits):
        assert visit.began - visit.arrival == pytest.approx(visit.estimate, abs=UNIT)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 20), st.integers(1, 80)), min_size=1, max_size=25),
    st.integers(1, 3),
)
def test_whatever_comes_every_job_is_done_and_no_permit_is_idle_while_one_waits(asked, permits):
    visits = [Visit(who, when, units) for who, when, units in asked]
    simulate(visits, permits, TurnQueue(Limits(permits, waiting=100, each=100)))
    assert all(v.ended is not None for v in visits)
    work = sum(v.units for v in visits) * UNIT
    longest = max(v.units for v in visits) * UNIT
    # Work-conserving: any list schedule ends within work / permits + the longest job after the last arrival.
    assert max(v.ended for v in visits) <= max(v.arrival for v in visits) + work / permits + longest + 1e-6


def test_a_running_job_that_takes_longer_than_said_never_promises_less_than_its_next_piece():
    queue = TurnQueue(Limits(1))
    queue.measured("run", 1, 2.0)
    late, waiting = Job("a", "run", units=3, done=7), Job("b", "run", units=3)
    for job in (late, waiting):
        queue.join(job, 0.0)
        queue.request(job)
    assert queue.place(waiting).seconds == 2.0


def test_what_was_never_measured_gets_no_estimate():
    queue = TurnQueue(Limits(1))
    jobs = [Job(i, "new kind") for i in range(3)]
    for job in jobs:
        queue.join(job, 0.0)
        queue.request(job)
    assert queue.place(jobs[2]).sentence == "2 others are drawing."
    queue.measured("new kind", 30, 3.0)
    assert queue.place(jobs[2]).sentence == "2 others are drawing, about 6 s."


def test_the_sentence_says_who_is_before_and_what_they_do():
    queue = TurnQueue(Limits(1))
    queue.measured("run", 1, 0.1)
    mine = Job("me", "run", 20)
    for job in (Job("a", "run", 20), Job("b", "run", 10, "training"), Job("me", "run", 10), mine):
        queue.join(job, 0.0)
        queue.request(job)
    assert (
        queue.place(mine).sentence
        == "1 other is drawing and 1 other is training and 1 of your own is first, about 4 s."
    )
    assert Place(others={}).sentence == "Your turn is next."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1, "less than 1 s"),
        (1, "about 1 s"),
        (6.4, "about 6 s"),
        (12, "about 10 s"),
        (33, "about 30 s"),
        (240, "about 4 min"),
    ],
)
def test_seconds_are_said_as_roughly_as_they_are_known(seconds, text):
    assert duration(seconds) == text


def test_at_the_limit_a_sentence_says_so_and_when_to_come_again():
    queue = TurnQueue(Limits(1, waiting=2, each=2))
    queue.measured("run", 1, 0.5)
    jobs = [Job(i, "run", 20) for i in range(3)]
    for job in jobs:
        queue.join(job, 0.0)
        queue.request(job)
    with pytest.raises(LimitError, match=r"2 others are waiting.*Try again in about 30 s\."):
        queue.join(Job("late", "run"), 0.0)
    queue.leave(jobs[1])
    queue.join(Job(0, "run"), 0.0)  # a second one of the first visitor
    queue.leave(jobs[2])
    with pytest.raises(LimitError, match="2 runs of yours"):
        queue.join(Job(0, "run"), 0.0)


def test_at_a_limit_of_one_the_sentence_speaks_of_one():
    queue = TurnQueue(Limits(1, waiting=1, each=1))
    for job in (Job(0), Job(1)):
        queue.join(job, 0.0)
        queue.request(job)
    with pytest.raises(LimitError, match="1 other is waiting for their turn"):
        queue.join(Job("late"), 0.0)
    with pytest.raises(LimitError, match="1 run of yours, in another tab, is not finished"):
        queue.join(Job(0), 0.0)


def test_a_job_that_was_admitted_keeps_its_place_when_it_comes_back():
    queue = TurnQueue(Limits(1, waiting=1))
    first, second = Job("a"), Job("b")
    queue.join(first, 0.0)
    queue.leave(first)
    queue.join(second, 1.0)
    queue.join(first, 2.0)  # no LimitError: it is no new job
    queue.request(second)
    queue.request(first)
    assert queue.must_yield(second)


def test_the_limits_are_read_from_the_environment_and_refused_by_name():
    found = Limits.from_environment(
        {"DIFFVIZ_PERMITS": "3", "DIFFVIZ_WAITING": " 7 ", "DIFFVIZ_RUNS_EACH": ""}
    )
    assert found == Limits(3, 7)
    assert Limits.from_environment({}).permits >= 1
    for bad in ("0", "-1", "many", "1.5", "²"):
        with pytest.raises(ValueError, match="DIFFVIZ_WAITING must be a whole number"):
            Limits.from_environment({"DIFFVIZ_WAITING": bad})


# --- with threads -------------------------------------------------------------------------------------------


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def test_never_more_threads_compute_than_there_are_permits_and_all_are_done():
    scheduler, lock = Scheduler(Limits(2)), threading.Lock()
    inside, most, done = 0, 0, []

    def visitor(k):
        nonlocal inside, most
        with scheduler.outstanding(Job(k, "run", 20)) as job:
            for _ in range(20):
                scheduler.take_turn(job, 1)
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
        done.append(k)

    threads = [threading.Thread(target=visitor, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == list(range(12))
    assert 1 <= most <= 2


@pytest.mark.slow
def test_a_waiting_visitor_hears_the_place_and_one_who_leaves_while_waiting_is_out_of_the_queue():
    clock = Clock()
    scheduler = Scheduler(Limits(1), clock)
    first = Job("first", "run", 10)
    scheduler.join(first)
    scheduler.take_turn(first, 1)
    clock.now = 2.0
    scheduler.take_turn(first, 1)  # one unit took 2 s
    heard = []

    class Left(BaseException):
        pass

    def waiting(place):
        heard.append(place.sentence)
        raise Left

    def second():
        try:
            with scheduler.outstanding(Job("second", "run", 10)) as job:
                scheduler.take_turn(job, 1, waiting)
        except Left:
            heard.append("left")

    thread = threading.Thread(target=second)
    thread.start()
    thread.join(60)
    assert heard == ["1 other is drawing, about 20 s.", "left"]  # nine units of 2 s are left: 18 s
    third = Job("third", "run", 1)
    scheduler.join(third)
    assert scheduler.place(third).others.total() == 1  # the first alone
    scheduler.leave(first)
    scheduler.take_turn(third, 1)  # returns at once: the permit is free
    assert third.granted.is_set()


def test_time_spent_waiting_is_not_taken_for_service_time():
    clock = Clock()
    scheduler = Scheduler(Limits(1), clock)
    job = Job("a", "run", 10)
    scheduler.join(job)
    scheduler.take_turn(job, 1)
    clock.now = 1.0
    scheduler.pause(job)  # one unit in one second
    clock.now = 100.0
    scheduler.take_turn(job, 1)
    clock.now = 101.0
    scheduler.leave(job)
    probe, mine = Job("b", "run", 5), Job("c", "run", 5)
    scheduler.join(probe)
    scheduler.take_turn(probe, 1)
    scheduler.join(mine)
    assert scheduler.place(mine).seconds == pytest.approx(5.0)
