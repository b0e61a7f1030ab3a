"""The parts of the lesson on latent diffusion: code, diffusion, interpolation, cost, and the pipeline taken apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from diffviz.analysis import latent_cost, latents, pipeline_parts
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import charts, live, source, terms, theme
from diffviz.ui.cache import derived, memo
from diffviz.ui.components import gallery, player
from diffviz.ui.controls import Controls
from diffviz.ui.prediction import UNASKED, ask_prediction, locked, verdict
from diffviz.ui.stage import Stage

NETWORK = checkpoints.LATENT
SIDE = 128  # pixels of an image
SHOWN = 7  # images between two ends
STEPS = 20
PARTS = {
    "code": "Encode and decode",
    "diffuse": "Diffuse in latents",
    "between": "Interpolate",
    "cost": "Cost",
    "parts": "Parts of Stable Diffusion",
}
MIDDLES = {"images": "two images", "noises": "two noises", "prompts": "two prompts"}
# What large models have in the place of each part. Sources: SD 1.5 arXiv 2112.10752 and its model card; SDXL arXiv
# 2307.01952; SD3 arXiv 2403.03206; FLUX.1 its repository, black-forest-labs/flux.
ELSEWHERE = {
    "text encoder": {
        "here": "a learned vector for each word, and their mean; no positions, so the order of words is lost",
        "SD 1.5": "CLIP ViT-L/14: 77 tokens × 768",
        "SDXL": "CLIP ViT-L and OpenCLIP ViT-bigG, side by side: 77 × 2,048",
        "SD3": "both CLIPs and T5-XXL",
        "FLUX.1": "CLIP ViT-L (pooled) and T5-XXL",
    },
    "noise": {
        "here": "16 × 16 × 8 numbers from the seed",
        "SD 1.5": "64 × 64 × 4 for 512 × 512 pixels",
        "SDXL": "128 × 128 × 4 for 1024 × 1024 pixels",
        "SD3": "128 × 128 × 16 for 1024 × 1024 pixels",
        "FLUX.1": "128 × 128 × 16, as 4,096 tokens of 64",
    },
    "U-Net": {
        "here": "U-Net of two levels; cross-attention at 8 × 8; v-prediction",
        "SD 1.5": "U-Net, about 860 million weights; ε-prediction",
        "SDXL": "U-Net, 2.6 billion weights; ε-prediction",
        "SD3": "no U-Net: a multimodal diffusion transformer (MM-DiT), up to 8 billion; rectified flow",
        "FLUX.1": "a transformer of double- and single-stream blocks, 12 billion; rectified flow",
    },
    "scheduler": {
        "here": "six samplers; any of them with the same network",
        "SD 1.5": "any sampler for ε-prediction: DDIM, Euler, DPM-Solver++ …",
        "SDXL": "the same",
        "SD3": "Euler along the flow, timesteps shifted towards noise for larger images",
        "FLUX.1": "the same; “schnell” is distilled to 1–4 steps",
    },
    "decoder": {
        "here": "8 × 8 pixels for each latent position; 8 channels; noise-regularised",
        "SD 1.5": "8 × 8 pixels for each latent position; 4 channels; a KL-regularised VAE",
        "SDXL": "the same shape, trained anew",
        "SD3": "16 channels",
        "FLUX.1": "16 channels",
    },
    "safety check": {
        "here": "a list of words, and the classifier's first label",
        "SD 1.5": "CLIP's embedding of the image against those of forbidden concepts; a flagged image is blacked out",
        "SDXL": "none in the open pipeline; hosts add their own",
        "SD3": "filtered training data; hosts add their own",
        "FLUX.1": "filters of prompt and image beside the open code",
    },
}
CHANGE_NOTES = {
    "text encoder": (
        "Without the prompt, and in the same style, the same noise becomes another image. The order of the words that fit "
        "changes nothing here: this encoder takes their mean and has no positions. CLIP's and T5's have."
    ),
    "noise": (
        "With zeros for noise a deterministic sampler still runs, but the network never saw a state of so short a length "
        "at t = 1."
    ),
    "U-Net": (
        "Without cross-attention the words still enter by their mean, so some of the prompt is left. Without "
        "self-attention distant places cannot agree in this layer."
    ),
    "scheduler": (
        "One step is a single prediction from pure noise. Another sampler of high order, with as many steps, "
        "ends near by."
    ),
    "decoder": (
        "Without the decoder there is no image: here the first three channels as red, green and blue. Its linear "
        "part alone draws 8 × 8 patterns without blending them."
    ),
}


def denoiser() -> Denoiser:
    """The latent network; ends the page with one sentence when it cannot be loaded."""
    live.vocabulary(NETWORK)
    return checkpoints.load(NETWORK)


def training_note() -> None:
    """How long the network was trained, since its images are to be judged by that."""
    _, facts = checkpoints.metadata(ASSETS / checkpoints.manifest()[NETWORK].file)
    begun = facts["recipe"].get("start")
    _, other = checkpoints.metadata(ASSETS / checkpoints.manifest()[checkpoints.SHARP].file)
    st.caption(
        f"The latent network was trained on {facts['images'] / 1000:,.0f} thousand images in "
        f"{facts['core_hours']:.1f} hours of one processor core"
        + (f", beginning with the weights of {begun}" if begun else "")
        + f". That is {facts['images'] / other['images']:.0%} of the images that the network for 64 × 64 pixels has seen: "
        "its images are rough still. The autoencoder is finished."
    )


# --- encode and decode --------------------------------------------------------------------------------------


def _difference(found: latents.Reconstruction) -> np.ndarray:
    return found.difference


def code(stage: Stage, image: np.ndarray, c: Controls) -> None:
    """An image, its latents as channels, what the decoder makes of them; and one value or a patch of them changed."""
    autoencoder = checkpoints.load_autoencoder()
    found = memo("latent-code", image.tobytes(), lambda: latents.reconstruct(autoencoder, image))
    pixels, numbers = found.numbers
    with stage.picture:
        st.html(
            player.still(
                [
                    player.Panel(
                        "D(z)", f"decoded: PSNR {found.psnr:.1f} dB", "prediction", found.decoded[None]
                    ),
                    player.Panel("x₀", f"the image: {pixels:,} numbers", "signal", found.image[None]),
                    player.Panel(
                        "z = E(x₀)",
                        f"its latents: {numbers:,} numbers",
                        "conditional",
                        latents.square_sheet(found.z, SIDE)[None],
                    ),
                    player.Panel("error × 4", "grey: none", "noise", derived(found, _difference)[None]),
                ],
                f"{SIDE} × {SIDE} × 3 values become {len(found.z)} channels of {found.z.shape[1]} × {found.z.shape[2]}. "
                f"The decoded image differs from the first by an RMSE of {found.rmse:.3f}.",
                stays=True,
            )
        )
    st.markdown(
        f"The latents hold **{pixels // numbers} times fewer numbers**. Each position stands for 8 × 8 pixels, and each "
        "channel was scaled to unit variance over the training images, so that SNR(t) = ᾱₜ/(1 − ᾱₜ) is the ratio of the "
        "powers of signal and noise."
    )
    st.subheader("Change the latents by hand", anchor=False)
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        channel = c.select("Channel", "channel", 1, range(1, len(found.z) + 1))
        row = c.select("Row", "row", 9, range(1, found.z.shape[1] + 1))
        column = c.select("Column", "column", 9, range(1, found.z.shape[2] + 1))
        by = c.slider("Move it by … standard deviations", "by", 3.0, -6.0, 6.0, 0.5)
    moved = latents.moved(found.z, channel - 1, row - 1, column - 1, by)

    def decoded() -> tuple[np.ndarray, np.ndarray]:
        other = latents.encode(autoencoder, image[:, ::-1].copy())
        mixed = latents.swapped(found.z, other, row - 1, column - 1, 4)
        return latents.decode(autoencoder, moved), latents.decode(autoencoder, mixed)

    after, patched = memo("latent-moved", (image.tobytes(), channel, row, column, by), decoded)
    with right:
        st.html(
            gallery.row(
                [latents.square_sheet(moved, SIDE), after, patched],
                ["z, one value moved", "decoded", "4 × 4 positions from the mirror image"],
                [
                    f"channel {channel}, row {row}, column {column}",
                    _reach_text(*latents.reach(found.decoded, after)),
                    _reach_text(*latents.reach(found.decoded, patched)),
                ],
                wanted=SIDE,
            )
        )
        st.caption(
            "A pixel counts as changed where it differs by 8 levels of 255 or more. The decoder's 3 × 3 convolutions let "
            "neighbours take part, so the change reaches over the edges of its 8 × 8 pixels and is blended in."
        )
    source.show(latents.reconstruct, latents.moved, latents.reach)


def _reach_text(pixels: int, patches: int) -> str:
    return f"{pixels:,} pixels changed, in {patches} patch{'es' * (patches != 1)} of 8 × 8"


# --- diffuse ------------------------------------------------------------------------------------------------


def diffuse_forward(stage: Stage, image: np.ndarray) -> None:
    """The forward process in pixels and in latents on one scrubber."""
    schedule = SCHEDULES["cosine"]
    autoencoder = checkpoints.load_autoencoder()
    found = memo(
        "latent-forward", image.tobytes(), lambda: latents.forward_in_both(autoencoder, image, schedule)
    )
    captions = [
        "xₜ: noise on pixels, which is grain. zₜ: the same share of noise on the latents, channel by channel; D(zₜ): what "
        "the decoder makes of them."
    ] * len(found.t)
    captions[0] = (
        "No noise yet: xₜ is the image, D(zₜ) its latents decoded. They differ by what the autoencoder loses."
    )
    captions[-1] = (
        "Nothing but noise. In pixels it is grain; the decoder makes patches and colours of it, as each latent number "
        "stands for a "
        "pattern of 8 × 8 pixels."
    )
    panels = [
        player.Panel("xₜ", "noise in pixels", "state", found.pixels),
        player.Panel("zₜ", "noise in latents", "state", latents.square_sheet(found.z, SIDE)),
        player.Panel("D(zₜ)", "the noisy latents decoded", "state", found.decoded),
    ]
    with stage.picture:
        player.play(
            panels,
            [f"t = {t:.2f} · SNR {player.snr_text(s)}" for t, s in zip(found.t, found.log_snr, strict=True)],
            captions,
            title="Forward process in pixels and in latents",
            key="latent-forward-player",
            name="latent-forward",
            start=6,
            main=2,
        )
    st.markdown(
        r"Both follow $q(z_t \mid z_0) = \mathcal N(\sqrt{\bar\alpha_t}\, z_0,\ (1-\bar\alpha_t) I)$ with the same "
        r"schedule. The SNR at each t is the "
        "same number, and yet the decoded latents do not lose the image at the same t as the pixels: neighbouring "
        "pixels say nearly the same and can be averaged against the noise, latents hold less of what can be "
        "guessed from the neighbours."
    )
    source.show(latents.forward_in_both)


def diffuse_reverse(stage: Stage, settings: Settings) -> None:
    """A sampling trajectory in latents: the state's channels, its decoding, and the decoded prediction."""
    training_note()
    with stage.picture:
        run = live.compute(settings, "latent-run", ("x", "x0"))
        if not run.finished:
            live.show(run, "latent-run", ("x", "x0"))
            return
        recorded = run.trajectory()
        image, sheet = ("D(z₀)", "the finished image, decoded"), latents.square_sheet(recorded.x, SIDE)
        player.play(
            [
                player.Panel("D(zₜ)", "the state decoded", "state", recorded.frames("x"), at_end=image),
                player.Panel("D(ẑ₀)", "the prediction decoded", "prediction", recorded.frames("x0")),
                player.Panel(
                    "zₜ", "the state's channels", "state", sheet, at_end=("z₀", "its latents, by channel")
                ),
            ],
            live.readouts(recorded, settings.frames),
            _reverse_captions(recorded),
            title=f"Reverse process in latents, {settings.prompt or 'no prompt'}, seed {settings.seed}",
            key="latent-run-player",
            name="latent-reverse",
        )
    st.caption(
        f"{settings.nfe} network evaluations on {recorded.x[0].size:,} numbers. The image exists only in the decoder: a "
        "pipeline decodes once, at the end; here every frame is decoded to be seen."
    )
    source.show(live.compute)


