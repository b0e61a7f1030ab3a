"""The pages as Streamlit runs them, without a browser: no error whatever the controls and the link say."""

import html
import io

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image
from streamlit.testing.v1 import AppTest

from diffviz.evaluation import categories, nearest_neighbors
from diffviz.lessons import content, staircase
from diffviz.models import checkpoints
from diffviz.ui.lessons import editing, memorization, teaching, training

PAGES = [None, *(f"pages/{p.name}" for p in sorted((ROOT / "pages").glob("*.py")))]
FORWARD, REVERSE = "pages/1_forward.py", "pages/3_reverse.py"


def open_page(page=None, **query):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    if page:
        app.switch_page(page)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_its_defaults_and_an_outline_without_gaps(page):
    app = open_page(page)
    assert len(app.title) == 1
    assert not app.warning and not app.error
    assert not app.subheader or page is None or app.header  # headings never jump a level


def test_a_control_that_pages_share_takes_the_same_values_on_each(idle_network):
    """Its value travels with the visitor, so one that another page does not know would be lost with a warning."""
    parts = {
        "pages/2_training.py": {"learn": "Train one now"},
        "pages/5_guidance.py": {"show": "When to push"},
        "pages/6_editing.py": {"do": "Fill a hole"},
        "pages/8_generative_models.py": {"beside": "Straight ways"},
    }
    seen = {}
    for page, query in [*((page, {}) for page in PAGES), *parts.items()]:
        app = open_page(page, **query)
        for control in (*app.selectbox, *app.select_slider, *app.get("button_group")):
            if control.proto.query_param_key:
                seen.setdefault(control.key, {}).setdefault(tuple(control.options), []).append(page)
    assert {"style", "shape", "train", "way"} <= set(seen)
    assert not {key: found for key, found in seen.items() if len(found) > 1}


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


def test_a_link_cannot_put_markup_on_the_page(idle_network):
    app = open_page(REVERSE, style="<img src=x onerror=alert(1)>`**b**")
    assert "`" in app.warning[0].value
    assert app.warning[0].value.count("`") == 2


@pytest.mark.parametrize("schedule", ["cosine", "linear", "sigmoid", "flow", "karras"])
def test_forward_runs_on_every_schedule(schedule):
    app = open_page(FORWARD, schedule=schedule)
    assert not app.warning
    assert any("largest gap" in m.value for m in app.markdown)


@pytest.mark.parametrize(
    ("sampler", "calls"),
    [("DDIM", 8), ("DDPM", 8), ("Euler", 8), ("Heun", 14), ("DPM-Solver++", 8), ("UniPC", 8)],
)
def test_reverse_runs_with_every_sampler_and_counts_its_calls(sampler, calls):
    app = open_page(REVERSE, sampler=sampler, steps="4")
    assert not app.warning
    assert any(f"{calls} network calls" in e.label for e in app.expander)


def test_reverse_says_which_words_it_does_not_know():
    app = open_page(REVERSE, prompt="octapus", steps="2")
    said = " ".join(i.value for i in app.info)
    assert "octapus" in said and "octopus" in said
    assert "without words" in said


@pytest.mark.parametrize(("right", "warned"), [(0.1, True), (0.7, False)])
def test_reverse_warns_of_what_the_network_was_measured_to_draw_badly(monkeypatch, right, warned):
    figures = categories.CategoryResult("tools and devices", 90, right, (right - 0.05, right + 0.05), 0.9, 20)
    monkeypatch.setattr(categories, "category_results", lambda *a: {figures.category: figures})
    app = open_page(REVERSE, prompt="hammer", steps="1")
    said = " ".join(i.value for i in app.info)
    assert ("bad at tools and devices" in said and "10%" in said and "90%" in said) == warned
    assert not open_page(REVERSE, prompt="red heart", steps="1").info


def test_reverse_lists_what_can_be_asked_for():
    from diffviz.models.text_encoder import Vocabulary
    from diffviz.paths import ASSETS

    app = open_page(REVERSE, steps="1")
    everyday = [x["label"] for x in Vocabulary.load(ASSETS / "vocabulary.json").labels if x["everyday"]]
    listed = " ".join(m.value for m in app.markdown)
    assert f"{len(everyday)} everyday ones" in listed
    assert all(f"**{kind}**" in listed for kind in categories.CATEGORIES)
    assert all(label in listed for label in everyday)


