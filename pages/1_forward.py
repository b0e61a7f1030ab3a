"""Forward process: Gaussian noise is added to an image step by step, or in one step to any timestep."""

from diffviz.ui import frame

page = frame.setup_page(
    "Forward process",
    'The forward process scales an <span class="dv-c-signal">image</span> down and adds '
    '<span class="dv-c-noise">Gaussian noise</span> (noise, like TV static) until almost nothing of it is left. '
    "It follows a fixed noise schedule: no network is involved, and nothing is learned.",
    slug="forward",
    kicker="Lesson 1 · Adding noise, step by step",
)

import streamlit as st

frame.load_torch()

from diffviz.ui import image_input
from diffviz.ui.controls import Controls
from diffviz.ui.fold import fold
from diffviz.ui.lessons import forward
from diffviz.ui.stage import layout

c = Controls(page)
stage = layout()
with stage.controls:
    image = image_input.choose(c).pixels
    schedule = c.choice(
        "Noise schedule",
        "schedule",
        tuple(forward.SCHEDULES),
        "cosine",
        help="How the scale of the image and the noise change with t",
    )
    with stage.more():
        total = c.select("Number of steps T", "T", 50, forward.LENGTHS)
        seed = c.integer("Seed of the noise", "seed", 0, 0, 999_999)
with stage.picture:
    forward.trajectory_player(image, schedule, total, seed)

st.header("In one step: the same distribution", anchor=False)
st.markdown(
    "Step by step, each state is made from the one before it. A sum of independent Gaussian noises is Gaussian again, "
    "so xₜ can also be drawn from x₀ **in one step**. Below, the same image is noised to four timesteps in "
    "both ways, each with noise of its own, and the values of all its pixels are counted."
)
forward.same_distribution(image, schedule, total, seed)
with st.expander("The formula", icon=":material/function:"):
    forward.formula(image, schedule)
fold(
    "All noise schedules side by side",
    "schedules",
    lambda: forward.compare_schedules(schedule),
    icon=":material/show_chart:",
)
forward.source()

st.header("What is left at t = 1: the terminal SNR", anchor=False)
forward.terminal_snr(schedule, seed)

st.header("Why nothing here is learned", anchor=False)
st.markdown(
    "Every number on this page follows from the schedule and a random number generator, so there is nothing to train. "
    "And because **we** add the noise, we know exactly what it was: any image gives as many training examples as we "
    "like, each a noisy image with its target, for the network that will learn to predict the noise."
)
st.markdown(
    "The noise on this page is on pixels. For a network that works on **latents** the same equations hold, and the noise "
    "is "
    "added to the latents instead; what that looks like is decoded in the lesson on latent diffusion."
)
frame.link(
    frame.BY_SLUG["latent"], "The forward process in latents", query_params={"latent": "Diffuse in latents"}
)
frame.closing_question(
    "Suppose the forward process took ten times as many steps, with the same schedule. Would the last state be noisier?",
    "No, not with schedules such as these, which are functions of a continuous t: they fix the distribution of the "
    "state at t = 1, and T says only into how many steps the way is cut. The last state is another random draw, from "
    "the same distribution. (With a fixed table of βₜ, more steps would add more noise.) Open **More** above, set T to "
    "10 and then to 1000, and compare the histograms at t = 1.",
)
frame.next_lesson(frame.BY_SLUG["training"], "What does a network learn from such examples?")
