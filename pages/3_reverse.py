"""Reverse: a picture is drawn out of static, and every step of it can be looked at."""

from diffviz.ui import frame

page = frame.setup_page(
    "Taking it away",
    'Start from static. Ask the network for its <span class="dv-c-prediction">guess of the picture</span>, take a '
    'little of the <span class="dv-c-noise">noise it sees</span> away, and ask again. That is all.',
    slug="reverse",
    kicker="Lesson 3 · the reverse process",
)

import streamlit as st

frame.load_torch()

from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live, step_details
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import reverse
from diffviz.ui.sampling_controls import example_prompts, prompt_controls, sampler_control

words = live.vocabulary()
c = Controls(page)
left, right = st.columns([1, 2.5], gap="large")
with left:
    prompt, style, seed = prompt_controls(c, words.styles)
    with st.expander("More"):
        steps = c.slider("Steps", "steps", 30, 1, 250, 1)
        sampler = sampler_control(c)
        guidance = c.slider("Guidance (1 is off)", "guidance", 3.0, 1.0, 10.0, 0.5)
        schedule = c.choice("Schedule", "schedule", reverse.SCHEDULES, "cosine")
        net = live.network(c)
    example_prompts()
settings = Settings(prompt, style, seed, steps, sampler, guidance, schedule=schedule, model=net)
with right:
    live.prompt_notices(prompt, words, net)
    run = live.compute(settings, "reverse-run", largest=reverse.LARGEST)
    live.show(run, "reverse-run", largest=reverse.LARGEST)

reverse.prompt_guide(words, net)
if run.finished:
    st.header("Blurry early, sharp late", anchor=False)
    reverse.blur_and_convergence(run)
    st.header("The seed is the picture", anchor=False)
    reverse.seeds(settings)
    reverse.evaluations_table(run)
    step_details.one_step_in_numbers(run.trajectory(), settings)
reverse.formula_and_source(sampler)
frame.closing_question(
    "At the first step the network already guesses a whole picture. Why not stop there?",
    "Because that first guess is an average. From pure static the network cannot know which cat it will be, so "
    "the safest answer is the mean of all of them: a blur. Only after a little noise is gone, and a little is "
    "decided, can it commit to more. Set **Steps** to 1 and see; then try 3, 10 and 30.",
)
frame.next_lesson(frame.LESSONS[3], "Does it take thirty steps?")