def test_reverse_runs_without_a_prompt_and_asks_once_a_step():
    app = open_page(REVERSE, prompt="", style="any", steps="3")
    app.text_input(key="prompt").set_value("").run()
    app.selectbox(key="style").set_value("").run()
    assert not app.exception
    assert any("3 network calls" in e.label for e in app.expander)


@pytest.mark.parametrize("steps", [1, 2, 250])
def test_reverse_runs_with_any_number_of_steps(steps, idle_network):
    app = open_page(REVERSE, steps=str(steps), guidance="1.0")
    assert not app.exception
    assert any(f"{steps} network calls" in e.label for e in app.expander)


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_one_step_in_numbers_adds_up(sampler):
    app = open_page(REVERSE, sampler=sampler, steps="6")
    app.slider(key="numbers-step").set_value(3).run()
    assert not app.exception
    table = next(d.value for d in app.dataframe if "colour" in d.value)
    assert np.allclose(table["α(s)·x̂₀ + σ(s)·ε̂"], table["x at s, as it was computed"], atol=1e-3)
    app.slider(key="numbers-step").set_value(6).run()
    assert any("ends on x̂₀ itself" in c.value for c in app.caption)


def test_the_same_seed_is_shown_to_give_the_same_numbers():
    app = open_page(REVERSE, steps="3")
    next(b for b in app.button if b.label == "Same seed again").click().run()
    assert not app.exception
    n = f"{np.prod(checkpoints.load().shape):,}"
    assert any(f"**{n} of {n}** numbers" in m.value for m in app.markdown)


def test_other_seeds_are_shown_with_their_numbers():
    app = open_page(REVERSE, steps="2", seed="41")
    next(b for b in app.button if b.label == "Four other seeds").click().run()
    assert not app.exception


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


def test_an_upload_is_used_and_cropped():
    app = open_page(FORWARD, picture="Yours")
    app.file_uploader[0].set_value(("mine.png", png(), "image/png")).run()
    assert not app.exception and not app.error
    app.slider(key="crop-zoom").set_value(3.0).run()
    assert not app.exception


@pytest.mark.parametrize("data", [b"hello", png()[:200], b""], ids=["text", "cut", "empty"])
def test_a_broken_upload_gets_a_sentence_and_loses_nothing(data):
    app = open_page(FORWARD, picture="Yours", schedule="linear")
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


@pytest.mark.parametrize("part", ["Ladder", "Race", "Measured curve", "One jump or many", "Can you tell?"])
def test_steps_asks_for_a_prediction_before_it_runs(part):
    app = open_steps(part)
    assert any("Guess first" in c.value for c in app.caption)
    assert not any("You said" in m.value for m in app.markdown)


def test_the_ladder_compares_the_prediction_with_what_was_computed():
    app = open_steps("Ladder", guess_ladder="5 steps")
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert "**5 steps**" in said and "steps** on, the picture stays within" in said


def test_the_race_names_the_nearest_and_their_distances():
    app = open_steps("Race", guess_race="Heun")
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert "**Heun**" in said
    assert all(name in said for name in ("DDIM", "DPM-Solver++", "UniPC"))


def test_one_jump_says_how_much_detail_a_single_pass_holds():
    app = open_steps("One jump or many", guess_jump="static")
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert "of the fine detail of 50 steps" in said


def test_the_blind_test_ends_in_a_limit_that_follows_from_the_answers():
    answers = [[k, right] for k in (2, 2, 3, 3, 5) for right in (k < 5,)] + [[3, True], [3, True], [5, False]]
    state = {"answers": (answers * 3)[:20], "seed": 1}
    app = open_steps("Can you tell?", guess_tell="8", practice_tell=state)
    assert f"{sum(r for _, r in state['answers'])} of 20 right" in app.subheader[0].value
    said = next(m.value for m in app.markdown if "the staircase settled" in m.value)
    limit = staircase.threshold([tuple(a) for a in state["answers"]])
    assert f"**{limit:.1f} steps**" in said and "You had guessed 8" in said


