"""The parts of the page on copying: the nearest training drawings, eight seeds, and what was measured."""

from __future__ import annotations

import numpy as np
import streamlit as st

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import nearest_neighbors, results
from diffviz.evaluation.nearest_neighbors import Neighbor
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import charts, theme
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery
from diffviz.ui.live import Run, sample_images
from diffviz.ui.measured import note_provenance
from diffviz.ui.prediction import ask_prediction

STEPS = 20
LARGEST = 192  # CSS pixels of the picture while it is drawn
SHOWN = 5
SEEDS = 8
EXAMPLE_PROMPTS = ("red heart", "cat face", "smiling face with sunglasses", "sun", "blue banana", "rocket")
COPY, TYPICAL, FAR = (
    "as good as a copy",
    "as near as a new drawing would be",
    "farther than most new drawings",
)
FAR_PERCENTILE = (
    0.75  # share of real new drawings that lie nearer, from which on a picture is far from all of them
)


def classify_distance(share: float) -> str:
    """What a distance means, from the share of real new drawings that lie nearer."""
    return COPY if share < nearest_neighbors.COPY_QUANTILE else TYPICAL if share < FAR_PERCENTILE else FAR


def _note(found: Neighbor) -> str:
    return f"{found.style} · {found.distance:.2f} away"


def show_nearest(run: Run) -> list[Neighbor] | None:
    """The picture of a run beside its nearest training drawings, once the learner has guessed."""
    drawings = nearest_neighbors.load_reference_set()
    if drawings is None:
        st.error(
            "The sheet of training drawings, drawings.avif, is missing: restore it from the repository.",
            icon=":material/error:",
        )
        return None
    if not run.finished:
        st.info("Stopped before the picture was finished.", icon=":material/stop_circle:")
        st.button("Run it to the end", on_click=lambda: st.session_state.pop("copies-run"))
        return None
    picture = run.steps[-1].x[0]
    shown = to_uint8(picture[None].numpy())[0]
    title = run.settings.prompt or "no prompt"
    guess_at, beside = st.columns([1, 1.5], vertical_alignment="center", gap="medium")
    guess_at.html(gallery.row([shown], [title], [f"drawn just now · seed {run.settings.seed}"], LARGEST))
    with beside:
        guess = ask_prediction(
            "How near is the nearest training drawing?", (COPY, TYPICAL, FAR), "guess-copies"
        )
    if guess is None:
        return None
    found = _nearest(drawings, run)
    share = drawings.percentile(found[0].distance)
    with beside:
        st.markdown(
            f"You said **{guess}**. The nearest is “{found[0].label}” ({found[0].style}), "
            f"**{found[0].distance:.2f}** away. Of {len(drawings.heldout_distances)} real drawings "
            "that the network never saw, "
            f"**{share:.0%}** lie nearer to a training drawing than that: **{classify_distance(share)}**."
        )
    small = to_uint8(nearest_neighbors.downsample(picture[None]).numpy())[0]
    st.markdown(f"The nearest of {len(drawings.labels):,} training drawings:")
    st.html(
        gallery.row(
            [small, *(n.image for n in found)],
            ["drawn", *(n.label for n in found)],
            ["at 32 × 32, to compare", *map(_note, found)],
        )
    )
    return found


def _nearest(drawings: nearest_neighbors.ReferenceSet, run: Run) -> list[Neighbor]:
    """The search is kept with its run: a page runs again at every click."""
    return memo("copies-nearest", run, lambda: drawings.nearest(run.steps[-1].x[0], SHOWN))


def eight_seeds(settings: Settings) -> None:
    """Eight other seeds at once, each with the drawing nearest to it."""
    st.markdown(
        "The seed decides which drawing the network leans on, and how hard. Each picture stands beside the training "
        "drawing nearest to it."
    )
    if st.button("Draw eight", icon=":material/grid_view:", key="eight"):
        with st.spinner("Eight runs at once …"):
            st.session_state["copies-eight"] = (settings, _eight(settings))
    kept = st.session_state.get("copies-eight")
    if not kept or kept[0] != settings:
        return
    pairs = kept[1]
    seeds = range(settings.seed + 1, settings.seed + 1 + SEEDS)
    with st.container(horizontal=True):
        for seed, (picture, found) in zip(seeds, pairs, strict=True):
            titles = [f"seed {seed}", found.label]
            st.html(gallery.row([picture, found.image], titles, ["drawn", _note(found)]), width="content")
    drawings = nearest_neighbors.load_reference_set()
    near = sum(classify_distance(drawings.percentile(found.distance)) == COPY for _, found in pairs)
    st.markdown(
        f"**{near} of {SEEDS}** {COPY}, with **{len({(f.label, f.style) for _, f in pairs})}** different drawings nearest."
    )


def _eight(settings: Settings) -> list[tuple[np.ndarray, Neighbor]]:
    made = sample_images(settings, range(settings.seed + 1, settings.seed + 1 + SEEDS))
    small = to_uint8(nearest_neighbors.downsample(made).numpy())
    drawings = nearest_neighbors.load_reference_set()
    return [(picture, drawings.nearest(x, 1)[0]) for picture, x in zip(small, made, strict=True)]


def measured(name: str, distance: float) -> None:
    """What was measured over thousands of pictures of this network, with this picture's place in it."""
    found = nearest_neighbors.memorization_results(name)
    if found is None:
        st.info("This network's copying has not been measured yet.", icon=":material/hourglass_empty:")
        return
    note_provenance(results.MeasuredResult(found), name)
    new, known, held = found["new_captions"], found["trained_captions"], found["heldout"]
    charts.show(charts.neighbor_distances(found, distance, theme.palette()), "memory")
    st.markdown(
        f"To the left of the dashed line lie {nearest_neighbors.COPY_QUANTILE:.0%} of the {held['n']} "
        "real drawings that were never "
        f"trained on. Of the pictures drawn for **new** captions **{_share(new)}** lie there (N = {new['n']:,}); of those "
        f"for captions it was **trained** on, **{_share(known)}** (N = {known['n']:,}). A network that copies nothing "
        f"would have about {nearest_neighbors.COPY_QUANTILE:.0%}."
    )
    st.caption(
        f"Everyday captions, {SAMPLERS[found['sampler']].title}, {found['steps']} steps, guidance "
        f"{found['guidance']:g}; ranges are 95 % intervals. Made by `python -m diffviz.training.evaluate`."
    )


def _share(part: dict) -> str:
    low, high = part["suspicious"]["interval"]
    return f"{part['suspicious']['value']:.1%} ({low:.1%} to {high:.1%})"


def explain_distance(settings: Settings) -> None:
    """How nearness is measured, and what that cannot see."""
    with st.expander("How nearness is measured", icon=":material/straighten:"):
        st.markdown(
            r"""
Both pictures are averaged down to 32 × 32; then $\;d = \sqrt{\operatorname{mean}\,(x - y)^2}\;$ over all pixels and
colours, on the scale from −1 to 1, for the drawing and for its mirror image, whichever is nearer.

This finds copies and near copies. It is blind to a drawing that was moved by a few pixels, made larger or given another
colour, and to an idea that was borrowed. And a large white ground brings everything nearer together: that is
why the yardstick is not a fixed number but how far **real new drawings** lie from the training drawings.
"""
        )
        sizes = {name: entry.title for name, entry in checkpoints.manifest().items()}
        st.caption(
            f"Drawn here: {sizes[settings.model]}, UniPC, {settings.steps} steps. The sheet of drawings is compressed; the "
            "yardstick was measured on the compressed sheet. The sets and their licences: assets/DATA.md."
        )
