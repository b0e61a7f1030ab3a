"""Prediction targets: the network's output for one training example as eps, x0 and v, and the errors of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from diffviz import pacing
from diffviz.diffusion.process import add_noise, append_dims, eps_from_v, v_from_x0_eps, x0_from_v
from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models.denoiser import Denoiser

TARGETS = ("eps", "x0", "v")
SCHEDULE = "cosine"  # the one the shipped networks were trained on
# The weight of the squared x0 error in each loss, as a function of the SNR. With x_t given,
# eps_hat - eps = -(alpha / sigma) (x0_hat - x0) and v_hat - v = -(x0_hat - x0) / sigma (arXiv 2202.00512, appendix D);
# Min-SNR caps the first (Hang et al. 2023, arXiv 2303.09556, section 3.4).
WEIGHTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "x0": lambda snr: np.ones_like(snr),
    "eps": lambda snr: snr,
    "v": lambda snr: snr + 1,
    "min-snr": lambda snr: np.minimum(snr, 5.0),
}


@dataclass(frozen=True)
class NoisyPredictions:
    """One image with one noise at several timesteps, and the network's predictions.

    `t` and `log_snr` (F,); `x` (F, C, H, W); `target` and `prediction` the same for each name of TARGETS.
    """

    t: np.ndarray
    log_snr: np.ndarray
    x: np.ndarray
    target: dict[str, np.ndarray]
    prediction: dict[str, np.ndarray]

    def rmse(self, target: str) -> np.ndarray:
        """RMSE of the predictions: (F,)."""
        return rmse(self.prediction[target], self.target[target], PER_IMAGE)

    def zero_baseline_rmse(self, target: str) -> np.ndarray:
        """RMSE of the zero baseline, a prediction of all zeros: (F,)."""
        return rmse(self.target[target], axis=PER_IMAGE)


@torch.inference_mode()
def predict_at_times(
    denoiser: Denoiser, x0: np.ndarray, prompt: str, style: str | None, seed: int, ts: np.ndarray
) -> NoisyPredictions:
    """Noise x0 (C, H, W), an image or latents, to each of the times ts, above 0 to 1, and evaluate as training does.

    Unlike in sampling, the prediction is not clipped to [-1, 1].
    """
    schedule, n = SCHEDULES[SCHEDULE], len(ts)
    t = torch.from_numpy(np.asarray(ts, np.float64))
    image = torch.from_numpy(x0)[None].expand(n, -1, -1, -1)
    eps = randn_per_seed(make_generators([seed]), x0.shape).expand(n, -1, -1, -1)
    alpha, sigma = append_dims(schedule.alpha(t), image), append_dims(schedule.sigma(t), image)
    x = add_noise(image, eps, t, schedule)
    tokens = denoiser.tokens([prompt] * n, [style or None] * n)
    with pacing.piece(n):
        v = denoiser.net(x, schedule.angle(t).float(), tokens)
    target = {"x0": image, "eps": eps, "v": v_from_x0_eps(image, eps, alpha, sigma)}
    prediction = {"x0": x0_from_v(x, v, alpha, sigma), "eps": eps_from_v(x, v, alpha, sigma), "v": v}
    return NoisyPredictions(
        t.numpy(),
        schedule.log_snr(t).numpy(),
        x.numpy(),
        {name: value.numpy() for name, value in target.items()},
        {name: value.numpy() for name, value in prediction.items()},
    )


def weighted_loss(error_x0: np.ndarray, snr: np.ndarray, loss: str) -> np.ndarray:
    """Mean squared errors of x0 (F,) weighted as the loss named (one of WEIGHTS) does, scaled to a mean of 1: (F,)."""
    weighted = error_x0 * WEIGHTS[loss](snr)
    return weighted / weighted.mean()
