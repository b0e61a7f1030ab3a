"""Editing: begin from a picture, or draw only in a part of it."""

from diffviz.ui import frame

page = frame.setup_page(
    "Changing a picture",
    'The same network, nothing trained anew: hand it your <span class="dv-c-signal">picture</span> half buried in '
    '<span class="dv-c-noise">static</span>, or let it fill a hole, and watch every step.',
    slug="editing",
    kicker="Lesson 6 · editing",
)

import streamlit as st

frame.load_torch()

from diffviz.pipelines.editing import RESAMPLING_STEPS
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import image_input, live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import editing
from diffviz.ui.sampling_controls import seed_control

words = live.vocabulary()
c = Controls(page)
PARTS = {"redraw": "Begin with it", "fill": "Fill a hole"}
left, right = st.columns([1, 2.9], gap="large")
with left:
    part = c.choice("Part", "do", tuple(PARTS), "redraw", PARTS, segmented=True, width="stretch")
    picture = image_input.choose(c).pixels
    if part == "redraw":
        prompt = c.text("Make it", "into", "fox", placeholder="no words: anything")
        strength = c.slider("Strength: how far to bury it", "strength", 0.85, 0.05, 1.0, 0.05)
    else:
        prompt = c.text("Fill with", "filling", "cat face with sunglasses", placeholder="no words: anything")
        hole = editing.choose_mask(c, picture)
    with st.expander("More"):
        style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        seed = seed_control(c)
        guidance = c.slider("Guidance (1 is off)", "guidance", 3.0, 1.0, 10.0, 0.5)
        rounds = c.select("Take each step … times", "rounds", 1, RESAMPLING_STEPS) if part == "fill" else 1
        net = live.network(c)
    editing.example_buttons(part)
settings = Settings(prompt, style, seed, editing.STEPS, "unipc", guidance, model=net)
with right:
    live.prompt_notices(prompt, words, net)
    if part == "redraw":
        editing.img2img(settings, picture, strength)
    else:
        editing.inpaint(settings, picture, hole, rounds)

if part == "redraw":
    frame.closing_question(
        "You want your cat as a fox, in the same place and pose. High strength or low?",
        "As low as still gives a fox. Strength is how much of your picture is hidden before the network sees it: place "
        "and outline survive longest, colours and details go first. Too low, and your cat is still in plain sight; too "
        "high, and any fox will do. Try **cat to fox** and move the strength.",
    )
else:
    frame.closing_question(
        "Nobody told the network which part is known. How does what it draws in the hole come to fit?",
        "It sees the known part in every state, noisy at first and clearer with each step, as it sees everything else. "
        "What it guesses for the hole goes with what it sees, since it learned what whole pictures look like. Early on "
        "there is little to be seen, and what it drew then may not fit: that is why looking again helps.",
    )
frame.next_lesson(frame.LESSONS[6], "Did it draw this, or remember it?")
