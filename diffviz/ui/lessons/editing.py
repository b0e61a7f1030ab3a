"""The parts of the lesson on image-to-image (SDEdit) and inpainting (RePaint)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st

from diffviz.analysis import frame_captions
from diffviz.analysis.spaces import LATENTS, PIXELS
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation.metrics import rmse
from diffviz.evaluation.results import change
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines import editing
from diffviz.pipelines.editing import Img2ImgSettings, InpaintSettings
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, source, theme
from diffviz.ui.cache import by_content, frozen, memo
from diffviz.ui.components import gallery, player
from diffviz.ui.components.sketchpad import SIDE, marker
from diffviz.ui.controls import Controls
from diffviz.ui.image_input import SIZE, Picture
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import UNASKED, ask_prediction, locked, verdict
from diffviz.ui.stage import Stage

STEPS = 20
STRENGTHS_SHOWN = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0)  # strengths shown side by side
SMALL = 128  # of an image in a row
GREY = 128  # value of the masked region where the known image is shown
MIN_JUMP_DIFFERENCE = (
    0.02  # of the jump across the mask's boundary, on values from -1 to 1; less is no difference
)
# Examples: the values of the controls that show each.
EXAMPLES = {
    "img2img": {
        "cat to bear": {"sample": "cat face (noto)", "into": "bear", "style": "noto", "strength": 0.9},
        "cat to fox": {"sample": "cat face (noto)", "into": "fox", "style": "noto", "strength": 0.85},
        "owl to penguin": {"sample": "owl (noto)", "into": "penguin", "style": "noto", "strength": 0.85},
        "sunflower to lion": {"sample": "sunflower (3d)", "into": "lion", "style": "3d", "strength": 0.8},
        "car to bus": {"sample": "automobile (twemoji)", "into": "bus", "style": "noto", "strength": 0.9},
    },
    "inpaint": {
        "sunglasses for a cat": {
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
        "half an apple in green": {
            "sample": "red apple (flat)",
            "filling": "green apple",
            "style": "flat",
            "hole": "left",
        },
        "complete a palm tree": {
            "sample": "palm tree (blob)",
            "filling": "palm tree",
            "style": "noto",
            "hole": "right",
        },
    },
}
CHOSEN = EXAMPLES["img2img"]["cat to bear"]  # what the page opens with
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
    """Examples to try; a click sets the controls."""
    st.pills(
        "Try", list(EXAMPLES[kind]), key=f"{kind}-idea", on_change=_apply_example,
        args=(kind,), label_visibility="collapsed", wrap=True,
    )  # fmt: skip


def _apply_example(kind: str) -> None:
    chosen = st.session_state[f"{kind}-idea"]
    if chosen:
        st.session_state.update(EXAMPLES[kind][chosen], picture="sample")
        st.session_state[f"{kind}-idea"] = None


@by_content
def _img2img_image(edit: Img2ImgSettings, strength: float) -> np.ndarray:
    return editing.edited_image(dataclasses.replace(edit, strength=strength))


@by_content
def _inpainted_image(edit: InpaintSettings, resampling_steps: int) -> np.ndarray:
    return editing.edited_image(dataclasses.replace(edit, resampling_steps=resampling_steps))


# --- image-to-image ------------------------------------------------------------------------------------------


def chosen_note(image: Picture, prompt: str) -> None:
    """Where the example that the page opens with is shown: that it was chosen."""
    if (f"{image.label} ({image.style})", prompt) == (CHOSEN["sample"], CHOSEN["into"]):
        st.caption(
            "This example was chosen: of 12 edits that we looked at, one seed at five strengths each, it is one of the "
            "three whose images we found cleanest. **cat to fox** and **owl to penguin** are more usual ones."
        )


def img2img(stage: Stage, settings: Settings, image: Picture, strength: float) -> None:
    """Sampling from the image noised to time `strength`; then all strengths side by side; then what was measured."""
    given, space = image.of(settings.model), live.space(settings.model)
    edit = Img2ImgSettings(**dataclasses.asdict(settings), image=given.tobytes(), strength=strength)
    look = {
        "names": ("x", "x0"),
        "main": 1,
        "given": player.Panel("x₀", "the source image", "signal", given[None]),
    }
    with stage.picture:
        run = live.compute(edit, "img2img-run", **look, steps=editing.img2img_steps)
        live.show(run, "img2img-run", **look, captions=frame_captions.img2img_captions)
    chosen_note(image, settings.prompt)
    if not run.finished:
        return
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            space.say(
                r"x_s = \alpha_s\, x_0 + \sigma_s\, \varepsilon \qquad \text{then the reverse process from } s"
            )
        )
        source_image = (
            "the source image" if space is PIXELS else "the latents of the source image, $z_0 = E(x_0)$"
        )
        st.markdown(
            f"$s$ is the strength. Sampling does not begin with pure noise at $t = 1$ but with {source_image}, noised to "
            "$t = s$ in one step of the closed form (at $s = 1$ nothing of it is left). From there on it is the ordinary "
            "reverse process: the network, the sampler and the guidance are unchanged, and nothing was "
            "trained for it (SDEdit, Meng et al. 2022, arXiv 2108.01073). "
            f"Of the {STEPS} steps from pure noise it takes the share $s$, here {edit.frames}: NFE {edit.nfe}."
        )
    source.show(editing.sdedit_init, editing.img2img_steps)
    st.header("One image at every strength", anchor=False)
    _all_strengths(dataclasses.replace(edit, strength=1.0), given)


def _all_strengths(edit: Img2ImgSettings, given: np.ndarray) -> None:
    options = ["0.4", "0.6", "0.8", "0.9"]
    guess = ask_prediction(
        "From which strength on is the result nearer (by RMSE) to the image of the prompt alone than to the source image?",
        options,
        "guess-strength",
    )
    start = from_uint8(given)
    # Strength 1 is the reference for the others: it is sampled first and shown last.
    order = sorted(STRENGTHS_SHOWN, reverse=True)
    jobs = [partial(_img2img_image, edit, s) for s in order]

    def show(made: list[np.ndarray]) -> str:
        done = list(zip(order, made, strict=False))[::-1]
        notes = [
            f"RMSE {rmse(p, start):.2f} to the source, {rmse(p, made[0]):.2f} to strength 1"
            if guess is not None
            else ""
            for _, p in done
        ]
        titles = ["source image", *(f"strength {s:g}" for s, _ in done)]
        return gallery.row([given, *(to_uint8(p) for _, p in done)], titles, ["", *notes], SMALL)

    with locked(guess, "guess-strength"):
        made = live.image_row("img2img-strengths", edit, jobs, show)
    if guess is None:
        return
    sides = {s: rmse(p, made[0]) < rmse(p, start) for s, p in zip(order, made, strict=True)}
    turn = min(s for s, over in sides.items() if over)
    first = first_from(options, turn)
    if guess == UNASKED:
        told = "F"
    elif guess == first:
        near = "and so it is" if float(guess) == turn else "the first of the options at which that holds"
        told = f"You predicted **{guess}**, {near}: f"
    else:
        told = f"You predicted **{guess}**, but here it is **{turn:g}**: f"
    st.markdown(
        f"{told}rom strength {turn:g} on the result is nearer to the image of strength 1, "
        "which has nothing of the source in it. All strengths use the same noise. A low strength hides only fine detail, "
        "and only that is generated anew. Coarse layout, large areas of colour included, is hidden last, since its "
        "signal-to-noise ratio is higher at every timestep."
    )
    _measured_strengths(edit)


def first_from(options: Sequence[str], turn: float) -> str:
    """The first of some rising strengths at which holds what holds from `turn` on; the last where that is higher."""
    return next((option for option in options if float(option) >= turn), options[-1])


def _measured_strengths(edit: Img2ImgSettings) -> None:
    st.header("Measured on held-out images", anchor=False)
    measured = load_result("edits", edit.model)
    if measured is None:
        return
    found = measured.raw
    rows = found["strengths"]
    charts.show(charts.img2img_strengths(rows, theme.palette()), "strengths-chart")
    over = next((row for row in rows if row["target"]["value"] > row["source"]["value"]), None)
    st.markdown(
        f"From strength {over['strength']:g} on the classifier sees the category of the prompt more often than that of the "
        "source image. In the rest of the images it sees neither of the two."
        if over
        else "At no strength does the classifier see the category of the prompt more often than that of the source image."
    )
    st.caption(
        f"N = {found['n']} held-out images of common labels, each with a prompt of another subgroup: how often the "
        f"classifier sees each of the two subgroups, with 95 % intervals. {SAMPLERS[found['settings']['sampler']].title}, "
        f"{found['settings']['steps']} steps at strength 1, guidance {found['settings']['guidance']:g}. Made by "
        f"`python -m diffviz.training.eval_edits --model {edit.model}`."
    )


# --- inpainting --------------------------------------------------------------------------------------------


def choose_mask(c: Controls, image: np.ndarray) -> np.ndarray:
    """The mask, 1 where the image is to be generated: (64, 64) uint8 of 0 and 1."""
    which = c.choice("Mask: the region to generate", "hole", tuple(MASKS), "band", MASKS)
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
        marks = marker(image)
        if marks is None:
            st.caption(
                "Mark the region to generate: it runs as soon as you lift the pen. Until then: the middle."
            )
            mask[parts["middle"]] = 1
        else:
            mask = np.kron(marks, np.ones((SIZE // SIDE, SIZE // SIDE))).astype(np.uint8)
    elif which == "rim":
        mask[:] = 1
        mask[parts["middle"]] = 0
    else:
        mask[parts[which]] = 1
    return mask


def mask_at(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask (SIZE, SIZE) at another size (size, size), each of its pixels a square or left out."""
    at = np.arange(size) * SIZE // size
    return np.ascontiguousarray(mask[at][:, at])


