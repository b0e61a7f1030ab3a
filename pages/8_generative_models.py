"""VAE, GAN, flow matching, reflow and distillation beside diffusion, trained on points in the plane."""

from diffviz.ui import frame

page = frame.setup_page(
    "VAE, GAN, flow matching, distillation",
    'Other generative models map <span class="dv-c-noise">noise</span> to <span class="dv-c-signal">data</span> too. Train '
    "them beside diffusion on points in the plane, where training takes seconds and every error can be seen.",
    slug="generative_models",
    kicker="Lesson 8 · Beyond",
)


frame.load_torch()

from diffviz.lessons import content
from diffviz.toy import diffusion2d
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import generative_models, toy_training
from diffviz.ui.sampling_controls import seed_control
from diffviz.ui.stage import layout

c = Controls(page)
PARTS = {"models": "VAE, GAN, diffusion", "flow": "Flow matching and reflow", "distillation": "Distillation"}
FORMERLY = {"Straight ways": "flow", "In one call": "distillation"}
part = c.parts("beside", PARTS, FORMERLY)
stage = layout()
with stage.controls:
    shape = c.choice("Data", "shape", tuple(diffusion2d.SHAPES), "four spots")
    if part == "flow":
        nfe = c.select("Network evaluations (NFE)", "walk", 8, generative_models.NFES)
    steps = c.select("Training steps", "train", 1000, toy_training.LENGTHS)
    with stage.more():
        seed = seed_control(c)
task = toy_training.ToyTask(shape, steps, seed)
with stage.below:
    if part == "models":
        generative_models.compare_models(stage, task)
    elif part == "flow":
        generative_models.flow_matching(stage, task, nfe)
    else:
        generative_models.distillation(stage, task)

frame.closing_question(*content.closing_question("generative_models", part))
frame.next_part("beside", PARTS, part)
frame.next_lesson(frame.BY_SLUG["latent"], "How do large models afford large images?")
