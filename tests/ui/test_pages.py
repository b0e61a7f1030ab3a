"""The pages as Streamlit runs them, without a browser: no error whatever the controls and the link say."""

import html
import io
import re

import numpy as np
import pytest
from helpers import ROOT, open_folds
from PIL import Image
from streamlit.testing.v1 import AppTest

from diffviz.analysis import broken_pipelines, reverse_trajectory, unet_probe
from diffviz.evaluation import categories, nearest_neighbors, results
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.lessons import content, staircase
from diffviz.models import checkpoints, classifier, denoiser
from diffviz.paths import ASSETS
from diffviz.ui import cache, live
from diffviz.ui.lessons import editing, memorization, reverse, steps, teaching, training, unet, workshop

PAGES = [None, *(f"pages/{p.name}" for p in sorted((ROOT / "pages").glob("*.py")))]
FORWARD, REVERSE = "pages/1_forward.py", "pages/3_reverse.py"
QUICK_NET = {"net": "32 × 32, quick"}


def open_page(page=None, **query):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    if page:
        app.switch_page(page)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


# These draw more than the others before anything is asked of them.
DRAW_MUCH = ("pages/4_steps.py", "pages/6_editing.py")


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] if p in DRAW_MUCH else []) for p in PAGES]
)
def test_every_page_opens_with_its_defaults_and_an_outline_without_gaps(page):
    app = open_page(page)
    assert len(app.title) == 1
    assert not app.warning and not app.error
    assert not app.subheader or page is None or app.header  # headings never jump a level


@pytest.mark.slow
def test_a_control_that_pages_share_takes_the_same_values_on_each(request):
    """Its value travels with the visitor, so one that another page does not know would be lost with a warning."""
    parts = {
        "pages/2_training.py": {"learn": "Train a small network"},
        "pages/5_guidance.py": {"show": "Guidance interval"},
        "pages/6_editing.py": {"do": "Inpainting"},
        "pages/8_generative_models.py": {"beside": "Flow matching and reflow"},
    }
    seen = {}
    # The network is run on one page only, which shows what its blocks give.
    opened = [("pages/12_unet.py", {}), *((p, {}) for p in PAGES if p != "pages/12_unet.py"), *parts.items()]
    for page, query in opened:
        if page != "pages/12_unet.py":
            request.getfixturevalue("idle_network")
        app = open_page(page, **query)
        for control in (*app.selectbox, *app.select_slider, *app.get("button_group")):
            if control.proto.query_param_key:
                seen.setdefault(control.key, {}).setdefault(tuple(control.options), []).append(page)
    assert {"style", "shape", "train", "T"} <= set(seen)
    assert not {key: found for key, found in seen.items() if len(found) > 1}


@pytest.mark.slow
def test_of_a_prompt_that_is_too_long_it_is_said_what_is_used(idle_network):
    app = open_page(REVERSE, prompt="red apple " * 14)
    assert "Using its first 120 characters." in app.warning[0].value
    assert app.text_input(key="prompt").value == ("red apple " * 14)[:120]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "query", "says"),
    [
        (FORWARD, {"schedule": "steep"}, "steep"),
        (FORWARD, {"T": "7"}, "T"),
        (FORWARD, {"sample": "mona lisa"}, "mona lisa"),
        (FORWARD, {"picture": "Stolen"}, "Stolen"),
        (REVERSE, {"steps": "9999"}, "9999"),
        (REVERSE, {"steps": "3.5"}, "whole number"),
        (REVERSE, {"seed": "-4"}, "-4"),
        (REVERSE, {"style": "oil"}, "oil"),
        (REVERSE, {"guidance": "lots"}, "not a number"),
        (REVERSE, {"sampler": "magic"}, "magic"),
        (REVERSE, {"prompt": "x" * 500}, "longer than"),
    ],
    ids=str,
)
def test_a_bad_value_in_a_link_falls_back_and_says_so(page, query, says, idle_network):
    app = open_page(page, **query)
    assert len(app.warning) == 1
    assert says in app.warning[0].value
    assert "Using" in app.warning[0].value


@pytest.mark.slow
def test_a_link_cannot_put_markup_on_the_page(idle_network):
    app = open_page(REVERSE, style="<img src=x onerror=alert(1)>`**b**")
    assert "`" in app.warning[0].value
    assert app.warning[0].value.count("`") == 2


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["cosine", "linear", "sigmoid", "flow", "karras"])
def test_forward_runs_on_every_schedule(schedule):
    app = open_page(FORWARD, schedule=schedule)
    assert not app.warning
    assert any("largest gap" in m.value for m in app.markdown)


@pytest.mark.parametrize(("schedule", "left"), [("linear", True), ("cosine", False)])
def test_forward_says_whether_anything_is_left_at_the_end(schedule, left):
    text = said(open_page(FORWARD, schedule=schedule))
    assert ("0.0066" in text and "0.000043" in text) == left
    assert ("nothing is left" in text) != left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "query", "key", "option"),
    [
        (FORWARD, {"picture": "Yours"}, "picture", "upload"),
        (FORWARD, {"picture": "Ours"}, "picture", "sample"),
        ("pages/2_training.py", {"learn": "Where it is hard"}, "learn", "time"),
        ("pages/2_training.py", {"learn": "One problem", "target": "v, some of both"}, "target", "v"),
        ("pages/2_training.py", {"learn": "Train one now", "says": "x₀, the picture"}, "says", "x0"),
    ],
)
def test_a_link_with_a_former_title_still_opens_its_option(page, query, key, option):
    app = open_page(page, **query)
    assert not app.warning
    assert app.session_state[key] == option


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "calls"),
    [("DDIM", 8), ("DDPM", 8), ("Euler", 8), ("Heun", 14), ("DPM-Solver++", 8), ("UniPC", 8)],
)
def test_reverse_runs_with_every_sampler_and_counts_its_calls(sampler, calls):
    app = open_page(REVERSE, sampler=sampler, steps="4")
    assert not app.warning
    assert any(f"{calls} network evaluations" in e.label for e in app.expander)


