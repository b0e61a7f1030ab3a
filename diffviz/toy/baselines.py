"""Baselines on points in the plane: a VAE, a GAN, a distilled student, and reflow (rectified flow).

All use the network of `diffusion2d.Diffusion`, and are trained by `diffusion2d.train` on the same points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from diffviz.toy.diffusion2d import DATA_LIMIT, Adam, Diffusion, PointNet

DECODER_STD = 0.15  # standard deviation of the VAE's Gaussian likelihood p(x | z)
N_PAIRS = 4096  # cached (noise, sample) pairs of a teacher


def apply_net(net: PointNet, x: Tensor) -> Tensor:
    """A PointNet at noise level 0, for models without time: (B, 2) in, (B, outputs) out."""
    return net(x, torch.zeros(len(x)))


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, variance) from the standard normal, summed over the last axis (Kingma & Welling 2013, appendix B)."""
    return (mean.pow(2) + log_variance.exp() - log_variance - 1).sum(-1) / 2


class VAE:
    """An encoder gives a Gaussian posterior over a latent z, a decoder maps z to a point; samples decode z ~ N(0, I).

    The loss is the negative ELBO of Kingma & Welling 2013 (arXiv 1312.6114, eq. 10) with a Gaussian likelihood of
    standard deviation DECODER_STD. A sample is the decoder's mean, as VAEs of images show theirs.
    """

    nfe = 1

    def __init__(self) -> None:
        self.encoder, self.decoder = PointNet(outputs=4), PointNet()
        self._adam = Adam(self.encoder, self.decoder)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        mean, log_variance = apply_net(self.encoder, x0).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=rng)
        reconstruction = (apply_net(self.decoder, z) - x0).pow(2).sum(1) / (2 * DECODER_STD**2)
        return self._adam.step((reconstruction + kl_divergence(mean, log_variance)).mean(), rate)

    @torch.inference_mode()
    def sample(self, noise: Tensor) -> Tensor:
        return apply_net(self.decoder, noise).clamp(-DATA_LIMIT, DATA_LIMIT)


class GAN:
    """A generator maps noise to points; a discriminator is trained to tell them from the data.

    Both take a step in turn. The generator has the non-saturating loss -log D(G(z)) of Goodfellow et al. 2014 (arXiv
    1406.2661, section 3), which is the one returned.
    """

    nfe = 1

    def __init__(self) -> None:
        self.generator, self.discriminator = PointNet(), PointNet(outputs=1)
        self._adams = Adam(self.discriminator, betas=(0.5, 0.99)), Adam(self.generator, betas=(0.5, 0.99))

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        discriminator, generator = self._adams
        fake = apply_net(self.generator, torch.randn(x0.shape, generator=rng))
        # With the logit s of D: softplus(-s) = -log D and softplus(s) = -log(1 - D)
        loss = (
            softplus(-apply_net(self.discriminator, x0)).mean()
            + softplus(apply_net(self.discriminator, fake.detach())).mean()
        )
        discriminator.step(loss, rate)
        return generator.step(softplus(-apply_net(self.discriminator, fake)).mean(), rate)

    @torch.inference_mode()
    def sample(self, noise: Tensor) -> Tensor:
        return apply_net(self.generator, noise).clamp(-DATA_LIMIT, DATA_LIMIT)


class TeacherPairs:
    """Cached (noise, sample) pairs of a teacher: N_PAIRS of them, sampled at the first use."""

    def __init__(self, teacher: Diffusion) -> None:
        self._teacher, self._pairs = teacher, None

    def sample(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """n random pairs, with replacement: noise (n, 2) and the teacher's samples from it (n, 2)."""
        if self._pairs is None:
            noise = torch.randn(N_PAIRS, 2, generator=rng)
            self._pairs = noise, self._teacher.sample(noise).clone()
        picked = torch.randint(N_PAIRS, (n,), generator=rng)
        return self._pairs[0][picked], self._pairs[1][picked]


class DistilledStudent:
    """Knowledge distillation: one evaluation in place of the teacher's whole sampling trajectory.

    Regression of the teacher's samples on their noise (Luhman & Luhman 2021, arXiv 2101.02388, section 3). The points
    that `step` is given are ignored: the student sees no data.
    """

    nfe = 1

    def __init__(self, teacher: Diffusion) -> None:
        self.net, self._pairs = PointNet(), TeacherPairs(teacher)
        self._adam = Adam(self.net)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        noise, end = self._pairs.sample(len(x0), rng)
        return self._adam.step((apply_net(self.net, noise) - end).pow(2).mean(), rate)

    @torch.inference_mode()
    def sample(self, noise: Tensor) -> Tensor:
        return apply_net(self.net, noise).clamp(-DATA_LIMIT, DATA_LIMIT)


class Reflow(Diffusion):
    """Reflow: flow matching on the (noise, sample) pairs of a first flow, in place of random pairs.

    Liu et al. 2023 (arXiv 2209.03003, section 2.1). Trajectories of the first flow do not cross at the same t, but the
    straight lines between their ends may, unless those trajectories are straight: so one reflow makes trajectories
    straighter, not straight. Like a DistilledStudent it sees no data.
    """

    def __init__(self, teacher: Diffusion) -> None:
        super().__init__("u", "flow")
        self._pairs = TeacherPairs(teacher)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        noise, end = self._pairs.sample(len(x0), rng)
        return self.denoising_step(end, noise, rng, rate)


def path_length_ratio(path: Tensor) -> float:
    """Length of the paths of points (steps + 1, N, 2) over the distance between their ends: 1 for straight ones."""
    length = path.diff(dim=0).norm(dim=-1).sum()
    return float(length / (path[-1] - path[0]).norm(dim=-1).sum())
