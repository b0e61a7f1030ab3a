"""Parts of the guidance page: conditional and unconditional predictions, the guidance scale and the guidance interval."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from diffviz.analysis import guidance_analysis
from diffviz.analysis.spaces import LATENTS, PIXELS, Space
from diffviz.diffusion.guidance import batched_cfg, limited_interval
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.evaluation.metrics import rmse
from diffviz.evaluation.results import KID_SCALE
from diffviz.imaging.pixels import mosaic, to_uint8
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, source, theme
from diffviz.ui.cache import by_content, derived, frozen, memo
from diffviz.ui.components import gallery, guidance_arrow, player
from diffviz.ui.fold import fold
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import UNASKED, ask_prediction, locked, verdict
from diffviz.ui.prose import listed
from diffviz.ui.stage import Stage

STEPS = 20
FEW_STEPS = 12  # of UniPC, where many images are sampled at once
SEEDS = 4
MIN_SIMILARITY_CHANGE = 0.02  # a change of feature similarity below this counts as none
PROMPT = "cat face"
PROMPTS = {"words": "face with tongue", "avoid": "heart"}  # of the parts that begin with another one
DECODED_SCALES = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)  # at which predictions of latents are decoded
EXAMPLE_PROMPTS = ("cat face", "smiling face with sunglasses", "red heart", "sunflower", "blue banana")
PLACES = ("between the two", "at the conditional one", "beyond the conditional one")
T = TypeVar("T")


def starting_prompt(part: str) -> str:
    """The prompt that a part begins with; it replaces that of the part before as long as the visitor left it as it was."""
    mine, before = PROMPTS.get(part, PROMPT), st.session_state.get("guidance-example")
    if before not in (None, mine) and st.session_state.get("prompt") == before:
        st.session_state["prompt"] = mine
    st.session_state["guidance-example"] = mine
    return mine


def sampled_row(
    key: str,
    settings: object,
    jobs: Mapping[str, Callable[[], T]],
    draw: Callable[[Mapping[str, T]], str],
) -> dict[str, T]:
    """What the jobs make, by name, shown as it comes by the HTML of `draw`; kept for as long as `settings` are equal."""
    made: dict[str, T] = memo(key, settings, dict)
    place = st.empty()
    if made:
        place.html(draw(made))
    else:
        show_former(place, key, len(jobs))
    torch.set_num_threads(1)
    for name in list(jobs)[len(made) :]:
        made[name] = jobs[name]()
        show_new(place, key, draw(made))
    return made


def show_former(place: DeltaGenerator, key: str, n: int) -> None:
    """Until the first of `n` images is there: what the place held for earlier settings, greyed, or empty frames."""
    grey = [np.full((64, 64, 3), 200, np.uint8)] * n
    empty = gallery.row(grey, [""] * n, ["is being sampled …"] * n, fill=n)
    place.html(f'<div class="dv-former">{st.session_state.get(f"{key}-html", empty)}</div>')


def show_new(place: DeltaGenerator, key: str, row: str) -> None:
    """Show a row of images, and keep it for `show_former`."""
    st.session_state[f"{key}-html"] = row
    place.html(row)


# --- conditional and unconditional predictions -------------------------------------------------------------


def cond_and_uncond(settings: Settings, stage: Stage) -> None:
    """One trajectory: the two predictions of each step, and the guided one that extrapolates from them."""
    denoiser, conditioned = checkpoints.load(settings.model), live.conditioned(settings)
    guess = None if conditioned else UNASKED
    if conditioned:
        with stage.question:
            guess = ask_prediction(
                "The guided prediction is computed from the unconditional and the conditional one. Where does it lie?",
                PLACES,
                "guess-two",
            )
    with stage.picture:
        arrow, progress = st.container(), st.container()
    with progress:
        before = st.session_state.get("guidance-run")
        run = live.compute(settings, "guidance-run", ("x", "x0"), draw=before is None)
        if not run.finished:
            live.show(run, "guidance-run", ("x", "x0"))
            return
    predictions = memo(
        "guidance-predictions",
        run,
        lambda: run.predictions or guidance_analysis.cond_uncond(run.trajectory(), settings, denoiser),
    )
    difference = derived(predictions, _difference)
    most = int(difference.argmax())
    readouts = run.derive(live.readouts, settings.steps)[:-1]
    space, shown = live.space(settings.model), (predictions.cond, predictions.uncond)
    if space is LATENTS:
        with progress, st.spinner("The predictions are being decoded …"):
            shown = derived(predictions, _decode, settings.guidance, settings.model)
    with arrow:
        guidance_arrow.show(
            shown, readouts, scale=settings.guidance, start=most,
            finished=run.derive(_finished), run=repr(dataclasses.replace(settings, guidance=1.0)),
            key="guidance-arrow", on_release=_use_scale, locked=guess is None,
        )  # fmt: skip
    with stage.below:
        if guess is not None:
            _extrapolation(guess, settings, predictions, conditioned)
        st.header("Every step of this trajectory", anchor=False)
        with locked(guess, "two"):
            _play(run, predictions, readouts, shown)
        if guess is not None and conditioned:
            in_latents = " in latents" if space is LATENTS else ""
            st.markdown(
                space.say(
                    f"In this trajectory the two predictions differ most at step **{most + 1}** of {settings.steps} (RMSE "
                    f"{difference[most]:.2f}{in_latents}) and least at step **{int(difference.argmin()) + 1}** "
                    f"({difference.min():.2f}). At high noise xₜ says little about the image, so the prediction depends on "
                    "the condition; at low noise xₜ itself shows what it is, and the condition adds little."
                )
            )
        _formula(settings)


def _decode(predictions: guidance_analysis.CondUncond, scale: float, model: str) -> guidance_arrow.Decoded:
    """The guided predictions of latents at DECODED_SCALES and at the run's own, as images."""
    denoiser, scales = checkpoints.load(model), sorted({*DECODED_SCALES, scale})
    images = [to_uint8(denoiser.decode_states(predictions.guided(w))) for w in scales]
    return guidance_arrow.Decoded(scales, np.stack(images, axis=1))