def _reverse_captions(run: Trajectory) -> list[str]:
    texts = []
    for i in range(len(run.t)):
        clip = float((np.abs(run.x0[i]) > 4).mean())
        texts.append(
            f"ẑ₀ has a standard deviation of {run.x0[i].std():.2f} (training latents: 1.00). Nothing is clipped: latents "
            f"have no "
            "bounds as pixels have." + (f" {clip:.1%} of it lies beyond four." if clip > 0.001 else "")
        )
    texts[-1] = "The last state, decoded: the image."
    return texts


# --- interpolate --------------------------------------------------------------------------------------------


def between_images(stage: Stage, first: np.ndarray, second: np.ndarray) -> None:
    """From one image to another in latents and in pixels."""
    autoencoder = checkpoints.load_autoencoder()
    key = (first.tobytes(), second.tobytes())
    coded, plain = memo(
        "latent-between-images",
        key,
        lambda: (
            latents.between_latents(autoencoder, first, second, 21),
            latents.between_pixels(first, second, 21),
        ),
    )
    _play_between(stage, {"in latents": coded, "in pixels": plain}, "latent-between-images")
    st.caption(
        "Half way in pixels both images lie over each other, half transparent. Half way in latents they do so too, only "
        "less "
        "cleanly: this autoencoder was trained to reconstruct, and nothing asks that points between two codes be good "
        "images. A "
        "prior that is trained in, as in a VAE with a strong KL term, would."
    )
    source.show(latents.between_latents, latents.lerp)


