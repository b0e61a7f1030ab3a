import re
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from itertools import pairwise, permutations
from types import SimpleNamespace

import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from diffviz.classroom.activities import PROMPT_LENGTH
from diffviz.evaluation.results import load_quality_curve
from diffviz.lessons import content, grading, scheduling
from diffviz.lessons.content import KINDS, PRACTISED, ContentError, load
from diffviz.lessons.live_questions import QUESTIONS
from diffviz.lessons.store import Event, History
from diffviz.ui import learner, practice
from diffviz.ui.practice import cards, flashcards, mixed_practice, self_check

EVERY = [item for kind in KINDS for item in load(kind)]
COUNTS = {"self_check": 6, "order": 1, "predictions": 3, "flashcards": 10, "scenario_quiz": 5, "page_quiz": 103, "live": 16,
          "interview": 20}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_complete(kind):
    assert len(load(kind)) == COUNTS[kind]


def test_ids_are_unique_over_all_kinds():
    assert len({i.id for i in EVERY}) == len(EVERY)


def test_the_right_option_does_not_give_itself_away_by_its_length():
    quiz = [*load("scenario_quiz"), *load("page_quiz")]
    for extreme in (max, min):
        stands_out = [extreme(i.options, key=lambda o: len(o.text)).right for i in quiz]
        assert sum(stands_out) <= 0.4 * len(quiz)


def test_thirty_further_items_and_ten_of_them_answered_live():
    assert len(load("page_quiz")) + len(load("live")) >= 30
    assert len(load("live")) >= 10
    assert {i.run for i in load("live")} == set(QUESTIONS)


def test_the_concept_map_holds_every_concept_and_has_no_circle():
    concepts = content.concepts()
    assert {i.concept for i in EVERY} == set(concepts)
    TopologicalSorter(concepts).prepare()


def test_the_phases_of_a_plan_leave_slack_and_begin_where_the_last_ended():
    for plan in content.plans():
        assert plan.begins()[0] == 0
        assert plan.begins()[-1] + plan.phases[-1].minutes == plan.minutes - plan.slack
        assert 0.05 <= plan.slack / plan.minutes <= 0.2
        steps = plan.steps()
        assert [demo for _, demo in steps] == [demo for phase in plan.phases for demo in phase.demos]
        assert [i for i, _ in steps] == sorted(i for i, _ in steps) and {i for i, _ in steps} == set(
            range(len(plan.phases))
        )


def test_every_question_of_a_plan_has_an_answer_of_its_own_and_can_be_put_to_a_class():
    phases = [phase for plan in content.plans() for phase in plan.phases]
    assert all(len(phase.ask) <= PROMPT_LENGTH and "?" in phase.ask for phase in phases)
    for part in ("answer", "misconception", "reply"):
        texts = [getattr(phase, part) for phase in phases]
        assert len(set(texts)) == len(texts)
        assert all(text.endswith((".", ".)")) and " " in text for text in texts)
    # What is heard is said in a class's own words, in a sentence; an answer says more than a word.
    assert all(len(phase.misconception.split()) <= 16 for phase in phases)
    assert all(len(phase.answer.split()) >= 12 for phase in phases)


