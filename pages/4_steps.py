"""Steps: what their number buys, and which sampler makes the most of them."""

from diffviz.ui import frame

page = frame.setup_page(
    "How many steps?",
    "More steps cost more network calls. What do they buy, and who makes the most of few? Guess first: "
    "each part asks for your prediction before it runs.",
    slug="steps",
    kicker="Lesson 4 · steps and samplers",
)

import streamlit as st

frame.load_torch()

from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import blind_test, quality_curve, steps
from diffviz.ui.sampling_controls import sampler_control, seed_control

words = live.vocabulary()
c = Controls(page)
PARTS = {
    "ladder": "Ladder",
    "race": "Race",
    "curve": "Measured curve",
    "jump": "One jump or many",
    "tell": "Can you tell?",
}
left, right = st.columns([1, 2.9], gap="large")
with left:
    part = c.choice("Part", "part", tuple(PARTS), "ladder", PARTS)
    prompt = c.text("Prompt", "prompt", "cat face", placeholder="no words: draw anything")
    seed = seed_control(c)
    with st.expander("More"):
        style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        sampler = sampler_control(c)
        guidance = c.slider("Guidance (1 is off)", "guidance", 3.0, 1.0, 10.0, 0.5)
        net = live.network(c, checkpoints.QUICK)
        budget = c.select("Network calls in the race", "calls", 8, steps.BUDGETS)
settings = Settings(prompt, style, seed, 30, sampler, guidance, model=net)
with right:
    live.prompt_notices(prompt, words, net)
    if part == "ladder":
        steps.step_sweep(settings)
    elif part == "race":
        steps.sampler_race(settings, budget)
    elif part == "curve":
        quality_curve.show(settings)
    elif part == "tell":
        blind_test.show(settings)
    else:
        steps.one_step(settings)

frame.closing_question(
    "Guidance asks the network twice in each step. What does that do to a comparison of samplers at equal steps?",
    "Nothing, as long as all of them are guided: each pays double. But Heun asks twice a step on top of that, so "
    "at equal **steps** it pays twice what DDIM pays. That is why the race counts network **calls**.",
)
frame.next_lesson(frame.LESSONS[4], "Who tells it what to draw?")
