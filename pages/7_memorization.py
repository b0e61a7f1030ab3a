"""Copies: is what the network draws its own, or a training drawing handed back?"""

from diffviz.ui import frame

page = frame.setup_page(
    "Does it copy?",
    "A network that learned from drawings could simply hand one back. Here is what it drew, and the training drawings "
    "that come nearest to it. Look for yourself.",
    slug="memorization",
    kicker="Lesson 7 · memory",
)

import streamlit as st

frame.load_torch()

from diffviz.evaluation import nearest_neighbors
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live, source
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import memorization
from diffviz.ui.sampling_controls import example_prompts, prompt_controls

words = live.vocabulary()
c = Controls(page)
left, right = st.columns([1, 2.9], gap="large")
with left:
    prompt, style, seed = prompt_controls(c, words.styles)
    with st.expander("More"):
        guidance = c.slider("Guidance (1 is off)", "guidance", 3.0, 1.0, 10.0, 0.5)
        net = live.network(c)
    example_prompts(memorization.EXAMPLE_PROMPTS)
settings = Settings(prompt, style, seed, memorization.STEPS, "unipc", guidance, model=net)
with right:
    live.prompt_notices(prompt, words, net)
    run = live.compute(settings, "copies-run", ("x", "x0"), largest=memorization.LARGEST)
    looked = memorization.show_nearest(run)

if looked:
    st.header("Eight seeds, eight neighbours", anchor=False)
    memorization.eight_seeds(settings)
    st.header("Measured on thousands", anchor=False)
    memorization.measured(net, looked[0].distance)
memorization.explain_distance(settings)
source.show(nearest_neighbors.distances)
frame.closing_question(
    "Why does it come near to some drawings and not to others?",
    "It comes nearest where there is only one answer. Seven sets agree on what a red heart looks like: there the average "
    "of all that fits is nearly a drawing itself. Rockets differ from set to set, so what it draws lies between them. And "
    "it keeps what it saw often: three of the sets, flat, gradient and 3d, share their drawings. Ask for a cat face in "
    "the style **gradient** and compare. The fewer the drawings, the more often each is repeated and the larger the "
    "network, the more it keeps. Large models do it too: pictures that stood in their data many times could be drawn out "
    "of them almost unchanged (Carlini et al. 2023, arXiv 2301.13188).",
)
frame.next_lesson(frame.LESSONS[7], "Is this the only way to make new pictures?")