def test_reverse_says_which_words_it_does_not_know():
    app = open_page(REVERSE, prompt="octapus", steps="2")
    said = " ".join(i.value for i in app.info)
    assert "octapus" in said and "octopus" in said
    assert "No word of this prompt is known" in said


@pytest.mark.parametrize(("right", "warned"), [(0.1, True), (0.7, False)])
def test_reverse_warns_of_what_the_network_was_measured_to_draw_badly(monkeypatch, right, warned):
    figures = categories.CategoryResult("tools and devices", 90, right, (right - 0.05, right + 0.05), 0.9, 20)
    monkeypatch.setattr(categories, "category_results", lambda *a: {figures.category: figures})
    app = open_page(REVERSE, prompt="hammer", steps="1")
    said = " ".join(i.value for i in app.info)
    assert ("weak at tools and devices" in said and "10%" in said and "90%" in said) == warned
    assert not open_page(REVERSE, prompt="red heart", steps="1").info


def test_reverse_lists_what_can_be_asked_for():
    from diffviz.models.text_encoder import Vocabulary
    from diffviz.paths import ASSETS

    app = open_page(REVERSE, steps="1")
    everyday = [x["label"] for x in Vocabulary.load(ASSETS / "vocabulary.json").labels if x["everyday"]]
    listed = " ".join(m.value for m in app.markdown)
    assert f"{len(everyday)} common ones" in listed
    assert all(f"**{kind}**" in listed for kind in categories.CATEGORIES)
    assert all(label in listed for label in everyday)


def test_reverse_runs_without_a_prompt_and_asks_once_a_step():
    app = open_page(REVERSE, prompt="", style="any", steps="3")
    app.text_input(key="prompt").set_value("").run()
    app.selectbox(key="style").set_value("").run()
    assert not app.exception
    assert any("3 network evaluations" in e.label for e in app.expander)


@pytest.mark.slow
def test_a_guided_prediction_is_not_called_a_mean_and_its_clipping_is_counted():
    app = open_page(REVERSE, steps="6", **QUICK_NET)
    x0 = app.session_state["reverse-run"].trajectory().x0[0]
    text = said(app)
    assert "no mean of images" in text and f"At step 1 {np.mean(np.abs(x0) >= 1):.0%} of" in text
    unguided = open_page(REVERSE, steps="6", guidance="1.0", **QUICK_NET)
    assert "no mean of images" not in said(unguided) and "the **mean** of all clean images" in said(unguided)


@pytest.mark.slow
def test_the_conditional_prediction_is_shown_on_request_where_there_is_guidance():
    state = {"panels": reverse.VIEWS["conditional"], "steps": "3", **QUICK_NET}
    app = open_page(REVERSE, **state)
    assert not app.warning
    run = app.session_state["reverse-run"]
    assert run.predictions.cond.shape == (3, 3, 32, 32)
    # A panel beside the run's own, the last its image.
    settings, shown = app.session_state["reverse-conditional-frames"]
    assert settings[0] == run.settings and np.array_equal(shown[:-1], to_uint8(run.predictions.cond))
    assert len(shown) == 4 and np.array_equal(shown[-1], to_uint8(run.trajectory().x0[-1]))
    assert "reverse-conditional-frames" not in open_page(REVERSE, guidance="1.0", **state).session_state


@pytest.mark.slow
@pytest.mark.parametrize(("guidance", "shown"), [("3.0", True), ("1.0", False)])
def test_the_source_shows_guidance_only_where_it_ran(guidance, shown):
    app = open_page(REVERSE, steps="2", guidance=guidance, **QUICK_NET)
    open_folds(app)
    code = " ".join(block.value for block in app.code)
    assert ("def batched_cfg" in code) == shown
    assert "def ddim" in code and "x0.clamp(-1, 1)" in code and "def classifier_free_guidance" not in code


@pytest.mark.slow
def test_a_start_with_a_terminal_snr_waits_for_a_guess_and_computes_the_answer():
    app = open_page(REVERSE, steps="2", **QUICK_NET)
    assert "reverse-starts" not in app.session_state
    app.pills(key="guess-start").set_value("darker").run()
    assert not app.exception and "You said **darker**" in said(app)
    _, samples = app.session_state["reverse-starts"]
    assert len(samples) == 8
    means = {key: float(images.mean()) for key, images in samples.items()}
    first, *_, last = dict.fromkeys(name for _, name in samples)
    found = reverse_trajectory.brightness_change(
        *([means[p, start] for p in reverse_trajectory.EXTREMES] for start in (first, last))
    )
    assert f"it is **{found}**" in said(app) or found == "darker"


def test_brightness_is_judged_by_both_prompts():
    change = reverse_trajectory.brightness_change
    assert change((0.8, -0.3), (0.0, 0.0)) == "nearer to medium grey"
    assert change((0.8, -0.3), (0.2, -0.6)) == "darker"
    assert change((0.8, -0.3), (0.78, -0.32)) == "not at all"
    assert change((0.8, -0.3), (0.9, -0.1)) == "in different ways"


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 250])
def test_reverse_runs_with_any_number_of_steps(steps, idle_network):
    app = open_page(REVERSE, steps=str(steps), guidance="1.0")
    assert not app.exception
    assert any(f"{steps} network evaluations" in e.label for e in app.expander)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_one_step_in_numbers_adds_up(sampler):
    app = open_page(REVERSE, sampler=sampler, steps="6")
    open_folds(app)
    app.slider(key="numbers-step").set_value(3).run()
    assert not app.exception
    table = next(d.value for d in app.dataframe if "colour" in d.value)
    assert np.allclose(table["α(s)·x̂₀ + σ(s)·ε̂"], table["x at s, as it was computed"], atol=1e-3)
    app.slider(key="numbers-step").set_value(6).run()
    assert any("ends on x̂₀ itself" in c.value for c in app.caption)


def steps_in_numbers(sampler: str) -> None:
    from diffviz.models import checkpoints
    from diffviz.pipelines.text_to_image import Settings, sample_trajectory
    from diffviz.ui import step_details

    settings = Settings("cat face", steps=4, sampler=sampler, guidance=1.0, model=checkpoints.QUICK)
    step_details._step(sample_trajectory(settings), settings)


