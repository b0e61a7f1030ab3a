"""Scores, SDEs and ODEs: the mathematics of diffusion on points in the plane, exact where it can be."""

from diffviz.ui import frame

page = frame.setup_page(
    "Scores, SDEs and ODEs",
    "Diffusion as differential equations, on points in the plane where the score is a formula: three ways to sample by it, "
    "what a network learns in its place, DDPM in one dimension, flow matching, and what guidance really samples.",
    slug="scores",
    kicker="Under the hood · mathematics",
)

import streamlit as st

frame.load_torch()

from diffviz.ui.controls import Controls
from diffviz.ui.lessons import scores
from diffviz.ui.lessons.scores import ddpm, field, flow, guidance, own, samplers
from diffviz.ui.sampling_controls import seed_control

c = Controls(page)
part = c.choice("Part", "scores", tuple(scores.PARTS), "field", scores.PARTS, segmented=True)
question, picture, strip, below = st.container(), st.container(), st.container(), st.container()
with strip:
    if part == "field":
        data = field.data_control(c)
        arrows = c.choice("Arrows", "arrows", tuple(field.ARROWS), "score", field.ARROWS, segmented=True)
        with st.expander("More"):
            start = field.start_controls(c)
    elif part == "samplers":
        data = field.data_control(c)
        steps = c.select("Steps", "grid", 32, samplers.STEPS)
        solver = c.choice("ODE solver", "solver", ("Euler", "Heun"), "Euler", segmented=True)
        with st.expander("More"):
            inner = c.select("Langevin steps at each t", "inner", 10, (1, 3, 10, 30))
            seed = seed_control(c)
    elif part == "own":
        what = c.choice("Show", "own", tuple(own.SHOWS), "scores", own.SHOWS, segmented=True)
        step = (
            c.select("Training steps", "trained", own.SNAPSHOTS[-1], own.SNAPSHOTS)
            if what == "scrub"
            else None
        )
        where, count = own.points_control(c)
        with st.expander("More"):
            seed = seed_control(c)
        points = own.points(where, count, seed)
    elif part == "ddpm":
        curves = ddpm.controls(c)
    elif part == "flow":
        coupling = c.choice("Coupling", "coupling", tuple(flow.BATCHES), "independent")
        path = c.choice("Path", "path", tuple(flow.PATHS), "flow", flow.PATHS, segmented=True)
        with st.expander("More"):
            shape = c.choice("Data", "shape", tuple(flow.diffusion2d.SHAPES), "four spots")
            seed = seed_control(c)
    else:
        w = c.slider("Guidance scale w (1 is off)", "scale", 3.0, 1.0, 8.0, 0.5)
        with st.expander("More"):
            seed = seed_control(c)

if part == "field":
    field.show(picture, below, data, arrows, start)
elif part == "samplers":
    samplers.show(picture, below, samplers.Setup(data, steps, solver == "Heun", inner, seed))
elif part == "own":
    if points is not None:
        own.show(picture, below, points, seed, step)
elif part == "ddpm":
    ddpm.show(picture, below, *curves)
elif part == "flow":
    flow.show(picture, below, flow.Setup(shape, coupling, path, seed))
else:
    guidance.show(question, picture, below, w, seed)

frame.closing_question(
    "With the exact score of the training points, sampling gives the training points. Why then train a network on that "
    "very loss?",
    "Because it does not reach the minimum. A network of limited size, trained for a limited time, learns a smoother "
    "score, and what it samples lies between the training points too. Where it is smooth depends on architecture and "
    "training: that is where generalization comes from. Given few points and much training it memorizes: see **Your own "
    "points**.",
)
frame.next_lesson(frame.BY_SLUG["workshop"], "The mathematics is right, and the images are wrong?")
