"""The host's page as Streamlit runs it, without a browser: a whole round, and what is told when."""

import contextvars
import csv
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from helpers import ROOT
from scipy.stats import binomtest
from streamlit.testing.v1 import AppTest

from diffviz.classroom import activities, questions, results, rooms, state, votes
from diffviz.classroom.activities import Activity, Choice, Draft, free_question
from diffviz.classroom.database import database
from diffviz.classroom.discrimination import Discrimination
from diffviz.classroom.preference import MIN_PEOPLE
from diffviz.classroom.votes import Vote
from diffviz.lessons import content
from diffviz.paths import CURVES, PACKAGE
from diffviz.ui import turns
from diffviz.ui.classroom import ask as ask_module
from diffviz.ui.classroom import figures, host, mosaic, pairs, report
from diffviz.ui.classroom import room as room_view

PAGE = "pages/15_classroom.py"


pytestmark = pytest.mark.usefixtures("own_database")


def open_page(page=PAGE):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    app.switch_page(page)
    return run(app)


def run(app):
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def press(app, key):
    app.button(key).click()
    return run(app)


def with_room():
    """The page of a host with an open room, and the room."""
    app = press(open_page(), "open")
    return app, rooms.hosted_room(database(), *app.session_state["classroom"])


def class_of(room, n):
    return [rooms.join(database(), room.code, None)[1] for _ in range(n)]


def ask(app, room, draft):
    asked = activities.ask(database(), room, draft)
    return run(app), asked


def vote(room, people, asked, answers, round_=1):
    for who, answer in zip(people, answers, strict=True):
        votes.cast_vote(database(), room, who, asked.id, round_, f"token-{who.id}-{round_}", answer)


def shown(app):
    """All HTML on the page."""
    return "".join(element.proto.body for element in app.get("html"))


QUESTION = Draft(
    "choice",
    "Which <b>?",
    options=(
        Choice("first", "no", "guidance-is-free"),
        Choice("second", "that is why"),
        Choice("third", "nor this"),
    ),
    right=1,
)


def test_a_room_is_open_after_one_press_and_its_link_is_told_until_it_is_kept():
    app, room = with_room()
    assert room.is_open(database().clock()) and not app.error
    code, secret = app.session_state["classroom"]
    assert any(f"/host#{code}.{secret}" in block.value for block in app.code)
    press(app, "link-kept")
    assert not app.code
    assert secret not in shown(app)


def test_another_visitor_sees_nothing_of_a_room():
    _, room = with_room()
    other = open_page()
    assert room.code not in shown(other) and [b.key for b in other.button if b.key == "open"]


def test_a_question_of_the_collection_is_asked_with_its_right_answer_and_demo():
    app, room = with_room()
    item = next(i for i in content.load("page_quiz") if i.demo)
    app.selectbox("ask-lesson-page_quiz").select(item.demo.page)
    run(app)
    app.selectbox(f"ask-item-0-page_quiz-{item.demo.page}").select(item.id)
    run(app)
    press(app, "ask-0")
    (asked,) = activities.every(database(), room)
    assert (asked.question.source, asked.phase) == (item.id, "vote 1")
    assert asked.question.chosen(asked.question.right).text == next(o.text for o in item.options if o.right)
    assert "that is why" not in shown(app)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scenario_quiz", "predictions", "order", "self_check", "interview"])
def test_every_kind_of_question_can_be_asked_from_the_page(kind):
    app, room = with_room()
    app.selectbox("ask-kind").select(kind)
    run(app)
    item = content.load(kind)[0]
    app.selectbox(f"ask-item-0-{kind}-").select(item.id)
    run(app)
    press(app, "ask-0")
    (asked,) = activities.every(database(), room)
    assert asked.question.source == item.id and not app.error
    press(app, f"reveal-{asked.id}")
    assert activities.every(database(), room)[0].phase == "reveal"


