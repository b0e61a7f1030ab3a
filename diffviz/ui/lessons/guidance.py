"""Parts of the guidance page: the two answers of every step, how hard to push, and when."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import guidance_analysis
from diffviz.diffusion.guidance import classifier_free_guidance, limited_interval
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints, classifier
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import charts, live, source, theme
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery, player
from diffviz.ui.measured import load_result
from diffviz.ui.prediction import ask_prediction, verdict

STEPS = 20
FEW_STEPS = 12  # of UniPC, where many pictures are drawn at once
LARGEST = 224  # CSS pixels of a panel
SEEDS = 4
MIN_SIMILARITY_CHANGE = 0.02  # change of likeness that is nothing to speak of
EXAMPLE_PROMPTS = ("cat face", "smiling face with sunglasses", "red heart", "sunflower", "blue banana")


# --- two answers -------------------------------------------------------------------------------------------


def cond_and_uncond(settings: Settings) -> None:
    """One run, with the two guesses of every step beside the one that was made of them."""
    run = live.compute(settings, "guidance-run", ("x", "x0"), largest=LARGEST)
    if not run.finished:
        live.show(run, "guidance-run", ("x", "x0"), largest=LARGEST)
        return
    trajectory = run.trajectory()
    predictions = memo(
        "guidance-answers",
        run,
        lambda: guidance_analysis.cond_uncond(trajectory, settings, checkpoints.load(settings.model)),
    )
    _play(settings, trajectory.x0[:-1], predictions, live.readouts(trajectory, settings.steps)[:-1])
    words = predictions.difference
    most = int(words.argmax())
    if not (settings.prompt or settings.style):
        st.info(
            "Without words and style the two answers are one: nothing steers.", icon=":material/explore_off:"
        )
    else:
        st.markdown(
            f"In this run the words change the guess most at step **{most + 1}** of {settings.steps} "
            f"({words[most]:.2f}, root mean square) and least at step **{int(words.argmin()) + 1}** ({words.min():.2f}). "
            "They decide while much is open; once the picture stands, the network sees in it what it is drawing."
        )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"\hat{x}_0 = \hat{x}_0(x_t, \varnothing) + w\,\bigl(\hat{x}_0(x_t, c) - \hat{x}_0(x_t, \varnothing)\bigr)"
        )
        st.markdown(
            "$c$ are the words and the style, $\\varnothing$ is neither. $w = 0$ ignores the words, $w = 1$ is the plain "
            "answer with them, and beyond 1 the guess is pushed past it, where no training target ever stood. The "
            "network can answer both ways because a tenth of its captions were dropped in training "
            "(Ho & Salimans 2022, arXiv 2207.12598)."
        )
    source.show(classifier_free_guidance)


def _play(
    settings: Settings, guided: np.ndarray, predictions: guidance_analysis.CondUncond, readouts: Sequence[str]
) -> None:
    words, pushed, n = predictions.difference, predictions.guided_difference(guided), len(guided)
    panels = [
        player.Panel("x̂₀ | words", "asked with the words", "conditional", to_uint8(predictions.cond)),
        player.Panel("x̂₀ | –", "asked without them", "unconditional", to_uint8(predictions.uncond)),
        player.Panel("x̂₀", "what is used", "prediction", to_uint8(guided)),
    ]
    texts = [
        f"Step {i + 1} of {n}: the words change the guess by {words[i]:.2f}"
        + (f"; guidance {settings.guidance:g} makes it {pushed[i]:.2f}." if settings.guided else ", no more.")
        for i in range(n)
    ]
    top = max(float(words.max()), float(pushed.max()), 0.01) * 1.05
    strips = [
        player.Chart("the words change", "conditional", words, [f"{v:.2f}" for v in words], (0, top)),
        player.Chart("after guidance", "prediction", pushed, [f"{v:.2f}" for v in pushed], (0, top), "4 3"),
    ]
    player.play(
        panels, readouts, texts, title="The two answers and what is made of them", key="guidance-player",
        name=f"guidance-{settings.guidance:g}", start=int(words.argmax()), largest=LARGEST,
        t=np.linspace(0, 1, n), charts=strips if n > 1 else (),
    )  # fmt: skip


# --- how hard to push --------------------------------------------------------------------------------------


def guidance_scales(settings: Settings) -> None:
    """The same four seeds at rising guidance, and what was measured over many."""
    options = ["more alike", "more different", "neither"]
    guess = ask_prediction(
        "Turn guidance up. What becomes of four seeds of one prompt?", options, "guess-scales"
    )
    if guess is None:
        return
    settings = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    rows = _scale_images(settings)
    first, last = rows[0][1], rows[-1][1]
    found = "neither" if abs(last - first) < MIN_SIMILARITY_CHANGE else options[int(last < first)]
    colours = [guidance_analysis.colourfulness(pictures) for pictures, _ in (rows[0], rows[-1])]
    st.markdown(
        f"{verdict(guess, found, 'so they become')}: their likeness goes from {first:.2f} at "
        f"{guidance_analysis.SCALES[0]:g} to "
        f"{last:.2f} at {guidance_analysis.SCALES[-1]:g} (the cosine between them in the features of "
        "our classifier; 1 is the "
        f"same). Their colours go from {colours[0]:.2f} to {colours[-1]:.2f} (0 is grey, 1 pure "
        "colour). Try another prompt: it moves."
    )
    _measured(settings)


def _scale_images(settings: Settings) -> list[tuple[np.ndarray, float]]:
    """The pictures at each scale with their likeness, shown as they come."""
    torch.set_num_threads(1)
    key = dataclasses.replace(settings, guidance=1.0)
    seeds = [settings.seed + k for k in range(SEEDS)]
    places = [st.empty() for _ in guidance_analysis.SCALES]
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    drawn: list[tuple[np.ndarray, float]] = memo("guidance-scales", key, list)
    for i, (scale, place) in enumerate(zip(guidance_analysis.SCALES, places, strict=True)):
        if i == len(drawn):
            pictures = live.sample_images(dataclasses.replace(key, guidance=scale), seeds).numpy()
            drawn.append((pictures, guidance_analysis.feature_similarity(pictures, label_classifier)))
        pictures, similarity = drawn[i]
        off = " (off)" if scale == 1 else ""
        notes = [f"seed {s}" for s in seeds]
        place.html(
            f"<b>Guidance {scale:g}{off}</b> · likeness {similarity:.2f}"
            + gallery.row(list(to_uint8(pictures)), [""] * SEEDS, notes)
        )
    return drawn


def _measured(settings: Settings) -> None:
    st.header("Measured on hundreds", anchor=False)
    measured = load_result("guidance", settings.model)
    if measured is None:
        return
    found = measured.raw
    charts.show(charts.guidance_tradeoff(found["everyday"], theme.palette()), "guidance-chart")
    best = max(found["everyday"], key=lambda row: row["label_top5"])
    nearest = min(found["everyday"], key=lambda row: row["frechet_to_floor"])
    st.markdown(
        f"The words are obeyed best at **{best['guidance']:g}**; as a set the pictures lie nearest to real ones at "
        f"**{nearest['guidance']:g}**. Pushing trades variety for obedience, and too far it loses both."
    )
    st.caption(
        f"Everyday captions of drawings never trained on, N = {found['n']} at each scale, "
        f"{SAMPLERS[found['settings']['sampler']].title}, {found['settings']['steps']} steps. Obeyed: our classifier has "
        "the label among its first five guesses, as a share of what it gets right on real drawings. Distance: Fréchet, "
        f"1 being that of real drawings from each other. Made by `python -m diffviz.training.evaluate --model "
        f"{settings.model} --sweep`."
    )


# --- when to push ------------------------------------------------------------------------------------------


def guidance_interval(settings: Settings) -> None:
    """The same four seeds pushed in one third of the run alone, beside always and never."""
    if not settings.guided:
        st.info(
            "There is no push: give it words or a style, and guidance above 1.", icon=":material/explore_off:"
        )
        return
    options = {
        "first": "the first, nearly all static",
        "middle": "the middle",
        "last": "the last, nearly done",
    }
    guess = ask_prediction(
        "Guidance is to push in one third of the run only. Which third comes nearest to pushing always?",
        list(options.values()),
        "guess-when",
    )
    if guess is None:
        return
    rows = _interval_images(dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc"))
    far = {name: rmse(rows[name], rows["always"]) for name in rows}
    best = min(guidance_analysis.THIRDS, key=far.get)
    st.markdown(
        f"{verdict(guess, options[best])}: those pictures lie {far[best]:.2f} from the ones that were always pushed "
        f"(root mean square); without any push they lie {far['never']:.2f} away. Early the words decide what goes where, "
        "later only how it is finished. And a third of the push costs a third of the extra calls."
    )
    st.markdown(
        "Near to always need not mean best. On larger networks a push at the very beginning was found to cost variety, and "
        "one at the very end to do next to nothing, so that only the middle was kept (Kynkäänniemi et al. 2024, arXiv "
        "2404.07724). Four seeds cannot decide that: look at how alike the pictures of a row are."
    )
    source.show(limited_interval, guidance_analysis.interval_variants)


def _interval_images(settings: Settings) -> dict[str, np.ndarray]:
    """The finished pictures (N, C, H, W) of each way to push, shown as they come."""
    variants = guidance_analysis.interval_variants(settings)
    seeds = [settings.seed + k for k in range(SEEDS)]
    places = [st.empty() for _ in variants]
    drawn: dict[str, np.ndarray] = memo("guidance-when", settings, dict)
    for (name, variant), place in zip(variants.items(), places, strict=True):
        if name not in drawn:
            drawn[name] = live.sample_images(variant, seeds).numpy()
        title = f"in the {name} third" if name in guidance_analysis.THIRDS else name
        notes = [f"seed {s}" for s in seeds]
        far = "" if name == "always" else f" · {rmse(drawn[name], drawn['always']):.2f} from always"
        place.html(
            f"<b>Pushed {title}</b> · {variant.nfe} network calls each{far}"
            + gallery.row(list(to_uint8(drawn[name])), [""] * SEEDS, notes)
        )
    return drawn