def inpaint(
    stage: Stage, settings: Settings, image: Picture, mask: np.ndarray, resampling_steps: int
) -> None:
    """Inpainting with a mask; the prompt alone beside it; then RePaint resampling, here and as measured."""
    given, space = image.of(settings.model), live.space(settings.model)
    mask = mask_at(mask, len(given))
    plain = dataclasses.replace(settings, sampler="ddpm")  # RePaint is defined on DDPM's steps
    edit = InpaintSettings(
        **dataclasses.asdict(plain),
        image=given.tobytes(),
        mask=mask.tobytes(),
        resampling_steps=resampling_steps,
    )
    kept = np.where(mask[..., None] > 0, np.uint8(GREY), given)
    look = {
        "names": ("x", "x0"),
        "main": 1,
        "given": player.Panel("x₀", "the known region", "signal", kept[None]),
    }
    captions = partial(frame_captions.inpaint_captions, known=from_uint8(given), mask=mask)
    with stage.picture:
        run = live.compute(edit, "inpaint-run", **look, steps=editing.inpaint_steps)
        live.show(run, "inpaint-run", **look, captions=captions)
    if not run.finished:
        return
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            space.say(
                r"\hat{x}_0 \leftarrow m \odot \hat{x}_0 + (1 - m) \odot x_0, \qquad x_s \sim q(x_s \mid x_t, \hat{x}_0)"
            )
        )
        explained = (
            "$m$ is 1 in the region to generate, as in most tools (in the paper it is 1 in the known region). Before each "
            "step the network's prediction $\\hat{x}_0$ is replaced by the "
            f"{'image' if space is PIXELS else 'latents of the image'} in the known region; then a step of DDPM is "
            "taken. So $x_t$ always holds the known region with the noise of time $t$, and the network predicts the "
            "rest to match it. The network is unchanged (RePaint, Lugmayr et al. 2022, arXiv 2201.09865)."
        )
        st.markdown(space.say(explained))
        st.markdown(
            "RePaint is not the only way. Networks that are **trained for inpainting** get the mask and the masked image "
            "as further input channels, and see the known region without noise in every evaluation (GLIDE, Nichol et al. "
            "2022, arXiv 2112.10741; latent diffusion, Rombach et al. 2022, arXiv 2112.10752). That takes a "
            "training of its own."
        )
    source.show(editing.repaint)
    if space is LATENTS and mask.any():
        st.header("A mask in latents", anchor=False)
        _mask_in_latents(run, given, mask)
    st.header("The same prompt without the image", anchor=False)
    _beside_text_to_image(edit, given, kept, run.trajectory().final)
    st.header("RePaint resampling", anchor=False)
    _compare_resampling(edit, mask)


