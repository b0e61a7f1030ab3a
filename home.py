"""Home: what this is, a picture made on arrival, and the path of lessons."""

from diffviz.ui import frame

frame.setup_page(
    "Pictures out of static",
    "diffviz shows how a diffusion model draws: it starts from pure static and takes the noise away, step by "
    "step. Everything you see is a small neural network at work right now, on this computer's processor.",
)

import random

import streamlit as st

left, right = st.columns([1.25, 1], gap="large")
with right:
    st.header("The lessons", anchor=False)
    with st.container(key="lessons", gap=None):
        for lesson in (*frame.LESSONS, frame.TEACHING):
            frame.link(lesson, label=f"**{lesson.title}**")
            st.caption(lesson.blurb)
with left:
    st.header("Drawn for you, just now", anchor=False)
    stage = st.container()

# From here on torch is needed; the page above is already on screen.
with stage:
    frame.load_torch()
    from diffviz.pipelines.text_to_image import Settings
    from diffviz.ui import live

    words = live.vocabulary()
    if "home" not in st.session_state:
        st.session_state.home = random.randrange(10_000)
    ideas = (
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
    seed = st.session_state.home
    prompt, style = ideas[seed % len(ideas)], words.styles[seed % len(words.styles)]
    said = st.empty()
    said.markdown(f"**{prompt}**, style {style}, seed {seed}")
    run = live.compute(Settings(prompt, style, seed=seed), "home-run", names=("x", "x0"), largest=288)
    took = f"{run.settings.nfe} network calls in {run.seconds:.1f} s"
    said.markdown(f"**{prompt}**, style {style}, seed {seed}: {took}.")
    live.show(run, "home-run", names=("x", "x0"), largest=288)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Another", icon=":material/casino:", on_click=lambda: st.session_state.pop("home"))
        st.page_link(
            frame.LESSONS[2].file,
            label="See all of it",
            icon=":material/arrow_forward:",
            query_params={"prompt": prompt, "style": style, "seed": str(seed)},
        )
