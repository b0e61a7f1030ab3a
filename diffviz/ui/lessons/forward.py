"""The parts of the forward page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import streamlit as st

from diffviz.analysis import forward_trajectory, frame_captions
from diffviz.diffusion import process
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation import metrics
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.ui import charts, theme
from diffviz.ui import source as source_view
from diffviz.ui.cache import by_content
from diffviz.ui.components import player as frame_player
from diffviz.ui.image_input import SIZE

LARGEST = 224  # CSS pixels of a panel: three of them fit beside the controls
LENGTHS = (10, 25, 50, 100, 250, 1000)
TIMES = (0.1, 0.35, 0.7, 1.0)


def chain_player(
    picture: np.ndarray, schedule: str, total: int, seed: int
) -> forward_trajectory.ForwardTrajectory:
    """Show the chain of a picture in the frame player, with its schedule drawn under it."""
    if "forward-seen" not in st.session_state:
        # On arrival the chain is shown as it runs; later changes go straight to the player.
        x0 = from_uint8(picture)
        for _ in _shown(
            forward_trajectory.forward_states(x0, SCHEDULES[schedule], total, seed), x0, schedule, total
        ):
            pass
    chain = _chain(picture, schedule, total, seed)
    st.session_state["forward-seen"] = True
    snr = [frame_player.snr_text(v) for v in chain.log_snr]
    readouts = [
        f"step {k} of {total} · t = {t:.2f} · SNR {s}"
        for k, t, s in zip(chain.step, chain.t, snr, strict=True)
    ]
    squared = chain.alpha**2
    strips = [
        frame_player.Chart("ᾱ = α²", "signal", squared, [f"{v:.3f}" for v in squared], (0, 1)),
        frame_player.Chart("σ", "noise", chain.sigma, [f"{v:.3f}" for v in chain.sigma], (0, 1), "6 4"),
        frame_player.Chart(
            "log SNR",
            "text",
            chain.log_snr,
            [f"{v:+.1f}".replace("inf", "∞") for v in chain.log_snr],
            (-12, 12),
            "2 3",
        ),
    ]
    frame_player.play(
        _panels(chain),
        readouts,
        frame_captions.forward_captions(chain.alpha, chain.sigma, chain.step, total),
        title=f"Forward process, {schedule} schedule",
        key="forward-player",
        name=f"forward-{schedule}",
        start=int(np.searchsorted(chain.t, 0.4)),
        largest=LARGEST,
        t=chain.t,
        charts=strips,
    )
    return chain


@by_content
def _chain(picture: np.ndarray, schedule: str, total: int, seed: int) -> forward_trajectory.ForwardTrajectory:
    x0 = from_uint8(picture)
    states = forward_trajectory.forward_states(x0, SCHEDULES[schedule], total, seed)
    return forward_trajectory.record_forward(x0, states, SCHEDULES[schedule], total)


def _panels(chain: forward_trajectory.ForwardTrajectory) -> list[frame_player.Panel]:
    return [
        frame_player.Panel("α·x₀", "what is left of the picture", "signal", to_uint8(chain.signal)),
        frame_player.Panel("σ·ε", "the noise added so far", "noise", to_uint8(chain.noise, 3.0)),
        frame_player.Panel("xₜ", "their sum, what one sees", "state", to_uint8(chain.x)),
    ]


def _shown(
    states: Iterator[tuple[int, np.ndarray]], x0: np.ndarray, schedule: str, total: int
) -> Iterator[tuple[int, np.ndarray]]:
    place = st.empty()
    for i, state in enumerate(states):
        if i % 2 == 0:  # half the frames: enough to see it move, half the work for a busy server
            now = forward_trajectory.record_forward(x0, [state], SCHEDULES[schedule], total)
            caption = f"Noise is being added: step {state[0]} of {total}."
            place.html(frame_player.still(_panels(now), caption, LARGEST))
        yield state
    place.empty()


@by_content
def _pixel_samples(
    pixels: bytes, schedule: str, total: int, seed: int
) -> list[forward_trajectory.PixelSamples]:
    picture = np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE, 3)
    return forward_trajectory.pixel_samples(from_uint8(picture), SCHEDULES[schedule], total, TIMES, seed)


_gap = by_content(metrics.ks_distance)


def same_distribution(picture: np.ndarray, schedule: str, total: int, seed: int) -> None:
    """Histograms of both ways at four times, and the largest difference between them."""
    samples = _pixel_samples(picture.tobytes(), schedule, total, seed)
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
        f"Between the bars and the stepped line the largest gap, as a share of all {n:,} values, is "
        f"**{max(gaps):.2%}**. It {verdict} {limit:.2%}, which two samples of this size from one and the same "
        "distribution exceed one time in twenty. As t grows, both melt into the dashed curve: the standard normal."
    )


@by_content
def _log_snr_curves() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    t = np.linspace(0.001, 0.999, 200)
    return t, {s.name: s.log_snr(_tensor(t)).numpy() for s in SCHEDULES.values()}


def compare_schedules(chosen: str) -> None:
    """log-SNR of every schedule over t."""
    t, curves = _log_snr_curves()
    figure = charts.log_snr_curves(t, curves, chosen, theme.palette())
    charts.show(figure, "schedules")
    st.markdown("\n".join(f"- **{s.name}** ({s.title}): {s.about}" for s in SCHEDULES.values()))


def _tensor(values: np.ndarray) -> object:
    import torch

    return torch.from_numpy(values)


def source() -> None:
    source_view.show(process.add_noise, process.noise_one_step)
