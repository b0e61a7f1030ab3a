"""How many cores a class needs: waiting times of a queue with several servers.

Visitors ask independently of each other, so arrivals are Poisson; service times have any distribution, of which the mean
and the spread are measured (`python -m bench.scale`). That is the queue M/G/c. Its probability of having to wait is taken
from M/M/c (Erlang's formula C), and its waiting times from those of M/M/c by the factor (1 + cv²)/2, cv² the squared
coefficient of variation of the service times: Allen and Cunneen's approximation, exact for one server (Pollaczek and
Khinchine) and for exponential service times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


def erlang_c(servers: int, load: float) -> float:
    """The probability that an arrival finds all `servers` busy in M/M/c, of a `load` in Erlangs; 1 where it is too much.

    Raises ValueError for no server or a negative load.
    """
    if servers < 1 or load < 0:
        raise ValueError(f"{servers} servers cannot be offered {load} Erlangs")
    if load >= servers:
        return 1.0
    blocked = 1.0  # Erlang's formula B, by its recursion: no factorial overflows
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


@dataclass(frozen=True)
class Service:
    """Service times: their mean in seconds, and their squared coefficient of variation (0: all are equal)."""

    mean: float
    cv2: float = 0.0


@dataclass(frozen=True)
class Queue:
    """Poisson arrivals, `rate` a second, at so many `servers`."""

    rate: float
    service: Service
    servers: int

    @property
    def load(self) -> float:
        """The offered load in Erlangs: servers that would be busy if there were enough."""
        return self.rate * self.service.mean

    @property
    def utilisation(self) -> float:
        """The share of the servers that is busy; from 1 on the queue grows for ever."""
        return self.load / self.servers

    @property
    def mean_wait(self) -> float:
        """Seconds before the service begins, on average; infinite where the queue grows for ever."""
        if self.utilisation >= 1:
            return math.inf
        drained = self.servers / self.service.mean - self.rate  # jobs a second by which it shrinks
        return erlang_c(self.servers, self.load) / drained * (1 + self.service.cv2) / 2

    def wait_within(self, share: float) -> float:
        """Seconds within which so large a share begins to be served, the waiting times of those who wait taken as
        exponential."""
        if self.utilisation >= 1:
            return math.inf
        waiting = erlang_c(self.servers, self.load)
        if waiting <= 1 - share:
            return 0.0
        return self.mean_wait / waiting * math.log(waiting / (1 - share))


def servers_needed(rate: float, service: Service, seconds: float, share: float = 0.95) -> int:
    """The fewest servers at which so large a share of the arrivals waits at most so many seconds."""
    servers = max(1, math.floor(rate * service.mean))
    while Queue(rate, service, servers).wait_within(share) > seconds:
        servers += 1
    return servers


def together(jobs: int, service: Service, servers: int) -> tuple[float, float]:
    """Seconds until jobs that arrive all at once are done in turns: the mean, and the last."""
    ends = [math.ceil(n / servers) * service.mean for n in range(1, jobs + 1)]
    return sum(ends) / jobs, ends[-1]
