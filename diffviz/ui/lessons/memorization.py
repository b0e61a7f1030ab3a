"""The parts of the lesson on memorization: nearest training images, eight seeds, and the measured distances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st
import torch

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import nearest_neighbors, results
from diffviz.evaluation.nearest_neighbors import Neighbor
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, theme
from diffviz.ui.components import gallery
from diffviz.ui.live import Run, sample_images
from diffviz.ui.measured import note_provenance
from diffviz.ui.prediction import UNASKED, ask_prediction, locked
from diffviz.ui.stage import Stage

STEPS = 20
SHOWN = 5  # nearest neighbours
NEIGHBOR = 160  # CSS pixels of one
SEEDS = 8
EXAMPLE_PROMPTS = ("red heart", "cat face", "smiling face with sunglasses", "sun", "blue banana", "rocket")
FAR_PERCENTILE = 0.75  # share of the held-out images that lie nearer, from which on an image counts as far
COPY, TYPICAL, FAR = (
    f"nearer than {1 - nearest_neighbors.COPY_QUANTILE:.0%} of held-out images",
    "as near as most held-out images",
    f"farther than {FAR_PERCENTILE:.0%} of held-out images",
)


def classify_distance(share: float) -> str:
    """What a nearest-neighbour distance means, from the share of held-out images that have a smaller one."""
    return COPY if share < nearest_neighbors.COPY_QUANTILE else TYPICAL if share < FAR_PERCENTILE else FAR


def _note(found: Neighbor) -> str:
    return f"{found.style} · distance {found.distance:.2f}"


def show_nearest(stage: Stage, run: Run) -> list[Neighbor] | None:
    """The image of a run, and its nearest training images once the learner has made a prediction."""
    reference = nearest_neighbors.load_reference_set()
    if reference is None:
        st.error(
            "The file of training images, drawings.avif, is missing: restore it from the repository.",
            icon=":material/error:",
        )
        return None
    if not run.finished:
        return None
    with stage.question:
        guess = ask_prediction(
            "How near is its nearest training image?", (COPY, TYPICAL, FAR), "guess-copies"
        )
    found = run.derive(_nearest)
    image = torch.from_numpy(run.trajectory().final)
    small = to_uint8(nearest_neighbors.downsample(image[None]).numpy())[0]
    st.markdown(f"The nearest neighbours among {len(reference.labels):,} training images:")
    with locked(guess, "guess-copies"):
        st.html(
            gallery.row(
                [small, *(n.image for n in found)],
                ["generated", *(n.label if guess is not None else "neighbour" for n in found)],
                ["at 32 × 32, as compared", *(_note(n) if guess is not None else "" for n in found)],
                NEIGHBOR,
            )
        )
    if guess is None:
        return None
    share = reference.percentile(found[0].distance)
    told = "" if guess == UNASKED else f"You predicted **{guess}**. "
    st.markdown(
        f"{told}The nearest neighbour is “{found[0].label}” ({found[0].style}), at distance "
        f"**{found[0].distance:.2f}**. Of {len(reference.heldout_distances)} held-out images, which the network was "
        f"not trained on, **{share:.0%}** are nearer to a training image: **{classify_distance(share)}**."
    )
    return found


def _reference() -> nearest_neighbors.ReferenceSet:
    """The shipped training images: what needs them is shown only once `show_nearest` has found them."""
    found = nearest_neighbors.load_reference_set()
    assert found is not None
    return found


def _nearest(run: Trajectory) -> list[Neighbor]:
    return _reference().nearest(torch.from_numpy(run.final), SHOWN)


def eight_seeds(settings: Settings) -> None:
    """Eight further seeds as one batch, each with its nearest training image."""
    st.markdown(
        "The same prompt with eight other seeds. Is the nearest training image always the same one, and always as near?"
    )
    if st.button("Sample eight", icon=":material/grid_view:", key="eight"):
        with st.spinner("Sampling eight seeds as one batch …"):
            st.session_state["copies-eight"] = (settings, _eight(settings))
    kept = st.session_state.get("copies-eight")
    if not kept or kept[0] != settings:
        return
    pairs = kept[1]
    seeds = range(settings.seed + 1, settings.seed + 1 + SEEDS)
    with st.container(horizontal=True):
        for seed, (image, found) in zip(seeds, pairs, strict=True):
            titles = [f"seed {seed}", found.label]
            st.html(gallery.row([image, found.image], titles, ["generated", _note(found)]), width="content")
    reference = _reference()
    near = sum(classify_distance(reference.percentile(found.distance)) == COPY for _, found in pairs)
    st.markdown(
        f"**{near} of {SEEDS}** are {COPY}; the nearest neighbours are "
        f"**{len({(f.label, f.style) for _, f in pairs})}** different training images."
    )


def _eight(settings: Settings) -> list[tuple[np.ndarray, Neighbor]]:
    made = sample_images(settings, range(settings.seed + 1, settings.seed + 1 + SEEDS))
    small = to_uint8(nearest_neighbors.downsample(made).numpy())
    reference = _reference()
    return [(image, reference.nearest(x, 1)[0]) for image, x in zip(small, made, strict=True)]


def measured(name: str, distance: float) -> None:
    """The distances measured over thousands of images of this network, with this image's distance among them."""
    found = nearest_neighbors.memorization_results(name)
    if found is None:
        st.info(
            "The memorization of this network has not been measured yet.", icon=":material/hourglass_empty:"
        )
        return
    note_provenance(results.MeasuredResult(found), name)
    new, known, held = found["new_captions"], found["trained_captions"], found["heldout"]
    shown = without_compression(distance, found["limit"])
    charts.show(charts.neighbor_distances(found, shown, theme.palette()), "memory")
    st.markdown(
        f"The dashed line is drawn so that {nearest_neighbors.COPY_QUANTILE:.0%} of the {held['n']} **held-out** images "
        f"lie to the left of it. Of the images generated for **held-out** captions, {_share(new)} do (N = {new['n']:,}): "
        f"{compare_with_heldout(new)}. Of those generated for captions of the **training** set, {_share(known)} do "
        f"(N = {known['n']:,}): {compare_with_heldout(known)}."
    )
    st.markdown(
        "A larger share than that of the held-out images is evidence of memorization: the generated images are near-copies "
        "more often than real images which the network was not trained on. A smaller share is no proof of the opposite: "
        "images of poor quality lie far from all training images, and the distance finds only copies that were not moved, "
        "scaled or recoloured."
    )
    st.caption(
        f"Common captions, {SAMPLERS[found['sampler']].title}, {found['steps']} steps, guidance "
        f"{found['guidance']:g}; ranges are 95 % intervals over the generated images. The line rests on few: "
        f"{round(nearest_neighbors.COPY_QUANTILE * held['n'])} of the held-out images lie to the left of it. The "
        "distances were measured to the original training images; this page searches compressed ones, and “this image” is "
        "marked at its distance less the error of the compression. Made by `python -m diffviz.training.evaluate`."
    )


