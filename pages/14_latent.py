"""Latent diffusion: an autoencoder's latents, diffusion in them, what it costs, and the parts of Stable Diffusion."""

from diffviz.ui import frame

page = frame.setup_page(
    "Latent diffusion",
    "An autoencoder turns an image into 24 times fewer numbers, its <b>latents</b>. Noise is added and taken away there, "
    "and the decoder makes the image at the end: so work Stable Diffusion and its relatives.",
    slug="latent",
    kicker="Lesson 9 · Beyond",
)


frame.load_torch()

from diffviz.lessons import content
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import image_input, live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import latent
from diffviz.ui.sampling_controls import guidance_control, seed_control
from diffviz.ui.stage import layout

c = Controls(page)
part = c.parts("latent", latent.PARTS)
stage = layout()
settings, image, second = Settings(), None, None
with stage.controls:
    way = ""
    if part == "diffuse":
        way = c.choice("Process", "process", ("forward", "reverse"), "forward", segmented=True)
    if part == "between":
        way = c.choice(
            "Between", "middle", tuple(latent.MIDDLES), "images", latent.MIDDLES, segmented=True, wrap=True
        )
    if part == "code" or way in ("forward", "images"):
        image = image_input.choose(c, latent.SIDE).pixels
        if way == "images":
            second = image_input.shipped(c, latent.SIDE, "other", "The other", first=1).pixels
    elif part != "cost":
        prompt = c.text("Prompt", "prompt", "grinning face", placeholder="no prompt: unconditional")
        styles = live.vocabulary(latent.NETWORK).styles
        seed = seed_control(c)
        with stage.more():
            style = c.choice("Style", "style", ("", *styles), "noto", {"": "any"})
            guidance = guidance_control(c, latent.NETWORK)
        settings = Settings(prompt, style, seed, latent.STEPS, "unipc", guidance, model=latent.NETWORK)
        if way == "noises":
            other = c.integer("The other seed", "other_seed", 1, 0, 999_999)
        if way == "prompts":
            toward = c.text("The other prompt", "toward", "red heart", placeholder="no prompt")
    else:
        steps = c.slider("Steps", "steps", 30, 1, 250, 1)
with stage.below:
    if part == "code" and image is not None:
        latent.code(stage, image, c)
    elif way == "forward" and image is not None:
        latent.diffuse_forward(stage, image)
    elif image is not None and second is not None:
        latent.between_images(stage, image, second)
    else:
        net = latent.denoiser()
        if part == "cost":
            latent.cost(stage, net, steps)
        else:
            live.prompt_notices(prompt, net.vocabulary, latent.NETWORK)
            if way == "reverse":
                latent.diffuse_reverse(stage, settings)
            elif way == "noises":
                latent.between_noises(stage, settings, other, net)
            elif way == "prompts":
                latent.between_prompts(stage, settings, toward, net)
            else:
                latent.parts(stage, settings, net, c)
frame.closing_question(*content.closing_question("latent", part))
frame.next_part("latent", latent.PARTS, part)
frame.next_lesson(frame.BY_SLUG["unet"], "And what happens inside the network?")
