"""What stands behind wrong options and old ids: catalogued misconceptions, runs that refute them, merged questions."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from helpers import ROOT
from streamlit.testing.v1 import AppTest

from diffviz.evaluation import results
from diffviz.lessons import content, scheduling
from diffviz.lessons.content import ContentError, load
from diffviz.lessons.store import Event, Store

QUIZ = [*load("scenario_quiz"), *load("page_quiz")]
CATALOGUE = content.misconceptions()
WRONG = [(item, o) for item in QUIZ for o in item.options if not o.right]


def test_every_misconception_of_the_catalogue_stands_behind_an_option():
    assert {o.misconception for _, o in WRONG} == set(CATALOGUE)
    assert all(m.belief.endswith(".") for m in CATALOGUE.values())
    assert len({m.belief for m in CATALOGUE.values()}) == len(CATALOGUE)


def test_most_wrong_options_open_a_run_that_refutes_them():
    refuted = sum(CATALOGUE[o.misconception].demo is not None for _, o in WRONG)
    assert refuted >= 0.6 * len(WRONG)


def test_the_kept_question_has_a_run_wherever_a_page_of_ours_shows_the_answer():
    """A question without a demo is on something that these pages do not run."""
    told = {"spatial control", "licences and law", "data and compute", "latent diffusion", "families and history",
            "beyond images", "evaluation", "failure modes", "memorization", "architecture", "when to use it"}  # fmt: skip
    assert {i.concept for i in QUIZ if i.demo is None} <= told


def test_a_wrong_answer_names_the_misconception_and_links_the_run():
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.query_params["way"] = "Scenario quiz"
    app.switch_page("pages/9_practice.py")
    app.run()
    item = next(i for i in load("scenario_quiz") if i.prompt == app.header[0].value)
    wrong = next(o for o in item.options if not o.right and CATALOGUE[o.misconception].demo)
    app.radio[0].set_value(wrong.text).run()
    next(b for b in app.button if b.label == "Answer").click().run()
    assert not app.exception
    behind = CATALOGUE[wrong.misconception]
    assert any(behind.belief in m.value for m in app.markdown)
    links = [e.proto.label for e in app.get("page_link")]
    assert any(behind.demo.label in label for label in links)


def test_a_catalogue_with_an_id_twice_or_an_unknown_field_is_refused(tmp_path):
    entry = '[[misconception]]\nid = "m"\nbelief = "b."\n'
    (tmp_path / "misconceptions.toml").write_text(entry + entry)
    with pytest.raises(ContentError, match="m: two entries share this id"):
        content.misconceptions(tmp_path)
    (tmp_path / "misconceptions.toml").write_text(entry + "truth = 1\n")
    with pytest.raises(ContentError, match=r"m: these fields .*truth"):
        content.misconceptions.__wrapped__(tmp_path)


# --- merged questions --------------------------------------------------------------------------------------

EVERY = {i.id for kind in content.KINDS for i in load(kind)}
# Every id that was ever published under the quizzes of the pages; none may vanish without a heir.
PUBLISHED = """page-curve-falls page-error-bars page-calls-not-steps page-ddpm-distance page-blur-first page-last-frame
page-eps-panel page-seed page-guidance-high page-guidance-one page-two-answers page-words-late page-avoid page-snr-one
page-linear-cosine page-one-jump-formula page-order-of-words page-unknown-word page-hands page-one-pass-mean
page-gan-pass page-fast-feature page-latent-cost page-memorise page-attention-where page-copy-heart page-copy-yardstick
page-copy-trained-captions page-edit-strength page-edit-outside page-edit-again page-train-knows page-train-static
page-train-weights page-ways-gan page-ways-vae page-flow-bent page-pupil-gap page-push-when page-judge-pushes
work-standup work-design work-review work-incident work-pull-request predict-slow predict-different predict-hands
order-process""".split()  # noqa: SIM905 (a list of words is what it is)


def test_every_published_id_lives_on_or_has_a_heir():
    assert {content.current_id(i) for i in PUBLISHED} <= EVERY


def test_a_merged_id_is_gone_and_its_heir_is_not_merged_itself():
    for old, kept in content.merged().items():
        assert old not in EVERY and kept in EVERY and kept not in content.merged()


@pytest.mark.parametrize("old", content.merged())
def test_a_stored_answer_to_a_merged_question_counts_for_the_kept_one(old):
    store, at = Store(None), datetime(2026, 1, 5, 12, tzinfo=UTC)
    store.add("a", Event("page_quiz", old, "right", "certain", at))
    kept = content.current_id(old)
    assert [e.item for e in store.events("a")] == [kept]
    item = next(i for kind in content.KINDS for i in load(kind) if i.id == kept)
    assert scheduling.concept_mastery(store.events("a"), [item])[0].credit == 1
    # What was exported under the old id is known again, and is not counted twice.
    old_file = {"format": 1, "events": [{"kind": "page_quiz", "item": old, "result": "right", "sure": "certain",
                                         "at": at.isoformat()}]}  # fmt: skip
    assert store.import_events("a", old_file) == 0
    assert Store(None).import_events("b", old_file) == 1


# --- what the collection covers ----------------------------------------------------------------------------


def test_every_concept_can_come_up_in_mixed_practice():
    from diffviz.ui.practice.mixed_practice import KINDS

    assert {i.concept for kind in KINDS for i in load(kind)} == set(content.concepts())


@pytest.mark.parametrize(
    ("concept", "at_least"),
    [("beyond images", 4), ("data and compute", 3), ("latent diffusion", 4), ("families and history", 3),
     ("when to use it", 3), ("licences and law", 2), ("failure modes", 4), ("spatial control", 2)],
)  # fmt: skip
def test_topics_that_had_no_question_have_some(concept, at_least):
    assert Counter(i.concept for i in QUIZ)[concept] >= at_least


def test_heun_ends_farther_from_the_long_run_than_ddim_at_equal_nfe_as_the_plan_says():
    """If this fails, the curve was measured anew and the phase on equal NFE in plans.toml is to be written again."""
    curve = results.load_quality_curve("emoji32")
    ddim, heun = ({p["nfe"]: p["value"] for p in curve.line(s, "distance")} for s in ("ddim", "heun"))
    compared = 0
    for calls, far in heun.items():
        # DDIM with no more evaluations than Heun had
        fewer = [c for c in ddim if min(ddim) < c <= calls]
        if calls > min(heun) and fewer and max(fewer) >= 0.8 * calls:
            assert far > ddim[max(fewer)]
            compared += 1
    assert compared >= 5


def test_clocks_are_a_failure_that_was_measured():
    """The questions on failures send learners to clocks: the model card must bear out that these go wrong."""
    card = (ROOT / "assets" / "MODEL.md").read_text(encoding="utf-8")
    section = card.split("## emoji64")[1]
    row = next(line for line in section.splitlines() if line.startswith("| clocks |"))
    generated, real = (cell.split(",")[0] for cell in row.split("|")[2:4])
    most = float(generated.split(" to ")[1].split("%")[0])  # the upper end of its interval
    assert most < float(real.split("%")[0])
    asked = [i for kind in content.KINDS for i in load(kind) if i.demo and "o'clock" in str(i.demo.state)]
    assert len(asked) >= 4
