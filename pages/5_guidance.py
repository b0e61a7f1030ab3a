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
from diffviz.ui.sampling_controls import example_prompts, guidance_control, seed_control
from diffviz.ui.stage import layout

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
EXAMPLES = {"words": prompt_ablation.ABLATION_EXAMPLES, "judge": classifier_guidance.EXAMPLE_LABELS}
part = c.parts("show", PARTS, FORMERLY)
stage = layout()
with stage.controls:
    prompt = c.text("Prompt", "prompt", parts.starting_prompt(part), placeholder="no prompt: unconditional")
    avoid = c.text("Negative prompt", "avoid", "red") if part == "avoid" else ""
    place = st.empty()  # of the scale, which begins with what the network is best at
    with stage.more():
        style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        seed = seed_control(c)
        net = live.network(c)
    with place:
        guidance = guidance_control(c, net)
settings = Settings(prompt, style, seed, parts.STEPS, "ddim", guidance, avoid, model=net)
with stage.below:
    if part == "avoid":
        prompt_ablation.negative_examples()
    else:
        example_prompts(EXAMPLES.get(part, parts.EXAMPLE_PROMPTS))
    with st.container():
        live.prompt_notices(prompt, words, net)
if part == "two":
    parts.cond_and_uncond(settings, stage)
elif part == "scales":
    parts.guidance_scales(settings, stage)
elif part == "when":
    parts.guidance_interval(settings, stage)
elif part == "words":
    prompt_ablation.leave_one_out(settings, words, stage)
elif part == "judge":
    classifier_guidance.show(settings, stage)
else:
    prompt_ablation.negative_prompt(settings, words, stage)

frame.closing_question(*content.closing_question("guidance", part))
frame.next_part("show", PARTS, part)
frame.next_lesson(frame.BY_SLUG["editing"], "And if there is an image already?")
