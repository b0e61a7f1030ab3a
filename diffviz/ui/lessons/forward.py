"""The parts of the lesson on the forward process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import forward_trajectory, frame_captions, reverse_trajectory
from diffviz.diffusion import process
from diffviz.diffusion.schedules import SCHEDULES, Schedule
from diffviz.evaluation import metrics
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.ui import charts, theme
from diffviz.ui import source as source_view
from diffviz.ui.cache import by_content, digest, frozen, share, shared
from diffviz.ui.components import player as frame_player
from diffviz.ui.image_input import SIZE

LENGTHS = (10, 25, 50, 100, 250, 1000)
TIMES = (0.1, 0.35, 0.7, 1.0)
LARGE_SIDE = 512  # pixels of an image that the small one is compared with


def _symbols(schedule: Schedule) -> tuple[str, str]:
    """How the scales of image and noise are written: by ᾱ where the variance is preserved, else as they are."""
    return ("√ᾱₜ", "√(1−ᾱₜ)") if schedule.variance_preserving else ("(1−t)", "t")


def trajectory_player(image: np.ndarray, schedule: str, total: int, seed: int) -> None:
    """Show the forward trajectory of an image in the frame player, with its schedule drawn under it."""
    chosen, x0 = SCHEDULES[schedule], from_uint8(image)
    run = _trajectory(image, schedule, total, seed)
    st.session_state["forward-seen"] = True
    snr = [frame_player.snr_text(v) for v in run.log_snr]
    readouts = [
        f"step {k} of {total} · t = {t:.2f} · SNR {s}" for k, t, s in zip(run.step, run.t, snr, strict=True)
    ]
    signal, noise = _symbols(chosen)
    squared = run.alpha**2
    strips = [
        frame_player.Chart(
            "ᾱₜ" if chosen.variance_preserving else f"{signal}²",
            "signal",
            squared,
            [f"{v:.3f}" for v in squared],
            (0, 1),
        ),
        frame_player.Chart(noise, "noise", run.sigma, [f"{v:.3f}" for v in run.sigma], (0, 1), "6 4"),
        frame_player.Chart(
            "log SNR",
            "text",
            run.log_snr,
            [f"{v:+.1f}".replace("inf", "∞") for v in run.log_snr],
            (-12, 12),
            "2 3",
        ),
    ]
    power = float(metrics.rmse(x0)) ** 2
    frame_player.play(
        _player_panels(run, schedule),
        readouts,
        frame_captions.forward_captions(run.alpha, run.sigma, run.step, total, power),
        title=f"Forward process, {schedule} schedule",
        key="forward-player",
        name=f"forward-{schedule}",
        start=int(np.searchsorted(run.t, 0.4)),
        main=2,
        t=run.t,
        charts=strips,
    )


def _trajectory(
    image: np.ndarray, schedule: str, total: int, seed: int
) -> forward_trajectory.ForwardTrajectory:
    """Computed once for all visitors; on arrival it is shown as it is computed, later changes go straight to the player."""
    key, arrival = digest("forward", image, schedule, total, seed), "forward-seen" not in st.session_state
    run = shared(key)
    if run is None or arrival:
        x0, chosen = from_uint8(image), SCHEDULES[schedule]
        states = forward_trajectory.forward_states(x0, chosen, total, seed)
        if arrival:
            states = _shown(states, x0, schedule, total)
        run = frozen(forward_trajectory.record_forward(x0, states, chosen, total))
        # What was shown on arrival too: the next rerun looks for it here.
        share(key, run, run.x.nbytes + run.signal.nbytes)
    return run


@by_content
def _player_panels(run: forward_trajectory.ForwardTrajectory, schedule: str) -> list[frame_player.Panel]:
    return _panels(run, SCHEDULES[schedule])


@by_content
def _equal_power(power: float, schedule: str) -> float:
    """The time at which image and noise have equal power, for an image of this mean square."""
    return SCHEDULES[schedule].inverse_log_snr(float(-np.log(power))) if power else 0.0


def _panels(run: forward_trajectory.ForwardTrajectory, schedule: Schedule) -> list[frame_player.Panel]:
    signal, noise = _symbols(schedule)
    return [
        frame_player.Panel(f"{signal}·x₀", "the image, scaled", "signal", to_uint8(run.signal)),
        frame_player.Panel(f"{noise}·ε", "the noise, scaled", "noise", to_uint8(run.noise, 3.0)),
        frame_player.Panel("xₜ", "their sum, the noisy image", "state", to_uint8(run.x)),
    ]


def _shown(
    states: Iterator[tuple[int, np.ndarray]], x0: np.ndarray, schedule: str, total: int
) -> Iterator[tuple[int, np.ndarray]]:
    place, chosen = st.empty(), SCHEDULES[schedule]
    for i, state in enumerate(states):
        if i % 2 == 0:  # half the frames: enough to see it move, half the work for a busy server
            now = forward_trajectory.record_forward(x0, [state], chosen, total)
            caption = f"Noise is being added: step {state[0]} of {total}."
            place.html(frame_player.still(_panels(now, chosen), caption, main=2))
        yield state
    place.empty()


@by_content
def _pixel_samples(
    pixels: bytes, schedule: str, total: int, seed: int
) -> list[forward_trajectory.PixelSamples]:
    image = np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE, 3)
    return forward_trajectory.pixel_samples(from_uint8(image), SCHEDULES[schedule], total, TIMES, seed)


_gap = by_content(metrics.ks_distance)


def same_distribution(image: np.ndarray, schedule: str, total: int, seed: int) -> None:
    """Histograms of x_t in one step and step by step at four timesteps, and the largest difference between them."""
    samples = _pixel_samples(image.tobytes(), schedule, total, seed)
    titles = [f"t = {s.t:.2f}" for s in samples]
    figure = charts.pixel_histograms(
        titles, [s.one_jump for s in samples], [s.step_by_step for s in samples], theme.palette()
    )
    charts.show(figure, "two-ways")
    gaps = [_gap(s.one_jump, s.step_by_step) for s in samples]
    n = len(samples[0].one_jump)
    limit = metrics.ks_limit(n, n)
    verdict = "stays below" if max(gaps) < limit else "is above"
    st.markdown(
        f"The largest gap between the two cumulative distributions (Kolmogorov–Smirnov distance, {n:,} values each) is "
        f"**{max(gaps):.2%}**. It {verdict} {limit:.2%}, which two independent samples of this size from one "
        "distribution exceed one time in twenty (the largest of four gaps does so more often). As t grows, "
        "both approach the dashed curve: the standard normal."
    )


def formula(image: np.ndarray, schedule: str) -> None:
    """One step and many, in the papers' symbols, and what the SNR means for this image."""
    st.markdown(
        r"""
One step, from $x_{t-1}$ to $x_t$: $\;x_t = \sqrt{1-\beta_t}\,x_{t-1} + \sqrt{\beta_t}\;\varepsilon_t$, with fresh
noise $\varepsilon_t \sim \mathcal N(0, I)$ (Ho et al. 2020, equation 2).

In one step, from the clean image: $\;x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\varepsilon$, with
$\bar\alpha_t = \prod_{s \le t} (1-\beta_s)$ (equation 4). DDPM's $\alpha_t$ is $1-\beta_t$; our code's `alpha(t)` is
$\sqrt{\bar\alpha_t}$ and its `sigma(t)` is $\sqrt{1-\bar\alpha_t}$. The schedule "flow" has `alpha(t)` $= 1-t$ and
`sigma(t)` $= t$, and its step from $s$ to $t$ is
$x_t = \frac{1-t}{1-s}\,x_s + \sqrt{t^2 - \bigl(\tfrac{1-t}{1-s}\,s\bigr)^2}\;\varepsilon$.
"""
    )
    power = float(metrics.rmse(from_uint8(image))) ** 2
    equal = _equal_power(power, schedule)
    st.markdown(
        r"The signal-to-noise ratio is $\mathrm{SNR}(t) = \bar\alpha_t/(1-\bar\alpha_t)$ (for every schedule, "
        r"`alpha²/sigma²`). At SNR 1 both scales are equal; image and noise have equal power there only "
        "if the mean square of the image is 1. "
        f"Here it is **{power:.2f}**, so the powers are equal at SNR {1 / max(power, 1e-6):.2f}, t = {equal:.2f}."
    )