@pytest.mark.parametrize(
    ("sampler", "said"), [("heun", "the slope at the other end"), ("unipc", "no earlier prediction counts")]
)
def test_a_first_step_that_is_ddims_is_said_to_be_and_why(sampler, said):
    app = AppTest.from_function(steps_in_numbers, args=(sampler,), default_timeout=60).run()
    assert not app.exception and any(said in c.value for c in app.caption)
    app.slider(key="numbers-step").set_value(2).run()
    assert any("The last two columns differ" in c.value for c in app.caption)


@pytest.mark.slow
def test_the_same_seed_is_shown_to_give_the_same_numbers():
    denoiser.evaluate_by(None)  # what was answered before is not remembered here
    app = open_page(REVERSE, steps="3")
    next(b for b in app.button if b.label == "Same seed again").click().run()
    assert not app.exception
    n = f"{np.prod(checkpoints.load().shape):,}"
    assert any(f"**{n} of {n}** numbers" in m.value for m in app.markdown)


@pytest.mark.slow
def test_other_seeds_are_shown_with_their_numbers():
    app = open_page(REVERSE, steps="2", seed="41")
    next(b for b in app.button if b.label == "Four other seeds").click().run()
    assert not app.exception


@pytest.mark.slow
def test_a_stopped_run_says_so_and_can_be_finished():
    from diffviz.pipelines.text_to_image import Settings, sample_steps
    from diffviz.ui.live import Run

    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.switch_page(REVERSE)
    settings = Settings("cat face", "noto", 0, 30, "ddim", 3.0, schedule="cosine")
    steps = sample_steps(settings)
    app.session_state["reverse-run"] = Run(settings, [next(steps) for _ in range(4)], stopped=True)
    app.run()
    assert not app.exception
    assert any("Stopped after 4 of 30" in m.value for m in app.markdown)
    next(b for b in app.button if b.label == "Run it to the end").click().run()
    assert not app.exception
    assert not any("Stopped" in m.value for m in app.markdown)


def png(**more):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 80, 3), np.uint8)).save(
        buffer, "PNG", **more
    )
    return buffer.getvalue()


@pytest.mark.slow
def test_an_upload_is_used_decoded_once_and_cropped(monkeypatch):
    app = open_page(FORWARD, picture="Upload")
    app.file_uploader[0].set_value(("mine.png", png(), "image/png")).run()
    assert not app.exception and not app.error
    with monkeypatch.context() as once:
        once.setattr("diffviz.imaging.uploads.read", lambda data: pytest.fail("decoded again"))
        app.slider(key="crop-zoom").set_value(3.0).run()
    assert not app.exception


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"hello", png()[:200], b""], ids=["text", "cut", "empty"])
def test_a_broken_upload_gets_a_sentence_and_loses_nothing(data):
    app = open_page(FORWARD, picture="Upload", schedule="linear")
    app.file_uploader[0].set_value(("mine.png", data, "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1 and app.error[0].value.endswith(".")
    assert app.selectbox(key="schedule").value == "linear"
    assert any("largest gap" in m.value for m in app.markdown)


def test_missing_weights_end_the_page_with_one_sentence(monkeypatch):
    from diffviz.models import checkpoints

    def broken(*args):
        raise checkpoints.CheckpointError(
            "The file emoji32.safetensors is missing: restore it from the repository."
        )

    monkeypatch.setattr(checkpoints, "load", broken)
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.switch_page(REVERSE)
    app.run()
    assert not app.exception
    assert "missing" in app.error[0].value


@pytest.mark.slow
def test_presenter_view_can_be_switched_on_by_link():
    assert open_page(None, presenter="true").toggle(key="presenter").value is True


STEPS = "pages/4_steps.py"


def open_steps(part, **state):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=120)
    app.query_params["part"] = part
    app.query_params["guidance"] = "1.0"
    for key, value in state.items():
        app.session_state[key.replace("_", "-")] = value
    app.switch_page(STEPS)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["Number of steps", "Samplers at equal NFE", "Measured quality", "One step or many", "Blind test"]
)
def test_steps_asks_for_a_prediction_before_it_runs(part):
    app = open_steps(part)
    assert any("Guess first" in c.value for c in app.caption)
    assert not any("You said" in m.value for m in app.markdown)


@pytest.mark.slow
def test_the_step_sweep_compares_the_prediction_with_what_was_computed():
    app = open_steps("Number of steps", guess_ladder="5 steps")
    said = next(m.value for m in app.markdown if "You said" in m.value)
    runs = list(app.session_state["step-sweep"][1].values())
    errors = [float(rmse(run.x[-1], runs[-1].x[-1])) for run in runs]
    close = next(r.steps for i, r in enumerate(runs) if max(errors[i:]) < steps.CLOSE)
    assert "**5 steps**" in said and f"**{close} steps**" in said
    assert "From there on, the RMSE to the 250-step image stays within" in said
    # Any of the trajectories can be looked at.
    open_folds(app)
    app.slider(key="numbers-step").set_value(12).run()
    app.segmented_control(key="rung").set_value(3).run()
    assert not app.exception and app.slider(key="numbers-step").max == 3
    next(b for b in app.button if b.label == "Guess again").click().run()
    assert not app.exception and not any("You said" in m.value for m in app.markdown)


@pytest.mark.slow
def test_a_stochastic_sampler_reaches_no_common_image_however_many_steps_it_takes():
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=120)
    app.query_params.update({"guidance": "1.0", "sampler": "DDPM"})
    app.session_state["guess-ladder"] = "5 steps"
    app.switch_page(STEPS)
    app.run()
    assert not app.exception
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert "None of these step counts" in said and "stochastic" in said


@pytest.mark.slow
def test_samplers_at_equal_nfe_are_named_with_their_rmse():
    app = open_steps("Samplers at equal NFE", guess_race="Heun")
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert "**Heun**" in said
    assert all(name in said for name in ("DDIM", "DPM-Solver++", "UniPC"))
    assert any(re.search(r"\d+% of their variance lies in this plane", c.value) for c in app.caption)