def _use_scale(scale: float) -> None:
    st.session_state["guidance"] = scale


def _extrapolation(
    guess: str, settings: Settings, predictions: guidance_analysis.CondUncond, conditioned: bool
) -> None:
    """Where the guided prediction of this trajectory lies, and what of it is clipped."""
    if not conditioned:
        st.info(
            "Without a prompt and a style both predictions are unconditional: guidance has no effect.",
            icon=":material/explore_off:",
        )
        return
    if not settings.guided:
        st.markdown(
            f"{verdict(guess, PLACES[1])}. At w = 1 guidance is off, and the conditional prediction itself is used. Drag "
            "the head of the arrow further."
        )
        return
    space = live.space(settings.model)
    if space is PIXELS:
        clipped = derived(predictions, guidance_analysis.CondUncond.clipped, settings.guidance)
        worst = int(clipped.argmax())
        limits = (
            "So it is an extrapolation and **no average of images**. Values that come to lie outside −1 to 1 are clipped, "
            f"which saturates colours: at step {worst + 1} {clipped[worst]:.0%} of them, at the last step "
            f"{clipped[-1]:.0%}."
        )
    else:
        wide = derived(predictions, guidance_analysis.CondUncond.spread, settings.guidance)
        narrow = derived(predictions, guidance_analysis.CondUncond.spread, 1.0)
        worst = int((wide - narrow).argmax())
        limits = (
            "So it is an extrapolation and **no average of latents**. Nothing is clipped: its values spread. Their "
            "standard "
            f"deviation at step {worst + 1} is {wide[worst]:.2f}, that of the conditional prediction {narrow[worst]:.2f} "
            "(of "
            "training latents 1)."
        )
    st.markdown(
        space.say(
            f"{verdict(guess, PLACES[2])}. It lies {settings.guidance:g} times as far from the unconditional prediction as "
            f"the conditional one, in the same direction. {limits} Let the head go somewhere else, and the whole "
            "trajectory "
            "is sampled with that w: then every xₜ but the first changes as well."
        )
    )


def _formula(settings: Settings) -> None:
    with st.expander("The formula", icon=":material/function:"):
        space = live.space(settings.model)
        st.latex(guided_formula(space, r"\varnothing"))
        computed = (
            "While the arrow is dragged, your browser computes this very formula from the two predictions of the step "
            "shown."
            if space is PIXELS
            else "The decoder is no linear map, so what is shown while the arrow is dragged was decoded beforehand: "
            f"$D(\\hat z_0)$ at w = {', '.join(f'{w:g}' for w in sorted({*DECODED_SCALES, settings.guidance}))}."
        )
        st.markdown(
            "$c$ is the condition (prompt and style), $\\varnothing$ is none. $w = 0$ is the unconditional prediction, "
            "$w = 1$ the conditional one; beyond 1 the result is extrapolated past it, to where no training target ever "
            f"was. {_dropout(settings.model)} (Ho & Salimans 2022, arXiv 2207.12598; their $w$ is ours minus 1.) {computed}"
        )
    source.show(batched_cfg if settings.guided else Denoiser.conditioned)


