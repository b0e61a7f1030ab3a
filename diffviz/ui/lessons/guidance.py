"""Parts of the guidance page: conditional and unconditional predictions, the guidance scale and the guidance interval."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import guidance_analysis
from diffviz.diffusion.guidance import batched_cfg, limited_interval
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.evaluation.metrics import rmse
from diffviz.evaluation.results import KID_SCALE
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import charts, live, source, theme
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery, player
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import ask_prediction, verdict

STEPS = 20
FEW_STEPS = 12  # of UniPC, where many images are sampled at once
LARGEST = 224  # CSS pixels of a panel
SEEDS = 4
MIN_SIMILARITY_CHANGE = 0.02  # a change of feature similarity below this counts as none
EXAMPLE_PROMPTS = ("cat face", "smiling face with sunglasses", "red heart", "sunflower", "blue banana")


# --- conditional and unconditional predictions -------------------------------------------------------------


def cond_and_uncond(settings: Settings) -> None:
    """One trajectory, with both predictions of every step beside the guided one that was made of them."""
    run = live.compute(settings, "guidance-run", ("x", "x0"), largest=LARGEST)
    if not run.finished:
        live.show(run, "guidance-run", ("x", "x0"), largest=LARGEST)
        return
    trajectory = run.trajectory()
    predictions = memo(
        "guidance-predictions",
        run,
        lambda: guidance_analysis.cond_uncond(trajectory, settings, checkpoints.load(settings.model)),
    )
    _play(settings, trajectory.x0[:-1], predictions, live.readouts(trajectory, settings.steps)[:-1])
    difference = predictions.difference
    most = int(difference.argmax())
    if not (settings.prompt or settings.style):
        st.info(
            "Without a prompt and a style both predictions are unconditional: guidance has no effect.",
            icon=":material/explore_off:",
        )
    else:
        st.markdown(
            f"In this trajectory the two predictions differ most at step **{most + 1}** of {settings.steps} (RMSE "
            f"{difference[most]:.2f}) and least at step **{int(difference.argmin()) + 1}** ({difference.min():.2f}). At "
            "high noise xₜ says little about the image, so the prediction depends on the condition; at low noise xₜ itself "
            "shows what it is, and the condition adds little."
        )
        if settings.guided:
            clipped = predictions.clipped(settings.guidance)
            worst = int(clipped.argmax())
            st.markdown(
                f"The guided x̂₀ is an extrapolation and **no average of images**: at step {worst + 1}, "
                f"{clipped[worst]:.0%} of its values lie outside −1 to 1 and are clipped, which saturates colours; at the "
                f"last step {clipped[-1]:.0%}."
            )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"\hat{x}_0 = \operatorname{clip}_{[-1, 1]}\Bigl(\hat{x}_0(x_t, \varnothing) + "
            r"w\,\bigl(\hat{x}_0(x_t, c) - \hat{x}_0(x_t, \varnothing)\bigr)\Bigr)"
        )
        st.markdown(
            "$c$ is the condition (prompt and style), $\\varnothing$ is none. $w = 0$ is the unconditional prediction, "
            "$w = 1$ the conditional one; beyond 1 the result is extrapolated past it, to where no training target ever "
            f"was. {_dropout(settings.model)} (Ho & Salimans 2022, arXiv 2207.12598; their $w$ is ours minus 1.)"
        )
    source.show(batched_cfg if settings.guided else Denoiser.conditioned)


def _dropout(model: str) -> str:
    """How often the condition was dropped in training, as the weights themselves record it."""
    _, facts = checkpoints.metadata(ASSETS / checkpoints.manifest()[model].file)
    dropped = facts["recipe"]["dropout"]
    prompt, style = dropped["caption"], dropped["style"]
    return (
        f"One network makes both predictions because its condition was dropped in training: the words in {prompt:.0%} of "
        f"the examples, the style in {style:.0%}, independently, so that {prompt * style:.1%} had neither."
    )


def _play(
    settings: Settings, guided: np.ndarray, predictions: guidance_analysis.CondUncond, readouts: Sequence[str]
) -> None:
    difference, after, n = predictions.difference, predictions.guided_difference(guided), len(guided)
    panels = [
        player.Panel("x̂₀(xₜ, c)", "conditional", "conditional", to_uint8(predictions.cond)),
        player.Panel("x̂₀(xₜ, ∅)", "unconditional", "unconditional", to_uint8(predictions.uncond)),
        player.Panel("x̂₀", "guided: the one used", "prediction", to_uint8(guided)),
    ]
    texts = [
        f"Step {i + 1} of {n}: conditional and unconditional prediction differ by an RMSE of {difference[i]:.2f}"
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
        name=f"guidance-{settings.guidance:g}", start=int(difference.argmax()), largest=LARGEST,
        t=np.linspace(0, 1, n), charts=strips if n > 1 else (),
    )  # fmt: skip


# --- guidance scale ----------------------------------------------------------------------------------------


def guidance_scales(settings: Settings) -> None:
    """The same four seeds at rising guidance scales, and what was measured over many."""
    options = ["more alike", "more different", "neither"]
    guess = ask_prediction(
        "Raise the guidance scale. What happens to four seeds of one prompt?", options, "guess-scales"
    )
    if guess is None:
        return
    settings = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    rows = _scale_images(settings)
    first, last = rows[0][1], rows[-1][1]
    found = "neither" if abs(last - first) < MIN_SIMILARITY_CHANGE else options[int(last < first)]
    colours = [guidance_analysis.colourfulness(images) for images, _ in (rows[0], rows[-1])]
    scales = guidance_analysis.SCALES
    peak = max(range(len(rows)), key=lambda i: rows[i][1])
    between = (
        f", with its largest value, {rows[peak][1]:.2f}, at w = {scales[peak]:g}"
        if 0 < peak < len(rows) - 1
        else ""
    )
    st.markdown(
        f"{verdict(guess, found, 'so it is')}: their feature similarity goes from {first:.2f} at w = {scales[0]:g} to "
        f"{last:.2f} at w = {scales[-1]:g}{between} (mean cosine between them in the features of our classifier; 1 is the "
        f"same). Their colourfulness goes from {colours[0]:.2f} to {colours[1]:.2f} (0 is grey, 1 pure colour). Four seeds "
        "of one prompt: try another, and it changes."
    )
    _measured(settings)


def _scale_images(settings: Settings) -> list[tuple[np.ndarray, float]]:
    """The images at each scale with their feature similarity, shown as they come."""
    torch.set_num_threads(1)
    key = dataclasses.replace(settings, guidance=1.0)
    seeds = [settings.seed + k for k in range(SEEDS)]
    places = [st.empty() for _ in guidance_analysis.SCALES]
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    sampled: list[tuple[np.ndarray, float]] = memo("guidance-scales", key, list)
    for i, (scale, place) in enumerate(zip(guidance_analysis.SCALES, places, strict=True)):
        if i == len(sampled):
            images = live.sample_images(dataclasses.replace(key, guidance=scale), seeds).numpy()
            sampled.append((images, guidance_analysis.feature_similarity(images, label_classifier)))
        images, similarity = sampled[i]
        off = " (off)" if scale == 1 else ""
        notes = [f"seed {s}" for s in seeds]
        place.html(
            f"<b>w = {scale:g}{off}</b> · feature similarity {similarity:.2f}"
            + gallery.row(list(to_uint8(images)), [""] * SEEDS, notes)
        )
    return sampled


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
    scales, floor = [row["guidance"] for row in found.scales], KID_SCALE * found.raw["floor"]["value"]
    charts.show(charts.guidance_tradeoff(scales, agreement, kid, floor, theme.palette()), "guidance-chart")
    st.markdown(
        f"Of the scales measured, agreement with the caption is highest at **w = {found.best('label_top5'):g}** and KID, "
        f"the distance to real images, lowest at **w = {found.best('kid', lowest=True):g}**. {_against_unguided(found)} "
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


def guidance_interval(settings: Settings) -> None:
    """The same four seeds guided in one third of the trajectory alone, beside always and never."""
    if not settings.guided:
        st.info(
            "Guidance is off: it needs a prompt or a style, and a scale above 1.",
            icon=":material/explore_off:",
        )
        return
    options = {
        "first": "the first, at high noise",
        "middle": "the middle",
        "last": "the last, at low noise",
    }
    guess = ask_prediction(
        "Guidance acts in one third of the trajectory only. Which third comes nearest to guidance throughout?",
        list(options.values()),
        "guess-when",
    )
    if guess is None:
        return
    settings = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    rows = _interval_images(settings)
    errors = {name: rmse(rows[name], rows["always"]) for name in rows}
    best = min(guidance_analysis.THIRDS, key=errors.__getitem__)
    nfe = {name: variant.nfe for name, variant in guidance_analysis.interval_variants(settings).items()}
    st.markdown(
        f"{verdict(guess, options[best])}: those images have an RMSE of {errors[best]:.2f} to the ones with guidance "
        f"throughout; without any guidance it is {errors['never']:.2f}. It costs an NFE of {nfe[best]} instead of "
        f"{nfe['always']} (without guidance {nfe['never']})."
    )
    st.markdown(
        "Near to “throughout” need not mean best. On large networks guidance at high noise was found to cost diversity and "
        "guidance at low noise to change little, so that the best results came from an interval in the middle "
        "(Kynkäänniemi et al. 2024, arXiv 2404.07724). Four seeds cannot decide that for this network."
    )
    source.show(limited_interval, guidance_analysis.interval_variants)


def _interval_images(settings: Settings) -> dict[str, np.ndarray]:
    """The final images (N, C, H, W) of each guidance interval, shown as they come."""
    variants = guidance_analysis.interval_variants(settings)
    seeds = [settings.seed + k for k in range(SEEDS)]
    places = [st.empty() for _ in variants]
    sampled: dict[str, np.ndarray] = memo("guidance-when", settings, dict)
    for (name, variant), place in zip(variants.items(), places, strict=True):
        if name not in sampled:
            sampled[name] = live.sample_images(variant, seeds).numpy()
        title = {"always": "throughout", "never": "never"}.get(name, f"in the {name} third")
        notes = [f"seed {s}" for s in seeds]
        error = "" if name == "always" else f" · RMSE {rmse(sampled[name], sampled['always']):.2f}"
        place.html(
            f"<b>Guidance {title}</b> · NFE {variant.nfe} each{error}"
            + gallery.row(list(to_uint8(sampled[name])), [""] * SEEDS, notes)
        )
    return sampled