def test_a_race_of_one_asks_for_another_sampler():
    app = open_steps("Samplers at equal NFE", racers=["ddim"])
    assert any("two, three or four" in i.value for i in app.info)


@pytest.mark.slow
def test_one_step_says_how_much_detail_it_has_with_and_without_a_prompt():
    app = open_steps("One step or many", guess_jump="Gaussian noise")
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert "of the fine detail of 50 steps" in said
    assert any("With the prompt the share is" in m.value for m in app.markdown)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "key", "old", "now"),
    [
        (STEPS, "part", "Can you tell?", "tell"),
        (STEPS, "part", "One jump or many", "jump"),
        ("pages/5_guidance.py", "show", "Word by word", "words"),
        ("pages/5_guidance.py", "show", "Words to avoid", "avoid"),
    ],
)
def test_a_link_with_the_former_title_of_a_part_opens_it(page, key, old, now):
    app = open_page(page, **{key: old})
    assert not app.warning
    assert app.segmented_control(key=key).value == now


def test_the_blind_test_ends_in_a_limit_that_follows_from_the_answers():
    answers = [[k, right] for k in (2, 2, 3, 3, 5) for right in (k < 5,)] + [[3, True], [3, True], [5, False]]
    state = {"answers": (answers * 3)[:20], "seed": 1}
    app = open_steps("Blind test", guess_tell="8", practice_tell=state)
    assert f"{sum(r for _, r in state['answers'])} of 20 right" in app.subheader[0].value
    said = next(m.value for m in app.markdown if "the staircase settled" in m.value)
    limit = staircase.threshold([tuple(a) for a in state["answers"]])
    assert f"**{limit:.1f} steps**" in said and "You had predicted 8" in said


def test_the_blind_test_can_be_begun_again():
    state = {"answers": [[2, True]] * 2, "seed": 1}
    app = open_steps("Blind test", guess_tell="8", practice_tell=state)
    next(b for b in app.button if b.label == "Start over").click().run()
    assert not app.exception
    assert app.session_state["practice-tell"]["answers"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_either_network_can_be_asked_for_by_link(name):
    app = open_page(REVERSE, net=checkpoints.manifest()[name].title, steps="3")
    assert not app.warning
    run = app.session_state["reverse-run"]
    assert run.settings.model == name
    assert run.trajectory().x.shape[1:] == checkpoints.load(name).shape


def test_the_curve_is_that_of_the_network_that_is_chosen():
    for name, entry in checkpoints.manifest().items():
        curve = results.load_quality_curve(name)
        app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
        app.query_params["part"] = "Measured quality"
        app.query_params["net"] = entry.title
        app.session_state["guess-curve"] = "20"
        app.switch_page(STEPS)
        app.run()
        assert not app.exception and not app.warning
        if curve is None:
            assert any("has not been measured yet" in i.value for i in app.info)
        else:
            said = [element.value for element in (*app.caption, *app.markdown)]
            assert any(f"{curve.raw['real']:,} real images" in text for text in said)


COPIES = "pages/7_memorization.py"


def open_copies(**link):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=120)
    app.query_params.update({"guidance": "1.0", **link})
    app.session_state["guess-copies"] = memorization.TYPICAL
    app.switch_page(COPIES)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


@pytest.mark.slow
def test_no_nearest_neighbour_is_shown_before_a_prediction():
    app = open_page(COPIES, guidance="1.0")
    assert any("Guess first" in c.value for c in app.caption)
    assert not any("You predicted" in m.value for m in app.markdown)


@pytest.mark.slow
def test_the_nearest_neighbour_is_named_and_compared_with_held_out_images():
    app = open_copies(prompt="red heart")
    picture = app.session_state["copies-run"].steps[-1].x[0]
    nearest = nearest_neighbors.load_reference_set().nearest(picture, 1)[0]
    share = nearest_neighbors.load_reference_set().percentile(nearest.distance)
    said = next(m.value for m in app.markdown if "You predicted" in m.value)
    assert f"“{nearest.label}” ({nearest.style}), at distance **{nearest.distance:.2f}**" in said
    assert f"**{share:.0%}** are nearer" in said and memorization.classify_distance(share) in said


@pytest.mark.slow
def test_eight_seeds_are_counted():
    app = open_copies(prompt="red heart", net=checkpoints.manifest()[checkpoints.QUICK].title)
    app.button(key="eight").click().run()
    assert not app.exception
    pairs = app.session_state["copies-eight"][1]
    drawings = nearest_neighbors.load_reference_set()
    near = sum(drawings.percentile(n.distance) < nearest_neighbors.COPY_QUANTILE for _, n in pairs)
    assert len(pairs) == memorization.SEEDS
    assert any(f"**{near} of {memorization.SEEDS}**" in m.value for m in app.markdown)


def test_memorization_says_when_the_training_images_are_missing(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "load_reference_set", lambda: None)
    app = open_copies()
    assert "drawings.avif, is missing" in app.error[0].value


@pytest.mark.slow
def test_measured_memorization_agrees_with_its_file_and_says_of_how_many_images():
    app = open_copies()
    found = nearest_neighbors.memorization_results(checkpoints.DEFAULT)
    told = next(m.value for m in app.markdown if "**held-out** captions" in m.value)
    for part in ("new_captions", "trained_captions"):
        figure = found[part]["suspicious"]
        assert f"**{figure['value']:.1%}**" in told and f"N = {found[part]['n']:,}" in told
    assert "fewer than of the held-out" in told.split("**training** set")[0]
    assert "more than of the held-out" in told.split("**training** set")[1]
    stale = found["weights_sha256"] != checkpoints.manifest()[checkpoints.DEFAULT].sha256
    assert any("earlier weights" in i.value for i in app.info) == stale


GUIDANCE = "pages/5_guidance.py"


def said(app):
    return " ".join(e.value for kind in (app.markdown, app.info) for e in kind)


def open_guidance(show="Classifier-free guidance", **query):
    return open_page(GUIDANCE, show=show, **QUICK_NET, **query)


