"""Samplers and steps: what the number of steps and the order of a sampler change, at equal NFE and measured."""

from diffviz.ui import frame

page = frame.setup_page(
    "Samplers and steps",
    "A sampler solves the reverse process in steps, and each step costs network function evaluations (NFE). What do more "
    "steps change, and which sampler needs fewest? Predict first: each part asks before it shows.",
    slug="steps",
    kicker="Lesson 4",
)

frame.load_torch()

from diffviz.lessons import content
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import blind_test, quality_curve, steps
from diffviz.ui.sampling_controls import guidance_control, sampler_control, seed_control
from diffviz.ui.stage import layout

words = live.vocabulary()
c = Controls(page)
PARTS = {
    "ladder": "Number of steps",
    "race": "Samplers at equal NFE",
    "curve": "Measured quality",
    "jump": "One step or many",
    "tell": "Blind test",
}
FORMERLY = {
    "Ladder": "ladder",
    "Race": "race",
    "Measured curve": "curve",
    "One jump or many": "jump",
    "Can you tell?": "tell",
}
part = c.parts("part", PARTS, FORMERLY)
stage = layout()
if part == "tell":
    with stage.controls, stage.more():
        net = live.network(c, checkpoints.QUICK)
    blind_test.show(stage, net)
else:
    sampler, guidance = "ddim", 1.0  # where the part has no control for it
    with stage.controls:
        prompt = c.text("Prompt", "prompt", "cat face", placeholder="no prompt: unconditional")
        seed = seed_control(c)
        if part == "race":
            budget = c.select("NFE of each sampler", "calls", 8, steps.BUDGETS)
        with stage.more():
            style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
            if part in ("ladder", "jump"):
                sampler = sampler_control(c)
            net = live.network(c, checkpoints.QUICK)
            if part != "jump":
                guidance = guidance_control(c, net)
    settings = Settings(prompt, style, seed, 30, sampler, guidance, model=net)
    with stage.below:
        live.prompt_notices(prompt, words, net)
        if part == "ladder":
            steps.step_sweep(stage, settings)
        elif part == "race":
            steps.sampler_race(stage, settings, budget)
        elif part == "curve":
            quality_curve.show(stage, settings)
        else:
            steps.one_step(stage, settings)

frame.closing_question(*content.closing_question("steps", part))
frame.next_part("part", PARTS, part)
frame.next_lesson(frame.BY_SLUG["guidance"], "How does a prompt steer the samples?")
