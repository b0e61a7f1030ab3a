"""Reverse process: an image is sampled from Gaussian noise, and every step of it can be looked at."""

from diffviz.ui import frame

page = frame.setup_page(
    "Reverse process (sampling)",
    'Start from <span class="dv-c-noise">Gaussian noise</span>. At each step the network '
    '<span class="dv-c-prediction">predicts the clean image</span> from the noisy one, and the sampler goes on to a '
    "state with a little less noise.",
    slug="reverse",
    kicker="Lesson 3 · Taking the noise away",
)

import streamlit as st

frame.load_torch()

from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live, step_details
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import reverse
from diffviz.ui.sampling_controls import example_prompts, guidance_control, prompt_controls, sampler_control
from diffviz.ui.stage import layout

words = live.vocabulary()
c = Controls(page)
stage = layout()
with stage.controls:
    prompt, style, seed = prompt_controls(c, words.styles)
    with stage.more():
        steps = c.slider("Steps", "steps", 30, 1, 250, 1)
        sampler = sampler_control(c)
        net = live.network(c)
        guidance = guidance_control(c, net)
        schedule = c.choice("Noise schedule", "schedule", reverse.SCHEDULES, "cosine")
        view = c.choice(
            "Panels", "panels", tuple(reverse.VIEWS), "noise", reverse.VIEWS, help=reverse.VIEWS_HELP
        )
with stage.below:
    example_prompts()
    live.prompt_notices(prompt, words, net)
settings = Settings(prompt, style, seed, steps, sampler, guidance, schedule=schedule, model=net)
with stage.picture:
    run = live.compute(settings, "reverse-run")
    names, extra = reverse.panels(run, view)
    live.show(run, "reverse-run", names, extra=extra)
reverse.prompt_guide(words, net)
if run.finished:
    st.header("From layout to detail", anchor=False)
    reverse.predictions_by_step(run)
    st.header("The seed fixes the noise", anchor=False)
    reverse.seeds(settings)
    reverse.evaluations_table(run)
    step_details.one_step_in_numbers(run.trajectory, settings)
reverse.formula_and_source(settings)
st.header("A start that does not fit: the terminal SNR", anchor=False)
reverse.terminal_snr(net, seed)
frame.closing_question(
    "At the first step the network already predicts a whole image. Why not stop there?",
    "Because without guidance that prediction is at best a mean. x̂₀ estimates E[x₀ | xₜ, c], the mean of all clean "
    "images that could have been noised into xₜ; at t = 1 that is every image that fits the prompt, and their mean "
    "is a blur. With less noise, fewer images are possible, and the mean gets sharper. Set **Guidance scale** to 1 and "
    "**Steps** to 1, then to 3, 10 and 30. (With w above 1 the prediction is no mean: it is extrapolated, and in pixels "
    "clipped.)",
)
frame.next_lesson(frame.BY_SLUG["steps"], "Does it take thirty steps?")
