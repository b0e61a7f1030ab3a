"""The forward process and the prediction targets of the network.

Symbols, used with these names in the whole project (shapes are (B, C, H, W) unless stated):

    t         time from 0 (data) to 1 (noise)
    x0        the image, values in [-1, 1]
    eps       the noise, standard normal
    alpha     scale of the image at t, sqrt(alpha_bar_t) of DDPM (whose own alpha_t is 1 - beta_t)
    sigma     standard deviation of the noise at t, sqrt(1 - alpha_bar_t) where the variance is preserved
    x_t       alpha * x0 + sigma * eps
    SNR       alpha^2 / sigma^2: equal power at 1 only for images of mean square 1
    x0_hat    the network's estimate of x0 (the code's `x0` in a sampler's step)
    eps_hat   the noise that goes with it:  (x_t - alpha * x0_hat) / sigma
    v         alpha * eps - sigma * x0, the target of the shipped networks (arXiv 2202.00512, appendix D)
    u         eps - x0, the velocity, target of flow matching (arXiv 2210.02747)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from diffviz.diffusion.schedules import Schedule, Time

# The one contract: x_t (B, C, H, W) and times (B,) in, x0_hat (B, C, H, W) out.
Denoise = Callable[[Tensor, Tensor], Tensor]
Coefficient = float | Tensor


def append_dims(value: Tensor, like: Tensor) -> Tensor:
    """A number per image, (B,) or (), shaped to multiply images (B, C, H, W), in their dtype."""
    value = value.to(like.dtype).to(like.device)
    return value.view(-1, *[1] * (like.dim() - 1)) if value.dim() else value


def add_noise(x0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
    """x_t in one jump: alpha(t) x0 + sigma(t) eps (DDPM, arXiv 2006.11239, eq. 4)."""
    return append_dims(schedule.alpha(t), x0) * x0 + append_dims(schedule.sigma(t), x0) * eps


def noise_one_step(x_s: Tensor, eps: Tensor, s: Time, t: Time, schedule: Schedule) -> Tensor:
    """From x_s to the noisier x_t, t > s, with fresh noise eps (DDPM, eq. 2, for any schedule).

    Raises ValueError where alpha(s) = 0: nothing of the image is left.
    """
    alpha_s = schedule.alpha(s)
    if bool((alpha_s == 0).any()):
        raise ValueError("nothing of the image is left at this time: the forward process ends here")
    alpha_ts = schedule.alpha(t) / alpha_s
    beta = schedule.beta(t, s).clamp_min(0)
    return append_dims(alpha_ts, x_s) * x_s + append_dims(beta.sqrt(), x_s) * eps


def forward_chain(
    x0: Tensor, ts: Sequence[float], schedule: Schedule, rng: torch.Generator
) -> Iterator[Tensor]:
    """The forward process as a Markov chain: x at ts[0], ts[1], …, each drawn from the one before it.

    `ts` must increase. The first element is reached from the clean image in one step.
    """
    x, s = x0, 0.0
    for t in ts:
        if t > s:
            eps = torch.randn(x.shape, generator=rng)
            # Not as a step from t = 0: a schedule may have noise there, of which the clean image has none.
            x = noise_one_step(x, eps, s, t, schedule) if s else add_noise(x0, eps, t, schedule)
            s = t
        yield x


# In these, alpha and sigma are numbers, or tensors that `append_dims` has shaped.


def eps_from_x0(x_t: Tensor, x0: Tensor, alpha: Coefficient, sigma: Coefficient) -> Tensor:
    """eps = (x_t - alpha x0) / sigma; needs sigma > 0."""
    return (x_t - alpha * x0) / sigma


def x0_from_eps(x_t: Tensor, eps: Tensor, alpha: Coefficient, sigma: Coefficient) -> Tensor:
    """x0 = (x_t - sigma eps) / alpha; needs alpha > 0."""
    return (x_t - sigma * eps) / alpha


def v_from_x0_eps(x0: Tensor, eps: Tensor, alpha: Coefficient, sigma: Coefficient) -> Tensor:
    """v = alpha eps - sigma x0."""
    return alpha * eps - sigma * x0


def x0_from_v(x_t: Tensor, v: Tensor, alpha: Coefficient, sigma: Coefficient) -> Tensor:
    """x0 = (alpha x_t - sigma v) / (alpha^2 + sigma^2); finite at both ends."""
    return (alpha * x_t - sigma * v) / (alpha**2 + sigma**2)


def eps_from_v(x_t: Tensor, v: Tensor, alpha: Coefficient, sigma: Coefficient) -> Tensor:
    """eps = (sigma x_t + alpha v) / (alpha^2 + sigma^2); finite at both ends."""
    return (sigma * x_t + alpha * v) / (alpha**2 + sigma**2)


def x0_from_u(x_t: Tensor, u: Tensor, alpha: Coefficient, sigma: Coefficient) -> Tensor:
    """x0 = (x_t - sigma u) / (alpha + sigma), of u = eps - x0; on the flow schedule alpha + sigma = 1."""
    return (x_t - sigma * u) / (alpha + sigma)
