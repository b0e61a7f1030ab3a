"""The start page: what this is, one image sampled on arrival, and the lessons."""

from diffviz.ui import frame

frame.setup_page(
    "How diffusion models generate images",
    "A diffusion model starts from pure Gaussian noise and removes it step by step. Nothing here is a recording: a small "
    "neural network computes every image while you watch, on an ordinary CPU.",
    kicker="diffviz · images out of noise",
)

import random

import streamlit as st

EXAMPLE_PROMPTS = (
    "cat face",
    "red heart",
    "smiling face with sunglasses",
    "penguin",
    "sunflower",
    "octopus",
    "red apple",
    "automobile",
    "palm tree",
    "grinning face",
    "fox",
    "rainbow",
)

left, right = st.columns([1.25, 1], gap="large")
with right:
    st.header("Lessons", anchor=False)
    frame.lesson_list()
with left:
    st.header("Sampled just now", anchor=False)
    stage = st.container()

# From here on torch is needed; the page above is already on screen.
with stage:
    frame.load_torch()
    from diffviz.pipelines.text_to_image import Settings
    from diffviz.ui import live

    words = live.vocabulary()
    if "home" not in st.session_state:
        st.session_state.home = random.randrange(10_000)
    seed = st.session_state.home
    prompt, style = EXAMPLE_PROMPTS[seed % len(EXAMPLE_PROMPTS)], words.styles[seed % len(words.styles)]
    caption = st.empty()
    caption.markdown(f"Prompt **{prompt}**, style {style}, seed {seed}")
    run = live.compute(Settings(prompt, style, seed=seed), "home-run", names=("x", "x0"), largest=288)
    cost = f"{run.settings.nfe} network function evaluations (NFE) in {run.seconds:.1f} s"
    caption.markdown(f"Prompt **{prompt}**, style {style}, seed {seed}: {cost}.")
    live.show(run, "home-run", names=("x", "x0"), largest=288)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("New sample", icon=":material/casino:", on_click=lambda: st.session_state.pop("home"))
        st.page_link(
            frame.BY_SLUG["reverse"].file,
            label="This sample in the lesson on sampling",
            icon=":material/arrow_forward:",
            query_params={"prompt": prompt, "style": style, "seed": str(seed)},
        )
frame.complete()