@pytest.mark.slow
def test_the_guided_prediction_is_an_extrapolation_whose_clipped_share_is_said_once_guessed():
    app = open_guidance(prompt="red heart")
    assert "no average of images" not in said(app) and "differ most at step" not in said(app)
    assert app.session_state["guidance-run"].finished  # it stands behind the question
    app.pills(key="guess-two").set_value("between the two").run()
    assert "but here it is **beyond the conditional one**" in said(app)
    assert "no average of images" in said(app) and "the two predictions differ most at step" in said(app)
    app.slider(key="guidance").set_value(1.0).run()
    assert not app.exception and "but here it is **at the conditional one**" in said(app)
    assert "no average of images" not in said(app)  # at w = 1 nothing is extrapolated


@pytest.mark.slow
def test_show_me_shows_without_a_guess():
    app = open_guidance(prompt="red heart")
    app.button(key="guess-two-show").click().run()
    assert not app.exception and "The answer here: **beyond the conditional one**" in said(app)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["", "qwertz"])
def test_guidance_without_a_condition_says_that_it_has_no_effect(prompt):
    app = open_guidance(prompt="red heart")
    app.text_input(key="prompt").set_value(prompt).run()
    app.selectbox(key="style").set_value("").run()
    assert not app.exception and "guidance has no effect" in said(app)
    assert "guess-two" not in [p.key for p in app.get("button_group")]  # there is nothing to guess


@pytest.mark.slow
def test_each_part_begins_with_its_own_prompt_until_another_is_typed():
    app = open_guidance("Negative prompt")
    assert (app.text_input(key="prompt").value, app.text_input(key="avoid").value) == ("heart", "red")
    go_to(app, "words")
    assert app.text_input(key="prompt").value == "face with tongue"
    assert not [t for t in app.text_input if t.key == "avoid"]  # it plays no part there
    app.text_input(key="prompt").set_value("red apple").run()
    go_to(app, "avoid")
    assert app.text_input(key="prompt").value == "red apple"


def go_to(app, part):
    next(b for b in app.get("button_group") if b.key == "show").set_value(part).run()
    assert not app.exception, [e.value for e in app.exception]


@pytest.mark.slow
def test_four_seeds_follow_the_guidance_scale_and_each_is_sampled_once(monkeypatch):
    app = open_guidance("Guidance scale", prompt="red heart")
    assert "Guess first" in " ".join(c.value for c in app.caption) and "feature similarity goes" not in said(
        app
    )
    kept = app.session_state["guidance-scales"][1]
    assert set(kept) == {1.0, 2.0, 3.0, 5.0, 7.0, 10.0}
    assert "<b>w = 3</b>" in drawn(app)
    app.pills(key="guess-scales").set_value("more alike").run()
    assert not app.exception and "You said **more alike**" in said(app)
    assert "agreement with the caption is highest at" in said(app) or "not measured" in said(app)
    sampled, sample_images = [], live.sample_images
    monkeypatch.setattr(
        live, "sample_images", lambda s, seeds: sampled.append(s.guidance) or sample_images(s, seeds)
    )
    app.slider(key="guidance").set_value(7.0).run()
    assert not app.exception and "<b>w = 7</b>" in drawn(app) and not sampled
    app.slider(key="guidance").set_value(4.5).run()
    assert not app.exception and "<b>w = 4.5</b>" in drawn(app) and sampled == [4.5]


def drawn(app):
    """The HTML of the first row of images on the page."""
    return next(e.proto.body for e in app.get("html") if "dv-gallery" in e.proto.body)


@pytest.mark.slow
def test_guidance_in_one_third_stands_behind_its_question_and_counts_its_calls():
    app = open_guidance("Guidance interval", prompt="red heart")
    _, images = app.session_state["guidance-when"]
    assert list(images) == ["always", "first", "middle", "last", "never"]
    assert "It costs an NFE" not in said(app)
    app.pills(key="guess-when").set_value("the middle").run()
    assert not app.exception and "You said **the middle**" in said(app)
    assert "It costs an NFE of 16 instead of 24 (without guidance 12)" in said(app)
    app.slider(key="guidance").set_value(1.0).run()
    assert not app.exception and "Guidance is off" in said(app)


@pytest.mark.slow
def test_classifier_guidance_is_towards_labels_that_the_classifier_knows():
    app = open_guidance("Classifier guidance", prompt="cat fase")
    assert "is none. Near it: cat face" in said(app)
    assert "dv-gallery" in drawn(app)  # something real stands there all the same
    app.text_input(key="prompt").set_value("cat face").run()
    assert "mean probability" not in said(app)
    app.pills(key="guess-judge").set_value("something like it").run()
    assert not app.exception and "You said **something like it**" in said(app)
    assert len(app.session_state["guidance-judge"][1]) == 4


@pytest.mark.slow
def test_leaving_words_out_needs_two_words_that_are_known():
    app = open_guidance("Prompt ablation", prompt="heart qwertz")
    assert "two known words" in said(app) and "dv-gallery" in drawn(app)
    app.text_input(key="prompt").set_value("red heart").run()
    app.pills(key="guess-word").set_value("red").run()
    assert not app.exception and "You said **red**" in said(app)
    assert "Mean attention weights over this trajectory: the style, noto" in said(app)
    assert app.pills(key="look-red heart").value == "heart"  # a word, and not the style


@pytest.mark.slow
@pytest.mark.parametrize(
    ("avoid", "guidance", "says"),
    [
        ("red", "3.0", "You said **as many**, and so it is. The NFE is 24 with it and 24 without"),
        ("qwertz", "3.0", "“qwertz” is not in the vocabulary"),
        ("", "3.0", "Type a negative prompt"),
        ("red", "1.0", "Guidance is off"),
    ],
)
def test_a_negative_prompt_changes_the_image_or_says_why_it_cannot(avoid, guidance, says):
    app = open_guidance("Negative prompt", prompt="heart", avoid=avoid or "red", guidance=guidance)
    if not avoid:
        app.text_input(key="avoid").set_value("").run()
    if says.startswith("You said"):
        assert "The NFE is" not in said(app)
        app.pills(key="guess-avoid").set_value("as many").run()
    assert not app.exception and says in said(app) and "dv-gallery" in drawn(app)


