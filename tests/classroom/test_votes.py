"""Questions and votes on both databases: each vote counted once, and only while its round is open."""

import csv
import io
import json
import threading

import pytest
from sqlalchemy import event

from diffviz.classroom import activities, answers, questions, results, rooms, state, votes
from diffviz.classroom.activities import Choice, Draft, free_question
from diffviz.classroom.errors import NotThere, Refused, Stranger, TooMany, Unfit
from diffviz.classroom.preference import MIN_PEOPLE
from diffviz.lessons import content
from diffviz.lessons.content import Demo

QUESTION = Draft(
    "choice",
    "Which?",
    options=(Choice("a", "no"), Choice("b", "yes"), Choice("c", "no", "guidance-is-free")),
    right=1,
)


@pytest.fixture
def room(db):
    return rooms.open_room(db, "")[0]


def joined(db, room, n=1):
    return [rooms.join(db, room.code, None)[1] for _ in range(n)]


def cast(db, room, who, asked, answer, round_=1, token=None):
    votes.cast_vote(db, room, who, asked.id, round_, token or f"token-{who.id}-{round_}-{answer}", answer)


def counted(db, asked):
    with db.read() as connection:
        return {(v.participant, v.round): v.answer for v in votes.of_activity(connection, asked.id)}


def test_the_last_vote_of_each_participant_counts_once(db, room):
    (a, b), asked = joined(db, room, 2), activities.ask(db, room, QUESTION)
    for answer in (0, 2, 1):
        cast(db, room, a, asked, answer)
    cast(db, room, b, asked, 2)
    assert counted(db, asked) == {(1, 1): 1, (2, 1): 2}
    with db.read() as connection:
        assert votes.voters(connection, asked.id, 1) == 2


def test_a_vote_sent_again_changes_nothing_even_after_a_newer_one(db, room):
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    cast(db, room, who, asked, 0, token="the-first")
    cast(db, room, who, asked, 1, token="the-second")
    cast(db, room, who, asked, 0, token="the-first")
    assert counted(db, asked) == {(1, 1): 1}


def test_a_vote_sent_again_is_acknowledged_after_its_round_was_closed_and_a_new_one_refused(db, room):
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    cast(db, room, who, asked, 0, token="the-first")
    activities.set_phase(db, room, asked, "discuss", 60)
    cast(db, room, who, asked, 0, token="the-first")
    with pytest.raises(Refused, match="closed"):
        cast(db, room, who, asked, 1, token="the-second")
    assert counted(db, asked) == {(1, 1): 0}


@pytest.mark.parametrize("phase", activities.PHASES)
def test_a_vote_counts_only_in_the_round_that_is_open(db, room, phase):
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    if phase != asked.phase:
        activities.set_phase(db, room, asked, phase)
    for round_ in (1, 2):
        if activities.ROUNDS.get(phase) == round_:
            cast(db, room, who, asked, 0, round_)
        else:
            with pytest.raises(Refused):
                cast(db, room, who, asked, 0, round_)
    assert set(counted(db, asked)) == (
        {(1, activities.ROUNDS[phase])} if phase in activities.ROUNDS else set()
    )


def test_a_vote_for_an_earlier_question_or_for_another_rooms_is_refused(db, room):
    (who,), first = joined(db, room), activities.ask(db, room, QUESTION)
    activities.ask(db, room, QUESTION)
    with pytest.raises(Refused):
        cast(db, room, who, first, 0)
    other, _ = rooms.open_room(db, "")
    elsewhere = activities.ask(db, other, QUESTION)
    with pytest.raises(NotThere):
        cast(db, room, who, elsewhere, 0)
    assert not counted(db, first) and not counted(db, elsewhere)


