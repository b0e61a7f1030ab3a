"""Guidance: how words steer a run, and what pushing harder does."""

from diffviz.ui import frame

page = frame.setup_page(
    "Telling it what",
    'The words go in at every step. <b>Guidance</b> asks twice, <span class="dv-c-conditional">with the words</span> '
    'and <span class="dv-c-unconditional">without them</span>, and pushes the answer further the way the words point.',
    slug="guidance",
    kicker="Lesson 5 · prompts and guidance",
)

import streamlit as st

frame.load_torch()

from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import classifier_guidance, prompt_ablation
from diffviz.ui.lessons import guidance as parts
from diffviz.ui.sampling_controls import example_prompts, seed_control

words = live.vocabulary()
c = Controls(page)
PARTS = {
    "two": "Two answers",
    "scales": "How hard to push",
    "when": "When to push",
    "words": "Word by word",
    "avoid": "Words to avoid",
    "judge": "A classifier pushes",
}
left, right = st.columns([1, 2.9], gap="large")
with left:
    part = c.choice("Part", "show", tuple(PARTS), "two", PARTS)
    prompt = c.text("Prompt", "prompt", "cat face", placeholder="no words: draw anything")
    avoid = c.text("Words to avoid", "avoid", "yellow") if part == "avoid" else ""
    guidance = 1.0 if part == "scales" else c.slider("Guidance (1 is off)", "guidance", 3.0, 1.0, 10.0, 0.5)
    with st.expander("More"):
        style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        seed = seed_control(c)
        net = live.network(c)
    if part == "avoid":
        prompt_ablation.negative_examples()
    else:
        example_prompts(classifier_guidance.EXAMPLE_LABELS if part == "judge" else parts.EXAMPLE_PROMPTS)
settings = Settings(prompt, style, seed, parts.STEPS, "ddim", guidance, avoid, model=net)
with right:
    live.prompt_notices(prompt, words, net)
    if part == "two":
        parts.cond_and_uncond(settings)
    elif part == "scales":
        parts.guidance_scales(settings)
    elif part == "when":
        parts.guidance_interval(settings)
    elif part == "words":
        prompt_ablation.leave_one_out(settings, words)
    elif part == "judge":
        classifier_guidance.show(settings)
    else:
        prompt_ablation.negative_prompt(settings, words)

frame.closing_question(
    "Guidance makes pictures clearer. Why not always turn it up to 10?",
    "Because the push goes past every answer the network was trained to give. A little of it drops what the words make "
    "unlikely; much of it exaggerates whatever sets the words apart: colours turn loud, shapes turn typical, and seeds "
    "come out alike. It also costs: any scale but 1 asks the network twice a step. See **How hard to push**.",
)
frame.next_lesson(frame.LESSONS[5], "And if there is a picture already?")
