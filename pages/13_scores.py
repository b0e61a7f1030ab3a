"""Scores, SDEs and ODEs: the mathematics of diffusion on points in the plane, exact where it can be."""

from diffviz.ui import frame

page = frame.setup_page(
    "Scores, SDEs and ODEs",
    "Diffusion as differential equations, on points in the plane where the score is a formula: three ways to sample by it, "
    "what a network learns in its place, DDPM in one dimension, flow matching, and what guidance really samples.",
    slug="scores",
    kicker="Under the hood · mathematics",
)

frame.load_torch()

from diffviz.lessons import content
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import scores
from diffviz.ui.lessons.scores import ddpm, field, flow, guidance, own, samplers
from diffviz.ui.sampling_controls import seed_control
from diffviz.ui.stage import layout

c = Controls(page)
part = c.parts("scores", scores.PARTS)
stage = layout()
with stage.controls:
    if part == "field":
        data = field.data_control(c)
        arrows = c.choice("Arrows", "arrows", tuple(field.ARROWS), "score", field.ARROWS, segmented=True)
        with stage.more():
            start = field.start_controls(c)
    elif part == "samplers":
        data = field.data_control(c)
        steps = c.select("Steps", "grid", 32, samplers.STEPS)
        solver = c.choice("ODE solver", "solver", ("Euler", "Heun"), "Euler", segmented=True)
        with stage.more():
            inner = c.select("Langevin steps at each t", "inner", 10, (1, 3, 10, 30))
            seed = seed_control(c)
    elif part == "own":
        what = c.choice("Show", "own", tuple(own.SHOWS), "scores", own.SHOWS, segmented=True, wrap=True)
        step = (
            c.select("Training steps", "trained", own.SNAPSHOTS[-1], own.SNAPSHOTS)
            if what == "scrub"
            else None
        )
        where, count = own.points_control(c)
        with stage.more():
            seed = seed_control(c)
    elif part == "ddpm":
        length, place, x0, x_t = ddpm.controls(c)
    elif part == "flow":
        coupling = c.choice("Coupling", "coupling", tuple(flow.BATCHES), "independent")
        path = c.choice("Path", "path", tuple(flow.PATHS), "flow", flow.PATHS, segmented=True, wrap=True)
        with stage.more():
            shape = c.choice("Data", "shape", tuple(flow.diffusion2d.SHAPES), "four spots")
            seed = seed_control(c)
    else:
        w = c.slider("Guidance scale w (1 is off)", "scale", 3.0, 1.0, 8.0, 0.5)
        with stage.more():
            seed = seed_control(c)

if part == "field":
    field.show(stage, data, arrows, start)
elif part == "samplers":
    samplers.show(stage, samplers.Setup(data, steps, solver == "Heun", inner, seed), c)
elif part == "own":
    with stage.question:
        points = own.points(where, count, seed)
    if points is not None:
        own.show(stage, points, seed, step)
elif part == "ddpm":
    ddpm.show(stage, length, place, x0, x_t)
elif part == "flow":
    flow.show(stage, flow.Setup(shape, coupling, path, seed))
else:
    guidance.show(stage, w, seed)

frame.closing_question(*content.closing_question("scores", part))
frame.next_part("scores", scores.PARTS, part)
frame.next_lesson(frame.BY_SLUG["workshop"], "The mathematics is right, and the images are wrong?")