@dataclasses.dataclass(frozen=True)
class LatentMask:
    """What a mask on positions of the latents costs; shares are of the image, errors and jumps on values from -1 to 1."""

    patch: int  # pixels of a position's side
    masked: float
    anew: float  # drawn anew: whole patches
    outside_rmse: float  # of the decoded image to the source, outside the mask
    jumps: (
        tuple[float, float, float] | None
    )  # across the mask's boundary: source, decoded, with the pixels put back
    images: np.ndarray  # (4, S, S, 3) uint8: the mask, what is drawn anew, decoded, with the pixels put back


def latent_mask(run: Trajectory, given: np.ndarray, mask: np.ndarray, denoiser: Denoiser) -> LatentMask:
    """Compare a finished inpainting of latents with its source (S, S, 3) uint8, where `mask` (S, S) is not 0."""
    anew, patch = editing.drawn_anew(mask, denoiser), denoiser.image_size // denoiser.shape[-1]
    decoded, original, outside = denoiser.decode_states(run.x[-1:])[0], from_uint8(given), mask == 0
    hidden = [np.where(part[..., None], np.uint8(GREY), given) for part in (mask > 0, anew)]
    jumps, error = None, 0.0
    if outside.any():
        error = float(rmse(decoded[:, outside], original[:, outside]))
        source, before, after = (editing.boundary_jump(p, mask) for p in (original, decoded, run.final))
        jumps = source, before, after
    images = np.stack([*hidden, to_uint8(decoded), to_uint8(run.final)])
    return LatentMask(patch, float((mask > 0).mean()), float(anew.mean()), error, jumps, images)


