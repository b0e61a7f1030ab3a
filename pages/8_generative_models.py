"""Other ways: VAE, GAN, flow matching and distillation beside diffusion, on points that train while one waits."""

from diffviz.ui import frame

page = frame.setup_page(
    "Other ways",
    'Diffusion is not the only way from <span class="dv-c-noise">static</span> to '
    '<span class="dv-c-signal">data</span>. Train its relatives beside it, on points in the plane, where seconds are '
    "enough and every mistake is in plain sight.",
    slug="generative_models",
    kicker="Lesson 8 · VAE, GAN, flow matching, distillation",
)

import streamlit as st

frame.load_torch()

from diffviz.toy import diffusion2d
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import generative_models, toy_training
from diffviz.ui.sampling_controls import seed_control

c = Controls(page)
PARTS = {"ways": "VAE, GAN, diffusion", "straight": "Straight ways", "once": "In one call"}
left, right = st.columns([1, 2.5], gap="large")
with left:
    part = c.choice("Part", "beside", tuple(PARTS), "ways", PARTS)
    shape = c.choice("What to learn", "shape", tuple(diffusion2d.SHAPES), "four spots")
    if part == "straight":
        walk = c.select("Network calls", "walk", 8, generative_models.NFES)
    steps = c.select("Training steps", "train", 1000, toy_training.LENGTHS)
    with st.expander("More"):
        seed = seed_control(c)
lesson = toy_training.ToyTask(shape, steps, seed)
with right:
    if part == "ways":
        generative_models.compare_models(lesson)
    elif part == "straight":
        generative_models.straight_trajectories(lesson, walk)
    else:
        generative_models.distillation(lesson)

frame.closing_question(
    "A GAN draws in a single call, and sharply. Why did makers of pictures move to diffusion all the same?",
    "Because of how it is trained. A GAN is a contest: it may swing to and fro, and the generator may leave out whole "
    "kinds of pictures as long as those it makes pass. Diffusion is plain regression on every training picture at every "
    "noise level, so nothing can be left out without a price, and the loss falls steadily. It pays with many calls, and "
    "those can be taught away afterwards. See **In one call**.",
)
frame.next_lesson(frame.LESSONS[8], "Now check what has stayed with you:")
