"""Exact scores in closed form: Gaussian mixtures under noise, and the equations that sample by a score.

The data are a mixture of isotropic Gaussians, p_0 = sum_k w_k N(mu_k, v_k I). Under x_t = alpha x0 + sigma eps they stay
one: p_t has means alpha mu_k and variances alpha^2 v_k + sigma^2, so density, score and posterior mean are formulas. With a
component of variance 0 at each training point, p_t is the kernel density of the training set, and its score is the one that
a network would have to learn to reach the smallest possible loss on these points. Shapes are (N, D); numbers are float64.

The equations are those of Song et al. 2021 (arXiv 2011.13456), with time from 0 (data) to 1 (noise):

    forward SDE    dx = f(t) x dt + g(t) dw            f = alpha'/alpha,  g^2 = (sigma^2)' - 2 f sigma^2
    reverse SDE    dx = [f x - g^2 score] dt + g dw    backwards in time (eq. 6)
    PF ODE         dx = [f x - g^2 score / 2] dt       the probability-flow ODE (eq. 13)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from diffviz.diffusion.schedules import Schedule

Field = Callable[[Tensor, float], Tensor]  # x (N, D) and a time in, a vector (N, D) at each x out


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of K isotropic Gaussians: weights (K,) that add up to 1, means (K, D), variances (K,)."""

    weights: Tensor
    means: Tensor
    variances: Tensor

    @classmethod
    def at_points(cls, points: Tensor) -> Mixture:
        """The empirical distribution of points (K, D): it has no density before noise is added."""
        k = len(points)
        points = points.double()
        return cls(torch.full((k,), 1 / k).double(), points, torch.zeros(k).double())

    def noised(self, alpha: float, sigma: float) -> Mixture:
        """The distribution of alpha x0 + sigma eps."""
        return Mixture(self.weights, alpha * self.means, alpha**2 * self.variances + sigma**2)

    def part(self, which: Sequence[int]) -> Mixture:
        """The mixture of some of the components alone, with weights that add up to 1."""
        chosen = list(which)
        weights = self.weights[chosen]
        return Mixture(weights / weights.sum(), self.means[chosen], self.variances[chosen])

    def along(self, direction: Tensor) -> Mixture:
        """The one-dimensional distribution of x · direction, for a direction (D,) of length 1: means (K, 1)."""
        return Mixture(self.weights, (self.means @ direction)[:, None], self.variances)

    def log_joint(self, x: Tensor) -> Tensor:
        """log w_k + log N(x; mu_k, v_k I) for every component: (N, K). Raises ValueError where a variance is 0."""
        if bool((self.variances == 0).any()):
            raise ValueError("a distribution on single points has no density: add noise first")
        square = (x[:, None] - self.means).pow(2).sum(-1)
        normal = -0.5 * (square / self.variances + self.means.shape[1] * (2 * math.pi * self.variances).log())
        return self.weights.log() + normal

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x): (N,)."""
        return self.log_joint(x).logsumexp(1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """The probability of each component given x: (N, K)."""
        return self.log_joint(x).softmax(1)

    def score(self, x: Tensor) -> Tensor:
        """grad log p(x) = sum_k r_k(x) (mu_k - x) / v_k: (N, D)."""
        pull = self.responsibilities(x) / self.variances  # (N, K)
        return pull @ self.means - pull.sum(1, keepdim=True) * x

    def hessian(self, x: Tensor) -> Tensor:
        """The matrix of second derivatives of log p: (N, D, D)."""
        r = self.responsibilities(x)
        each = (self.means - x[:, None]) / self.variances[:, None]  # scores of the components, (N, K, D)
        mean = (r[..., None] * each).sum(1)
        square = torch.einsum("nk,nki,nkj->nij", r, each, each) - mean[:, :, None] * mean[:, None]
        eye = torch.eye(x.shape[1]).to(x)
        return square - (r / self.variances).sum(1)[:, None, None] * eye

    def cdf(self, x: Tensor) -> Tensor:
        """P(X <= x) of a one-dimensional mixture, at (N,): (N,)."""
        z = (x[:, None] - self.means[:, 0]) / self.variances.sqrt()
        return (self.weights * torch.special.ndtr(z)).sum(1)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n independent samples: (n, D)."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn(n, self.means.shape[1], generator=rng, dtype=torch.float64)
        return self.means[which] + self.variances[which].sqrt()[:, None] * noise


@dataclass(frozen=True, eq=False)
class Diffused:
    """A mixture under the noise of a schedule: p_t, its score, and the best denoiser there can be."""

    data: Mixture
    schedule: Schedule

    def at(self, t: float) -> Mixture:
        """p_t."""
        return self.data.noised(float(self.schedule.alpha(t)), float(self.schedule.sigma(t)))

    def score(self, x: Tensor, t: float) -> Tensor:
        """grad log p_t(x): (N, D)."""
        return self.at(t).score(x)

    def posterior_mean(self, x: Tensor, t: float) -> Tensor:
        """E[x0 | x_t = x], (N, D), component by component, so that it is finite where alpha is 0.

        Where alpha > 0 it equals (x + sigma^2 score) / alpha, Tweedie's formula (Efron 2011).
        """
        alpha = float(self.schedule.alpha(t))
        noisy = self.at(t)
        r, shrink = noisy.responsibilities(x), alpha * self.data.variances / noisy.variances
        return r @ (self.data.means - shrink[:, None] * noisy.means) + (r @ shrink)[:, None] * x

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """dx/dt of the PF ODE, alpha' E[x0 | x] + sigma' E[eps | x]: flow matching's marginal field of this path.

        It is f x - g^2 score / 2 (Lipman et al. 2023, arXiv 2210.02747, theorem 1 and appendix C). Needs
        t > 0, and t < 1 where alpha' has no bound there, as that of the sigmoid schedule.
        """
        x0 = self.posterior_mean(x, t)
        eps = (x - float(self.schedule.alpha(t)) * x0) / float(self.schedule.sigma(t))
        return derivative(self.schedule.alpha, t) * x0 + derivative(self.schedule.sigma, t) * eps


NEAREST_END = 1e-6  # how near to t = 1 a derivative is taken: cosine's alpha is set to 0 at 1 itself


def derivative(function: Callable[[Tensor], Tensor], t: float) -> float:
    """d/dt of a schedule's alpha or sigma at a time in (0, 1], by automatic differentiation."""
    at = torch.tensor(min(t, 1 - NEAREST_END), dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(function(at), at)
    return float(slope)


def drift_diffusion(schedule: Schedule, t: float) -> tuple[float, float]:
    """f(t) and g(t)^2 of the forward SDE, for t in (0, 1) where alpha > 0."""
    f = derivative(schedule.alpha, t) / float(schedule.alpha(t))
    sigma = float(schedule.sigma(t))
    return f, 2 * sigma * derivative(schedule.sigma, t) - 2 * f * sigma**2


# --- three samplers, which yield the state at each of the decreasing times -----------------------------------


def reverse_sde(
    score: Field, x: Tensor, ts: Sequence[float], schedule: Schedule, rng: torch.Generator
) -> Iterator[Tensor]:
    """The reverse SDE by Euler-Maruyama (arXiv 2011.13456, eq. 6). DDPM's sampling is another discretization of it."""
    yield x
    for t, s in pairwise(ts):
        f, g2 = drift_diffusion(schedule, t)
        x = x + (s - t) * (f * x - g2 * score(x, t))
        if s > 0:  # the last step adds no noise
            x = x + math.sqrt(g2 * (t - s)) * torch.randn(x.shape, generator=rng, dtype=x.dtype)
        yield x


def forward_sde(x: Tensor, ts: Sequence[float], schedule: Schedule, rng: torch.Generator) -> Iterator[Tensor]:
    """The forward process along increasing times, exactly: from x_s to x_t in law (arXiv 2006.11239, eq. 2)."""
    yield x
    for s, t in pairwise(ts):
        scale = float(schedule.alpha(t)) / float(schedule.alpha(s))
        std = math.sqrt(max(float(schedule.beta(t, s)), 0.0))
        x = scale * x + std * torch.randn(x.shape, generator=rng, dtype=x.dtype)
        yield x


def integrate(velocity: Field, x: Tensor, ts: Sequence[float], *, heun: bool = False) -> Iterator[Tensor]:
    """dx/dt = velocity along times that fall or rise, by Euler's or Heun's method (Karras et al., arXiv 2206.00364).

    Heun's evaluates the velocity twice a step, but once in a step that ends at t = 0, where it may be infinite.
    """
    yield x
    for t, s in pairwise(ts):
        d = velocity(x, t)
        x_next = x + (s - t) * d
        if heun and s > 0:
            x_next = x + (s - t) * (d + velocity(x_next, s)) / 2
        x = x_next
        yield x


def annealed_langevin(
    score: Field,
    x: Tensor,
    ts: Sequence[float],
    sizes: Sequence[float],
    steps: int,
    rng: torch.Generator,
) -> Iterator[Tensor]:
    """Annealed Langevin dynamics (Song & Ermon 2019, arXiv 1907.05600, algorithm 1): `steps` at each of the times `ts`.

    A step at a time is x + d score + sqrt(2 d) z with d of `sizes`. The state at a time is yielded after its steps.
    """
    for t, size in zip(ts, sizes, strict=True):
        for _ in range(steps):
            noise = torch.randn(x.shape, generator=rng, dtype=x.dtype)
            x = x + size * score(x, t) + math.sqrt(2 * size) * noise
        yield x


def contraction_rate(data: Diffused, x: Tensor, t: float, *, stochastic: bool) -> float:
    """How fast neighbours approach each other, at most over points (N, D): a step h overshoots if h times it is above 2.

    The largest eigenvalue of the drift's Jacobian against the time, which runs backwards; where it is negative, neighbours
    move apart. Of the reverse SDE's drift if `stochastic`, else of the PF ODE's.
    """
    f, g2 = drift_diffusion(data.schedule, t)
    own = torch.linalg.eigvalsh(data.at(t).hessian(x))
    return float((f - (g2 if stochastic else g2 / 2) * own).max())


# --- distances between samples and a density ------------------------------------------------------------------


def ks_distance(samples: Tensor, exact: Mixture) -> float:
    """Kolmogorov and Smirnov's distance of samples (N,) from a one-dimensional mixture: the largest gap of the CDFs."""
    ordered = samples.sort().values
    n = len(ordered)
    rank = torch.arange(n + 1).double() / n
    cdf = exact.cdf(ordered)
    return float(torch.maximum((rank[1:] - cdf).max(), (cdf - rank[:-1]).max()))


def ks_p_value(distance: float, n: int) -> float:
    """The probability that n exact samples are this far or farther (asymptotic, with Stephens' correction for n)."""
    root = math.sqrt(n)
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:  # the series below converges slowly there, and the probability is 1
        return 1.0
    total = sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


def ks_limit(n: int, level: float = 0.05) -> float:
    """The distance that n exact samples exceed with probability `level`."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if ks_p_value(middle, n) > level else (low, middle)
    return high


# --- guidance ---------------------------------------------------------------------------------------------------


def guided(conditional: Field, unconditional: Field, w: float) -> Field:
    """Classifier-free guidance, unconditional + w (conditional - unconditional) (arXiv 2207.12598); w = 1 is off.

    It is linear, so it is the same for scores, for velocities and for predictions.
    """

    def combined(x: Tensor, t: float) -> Tensor:
        apart = unconditional(x, t)
        return apart + w * (conditional(x, t) - apart)

    return combined


def tilted_log_density(conditional: Mixture, unconditional: Mixture, w: float, x: Tensor) -> Tensor:
    """log of p(x|c)^w p(x)^(1-w), not normalized: (N,). What guided sampling is often said to draw from, and does not."""
    return w * conditional.log_density(x) + (1 - w) * unconditional.log_density(x)