def guided_formula(space: Space, base: str) -> str:
    """Classifier-free guidance in LaTeX, from the prediction for `base`; latents are not clipped."""
    inner = rf"\hat{{x}}_0(x_t, {base}) + w\,\bigl(\hat{{x}}_0(x_t, c) - \hat{{x}}_0(x_t, {base})\bigr)"
    clipped = rf"\operatorname{{clip}}_{{[-1, 1]}}\Bigl({inner}\Bigr)" if space.clipped else inner
    return space.say(rf"\hat{{x}}_0 = {clipped}")


def _dropout(model: str) -> str:
    """How often the condition was dropped in training, as the weights themselves record it."""
    _, facts = checkpoints.metadata(ASSETS / checkpoints.manifest()[model].file)
    dropped = facts["recipe"]["dropout"]
    prompt, style = dropped["caption"], dropped["style"]
    return (
        f"One network makes both predictions because its condition was dropped in training: the words in {prompt:.0%} of "
        f"the examples, the style in {style:.0%}, independently, so that {prompt * style:.1%} had neither."
    )


def _finished(trajectory: Trajectory) -> np.ndarray:
    """The finished image, (H, W, 3) uint8."""
    return to_uint8(trajectory.final)


def _difference(predictions: guidance_analysis.CondUncond) -> np.ndarray:
    return predictions.difference


def _play(
    run: live.Run,
    predictions: guidance_analysis.CondUncond,
    readouts: Sequence[str],
    images: tuple[np.ndarray, np.ndarray] | guidance_arrow.Decoded,
) -> None:
    settings, difference = run.settings, derived(predictions, _difference)
    space = live.space(settings.model)

    def compared() -> tuple[np.ndarray, list[player.Panel]]:
        guided = run.trajectory().x0[:-1]
        if isinstance(images, guidance_arrow.Decoded):
            three = [
                np.ascontiguousarray(images.images[:, images.scales.index(w)])
                for w in (1.0, 0.0, settings.guidance)
            ]
        else:
            three = [to_uint8(part) for part in (predictions.cond, predictions.uncond, guided)]
        looks = [
            ("x̂₀(xₜ, c)", "conditional", "conditional"),
            ("x̂₀(xₜ, ∅)", "unconditional", "unconditional"),
            ("x̂₀", "guided: the one used", "prediction"),
        ]
        shown = [
            player.Panel(space.image_of(symbol), label, role, frames)
            for (symbol, label, role), frames in zip(looks, three, strict=True)
        ]
        return frozen((predictions.guided_difference(guided), shown))

    after, panels = memo("guidance-compared", run, compared)
    n = len(after)
    texts = [
        f"Step {i + 1} of {n}: conditional and unconditional prediction differ by an RMSE of {difference[i]:.2f}"
        + (" in latents" if space is LATENTS else "")
        + (
            f"; with w = {settings.guidance:g} the guided one differs by {after[i]:.2f}."
            if settings.guided
            else "."
        )
        for i in range(n)
    ]
    top = max(float(difference.max()), float(after.max()), 0.01) * 1.05
    strips = [
        player.Chart(
            "conditional − unconditional",
            "conditional",
            difference,
            [f"{v:.2f}" for v in difference],
            (0, top),
        ),
        player.Chart(
            "guided − unconditional", "prediction", after, [f"{v:.2f}" for v in after], (0, top), "4 3"
        ),
    ]
    player.play(
        panels, readouts, texts, title="Conditional, unconditional and guided prediction", key="guidance-player",
        name=f"guidance-{settings.guidance:g}", start=int(difference.argmax()), main=2,
        t=np.linspace(0, 1, n), charts=strips if n > 1 else (),
    )  # fmt: skip


# --- guidance scale ----------------------------------------------------------------------------------------


class AtScale(NamedTuple):
    """Four seeds at one guidance scale: images (N, H, W, 3) uint8, and what was measured on them."""

    images: np.ndarray
    similarity: float
    colourfulness: float


