"""Couplings of noise and data for flow matching, and the exact field of a set of coupled pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.schedules import SCHEDULES, Schedule
from diffviz.toy.scores import derivative

PAIR_STD = 0.1  # standard deviation of a conditional path around its middle


def optimal_assignment(cost: np.ndarray) -> np.ndarray:
    """The permutation p of n columns with the smallest sum of cost[i, p[i]]; cost (n, n), any numbers.

    The Hungarian method with potentials (Kuhn 1955; O(n^3), here n^2 steps of one vector each): exact.
    """
    n = len(cost)
    u, v = np.zeros(n + 1), np.zeros(n + 1)  # potentials of rows and columns
    row_of, before = np.zeros(n + 1, int), np.zeros(n + 1, int)  # column 0 is the start of every search
    padded = np.zeros((n + 1, n + 1))
    padded[1:, 1:] = cost
    for row in range(1, n + 1):
        row_of[0], column = row, 0
        slack, done = np.full(n + 1, np.inf), np.zeros(n + 1, bool)
        while True:  # shortest augmenting path to a free column
            done[column] = True
            reduced = padded[row_of[column]] - u[row_of[column]] - v
            better = ~done & (reduced < slack)
            better[0] = False
            slack[better], before[better] = reduced[better], column
            ahead = np.where(done, np.inf, slack)
            ahead[0] = np.inf
            nearest = int(ahead.argmin())
            step = ahead[nearest]
            u[row_of[done]] += step
            v[done] -= step
            slack[~done] -= step
            column = nearest
            if not row_of[column]:
                break
        while column:  # every row on the path moves to the column after it
            row_of[column] = row_of[before[column]]
            column = before[column]
    chosen = np.empty(n, int)
    chosen[row_of[1:] - 1] = np.arange(n)
    return chosen


def couple(x0: Tensor, eps: Tensor, batch: int) -> Tensor:
    """The data x0 (N, D) in an order that pairs them with eps (N, D): optimal within each batch of `batch` pairs.

    The cost is the squared distance (minibatch optimal transport: Pooladian et al. 2023, arXiv 2304.14772; Tong et al.
    2024, arXiv 2302.00482). With batch 1 the pairs stay as they are, which is the independent coupling.
    """
    if batch <= 1:
        return x0
    found: list[Tensor] = []
    for some, noise in zip(x0.split(batch), eps.split(batch), strict=True):
        cost = torch.cdist(noise, some).pow(2).numpy()
        found.append(some[torch.from_numpy(optimal_assignment(cost))])
    return torch.cat(found)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of data x0 and noise eps, (N, D) each, with conditional paths N(alpha x0 + sigma eps, PAIR_STD^2 I).

    On the schedule "flow" a path is a straight line; on a variance-preserving one it is that of diffusion.
    """

    x0: Tensor
    eps: Tensor
    schedule: Schedule = SCHEDULES["flow"]

    def cost(self) -> float:
        """The mean squared distance that a pair lies apart."""
        return float((self.eps - self.x0).pow(2).sum(1).mean())

    def middle(self, t: float) -> Tensor:
        """Where each path is at t, (N, D)."""
        return float(self.schedule.alpha(t)) * self.x0 + float(self.schedule.sigma(t)) * self.eps

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """The marginal field: the mean of the paths' velocities, weighted by how likely each is to be at x at t > 0.

        Eq. 8 and 14 of Tong et al. (arXiv 2302.00482): exact for these pairs, nothing is trained. (M, D) in, (M, D) out.
        """
        weights = (-torch.cdist(x, self.middle(t)).pow(2) / (2 * PAIR_STD**2)).softmax(1)
        d_alpha, d_sigma = derivative(self.schedule.alpha, t), derivative(self.schedule.sigma, t)
        return weights @ (d_alpha * self.x0 + d_sigma * self.eps)