def _mask_in_latents(run: live.Run, given: np.ndarray, mask: np.ndarray) -> None:
    """What a mask on positions of the latents costs: more is drawn anew, and a seam where pixels are put back."""
    found = memo(
        "inpaint-mask-in-latents",
        run,
        lambda: frozen(latent_mask(run.trajectory(), given, mask, checkpoints.load(run.settings.model))),
    )
    titles = ["the mask, in pixels", "drawn anew", "decoded", "with the pixels put back"]
    notes = [f"{found.masked:.1%} of the image", f"{found.anew:.1%} of the image", "", "the finished image"]
    st.html(gallery.row(list(found.images), titles, notes, SMALL))
    seam = ""
    if found.jumps is not None:
        source_jump, before, after = found.jumps
        seam = (
            f" Across the boundary of the mask values jump by {after:.2f} on average, by {before:.2f} in what was decoded "
            f"and by {source_jump:.2f} in the source image."
        )
    st.markdown(
        f"A latent stands for {found.patch} × {found.patch} pixels, so the mask is widened to whole patches: "
        f"**{found.anew:.1%}** of the image are drawn anew for a mask of {found.masked:.1%}. And decoding the known "
        "latents "
        "does not give the known pixels back: outside the mask the decoded image has an RMSE of "
        f"**{found.outside_rmse:.3f}** "
        f"to the source. So the source's own pixels are put back there.{seam}"
    )


def _beside_text_to_image(
    edit: InpaintSettings, given: np.ndarray, kept: np.ndarray, filled: np.ndarray
) -> None:
    plain = Settings(**{f.name: getattr(edit, f.name) for f in dataclasses.fields(Settings)})

    def show(made: list[np.ndarray]) -> str:
        return gallery.row(
            [given, kept, to_uint8(filled), to_uint8(made[0])],
            ["source image", "known region", "inpainted", "prompt alone"],
            ["", "", "", "text-to-image, same noise"],
            SMALL,
        )

    live.image_row("inpaint-alone", edit, [lambda: live.shared_images(plain, [plain.seed])[0]], show)
    st.markdown(
        "The known region conditions the result as the prompt does: the network generates what fits both. Compare the two "
        "with **sunglasses for a cat**, a combination that no training image shows."
    )


