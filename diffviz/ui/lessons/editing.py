"""Parts of the editing page: a run that sets out from a picture, and a hole that is filled."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import streamlit as st

from diffviz.analysis import frame_captions
from diffviz.diffusion.samplers import SAMPLERS, final_step
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.pipelines import editing
from diffviz.pipelines.editing import Img2ImgSettings, InpaintSettings
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.ui import charts, live, source, theme
from diffviz.ui.components import gallery, player
from diffviz.ui.components.sketchpad import SIDE, marker
from diffviz.ui.controls import Controls
from diffviz.ui.image_input import SIZE, at_size
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import ask_prediction, verdict

STEPS = 20
STRENGTHS_SHOWN = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0)  # strengths shown side by side
LARGEST = 224  # CSS pixels of a panel
SMALL = 128  # of a picture in a row
GREY = 128  # what a hole is shown as
MIN_JUMP_DIFFERENCE = 0.02  # jump across the edge, on values from -1 to 1
# What to press first: the values of the controls that show it.
EXAMPLES = {
    "redraw": {
        "cat to fox": {"sample": "cat face (noto)", "into": "fox", "style": "noto", "strength": 0.85},
        "owl to penguin": {"sample": "owl (noto)", "into": "penguin", "style": "noto", "strength": 0.85},
        "sunflower to lion": {"sample": "sunflower (3d)", "into": "lion", "style": "3d", "strength": 0.8},
        "car to bus": {"sample": "automobile (twemoji)", "into": "bus", "style": "noto", "strength": 0.9},
    },
    "fill": {
        "glasses for a cat": {
            "sample": "cat face (noto)",
            "filling": "cat face with sunglasses",
            "style": "noto",
            "hole": "band",
        },
        "half dog, half cat": {
            "sample": "dog face (3d)",
            "filling": "cat face",
            "style": "3d",
            "hole": "left",
        },
        "half an apple, green": {
            "sample": "red apple (flat)",
            "filling": "green apple",
            "style": "flat",
            "hole": "left",
        },
        "a palm, completed": {
            "sample": "palm tree (blob)",
            "filling": "palm tree",
            "style": "noto",
            "hole": "right",
        },
    },
}
MASKS = {
    "band": "a band at the eyes",
    "left": "the left half",
    "right": "the right half",
    "upper": "the upper half",
    "lower": "the lower half",
    "middle": "the middle",
    "rim": "all but the middle",
    "marked": "what I mark",
}


def example_buttons(kind: str) -> None:
    """Combinations to try; a click sets the controls."""
    st.pills(
        "Try", list(EXAMPLES[kind]), key=f"{kind}-idea", on_change=_apply_example,
        args=(kind,), label_visibility="collapsed", wrap=True,
    )  # fmt: skip


def _apply_example(kind: str) -> None:
    chosen = st.session_state[f"{kind}-idea"]
    if chosen:
        st.session_state.update(EXAMPLES[kind][chosen], picture="sample")
        st.session_state[f"{kind}-idea"] = None


def _img2img_image(edit: Img2ImgSettings, strength: float) -> np.ndarray:
    return final_step(editing.img2img_steps(dataclasses.replace(edit, strength=strength))).x[0].numpy()


def _inpainted_image(edit: InpaintSettings, resampling_steps: int) -> np.ndarray:
    return (
        final_step(editing.inpaint_steps(dataclasses.replace(edit, resampling_steps=resampling_steps)))
        .x[0]
        .numpy()
    )


# --- from a picture ----------------------------------------------------------------------------------------


def img2img(settings: Settings, picture: np.ndarray, strength: float) -> None:
    """A run that sets out from the picture, buried as far as `strength`; then all strengths; then what was measured."""
    given = at_size(picture, settings.model)
    edit = Img2ImgSettings(**dataclasses.asdict(settings), image=given.tobytes(), strength=strength)
    look = {
        "names": ("x", "x0"),
        "largest": LARGEST,
        "given": player.Panel("x₀", "the picture given", "signal", given[None]),
    }
    run = live.compute(edit, "redraw-run", **look, steps=editing.img2img_steps)
    live.show(run, "redraw-run", **look, captions=frame_captions.img2img_captions)
    if not run.finished:
        return
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"x_s = \alpha_s\, x_0 + \sigma_s\, \varepsilon \qquad \text{then the reverse process from } s"
        )
        st.markdown(
            "$s$ is the strength. In place of static the run is given your picture in the noise of time $s$, made in one "
            "jump as in lesson 1. Nothing else changes, and nothing was trained for it (SDEdit, Meng et al. 2022, arXiv "
            "2108.01073). Image tools call it image to image."
        )
    source.show(editing.sdedit_init, editing.img2img_steps)
    st.header("How far to bury it", anchor=False)
    _all_strengths(dataclasses.replace(edit, strength=1.0), given)


def _all_strengths(edit: Img2ImgSettings, given: np.ndarray) -> None:
    options = ["0.4", "0.6", "0.8", "0.9"]
    guess = ask_prediction(
        "From which strength on is the result nearer to what the words alone would give than to your picture?",
        options,
        "guess-strength",
    )
    if guess is None:
        return
    start = from_uint8(given)
    # The strongest first, since the others are held against it; it is shown last.
    order = sorted(STRENGTHS_SHOWN, reverse=True)
    jobs = [partial(_img2img_image, edit, s) for s in order]

    def show(drawn: list[np.ndarray]) -> str:
        done = list(zip(order, drawn, strict=False))[::-1]
        notes = [f"{rmse(p, start):.2f} from yours, {rmse(p, drawn[0]):.2f} from the words'" for _, p in done]
        titles = ["yours", *(f"strength {s:g}" for s, _ in done)]
        return gallery.row([given, *(to_uint8(p) for _, p in done)], titles, ["", *notes], SMALL)

    drawn = live.image_row("redraw-strengths", edit, jobs, show)
    sides = {s: rmse(p, drawn[0]) < rmse(p, start) for s, p in zip(order, drawn, strict=True)}
    turn = min(s for s, over in sides.items() if over)
    nearest = min(options, key=lambda o: abs(float(o) - turn))
    near = "and so it is" if float(guess) == turn else "as near as the choices come"
    right = near if guess == nearest else f"but here it is **{turn:g}**"
    st.markdown(
        f"You said **{guess}**, {right}: from strength {turn:g} on the picture lies nearer to that "
        "of the words (strength 1, where nothing of yours is left). All begin with the same static. Little noise hides "
        "only detail, so only detail is drawn anew; the layout goes last, since it is the last thing that noise covers."
    )
    _measured_strengths(edit)


def _measured_strengths(edit: Img2ImgSettings) -> None:
    st.header("Measured on real drawings", anchor=False)
    measured = load_result("edits", edit.model)
    if measured is None:
        return
    found = measured.raw
    rows = found["strengths"]
    charts.show(charts.img2img_strengths(rows, theme.palette()), "strengths-chart")
    over = next((row for row in rows if row["words"]["value"] > row["given"]["value"]), None)
    st.markdown(
        f"At strength {over['strength']:g} the thing named is seen more often than the thing given; in between there are "
        "pictures that are neither."
        if over
        else "At no strength is the thing named seen more often than the thing given."
    )
    st.caption(
        f"N = {found['n']} everyday drawings never trained on, each redrawn as a thing of another subgroup: which of the "
        f"two subgroups our classifier sees, with 95 % intervals. {SAMPLERS[found['settings']['sampler']].title}, "
        f"{found['settings']['steps']} steps for a whole run, guidance {found['settings']['guidance']:g}. Made by "
        f"`python -m diffviz.training.eval_edits --model {edit.model}`."
    )


# --- filling a hole ----------------------------------------------------------------------------------------


def choose_mask(c: Controls, picture: np.ndarray) -> np.ndarray:
    """Which part of the picture is to be drawn: (64, 64) uint8 of 0 and 1."""
    which = c.choice("Draw anew", "hole", tuple(MASKS), "band", MASKS)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    half, quarter = SIZE // 2, SIZE // 4
    parts = {
        "band": np.s_[quarter + 2 : half + 6],
        "left": np.s_[:, :half],
        "right": np.s_[:, half:],
        "upper": np.s_[:half],
        "lower": np.s_[half:],
        "middle": np.s_[quarter:-quarter, quarter:-quarter],
    }
    if which == "marked":
        marks = marker(picture)
        if marks is None:
            st.caption("Mark what is to go: it runs as soon as you lift the pen. Until then: the middle.")
            mask[parts["middle"]] = 1
        else:
            mask = np.kron(marks, np.ones((SIZE // SIDE, SIZE // SIDE))).astype(np.uint8)
    elif which == "rim":
        mask[:] = 1
        mask[parts["middle"]] = 0
    else:
        mask[parts[which]] = 1
    return mask


def inpaint(settings: Settings, picture: np.ndarray, mask: np.ndarray, resampling_steps: int) -> None:
    """A hole in the picture, filled; the words alone beside it; and what taking each step again is good for."""
    given = at_size(picture, settings.model)
    mask = mask[:: SIZE // len(given), :: SIZE // len(given)]
    plain = dataclasses.replace(settings, sampler="ddpm")  # RePaint's own steps
    edit = InpaintSettings(
        **dataclasses.asdict(plain),
        image=given.tobytes(),
        mask=mask.tobytes(),
        resampling_steps=resampling_steps,
    )
    kept = np.where(mask[..., None] > 0, np.uint8(GREY), given)
    look = {
        "names": ("x", "x0"),
        "largest": LARGEST,
        "given": player.Panel("x₀", "what is kept", "signal", kept[None]),
    }
    run = live.compute(edit, "fill-run", **look, steps=editing.inpaint_steps)
    tell = partial(frame_captions.inpaint_captions, known=from_uint8(given), mask=mask)
    live.show(run, "fill-run", **look, captions=tell)
    if not run.finished:
        return
    with st.expander("The formula", icon=":material/function:"):
        st.latex(r"\hat{x}_0 \leftarrow m \odot \hat{x}_0 + (1 - m) \odot x_0")
        st.markdown(
            "$m$ is 1 in the hole. Before each step the part of the guess that is known is put right; the step then adds "
            "the noise that belongs there, to both parts alike. So the network finds in $x_t$ what lies round the hole, "
            "and its next guess takes that into account. It was not trained for this (RePaint, Lugmayr et al. 2022, arXiv "
            "2201.09865). The steps are those of DDPM."
        )
    source.show(editing.repaint)
    st.header("The same words without the picture", anchor=False)
    _beside_text_to_image(edit, given, kept, run.trajectory().x[-1])
    st.header("Look again", anchor=False)
    _compare_resampling(edit, mask)


def _beside_text_to_image(
    edit: InpaintSettings, given: np.ndarray, kept: np.ndarray, filled: np.ndarray
) -> None:
    plain = Settings(**{f.name: getattr(edit, f.name) for f in dataclasses.fields(Settings)})

    def show(drawn: list[np.ndarray]) -> str:
        return gallery.row(
            [given, kept, to_uint8(filled), to_uint8(drawn[0])],
            ["yours", "what is kept", "hole filled", "words alone"],
            ["", "", "", "from the same static"],
            SMALL,
        )

    live.image_row("fill-alone", edit, [lambda: final_step(sample_steps(plain)).x[0].numpy()], show)
    st.markdown(
        "What is kept tells the network what the words need not. A combination that it cannot draw from words alone, "
        "because no drawing showed it, can come out when part of it is given: compare **glasses for a cat**."
    )


def _compare_resampling(edit: InpaintSettings, mask: np.ndarray) -> None:
    if not (mask.any() and not mask.all()):
        st.info(
            "There is no edge to look at: all of the picture is hole, or none.", icon=":material/crop_free:"
        )
        return
    options = ["each step once", "each step eight times", "no difference"]
    guess = ask_prediction("Which shows the edge of the hole more?", options, "guess-rounds")
    if guess is None:
        return
    jobs = [partial(_inpainted_image, edit, n) for n in editing.RESAMPLING_STEPS]

    def show(drawn: list[np.ndarray]) -> str:
        titles = ["once", *(f"{n} times" for n in editing.RESAMPLING_STEPS[1:])][: len(drawn)]
        notes = [f"jump at the edge {editing.boundary_jump(p, mask):.2f}" for p in drawn]
        return gallery.row([to_uint8(p) for p in drawn], titles, notes, SMALL)

    drawn = live.image_row("fill-rounds", dataclasses.replace(edit, resampling_steps=1), jobs, show)
    once, most = (editing.boundary_jump(drawn[k], mask) for k in (0, -1))
    found = options[2] if abs(once - most) < MIN_JUMP_DIFFERENCE else options[int(most > once)]
    st.markdown(
        f"{verdict(guess, found)}: the values jump by {once:.2f} across the edge when each step is taken once, by "
        f"{most:.2f} when it is taken {editing.RESAMPLING_STEPS[-1]} times. The first guesses are made "
        "when next to nothing is to be "
        "seen of the known part. Going back up by a little fresh noise and taking the step again lets the hole be thought "
        "over with the rest in view. It costs as many more network calls."
    )
    measured = load_result("edits", edit.model)
    if measured is None:
        return
    found = measured.raw
    st.dataframe(
        [
            {
                "each step taken": "once" if row["rounds"] == 1 else f"{row['rounds']} times",
                "jump at the edge, of the real one's": f"{row['seam_to_real']['value']:.2f} times",
                "95 % interval": "{:.2f} to {:.2f}".format(*row["seam_to_real"]["interval"]),
                "taken for the right subgroup": f"{row['subgroup']['value']:.0%}",
            }
            for row in found["rounds"]
        ],
        hide_index=True,
    )  # fmt: skip
    first, last = found["rounds"][0], found["rounds"][-1]
    st.markdown(
        f"From one round to {last['rounds']} the edge goes from {first['seam_to_real']['value']:.1f} to "
        f"{last['seam_to_real']['value']:.1f} times the jump of the real drawings. The right thing is seen in "
        f"{first['subgroup']['value']:.0%} of the pictures with one round and in {last['subgroup']['value']:.0%} with "
        f"{last['rounds']}: an edge that is harder to see is not yet a better picture."
    )
    st.caption(
        f"N = {found['n']} everyday drawings never trained on, the left half cut out and drawn again from the drawing's "
        f"own caption. DDPM, {found['settings']['fill_steps']} steps, guidance {found['settings']['guidance']:g}; of the "
        f"real drawings {found['real_subgroup']['value']:.0%} are taken for the right subgroup. Made by "
        f"`python -m diffviz.training.eval_edits --model {edit.model}`."
    )
