"""What an autoencoder's latents hold: as images, changed by hand, and on the way between two of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.process import add_noise
from diffviz.diffusion.samplers import final_step, make_generators, randn_per_seed
from diffviz.diffusion.schedules import Schedule
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models.autoencoder import PATCH, Autoencoder
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, build_denoiser, sample

SHOWN_STD = 3.0  # standard deviations from mid grey to white


@dataclass(frozen=True)
class Reconstruction:
    """An image, its latents, and what the decoder makes of them."""

    image: np.ndarray  # (S, S, 3) uint8
    z: np.ndarray  # (C, S/8, S/8) float32, unit variance over the training images
    decoded: np.ndarray  # (S, S, 3) uint8

    @property
    def rmse(self) -> float:
        """Root mean square error of the decoded image, on values from -1 to 1."""
        return float(rmse(from_uint8(self.image), from_uint8(self.decoded)))

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; infinite where nothing was lost."""
        return float(np.inf) if self.rmse == 0 else float(20 * np.log10(2 / self.rmse))

    @property
    def difference(self) -> np.ndarray:
        """(S, S, 3) uint8: the error four times enlarged, about mid grey."""
        error = from_uint8(self.decoded) - from_uint8(self.image)
        return to_uint8(4 * error)

    @property
    def numbers(self) -> tuple[int, int]:
        """How many values the image has, and how many its latents."""
        return self.image.size, self.z.size


def encode(autoencoder: Autoencoder, image: np.ndarray) -> np.ndarray:
    """Latents (C, S/8, S/8) of an image (S, S, 3) uint8. Raises ValueError where S is no multiple of 8."""
    with torch.inference_mode():
        return autoencoder.encode(torch.from_numpy(from_uint8(image))[None])[0].numpy()


def decode(autoencoder: Autoencoder, z: np.ndarray) -> np.ndarray:
    """Image (S, S, 3) uint8 of latents (C, S/8, S/8)."""
    with torch.inference_mode():
        return to_uint8(autoencoder.decode(torch.from_numpy(z)[None])[0].numpy())


def decode_linear(autoencoder: Autoencoder, z: np.ndarray) -> np.ndarray:
    """Image (S, S, 3) uint8 that the decoder's linear part alone makes: a weighted sum of C patterns per 8 × 8 patch."""
    with torch.inference_mode():
        raw = torch.from_numpy(z)[None] * autoencoder.std[:, None, None] + autoencoder.mean[:, None, None]
        return to_uint8(autoencoder.decoder.linear(raw).clamp(-1, 1)[0].numpy())


def reconstruct(autoencoder: Autoencoder, image: np.ndarray) -> Reconstruction:
    """Encode an image (S, S, 3) uint8 and decode it again. Raises ValueError where S is no multiple of 8."""
    z = encode(autoencoder, image)
    return Reconstruction(image, z, decode(autoencoder, z))


def channel_images(z: np.ndarray) -> np.ndarray:
    """Latents (…, C, H, W) as grey images (…, C, H, W, 3) uint8, three standard deviations from grey to white."""
    return to_uint8(z[..., None, :, :] / SHOWN_STD).repeat(3, axis=-1)


def first_channels(z: np.ndarray, side: int, white: float = SHOWN_STD) -> np.ndarray:
    """Three channels of latents (…, C, H, W) as red, green and blue, each value a square: (…, side, side, 3) uint8."""
    zoom = side // z.shape[-1]
    return to_uint8(z[..., :3, :, :], white).repeat(zoom, axis=-3).repeat(zoom, axis=-2)