def test_nobody_votes_in_a_room_that_has_ended(db, room):
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    rooms.close_room(db, room)
    with pytest.raises(Refused, match="ended"):
        cast(db, room, who, asked, 0)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("choice", [0, 2], [-1, 3, 1.0, True, "1", None, [0], {}]),
        ("order", [[2, 0, 1]], [[0, 1], [0, 1, 1], [0, 1, 3], [0, 1, True], "012", None, [[0], 1, 2]]),
        ("number", [0, -3.5, 1e12], [float("nan"), float("inf"), 1e13, 10**400, True, "3", None, [1]]),
        ("text", ["why", "  a  b\n"], ["", " \n\u200b", 3, None, ["x"]]),
    ],
)
def test_an_answer_is_of_the_form_that_the_question_asks_for(kind, good, bad):
    for answer in good:
        answers.checked(kind, 3, answer)
    for answer in bad:
        with pytest.raises(Unfit, match=answers.KINDS[kind]):
            answers.checked(kind, 3, answer)


PAIRS = [[0, 1, 2], [1, 2, 1], [1, 0, 1]]


@pytest.mark.parametrize("answer", [PAIRS[:1], PAIRS, [[0, 1, 0], [0, 1, 2], [0, 2, 0]]])
def test_pairs_are_compared_once_each_in_a_set(answer):
    assert answers.checked("pairs", 3, answer, 6) == answer


@pytest.mark.parametrize(
    "answer",
    [[], [[0, 1]], [[0, 1, 1]], [[2, 0, 1]], [[0, 0, 3]], [[0, -1, 1]], [[0, 1, 0], [0, 0, 1]], [[0, True, 0]],
     [0, 1, 2], "012", None, [[0, 1, 0]] * 7, [[[0], 1, 2]], [[0, 1.0, 2]]],
)  # fmt: skip
def test_what_is_no_comparison_is_refused(answer):
    with pytest.raises(Unfit, match=answers.KINDS["pairs"]):
        answers.checked("pairs", 3, answer, 6)


@pytest.mark.parametrize("answer", [[[0, 2, 0]], [[0, 2, 0], [1, 1, 2], [1, 0, 2]]])
def test_what_is_told_apart_is_told_from_the_last(answer):
    assert answers.checked("tell", 3, answer, 6) == answer
    with pytest.raises(Unfit, match=answers.KINDS["tell"]):
        answers.checked("tell", 3, [*answer, [0, 0, 1]], 6)


def test_the_threshold_of_a_class_reaches_its_phones_with_the_answer_and_not_before(db, room):
    demo = Demo("steps", "alone", {})
    draft = questions.tell_apart("Which took 50?", (1, 5, 20), 50, "steps", ["cat", "dog"], "", demo)
    asked = activities.ask(db, room, draft, [b"png"] * 8)
    told = state.of_room(db, room.id)[0]["activity"]
    assert told["compared"] == 4 and told["images"] == ("cat",) * 4 + ("dog",) * 4
    assert "5 steps" not in json.dumps(told)
    for who in joined(db, room, MIN_PEOPLE):
        odd = [0, 3, 1] if who.number % 2 else [0, 1, 3]
        cast(db, room, who, asked, [[0, 3, 0], odd, [0, 2, 3]], token=f"all-three-{who.id}")
    activities.set_phase(db, room, asked, "reveal")
    told = state.of_room(db, room.id)[0]["activity"]
    threshold, low, high = told["result"]["told"]
    assert low < threshold < high and 1 < threshold < 5
    assert told["options"] == ["1 step", "5 steps", "20 steps", "50 steps"]
    (kept,) = activities.every(db, room)
    assert kept.question == draft


@pytest.mark.parametrize("levels", [(5, 1), (0, 1), (1,)])
def test_levels_that_no_threshold_could_be_found_on_are_refused(db, room, levels):
    draft = questions.tell_apart("Which?", levels, 50, "steps", ["cat"], "", Demo("steps", "alone", {}))
    with pytest.raises(Unfit, match="level above 0"):
        activities.ask(db, room, draft)


