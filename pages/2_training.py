"""Training objective: one example with its target, the loss by timestep, and a small network trained live."""

from diffviz.ui import frame

page = frame.setup_page(
    "Training objective",
    "The network gets a noisy image and its noise level. We added the "
    '<span class="dv-c-noise">noise</span> ourselves, so the target is known exactly; training makes the mean squared '
    'error of the <span class="dv-c-prediction">prediction</span> smaller, and that is the whole objective.',
    slug="training",
    kicker="Lesson 2 · What the network learns",
)


frame.load_torch()

from diffviz.lessons import content
from diffviz.toy import diffusion2d
from diffviz.ui import image_input, live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import toy_training, training
from diffviz.ui.sampling_controls import seed_control
from diffviz.ui.stage import layout

live.vocabulary()
c = Controls(page)
PARTS = {
    "example": "One training example",
    "time": "Loss by timestep",
    "train": "Train a small network",
}
FORMERLY = {
    "One problem": "example",
    "Where it is hard": "time",
    "Train one now": "train",
}  # in earlier links
part = c.parts("learn", PARTS, FORMERLY)
stage = layout()
with stage.controls:
    targets, targets_formerly = training.TARGET_TITLES, training.TARGETS_FORMERLY
    if part == "train":
        shape = c.choice("Data", "shape", tuple(diffusion2d.SHAPES), "two moons")
        steps = c.select("Training steps", "train", 1000, toy_training.LENGTHS)
        target = c.choice(
            "Prediction target", "says", tuple(targets), "eps", targets, formerly=targets_formerly
        )
    elif part == "example":
        image = image_input.choose(c)
        target = c.choice(
            "Prediction target", "target", tuple(targets), "x0", targets, formerly=targets_formerly
        )
    with stage.more():
        seed = seed_control(c) if part != "time" else 0
        net = live.network(c) if part != "train" else ""
with stage.below:
    if part == "example":
        training.training_example(stage, image, target, seed, net)
    elif part == "time":
        training.loss_over_time(stage, net)
    else:
        training.train_toy(stage, shape, target, steps, seed)

frame.closing_question(*content.closing_question("training", part))
frame.next_part("learn", PARTS, part)
frame.next_lesson(frame.BY_SLUG["reverse"], "The network can predict the noise. Now use it:")