@pytest.mark.slow
def test_an_idea_fills_in_the_prompt_and_what_to_avoid():
    app = open_guidance("Negative prompt")
    app.pills(key="avoid-idea").set_value("face, not yellow").run()
    assert (app.text_input(key="prompt").value, app.text_input(key="avoid").value) == ("face", "yellow")


EDITING = "pages/6_editing.py"


@pytest.mark.slow
@pytest.mark.parametrize("strength", ["0.05", "0.5", "1.0"])
def test_image_to_image_runs_at_any_strength(strength):
    app = open_page(EDITING, strength=strength, **QUICK_NET)
    run = app.session_state["img2img-run"]
    assert run.finished and run.trajectory().steps == max(1, round(20 * float(strength)))
    assert not app.warning


@pytest.mark.slow
def test_image_to_image_waits_for_a_prediction_and_then_runs_every_strength():
    app = open_page(EDITING, **QUICK_NET)
    assert "Guess first" in " ".join(c.value for c in app.caption)
    app.pills(key="guess-strength").set_value("0.4").run()
    assert not app.exception and "You predicted **0.4**" in said(app)
    measured = "more often than that of the source image" in said(app)
    assert measured != ("not measured" in said(app))


@pytest.mark.slow
def test_the_edit_that_the_page_opens_with_is_said_to_be_chosen_and_no_other(idle_network):
    for link, chosen in (({}, True), ({"into": "fox"}, False)):
        app = open_page(EDITING, **link)
        assert any("was chosen" in c.value for c in app.caption) is chosen


@pytest.fixture
def short_edits(monkeypatch):
    """Resampling takes each step up to ten times: four steps are enough to see that the page does what it says."""
    monkeypatch.setattr(editing, "STEPS", 4)


@pytest.mark.slow
@pytest.mark.parametrize("hole", list(editing.MASKS.values()))
def test_every_mask_can_be_inpainted(hole, short_edits):
    app = open_page(EDITING, do="Inpainting", hole=hole, **QUICK_NET)
    assert app.session_state["inpaint-run"].finished
    assert not app.warning and not app.error


@pytest.mark.slow
def test_inpainting_compares_resampling_steps_once_predicted_and_counts_them():
    app = open_page(EDITING, do="Inpainting", rounds="2", **QUICK_NET)
    assert app.session_state["inpaint-run"].trajectory().steps == 19 * 2 + 1
    app.pills(key="guess-rounds").set_value("no difference").run()
    assert not app.exception and "You said **no difference**" in said(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "says"),
    [({"strength": "0"}, "0.05"), ({"hole": "the nose"}, "the nose"), ({"rounds": "3"}, "3"), ({"do": "Dance"}, "Dance")],
)  # fmt: skip
def test_editing_says_what_of_a_link_it_cannot_use(query, says, short_edits):
    app = open_page(
        EDITING, **{"do": "Inpainting" if "strength" not in query else "Image-to-image", **query}, **QUICK_NET
    )
    assert says in app.warning[0].value


@pytest.mark.slow
def test_an_example_sets_the_image_the_prompt_and_the_mask(short_edits):
    app = open_page(EDITING, do="Inpainting", picture="Upload", **QUICK_NET)
    app.pills(key="inpaint-idea").set_value("half dog, half cat").run()
    assert not app.exception
    assert app.selectbox(key="sample").value == "dog face (3d)"
    assert (app.text_input(key="filling").value, app.selectbox(key="hole").value) == ("cat face", "left")


@pytest.mark.slow
def test_a_sketch_of_ours_can_be_drawn_over():
    app = open_page(EDITING, picture="Draw", into="sunflower", **QUICK_NET)
    app.pills(key="sketch-idea").set_value("flower").run()
    assert not app.exception
    with Image.open(ROOT / "assets" / "sketches" / "flower.png") as sketch:
        expected = np.asarray(sketch.convert("RGB"))
    given = np.frombuffer(app.session_state["img2img-run"].settings.image, np.uint8)
    assert np.array_equal(given.reshape(32, 32, 3), expected)


TRAINING = "pages/2_training.py"


@pytest.mark.parametrize("target", list(training.TARGET_TITLES.values()))
def test_training_shows_an_example_with_any_prediction_target(target):
    app = open_page(TRAINING, target=target, sample="penguin (emojitwo)", **QUICK_NET)
    assert "the caption, “penguin”" in said(app)


@pytest.mark.slow
def test_training_tells_no_caption_where_there_is_none():
    app = open_page(TRAINING, picture="Draw", **QUICK_NET)
    app.pills(key="sketch-idea").set_value("car").run()
    assert not app.exception and "no caption" in said(app)


def test_the_loss_by_timestep_waits_for_a_guess_and_says_of_how_many():
    app = open_page(TRAINING, learn="Loss by timestep")
    assert "Guess first" in " ".join(c.value for c in app.caption)
    app.pills(key="guess-hard").set_value("near t = 0.5").run()
    assert not app.exception and "You said **near t = 0.5**" in said(app)
    assert "N = " in " ".join(c.value for c in app.caption)


@pytest.mark.slow
def test_a_small_network_is_trained_on_the_page_with_every_target():
    app = open_page(TRAINING, learn="Train a small network", train="100", shape="ring", says="v-prediction")
    app.pills(key="guess-train").set_value("later or never").run()
    assert not app.exception and "You said **later or never**" in said(app)
    app.pills(key="guess-target").set_value("no difference").run()
    assert not app.exception
    assert {key[1] for key in app.session_state["trained"]} == set(training.TARGET_TITLES)


RELATIVES = "pages/8_generative_models.py"