def test_a_comparison_is_blind_until_its_answer_is_shown_and_pooled_over_the_class(db, room):
    draft = questions.compare("Which is better?", ["3 steps", "30 steps"], 2)
    asked = activities.ask(db, room, draft, [b"png"] * 4)
    told = state.of_room(db, room.id)[0]["activity"]
    assert told["compared"] == 2 and len(told["images"]) == 4 and "30 steps" not in json.dumps(told)
    people = joined(db, room, 5)
    for who in people:
        cast(db, room, who, asked, [[0, 1, 0]], token=f"first-one-{who.id}")
        cast(
            db, room, who, asked, [[0, 1, 0], [1, 1, 0]], token=f"then-both-{who.id}"
        )  # all that was chosen so far, each time
    activities.set_phase(db, room, asked, "reveal")
    told = state.of_room(db, room.id)[0]["activity"]
    first, second = told["result"]["preferred"]
    assert told["options"] == ["3 steps", "30 steps"] and first < 0.2 < 0.8 < second
    assert told["notes"] == ("3 steps", "30 steps") * 2
    found = results.preferences(draft, votes.of_room(db, room))
    assert [(p.won, p.compared) for p in found] == [(0, 10), (10, 10)]
    assert "set 1: 30 steps over 3 steps; set 2: 30 steps over 3 steps" in results.as_csv(db, room)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sets"), [(["a"], 1), (["a", "b"], 5), (list("abcdefg"), 1), (["a", "b"], 0)]
)
def test_pairs_that_nobody_could_compare_are_refused(db, room, options, sets):
    with pytest.raises(Unfit, match="Pairs are of"):
        activities.ask(db, room, questions.compare("Which?", options, sets))


def test_a_text_is_cut_and_loses_what_cannot_be_seen():
    assert answers.checked("text", 0, "  <b>\x00bold</b>\n\u202e ") == "<b>bold</b>"
    assert len(answers.checked("text", 0, "x" * 10**6)) == answers.TEXT_LENGTH


@pytest.mark.parametrize("token", [None, 3, "", "short", "x" * 41, "with space", "ümlaut-umlaut"])
def test_a_vote_needs_an_id(db, room, token):
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    with pytest.raises(Unfit, match="id"):
        votes.cast_vote(db, room, who, asked.id, 1, token, 0)


@pytest.mark.parametrize(
    ("activity", "round_"), [(None, 1), ("1", 1), (True, 1), (10**30, 1), (1, 3), (1, None)]
)
def test_a_vote_says_for_what_it_is(db, room, activity, round_):
    (who,) = joined(db, room)
    with pytest.raises(Unfit, match="which question"):
        votes.cast_vote(db, room, who, activity, round_, "token-of-mine", 0)


@pytest.mark.slow
def test_votes_that_come_together_are_kept_in_one_transaction_each_judged_alone(db, room):
    asked, told, commits = activities.ask(db, room, QUESTION), [], []
    other = rooms.open_room(db, "")[0]
    secrets = [rooms.join(db, room.code, None)[2] for _ in range(3)]
    db.listeners.append(told.append)

    def ballot(k, answer, token=None, code=room.code, round_=1):
        return votes.Ballot(code, secrets[k], asked.id, round_, token or f"token-of-{k}", answer)

    def allow(who):
        if who.number == 3:
            raise TooMany("too often")

    sent = [
        ballot(0, 1), ballot(0, 1), ballot(1, 9), ballot(1, 2, "another-token"), ballot(2, 0), ballot(0, 0, code="NOSUCH"),
        ballot(0, 0, code=other.code), ballot(0, 0, "in-round-two", round_=2), ballot(0, 0, "no-round", round_=True),
    ]  # fmt: skip
    event.listen(db._engine, "commit", lambda connection: commits.append(connection))
    found = votes.cast_all(db, sent, allow)
    kinds = [None, None, Unfit, None, TooMany, NotThere, Stranger, Refused, Unfit]
    assert [type(wrong) if wrong else None for wrong in found] == kinds
    assert len(commits) == 1 and told == [room.id]
    assert {v.participant: v.answer for v in votes.of_room(db, room)} == {1: 1, 2: 2}


@pytest.mark.slow
def test_who_changes_their_mind_without_end_is_stopped(db, room, monkeypatch):
    monkeypatch.setattr(votes, "MAX_CHANGES", 3)
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    for i in range(3):
        cast(db, room, who, asked, i)
    with pytest.raises(TooMany, match="last vote counts"):
        cast(db, room, who, asked, 0, token="one-too-many")
    assert counted(db, asked) == {(1, 1): 2}


