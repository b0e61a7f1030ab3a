"""The queueing model: known formulas, and a simulated queue."""

import heapq
import math

import numpy as np
import pytest

from diffviz.serving.queueing import Queue, Service, erlang_c, servers_needed, together


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_one_and_two_servers_are_as_in_the_textbook(load):
    assert erlang_c(1, load) == pytest.approx(load)
    assert erlang_c(2, 2 * load) == pytest.approx(2 * load**2 / (1 + load))
    exponential = Queue(load, Service(1.0, 1.0), 1)
    assert exponential.mean_wait == pytest.approx(load / (1 - load))
    assert Queue(load, Service(1.0), 1).mean_wait == pytest.approx(
        load / (1 - load) / 2
    )  # Pollaczek–Khinchine


def test_many_servers_do_not_overflow_and_too_few_never_catch_up():
    assert 0 < erlang_c(500, 480.0) < 1
    assert Queue(10.0, Service(1.0), 10).mean_wait == math.inf
    assert Queue(10.0, Service(1.0), 10).wait_within(0.5) == math.inf
    with pytest.raises(ValueError):
        erlang_c(0, 1.0)


def simulated(rate, times, servers, rng):
    """Seconds that each of a stream of Poisson arrivals waits for a server."""
    arrivals = np.cumsum(rng.exponential(1 / rate, len(times)))
    free, waits = [0.0] * servers, []
    for arrival, needed in zip(arrivals, times, strict=True):
        begins = max(arrival, heapq.heappop(free))
        waits.append(begins - arrival)
        heapq.heappush(free, begins + needed)
    return np.array(waits[len(waits) // 10 :])


@pytest.mark.parametrize("servers", [2, 8])
@pytest.mark.parametrize("cv2", [0.05, 1.0])
def test_a_simulated_queue_waits_as_long(servers, cv2):
    rng, service = np.random.default_rng(0), Service(1.5, cv2)
    times = rng.gamma(1 / cv2, service.mean * cv2, 60_000)
    queue = Queue(0.85 * servers / service.mean, service, servers)
    waits = simulated(queue.rate, times, servers, rng)
    assert waits.mean() == pytest.approx(queue.mean_wait, rel=0.15)
    assert np.quantile(waits, 0.95) == pytest.approx(queue.wait_within(0.95), rel=0.2)


def test_the_fewest_servers_that_keep_the_promise():
    service = Service(1.4, 0.1)
    needed = servers_needed(50.0, service, 2.0)
    assert (
        Queue(50.0, service, needed).wait_within(0.95)
        <= 2
        < Queue(50.0, service, needed - 1).wait_within(0.95)
    )
    assert servers_needed(0.001, service, 2.0) == 1


def test_a_class_that_asks_together_is_served_in_turns():
    assert together(4, Service(2.0), 1) == (5.0, 8.0)
    assert together(4, Service(2.0), 2) == (3.0, 4.0)
