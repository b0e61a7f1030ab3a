"""Blind test: few steps against the long trajectory from the same noise, harder as answers are right."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.evaluation import results
from diffviz.lessons import staircase
from diffviz.models import checkpoints
from diffviz.ui import learner
from diffviz.ui.components import gallery
from diffviz.ui.lessons import quality_curve
from diffviz.ui.measured import note_provenance
from diffviz.ui.prediction import UNASKED, ask_prediction, locked
from diffviz.ui.stage import Stage

KEY = "tell"
START = 2  # steps of the first trial: nearly everybody sees that one
LARGEST = 384


def _new_test() -> dict:
    return {"answers": [], "seed": random.randrange(10**6)}


def show(stage: Stage, model: str) -> None:
    """Twenty trials of two images from one noise; a staircase finds the number of steps at which they look alike."""
    ladders = results.load_blind_test(model)
    if ladders is None and model != results.BLIND_TEST:
        titles = {name: entry.title for name, entry in checkpoints.manifest().items()}
        stage.question.info(
            f"The pairs of this network, {titles[model]}, have not been sampled: 250 steps take too long to wait for, and "
            f"`python -m diffviz.training.build_blind_test --model {model}` makes them beforehand. The test below is by "
            "the "
            f"network {titles[results.BLIND_TEST]}.",
            icon=":material/hourglass_empty:",
        )
        model = results.BLIND_TEST
        ladders = results.load_blind_test(model)
    if ladders is None:
        st.info("The images of this test have not been sampled yet.", icon=":material/hourglass_empty:")
        return
    levels, longest = ladders.steps[:-1], ladders.steps[-1]
    with stage.question:
        guess = ask_prediction(
            f"Up to how many steps will you see a difference from {longest} steps?",
            [str(n) for n in levels[1:-1]],
            "guess-tell",
        )
    if guess is None:
        few_and_many = [ladders.image(0, START), ladders.image(0, longest)]
        with stage.picture, locked(guess, "guess-tell"):
            st.html(gallery.row(few_and_many, ["left", "right"], ["", ""], LARGEST, together=True))
        return
    with stage.below:
        note_provenance(ladders, model)
    learner.identify()
    key = KEY if model == results.BLIND_TEST else f"{KEY}-{model}"  # each network's test has its own answers
    state = learner.load_progress(key, _new_test)
    answers = [(k, right) for k, right in state["answers"]]
    if len(answers) >= staircase.TRIALS:
        with stage.below:
            _result(answers, guess, ladders, model)
    else:
        _trial(stage, state, answers, ladders, key)
    if answers:
        stage.controls.button(
            "Start over", on_click=_start_over, args=(key,), type="tertiary", icon=":material/restart_alt:"
        )
    learner.save_progress(key)


def _trial(
    stage: Stage, state: dict, answers: list[staircase.Answer], ladders: results.BlindTest, key: str
) -> None:
    turn, levels, longest = len(answers), ladders.steps[:-1], ladders.steps[-1]
    steps = staircase.next_level(answers, levels, START)
    rng = random.Random(state["seed"])
    pair = rng.sample(range(len(ladders.pairs)), staircase.TRIALS)[turn]
    fine_first = random.Random(state["seed"] + turn).random() < 0.5
    asked = ladders.pairs[pair]
    pictures = [ladders.image(pair, longest), ladders.image(pair, steps)]
    with stage.picture:
        st.progress(turn / staircase.TRIALS, f"Trial {turn + 1} of {staircase.TRIALS}")
        st.markdown(
            f"Two images of “{asked['prompt']}” from the same noise. **Which took {longest} steps?** Guess if you cannot "
            "tell."
        )
        picked = gallery.pick(
            pictures if fine_first else pictures[::-1], ["left", "right"], ["", ""], label="Which image took more steps",
            key=f"{key}-pair", turn=state["seed"] + turn, wanted=LARGEST, together=True,
        )  # fmt: skip
    stage.below.caption(
        "No feedback until the end, so that you do not learn the answers. Two right in a row make it harder, a wrong one "
        "makes it easier (a 2-down-1-up staircase, Levitt 1971). The pairs were sampled beforehand by the network for "
        f"{ladders.raw['side']} × {ladders.raw['side']} pixels ({SAMPLERS[ladders.raw['sampler']].title}, guidance scale "
        f"{ladders.raw['guidance']:g}), because {longest} steps "
        "take too long to wait for twenty times."
    )
    if picked is not None:
        state["answers"].append([steps, (picked == 0) == fine_first])
        learner.save_progress(key)
        st.rerun()


def _result(answers: list[staircase.Answer], guess: str, ladders: results.BlindTest, model: str) -> None:
    limit = staircase.threshold(answers)
    right = sum(r for _, r in answers)
    told = "" if guess == UNASKED else f"You had predicted {guess}."
    st.subheader(f"{right} of {len(answers)} right", anchor=False)
    if limit is None:
        st.markdown(
            "The staircase turned fewer than two times, and a threshold is estimated from where it turns: so there is "
            f"none. {told}"
        )
    else:
        st.markdown(
            f"You told the images apart up to about **{_number(limit)} steps**. This is where the staircase settled, and "
            "it settles where 71 % of answers are right, between certainty and the 50 % of guessing. "
            f"{told} Far beyond it you would only be guessing."
        )
    st.table(
        {
            "steps": list(staircase.share_right(answers)),
            "right": [f"{good} of {n}" for good, n in staircase.share_right(answers).values()],
        },
    )
    curve = results.load_quality_curve(model)
    if curve is not None and limit is not None:
        per_step = 2 if ladders.raw["guidance"] != 1 else 1
        st.markdown("Your threshold on the measured curve:")
        quality_curve.chart(
            curve,
            "difference",
            key="tell-curve",
            mark=(limit * per_step, f"your threshold, {_number(limit)} steps"),
        )
    st.caption(
        "Twenty trials give a rough threshold: repeat the test and see how far it moves. It holds for these small images, "
        f"{SAMPLERS[ladders.raw['sampler']].title} and your screen."
    )


def _number(limit: float) -> str:
    return f"{limit:.1f}" if limit < 10 else f"{limit:.0f}"


def _start_over(key: str) -> None:
    st.session_state[f"practice-{key}"] = _new_test()