def test_the_blind_test_can_be_begun_again():
    state = {"answers": [[2, True]] * 2, "seed": 1}
    app = open_steps("Can you tell?", guess_tell="8", practice_tell=state)
    next(b for b in app.button if b.label == "Start over").click().run()
    assert not app.exception
    assert app.session_state["practice-tell"]["answers"] == []


@pytest.mark.parametrize("name", list(checkpoints.manifest()))
def test_either_network_can_be_asked_for_by_link(name):
    app = open_page(REVERSE, net=checkpoints.manifest()[name].title, steps="3")
    assert not app.warning
    run = app.session_state["reverse-run"]
    assert run.settings.model == name
    assert run.trajectory().x.shape[1:] == checkpoints.load(name).shape


def test_a_curve_of_the_other_network_says_whose_it_is():
    others = [n for n in checkpoints.manifest() if n != checkpoints.QUICK]
    for name in others:
        app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
        app.query_params["part"] = "Measured curve"
        app.query_params["net"] = checkpoints.manifest()[name].title
        app.session_state["guess-curve"] = "20"
        app.switch_page(STEPS)
        app.run()
        assert not app.exception and not app.warning
        assert any("measured on the other network" in i.value for i in app.info)


COPIES = "pages/7_memorization.py"


def open_copies(**link):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=120)
    app.query_params.update({"guidance": "1.0", **link})
    app.session_state["guess-copies"] = memorization.TYPICAL
    app.switch_page(COPIES)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def test_copies_shows_nothing_of_the_drawings_before_a_guess():
    app = open_page(COPIES, guidance="1.0")
    assert any("Guess first" in c.value for c in app.caption)
    assert not any("You said" in m.value for m in app.markdown)


def test_copies_names_the_nearest_drawing_and_judges_it_by_real_new_ones():
    app = open_copies(prompt="red heart")
    picture = app.session_state["copies-run"].steps[-1].x[0]
    nearest = nearest_neighbors.load_reference_set().nearest(picture, 1)[0]
    share = nearest_neighbors.load_reference_set().percentile(nearest.distance)
    said = next(m.value for m in app.markdown if "You said" in m.value)
    assert f"“{nearest.label}” ({nearest.style}), **{nearest.distance:.2f}** away" in said
    assert f"**{share:.0%}** lie nearer" in said and memorization.classify_distance(share) in said


def test_eight_seeds_are_counted():
    app = open_copies(prompt="red heart", net=checkpoints.manifest()[checkpoints.QUICK].title)
    app.button(key="eight").click().run()
    assert not app.exception
    pairs = app.session_state["copies-eight"][1]
    drawings = nearest_neighbors.load_reference_set()
    near = sum(drawings.percentile(n.distance) < nearest_neighbors.COPY_QUANTILE for _, n in pairs)
    assert len(pairs) == memorization.SEEDS
    assert any(f"**{near} of {memorization.SEEDS}**" in m.value for m in app.markdown)


def test_copies_says_when_the_sheet_of_drawings_is_missing(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "load_reference_set", lambda: None)
    app = open_copies()
    assert "drawings.avif, is missing" in app.error[0].value


def test_figures_of_copying_say_how_many_pictures_they_are_of():
    app = open_copies()
    found = nearest_neighbors.memorization_results(checkpoints.DEFAULT)
    said = next(m.value for m in app.markdown if "A network that copies nothing" in m.value)
    assert f"N = {found['new_captions']['n']:,}" in said
    stale = found["weights_sha256"] != checkpoints.manifest()[checkpoints.DEFAULT].sha256
    assert any("earlier weights" in i.value for i in app.info) == stale


GUIDANCE = "pages/5_guidance.py"


def said(app):
    return " ".join(e.value for kind in (app.markdown, app.info) for e in kind)


def test_guidance_shows_where_the_words_matter_most():
    app = open_page(GUIDANCE, prompt="red heart")
    assert "the words change the guess most at step" in said(app)
    app.slider(key="guidance").set_value(1.0).run()
    assert not app.exception and "most at step" in said(app)


def test_guidance_without_words_says_that_nothing_steers():
    app = open_page(GUIDANCE, prompt="", style="any")
    app.text_input(key="prompt").set_value("").run()
    app.selectbox(key="style").set_value("").run()
    assert not app.exception and "nothing steers" in said(app)


