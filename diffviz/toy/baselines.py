"""Other ways from static to points: a VAE, a GAN, and networks that learn from what diffusion made.

All are made of the same small network as `toy.Diffusion`, and trained by `toy.train` on the same points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from diffviz.toy.diffusion2d import REACH, Adam, Diffusion, PointNet

SPREAD = 0.15  # how far from the decoder's point a VAE's data may lie, as a standard deviation
PAIRS = 4096  # of static and what the teacher makes of it, for its pupil


def ask(net: PointNet, x: Tensor) -> Tensor:
    """A PointNet without its time: (B, 2) in, (B, said) out."""
    return net(x, torch.zeros(len(x)))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, variance) from the standard normal, summed over the last axis (Kingma & Welling 2013, appendix B)."""
    return (mean.pow(2) + log_variance.exp() - log_variance - 1).sum(-1) / 2


class VAE:
    """One network turns a point into a bell of codes, another turns a code back; to draw, a code is rolled.

    The loss is the bound of Kingma & Welling 2013 (arXiv 1312.6114, eq. 10), for points spread by SPREAD round what is
    decoded. What is drawn is the decoder's point itself, as VAEs of pictures show theirs.
    """

    calls = 1

    def __init__(self) -> None:
        self.encoder, self.decoder = PointNet(said=4), PointNet()
        self._adam = Adam(self.encoder, self.decoder)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        mean, log_variance = ask(self.encoder, x0).chunk(2, dim=1)
        code = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=rng)
        missed = (ask(self.decoder, code) - x0).pow(2).sum(1) / (2 * SPREAD**2)
        return self._adam.step((missed + divergence(mean, log_variance)).mean(), rate)

    @torch.inference_mode()
    def draw(self, static: Tensor) -> Tensor:
        return ask(self.decoder, static).clamp(-REACH, REACH)


class GAN:
    """A generator that turns static into points, against a second network that tells them from the data.

    Both take a step in turn. The generator's loss is the one that Goodfellow et al. 2014 (arXiv 1406.2661, section 3)
    train with: minus the log of the chance that its points pass for data. That loss is the one returned.
    """

    calls = 1

    def __init__(self) -> None:
        self.generator, self.critic = PointNet(), PointNet(said=1)
        self._adams = Adam(self.critic, betas=(0.5, 0.99)), Adam(self.generator, betas=(0.5, 0.99))

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        critic, generator = self._adams
        made = ask(self.generator, torch.randn(x0.shape, generator=rng))
        # softplus(-s) = -log of the chance, by the logit s, that it is data; softplus(s), that it is not
        told = softplus(-ask(self.critic, x0)).mean() + softplus(ask(self.critic, made.detach())).mean()
        critic.step(told, rate)
        return generator.step(softplus(-ask(self.critic, made)).mean(), rate)

    @torch.inference_mode()
    def draw(self, static: Tensor) -> Tensor:
        return ask(self.generator, static).clamp(-REACH, REACH)


class Pairs:
    """What a teacher makes of which static: PAIRS of both, drawn when they are first asked for."""

    def __init__(self, teacher: Diffusion) -> None:
        self._teacher, self._known = teacher, None

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """n pairs: static (n, 2) and the points it became (n, 2)."""
        if self._known is None:
            static = torch.randn(PAIRS, 2, generator=rng)
            self._known = static, self._teacher.draw(static).clone()
        picked = torch.randint(PAIRS, (n,), generator=rng)
        return self._known[0][picked], self._known[1][picked]


class Pupil:
    """Learns to say in one call what its teacher makes of the same static in all of its own.

    Plain regression (Luhman & Luhman 2021, arXiv 2101.02388, section 3). It sees no data: the points it is shown in
    training are passed over.
    """

    calls = 1

    def __init__(self, teacher: Diffusion) -> None:
        self.net, self._pairs = PointNet(), Pairs(teacher)
        self._adam = Adam(self.net)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        static, end = self._pairs.draw(len(x0), rng)
        return self._adam.step((ask(self.net, static) - end).pow(2).mean(), rate)

    @torch.inference_mode()
    def draw(self, static: Tensor) -> Tensor:
        return ask(self.net, static).clamp(-REACH, REACH)


class Straightened(Diffusion):
    """Flow matching once more, on the pairs of a first flow: with no two ways that cross, they can be straight.

    The "reflow" of Liu et al. 2023 (arXiv 2209.03003, section 2.1). Like a Pupil it sees no data.
    """

    def __init__(self, teacher: Diffusion) -> None:
        super().__init__("u", "flow")
        self._pairs = Pairs(teacher)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        static, end = self._pairs.draw(len(x0), rng)
        return self.learn(end, static, rng, rate)


def detour(path: Tensor) -> float:
    """How much longer the ways of points (steps + 1, N, 2) are than straight ones between their ends: 1 if straight."""
    walked = path.diff(dim=0).norm(dim=-1).sum()
    return float(walked / (path[-1] - path[0]).norm(dim=-1).sum())