@pytest.mark.slow
def test_a_class_that_votes_at_once_is_counted_whole(db, room):
    people, asked = joined(db, room, 30), activities.ask(db, room, QUESTION)

    def vote(who):
        for _ in range(2):  # sent twice
            cast(db, room, who, asked, who.number % 3, token=f"token-of-{who.id}")

    threads = [threading.Thread(target=vote, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(db, asked) == {(who.number, 1): who.number % 3 for who in people}


def test_what_a_run_shows_to_be_right_is_kept_once_and_told_with_the_answer(db, room):
    asked = activities.ask(db, room, free_question("choice", "Which?", ["a", "b"]))
    settled = activities.settle(db, room, asked, 1)
    assert settled.question.right == 1
    assert "right" not in state.of_room(db, room.id)[0]["activity"]
    with pytest.raises(Refused, match="known already"):
        activities.settle(db, room, settled, 0)
    activities.set_phase(db, room, settled, "reveal")
    assert state.of_room(db, room.id)[0]["activity"]["right"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "right"), [("choice", 2), ("choice", -1), ("number", 0)])
def test_only_an_option_of_a_choice_can_be_shown_to_be_right(db, room, kind, right):
    options = ["a", "b"] if kind == "choice" else []
    with pytest.raises(Unfit, match="option"):
        activities.settle(db, room, activities.ask(db, room, free_question(kind, "Which?", options)), right)


def test_a_phase_comes_only_once_and_of_two_devices_one_goes_on(db, room):
    asked = activities.ask(db, room, QUESTION)
    later = activities.set_phase(db, room, asked, "discuss", 90)
    assert later.discuss_until == db.clock() + 90 and later.round == 1
    with pytest.raises(Refused, match="another device"):
        activities.set_phase(db, room, asked, "vote 2")
    with pytest.raises(Refused, match="further on"):
        activities.set_phase(db, room, later, "discuss")
    assert activities.set_phase(db, room, later, "vote 2").round == 2


@pytest.mark.parametrize(
    ("kind", "prompt", "options", "says"),
    [
        ("choice", "", ["a", "b"], "from 1 to"),
        ("choice", "x" * 601, ["a", "b"], None),
        ("choice", "?", ["a"], "from 2 to"),
        ("choice", "?", [str(i) for i in range(13)], "from 2 to"),
        ("choice", "?", ["a", " a "], "the same"),
        ("text", "?", ["a", "b"], "Only a choice"),
        ("essay", "?", [], "no such kind"),
    ],
)
def test_a_free_question_is_checked(kind, prompt, options, says):
    if says is None:  # cut to what fits
        assert len(free_question(kind, prompt, options).prompt) == activities.PROMPT_LENGTH
    else:
        with pytest.raises(Unfit, match=says):
            free_question(kind, prompt, options)


# --- what is told ------------------------------------------------------------------------------------------


def test_a_phone_is_told_no_answer_and_no_count_before_the_host_says_so(db, room):
    (who,), asked = joined(db, room), activities.ask(db, room, QUESTION)
    cast(db, room, who, asked, 2)

    def told():
        return state.of_room(db, room.id)[0]["activity"]

    secrets = {"right", "why", "explanation", "points", "notes", "demo"}
    assert not secrets & told().keys() and "result" not in told()
    with pytest.raises(Refused, match="still open"):
        activities.show_first_vote(db, room, asked, True)
    asked = activities.set_phase(db, room, asked, "discuss", 60)
    assert "result" not in told()
    asked = activities.show_first_vote(db, room, asked, True)
    assert told()["result"] == {"people": 1, "counts": [0, 0, 1]} and not secrets & told().keys()
    asked = activities.set_phase(db, room, asked, "vote 2")
    assert "result" not in told() and not asked.shown
    cast(db, room, who, asked, 1, 2)
    activities.set_phase(db, room, asked, "reveal")
    assert secrets <= told().keys() and told()["right"] == 1
    assert told()["result"] == {"people": 1, "counts": [0, 1, 0]}


def test_texts_are_shown_to_the_class_only_where_the_host_approved_them(db, room):
    (a, b), asked = joined(db, room, 2), activities.ask(db, room, free_question("text", "Why?"))
    cast(db, room, a, asked, "good", token="token-of-a")
    cast(db, room, b, asked, "bad", token="token-of-b")
    with db.read() as connection:
        good = next(v for v in votes.of_activity(connection, asked.id) if v.answer == "good")
    activities.approve(db, room, asked, good.id, True)
    activities.set_phase(db, room, asked, "reveal")
    assert state.of_room(db, room.id)[0]["activity"]["result"] == {"people": 2, "texts": ["good"]}


def test_the_wall_is_told_counts_and_nothing_else(db, room):
    (a, _), asked = joined(db, room, 2), activities.ask(db, room, QUESTION)
    cast(db, room, a, asked, 2)
    rooms.signal_lost(db, room, a, True)
    assert state.of_room(db, room.id)[1] == {
        "open": True, "joined": 2, "lost": 1, "voted": 1, "activity": asked.id, "phase": "vote 1", "shown": False,
        "until": None,
    }  # fmt: skip


def test_the_wall_counts_the_last_round_that_was_voted_in(db, room):
    people, asked = joined(db, room, 3), activities.ask(db, room, QUESTION)
    for who in people:
        cast(db, room, who, asked, 2)
    counts = {"vote 1": 3, "vote 2": 0}
    for phase, voted in counts.items():
        if phase != asked.phase:
            asked = activities.set_phase(db, room, asked, phase)
        assert state.of_room(db, room.id)[1]["voted"] == voted
    activities.set_phase(db, room, asked, "reveal")
    assert state.of_room(db, room.id)[1]["voted"] == 3


def test_a_participant_is_told_what_they_voted_and_nobody_else_is(db, room):
    (a, b), asked = joined(db, room, 2), activities.ask(db, room, QUESTION)
    cast(db, room, a, asked, 2)
    assert state.mine(db, room, a)["votes"] == {f"{asked.id}/1": 2} and not state.mine(db, room, b)["votes"]
    assert state.mine(db, room, a)["seed"] == room.seed + 1


def test_an_erased_room_is_told_to_be_gone(db, room):
    rooms.erase_room(db, room)
    phones, wall = state.of_room(db, room.id)
    assert phones["gone"] and not phones["open"] and not wall["open"]


def test_a_image_is_found_in_its_own_room_alone(db, room):
    asked = activities.ask(db, room, QUESTION, [b"first", b"second"])
    assert activities.image(db, room, asked.id, 1) == b"second"
    other, _ = rooms.open_room(db, "")
    for where in ((room, asked.id, 2), (other, asked.id, 0)):
        with pytest.raises(NotThere):
            activities.image(db, *where)


def test_who_is_lost_is_counted_as_it_changes(db, room, clock):
    a, b = joined(db, room, 2)
    began = clock.now
    for who, lost in ((a, True), (a, True), (b, True), (a, False)):
        clock.now += 10
        rooms.signal_lost(db, room, who, lost)
    assert [(at - began, n) for at, n in results.lost_curve(db, room)] == [(10, 1), (20, 1), (30, 2), (40, 1)]
    with db.read() as connection:
        assert results.lost_now(connection, room.id) == 1
    with pytest.raises(Unfit):
        rooms.signal_lost(db, room, a, "yes")


# --- results -----------------------------------------------------------------------------------------------


def two_rounds(db, room, before, after, question=QUESTION):
    """A question with both votes cast: participant i answers before[i], then after[i]; None for no vote."""
    people, asked = joined(db, room, len(before)), activities.ask(db, room, question)
    for phase, given in (("vote 1", before), ("vote 2", after)):
        if phase != asked.phase:
            asked = activities.set_phase(db, room, asked, phase)
        for who, answer in zip(people, given, strict=True):
            if answer is not None:
                cast(db, room, who, asked, answer, activities.ROUNDS[phase])
    with db.read() as connection:
        return asked, votes.of_activity(connection, asked.id)


def test_counts_flow_and_gain_are_those_of_the_votes(db, room):
    _, cast_votes = two_rounds(db, room, [0, 0, 1, 2, None], [1, 0, 1, None, 1])
    first, second = (results.of_round(cast_votes, n) for n in (1, 2))
    assert results.counts(first, 3) == [2, 1, 1] and results.counts(second, 3) == [1, 3, 0]
    assert results.flow(cast_votes, 3) == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    gain = results.gain(QUESTION, cast_votes)
    assert (gain.before, gain.after, gain.people) == (pytest.approx(1 / 3), pytest.approx(2 / 3), 3)
    assert gain.normalized == pytest.approx(0.5)


def test_there_is_no_gain_without_a_right_answer_and_none_to_be_had_where_all_were_right(db, room):
    _, cast_votes = two_rounds(db, room, [1, 1], [1, 0])
    assert results.gain(QUESTION, cast_votes).normalized is None
    assert results.gain(free_question("choice", "?", ["a", "b"]), cast_votes) is None
    assert results.gain(QUESTION, results.of_round(cast_votes, 1)) is None


def test_a_loss_is_told_in_shares_and_has_no_normalised_gain(db, room):
    _, cast_votes = two_rounds(db, room, [1, 1, 1, 1, 0], [1, 0, 0, 1, 1])
    gain = results.gain(QUESTION, cast_votes)
    assert (gain.before, gain.after) == (0.8, 0.6) and gain.normalized is None
    _, unchanged = two_rounds(db, room, [1, 0], [1, 0])
    assert results.gain(QUESTION, unchanged).normalized == 0


def test_misconceptions_are_counted_in_the_first_vote(db, room):
    asked, cast_votes = two_rounds(db, room, [2, 2, 0], [2, 1, 2])
    assert results.misconceptions_met([asked], cast_votes) == {"guidance-is-free": 2}


def test_a_number_is_right_within_its_tolerance():
    question = Draft("number", "How many?", right=20, tolerance=0.5)
    assert question.is_right(20.5) and not question.is_right(20.6)
    assert free_question("number", "How many?").is_right(3) is None


@pytest.mark.slow
def test_the_table_holds_every_vote_that_counts_and_nothing_that_a_spreadsheet_would_run(db, room):
    (who,), asked = joined(db, room), activities.ask(db, room, free_question("text", '=HYPERLINK("x")'))
    rooms.set_nickname(db, room, who, "+cmd|calc")
    cast(db, room, who, asked, "=1+1,\"'", token="token-first")
    cast(db, room, who, asked, "@SUM(A1)", token="token-second")
    activities.ask(db, room, QUESTION)
    cast(db, room, who, activities.every(db, room)[-1], 2)
    text, choice = csv.DictReader(io.StringIO(results.as_csv(db, room)))
    assert (
        text["answer"] == "'@SUM(A1)" and text["nickname"] == "'+cmd|calc" and text["prompt"].startswith("'=")
    )
    assert (choice["answer"], choice["right"], choice["misconception"]) == ("c", "no", "guidance-is-free")
    assert choice["question"] == "2" and choice["time"].endswith("+00:00")


# --- the collection ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", questions.KINDS)
def test_every_question_of_the_collection_can_be_asked(kind):
    for item in content.load(kind):
        for seed in (0, 1):
            draft = questions.of_item(item, seed)
            activities.check(draft)
            assert draft.source == item.id and draft.prompt
            if isinstance(item, content.Choice):
                assert draft.options[draft.right].text == next(o.text for o in item.options if o.right)
            if isinstance(item, content.Ordering):
                assert [draft.options[i].text for i in draft.right] == [s.text for s in item.stages]
                assert draft.right != sorted(draft.right)


@pytest.mark.slow
def test_a_question_survives_the_database(db, room):
    item = content.load("scenario_quiz")[0]
    draft = questions.of_item(item, 3)
    asked = activities.ask(db, room, draft)
    assert activities.every(db, room) == [asked]
    kept = activities.every(db, room)[0].question
    assert kept.options == draft.options and kept.demo == draft.demo and kept.right == draft.right


def test_a_number_at_the_end_of_what_is_right_is_right_and_is_shown_in_full():
    near = free_question("number", "How much?", right=1.0, tolerance=0.1)
    assert near.is_right(1.1) and near.is_right(0.9) and not near.is_right(1.1001)
    exact = free_question("number", "How many?", right=1_234_567.0)
    assert exact.is_right(1_234_567) and not exact.is_right(1_234_568)
    assert results.in_words(exact, 1_234_567.0) == "1234567" and results.in_words(near, 0.1 + 0.2) == "0.3"
