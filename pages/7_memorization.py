"""Memorization: the nearest training images of what the network generates, and the measured distances."""

from diffviz.ui import frame

page = frame.setup_page(
    "Memorization",
    "A diffusion model can reproduce training images. Compare a generated image with its nearest neighbours in the "
    "training set, and their distance with that of held-out images.",
    slug="memorization",
    kicker="Lesson 7 · Beyond",
)

import streamlit as st

frame.load_torch()

from diffviz.evaluation import nearest_neighbors
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live, source
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import memorization
from diffviz.ui.sampling_controls import example_prompts, guidance_control, prompt_controls
from diffviz.ui.stage import layout

words = live.vocabulary()
c = Controls(page)
stage = layout()
with stage.controls:
    prompt, style, seed = prompt_controls(c, words.styles)
    with stage.more():
        net = live.network(c)
        guidance = guidance_control(c, net)
settings = Settings(prompt, style, seed, memorization.STEPS, "unipc", guidance, model=net)
with stage.picture:
    run = live.compute(settings, "copies-run", ("x", "x0"))
    live.show(run, "copies-run", ("x", "x0"))
with stage.below:
    example_prompts(memorization.EXAMPLE_PROMPTS)
    live.prompt_notices(prompt, words, net)
    neighbours = memorization.show_nearest(stage, run)

if neighbours:
    st.header("Nearest neighbours of eight seeds", anchor=False)
    memorization.eight_seeds(settings)
    st.header("Measured over thousands of images", anchor=False)
    memorization.measured(net, neighbours[0].distance)
memorization.explain_distance(settings)
source.show(nearest_neighbors.distances)
frame.closing_question(
    "Why is the nearest neighbour so near for some images and not for others?",
    "One reason is repetition. Three of the emoji sets, flat, gradient and 3d, share their designs, so each of "
    "these was in the training set three times. Compare **cat face** in the styles **gradient** and **twemoji**, which has "
    "a design of its own: sample eight of each. From larger models too, images that were repeated often in "
    "their data could be extracted almost unchanged (Carlini et al. 2023, arXiv 2301.13188). With more training images "
    "memorization gives way to generalization (Kadkhodaie et al. 2024, arXiv 2310.02557).",
)
frame.next_lesson(frame.BY_SLUG["generative_models"], "Which other generative models are there?")