@pytest.mark.parametrize(
    ("part", "key", "guess", "named"),
    [
        ("VAE, GAN, diffusion", "guess-ways", "no difference", {"VAE", "GAN", "v"}),
        ("Flow matching and reflow", "guess-straight", "straight", {"v", "flow", "reflow"}),
        ("Distillation", "guess-once", "hardly better than that", {"v", "student"}),
        ("Straight ways", "guess-straight", "straight", {"v", "flow", "reflow"}),
    ],
)
@pytest.mark.slow
def test_generative_models_wait_for_a_prediction_and_then_train_what_they_compare(part, key, guess, named):
    app = open_page(RELATIVES, beside=part, train="100")
    assert "Guess first" in " ".join(c.value for c in app.caption) and "trained" not in app.session_state
    app.pills(key=key).set_value(guess).run()
    assert not app.exception and f"You said **{guess}**" in said(app)
    assert {name for _, name in app.session_state["trained"]} == named


@pytest.mark.slow
def test_a_network_trained_in_lesson_2_is_still_there_in_lesson_8():
    app = open_page(TRAINING, learn="Train a small network", train="100", shape="ring", says="v-prediction")
    app.pills(key="guess-train").set_value("later or never").run()
    kept = dict(app.session_state["trained"])
    app.switch_page(RELATIVES).run()
    app.segmented_control(key="beside").set_value("distillation").run()
    app.pills(key="guess-once").set_value("as good as the teacher's").run()
    assert not app.exception
    assert all(app.session_state["trained"][key] is training for key, training in kept.items())
    assert len(app.session_state["trained"]) == 2


TEACHING = "pages/10_teaching.py"


@pytest.mark.parametrize("plan", content.plans(), ids=lambda p: p.id)
def test_a_plan_shows_every_phase_with_its_time_and_prints_all_of_it(plan):
    app = open_page(TEACHING, plan=f"{plan.title} ({plan.minutes} min)")
    assert not app.warning
    heads = [h.value for h in app.header]
    assert heads[0] == f"0:00 · {plan.phases[0].title}" and len(heads) == len(plan.phases)
    printed = teaching.sheet(plan)
    assert all(html.escape(phase.ask) in printed for phase in plan.phases)


WORKSHOP = "pages/11_workshop.py"


@pytest.fixture
def short_runs(monkeypatch):
    """Four steps are enough to see that the page does what it says."""
    monkeypatch.setattr(broken_pipelines, "STEPS", 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["captions-shifted", "pixel-range"])
def test_the_workshop_names_nothing_before_it_is_asked_to(name, short_runs):
    app = open_page(WORKSHOP, bug=workshop.TITLES[name])
    assert not app.code and not app.success
    assert not any(broken_pipelines.CASES[name].why in m.value for m in app.markdown)


@pytest.mark.slow
def test_the_workshop_says_what_a_wrong_guess_would_look_like_and_mends_to_the_bit(short_runs):
    app, cases = open_page(WORKSHOP, bug=workshop.TITLES["one-noise"]), broken_pipelines.CASES
    answer = next(s for s in app.selectbox if s.label == "Which mistake is it?")
    answer.set_value(cases["captions-shifted"].title).run()
    assert cases["captions-shifted"].sign in app.warning[0].value and not app.code
    answer = next(s for s in app.selectbox if s.label == "Which mistake is it?")
    answer.set_value(cases["one-noise"].title).run()
    assert cases["one-noise"].title in app.success[0].value
    assert "def one_noise_for_all" in app.code[0].value and "def noise" in app.code[1].value
    assert any(cases["one-noise"].source.url in m.value for m in app.markdown)
    next(t for t in app.toggle if t.label == "Mend it and run again").set_value(True).run()
    assert not app.exception
    assert any("**0 of " in m.value for m in app.markdown)


UNET = "pages/12_unet.py"


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(unet, "STEPS", 3)


@pytest.mark.parametrize("part", unet.PARTS.values())
def test_every_part_of_the_network_opens_with_something_on_screen(part, few_steps):
    app = open_page(UNET, inside=part)
    assert not app.warning and not app.error
    if part == unet.PARTS["embeddings"]:
        assert app.get("plotly_chart") and "cat" in str(app.table[0].value)
    else:
        assert app.session_state["unet-run"][1].steps == 3


def open_switch(switch, **state):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    titles = {"skip-last": "Highest skip connection off", "skip-first": "Lowest skip connection off"}
    app.query_params["inside"] = "Switches"
    app.query_params["switch"] = titles.get(switch, unet.switch_options(checkpoints.QUICK)[switch][0])
    for key, value in state.items():
        app.session_state[key] = value
    app.switch_page(UNET)
    app.run()
    assert not app.exception and not app.warning, [e.value for e in app.exception]
    return app


def test_a_switch_waits_for_a_prediction_with_the_untouched_run_on_screen(few_steps):
    app = open_switch("inner")
    assert "unet-run" in app.session_state and "unet-switched" not in app.session_state


@pytest.mark.slow
@pytest.mark.parametrize("switch", [s for s in unet.SWITCHES if s != unet.OWN])
def test_a_switch_changes_the_run_and_not_its_noise(switch, few_steps):
    app = open_switch(switch, **{f"guess-unet-{switch}": "the shape"})
    plain, changed = (app.session_state[key][1] for key in ("unet-run", "unet-switched"))
    assert np.array_equal(plain.x[0], changed.x[0]) and not np.array_equal(plain.x[-1], changed.x[-1])
    judge = classifier.load(ASSETS / "classifier32.safetensors")
    lost = unet_probe.compare(plain.x[-1], changed.x[-1], "cat face", judge).lost
    agreed = (
        "You said **the shape**, and so it is" if "the shape" in lost else f"but here it is **{lost[0]}**"
    )
    told = " ".join(m.value for m in app.markdown)
    assert agreed in told and f"which are ours: **{', '.join(lost)}**" in told


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_each_skip_connection_has_a_scale_and_1_changes_nothing(scale, few_steps):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    for key, value in {"inside": "Switches", "switch": unet.OWN_TITLE, "skip0": str(scale)}.items():
        app.query_params[key] = value
    app.session_state[f"guess-unet-{unet.OWN}"] = "hardly anything"
    app.switch_page(UNET)
    app.run()
    assert not app.exception and not app.warning
    sliders = [s for s in app.slider if s.label.startswith("Skip from")]
    assert len(sliders) == len(checkpoints.load(checkpoints.QUICK).net.up)
    plain, changed = (app.session_state[key][1] for key in ("unet-run", "unet-switched"))
    assert np.array_equal(plain.x, changed.x) == (scale == 1)


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_the_switches_and_blocks_are_those_of_the_network_chosen(name):
    net = checkpoints.load(name).net
    options = unet.switch_options(name)
    assert (*options, unet.OWN) == unet.SWITCHES
    assert options["inner"][1].backbone == {net.config.blocks + 1: 0.0}
    assert len(options["skips"][1].skips) == len(net.up)
    blocks = unet_probe.blocks(net)
    boxes, skips = unet.boxes(blocks), unet.skips(net)
    assert [box.name for box in boxes] == [b.name for b in blocks]
    assert all(f"{b.flops / 1e6:,.0f} MFLOPs" in box.cost for b, box in zip(blocks, boxes, strict=True))
    assert [s.target for s in skips] == [f"up.{k}" for k in range(len(net.up))]
    levels = {b.name: b.level for b in blocks}
    assert all(levels[s.source] == levels[s.target] for s in skips)  # their lines are level
    channels = {b.name: b.shape[0] for b in blocks}
    assert all(s.label == f"{channels[s.source]} ch" for s in skips)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Cross-attention (to the prompt)", "Self-attention (to other places)"])