def between_noises(stage: Stage, settings: Settings, seed: int, net: Denoiser) -> None:
    """From one noise to another, on the sphere and straight."""
    training_note()
    with stage.question:
        guess = ask_prediction(
            "Half way between two noises: the straight mean or the sphere's. Which gives the flatter, emptier image?",
            ["the straight mean", "the sphere's", "no difference"],
            "guess-slerp",
        )
    made = memo(
        "latent-between-noises",
        (settings, seed),
        lambda: {
            name: latents.between_noises(settings, seed, net, SHOWN, sphere=sphere)
            for name, sphere in (("spherical", True), ("straight", False))
        },
    )
    _play_between(stage, made, "latent-between-noises", asked=guess is None)
    if guess is None:
        return
    middle = {name: float(frames[SHOWN // 2].std()) for name, frames in made.items()}
    flat = "the straight mean" if middle["straight"] < 0.95 * middle["spherical"] else "the sphere's"
    if abs(middle["straight"] / middle["spherical"] - 1) < 0.05:
        flat = "no difference"
    st.markdown(
        f"{verdict(guess, flat)}: the pixels of the middle image have a standard deviation of {middle['straight']:.0f} "
        f"levels on the "
        f"straight line and {middle['spherical']:.0f} on the sphere. The mean of two independent noises has a standard "
        f"deviation of "
        "1/√2 in place of 1: noise of a length that the network never saw at t = 1."
        + flattening_told(flat, settings.guided)
    )
    source.show(latents.slerp, latents.lerp)


def flattening_told(flat: str, guided: bool) -> str:
    """What follows on the length of the mean noise where the image in the middle is not the flatter one for it."""
    if flat == "no difference":
        return f" Here {'guidance and the network' if guided else 'the network'} corrected the short noise."
    return " Here its image is not the flatter one." if flat == "the sphere's" else ""


def between_prompts(stage: Stage, settings: Settings, prompt: str, net: Denoiser) -> None:
    """From one prompt to another, on the same noise."""
    training_note()
    frames = memo(
        "latent-between-prompts",
        (settings, prompt),
        lambda: latents.between_prompts(settings, prompt, net, SHOWN),
    )
    _play_between(stage, {f"{settings.prompt or '∅'} → {prompt or '∅'}": frames}, "latent-between-prompts")
    st.caption(
        "The same noise throughout; at each step the guided predictions for both prompts are mixed (composable "
        "diffusion, Liu et "
        "al. 2022, arXiv 2206.01714)."
    )
    source.show(latents.between_prompts)


def _play_between(stage: Stage, rows: dict[str, np.ndarray], key: str, *, asked: bool = False) -> None:
    """The way between two ends in the player, and some of its images side by side; behind a question while `asked`."""
    n = len(next(iter(rows.values())))
    shown = np.linspace(0, n - 1, min(n, SHOWN)).round().astype(int)
    guess = None if asked else UNASKED
    with stage.picture, locked(guess, f"{key}-player"):
        player.play(
            [player.Panel("w", name, "prediction", frames) for name, frames in rows.items()],
            [f"w = {i / (n - 1):.2f}" for i in range(n)],
            ["0 is the first end, 1 the second."] * n,
            title="Between two",
            key=f"{key}-player",
            name="interpolation",
            start=n // 2,
        )
    with locked(guess, f"{key}-rows"):
        for name, frames in rows.items():
            st.html(
                gallery.row(
                    [frames[i] for i in shown],
                    [f"w = {i / (n - 1):.2f}" for i in shown],
                    [name] * len(shown),
                    wanted=SIDE,
                )
            )


# --- cost ---------------------------------------------------------------------------------------------------


@st.cache_data(show_spinner=False)
def _costs(steps: int) -> list[latent_cost.Cost]:
    pixel, latent = checkpoints.load(checkpoints.SHARP), checkpoints.load(NETWORK)
    return latent_cost.cost_by_resolution(
        pixel.net.config, latent.net.config, checkpoints.load_autoencoder().config, steps
    )


def cost(stage: Stage, net: Denoiser, steps: int) -> None:
    """Operations by resolution, counted; and both networks timed on this computer."""
    pixel = checkpoints.load(checkpoints.SHARP)
    rows = _costs(steps)
    here = next(row for row in rows if row.size == SIDE)
    with stage.picture:
        charts.show(charts.cost_by_resolution(rows, theme.palette()), "latent-cost")
    st.markdown(
        f"An image of {SIDE} × {SIDE} pixels in {steps} guided steps: **{here.pixels / 1e9:,.0f} GFLOP in pixels, "
        f"{here.latents / 1e9:,.0f} in latents** ({here.decode / here.latents:.0%} of them for decoding once), a "
        f"factor of **{here.factor:.1f}**. Counted with torch's FLOP counter for the two U-Nets of this page, "
        f"both taken to each resolution: a "
        "multiplication and an addition are two operations."
    )
    st.markdown(
        "Introductions often say that latent diffusion is 10 to 50 times cheaper. That depends on the networks "
        f"compared. Stable "
        f"Diffusion 1 works on {512 * 512 * 3 // (64 * 64 * 4)} times fewer numbers than its pixels (512 × 512 × "
        f"3 against 64 × 64 × 4), "
        f"but its U-Net spends the saving on width; ours does so too: {net.net.config.channels[0]} and "
        f"{net.net.config.channels[1]} channels where "
        f"the pixel network begins with {pixel.net.config.channels[0]}. The factor grows with resolution, from "
        f"{rows[0].factor:.1f} at "
        f"{rows[0].size} × {rows[0].size} to {rows[-1].factor:.1f} at {rows[-1].size} × {rows[-1].size}, since "
        f"self-attention at the lowest level grows "
        "with the fourth power of the side, and that of the latent network has a quarter as many positions."
    )
    st.subheader("On this computer, now", anchor=False)
    if "latent-times" not in st.session_state:
        st.session_state["latent-times"] = latent_cost.timed(
            [latent_cost.guided_step(pixel), latent_cost.guided_step(net), latent_cost.decoding(net)]
        )
    pixel_s, latent_s, decode_s = st.session_state["latent-times"]
    columns = st.columns(3)
    columns[0].metric("A guided step in pixels, 64 × 64", f"{1000 * pixel_s:.0f} ms")
    columns[1].metric("A guided step in latents, 128 × 128", f"{1000 * latent_s:.0f} ms")
    columns[2].metric("Decoding, once", f"{1000 * decode_s:.0f} ms")
    st.caption(
        f"Medians of nine, taken in turn on one thread: **for {latent_s / pixel_s:.2f} of the time a step, four "
        f"times the pixels.** Other "
        "visitors slow all three alike; the ratio stays."
    )
    st.button(
        "Measure again", icon=":material/timer:", on_click=lambda: st.session_state.pop("latent-times", None)
    )
    source.show(latent_cost.unet_flops, latent_cost.cost_at)


# --- parts --------------------------------------------------------------------------------------------------


def parts(stage: Stage, settings: Settings, net: Denoiser, c: Controls) -> None:
    """A run as a chain of parts, each opened with what it took and gave, and changed to see what breaks."""
    training_note()
    found = memo("latent-parts", settings, lambda: pipeline_parts.run(settings, net))
    judge = classifier.load(ASSETS / "classifier32.safetensors")
    checked = pipeline_parts.safety_check(settings.prompt, found.image, net, judge)
    stage.picture.html(_diagram(found, checked))
    part = c.choice("Open a part", "open", tuple(ELSEWHERE), "text encoder", segmented=True)
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        {
            "text encoder": _text_encoder,
            "noise": _noise,
            "U-Net": _unet,
            "scheduler": _scheduler,
            "decoder": _decoder,
        }.get(part, lambda _: _safety(checked))(found)
    with right:
        st.markdown("**In other models**")
        st.table({"model": list(ELSEWHERE[part]), part: list(ELSEWHERE[part].values())})
    if part in pipeline_parts.CHANGES:
        _change(settings, net, found, part)
    source.show(pipeline_parts.sample_changed, pipeline_parts.safety_check)


def _diagram(found: pipeline_parts.PartsRun, checked: pipeline_parts.SafetyCheck) -> str:
    """The image, the latents it was decoded from and the noise these were sampled from, as HTML."""
    start, end = (latents.square_sheet(z, SIDE)[None] for z in (found.noise, found.latents))
    return player.still(
        [
            player.Panel("image", "from the decoder", "signal", found.image[None]),
            player.Panel("z_T", f"noise from the seed, {found.noise.size:,} numbers", "noise", start),
            player.Panel("z₀", f"latents after {len(found.steps) - 1} steps", "prediction", end),
        ],
        f"The text encoder gives {len(found.tokens)} tokens, the U-Net is told them by cross-attention, the scheduler "
        f"takes {len(found.steps) - 1} steps, the decoder makes the image, and the safety check "
        f"{'refuses it' if checked.refused else 'lets it through'}.",
    )


def _text_encoder(found: pipeline_parts.PartsRun) -> None:
    st.markdown(
        f"Prompt → {len(found.tokens)} tokens → {len(found.tokens)} vectors of {found.embeddings.shape[1]} numbers for "
        f"cross-attention, and "
        "their mean, which enters every residual block beside the noise level."
    )
    st.dataframe(
        {
            "token": [t.text for t in found.tokens],
            "id": [t.id for t in found.tokens],
            "nearest words (cosine)": [
                ", ".join(f"{w} {cosine:.2f}" for w, cosine in t.nearest) for t in found.tokens
            ],
        },
        hide_index=True,
    )
    st.caption(
        "Nearest among the embeddings before mixing. They were learned along with the U-Net, from our images and "
        "their captions and no other text."
    )


def _noise(found: pipeline_parts.PartsRun) -> None:
    st.markdown(
        f"Standard normal numbers from the seed: mean {found.noise.mean():+.3f}, standard deviation "
        f"{found.noise.std():.3f}. Everything else in "
        "a run is the same for every seed."
    )
    st.html(_channels(found.noise))


def _unet(found: pipeline_parts.PartsRun) -> None:
    shown = np.linspace(0, len(found.steps) - 2, 4).round().astype(int)
    st.markdown(
        "It takes zₜ, the noise level and the tokens, and gives a prediction ẑ₀: here at four steps, channel by channel."
    )
    st.html(
        gallery.row(
            [latents.square_sheet(found.steps[i].x0[0].numpy(), SIDE) for i in shown],
            [f"step {i + 1}" for i in shown],
            [f"t = {found.steps[i].t:.2f}" for i in shown],
            wanted=SIDE,
        )
    )


def _scheduler(found: pipeline_parts.PartsRun) -> None:
    st.markdown(
        "It says at which noise levels the U-Net is evaluated, and takes zₜ from one to the next with the prediction. It "
        "has no "
        "weights: any of the six samplers serves the same network."
    )
    st.dataframe(
        {
            "step": list(range(1, len(found.steps) + 1)),
            "t": [round(step.t, 3) for step in found.steps],
            "standard deviation of zₜ": [round(float(step.x.std()), 3) for step in found.steps],
        },
        hide_index=True,
        height=230,
    )
    st.html(terms.symbols_line("zₜ"))


def _decoder(found: pipeline_parts.PartsRun) -> None:
    st.markdown(f"It takes {found.latents.size:,} numbers and gives {found.image.size:,}, once, at the end.")
    st.html(_channels(found.latents))


def _safety(checked: pipeline_parts.SafetyCheck) -> None:
    words = ", ".join(checked.words) or "none"
    st.markdown(
        f"Words of the prompt on the list: **{words}**. The classifier takes the image for **{checked.label}** "
        f"({checked.probability:.0%}). So the image is **{'refused' if checked.refused else 'let through'}**."
    )
    st.caption(
        f"The list: {', '.join(sorted(pipeline_parts.BLOCKED_WORDS))}. It is short, made by hand, and errs both ways: "
        f"“kitchen knife” is "
        "refused for a recipe, and what has another name passes. The classifier knows only its own labels."
    )


def _change(settings: Settings, net: Denoiser, found: pipeline_parts.PartsRun, part: str) -> None:
    st.subheader(f"Change the {part}", anchor=False)
    changes = pipeline_parts.CHANGES[part]

    def made(change: str) -> Callable[[], np.ndarray]:
        return lambda: pipeline_parts.run(settings, net, change).image

    def show(images: list[np.ndarray]) -> str:
        titles = ["as it is", *changes[: len(images)]]
        apart = [np.abs(image.astype(int) - found.image.astype(int)).mean() for image in images]
        notes = ["", *(f"mean difference {d:.1f} of 255" for d in apart)]
        return gallery.row([found.image, *images], titles, notes, wanted=SIDE)

    live.image_row(f"latent-change-{part}", settings, [made(change) for change in changes], show)
    st.caption(CHANGE_NOTES[part])


def _channels(z: np.ndarray) -> str:
    """HTML of latents (C, H, W), channel by channel."""
    names = [f"channel {i + 1}" for i in range(len(z))]
    return gallery.row(list(latents.channel_images(z)), names, [""] * len(z), wanted=64)
