"""The parts of the reverse page."""

from __future__ import annotations

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import frame_captions
from diffviz.diffusion import guidance
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.diffusion.schedules import SCHEDULES as ALL_SCHEDULES
from diffviz.evaluation import categories
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.models.text_encoder import Vocabulary
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import encode_png
from diffviz.ui import charts, theme
from diffviz.ui import source as source_view
from diffviz.ui.live import Run, sample_images
from diffviz.ui.sampling_controls import MAX_SEED

SCHEDULES = tuple(ALL_SCHEDULES)
LARGEST = 224  # CSS pixels of a panel: three of them fit beside the controls
MIN_LISTED = 12  # labels that are named of a kind that has few everyday ones


def prompt_guide(words: Vocabulary, model: str) -> None:
    """What the network was trained to draw, by kind of thing, and how well it was measured to draw each."""
    measured = categories.category_results(model, checkpoints.manifest()[model].sha256)
    labels: dict[str, list[dict]] = {kind: [] for kind in categories.CATEGORIES}
    for label in words.labels:
        labels[categories.category_of(label["subgroup"])].append(label)
    best_first = sorted(
        labels, key=lambda kind: measured[kind].value if kind in measured else 0, reverse=True
    )
    everyday = sum(label["everyday"] for label in words.labels)
    with st.expander("What can I ask for?", icon=":material/menu_book:"):
        st.markdown(
            f"The network knows {len(words.words):,} words, from the captions of {len(words.labels):,} emoji. Any words "
            f"may be combined; their order makes no difference. Most of its training went to {everyday} everyday ones: "
            "all of those are listed, of the others some."
        )
        if measured:
            st.markdown(
                "In brackets: how often our classifier has what was asked for among its first five guesses, in pictures "
                "that this network drew for captions of drawings it never saw, and in those drawings themselves."
            )
        for kind in best_first:
            names = [x["label"] for x in labels[kind] if x["everyday"]]
            others = [x["label"] for x in labels[kind] if not x["everyday"]]
            names += others[: max(0, MIN_LISTED - len(names))]
            more = len(labels[kind]) - len(names)
            st.markdown(
                f"**{kind}**{_how_well(measured.get(kind))}: {', '.join(names)}"
                + (f", and {more} more" if more else "")
            )
        if measured:
            st.caption(f"Measured by `python -m diffviz.training.evaluate --model {model}`.")


def _how_well(found: categories.CategoryResult | None) -> str:
    if found is None:
        return ""
    return f" (drawn {found.value:.0%} of {found.n}, real {found.real:.0%} of {found.n_real})"


def blur_and_convergence(run: Run) -> None:
    """When the layout of the estimate settles, and when its detail does: measured on this very run."""
    done = frame_captions.convergence(run.trajectory())
    half = [int(np.argmax(part >= 0.5)) + 1 for part in (done.layout, done.detail)]
    st.markdown(
        f"Each guess x̂₀ is the network's **average** over everything that could be hiding in what it is given. "
        f"While there is much noise, much is possible, and an average of many pictures is a blur. In this run half "
        f"of the layout was settled by step **{half[0]}** of {run.settings.steps}, half of the fine detail by step "
        f"**{half[1]}**."
    )
    figure = charts.convergence(done.layout, done.detail, theme.palette())
    charts.show(figure, "settling")


def seeds(settings: Settings) -> None:
    """Run the same seed again and compare every number; run four others."""
    st.markdown(
        "The seed decides the static at the start. The prompt says what to draw, the static decides which one."
    )
    with st.container(horizontal=True):
        again = st.button("Same seed again", icon=":material/repeat:")
        others = st.button("Four other seeds", icon=":material/grid_view:")
    if again:
        first, second = (sample_images(settings, [settings.seed]).numpy() for _ in range(2))
        equal = int(np.sum(first == second))
        st.markdown(
            f"Run twice from seed {settings.seed}: **{equal:,} of {first.size:,}** numbers are equal."
        )
    if others:
        chosen = [(settings.seed + k) % (MAX_SEED + 1) for k in range(1, 5)]
        with st.spinner("Four runs at once …"):
            pictures = to_uint8(sample_images(settings, chosen).numpy())
        with st.container(horizontal=True):
            for seed, picture in zip(chosen, pictures, strict=True):
                zoom = 160 // len(picture)
                large = np.kron(picture, np.ones((zoom, zoom, 1), np.uint8))
                st.image(encode_png(large), caption=f"seed {seed}", width=len(large))


def evaluations_table(run: Run) -> None:
    """What each network call was asked and what it gave."""
    recorded, settings = run.trajectory(), run.settings
    schedule, t = ALL_SCHEDULES[settings.schedule], recorded.t[:-1]
    moved = rmse(recorded.x0[1:], recorded.x0[:-1], PER_IMAGE)
    times = torch.from_numpy(t.copy())
    with st.expander(
        f"What each of the {settings.nfe} network calls was asked and gave", icon=":material/table:"
    ):
        twice = [
            *(["with the words and without (guidance)"] if settings.guided else []),
            *(["at both ends of a step (Heun)"] if SAMPLERS[settings.sampler].evals_per_step > 1 else []),
        ]
        st.markdown(
            "Asked: what is in xₜ, whose noise level is the angle arctan(σ/α), given these words? "
            + (
                f"It is asked twice each time: {' and '.join(twice)}."
                if twice
                else "It is asked once a step."
            )
        )
        st.dataframe(
            {
                "step": np.arange(1, len(t) + 1),
                "t": t.round(3),
                "α": schedule.alpha(times).numpy().round(4),
                "σ": schedule.sigma(times).numpy().round(4),
                "noise level (°)": np.degrees(schedule.angle(times).numpy()).round(1),
                "x̂₀: lowest": recorded.x0[:-1].min((1, 2, 3)).round(2),
                "x̂₀: highest": recorded.x0[:-1].max((1, 2, 3)).round(2),
                "change to the next x̂₀ (RMS)": moved.round(4),
                "size of ε̂ (RMS)": rmse(recorded.eps[:-1], axis=PER_IMAGE).round(3),
            },
            hide_index=True,
        )


def formula_and_source(sampler: str) -> None:
    """The sampler's step as a formula and as the code that ran."""
    with st.expander("The formula", icon=":material/function:"):
        st.markdown(
            r"""
The network gives $\hat x_0$, and with it the noise $\hat\varepsilon = (x_t - \alpha_t\,\hat x_0)/\sigma_t$. A step to
the earlier time $s$ puts the two together again with less noise:

- **DDIM** (Song et al. 2021, equation 12): $\;x_s = \alpha_s\,\hat x_0 + \sigma_s\,\hat\varepsilon$. No dice
  after the start.
- **DDPM** (Ho et al. 2020, equations 6 and 7): part of the noise is thrown away and replaced by fresh noise of the
  same size. The walk is random, the destinations are the same.
- **Euler** takes DDIM's steps in other coordinates. **Heun** tries each step, asks again at its end and walks along the
  mean of both answers. **DPM-Solver++** and **UniPC** also use the answers of the steps before.

Guidance $w$ asks twice, with the words and without: $\;\hat x_0 = \hat x_0^{\text{without}} +
w\,(\hat x_0^{\text{with}} - \hat x_0^{\text{without}})$; $w = 1$ is off.
"""
        )
    source_view.show(SAMPLERS[sampler].function, guidance.batched_cfg)