def _compare_resampling(edit: InpaintSettings, mask: np.ndarray) -> None:
    if not (mask.any() and not mask.all()):
        st.info(
            "There is no boundary to compare: the mask covers all of the image, or none of it.",
            icon=":material/crop_free:",
        )
        return
    options = ["1 resampling step", f"{editing.RESAMPLING_STEPS[-1]} resampling steps", "no difference"]
    guess = ask_prediction("With which is the boundary of the mask more visible?", options, "guess-rounds")
    jobs = [partial(_inpainted_image, edit, n) for n in editing.RESAMPLING_STEPS]

    def nfe(resampling_steps: int) -> int:
        return dataclasses.replace(edit, resampling_steps=resampling_steps).nfe

    def show(made: list[np.ndarray]) -> str:
        numbers = editing.RESAMPLING_STEPS[: len(made)]
        titles = [f"resampling steps: {n}" for n in numbers]
        notes = [
            f"NFE {nfe(n)}" + (f", jump {editing.boundary_jump(p, mask):.2f}" if guess is not None else "")
            for n, p in zip(numbers, made, strict=True)
        ]
        return gallery.row([to_uint8(p) for p in made], titles, notes, SMALL)

    with locked(guess, "guess-rounds"):
        made = live.image_row("inpaint-resampling", dataclasses.replace(edit, resampling_steps=1), jobs, show)
    if guess is None:
        return
    once, most = (editing.boundary_jump(made[k], mask) for k in (0, -1))
    found = options[2] if abs(once - most) < MIN_JUMP_DIFFERENCE else options[int(most > once)]
    st.markdown(
        f"{verdict(guess, found)}: with 1 resampling step the values jump by {once:.2f} across the boundary on average, "
        f"with {editing.RESAMPLING_STEPS[-1]} by {most:.2f}. The first predictions are made when $x_t$ shows next to "
        "nothing of the known region. Resampling adds noise again after a step, back to the noise level before it, and "
        "takes the step once more. The generated region is then predicted from a state that both regions share. It costs "
        f"evaluations: NFE {nfe(1)} against {nfe(editing.RESAMPLING_STEPS[-1])}."
    )
    measured = load_result("edits", edit.model)
    if measured is None:
        return
    found = measured.raw
    lines = [
        "| {} | {:.2f} ({:.2f} to {:.2f}) | {:.0%} ({:.0%} to {:.0%}) |".format(
            row["resampling_steps"],
            *(row["boundary_jump_to_real"]["value"], *row["boundary_jump_to_real"]["interval"]),
            *(row["subgroup"]["value"], *row["subgroup"]["interval"]),
        )
        for row in found["resampling"]
    ]
    head = "| resampling steps | jump relative to real images | right subgroup seen |"
    st.markdown("\n".join([head, "|---|---|---|", *lines]))
    st.markdown(what_resampling_does(found["resampling"][0], found["resampling"][-1]))
    st.caption(
        f"N = {found['n']} held-out images of common labels, the left half masked and inpainted with the image's own "
        "caption; in brackets 95 % intervals. "
        f"DDPM, {found['settings']['inpaint_steps']} steps, guidance {found['settings']['guidance']:g}. "
        f"In the real images the right subgroup is seen in {found['real_subgroup']['value']:.0%}. "
        f"Made by `python -m diffviz.training.eval_edits --model {edit.model}`."
    )


def what_resampling_does(once: Mapping, most: Mapping) -> str:
    """What was measured with 1 resampling step against what was with the most of them, as far as the intervals tell."""
    jumps, seen = ([row[key] for row in (once, most)] for key in ("boundary_jump_to_real", "subgroup"))
    a, b = (jump["value"] for jump in jumps)
    said = {
        "lower": f"falls from {a:.1f} to {b:.1f} times that of real images",
        "higher": f"rises from {a:.1f} to {b:.1f} times that of real images",
        "unclear": f"is {a:.1f} and {b:.1f} times that of real images, which the intervals do not tell apart",
    }
    end = "."
    if change(*jumps) == "lower" and change(*seen) != "higher":
        end = ": a boundary that is harder to see does not by itself make a better image."
    return (
        f"From 1 resampling step to {most['resampling_steps']} the jump {said[change(*jumps)]}. The classifier sees the "
        f"right subgroup in {seen[0]['value']:.0%} and {seen[1]['value']:.0%} of the images{end}"
    )
