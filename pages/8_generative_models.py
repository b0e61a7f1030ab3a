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

from diffviz.toy import diffusion2d
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import generative_models, toy_training
from diffviz.ui.sampling_controls import seed_control
from diffviz.ui.stage import layout

c = Controls(page)
PARTS = {"models": "VAE, GAN, diffusion", "flow": "Flow matching and reflow", "distillation": "Distillation"}
FORMERLY = {"Straight ways": "flow", "In one call": "distillation"}
part = c.choice(
    "Part",
    "beside",
    tuple(PARTS),
    "models",
    PARTS,
    segmented=True,
    formerly=FORMERLY,
    label_visibility="collapsed",
)
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

frame.closing_question(
    "A GAN makes a sharp image in one evaluation. Why did image generation move to diffusion all the same?",
    "Because of training and coverage. Adversarial training can oscillate, and the generator can collapse to some modes "
    "of the data. Diffusion is regression on every training image at every noise level: a mode that is not learned raises "
    "the loss. On ImageNet at 256 × 256 Dhariwal & Nichol (2021, arXiv 2105.05233, table 5) report a recall of 0.52 for "
    "their guided diffusion model and of 0.28 for BigGAN-deep, at a better FID. Diffusion pays with many evaluations per "
    "sample; **Distillation** takes most of them away again.",
)
frame.next_lesson(frame.BY_SLUG["latent"], "How do large models afford large images?")