def guidance_scales(settings: Settings, stage: Stage) -> None:
    """Four seeds at the chosen guidance scale, at rising ones, and what was measured over many."""
    options = ["more alike", "more different", "neither"]
    with stage.question:
        guess = ask_prediction(
            "Raise the guidance scale. What happens to four seeds of one prompt?", options, "guess-scales"
        )
    settings = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    kept: dict[float, AtScale] = memo("guidance-scales", dataclasses.replace(settings, guidance=1.0), dict)
    with stage.picture, locked(guess, "scales"):
        place = st.empty()
        if settings.guidance not in kept:
            show_former(place, "guidance-scales", SEEDS)
            kept[settings.guidance] = _at_scale(settings)
        show_new(place, "guidance-scales", _scale_row(settings, kept[settings.guidance], fill=SEEDS))
    with stage.below:
        rows = _every_scale(settings, kept)
        if guess is None:
            return
        scales = guidance_analysis.SCALES
        first, last = rows[0], rows[-1]
        change = last.similarity - first.similarity
        found = "neither" if abs(change) < MIN_SIMILARITY_CHANGE else options[int(change < 0)]
        peak = max(range(len(rows)), key=lambda i: rows[i].similarity)
        between = (
            f", with its largest value, {rows[peak].similarity:.2f}, at w = {scales[peak]:g}"
            if 0 < peak < len(rows) - 1
            else ""
        )
        st.markdown(
            f"{verdict(guess, found, 'so it is')}. Their feature similarity goes from {first.similarity:.2f} at w = "
            f"{scales[0]:g} to {last.similarity:.2f} at w = {scales[-1]:g}{between} (mean cosine between them in the "
            "features of our classifier; 1 is the same). Their colourfulness goes from "
            f"{first.colourfulness:.2f} to {last.colourfulness:.2f} (0 is grey, 1 pure colour). Four seeds of one prompt: "
            "try another, and it changes. Move **Guidance scale** above: the same four seeds are shown at each w."
        )

        def all_scales() -> None:
            for scale, row in zip(scales, rows, strict=True):
                st.html(_scale_row(dataclasses.replace(settings, guidance=scale), row))

        fold("All scales, one below the other", "all-scales", all_scales, icon=":material/grid_view:")
        _measured(settings)


def _every_scale(settings: Settings, kept: dict[float, AtScale]) -> list[AtScale]:
    """The seeds at each of SCALES; those that are not kept are sampled now, and kept."""
    progress = st.empty()
    scales = guidance_analysis.SCALES
    for i, scale in enumerate(scales):
        if scale not in kept:
            progress.progress(i / len(scales), f"Sampling the same seeds at w = {scale:g}, to compare …")
            kept[scale] = _at_scale(dataclasses.replace(settings, guidance=scale))
    progress.empty()
    return [kept[scale] for scale in scales]


def _seeds(settings: Settings) -> list[int]:
    return [settings.seed + k for k in range(SEEDS)]


@by_content
def _at_scale(settings: Settings) -> AtScale:
    images = live.sample_images(settings, _seeds(settings)).numpy()
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    return AtScale(
        to_uint8(images),
        guidance_analysis.feature_similarity(images, label_classifier),
        guidance_analysis.colourfulness(images),
    )


def _scale_row(settings: Settings, found: AtScale, fill: int = 0) -> str:
    off = " (off)" if settings.guidance == 1 else ""
    notes = [f"seed {seed}" for seed in _seeds(settings)]
    return (
        f"<b>w = {settings.guidance:g}{off}</b> · feature similarity {found.similarity:.2f} · colourfulness "
        f"{found.colourfulness:.2f}" + gallery.row(list(found.images), [""] * SEEDS, notes, fill=fill)
    )


def _measured(settings: Settings) -> None:
    st.header("Measured on many captions", anchor=False)
    measured = load_result("guidance", settings.model)
    if measured is None:
        return
    found = results.GuidanceSweep(measured.raw)
    units = {"label_top5": 1, "kid": KID_SCALE}
    agreement, kid = (
        (
            [unit * row[measure]["value"] for row in found.scales],
            [[unit * end for end in row[measure]["interval"]] for row in found.scales],
        )
        for measure, unit in units.items()
    )
    best, lowest = (
        listed([f"{w:g}" for w in scales])
        for scales in (found.best("label_top5"), found.best("kid", lowest=True))
    )
    scales, floor = [row["guidance"] for row in found.scales], KID_SCALE * found.raw["floor"]["value"]
    charts.show(charts.guidance_tradeoff(scales, agreement, kid, floor, theme.palette()), "guidance-chart")
    st.markdown(
        f"Of the scales measured, agreement with the caption is highest at **w = {best}** and KID, the "
        f"distance to real images, lowest at **w = {lowest}**. {_against_unguided(found)} "
        "Guidance trades diversity for agreement with the prompt (Ho & Salimans 2022, arXiv 2207.12598)."
    )
    st.caption(
        f"Everyday captions, N = {found.raw['n']} images at each scale, the same captions and noises for all, "
        f"{SAMPLERS[found.raw['sampler']].title}, {found.raw['steps']} steps; bars are 95 % intervals. Agreement: our "
        "classifier has the label among its first five. KID: unbiased, in our classifier's features, to "
        f"{found.raw['real']:,} real images of the training distribution whose captions were not used; the line is that of "
        "real images with the captions that were. Made by "
        f"`python -m diffviz.training.eval_guidance --model {settings.model}`."
    )