@by_content
def _log_snr_curves() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    t = np.linspace(0.001, 0.999, 200)
    return t, {s.name: s.log_snr(torch.from_numpy(t)).numpy() for s in SCHEDULES.values()}


def compare_schedules(chosen: str) -> None:
    """log-SNR of every schedule over t."""
    t, curves = _log_snr_curves()
    figure = charts.log_snr_curves(t, curves, chosen, theme.palette())
    charts.show(figure, "schedules")
    st.markdown("\n".join(f"- **{s.name}** ({s.title}): {s.about}." for s in SCHEDULES.values()))


@st.cache_data(show_spinner=False, max_entries=32)
def _leak(schedule: str, seed: int) -> reverse_trajectory.BrightnessLeak:
    return reverse_trajectory.brightness_leak(SCHEDULES[schedule], SIZE, seed)


def terminal_snr(schedule: str, seed: int) -> None:
    """Whether the mean of x_1 still tells a white image from a black one, on the chosen schedule."""
    leak = _leak(schedule, seed)
    if leak.alpha == 0:
        st.markdown(
            f"On the schedule “{schedule}” nothing is left: $\\mathrm{{SNR}}(1) = 0$, and $x_1$ is pure noise. Choose "
            "**linear**, DDPM's schedule, to see one that ends at an SNR above zero."
        )
    else:
        st.markdown(
            f"On the schedule “{schedule}” $x_1 = {leak.alpha:.4f}\\,x_0 + {leak.sigma:.4f}\\,\\varepsilon$: the SNR is "
            f"{leak.alpha**2 / leak.sigma**2:.6f}, not zero. No eye sees that, but the mean of many pixels does: the noise "
            "averages out, and the brightness of the image stays."
        )
    figure = charts.terminal_means(leak.white, leak.black, theme.palette())
    charts.show(figure, "terminal-snr")
    large = reverse_trajectory.expected_told_apart(leak.alpha, leak.sigma, 3 * LARGE_SIDE**2)
    st.markdown(
        f"Told by the sign of that mean alone, white and black are named rightly in **{leak.told_apart:.0%}** of "
        f"{2 * len(leak.white)} draws at {SIZE} × {SIZE} pixels (50 % is chance); at {LARGE_SIDE} × {LARGE_SIDE} it "
        f"would be {_percent(large)}. "
        + (
            "So a network that is trained on this schedule has seen pure noise at t = 1, which sampling starts from."
            if leak.alpha == 0
            else "A network trained on this schedule can learn to read the brightness off $x_1$. Sampling starts from pure "
            "noise, whose mean is near 0, medium grey: Lin et al. 2023 (arXiv 2305.08891) trace to this that Stable "
            f"Diffusion, with {reverse_trajectory.stable_diffusion_alpha():.3f} of the signal left, made neither "
            "very dark nor very bright images. Lesson 3 shows the effect on our network."
        )
    )


def _percent(share: float) -> str:
    return "over 99.99 %" if share > 0.9999 else f"{share:.0%}"


def source() -> None:
    source_view.show(process.add_noise, process.noise_one_step)
