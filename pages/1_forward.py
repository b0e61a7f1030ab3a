"""Forward: noise is added to a picture, one small step at a time."""

from diffviz.ui import frame

page = frame.setup_page(
    "Adding noise",
    'A <span class="dv-c-signal">picture</span> is buried in <span class="dv-c-noise">static</span>, a little '
    "more at every step. This half of diffusion is a fixed recipe: no network, nothing learned.",
    slug="forward",
    kicker="Lesson 1 · the forward process",
)

import streamlit as st

frame.load_torch()

from diffviz.ui import image_input
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import forward

c = Controls(page)
left, right = st.columns([1, 2.5], gap="large")
with left:
    picture = image_input.choose(c).pixels
    schedule = c.choice(
        "Schedule", "schedule", tuple(forward.SCHEDULES), "cosine", help="How fast the picture fades"
    )
    with st.expander("More"):
        total = c.select("Steps T of the chain", "T", 50, forward.LENGTHS)
        seed = c.integer("Seed of the noise", "seed", 0, 0, 999_999)
with right:
    chain = forward.chain_player(picture, schedule, total, seed)

st.header("One jump lands in the same place", anchor=False)
st.markdown(
    "Step by step, each state is made from the one before it. But noise on top of noise is just more noise, so "
    "any state can also be made from the clean picture **in one jump**. Below, the same picture is taken to four "
    "times in both ways, and the values of all its pixels are counted."
)
forward.same_distribution(picture, schedule, total, seed)
with st.expander("The formula", icon=":material/function:"):
    st.markdown(
        r"""
One step, from time $s$ to a later $t$: $\;x_t = \frac{\alpha_t}{\alpha_s}\,x_s + \sqrt{\beta}\;\varepsilon$, with
$\beta = \sigma_t^2 - (\alpha_t/\alpha_s)^2\,\sigma_s^2$ and fresh noise $\varepsilon \sim \mathcal N(0, 1)$.

One jump, from the clean picture: $\;x_t = \alpha_t\,x_0 + \sigma_t\,\varepsilon$.

DDPM writes $\bar\alpha_t$ for our $\alpha_t^2$, and $1-\bar\alpha_t$ for our $\sigma_t^2$ (Ho et al. 2020, equations
2 and 4). The signal-to-noise ratio is $\mathrm{SNR} = \alpha_t^2/\sigma_t^2$.
"""
    )
with st.expander("All schedules side by side", icon=":material/show_chart:"):
    forward.compare_schedules(schedule)
forward.source()

st.header("Why nothing here is learned", anchor=False)
st.markdown(
    "Every number on this page follows from the schedule and a random number generator. There is nothing to "
    "find out, so there is nothing to train. And that is useful: because **we** put the noise in, we know exactly "
    "what it was. Any picture gives as many practice problems as we like (a noisy state, and the answer that goes "
    "with it) for the network that will learn to undo this."
)
frame.closing_question(
    "Suppose the chain ran for ten times as many steps, with the same schedule. Would the last frame be noisier?",
    "No. The schedule says how much noise there is at the end, and it is the same for any T. More steps only "
    "make each one smaller. Open **More** above, set T to 10 and then to 1000, and compare the last frames.",
)
frame.next_lesson(frame.LESSONS[1], "What can be learned from that?")
