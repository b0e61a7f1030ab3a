"""The contract between networks and samplers: denoise(x, t) -> x0_hat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffviz import pacing
from diffviz.diffusion.process import Denoise, append_dims, x0_from_v
from diffviz.diffusion.schedules import Schedule
from diffviz.models.autoencoder import PATCH, Autoencoder
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import Attention, UNet, same_weights

ATTENTION = ("self", "cross")  # the kinds: to all positions, or to the tokens of style and prompt
# evaluate(net, x, angle, tokens) -> v_hat: who computes what `net(x, angle, tokens)` is.
Evaluate = Callable[[UNet, Tensor, Tensor, Tensor], Tensor]
# attend(net, x, angle, tokens, kind) -> v_hat and the attention weights of this kind, as `attend_by_torch` gives them.
Attend = Callable[[UNet, Tensor, Tensor, Tensor, str], tuple[Tensor, Tensor]]


def by_torch(net: UNet, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
    """The network evaluated by itself, the reference."""
    return net(x, angle, tokens)


def attend_by_torch(net: UNet, x: Tensor, angle: Tensor, tokens: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """v_hat (B, C, S, S) and attention weights (blocks, B, heads, N, M) of one evaluation, the reference.

    Each of the N positions takes from M others ("self", where M = N) or M tokens ("cross", 0 for unused ones); its
    weights add up to 1. Raises ValueError for another kind.
    """
    if kind not in ATTENTION:
        raise ValueError(f"attention is “self” or “cross”, not {kind!r}")
    seen: list[Tensor] = []

    def keep(module: Attention, given: tuple[Tensor, ...], out: Tensor) -> None:
        x, context, *mask = given
        seen.append(
            module.weights(x, context, mask[0] if mask else x.new_ones(context.shape[:2], dtype=torch.bool))
        )

    watched = same_weights(net)
    for block in watched.middle:
        getattr(block, f"{kind}_attention").register_forward_hook(keep)
    v = watched(x, angle, tokens)
    return v, torch.stack(seen)


_evaluate: Evaluate = by_torch
_attend: Attend = attend_by_torch
_here: ContextVar[Evaluate | None] = ContextVar("evaluated here by", default=None)


def evaluate_by(evaluate: Evaluate | None, attend: Attend | None = None) -> None:
    """From now on the networks of all denoisers are evaluated by these; None: by torch (see `serving.engine`)."""
    global _evaluate, _attend
    _evaluate, _attend = evaluate or by_torch, attend or attend_by_torch


def evaluate_here_by(evaluate: Evaluate | None) -> None:
    """From now on the networks are evaluated by this in the present thread alone; None: as everywhere."""
    _here.set(evaluate)


def evaluated_by() -> Evaluate:
    """What evaluates the networks of all denoisers at present."""
    return _evaluate


@dataclass(frozen=True)
class Denoiser:
    """Network and vocabulary together; `conditioned` gives the function a sampler calls.

    A latent one has an autoencoder as well: samplers and guidance work on its latents all the same, and only `encode`
    and `decode` lead from images to the states of a trajectory and back.
    """

    net: UNet
    vocabulary: Vocabulary
    autoencoder: Autoencoder | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the states of a trajectory: of its images, or of their latents."""
        config = self.net.config
        return (config.in_channels, config.size, config.size)

    @property
    def image_size(self) -> int:
        """Side of its images in pixels."""
        return self.net.config.size * (PATCH if self.autoencoder else 1)

    def encode(self, images: Tensor) -> Tensor:
        """States (B, C, H, W) of images (B, 3, S, S) in [-1, 1]: the images themselves, or their latents."""
        with torch.inference_mode():
            return self.autoencoder.encode(images) if self.autoencoder else images

    def decode(self, states: Tensor) -> Tensor:
        """Images (B, 3, S, S) of states (B, C, H, W); has a gradient where the states require one."""
        if self.autoencoder is None:
            return states
        with pacing.piece(), torch.inference_mode(not states.requires_grad):
            return self.autoencoder.decode(states)

    @property
    def decode_panel(self) -> Callable[[str, np.ndarray], np.ndarray] | None:
        """What a `Trajectory` decodes its panels by, all alike; None where its states are images already."""
        if self.autoencoder is None:
            return None

        return lambda panel, states: self.decode_states(states)

    def decode_states(self, states: np.ndarray) -> np.ndarray:
        """Images (F, 3, S, S) of states (F, C, H, W), a few at a time: that takes less memory and no longer."""
        if self.autoencoder is None:
            return states
        batches = np.array_split(states, max(1, len(states) // 8))
        return np.concatenate([self.decode(torch.tensor(b)).numpy() for b in batches])

    def tokens(self, prompts: Sequence[str], styles: Sequence[str | None]) -> Tensor:
        """Token ids (B, L) of prompts and styles, one pair per image."""
        return torch.tensor([self.vocabulary.encode(p, s) for p, s in zip(prompts, styles, strict=True)])

    def conditioned(
        self, prompts: Sequence[str], styles: Sequence[str | None], schedule: Schedule
    ) -> Denoise:
        """denoise(x, t) for these prompts and styles, one of each per image, on this schedule."""
        tokens = self.tokens(prompts, styles)
        return lambda x, t: self.predict(x, t, tokens, schedule)

    def predict(self, x: Tensor, t: Tensor, tokens: Tensor, schedule: Schedule) -> Tensor:
        """x0_hat (B, C, H, W) for x at times t (B,) of `schedule`.

        The network was trained on one schedule, at unit variance, and is told only the noise level. So any
        other schedule is served by scaling x to unit variance and naming the level with the same SNR. Where x
        requires a gradient, so does the prediction.
        """
        with pacing.piece(len(x)), torch.inference_mode(not x.requires_grad):
            scale, angle = _told(x, t, schedule)
            v = (_here.get() or _evaluate)(
                self.net, x * scale, angle.to(x.dtype).to(x.device), tokens.to(x.device)
            )
            x0 = x0_from_v(x * scale, v, append_dims(torch.cos(angle), x), append_dims(torch.sin(angle), x))
            # Images live in [-1, 1]: an estimate outside it is an error we can see. Latents have no such bounds.
            return x0 if self.autoencoder else x0.clamp(-1, 1)

    def attention(self, x: Tensor, t: Tensor, tokens: Tensor, schedule: Schedule, kind: str) -> Tensor:
        """Attention weights (blocks, B, heads, N, M) of the prediction that `predict` makes, see `attend_by_torch`."""
        with pacing.piece(len(x)), torch.inference_mode():
            scale, angle = _told(x, t, schedule)
            return _attend(self.net, x * scale, angle.to(x.dtype), tokens, kind)[1]


def _told(x: Tensor, t: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """What x (B, C, H, W) is scaled by for unit variance, and the noise level that the network is told, (B,)."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    return append_dims(torch.rsqrt(alpha**2 + sigma**2), x), torch.atan2(sigma, alpha)