def own_question(app, prompt, options):
    app.segmented_control("ask-way").set_value("Your own")
    run(app)
    app.text_area("own-prompt-0").set_value(prompt)
    app.text_area("own-options-0").set_value(options)
    return press(app, "ask-own-0")


def test_a_question_is_made_up_on_the_spot():
    app, room = with_room()
    own_question(app, "Is it <i>noise</i>?", "yes\n\n* no\n")
    (asked,) = activities.every(database(), room)
    assert [o.text for o in asked.question.options] == ["yes", "no"] and asked.question.right == 1
    assert "&lt;i&gt;noise&lt;/i&gt;" in shown(app) and "<i>noise" not in shown(app)


@pytest.mark.parametrize(
    ("prompt", "options", "says"),
    [
        ("", "a\nb", "from 1 to"),
        ("Which?", "the same\nthe same", "the same"),
        ("Which?", "* a\n* b", "Only one option"),
        ("Which?", "a", "from 2 to"),
    ],
)
def test_a_question_of_ones_own_that_cannot_be_asked_says_why(prompt, options, says):
    app, room = with_room()
    own_question(app, prompt, options)
    assert any(says in e.value for e in app.error)
    assert not activities.every(database(), room)


@pytest.mark.slow
@pytest.mark.parametrize("what", sorted(set(pairs.COMPARED) - {pairs.TELL}))
def test_samples_are_compared_from_the_page_blindly_and_the_answer_names_them(
    what, monkeypatch, idle_network
):
    app, room = with_room()
    app.segmented_control("ask-way").set_value("Compare samples")
    run(app)
    app.selectbox("compare-what-0").select(what)
    app.button("compare-ask-0").click()
    run(app)
    (asked,) = activities.every(database(), room)
    n, pngs = len(asked.question.options), []
    for place in range(n * pairs.SETS):
        pngs.append(activities.image(database(), room, asked.id, place))
    assert (
        all(png.startswith(b"\x89PNG") for png in pngs) and asked.question.titles[-1] == f"Image {len(pngs)}"
    )
    assert asked.question.options[0].text not in shown(app)
    people = class_of(room, 3)
    vote(room, people, asked, [[[0, 1, 0]], [[0, 1, 0], [2, 1, 0]], [[1, 0, 1]]])
    app = press(run(app), f"reveal-{asked.id}")
    assert "chosen 3 times of 4" in shown(app) and asked.question.options[0].text in shown(app)
    assert f"discuss-{asked.id}" not in {b.key for b in app.button}
    assert "(the reference)" in shown(app) if what == "scales" else "KID minus that of" in shown(app)
    assert any("Put first: by the class" in m.value for m in app.markdown)
    assert asked.question.options[0].text in report.page(room, report.collect(database(), room))


@pytest.mark.parametrize(
    ("what", "measure", "settings"),
    [
        ("steps", "steps", [("ddim", n) for n in pairs.STEPS]),
        ("samplers", "steps", [("ddim", 5), ("ddpm", 5), ("heun", 3), ("dpmpp_2m", 5), ("unipc", 5)]),
        ("scales", "guidance", list(pairs.SCALES)),
    ],
)
def test_the_metrics_beside_a_preference_are_of_the_very_settings_that_are_compared(what, measure, settings):
    raw = json.loads((CURVES / f"{measure}-emoji32.json").read_text())
    if what == "scales":
        rows = [next(r for r in raw["scales"] if r["guidance"] == w) for w in settings]
        assert (raw["sampler"], raw["steps"]) == (pairs.SCALES_SAMPLER, pairs.SCALES_STEPS)
    else:
        assert raw["guidance"] == pairs.GUIDANCE
        rows = [next(p for p in raw["points"] if (p["sampler"], p["steps"]) == one) for one in settings]
        if what == "samplers":
            assert {r["nfe"] for r in rows} == {2 * pairs.BUDGET}  # two evaluations a guided step
    shown_ = pairs.measured(what)
    assert shown_ is not None and f"N = {raw['n']} images" in shown_.source
    kid, agreement = shown_.metrics
    assert agreement.values == tuple(r["subgroup_top1"]["value"] for r in rows)
    assert kid.values == tuple(1000 * r["difference"]["value"] if "difference" in r else 0 for r in rows)
    for share, ends in zip(agreement.values, agreement.intervals, strict=True):
        assert ends and ends[0] < ends[1]  # of 32 right ones of 32 it is not certain that all would be
        assert share < 1 or ends == (pytest.approx(binomtest(raw["n"], raw["n"]).proportion_ci().low), 1.0)
    assert [ends is None for ends in kid.intervals] == ["difference" not in r for r in rows]


