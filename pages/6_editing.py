"""Image-to-image (SDEdit) and inpainting (RePaint)."""

from diffviz.ui import frame

page = frame.setup_page(
    "Image-to-image and inpainting",
    'The network of the other lessons, unchanged: start sampling from a noised <span class="dv-c-signal">image</span> in '
    'place of pure <span class="dv-c-noise">noise</span> (SDEdit), or generate only what lies under a mask (RePaint).',
    slug="editing",
    kicker="Lesson 6 · Steering",
)


frame.load_torch()

from diffviz.lessons import content
from diffviz.pipelines.editing import RESAMPLING_STEPS
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import image_input, live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import editing
from diffviz.ui.sampling_controls import guidance_control, seed_control
from diffviz.ui.stage import layout

words = live.vocabulary()
c = Controls(page)
PARTS = {"img2img": "Image-to-image", "inpaint": "Inpainting"}
FORMERLY = {"Begin with it": "img2img", "Fill a hole": "inpaint"}
part = c.parts("do", PARTS, FORMERLY)
stage = layout()
with stage.controls:
    image = image_input.choose(c)
    if part == "img2img":
        prompt = c.text("Prompt", "into", editing.CHOSEN["into"], placeholder="no prompt: unconditional")
        strength = c.slider(
            "Strength: the t it is noised to", "strength", editing.CHOSEN["strength"], 0.05, 1.0, 0.05
        )
    else:
        prompt = c.text(
            "Prompt", "filling", "cat face with sunglasses", placeholder="no prompt: unconditional"
        )
        mask = editing.choose_mask(c, image.pixels)
    with stage.more():
        style = c.choice("Style", "style", ("", *words.styles), "noto", {"": "any"})
        seed = seed_control(c)
        net = live.network(c)
        guidance = guidance_control(c, net)
        if part == "inpaint":
            resampling_steps = c.select("RePaint resampling steps", "rounds", 1, RESAMPLING_STEPS)
settings = Settings(prompt, style, seed, editing.STEPS, "unipc", guidance, model=net)
with stage.below:
    editing.example_buttons(part)
    live.prompt_notices(prompt, words, net)
    if part == "img2img":
        editing.img2img(stage, settings, image, strength)
    else:
        editing.inpaint(stage, settings, image, mask, resampling_steps)

frame.closing_question(*content.closing_question("editing", part))
frame.next_part("do", PARTS, part)
frame.next_lesson(frame.BY_SLUG["memorization"], "Is a generated image new, or a training image?")
