"""Parts of the U-Net page: its blocks and activations, switches, attention, and embeddings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import unet_probe
from diffviz.analysis.unet_probe import Block, Switches
from diffviz.diffusion.samplers import Step
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints, classifier
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet
from diffviz.paths import ASSETS, CURVES
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.pipelines.trajectory import Trajectory, record
from diffviz.ui import charts, live, source, theme, turns
from diffviz.ui.cache import by_content, derived, frozen, memo, memo_for_all
from diffviz.ui.components import gallery, player, unet_diagram
from diffviz.ui.controls import Controls
from diffviz.ui.prediction import ask_prediction, verdict
from diffviz.ui.stage import PLAIN, Stage

STEPS = 16
# Prompts whose mean vectors are compared with the first one's.
ORDERS = (
    "cat with sunglasses",
    "sunglasses with cat",
    "cat",
    "sunglasses",
    "dog with sunglasses",
    "red heart",
)
CHANNELS = 16  # of a block, shown as small images, four by four
PARTS = {
    "blocks": "Blocks and activations",
    "switches": "Switches",
    "attention": "Attention",
    "embeddings": "Embeddings",
}


def run_of(
    stage: Stage, settings: Settings, switch: str = "", denoiser: Denoiser | None = None
) -> Trajectory:
    """The trajectory of these settings, shown while it is computed, and kept for all; `switch` names the denoiser's."""

    def make() -> Trajectory:
        torch.set_num_threads(1)
        place, steps, decoded = stage.picture.empty(), list[Step](), dict[tuple[str, int], np.ndarray]()
        decode, space = checkpoints.load(settings.model).decode_panel, live.space(settings.model)
        for step in turns.paced(
            sample_steps(settings, denoiser), (settings.model, settings.guided), settings.nfe
        ):
            steps.append(step)
            now = record([step], SCHEDULES[settings.schedule], decode=decode)[0]
            panel = player.Panel(
                space.image_of("x̂₀"), f"step {step.i} of {settings.frames}", "prediction", now.frames("x0")
            )
            place.html(player.still([panel], "The network is at work."))
            decoded.update({(name, step.i): image for (name, _), image in now.decoded.items()})
        place.empty()
        found = record(steps, SCHEDULES[settings.schedule], dataclasses.asdict(settings), decode)[0]
        found.decoded.update(decoded)
        return found

    return memo_for_all("unet-switched" if switch else "unet-run", (settings, switch), make, live.nbytes_of)


# --- blocks and activations ---------------------------------------------------------------------------------


@by_content
def _blocks(model: str) -> list[Block]:
    return unet_probe.blocks(checkpoints.load(model).net)


def block_control(c: Controls, model: str) -> str:
    """Which block is opened; the networks have different ones, so each has a control of its own."""
    names = tuple(b.name for b in _blocks(model))
    return c.choice("Block", _block_key(model), names, "down.0", help="In the order of evaluation")


def _block_key(model: str) -> str:
    return "block" if model == checkpoints.QUICK else f"block-{model}"


