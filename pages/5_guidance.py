"""Prompts and guidance: how a prompt conditions every step, and what the guidance scale changes."""

from diffviz.ui import frame

page = frame.setup_page(
    "Prompts and guidance",
    "The prompt conditions every step. Classifier-free guidance makes two predictions, the "
    '<span class="dv-c-conditional">conditional</span> and the <span class="dv-c-unconditional">unconditional</span> one, '
    "and extrapolates from the second past the first by the guidance scale w.",
    slug="guidance",
    kicker="Lesson 5",
)

import streamlit as st

frame.load_torch()

from diffviz.lessons import content
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import classifier_guidance, prompt_ablation
from diffviz.ui.lessons import guidance as parts
from diffviz.ui.sampling_controls import example_prompts, seed_control

words = live.vocabulary()
c = Controls(page)
PARTS = {
    "two": "Classifier-free guidance",
    "scales": "Guidance scale",
    "when": "Guidance interval",
    "words": "Prompt ablation",
    "avoid": "Negative prompt",
    "judge": "Classifier guidance",
}
FORMERLY = {
    "Two answers": "two",
    "How hard to push": "scales",
    "When to push": "when",
    "Word by word": "words",
    "Words to avoid": "avoid",
    "A classifier pushes": "judge",
}
part = c.parts("show", PARTS, FORMERLY)
left, right = st.columns([1, 2.9], gap="large")
with left:
    prompt = c.text("Prompt", "prompt", "cat face", placeholder="no prompt: unconditional")
    avoid = c.text("Negative prompt", "avoid", "yellow") if part == "avoid" else ""
    guidance = (
        1.0 if part == "scales" else c.slider("Guidance scale w (1 is off)", "guidance", 3.0, 1.0, 10.0, 0.5)
    )
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

frame.closing_question(*content.closing_question("guidance", part))
frame.next_part("show", PARTS, part)
frame.next_lesson(frame.BY_SLUG["editing"], "And if there is an image already?")