def without_compression(distance: float, limit: float) -> float:
    """The distance that a distance to a compressed training image stands for among those to the original ones.

    The error of the compression adds to the squared distance; it is taken from the two thresholds, of which `limit` is
    the one of the original images.
    """
    reference = _reference()
    compressed = np.quantile(reference.heldout_distances, nearest_neighbors.COPY_QUANTILE)
    return float(np.sqrt(max(distance**2 - (compressed**2 - limit**2), 0)))


def _share(part: dict) -> str:
    low, high = part["suspicious"]["interval"]
    return f"**{part['suspicious']['value']:.1%}** ({low:.1%} to {high:.1%})"


def compare_with_heldout(part: Mapping) -> str:
    """How the share of near-copies in `part` of a measurement stands to that of the held-out images, by its interval."""
    low, high = part["suspicious"]["interval"]
    if low > nearest_neighbors.COPY_QUANTILE:
        return "more than of the held-out images"
    if high < nearest_neighbors.COPY_QUANTILE:
        return "fewer than of the held-out images"
    return "no clear difference from the held-out images"


def explain_distance(settings: Settings) -> None:
    """How the distance is computed, and what it cannot detect."""
    with st.expander("How the distance is computed", icon=":material/straighten:"):
        st.markdown(
            r"""
Both images are averaged down to 32 × 32. The distance is the RMSE $\;d = \sqrt{\operatorname{mean}\,(x - y)^2}\;$ over all
pixels and colour channels, with values from −1 to 1, to the training image or to its mirror image, whichever is nearer.

This finds copies and near-copies. It misses a copy that was shifted by a few pixels, scaled or recoloured, and it says
nothing of style. A large white background makes all distances smaller. So the threshold is not a fixed number: it is
taken from the distances of **held-out images** to the training images.
"""
        )
        sizes = {name: entry.title for name, entry in checkpoints.manifest().items()}
        st.caption(
            f"Sampled here: {sizes[settings.model]}, UniPC, {settings.steps} steps. The training images are stored with "
            "lossy compression, and the held-out distances were measured to the compressed ones. The emoji sets and their "
            "licences: assets/DATA.md."
        )
