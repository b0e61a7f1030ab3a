"""The start page: what this is, one image sampled on arrival, three ways in, and all lessons."""

from diffviz.ui import frame

frame.setup_page(
    "How diffusion models generate images",
    "A diffusion model starts from pure Gaussian noise and removes it step by step. Here you see every step of it, and can "
    "change every part. Nothing is a recording: a small neural network computes each image while you watch, on an "
    "ordinary CPU.",
)

import random

import streamlit as st

from diffviz.lessons.pages import BY_SLUG, LESSONS, TEACHING

# Prompt, style and seed of images that came out well among eight seeds of each; the page says so.
EXAMPLES = (
    ("red heart", "noto", 0),
    ("smiling face with sunglasses", "noto", 3),
    ("sunflower", "noto", 3),
    ("red apple", "noto", 6),
    ("palm tree", "noto", 3),
    ("grinning face", "3d", 0),
    ("automobile", "noto", 4),
    ("fox", "noto", 5),
    ("owl", "noto", 6),
    ("cat face", "noto", 5),
)
COUNT = len(LESSONS) - 1  # of lessons: the last is practice
DOORS = (
    ("Learn", f"{COUNT} lessons, each a live demo with a question.", LESSONS[0], "Begin with lesson 1"),
    ("Practise", "Quiz, flashcards and interview questions, kept between visits.", LESSONS[-1], "Practise"),
    ("Teach", "Class plans with a link for each demo, and the questions as files.", TEACHING, "For teachers"),
)


def _another() -> None:
    """Go on to any example but the one that is shown."""
    st.session_state.home = st.session_state.get("home", 0) + random.randrange(1, len(EXAMPLES))


run_at, doors = st.columns([2.3, 1], gap="large")
stage = run_at.container(key="stage")
for title, text, page, label in DOORS:
    with doors.container(border=True, gap="small"):
        st.header(title, anchor=False)
        st.markdown(text)
        frame.link(page, label=label, icon=":material/arrow_forward:")
st.header("All lessons", anchor=False)
frame.lesson_list()

# From here on torch is needed; the page above is already on screen.
with stage:
    frame.load_torch()
    from diffviz.pipelines.text_to_image import Settings
    from diffviz.ui import live

    live.vocabulary()
    if "home" not in st.session_state:
        st.session_state.home = random.randrange(len(EXAMPLES))
    prompt, style, seed = EXAMPLES[st.session_state.home % len(EXAMPLES)]
    run = live.compute(Settings(prompt, style, seed=seed), "home-run", names=("x", "x0"))
    live.show(run, "home-run", names=("x", "x0"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Another sample", icon=":material/casino:", on_click=_another)
        frame.link(
            BY_SLUG["reverse"],
            label="This sample in the lesson on sampling",
            icon=":material/arrow_forward:",
            query_params={"prompt": prompt, "style": style, "seed": str(seed)},
        )
        st.caption(
            f"Prompt **{prompt}**, style {style}, seed {seed}: {run.settings.nfe} network function evaluations (NFE) in "
            f"{run.seconds:.1f} s. The examples of this page were chosen among eight seeds each; the lessons show any.",
            width="content",
        )
frame.complete()