def activations(stage: Stage, settings: Settings, name: str) -> None:
    """The channels of a block at every step, and the U they lie in."""
    denoiser, run = checkpoints.load(settings.model), run_of(stage, settings)
    acts = memo("unet-acts", (settings, name), lambda: unet_probe.activations(run, settings, denoiser, name))
    order = derived(acts, unet_probe.by_variance)[:CHANNELS]
    titles = {int(channel): f"channel {channel}" for channel in order}
    enlarged = stage.controls.selectbox(
        "Channel to enlarge", list(titles), format_func=titles.__getitem__, key=f"channel-{settings.model}-{name}",
        help="The one that varies most over the image comes first",
    )  # fmt: skip

    scale = derived(acts, _scale)

    def panels() -> list[player.Panel]:
        # A whole multiple of the channels' side that no image is made smaller by.
        side = 4 * acts.shape[-1] * max(1, run.final.shape[-1] // (4 * acts.shape[-1]))
        x0 = _enlarge(run.frames("x0")[:-1], side)
        tiles = _enlarge(_tiles(acts[:, order], scale), side)
        one = _enlarge(_grey(acts[:, enlarged], scale), side)
        shown = [
            player.Panel(live.space(settings.model).image_of("x̂₀"), "the prediction", "prediction", x0),
            player.Panel(name, f"{len(order)} of {acts.shape[1]} channels", "conditional", tiles),
            player.Panel(f"channel {enlarged}", "enlarged", "conditional", one),
        ]
        return frozen(shown)

    spread = derived(acts, _spread)
    with stage.picture:
        player.play(
            memo("unet-panels", (settings, name, enlarged), panels),
            live.readouts(run, run.steps)[:-1],
            [f"The values of {name} have a standard deviation of {s:.2f} at this step. Mid grey is 0." for s in spread],
            title=f"Activations of {name}", key="unet-player", name=f"activations-{name}", start=run.steps // 2, main=1,
        )  # fmt: skip
    st.header("The network that ran", anchor=False)
    _diagram(settings, run, denoiser.net, name)
    total = sum(b.flops for b in _blocks(settings.model))
    st.caption(
        f"{checkpoints.parameters(denoiser.net) / 1e6:.1f} million parameters, word vectors included; these blocks take "
        f"{total / 1e9:.2f} GFLOPs for one evaluation of one image, a multiplication and an addition counted as two."
    )
    st.header(f"Channel {enlarged} over all steps", anchor=False)

    def film() -> str:
        images = _grey(acts[:, enlarged], scale)
        return gallery.row(list(images), [f"t = {t:.2f}" for t in run.t[:-1]], [""] * len(images), wanted=64)

    st.html(memo("unet-film", (settings, name, enlarged), film))
    _versus_dit()
    source.show(unet_probe.activations)


def _scale(acts: np.ndarray) -> float:
    """What is drawn as white of the channels shown: not the largest value, beside which all else would be grey."""
    return float(np.quantile(np.abs(acts[:, unet_probe.by_variance(acts)[:CHANNELS]]), 0.995))


def _spread(acts: np.ndarray) -> np.ndarray:
    """The standard deviation of the values at each step: (steps,)."""
    return acts.std((1, 2, 3))


def _enlarge(frames: np.ndarray, side: int) -> np.ndarray:
    """Frames (F, H, W, 3) with each pixel as a square, cut or padded to (F, side, side, 3)."""
    at = (np.arange(side) * frames.shape[1] // side).clip(0, frames.shape[1] - 1)
    return frames[:, at][:, :, at]


def _grey(values: np.ndarray, scale: float) -> np.ndarray:
    """(F, H, W) as grey images (F, H, W, 3): -scale is black, 0 mid grey, scale white."""
    return np.repeat(to_uint8(values[:, None], float(scale) or 1.0), 3, axis=-1)


def _tiles(acts: np.ndarray, scale: float) -> np.ndarray:
    """Up to 16 channels (F, C, h, w) four by four: (F, 4 h, 4 w, 3)."""
    n, c, h, w = acts.shape
    full = np.zeros((n, CHANNELS, h, w), acts.dtype)
    full[:, :c] = acts
    rows = full.reshape(n, 4, 4, h, w).transpose(0, 1, 3, 2, 4).reshape(n, 4 * h, 4 * w)
    return _grey(rows, scale)


def boxes(blocks: Sequence[Block]) -> list[unet_diagram.Box]:
    """The blocks as they stand in the diagram, each with its cost."""
    return [
        unet_diagram.Box(
            b.name, b.side, b.level, "×".join(map(str, b.shape)),
            f"{b.parameters / 1e3:,.0f} k parameters · {b.flops / 1e6:,.0f} MFLOPs",
        )
        for b in blocks
    ]  # fmt: skip


def skips(net: UNet) -> list[unet_diagram.Skip]:
    """The skip connections, each with its number of channels."""
    each = zip(unet_probe.skip_sources(net), unet_probe.skip_channels(net), strict=True)
    return [unet_diagram.Skip(source, f"up.{k}", f"{n} ch") for k, (source, n) in enumerate(each)]


def _diagram(settings: Settings, run: Trajectory, net: UNet, name: str) -> None:
    """The U, with a channel of every block at the middle step; the block that is clicked is opened."""
    step = run.steps // 2

    def pictures() -> dict[str, np.ndarray]:
        found = unet_probe.most_varied(run, settings, checkpoints.load(settings.model), step)
        return frozen({
            block: _grey(one[None], float(np.quantile(np.abs(one), 0.995)))[0] for block, one in found.items()
        })  # fmt: skip

    key = _block_key(settings.model)
    unet_diagram.show(
        boxes(_blocks(settings.model)), skips(net), memo("unet-diagram", settings, pictures), name, "unet-blocks",
        "The blocks of the U-Net; choose one to see its activations",
        lambda block: st.session_state.update({key: block}),
    )  # fmt: skip
    st.caption(
        "Choose a block by a click, by Enter, or in the list above. Its small image is the channel that varies most over "
        f"the image, at step {step + 1} of {run.steps}. Lines are skip connections, with the channels that they bring (ch)."
    )


def _versus_dit() -> None:
    with st.expander("U-Net or transformer?", icon=":material/compare_arrows:"):
        st.markdown(
            "A diffusion transformer (DiT) cuts the image into patches and treats them as tokens of one resolution: no "
            "levels, no skip connections. Peebles & Xie 2023 ([arXiv "
            "2212.09748](https://arxiv.org/abs/2212.09748)) trained DiTs on ImageNet latents: FID fell as the "
            "transformer's FLOPs grew, by more layers or by smaller patches, and their largest reached a lower "
            "FID than the U-Nets it was compared with. Bao et al. 2023 ([arXiv "
            "2209.12152](https://arxiv.org/abs/2209.12152)) kept long skip connections in a transformer and "
            "found them crucial. Those results are for large data and long training. On our nine "
            "thousand drawings a convolution's locality comes for free, and a transformer must learn it: a comparison at "
            "equal cost has to be measured for each size."
        )
        _patches_measured()


def _patches_measured() -> None:
    """What `diffviz.training.ablations --recipes` found of our one attempt with patches alone."""
    measured = json.loads((CURVES / "recipes.json").read_text(encoding="utf-8"))
    rows = {
        name: measured[key]
        for name, key in (
            ("U-Net (emoji32's recipe)", "plain"),
            ("the same, another seed", "plain-again"),
            ("4 × 4 patches, one level", "x-prediction"),
        )
    }
    st.table(
        {
            "network": list(rows),
            "weights (millions)": [f"{r['million_weights']:.2f}" for r in rows.values()],
            "CPU minutes": [f"{r['cpu_minutes']:.2f}" for r in rows.values()],
            "held-out loss": [f"{r['heldout_loss']:.3f}" for r in rows.values()],
        }
    )
    st.markdown(
        f"Our own first try, each after {rows['4 × 4 patches, one level']['images']:,} training images at 32 × 32, one run "
        "each, at nearly the same cost: four transformer blocks on 8 × 8 tokens lost by far. It is no clean comparison of "
        "the two architectures: that network predicted x₀ and the others v, its blocks have convolutions beside the "
        "attention, and so short a run says what learns fastest at first, not what ends best "
        "(`python -m diffviz.training.ablations --recipes`)."
    )


# --- switches -----------------------------------------------------------------------------------------------


def switch_options(model: str) -> dict[str, tuple[str, Switches]]:
    """Key -> (title, switches) of everything that can be switched in a network."""
    net = checkpoints.load(model).net
    sources, last = unet_probe.skip_sources(net), len(net.up) - 1
    first_outer = (
        2 * (net.config.blocks + 1) - net.config.blocks - 1
    )  # the first block one level above the bottom
    every = range(len(net.up))
    found = {
        "inner": ("Bottom level off: nothing comes up from it", Switches(backbone={first_outer: 0.0})),
        "self": ("Self-attention off", Switches(self_attention=False)),
        "cross": ("Cross-attention off", Switches(cross_attention=False)),
        "skip-last": (f"Skip from {sources[last]} off (highest resolution)", Switches(skips={last: 0.0})),
        "skip-first": (f"Skip from {sources[0]} off (lowest resolution)", Switches(skips={0: 0.0})),
        "skips": ("All skip connections off", Switches(skips=dict.fromkeys(every, 0.0))),
        "skips-half": ("All skip connections halved", Switches(skips=dict.fromkeys(every, 0.5))),
        "freeu": ("Backbone × 1.2, skips × 0.8 at the bottom (as FreeU)",
                  Switches(skips={0: 0.8, 1: 0.8}, backbone={0: 1.2, 1: 1.2})),
    }  # fmt: skip
    for t in (0.9, 0.5, 0.2):
        found[f"time-{t}"] = (f"Time embedding frozen at t = {t}", Switches(told_time=t))
    return found


OWN, OWN_TITLE = "own", "Scale each skip connection"  # the switch whose scales are set by hand
SWITCHES = (
    "inner", "self", "cross", "skip-last", "skip-first", "skips", "skips-half", "freeu", "time-0.9", "time-0.5", "time-0.2",
    OWN,
)  # fmt: skip


def switch_control(c: Controls) -> str:
    """What is switched; the titles in the address do not depend on the network."""
    titles = {key: title for key, (title, _) in switch_options(checkpoints.QUICK).items()}
    titles |= {
        OWN: OWN_TITLE,
        "skip-last": "Highest skip connection off",
        "skip-first": "Lowest skip connection off",
    }
    return c.choice("Switch", "switch", SWITCHES, "inner", titles)


def scale_controls(c: Controls, model: str) -> dict[int, float]:
    """A slider for each skip connection, from the highest resolution down: block on the way up -> scale."""
    sources = unet_probe.skip_sources(checkpoints.load(model).net)
    every = [
        (k, c.slider(f"Skip from {sources[k]}", f"skip{k}", 1.0, 0.0, 2.0, 0.1))
        for k in reversed(range(len(sources)))
    ]
    return {k: scale for k, scale in every if scale != 1}


def switches(stage: Stage, settings: Settings, key: str, scales: dict[int, float]) -> None:
    """The same seed with and without a switch in the network, after a prediction; `scales` are those of OWN."""
    plain = run_of(stage, settings)
    if key == OWN:
        set_to = ", ".join(f"{scale:g}" for scale in scales.values())
        title, chosen = f"Skip connections scaled: {set_to or 'none yet'}", Switches(skips=scales)
    else:
        title, chosen = switch_options(settings.model)[key]
    last, symbol = settings.frames, live.space(settings.model).image_of("x̂₀")
    with stage.question:
        guess = ask_prediction(
            f"**{title}**, from the first step to the last, on the same seed. What will be lost?",
            unet_probe.LOSSES,
            f"guess-unet-{key}",
        )
    if guess is None:
        panel = player.Panel(symbol, "untouched", "prediction", plain.frames("x0"))
        said = [f"The untouched network. Now predict what happens: {title}."] * (last + 1)
        with stage.picture:
            player.play([panel], live.readouts(plain, last), said, title="Untouched run", key="unet-plain")
        return
    denoiser = unet_probe.switched(checkpoints.load(settings.model), chosen)
    changed = run_of(stage, settings, f"{key} {sorted(scales.items())}", denoiser)
    before, after = plain.images("x0"), changed.images("x0")
    far = rmse(before, after, PER_IMAGE)
    difference = to_uint8((after - before) / 2)
    panels = [
        player.Panel(symbol, "untouched", "prediction", plain.frames("x0")),
        player.Panel(symbol, "with the switch", "conditional", changed.frames("x0")),
        player.Panel("difference", "grey: none", "noise", difference),
    ]
    decoded = "decoded " if live.in_latents(settings.model) else ""
    said = [f"The two {decoded}predictions differ by {d:.2f} (RMSE)." for d in far]
    chart = player.Chart(
        f"RMSE between the two {symbol}",
        "noise",
        list(far),
        [f"{d:.2f}" for d in far],
        (0.0, float(far.max()) * 1.1 or 1.0),
    )
    t = np.linspace(0, 1, len(far))
    with stage.picture:
        player.play(
            panels, live.readouts(plain, last), said, title=title, key="unet-switch-player", name=f"switch-{key}",
            main=1, t=list(t), charts=[chart],
        )  # fmt: skip
    found = memo(
        "unet-lost", (settings, key, sorted(scales.items())), lambda: _compared(settings, plain, changed)
    )
    right = guess if guess in found.lost else found.lost[0]
    st.markdown(f"{verdict(guess, right)}. {_measured(found, settings.prompt)}")
    st.markdown(
        "One seed is an "
        "anecdote: try others, and other prompts. A switch shows what this trained network relies on. A network "
        "trained without that part would have learned to do without it: to know what is needed, train both and compare."
    )
    source.show(unet_probe.switched, unet_probe._scaled_input)


def _compared(settings: Settings, plain: Trajectory, changed: Trajectory) -> unet_probe.Comparison:
    judge = classifier.load(ASSETS / "classifier32.safetensors")
    return unet_probe.compare(plain.final, changed.final, settings.prompt, judge)


def _measured(found: unet_probe.Comparison, prompt: str) -> str:
    """What a switch has changed in the finished image, and what that counts as."""
    ranks = (
        f"“{PLAIN.sub('', prompt)}” is no label of our classifier, so whether the image still shows it is for you to judge"
        if found.ranks is None
        else f"“{prompt}” is number {found.ranks[0]} of our classifier's labels for the untouched image and number "
        f"{found.ranks[1]} for this one (lost: no longer among the first {unet_probe.FIRST})"
    )
    return (
        f"Measured on the finished images, which differ by **{found.rmse:.2f}** (RMSE): their brightness correlates by "
        f"{found.layout:.2f} over the image (shape lost: below 0.8), the mean colour moved by {found.hue:.2f} (lost: more "
        f"than 0.1), fine structure is {found.fine:.1f} times the untouched image's (noise left: above 1.5), and {ranks}. "
        f"Lost by these limits, which are ours: **{', '.join(found.lost)}**."
    )


# --- attention ----------------------------------------------------------------------------------------------


def attention(stage: Stage, settings: Settings, vocabulary: Vocabulary, kind: str) -> None:
    """Attention weights by block and head, over the steps, laid over the prediction."""
    denoiser, run = checkpoints.load(settings.model), run_of(stage, settings)
    weights = memo(
        f"unet-attention-{kind}", settings, lambda: unet_probe.attention(run, settings, denoiser, kind)
    )
    blocks, _, heads, positions, _ = weights.shape
    side = int(positions**0.5)
    with stage.controls:
        block = st.selectbox(
            "Block", range(blocks), format_func=lambda i: f"middle.{i}", key=f"attention-block-{kind}"
        )
        head = st.selectbox(
            "Head", [None, *range(heads)], format_func=lambda h: "mean of all" if h is None else f"head {h}",
            key=f"attention-head-{kind}",
        )  # fmt: skip
        if kind == "cross":
            words = [settings.style or "no style", *vocabulary.read(settings.prompt).words]
            words += ["no words"] * (weights.shape[-1] - len(words))
            most = 1 + int(
                weights.mean((0, 1, 2, 3))[1:].argmax()
            )  # of the words; the style takes more than any
            token = st.selectbox("Token", range(len(words)), most, format_func=words.__getitem__,
                                 key=f"attention-token-{settings.prompt}")  # fmt: skip
        row = st.number_input("Row", 1, side, side // 2, key="attention-row")
        column = st.number_input("Column", 1, side, side // 2, key="attention-column")
    chosen = weights[block].mean(1) if head is None else weights[block, :, head]  # (steps, positions, M)
    looks = chosen[:, (row - 1) * side + column - 1]  # from the marked place: (steps, M)
    maps = (chosen[..., token] if kind == "cross" else looks).reshape(-1, side, side)
    lit, symbol = _lit(run.images("x0", range(run.steps)), maps), live.space(settings.model).image_of("x̂₀")
    _mark(lit, row - 1, column - 1, side)
    marked = f"the marked place (row {row}, column {column})"
    entropy = -(chosen * np.log2(chosen.clip(1e-12))).sum(-1).mean(1)
    if kind == "cross":
        found = [
            f"“{words[token]}” gets {m.mean():.0%} of the attention of all places, on average. Of {marked}: "
            + ", ".join(f"{word} {part:.0%}" for word, part in zip(words, look, strict=True)) + "."
            for m, look in zip(maps, looks, strict=True)
        ]  # fmt: skip
    else:
        found = [f"From {marked}, the place looked at most gets {m.max():.0%}." for m in maps]
    spread = f"of {weights.shape[-1]} (2 to the power of its entropy)."
    said = [
        f"{told} Attention is spread over {2**e:.1f} {spread}" for told, e in zip(found, entropy, strict=True)
    ]
    with stage.picture:
        player.play(
            [player.Panel(symbol, "the prediction", "prediction", run.frames("x0")[:-1]),
             player.Panel(f"{symbol}, lit", f"{kind}-attention", "conditional", lit)],
            live.readouts(run, run.steps)[:-1], said, title=f"{kind}-attention", key=f"unet-{kind}",
            name=f"{kind}-attention", start=run.steps // 2, main=1, same=f"{kind}-attention",
            on_pick=partial(_look_from, side),
        )  # fmt: skip
    st.markdown(
        f"Attention works at the lowest resolution, {side} × {side} places, each of "
        f"{run.final.shape[-1] // side} × {run.final.shape[-1] // side} pixels. "
        + ("Each place takes from the tokens of style and prompt; bright places take most from the token chosen. Click on "
           "the large image for what a place takes from each token."
           if kind == "cross" else "Each place takes from all places; the marked one, which a click on the large image "
           "chooses, takes most from the bright ones.")
        + " Such weights say where something is read, not what it does: the switches do."
    )  # fmt: skip
    source.show(unet_probe.attention)


def _look_from(side: int, pick: player.Pick) -> None:
    """Choose the place that was clicked, of side × side, for attention to look from."""
    st.session_state["attention-row"] = min(int(pick.y * side), side - 1) + 1
    st.session_state["attention-column"] = min(int(pick.x * side), side - 1) + 1


def _lit(x0: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Predictions (F, C, S, S) lit by maps (F, h, h), the brightest twentieth of each frame at full brightness."""
    zoom = x0.shape[-1] // maps.shape[-1]
    full = np.quantile(
        maps, 0.95, (1, 2), keepdims=True
    )  # one place far above the others would leave them in the dark
    light = np.kron((maps / full.clip(1e-9)).clip(0, 1), np.ones((1, zoom, zoom)))[:, None]
    return to_uint8((x0 + 1) * (0.15 + 0.85 * light) - 1)


def _mark(frames: np.ndarray, row: int, column: int, side: int) -> None:
    """Draw a frame around one place of the grid, in place."""
    zoom = frames.shape[1] // side
    y, x = row * zoom, column * zoom
    for edge in (np.s_[:, y, x : x + zoom], np.s_[:, y + zoom - 1, x : x + zoom],
                 np.s_[:, y : y + zoom, x], np.s_[:, y : y + zoom, x + zoom - 1]):  # fmt: skip
        frames[edge] = (230, 60, 160)


# --- embeddings ---------------------------------------------------------------------------------------------


def embeddings(stage: Stage, settings: Settings, vocabulary: Vocabulary) -> None:
    """The time embedding as a heat map with its similarities, and the words with their neighbours."""
    ts = np.linspace(0, 1, 401)
    at = stage.controls.slider("Compare with t", 0.0, 1.0, 0.5, 0.01, key="embedding-t")
    table = unet_probe.time_embedding(ts)
    similar = unet_probe.cosine_similarity(unet_probe.time_embedding([at])[0], table)
    with stage.picture:
        charts.show(charts.embedding_map(ts, table, similar, at, theme.palette()), "embedding-map")
    beside = unet_probe.time_embedding([at, at - 0.01 if at > 0.5 else at + 0.01])
    inner = float(beside[0] @ beside[1])
    half = unet_probe.EMBEDDING // 2
    st.markdown(
        f"The network is told the noise level as {unet_probe.EMBEDDING} numbers: sines and cosines of the level "
        "at frequencies from high to low. One number between 0 and 1 would hardly change from step to step; here "
        "the fast waves tell neighbours apart, and the slow ones say roughly where one is.\n\n"
        f"Why **sinusoids**: sin² + cos² = 1 for each of the {half} frequencies, so every t has an embedding of the same "
        f"length, √{half}, and the inner product of two is Σ cos(ωₖ·Δ): it depends on how far apart two noise levels are "
        f"and not on where they lie. At t = {at:.2f} the inner product with the t 0.01 away is {inner:.1f} of {half}, a "
        f"cosine similarity of {inner / half:.2f}; farther than 0.05 away it is {_beyond(ts, similar, at, 0.05):.2f} on "
        "average. The level is told as the angle arctan(σ/α), which on the cosine schedule grows nearly evenly with t."
    )
    st.header("The words", anchor=False)
    denoiser = checkpoints.load(settings.model)
    words = vocabulary.read(settings.prompt).words
    if not words:
        st.info("Give a prompt with a word that the network knows.", icon=":material/edit:")
        return
    st.table(
        {
            "token": list(words),
            "most similar word vectors (cosine)": [
                ", ".join(f"{w} {s:.2f}" for w, s in unet_probe.nearest_words(word, denoiser)) for word in words
            ],
        }
    )  # fmt: skip
    effect = unet_probe.largest_order_effect(settings.prompt, denoiser)
    st.markdown(
        "The vectors were learned from our images and captions alone, so neighbours are words with a like effect on "
        "images, or chance, as cosines this low often are. A layer lets each word take in the mean of all; cross-attention "
        "is given what comes out, and the mean of that joins the noise level. A mean has no "
        f"order: over the orders of the words in this prompt ({len(words)}) it changes by {_power(effect)} at most, which "
        "is rounding."
    )
    vectors = unet_probe.pooled_text(ORDERS, denoiser)
    first, *others = unet_probe.cosine_similarity(vectors[0], vectors)[1:]
    st.table(
        {
            "prompt": [f"“{prompt}”" for prompt in ORDERS[1:]],
            f"cosine similarity of its mean to that of “{ORDERS[0]}”": [f"{s:.3f}" for s in (first, *others)],
        }
    )
    st.markdown(
        f"Measured on this network: “{ORDERS[0]}” and “{ORDERS[1]}” have the same mean, up to "
        f"{_power(float(np.abs(vectors[1] - vectors[0]).max()))}, and cross-attention has no positions for words, so they "
        "are one prompt to it, while a cat that wears sunglasses is no pair of sunglasses with a cat. “with” has no token "
        "at all. And a mean does not say what belongs to which. CLIP and T5 have position embeddings and read the order."
    )
    source.show(unet_probe.time_embedding, unet_probe.pooled_text, unet_probe.nearest_words)


def _power(value: float) -> str:
    """A tiny number as "6·10⁻⁸"; 0 as "0"."""
    digits, _, power = f"{value:.0e}".partition("e")
    return (
        f"{digits}·10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
        if value
        else "0"
    )


def _beyond(ts: np.ndarray, similar: np.ndarray, at: float, reach: float) -> float:
    """The mean similarity of the times farther than `reach` from `at`."""
    return float(similar[np.abs(ts - at) > reach].mean())
