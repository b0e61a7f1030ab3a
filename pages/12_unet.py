"""Inside the U-Net: activations, switches, attention and embeddings of the network while it runs."""

from diffviz.ui import frame

page = frame.setup_page(
    "Inside the U-Net",
    "Open the network that is running: what each block computes at each step, what is lost when a skip connection or its "
    "attention is switched off, where it attends, and how noise level and words enter.",
    slug="unet",
    kicker="Under the hood · architecture",
)

import streamlit as st

frame.load_torch()

from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import unet
from diffviz.ui.sampling_controls import example_prompts, seed_control

words = live.vocabulary()
c = Controls(page)
ATTENTION = {"cross": "Cross-attention (to the prompt)", "self": "Self-attention (to other places)"}
left, right = st.columns([1, 2.9], gap="large")
with left:
    part = c.choice("Part", "inside", tuple(unet.PARTS), "blocks", unet.PARTS)
    prompt = c.text("Prompt", "prompt", "cat face", placeholder="no words: draw anything")
    if part == "switches":
        switch, scales = unet.switch_control(c), dict[int, float]()
    elif part == "attention":
        kind = c.choice("Attention", "attention", tuple(ATTENTION), "cross", ATTENTION)
    opened = st.container()
    with st.expander("More"):
        seed = seed_control(c)
        style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        net = live.network(c, checkpoints.QUICK)
    with opened:
        if part == "blocks":
            block = unet.block_control(c, net)
        elif part == "switches" and switch == unet.OWN:
            scales = unet.scale_controls(c, net)
    example_prompts()
settings = Settings(prompt, style, seed, unet.STEPS, model=net)
with right:
    live.prompt_notices(prompt, words, net)
    if part == "blocks":
        unet.activations(settings, block)
    elif part == "switches":
        unet.switches(settings, switch, scales)
    elif part == "attention":
        unet.attention(settings, words, kind)
    else:
        unet.embeddings(settings, words)

frame.closing_question(
    "With the highest skip connection off, images keep their shape and stay noisy. Why?",
    "What comes up from the lower levels was made at half the resolution and less: it knows what is where, and "
    "not the value of each pixel. To remove the noise of a pixel the network has to know that pixel, and only "
    "the skip connection at full resolution brings it. With the bottom level off it is the other way round: see "
    "**Switches**.",
)
frame.next_lesson(frame.BY_SLUG["scores"], "And what is it that such a network estimates?")
