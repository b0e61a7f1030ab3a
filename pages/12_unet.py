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

from diffviz.lessons import content
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import unet
from diffviz.ui.sampling_controls import example_prompts, seed_control
from diffviz.ui.stage import layout

words = live.vocabulary()
c = Controls(page)
ATTENTION = {"cross": "Cross-attention (to the prompt)", "self": "Self-attention (to other places)"}
part = c.parts("inside", unet.PARTS)
stage = layout()
with stage.controls:
    prompt = c.text("Prompt", "prompt", "cat face", placeholder="no words: draw anything")
    if part == "switches":
        switch, scales = unet.switch_control(c), dict[int, float]()
    elif part == "attention":
        kind = c.choice(
            "Attention", "attention", tuple(ATTENTION), "cross", ATTENTION, segmented=True, wrap=True
        )
    opened = st.container()
    with stage.more():
        seed, style = 0, "noto"
        if part != "embeddings":
            seed = seed_control(c)
            style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        net = live.network(c, checkpoints.QUICK)
    with opened:
        if part == "blocks":
            block = unet.block_control(c, net)
    if part == "switches" and switch == unet.OWN:
        with st.popover("Scales", icon=":material/tune:"):
            scales = unet.scale_controls(c, net)
settings = Settings(prompt, style, seed, unet.STEPS, guidance=checkpoints.guidance_scale(net), model=net)
with stage.below:
    example_prompts()
    live.prompt_notices(prompt, words, net)
    if part == "blocks":
        unet.activations(stage, settings, block)
    elif part == "switches":
        unet.switches(stage, settings, switch, scales)
    elif part == "attention":
        unet.attention(stage, settings, words, kind)
    else:
        unet.embeddings(stage, settings, words)

frame.closing_question(*content.closing_question("unet", part))
frame.next_part("inside", unet.PARTS, part)
frame.next_lesson(frame.BY_SLUG["scores"], "And what is it that such a network estimates?")
