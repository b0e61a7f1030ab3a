"""The parts of the page on copying: the nearest training drawings, eight seeds, and what was measured."""

from __future__ import annotations

import numpy as np
import streamlit as st

from diffviz.evaluation import nearest_neighbors, results
from diffviz.evaluation.nearest_neighbors import Neighbour
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import charts, theme
from diffviz.ui.components import gallery
from diffviz.ui.lessons.quality_curve import whose
from diffviz.ui.live import Run, finals
from diffviz.ui.names import SAMPLER_TITLES
from diffviz.ui.prediction import predict

STEPS = 20
LARGEST = 192  # CSS pixels of the picture while it is drawn
SHOWN = 5
SEEDS = 8
IDEAS = ("red heart", "cat face", "smiling face with sunglasses", "sun", "blue banana", "rocket")
COPY, KIN, FAR = "as good as a copy", "as near as a new drawing would be", "farther than most new drawings"
MOST = 0.75  # share of real new drawings that lie nearer, from which on a picture is far from all of them


def verdict(share: float) -> str:
    """What a distance means, from the share of real new drawings that lie nearer."""
    return COPY if share < nearest_neighbors.SUSPICIOUS else KIN if share < MOST else FAR


def _note(found: Neighbour) -> str:
    return f"{found.style} · {found.distance:.2f} away"


def look(run: Run) -> list[Neighbour] | None:
    """The picture of a run beside its nearest training drawings, once the learner has guessed."""
    drawings = nearest_neighbors.load()
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
        guess = predict("How near is the nearest training drawing?", (COPY, KIN, FAR), "guess-copies")
    if guess is None:
        return None
    found = _nearest(drawings, run)
    share = drawings.share_nearer(found[0].distance)
    with beside:
        st.markdown(
            f"You said **{guess}**. The nearest is “{found[0].label}” ({found[0].style}), "
            f"**{found[0].distance:.2f}** away. Of {len(drawings.new)} real drawings that the network never saw, "
            f"**{share:.0%}** lie nearer to a training drawing than that: **{verdict(share)}**."
        )
    small = to_uint8(nearest_neighbors.shrink(picture[None]).numpy())[0]
    st.markdown(f"The nearest of {len(drawings.labels):,} training drawings:")
    st.html(
        gallery.row(
            [small, *(n.picture for n in found)],
            ["drawn", *(n.label for n in found)],
            ["at 32 × 32, to compare", *map(_note, found)],
        )
    )
    return found


def _nearest(drawings: nearest_neighbors.Drawings, run: Run) -> list[Neighbour]:
    """The search is kept with its run: a page runs again at every click."""
    kept = st.session_state.get("copies-nearest")
    if not kept or kept[0] is not run:
        kept = st.session_state["copies-nearest"] = (run, drawings.nearest(run.steps[-1].x[0], SHOWN))
    return kept[1]


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
            st.html(gallery.row([picture, found.picture], titles, ["drawn", _note(found)]), width="content")
    drawings = nearest_neighbors.load()
    near = sum(verdict(drawings.share_nearer(found.distance)) == COPY for _, found in pairs)
    st.markdown(
        f"**{near} of {SEEDS}** {COPY}, with **{len({(f.label, f.style) for _, f in pairs})}** different drawings nearest."
    )


def _eight(settings: Settings) -> list[tuple[np.ndarray, Neighbour]]:
    made = finals(settings, range(settings.seed + 1, settings.seed + 1 + SEEDS))
    small = to_uint8(nearest_neighbors.shrink(made).numpy())
    drawings = nearest_neighbors.load()
    return [(picture, drawings.nearest(x, 1)[0]) for picture, x in zip(small, made, strict=True)]


def measured(name: str, distance: float) -> None:
    """What was measured over thousands of pictures of this network, with this picture's place in it."""
    found = nearest_neighbors.measured(name)
    if found is None:
        st.info("This network's copying has not been measured yet.", icon=":material/hourglass_empty:")
        return
    whose(results.Measured(found), name)
    new, known, held = found["new_captions"], found["trained_captions"], found["heldout"]
    st.plotly_chart(
        charts.memory(found, distance, theme.palette()),
        width="stretch",
        theme=None,
        config={"displayModeBar": False},
        key="memory",
    )
    st.markdown(
        f"To the left of the dashed line lie {nearest_neighbors.SUSPICIOUS:.0%} of the {held['n']} "
        "real drawings that were never "
        f"trained on. Of the pictures drawn for **new** captions **{_share(new)}** lie there (N = {new['n']:,}); of those "
        f"for captions it was **trained** on, **{_share(known)}** (N = {known['n']:,}). A network that copies nothing "
        f"would have about {nearest_neighbors.SUSPICIOUS:.0%}."
    )
    st.caption(
        f"Everyday captions, {SAMPLER_TITLES[found['sampler']]}, {found['steps']} steps, guidance "
        f"{found['guidance']:g}; ranges are 95 % intervals. Made by `python -m diffviz.training.evaluate`."
    )


def _share(part: dict) -> str:
    low, high = part["suspicious"]["interval"]
    return f"{part['suspicious']['value']:.1%} ({low:.1%} to {high:.1%})"


def how(settings: Settings) -> None:
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