def test_guidance_waits_for_a_guess_and_then_draws_every_scale():
    app = open_page(GUIDANCE, show="How hard to push", prompt="red heart", net="32 × 32, quick")
    assert "Guess first" in " ".join(c.value for c in app.caption)
    app.pills(key="guess-scales").set_value("more alike").run()
    assert not app.exception and "You said **more alike**" in said(app)
    assert "The words are obeyed best at" in said(app) or "not measured" in said(app)


def test_guidance_in_one_third_waits_for_a_guess_and_counts_its_calls():
    app = open_page(GUIDANCE, show="When to push", prompt="red heart", net="32 × 32, quick")
    app.pills(key="guess-when").set_value("the middle").run()
    assert not app.exception and "You said **the middle**" in said(app)
    _, drawn = app.session_state["guidance-when"]
    assert list(drawn) == ["always", "first", "middle", "last", "never"]
    app.slider(key="guidance").set_value(1.0).run()
    assert not app.exception and "There is no push" in said(app)


def test_a_classifier_pushes_towards_labels_it_knows():
    app = open_page(GUIDANCE, show="A classifier pushes", prompt="cat fase", net="32 × 32, quick")
    assert "is none. Near it: cat face" in said(app)
    app.text_input(key="prompt").set_value("cat face").run()
    app.pills(key="guess-judge").set_value("something like it").run()
    assert not app.exception and "You said **something like it**" in said(app)
    assert len(app.session_state["guidance-judge"][1]) == 4


def test_leaving_words_out_needs_two_words_that_are_known():
    app = open_page(GUIDANCE, show="Word by word", prompt="heart qwertz", net="32 × 32, quick")
    assert "two known words" in said(app)
    app.text_input(key="prompt").set_value("red heart").run()
    app.pills(key="guess-word").set_value("red").run()
    assert not app.exception and "You said **red**" in said(app)
    assert "Over this run: the style, noto" in said(app)


@pytest.mark.parametrize(
    ("avoid", "guidance", "says"),
    [
        ("red", "3.0", "That moved the picture by"),
        ("qwertz", "3.0", "never learned “qwertz”"),
        ("", "3.0", "Name something to avoid"),
        ("red", "1.0", "Guidance is off"),
    ],
)
def test_words_to_avoid_push_or_say_why_they_cannot(avoid, guidance, says):
    app = open_page(
        GUIDANCE,
        show="Words to avoid",
        prompt="heart",
        avoid=avoid or "red",
        guidance=guidance,
        net="32 × 32, quick",
    )
    if not avoid:
        app.text_input(key="avoid").set_value("").run()
    assert not app.exception and says in said(app)


def test_an_idea_fills_in_the_prompt_and_what_to_avoid():
    app = open_page(GUIDANCE, show="Words to avoid", net="32 × 32, quick")
    app.pills(key="avoid-idea").set_value("heart, not red").run()
    assert (app.text_input(key="prompt").value, app.text_input(key="avoid").value) == ("heart", "red")


EDITING = "pages/6_editing.py"
QUICK_NET = {"net": "32 × 32, quick"}


@pytest.mark.parametrize("strength", ["0.05", "0.5", "1.0"])
def test_editing_begins_from_the_picture_at_any_strength(strength):
    app = open_page(EDITING, strength=strength, **QUICK_NET)
    run = app.session_state["redraw-run"]
    assert run.finished and len(run.steps) == max(1, round(20 * float(strength))) + 1
    assert not app.warning


def test_editing_waits_for_a_guess_and_then_draws_every_strength():
    app = open_page(EDITING, **QUICK_NET)
    assert "Guess first" in " ".join(c.value for c in app.caption)
    app.pills(key="guess-strength").set_value("0.4").run()
    assert not app.exception and "You said **0.4**" in said(app)
    measured = "is seen more often than the thing given" in said(app)
    assert measured != ("not measured" in said(app))


@pytest.mark.parametrize("hole", list(editing.MASKS.values()))
def test_every_hole_can_be_filled(hole):
    app = open_page(EDITING, do="Fill a hole", hole=hole, **QUICK_NET)
    assert app.session_state["fill-run"].finished
    assert not app.warning and not app.error