def test_objectives_say_what_can_be_done_afterwards():
    for plan in content.plans():
        first = [objective.split()[0] for objective in plan.objectives]
        assert not {"understand", "know", "learn", "be"} & set(first)
        assert all(word == word.lower() for word in first)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("minutes = 45", "minutes = 46"), "add up"),
        (('ask = "', 'asks = "'), "asks"),
        (("slack = 4", "slack = 0"), "add up"),
        (('reply = "Leave', 'reply = ""  # "Leave'), "reply"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_named(tmp_path, change, says):
    text = (content.LESSONS / "plans.toml").read_text(encoding="utf-8")
    (tmp_path / "plans.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(ContentError, match=f"plan-first.*{says}"):
        content.plans(tmp_path)


def test_a_concept_that_is_needed_must_be_there(tmp_path):
    (tmp_path / "concepts.toml").write_text('[concepts]\n"a" = ["b"]\n')
    with pytest.raises(ContentError, match="not there: b"):
        content.concepts(tmp_path)


def test_every_concept_has_more_than_an_interview_question():
    asked = {
        i.concept for kind in ("self_check", "flashcards", "scenario_quiz", "predictions") for i in load(kind)
    }
    for concept in ("forward process", "reverse process", "training objective", "number of steps",
                    "prompt conditioning", "failure modes", "sampling cost", "VAE and GAN",
                    "the whole process"):  # fmt: skip
        assert concept in asked


def test_the_dictionary_has_its_entry_and_the_cheat_sheet_and_leaves_the_terms_to_the_glossary():
    book = content.dictionary()
    assert set(book) == {"entry", "cheat_sheet"}
    assert {"definition", "flow", "analogy", "history", "pitfalls", "use_for", "not_for"} <= set(
        book["entry"]
    )
    assert len(book["cheat_sheet"]["lines"]) == 4


GOOD = """
[[item]]
id = "a"
concept = "c"
difficulty = "easy"
skill = "recall"
setting = "s"
prompt = "p"
options = [
  {text = "1", right = true, why = "w"}, {text = "2", right = false, misconception = "m", why = "w"},
  {text = "3", right = false, misconception = "m", why = "w"},
  {text = "4", right = false, misconception = "m", why = "w"},
]
demo = {page = "forward", label = "l", state = {}}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("right = true", 'right = false, misconception = "m"', "exactly one option"),
        ('why = "w"}, {text = "2"', 'why = ""}, {text = "2"', "a reason for every option"),
        ('"2", right = false, misconception = "m"', '"2", right = false', "name a misconception"),
        (
            '"2", right = false, misconception = "m"',
            '"2", right = false, misconception = "n"',
            "no such misconception: n",
        ),
        ('"2", right = false', '"2", wrong = true', "options with missing or unknown"),
        ('skill = "recall"', 'skill = "magic"', "skill must be"),
        ('difficulty = "easy"', 'difficulty = "trivial"', "difficulty"),
        ('setting = "s"', 'scene = "s"', "scene, setting"),
        ('id = "a"', 'id = "a', "cannot be read"),
    ],
)
def test_content_that_breaks_a_rule_is_named(tmp_path, old, new, says):
    (tmp_path / "misconceptions.toml").write_text('[[misconception]]\nid = "m"\nbelief = "b"\n')
    (tmp_path / "scenario_quiz.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(ContentError, match=says):
        load("scenario_quiz", tmp_path)


def test_two_items_with_one_id_are_refused(tmp_path):
    (tmp_path / "misconceptions.toml").write_text('[[misconception]]\nid = "m"\nbelief = "b"\n')
    (tmp_path / "scenario_quiz.toml").write_text(GOOD + GOOD)
    with pytest.raises(ContentError, match="share an id"):
        load("scenario_quiz", tmp_path)


@given(st.integers(0, 12), st.integers())
def test_shuffling_keeps_every_option(n, seed):
    assert sorted(grading.shuffled(n, seed)) == list(range(n))
    assert grading.shuffled(n, seed) == grading.shuffled(n, seed)


@given(st.integers(2, 8), st.integers())
def test_a_scrambled_order_is_never_the_right_one(n, seed):
    assert sorted(grading.scrambled(n, seed)) == list(range(n)) != grading.scrambled(n, seed)


def test_partial_credit_counts_pairs_and_names_the_first_wrong():
    right = list("abcdef")
    assert grading.grade_order(right, right) == grading.OrderResult(15, 15, None)
    assert grading.grade_order(right[::-1], right).share == 0
    swapped = grading.grade_order(list("abdcef"), right)
    assert (swapped.pairs_right, swapped.first_wrong) == (14, 2)


@given(st.permutations("abcdef"), st.integers(0, 4))
def test_putting_a_neighbouring_pair_right_never_costs_credit(given_order, i):
    right = list("abcdef")
    better = list(given_order)
    better[i : i + 2] = sorted(better[i : i + 2])
    assert grading.grade_order(better, right).share >= grading.grade_order(given_order, right).share


@pytest.mark.slow
@given(st.lists(st.text(max_size=3), max_size=8))
def test_an_answer_that_is_no_order_of_the_stages_is_refused(answer):
    right = list("abc")
    if sorted(answer) == right:
        return
    with pytest.raises(ValueError, match="same stages"):
        grading.grade_order(answer, right)


def test_credit_is_full_for_one_order_alone():
    full = [p for p in permutations("abcd") if grading.grade_order(p, "abcd").share == 1]
    assert full == [tuple("abcd")]


@pytest.mark.parametrize(("met", "verdict"), [(0, "missed"), (1, "partly"), (2, "got it")])
def test_self_marks(met, verdict):
    assert grading.mark(met, 2) == verdict
    with pytest.raises(ValueError, match="cannot be"):
        grading.mark(3, 2)


def practise(way):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.query_params["way"] = way
    app.switch_page("pages/9_practice.py")
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def opened(app):
    """The titles of the card and of the exercise that are marked as the open ones."""
    found = next(h.proto.body for h in app.get("html") if "dv-cards" in h.proto.body)
    return re.findall(r'aria-current="true">([^<]+)<', found)


def press(app, label):
    next(b for b in app.button if b.label == label).click().run()
    assert not app.exception, [e.value for e in app.exception]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "exercise"),
    [(title, name) for name, title in practice.TITLES.items()] + list(practice.FORMERLY.items()),
)
def test_every_exercise_opens_by_its_title_and_by_its_former_one(link, exercise):
    app = practise(link)
    assert not app.warning
    assert opened(app) == [cards.of(exercise).title, practice.TITLES[exercise]][: len(opened(app))]
    assert len(opened(app)) == (2 if len(cards.of(exercise).exercises) > 1 else 1)
    assert not practice.EXERCISES[exercise].progress_key or (
        f"practice-{practice.EXERCISES[exercise].progress_key}" in app.session_state
    )


def test_a_link_to_an_exercise_that_does_not_exist_opens_the_first_one_and_says_so():
    app = practise("Exam <b>1</b>")
    assert "is not one of “Mixed practice”" in app.warning[0].value
    assert opened(app) == ["Quick round", "Mixed practice"]


def test_every_exercise_lies_in_one_card_and_no_other_exercise_is_there():
    inside = [name for card in cards.CARDS for name in card.exercises]
    assert sorted(inside) == sorted(practice.EXERCISES)
    assert [card.title for card in cards.CARDS] == [
        "Quick round",
        "Explain it",
        "Put it in order",
        "Look it up",
    ]


def test_the_cards_tell_the_progress_of_the_answers_that_are_kept():
    def told(*events):
        return [card.progress(History(events)).text for card in cards.CARDS]

    def event(kind, item, result):
        return Event(kind, item, result, None, NOW)

    n = sum(COUNTS[kind] for kind in ("flashcards", "scenario_quiz", "page_quiz", "live"))
    topics = len({item.concept for kind in PRACTISED for item in load(kind)})
    assert told() == [f"0 of {n} answered", "0 of 9 answered", "not tried yet", f"0 of {topics} topics known"]
    card, check = load("flashcards")[0].id, load("self_check")[0].id
    kept = [
        event("flashcards", card, "good"),
        event("flashcards", card, "again"),
        event("self_check", check, "partly"),
    ]
    assert told(*kept, event("order", "order-process", "wrong"))[:3] == [
        f"1 of {n} answered", "1 of 9 answered", "wrong at the last try",
    ]  # fmt: skip
    assert told(event("order", "order-process", "right"))[2] == "right at the last try"
    everything = [
        event(kind, i.id, "right") for kind in PRACTISED if kind != "flashcards" for i in load(kind)
    ]
    everything += [event("flashcards", i.id, "good") for i in load("flashcards")]
    assert told(*everything)[3] == f"{topics} of {topics} topics known"


def test_the_minutes_of_a_card_follow_from_the_length_of_its_texts():
    ours = [item.answer for kind in ("self_check", "predictions") for item in load(kind)]
    words = sum(len(answer.split()) for answer in ours) / len(ours)
    assert (
        cards.of("self_check").time() == f"about {words / cards.WRITING + words / cards.READING:.0f} min each"
    )
    assert all(re.fullmatch(r"about [1-9]\d? min( each)?", card.time()) for card in cards.CARDS)
    assert cards.words(load("order")[0].stages[0]) == sum(
        len(text.split()) for text in (load("order")[0].stages[0].text, load("order")[0].stages[0].why)
    )


def test_the_exports_are_on_the_page_for_teachers_and_practice_links_to_it():
    app = practise("Flashcards")
    assert not app.get("download_button")
    assert any("Anki" in link.proto.label and "teaching" in link.proto.page for link in app.get("page_link"))


def test_a_round_of_mixed_practice_ends_with_its_score_and_another_begins(monkeypatch):
    monkeypatch.setattr("diffviz.ui.practice.mixed_practice.ROUND", 3)
    app = practise("Mixed practice")
    for _ in range(3):
        kind = app.caption[0].value.split(" · ")[0]
        if kind == "Flashcard":
            press(app, "Flip")
            press(app, "Good")
        elif kind == "Self-check":
            press(app, "Next")
        else:
            item = next(
                i for k in ("scenario_quiz", "page_quiz") for i in load(k) if i.prompt == app.header[0].value
            )
            app.radio[0].set_value(next(o.text for o in item.options if o.right)).run()
            press(app, "Answer")
            press(app, "Next")
    assert app.header[0].value == "2 of 3 right"  # the self-check was not compared with the model answer
    press(app, "Another round")
    assert app.header[0].value != "2 of 3 right" and "practice-now" in app.session_state
    assert app.session_state["practice-now"]["credits"] == []


@pytest.mark.slow
def test_a_whole_quiz_can_be_answered_missed_and_retried():
    app = practise("Scenario quiz")
    quiz = {i.prompt: i for i in load("scenario_quiz")}
    for n in range(5):
        item = quiz[app.header[0].value]
        text = next(o.text for o in item.options if o.right == (n != 2))
        app.radio[0].set_value(text).run()
        press(app, "Answer")
        assert len(app.error if n == 2 else app.success) == 1
        shown = " ".join(m.value for m in app.markdown)
        assert all(o.why in shown for o in item.options)
        press(app, "See the score" if n == 4 else "Next")
    assert app.header[0].value == "4 of 5 right"
    press(app, "Retry the wrong answers")
    item = quiz[app.header[0].value]
    app.radio[0].set_value(next(o.text for o in item.options if o.right)).run()
    press(app, "Answer")
    press(app, "See the score")
    assert app.header[0].value == "1 of 1 right"


@pytest.mark.slow
def test_a_click_counts_with_what_was_chosen_before_it_though_the_page_has_not_run_with_that_yet():
    app = practise("Scenario quiz")
    item = next(i for i in load("scenario_quiz") if i.prompt == app.header[0].value)
    right, wrong = (next(o.text for o in item.options if o.right == is_right) for is_right in (True, False))
    app.radio[0].set_value(wrong).run()
    app.radio[0].set_value(right)
    press(app, "Answer")
    assert len(app.success) == 1 and not app.error
    app = practise("Predict, observe, explain")
    app.text_area[0].set_value("At first I thought this, for a reason.").run()
    app.text_area[0].set_value("And now I think that, for another one.")
    press(app, "Commit and run")
    assert "And now I think that, for another one." in [t.value for t in app.text]
    for point in app.checkbox:
        point.check()
    press(app, "Next")
    first = load("predictions")[0]
    assert len(app.session_state["practice-predict"]["met"][first.id]) == len(first.key_points)
    app = practise("Self-check")
    item = load("self_check")[0]
    app.toggle[0].set_value(True).run()
    app.text_area[0].set_value("In my own words.")
    for point in app.checkbox:
        point.check()
    press(app, "Next question")
    state = app.session_state["practice-check"]
    assert (state["marks"][item.id], state["own"][item.id]) == ("got it", "In my own words.")


@pytest.mark.slow
def test_an_order_is_graded_by_pairs_and_the_right_one_plays_live():
    app = practise("Order the stages")
    press(app, "Check the order")
    assert "pairs are in the right order" in app.warning[0].value
    right = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    right.session_state["practice-order"] = {"order": list(range(6)), "checked": True}
    right.query_params["way"] = "Order the stages"
    right.switch_page("pages/9_practice.py")
    right.run()
    assert not right.exception, [e.value for e in right.exception]
    assert "All six are in the right order: b, d, c, f, a, e" in right.success[0].value
    assert any("Generated just now" in c.value for c in right.caption)
    press(right, "Shuffle again")
    assert right.session_state["practice-order"]["order"] != list(range(6))


@pytest.mark.slow
def test_a_live_quiz_is_answered_by_its_run_and_marked():
    app = practise("Live-model quiz")
    items = load("live")
    for n in range(3):
        assert app.header[0].value == items[n].prompt
        _, asked = app.session_state[f"scene-{items[n].id}"]
        choice = asked.right if n != 1 else (asked.right + 1) % len(asked.options)
        app.radio[0].set_value(asked.options[choice]).run()
        press(app, "Answer")
        assert len(app.error if n == 1 else app.success) == 1
        press(app, "Next")
    given = app.session_state["practice-live"]["given"]
    assert [given[i.id][2] for i in items[:3]] == [True, False, True]


@pytest.mark.slow
def test_mixed_practice_interleaves_kinds_and_keeps_its_place():
    app = practise("Mixed practice")
    seen = []
    for _ in range(6):
        kind = app.caption[0].value.split(" · ")[0]
        seen.append(kind)
        if kind == "Flashcard":
            press(app, "Flip")
            press(app, "Good")
        elif kind == "Self-check":
            press(app, "Next")
        else:
            app.radio[0].set_value(app.radio[0].options[0]).run()
            press(app, "Answer")
            press(app, "Next")
    assert all(a != b for a, b in pairwise(seen))
    assert len(set(seen)) >= 3
    back = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    back.session_state["learner-fresh"] = app.session_state["learner-fresh"]
    back.switch_page("pages/9_practice.py")
    back.run()
    assert back.header[0].value == app.header[0].value


@pytest.mark.slow
def test_mixed_practice_shows_a_card_again_when_it_is_due_and_nothing_else_waits(tmp_path, monkeypatch):
    """Its last rating is the newest answer of all: it must not be taken for a rating of now."""
    from diffviz.lessons.store import Store
    from diffviz.ui import learner

    store, long_ago = Store(None), datetime.now(UTC) - timedelta(days=400)
    for kind in mixed_practice.KINDS:
        for item in load(kind):
            store.add(
                "f" * 32, Event(kind, item.id, "easy" if kind == "flashcards" else "right", None, long_ago)
            )
    last = load("flashcards")[3].id
    store.add("f" * 32, Event("flashcards", last, "again", None, long_ago + timedelta(minutes=1)))
    monkeypatch.setattr(learner, "store", lambda: store)
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.session_state["learner-fresh"] = "f" * 32
    app.query_params["way"] = "Mixed practice"
    app.switch_page("pages/9_practice.py")
    app.run()
    for _ in range(3):
        assert not app.exception
        front = app.header[0].value
        app.run()
        assert app.header[0].value == front
        press(app, "Flip")
        press(app, "Good")
        assert app.header[0].value != front


NOW = datetime(2026, 1, 1, tzinfo=UTC)
MIX = {i.id: (kind, i) for kind in ("self_check", "scenario_quiz", "flashcards") for i in load(kind)}
KIND_OF = {i: kind for i, (kind, _) in MIX.items()}
ITEMS = [item for _, item in MIX.values()]


def answered(item, result, hours):
    return Event(KIND_OF[item], item, result, None, NOW - timedelta(hours=hours))


def test_what_was_answered_right_is_not_asked_again_and_what_went_wrong_is():
    events = [answered(i.id, "right", 2) for i in ITEMS if KIND_OF[i.id] != "flashcards"]
    events += [answered(i.id, "easy", 2) for i in ITEMS if KIND_OF[i.id] == "flashcards"]
    assert scheduling.next_item(events, ITEMS, NOW, KIND_OF) is None
    wrong = answered("work-design", "wrong", 1)
    assert scheduling.next_item([*events, wrong], ITEMS, NOW, KIND_OF).id == "work-design"
    just_now = answered("work-design", "wrong", 0.1)
    assert scheduling.next_item([*events, just_now], ITEMS, NOW, KIND_OF) is None


def test_a_due_card_comes_before_what_is_new():
    old = [answered("card-steps", "good", 24 * 30), answered("check-forward", "right", 2)]
    assert scheduling.next_item(old, ITEMS, NOW, KIND_OF).id == "card-steps"


@given(st.lists(st.tuples(st.sampled_from(sorted(KIND_OF)), st.booleans()), max_size=30))
def test_mixed_practice_never_repeats_kind_and_concept_while_it_can_change(answers):
    events = [
        Event(
            KIND_OF[i],
            i,
            ("good" if right else "again") if KIND_OF[i] == "flashcards" else ("right" if right else "wrong"),
            None,
            NOW - timedelta(hours=len(answers) - n),
        )
        for n, (i, right) in enumerate(answers)
    ]
    found = scheduling.next_item(events, ITEMS, NOW, KIND_OF)
    if not events or found is None:
        return
    last = MIX[events[-1].item]
    if (KIND_OF[found.id], found.concept) == (last[0], last[1].concept):
        rest = [i for i in ITEMS if (KIND_OF[i.id], i.concept) != (last[0], last[1].concept)]
        assert scheduling.next_item(events, rest, NOW, KIND_OF) is None


def test_an_interview_can_be_walked_through_and_mocked():
    app = practise("Interview questions")
    first = app.header[0].value
    press(app, "Next")
    assert app.header[0].value != first
    press(app, "Previous")
    assert app.header[0].value == first
    press(app, "Mock interview: 5 random questions")
    for _ in range(5):
        press(app, "Next")
    assert app.header[0].value == "Mock interview finished"
    press(app, "All questions")
    assert len(app.button) >= 3


def test_the_self_check_never_blocks_and_sums_up():
    app = practise("Self-check")
    app.toggle(key="shown-check-forward").set_value(True).run()
    for box in app.checkbox:
        box.check()
    app.run()
    for _ in range(6):
        press(app, "Next question")
    assert any("got it" in m.value for m in app.markdown)
    assert sum("not assessed" in m.value for m in app.markdown) == 5


@pytest.mark.slow
def test_predictions_are_written_first_then_looked_at_and_compared(idle_network):
    app = practise("Predict, observe, explain")
    for n, item in enumerate(load("predictions")):
        commit = next(b for b in app.button if b.label == "Commit and run")
        points = [b for b in app.checkbox if "-point-" in (b.key or "")]
        assert commit.disabled and not app.info and not points  # nothing is given away beforehand
        app.text_area(key=f"predict-{item.id}").set_value("twice, as each needs <b>the last</b>").run()
        press(app, "Commit and run")
        assert app.text[0].value == "twice, as each needs <b>the last</b>"
        assert app.info[0].value == item.answer
        if item.id == "predict-slow":
            assert any("NFE 40" in m.value and "NFE 80" in m.value for m in app.markdown)
        for box in app.checkbox[: n if n < 2 else len(item.key_points)]:
            box.check()
        app.run()
        press(app, "Next")
    assert app.header[0].value == "All three predictions compared"
    done = [e for e in learner.store().events(app.session_state["learner-fresh"]) if e.kind == "predictions"]
    assert [(e.item, e.result) for e in done] == [
        ("predict-slow", "wrong"), ("predict-different", "partly"), ("predict-hands", "right"),
    ]  # fmt: skip


def test_a_place_kept_when_predictions_were_picked_from_a_list_still_opens():
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.session_state["practice-predict"] = {
        "at": 0, "picked": {"predict-slow": "it doubles"}, "why": {"predict-slow": "w"}, "looked": ["predict-slow"],
    }  # fmt: skip
    app.query_params["way"] = "Predict, observe, explain"
    app.switch_page("pages/9_practice.py")
    app.run()
    assert not app.exception
    assert app.text_area[0].key == "predict-predict-slow"


def test_the_stages_of_the_order_carry_the_letters_of_the_exercise():
    stages = load("order")[0].stages
    assert "".join(s.letter for s in stages) == "bdcfae"


@pytest.mark.slow
def test_cards_are_flipped_rated_and_leave_until_they_are_due():
    app = practise("Flashcards")
    for n in range(10):
        press(app, "Flip")
        press(app, "Again" if n == 0 else "Good")
    assert app.header[0].value == "Nothing is due"
    assert "minute" in next(m.value for m in app.markdown if "next card" in m.value)
    assert app.expander[0].label == "Browse the 10 cards that are not due"
    shown = " ".join(m.value for m in app.expander[0].markdown)
    assert all(card.front in shown and card.back in shown for card in load("flashcards"))
    assert len(app.expander[0].caption) == 10


@pytest.mark.slow
def test_one_card_that_is_not_due_is_one():
    app = practise("Flashcards")
    press(app, "Flip")
    press(app, "Good")
    assert app.expander[0].label == "Browse the 1 card that is not due"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (59.9, "under a minute"),
        (60, "1 minute"),
        (3569, "59 minutes"),
        (3570, "1 hour"),
        (3599, "1 hour"),
        (5400, "2 hours"),
        (84_599, "23 hours"),
        (84_600, "1 day"),
        (86_399, "1 day"),
        (3 * 86_400, "3 days"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_it_is_rounded_to(seconds, said):
    assert flashcards._span(seconds) == said


def test_a_self_check_that_comes_back_in_mixed_practice_is_recalled_anew(monkeypatch):
    item = load("self_check")[0]
    state = mixed_practice._new() | {"item": item.id}
    now = {f"own-{item.id}": "what I knew"}
    monkeypatch.setattr(self_check.st, "session_state", now)
    monkeypatch.setattr(learner, "log", lambda *answer, **more: None)
    self_check.keep(item, state)
    assert state["own"] == {item.id: "what I knew"}  # for a visit that comes back in the middle of it
    mixed_practice._next_check(state, item)
    assert state["own"] == {} and state["item"] is None


def test_progress_counts_what_was_answered_and_can_be_erased():
    app = practise("Flashcards")
    press(app, "Flip")
    press(app, "Good")
    learner = app.session_state["learner-fresh"]
    again = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    again.session_state["learner-fresh"] = learner
    again.query_params["way"] = "Progress"
    again.switch_page("pages/9_practice.py")
    again.run()
    assert not again.exception, [e.value for e in again.exception]
    assert any("1 answer so far · 9 flashcards due" in m.value for m in again.markdown)
    press(again, "Erase …")
    press(again, "Yes, erase everything")
    assert any("0 answers so far · 10 flashcards due" in m.value for m in again.markdown)


def test_a_learner_who_comes_back_finds_the_place_and_the_words():
    app = practise("Self-check")
    press(app, "Next question")
    key = next(t.key for t in app.text_area)
    app.text_area(key=key).set_value("we made the noise ourselves").run()
    back = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    back.session_state["learner-fresh"] = app.session_state["learner-fresh"]
    back.query_params["way"] = "Self-check"
    back.switch_page("pages/9_practice.py")
    back.run()
    assert back.text_area(key=key).value == "we made the noise ourselves"


def test_a_disk_that_refuses_is_reported_and_the_visit_goes_on(monkeypatch):
    from diffviz.lessons.store import Store, StoreError

    def refuse(*args):
        raise StoreError("This answer could not be kept: the disk is full or may not be written.")

    app = practise("Order the stages")
    monkeypatch.setattr(Store, "add", refuse)
    monkeypatch.setattr(Store, "put", refuse)
    press(app, "Check the order")
    assert any("could not be kept" in w.value for w in app.warning)
    assert any("pairs are in the right order" in w.value for w in app.warning)


@pytest.mark.slow
def test_the_dictionary_gives_the_measured_number_of_steps_by_paired_differences_and_not_by_a_biased_distance():
    app = practise("Dictionary")
    steps = load_quality_curve("emoji32").first_close("ddim")["steps"]
    pitfalls = next(m.value for m in app.markdown if "**Pitfalls**" in m.value)
    assert f"from {steps} steps on" in pitfalls and "Fréchet" not in pitfalls


@pytest.mark.slow
def test_the_dictionary_can_be_searched():
    app = practise("Dictionary")
    app.text_input(key="dictionary-search").set_value("epsilon").run()
    assert any("ε-prediction" in m.value for m in app.markdown)
    app.text_input(key="dictionary-search").set_value("qqq").run()
    assert "No term matches" in app.info[0].value


@pytest.mark.parametrize("new_browser", [True, False])
def test_what_was_dealt_before_the_browser_answered_stays_for_a_new_visitor_alone(monkeypatch, new_browser):
    answered = []

    def component(data, **more):
        return SimpleNamespace(id=(data["fresh"] if new_browser else "a" * 32) if answered else None)

    monkeypatch.setattr(learner, "_component", lambda: component)
    monkeypatch.setattr(
        learner, "save_progress", lambda key: None
    )  # the browser answers before anything is kept
    app = practise("Order the stages")
    dealt = app.session_state["practice-order"]["version"]
    answered.append(True)
    app.run()
    assert (app.session_state["practice-order"]["version"] == dealt) == new_browser