def test_attention_can_be_looked_at_by_block_and_head(kind, few_steps):
    app = open_page(UNET, inside="Attention", attention=kind)
    for label, value in (("Block", 1), ("Head", 2)):
        next(s for s in app.selectbox if s.label == label).set_value(value).run()
        assert not app.exception


@pytest.mark.parametrize("kind", ["Cross-attention (to the prompt)", "Self-attention (to other places)"])
def test_a_place_says_what_it_takes_and_its_shares_of_the_tokens_are_a_whole(kind, few_steps, monkeypatch):
    shown = []
    monkeypatch.setattr(
        unet.player, "play", lambda panels, readouts, captions, **more: shown.append((captions, more))
    )
    open_page(UNET, inside="Attention", attention=kind, prompt="red cat")
    captions, more = shown[-1]
    assert more["on_pick"] is not None and len(captions) == unet.STEPS
    for said in captions:
        told = said.partition("the marked place (row 4, column 4)")[2]
        assert told
        if kind.startswith("Cross"):
            shares = re.findall(r"(noto|red|cat) (\d+)%", told.partition(". ")[0])
            assert [word for word, _ in shares] == ["noto", "red", "cat"]
            assert abs(sum(int(share) for _, share in shares) - 100) <= 2  # each is rounded


def test_a_run_with_a_switch_is_made_once_for_all_visitors(few_steps, monkeypatch):
    open_switch("self", **{"guess-unet-self": "the shape"})
    monkeypatch.setattr(unet, "sample_steps", lambda *args: pytest.fail("it was made before"))
    app = open_switch("self", **{"guess-unet-self": "the shape"})
    assert app.session_state["unet-switched"][1].steps == 3


@pytest.mark.slow
def test_a_workshop_run_is_made_once_and_its_healthy_half_serves_other_bugs(short_runs, monkeypatch):
    cache._shared.clear()
    ran = []
    monkeypatch.setattr(
        broken_pipelines,
        "run",
        lambda parts, *rest, run=broken_pipelines.run: counted(ran, parts, run(parts, *rest)),
    )
    for name in ("captions-shifted", "halves-swapped", "captions-shifted"):
        open_page(WORKSHOP, bug=workshop.TITLES[name])
    assert ran == [broken_pipelines.PARTS, *(
        broken_pipelines.broken(broken_pipelines.CASES[name]) for name in ("captions-shifted", "halves-swapped")
    )]  # fmt: skip


def counted(ran, parts, frames):
    """The frames; `parts` are noted when the first of them is asked for."""
    ran.append(parts)
    yield from frames


def test_the_network_can_be_opened_without_a_prompt(few_steps):
    for part in ("Attention", "Embeddings"):
        app = open_page(UNET, inside=part, prompt=" ", style="any")
        assert not app.exception


def test_another_sample_is_never_the_one_that_is_shown(idle_network):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60).run()
    for _ in range(8):
        prompt = app.session_state["home-run"].settings.prompt
        next(b for b in app.button if b.label == "Another sample").click().run()
        assert app.session_state["home-run"].settings.prompt != prompt


def test_an_upload_that_is_removed_takes_its_error_with_it(idle_network):
    app = open_page(FORWARD, picture="Upload")
    app.file_uploader[0].set_value(("mine.png", b"not an image", "image/png")).run()
    assert "not an image" in app.error[0].value
    app.file_uploader[0].set_value(None).run()
    assert not app.exception and not app.error


def test_a_strength_is_called_right_only_where_its_own_image_is_past_the_turn():
    options = ["0.4", "0.6", "0.8", "0.9"]
    turns = {0.2: "0.4", 0.4: "0.4", 0.5: "0.6", 0.7: "0.8", 0.9: "0.9", 1.0: "0.9"}
    assert {turn: editing.first_from(options, turn) for turn in turns} == turns


@pytest.mark.parametrize(
    ("jump", "seen", "said"),
    [
        ((2.0, 2.5), (0.6, 0.8), "falls from 5.0 to 2.0 times that of real images"),
        ((4.0, 5.5), (0.6, 0.8), "which the intervals do not tell apart"),
        ((7.0, 8.0), (0.6, 0.8), "rises from 5.0 to 7.0"),
        ((2.0, 2.5), (0.8, 0.9), "falls"),
    ],
)
def test_of_resampling_no_more_is_said_than_the_intervals_tell(jump, seen, said):
    def row(steps, jump, seen):
        figures = {"boundary_jump_to_real": jump, "subgroup": seen}
        return {"resampling_steps": steps} | {k: {"value": v[0], "interval": v} for k, v in figures.items()}

    text = editing.what_resampling_does(row(1, (5.0, 6.0), (0.6, 0.7)), row(8, jump, seen))
    assert "From 1 resampling step to 8" in text and said in text
    better = seen[0] > 0.7
    assert ("does not by itself make a better image" in text) == (said.startswith("falls") and not better)
