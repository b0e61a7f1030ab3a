"""DDPM in one dimension, every distribution of it: chain, posteriors, the exact reverse step, and the variational bound.

Steps are counted t = 1 … T as in the paper (Ho et al. 2020, arXiv 2006.11239), alpha_bar_t is alpha(t/T)^2 of the linear
schedule, beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}. The data are a mixture of Gaussians, and the model is the best there
can be: its prediction of x0 is E[x0 | x_t]. Integrals are sums on a grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from diffviz.diffusion.schedules import SCHEDULES
from diffviz.toy.scores import Diffused, Mixture

SCHEDULE = SCHEDULES["linear"]
GRID = torch.linspace(-6, 6, 2401, dtype=torch.float64)
SPACING = float(GRID[1] - GRID[0])


def normal_pdf(x: Tensor, mean: float, variance: float) -> Tensor:
    """The density of N(mean, variance) at x (N,)."""
    return (-((x - mean) ** 2) / (2 * variance)).exp() / math.sqrt(2 * math.pi * variance)


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain of `steps` steps on data of one dimension."""

    data: Mixture
    steps: int

    @cached_property
    def alpha_bar(self) -> Tensor:
        """alpha_bar_0 = 1 to alpha_bar_T: (T + 1,)."""
        return SCHEDULE.alpha(torch.arange(self.steps + 1).double() / self.steps) ** 2

    @cached_property
    def beta(self) -> Tensor:
        """beta_t at index t; beta_0 is 0: (T + 1,)."""
        bar = self.alpha_bar
        return torch.cat([torch.zeros(1).double(), 1 - bar[1:] / bar[:-1]])

    @property
    def exact(self) -> Diffused:
        """The data under the noise of the schedule."""
        return Diffused(self.data, SCHEDULE)

    def q_xt(self, x0: float, t: int) -> tuple[float, float]:
        """Mean and variance of q(x_t | x_0) (eq. 4)."""
        bar = float(self.alpha_bar[t])
        return math.sqrt(bar) * x0, 1 - bar

    def posterior(self, x_t: float, x0: float, t: int) -> tuple[float, float]:
        """Mean and variance of q(x_{t-1} | x_t, x_0) (eq. 6 and 7); of variance 0 for t = 1."""
        bar, before, beta = (float(v) for v in (self.alpha_bar[t], self.alpha_bar[t - 1], self.beta[t]))
        mean = (math.sqrt(before) * beta * x0 + math.sqrt(1 - beta) * (1 - before) * x_t) / (1 - bar)
        return mean, beta * (1 - before) / (1 - bar)

    def denoised(self, x_t: Tensor, t: int) -> Tensor:
        """E[x_0 | x_t], (N,): the x0 of the model."""
        return self.exact.posterior_mean(x_t[:, None], t / self.steps)[:, 0]

    def model(self, x_t: float, t: int) -> tuple[float, float]:
        """Mean and variance of p(x_{t-1} | x_t): the posterior, with the model's x0 for the true one."""
        return self.posterior(x_t, float(self.denoised(torch.tensor([x_t]).double(), t)), t)

    def reverse_density(self, x_t: float, t: int) -> Tensor:
        """q(x_{t-1} | x_t) on the grid, (G,): what the model's Gaussian stands for, and in general none. Needs t > 1."""
        scale, beta = math.sqrt(1 - float(self.beta[t])), float(self.beta[t])
        before = self.exact.at((t - 1) / self.steps)
        log = before.log_density(GRID[:, None]) - (x_t - scale * GRID) ** 2 / (2 * beta)
        density = (log - log.max()).exp()
        return density / (density.sum() * SPACING)

    def model_error(self, x_t: float, t: int) -> float:
        """How much of its mass the model's Gaussian has elsewhere than q(x_{t-1} | x_t): their total variation distance."""
        apart = normal_pdf(GRID, *self.model(x_t, t)) - self.reverse_density(x_t, t)
        return 0.5 * float(apart.abs().sum()) * SPACING

    @cached_property
    def mmse(self) -> Tensor:
        """E[(x_0 - E[x_0 | x_t])^2] at t = 1 … T, the smallest squared error there can be: (T,)."""
        second = float((self.data.weights * (self.data.variances + self.data.means[:, 0] ** 2)).sum())
        found: list[float] = []
        for t in range(1, self.steps + 1):
            # E Var(x0 | x_t) = E x0^2 - E (E[x0 | x_t])^2, over components: each has narrow noise of its own at small t.
            noisy = self.exact.at(t / self.steps)
            nodes = noisy.means[:, 0] + noisy.variances.sqrt() * _NODES[:, None]  # (nodes, K)
            square = self.denoised(nodes.reshape(-1), t).pow(2).reshape(nodes.shape)
            found.append(second - float((noisy.weights * (_NODE_WEIGHTS[:, None] * square)).sum()))
        return torch.tensor(found).double().clamp_min(0)

    @cached_property
    def bound(self) -> Tensor:
        """The terms of the variational bound in nats (eq. 5), (T + 1,): L_0, then L_{t-1} for t = 2 … T, then L_T.

        With the posterior's variance for the model's, L_{t-1} is (SNR_{t-1} - SNR_t) / 2 times the mean squared error of
        x0 (Kingma et al. 2021, arXiv 2107.00630, eq. 13). p(x_0 | x_1) is Gaussian with variance beta_1.
        """
        bar, mmse = self.alpha_bar, self.mmse
        snr = bar[1:] / (1 - bar[1:])
        beta1 = float(self.beta[1])
        first = 0.5 * math.log(2 * math.pi * beta1) + float(mmse[0]) / (2 * beta1)
        middle = (snr[:-1] - snr[1:]) / 2 * mmse[1:]
        last = float(bar[-1])
        second = float((self.data.weights * (self.data.variances + self.data.means[:, 0] ** 2)).sum())
        prior = 0.5 * (
            last * second + (1 - last) - 1 - math.log(1 - last)
        )  # KL(q(x_T | x_0) || N(0, 1)), mean over x0
        return torch.cat([torch.tensor([first]).double(), middle, torch.tensor([prior]).double()])

    @cached_property
    def simple(self) -> Tensor:
        """The terms of the simplified loss (eq. 14), E[(eps - eps_hat)^2] = SNR_t times the error of x0: (T,)."""
        bar = self.alpha_bar[1:]
        return bar / (1 - bar) * self.mmse

    @cached_property
    def weights(self) -> Tensor:
        """What the bound weighs each term of the simplified loss with, t = 2 … T (eq. 12 with the posterior's variance).

        (T - 1,): beta_t^2 / (2 beta_tilde_t (1 - beta_t) (1 - alpha_bar_t)).
        """
        bar, beta = self.alpha_bar, self.beta
        tilde = beta[2:] * (1 - bar[1:-1]) / (1 - bar[2:])
        return beta[2:] ** 2 / (2 * tilde * (1 - beta[2:]) * (1 - bar[2:]))

    def entropy(self) -> float:
        """-E log p(x_0) in nats: no bound on the negative log-likelihood can be less."""
        log = self.data.log_density(GRID[:, None])
        return -float((log.exp() * log).sum() * SPACING)


_NODES = torch.linspace(-7, 7, 281, dtype=torch.float64)  # of the standard normal, for the trapezoidal rule
_NODE_WEIGHTS = normal_pdf(_NODES, 0.0, 1.0) * (_NODES[1] - _NODES[0])