@pytest.mark.slow
def test_the_blind_test_is_asked_of_a_class_and_its_threshold_is_on_the_wall(monkeypatch):
    app, room = with_room()
    app.segmented_control("ask-way").set_value("Compare samples")
    run(app)
    app.selectbox("compare-what-0").select(pairs.TELL)
    run(app)
    press(app, "compare-ask-0")
    (asked,) = activities.every(database(), room)
    draft = asked.question
    last = len(draft.options) - 1
    assert (
        draft.prompt == "Which image took 250 steps?"
        and draft.levels[0] == 1
        and draft.options[last].text == "250 steps"
    )
    assert activities.image(database(), room, asked.id, len(draft.titles) - 1).startswith(b"\x89PNG")
    people = class_of(room, MIN_PEOPLE)
    # Each sees a difference up to 8 steps, and guesses beyond, right every other time.
    seen = [[0, last, a] if draft.levels[a] <= 8 else [0, a, last] for a in range(last)]
    lucky = [*seen[:5], *([0, last, a] for a in range(5, last))]
    vote(room, people, asked, [seen, lucky] * (MIN_PEOPLE // 2))
    assert "told from 250 steps" not in shown(run(app))
    app.toggle(f"live-{asked.id}").set_value(True)
    assert any("told the images apart up to about" in m.value for m in run(app).markdown)
    app = press(app, f"reveal-{asked.id}")
    assert "<th scope='row'>8 steps</th><td>20 of 20</td>" in shown(app)
    assert "<th scope='row'>12 steps</th><td>10 of 20</td>" in shown(app)
    (said,) = [m.value for m in app.markdown if "told the images apart" in m.value]
    assert 8 <= float(said.partition("about ")[2].partition(" ")[0]) <= 12 and "95 % interval" in said
    assert "20 of 20" in report.page(room, report.collect(database(), room))


def test_an_interval_is_not_given_for_a_handful(monkeypatch):
    draft = questions.compare("Which?", ["a", "b"], 1)
    asked = Activity(1, draft, "reveal", False, None, 0.0)
    few = tuple(Vote(k, 1, k, 1, [[0, 0, 1]], False, 0.0) for k in range(MIN_PEOPLE - 1))
    many, alike = ((*few, Vote(99, 1, 99, 1, [last], False, 0.0)) for last in ([0, 1, 0], [0, 0, 1]))
    said = {
        name: figures.question(asked, cast) for name, cast in (("few", few), ("many", many), ("alike", alike))
    }
    assert "at least 20 people" in said["few"] and "(" not in said["few"].split("</table>")[0]
    assert "at least 20" not in said["many"] and "% to" in said["many"]
    assert "% to" not in said["alike"] and said["alike"].count("(all alike: no interval)") == 2


def test_told_apart_by_all_alike_or_without_a_wrong_answer_has_no_interval():
    options = tuple(Choice(f"{n} steps") for n in (1, 2, 4, 8, 250))
    draft = Draft("tell", "Which took 250?", options=options, levels=(1.0, 2.0, 4.0, 8.0))
    always = results.discrimination.discrimination(draft.levels, [[(0, True), (1, True)]])
    assert "lies beyond the 1 to 8 steps" in figures.told_text(draft, always)
    one = results.discrimination.discrimination(draft.levels, [[(2, True), (2, False)]])
    assert figures.told_text(draft, one).startswith("So far all answers are at 4 steps")
    assert "<circle" in (drawn := figures.told_chart(draft, one)) and "--dv-prediction" not in drawn
    own = [(0, True), (1, True), (2, True), (3, False)]
    alike = results.discrimination.discrimination(draft.levels, [own] * MIN_PEOPLE)
    assert "(all alike: no interval;" in figures.told_text(draft, alike)
    assert "<rect" not in figures.told_chart(draft, alike)


ENDS = [(3.0, 5.0), (4.0, 4.0), (None, 12.0), (3.0, None)]


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the phone's script in node")
def test_a_phone_says_the_interval_of_a_threshold_as_the_wall_does():
    draft = Draft("tell", "Which?", options=(Choice("1 step"), Choice("50 steps")), levels=(1.0,))
    script = (PACKAGE / "classroom" / "page" / "phone.js").read_text(encoding="utf-8")
    start = script.index("function toldApart")
    script = (
        "const mine = { votes: {} }, activity = { id: 1, options: ['1 step', '50 steps'] };"
        f"{script[start : script.index('function median', start)]}"
        f"for (const ends of {json.dumps([*ENDS, (None, None)])}) console.log(toldApart(activity, [4, ...ends])[0]);"
    )
    said = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    *spans, without = said.stdout.splitlines()
    for (low, high), phone in zip(ENDS, spans, strict=True):
        found = Discrimination((9,), (10,), MIN_PEOPLE, 4.0, low, high, (0.9,))
        wall = figures.told_text(draft, found).partition("about ")[2].partition(";")[0]
        assert phone == f" The class saw a difference up to about {wall})."
    assert without == " The class saw a difference up to about 4.0 steps."


@pytest.mark.slow
def test_each_set_holds_one_sample_of_each_setting_from_a_seed_of_its_own():
    draft, images = pairs.sampled("scales", "cat face", 5)
    n = len(pairs.SCALES)
    assert draft.notes[:n] == draft.notes[n : 2 * n] == tuple(f"scale {w}" for w in pairs.SCALES)
    assert len(images) == len(set(images)) == n * pairs.SETS


def test_the_mosaic_holds_the_sample_of_everybodys_own_seed_as_they_join(monkeypatch):
    asked = []

    def sampled(prompt, seeds):
        asked.append((prompt, list(seeds)))
        return np.zeros((len(seeds), 8, 8, 3), np.uint8)

    monkeypatch.setattr(mosaic, "sampled", sampled)
    app, room = with_room()
    app.toggle("mosaic-on").set_value(True)
    run(app)
    assert not asked and any("Nobody has joined" in c.value for c in app.caption)
    people = class_of(room, mosaic.BATCH + 2)
    assert [state.seed_of(room, who) for who in people] == [room.seed + 1 + k for k in range(len(people))]
    run(app)
    assert any(f"{mosaic.BATCH} of {len(people)} drawn, 2 to come" in c.value for c in app.caption)
    run(app)
    seeds = [state.seed_of(room, who) for who in people]
    assert asked == [("cat face", seeds[: mosaic.BATCH]), ("cat face", seeds[mosaic.BATCH :])]
    assert f"No. {len(people)}" in shown(app)
    run(app)
    assert len(asked) == 2  # what is drawn is kept


@pytest.mark.slow
def test_a_seed_of_the_mosaic_gives_the_same_image_in_any_batch():
    alone, together = mosaic.sampled("cat face", [7]), mosaic.sampled("cat face", [6, 7])
    assert np.abs(alone[0].astype(int) - together[1]).max() <= 1 and (together[0] != together[1]).any()


def test_a_look_at_the_mosaic_that_comes_by_itself_takes_turns(monkeypatch):
    _, room = with_room()
    entered = []
    monkeypatch.setattr(turns, "enter", entered.append)
    monkeypatch.setattr(mosaic.state, "joined", lambda db, room: 0)
    contextvars.Context().run(mosaic._mosaic.__wrapped__, room, "cat face")  # as on a thread of its own
    assert len(entered) == 1


def test_an_opinion_has_no_option_marked_as_right():
    assert ask_module.marked_options("a\n b \n") == (["a", "b"], None)
    assert ask_module.marked_options(" a\n *b") == (["a", "b"], 1)
    options, right = ask_module.marked_options("a\n\u200b\n*b\n* \u200b")  # two lines of nothing that is seen
    assert free_question("choice", "Which?", options, right).chosen(right).text == "b"


def test_a_text_of_a_phone_is_shown_to_the_host_as_it_was_typed():
    assert room_view.as_typed("2*3*4 = 24") == r"2\*3\*4 \= 24"
    assert room_view.as_typed("[x](y) :red[z] $a$") == r"\[x\]\(y\) \:red\[z\] \$a\$"
    assert room_view.as_typed("naïve über_alles") == r"naïve über\_alles"


def test_a_whole_round_tells_each_thing_when_it_is_due():
    app, room = with_room()
    people = class_of(room, 4)
    app, asked = ask(app, room, QUESTION)
    vote(room, people, asked, [0, 0, 1, 2])
    assert "vote 1" not in shown(run(app))
    press(app, f"discuss-{asked.id}")
    assert "vote 1" not in shown(app) and "that is why" not in shown(app)
    press(app, f"show-{asked.id}")
    assert "<b>2</b> · 50%" in shown(app) and "that is why" not in shown(app)
    press(app, f"show-{asked.id}")
    assert "vote 1" not in shown(app)
    press(app, f"vote 2-{asked.id}")
    vote(room, people, asked, [1, 0, 1, 1], 2)
    press(app, f"reveal-{asked.id}")
    told = shown(app)
    assert "✓ right" in told and "that is why" in told and "<b>3</b> · 75%" in told
    assert content.misconceptions()["guidance-is-free"].belief in told
    said = [m.value for m in app.markdown]
    assert (
        "Right: 25% in vote 1, 75% in vote 2, normalised gain 0.67 (4 people who voted both times)." in said
    )
    assert any("2 of 4 people changed their vote: 2 to the right answer, 0 away" in s for s in said)


def test_two_devices_that_go_on_at_once_are_told_and_nothing_is_skipped():
    app, room = with_room()
    app, asked = ask(app, room, QUESTION)
    activities.set_phase(database(), room, asked, "discuss", 60)  # from the other device
    press(app, f"discuss-{asked.id}")
    assert any("gone on meanwhile" in e.value or "further on" in e.value for e in app.error)
    assert activities.every(database(), room)[0].phase == "discuss"


def test_texts_reach_the_wall_only_when_they_are_let_through():
    app, room = with_room()
    (a, b) = class_of(room, 2)
    app, asked = ask(app, room, free_question("text", "Why?"))
    vote(room, [a, b], asked, ["a good <one>", "a bad one"])
    run(app)
    good = next(c for c in app.checkbox if c.label == room_view.as_typed("a good <one>"))
    good.check()
    run(app)
    press(app, f"reveal-{asked.id}")
    assert "a good &lt;one&gt;" in shown(app) and "a bad one" not in shown(app)


def test_a_room_is_closed_keeps_its_results_and_is_erased():
    app, room = with_room()
    people = class_of(room, 2)
    app, asked = ask(app, room, QUESTION)
    vote(room, people, asked, [0, 1])
    press(app, f"reveal-{asked.id}")
    press(app, "close")
    assert any("has ended" in i.value for i in app.info)
    assert len(list(csv.DictReader(io.StringIO(results.as_csv(database(), room))))) == 2
    press(app, "erase")
    assert [b.key for b in app.button if b.key == "open"]
    assert state.of_room(database(), room.id)[0]["gone"]


def test_a_room_that_was_erased_elsewhere_is_no_error():
    app, room = with_room()
    rooms.erase_room(database(), room)
    run(app)
    assert not app.error and [b.key for b in app.button if b.key == "open"]


@pytest.mark.slow
def test_nobody_opens_rooms_without_end():
    app = open_page()
    for _ in range(3):
        press(app, "open")
        host_leaves = app.session_state["classroom"]
        assert host_leaves
        app.session_state["classroom"] = ()
        run(app)
    press(app, "open")
    assert any("too often" in e.value for e in app.error)


def test_the_printed_page_has_every_question_and_escapes_what_people_wrote():
    app, room = with_room()
    people = class_of(room, 3)
    app, asked = ask(app, room, QUESTION)
    vote(room, people, asked, [0, 0, 1])
    collected = report.collect(database(), room)
    page = report.page(room, collected)
    assert "Which &lt;b&gt;?" in page and "second <b>(right)</b>" in page
    assert report.misconceptions(collected) == [(content.misconceptions()["guidance-is-free"].belief, 2)]
    assert collected[0].line()["Right 1"] == "33%"
    assert ". 1 question.</p>" in page


def test_one_answer_is_one_on_the_printed_page():
    room = rooms.open_room(database(), "")[0]
    for draft, answer in ((free_question("text", "Why?"), "so"), (free_question("number", "How many?"), 3)):
        vote(room, class_of(room, 1), activities.ask(database(), room, draft), [answer])
    page = report.page(room, report.collect(database(), room))
    assert "1 answer, 1 of them not shown" in page and "1 answer in vote 1, 0 in vote 2" in page


# --- figures -----------------------------------------------------------------------------------------------------


def cast(*pairs):
    """Votes of both rounds: participant i answers pairs[i]."""
    return [
        votes.Vote(2 * i + r, 1, i, r + 1, answer, False, 0.0)
        for i, pair in enumerate(pairs)
        for r, answer in enumerate(pair)
        if answer is not None
    ]


def test_the_ribbons_are_as_wide_together_as_those_who_voted_twice():
    made = cast((0, 1), (0, 1), (1, 1), (2, 0), (2, None))
    drawn = figures.flow(QUESTION, made)
    widths = [float(part.split('"')[0]) for part in drawn.split('stroke-width="')[1:]]
    assert sum(widths) == pytest.approx(300 - 2 * 14, abs=0.3)
    assert figures.flow(QUESTION, cast((0, None))) == ""


def test_an_opinion_has_no_right_answer_in_its_summary():
    (line,) = figures.summary(free_question("choice", "?", ["a", "b"]), cast((0, 1), (1, 1)))
    assert line == "1 of 2 people changed their vote."


def test_a_number_is_summed_up():
    asked = activities.Activity(
        1, Draft("number", "How many?", right=20, tolerance=1, unit="steps"), "reveal", False, None, 0
    )
    told = figures.question(asked, cast((19, None), (25, None), (20, None)))
    assert "Median <b>20</b>" in told and "2 of 3 were right" in told


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://localhost:8501/classroom", "http://10.1.2.3:8501"),
        ("http://127.0.0.1:8501/lessons/classroom", "http://10.1.2.3:8501/lessons"),
        ("https://diffviz.school.edu/classroom", "https://diffviz.school.edu"),
        ("http://192.168.1.7:8501/classroom", "http://192.168.1.7:8501"),
    ],
)
def test_phones_are_sent_to_an_address_that_they_can_reach(monkeypatch, url, found):
    monkeypatch.setattr(host, "network_address", lambda: "10.1.2.3")
    assert host.reachable(url) == found


def test_a_computer_without_a_network_keeps_the_address(monkeypatch):
    monkeypatch.setattr(host, "network_address", lambda: None)
    assert host.reachable("http://localhost:8501/classroom") == "http://localhost:8501"
    monkeypatch.setattr(host, "network_address", lambda: "192.168.1.7")
    for bind, reached in (("127.0.0.1:8080", "http://localhost:8080"), ("*:8080", "http://192.168.1.7:8080")):
        monkeypatch.setenv("DIFFVIZ_BIND", bind)
        assert host.reachable("http://localhost:8080/classroom") == reached
    assert host.is_local("[::1]") and not host.is_local("192.168.1.7")
