"""Training: what the network is asked, how it is graded, and a small one trained on the spot."""

from diffviz.ui import frame

page = frame.setup_page(
    "What it learns",
    'A noisy picture goes in. The answer is known, since <b>we</b> put the <span class="dv-c-noise">noise</span> there; '
    'what the network <span class="dv-c-prediction">says</span> is held against it. That is all of the training.',
    slug="training",
    kicker="Lesson 2 · the training target",
)

import streamlit as st

frame.load_torch()

from diffviz.toy import diffusion2d
from diffviz.ui import image_input, live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import toy_training, training
from diffviz.ui.sampling_controls import seed_control

live.vocabulary()
c = Controls(page)
PARTS = {"example": "One problem", "time": "Where it is hard", "train": "Train one now"}
left, right = st.columns([1, 2.5], gap="large")
with left:
    part = c.choice("Part", "learn", tuple(PARTS), "example", PARTS)
    says = training.TARGET_TITLES
    if part == "train":
        shape = c.choice("What to learn", "shape", tuple(diffusion2d.SHAPES), "two moons")
        steps = c.select("Training steps", "train", 1000, toy_training.LENGTHS)
        target = c.choice("It is to say", "says", tuple(says), "eps", says)
    elif part == "example":
        picture = image_input.choose(c)
        target = c.choice("It is to say", "target", tuple(says), "x0", says)
    with st.expander("More"):
        seed = seed_control(c)
        net = live.network(c) if part != "train" else ""
with right:
    if part == "example":
        training.training_example(picture, target, seed, net)
    elif part == "time":
        training.loss_over_time(net)
    else:
        training.train_toy(shape, target, steps, seed)

frame.closing_question(
    "Naming the noise, the picture or v: one follows from the other. Does it matter which the network has to say?",
    "For what it knows it does not: given the noisy picture, each can be worked out from each. But training weighs "
    "mistakes. The same mistake counts almost nothing as noise where there is much noise, and a great deal where there "
    "is little; as a picture it is the other way round. So the choice decides which times the network works on hardest. "
    "See **Where it is hard**.",
)
frame.next_lesson(frame.LESSONS[2], "It can name the noise. Now use it:")