def _against_unguided(found: results.GuidanceSweep) -> str:
    """Where KID differs from that without guidance, by the paired difference."""
    said = {
        "lower": "it is lower at",
        "higher": "it is higher at",
        "unclear": "no difference is shown at",
    }
    parts = [
        f"{said[how]} w = {', '.join(f'{w:g}' for w in scales)}"
        for how, scales in found.against_unguided().items()
        if scales
    ]
    return f"Against w = 1, no guidance, by the paired 95 % interval of the difference: {'; '.join(parts)}."


# --- guidance interval -------------------------------------------------------------------------------------

THIRDS = {
    "first": "the first, at high noise",
    "middle": "the middle",
    "last": "the last, at low noise",
}
VARIANTS = {  # title, and where guidance acts, from noise to image
    "always": ("throughout", "■■■"),
    "first": ("first third", "■□□"),
    "middle": ("middle third", "□■□"),
    "last": ("last third", "□□■"),
    "never": ("never", "□□□"),
}


def guidance_interval(settings: Settings, stage: Stage) -> None:
    """The same four seeds guided in one third of the trajectory alone, beside always and never."""
    if not settings.guided:
        stage.question.info(
            "Guidance is off: it needs a prompt or a style, and a scale above 1.",
            icon=":material/explore_off:",
        )
    with stage.question:
        guess = (
            ask_prediction(
                "Guidance acts in one third of the trajectory only. Which third comes nearest to guidance throughout?",
                list(THIRDS.values()),
                "guess-when",
            )
            if settings.guided
            else UNASKED
        )
    settings = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    variants = guidance_analysis.interval_variants(settings)
    if not settings.guided:
        variants = {"never": variants["never"]}  # they are all the same
    with stage.picture, locked(guess, "when"):
        rows = _interval_images(settings, variants)
    if guess is None or not settings.guided:
        return
    errors = {name: rmse(rows[name], rows["always"]) for name in rows}
    best = min(THIRDS, key=errors.__getitem__)
    nfe = {name: variant.nfe for name, variant in variants.items()}
    with stage.below:
        st.markdown(
            f"{verdict(guess, THIRDS[best])}. Those images have an RMSE of {errors[best]:.2f} to the ones with guidance "
            f"throughout; without any guidance it is {errors['never']:.2f}. It costs an NFE of {nfe[best]} instead of "
            f"{nfe['always']} (without guidance {nfe['never']})."
        )
        st.markdown(
            "Near to “throughout” need not mean best. On large networks guidance at high noise was found to cost diversity "
            "and guidance at low noise to change little, so that the best results came from an interval in the middle "
            "(Kynkäänniemi et al. 2024, arXiv 2404.07724). Four seeds cannot decide that for this network."
        )
        source.show(limited_interval, guidance_analysis.interval_variants)


def _interval_images(settings: Settings, variants: Mapping[str, Settings]) -> dict[str, np.ndarray]:
    """The final images (N, C, H, W) of each guidance interval, shown as they come, four seeds to a tile."""

    def job(variant: Settings) -> Callable[[], np.ndarray]:
        return lambda: live.shared_images(variant, _seeds(settings))

    def draw(made: Mapping[str, np.ndarray]) -> str:
        notes = [
            f"{VARIANTS[name][1]} · NFE {variants[name].nfe}"
            + (
                ""
                if name == "always" or "always" not in made
                else f" · RMSE {rmse(images, made['always']):.2f}"
            )
            for name, images in made.items()
        ]
        titles = [VARIANTS[name][0] for name in made]
        first, last = settings.seed, settings.seed + SEEDS - 1
        return (
            f"Guidance, w = {settings.guidance:g}, acts … <small>(seeds {first} to {last} in each; ■ is a third of the "
            "trajectory with guidance, noise on the left)</small>"
            + gallery.row([mosaic(images) for images in made.values()], titles, notes, fill=len(variants))
        )

    jobs = {name: job(variant) for name, variant in variants.items()}
    return sampled_row("guidance-when", settings, jobs, draw)