def channel_sheet(z: np.ndarray, columns: int, zoom: int = 1, gap: int = 1) -> np.ndarray:
    """All channels of latents (…, C, H, W) side by side in `columns`: (…, rows, width, 3) uint8, white gaps between."""
    images = channel_images(z)
    *lead, channels, height, width, _ = images.shape
    rows = -(-channels // columns)
    sheet = np.full((*lead, rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for channel in range(channels):
        y, x = (channel // columns) * (height + gap), (channel % columns) * (width + gap)
        sheet[..., y : y + height, x : x + width, :] = images[..., channel, :, :, :]
    return sheet.repeat(zoom, axis=-3).repeat(zoom, axis=-2)


def moved(z: np.ndarray, channel: int, row: int, column: int, by: float) -> np.ndarray:
    """Latents (C, H, W) with one value moved `by` so many standard deviations. Raises IndexError outside."""
    changed = z.copy()
    changed[channel, row, column] += by
    return changed


def swapped(z: np.ndarray, other: np.ndarray, row: int, column: int, side: int) -> np.ndarray:
    """Latents (C, H, W) with a square of `side` positions from (row, column) on taken from `other` of the same shape.

    Near an edge the square begins earlier, so that all of it lies inside.
    """
    row, column = min(row, z.shape[1] - side), min(column, z.shape[2] - side)
    changed = z.copy()
    changed[:, row : row + side, column : column + side] = other[:, row : row + side, column : column + side]
    return changed


def reach(before: np.ndarray, after: np.ndarray, least: int = 8) -> tuple[int, int]:
    """(pixels, patches) that differ between two images (S, S, 3) uint8 by `least` levels or more in a channel.

    Patches are the 8 × 8 squares that one latent position stands for: more than one means that the decoder lets
    neighbours take part.
    """
    there = np.any(np.abs(before.astype(int) - after.astype(int)) >= least, axis=-1)
    side = before.shape[0] // PATCH
    return int(there.sum()), int(there.reshape(side, PATCH, side, PATCH).any((1, 3)).sum())


# --- on the way between two ---------------------------------------------------------------------------------


def lerp(a: np.ndarray, b: np.ndarray, w: float) -> np.ndarray:
    """(1 − w) a + w b."""
    return ((1 - w) * a + w * b).astype(a.dtype)


def slerp(a: np.ndarray, b: np.ndarray, w: float) -> np.ndarray:
    """On the great circle from a (w = 0) to b (w = 1): as long as they are, where `lerp` is shorter half way.

    Shoemake 1985. Noise of n values has a length near √n; a straight mean of two noises has only √(n / 2), which the
    network was never trained on. Falls back to `lerp` where the two point the same way. Raises ValueError where one is 0
    throughout, and where the two point opposite ways: there no great circle is the shortest.
    """
    # In float64: of two float32 arrays that are parallel or opposite the cosine would be off by 1e-7, the sine by 1e-4.
    u, v = a.astype(np.float64), b.astype(np.float64)
    length_u, length_v = np.linalg.norm(u), np.linalg.norm(v)
    if length_u == 0 or length_v == 0:
        raise ValueError("slerp needs two directions: an array of zeros has none")
    cosine = float(np.clip((u * v).sum() / (length_u * length_v), -1, 1))
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        if cosine < 0:
            raise ValueError("slerp has no shortest way between two arrays that point opposite ways")
        return lerp(a, b, w)
    direction = (np.sin((1 - w) * angle) * u / length_u + np.sin(w * angle) * v / length_v) / np.sin(angle)
    return (direction * ((1 - w) * length_u + w * length_v)).astype(a.dtype)


def weights(n: int) -> list[float]:
    """n weights evenly from 0 to 1; a single one is 0."""
    return [i / max(1, n - 1) for i in range(n)]


def between_latents(autoencoder: Autoencoder, first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """n decoded images (n, S, S, 3) uint8 on the straight line between the latents of two images."""
    a, b = encode(autoencoder, first), encode(autoencoder, second)
    batch: Tensor = torch.from_numpy(np.stack([lerp(a, b, w) for w in weights(n)]))
    with torch.inference_mode():
        return to_uint8(autoencoder.decode(batch).numpy())


def between_pixels(first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """n images (n, S, S, 3) uint8 on the straight line between the pixels of two."""
    a, b = from_uint8(first), from_uint8(second)
    return to_uint8(np.stack([lerp(a, b, w) for w in weights(n)]))


# --- diffusion in latents -----------------------------------------------------------------------------------


def square_sheet(z: np.ndarray, side: int) -> np.ndarray:
    """All channels of latents (…, C, H, W) in one white square (…, side, side, 3) uint8, as large as fits."""
    columns = int(np.ceil(np.sqrt(z.shape[-3])))
    width = columns * (z.shape[-1] + 1) - 1
    sheet = channel_sheet(z, columns, zoom=max(1, side // width))
    pads = [(side - length) // 2 for length in sheet.shape[-3:-1]]
    square = np.full((*sheet.shape[:-3], side, side, 3), 255, np.uint8)
    square[..., pads[0] : pads[0] + sheet.shape[-3], pads[1] : pads[1] + sheet.shape[-2], :] = sheet
    return square


@dataclass(frozen=True)
class ForwardInBoth:
    """The forward process in pixels and in latents at the same times, with the same schedule.

    `pixels` (F, S, S, 3) uint8 is √ᾱ x₀ + √(1 − ᾱ) ε; `z` (F, C, S/8, S/8) float32 is the same of the latents, with a
    noise of its own; `decoded` (F, S, S, 3) uint8 is what the decoder makes of them.
    """

    t: np.ndarray
    log_snr: np.ndarray
    pixels: np.ndarray
    z: np.ndarray
    decoded: np.ndarray


def forward_in_both(
    autoencoder: Autoencoder, image: np.ndarray, schedule: Schedule, frames: int = 21, seed: int = 0
) -> ForwardInBoth:
    """Noise an image (S, S, 3) uint8 in pixels and in latents, at `frames` times evenly from 0 to 1."""
    t = np.linspace(0, 1, frames)
    x0 = torch.from_numpy(from_uint8(image))[None]
    with torch.inference_mode():
        z0, states = autoencoder.encode(x0), []
        for start in (x0, z0):
            eps = randn_per_seed(make_generators([seed]), start.shape[1:])
            states.append(torch.cat([add_noise(start, eps, float(s), schedule) for s in t]))
        x, z = states
        decoded = torch.cat([autoencoder.decode(part) for part in z.split(8)])
    log_snr = np.array([float(schedule.log_snr(float(s))) for s in t])
    return ForwardInBoth(t, log_snr, to_uint8(x.numpy()), z.numpy(), to_uint8(decoded.numpy()))


def between_noises(settings: Settings, seed: int, denoiser: Denoiser, n: int, *, sphere: bool) -> np.ndarray:
    """n samples (n, S, S, 3) uint8 from noises between those of `settings.seed` and `seed`, in one batch."""
    rng = make_generators([settings.seed] * n)  # which a stochastic sampler goes on to draw from
    first = randn_per_seed(rng, denoiser.shape)[0].numpy()
    second = randn_per_seed(make_generators([seed]), denoiser.shape)[0].numpy()
    mix = slerp if sphere else lerp
    noises = torch.from_numpy(np.stack([mix(first, second, w) for w in weights(n)]))
    steps = sample(settings, build_denoiser(settings, denoiser, n), noises, settings.timesteps, rng)
    return to_uint8(denoiser.decode(final_step(steps).x).numpy())


def between_prompts(settings: Settings, prompt: str, denoiser: Denoiser, n: int) -> np.ndarray:
    """n samples (n, S, S, 3) uint8 from the same noise, from the prompt of `settings` to another.

    At each step the guided predictions for both prompts are mixed, x̂₀ = (1 − w) x̂₀(c₁) + w x̂₀(c₂), which composes the two
    conditions (Liu et al. 2022, arXiv 2206.01714). Token sequences of different lengths cannot be mixed themselves.
    """
    first = build_denoiser(settings, denoiser, n)
    second = build_denoiser(dataclasses.replace(settings, prompt=prompt), denoiser, n)
    w = torch.tensor(weights(n))[:, None, None, None]
    rng = make_generators([settings.seed] * n)
    noise = randn_per_seed(rng, denoiser.shape)
    steps = sample(
        settings, lambda x, t: (1 - w) * first(x, t) + w * second(x, t), noise, settings.timesteps, rng
    )
    return to_uint8(denoiser.decode(final_step(steps).x).numpy())
