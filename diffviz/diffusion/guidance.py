"""Guidance wraps a denoiser and is itself one: the sampler does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

import torch
from torch import Tensor

from diffviz.diffusion.process import Denoise, append_dims
from diffviz.diffusion.schedules import Schedule

MIN_ALPHA = (
    0.05  # the least alpha that a classifier's gradient is divided by: near t = 1 it would be all there is
)
ROUNDING = 1e-9  # up to which two times are one


def _extrapolated(conditional: Tensor, base: Tensor, scale: float, *, clip: bool) -> Tensor:
    guided = base + scale * (conditional - base)
    return guided.clamp(-1, 1) if clip else guided


def classifier_free_guidance(
    conditional: Denoise, unconditional: Denoise, scale: float, *, clip: bool = True
) -> Denoise:
    """Classifier-free guidance: `scale` times the difference of the conditional and unconditional predictions.

    x0_hat = unconditional + scale * (conditional - unconditional): Ho & Salimans 2022 (arXiv 2207.12598,
    eq. 6), written as in Imagen (arXiv 2205.11487, eq. 2) so that scale 1 is off. Scale 1 takes one network
    evaluation, any other scale two. The result is clipped to [-1, 1], the range of images, unless `clip` is off: latents
    have no such bounds, and a third of their values lie outside it.
    """
    if scale == 1.0:
        return conditional

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        return _extrapolated(conditional(x, t), unconditional(x, t), scale, clip=clip)

    return denoise


def batched_cfg(both: Denoise, scale: float, *, clip: bool = True) -> Denoise:
    """`classifier_free_guidance` with both predictions in one batch, which takes a third less time than one by one.

    `both` takes a batch twice as long: conditional first, then unconditional. It still counts as two evaluations.
    """

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        conditional, base = both(torch.cat([x, x]), torch.cat([t, t])).chunk(2)
        return _extrapolated(conditional, base, scale, clip=clip)

    return denoise


@overload
def in_interval(t: float, low: float, high: float) -> bool: ...
@overload
def in_interval(t: Tensor, low: float, high: float) -> Tensor: ...
def in_interval(t: float | Tensor, low: float, high: float) -> bool | Tensor:
    """Whether a time, or each of (B,), lies above `low` and not above `high`.

    Times that are equal but for rounding count as equal: 1 - 21/30, which is more than 0.3 in floating point, does not
    lie above 0.3.
    """
    return (t > low + ROUNDING) & (t <= high + ROUNDING)


def limited_interval(guided: Denoise, plain: Denoise, low: float, high: float) -> Denoise:
    """`guided` at times from above `low` up to `high`, `plain` at the others, where it saves an evaluation.

    Guidance in a limited interval: Kynkäänniemi et al. 2024 (arXiv 2404.07724, section 3), who name it by noise level.
    """

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        inside = in_interval(t, low, high)
        if bool(inside.all()):
            return guided(x, t)
        if not bool(inside.any()):
            return plain(x, t)
        return torch.where(append_dims(inside, x).bool(), guided(x, t), plain(x, t))

    return denoise


def classifier_guidance(
    denoise: Denoise,
    log_p: Callable[[Tensor], Tensor],
    scale: float,
    schedule: Schedule,
    *,
    clip: bool = True,
) -> Denoise:
    """Classifier guidance: along the gradient of log p(y | image), `log_p` (B, C, H, W) -> (B,).

    eps_hat - scale * sigma * grad log p (Dhariwal & Nichol 2021, arXiv 2105.05233, algorithm 2), which is
    x0_hat + scale * sigma^2 / alpha * grad. Their classifier was trained on noisy images; one that was not is
    evaluated on x0_hat, and the gradient taken through the network (Bansal et al. 2023, arXiv 2302.07121, eq. 6).
    `denoise` must have a gradient where x does. Clipped to [-1, 1] unless `clip` is off; scale 0 is off. In latents
    `log_p` decodes what it is given, and the gradient is taken through the decoder as well.
    """
    if scale == 0.0:
        return denoise

    def guided(x: Tensor, t: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone().requires_grad_(True)
            x0 = denoise(x, t)
            (gradient,) = torch.autograd.grad(log_p(x0).sum(), x)
        alpha, sigma = append_dims(schedule.alpha(t), x), append_dims(schedule.sigma(t), x)
        x0 = x0.detach() + scale * sigma**2 / alpha.clamp(min=MIN_ALPHA) * gradient
        return x0.clamp(-1, 1) if clip else x0

    return guided