def test_filling_compares_rounds_once_guessed_and_counts_them():
    app = open_page(EDITING, do="Fill a hole", rounds="2", **QUICK_NET)
    assert len(app.session_state["fill-run"].steps) == 19 * 2 + 1 + 1
    app.pills(key="guess-rounds").set_value("no difference").run()
    assert not app.exception and "You said **no difference**" in said(app)


@pytest.mark.parametrize(
    ("query", "says"),
    [({"strength": "0"}, "0.05"), ({"hole": "the nose"}, "the nose"), ({"rounds": "3"}, "3"), ({"do": "Dance"}, "Dance")],
)  # fmt: skip
def test_editing_says_what_of_a_link_it_cannot_use(query, says):
    app = open_page(
        EDITING, **{"do": "Fill a hole" if "strength" not in query else "Begin with it", **query}, **QUICK_NET
    )
    assert says in app.warning[0].value


def test_an_idea_sets_the_picture_the_words_and_the_hole():
    app = open_page(EDITING, do="Fill a hole", picture="Yours", **QUICK_NET)
    app.pills(key="fill-idea").set_value("half dog, half cat").run()
    assert not app.exception
    assert app.selectbox(key="sample").value == "dog face (3d)"
    assert (app.text_input(key="filling").value, app.selectbox(key="hole").value) == ("cat face", "left")


def test_a_sketch_of_ours_can_be_drawn_over():
    app = open_page(EDITING, picture="Draw", into="sunflower", **QUICK_NET)
    app.pills(key="sketch-idea").set_value("flower").run()
    assert not app.exception
    with Image.open(ROOT / "assets" / "sketches" / "flower.png") as sketch:
        expected = np.asarray(sketch.convert("RGB"))
    given = np.frombuffer(app.session_state["redraw-run"].settings.image, np.uint8)
    assert np.array_equal(given.reshape(32, 32, 3), expected)


TRAINING = "pages/2_training.py"


@pytest.mark.parametrize("target", list(training.TARGET_TITLES.values()))
def test_training_takes_a_problem_apart_whatever_it_is_to_say(target):
    app = open_page(TRAINING, target=target, sample="penguin (emojitwo)", **QUICK_NET)
    assert "It is told the caption, “penguin”" in said(app)


def test_training_tells_no_caption_where_there_is_none():
    app = open_page(TRAINING, picture="Draw", **QUICK_NET)
    app.pills(key="sketch-idea").set_value("car").run()
    assert not app.exception and "It is told no caption" in said(app)


def test_where_it_is_hard_waits_for_a_guess_and_says_of_how_many():
    app = open_page(TRAINING, learn="Where it is hard")
    assert "Guess first" in " ".join(c.value for c in app.caption)
    app.pills(key="guess-hard").set_value("half way").run()
    assert not app.exception and "You said **half way**" in said(app)
    assert "N = " in " ".join(c.value for c in app.caption)


def test_a_small_network_is_trained_on_the_page_with_every_target():
    app = open_page(TRAINING, learn="Train one now", train="100", shape="ring", says="v, some of both")
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
        ("Straight ways", "guess-straight", "straight", {"v", "flow", "straight"}),
        ("In one call", "guess-once", "hardly better than that", {"v", "pupil"}),
    ],
)
def test_other_ways_wait_for_a_guess_and_then_train_what_they_compare(part, key, guess, named):
    app = open_page(RELATIVES, beside=part, train="100")
    assert "Guess first" in " ".join(c.value for c in app.caption) and "trained" not in app.session_state
    app.pills(key=key).set_value(guess).run()
    assert not app.exception and f"You said **{guess}**" in said(app)
    assert {name for _, name in app.session_state["trained"]} == named


def test_a_network_trained_in_lesson_2_is_still_there_in_lesson_8():
    app = open_page(TRAINING, learn="Train one now", train="100", shape="ring", says="v, some of both")
    app.pills(key="guess-train").set_value("later or never").run()
    kept = dict(app.session_state["trained"])
    app.switch_page(RELATIVES).run()
    app.selectbox(key="beside").set_value("once").run()
    app.pills(key="guess-once").set_value("as well as the teacher").run()
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
