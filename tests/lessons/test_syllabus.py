"""The syllabus: what it names is there, and a week that breaks a rule is named."""

import shutil

import pytest

from diffviz.export import labs
from diffviz.lessons import content, syllabus
from diffviz.lessons.content import ContentError


def test_six_weeks_use_every_plan_and_every_lab_and_fit_into_their_classes():
    weeks = syllabus.weeks()
    assert [week.number for week in weeks] == [1, 2, 3, 4, 5, 6]
    assert {part.plan.id for week in weeks for part in week.plans} == {plan.id for plan in content.plans()}
    assert [week.lab for week in weeks if week.lab] == list(labs.labs())
    assert all(0 < sum(part.minutes for part in week.plans) <= 90 for week in weeks)


def test_a_question_is_asked_once_and_each_has_an_answer():
    items = [item for week in syllabus.weeks() for item in week.self_check]
    assert len({item.id for item in items}) == len(items)
    assert all(syllabus.asked(item).endswith((".", "?")) for item in items)


def test_phases_taken_in_two_weeks_are_different_ones():
    taken = [(part.plan.id, title) for week in syllabus.weeks() for part in week.plans for title in part.only]
    assert len(set(taken)) == len(taken) > 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "plan-first"', 'id = "plan-nowhere"', "plan-nowhere"),
        ("What a figure hides", "What nobody asks", "What nobody asks"),
        ('paper = "ddim"', 'paper = "dream"', "dream"),
        ('lab = "1_forward_process"', 'lab = "7_dreams"', "7_dreams"),
        ('"check-task"', '"check-nothing"', "check-nothing"),
        ('page = "latent"', 'page = "nowhere"', "nowhere"),
        ('session = "The plan takes', 'sessions = "The plan takes', "sessions"),
        ('lab = "2_ddim_step"\nself_check = [', 'lab = ""\nself_check = [] #', "self_check"),
    ],
)
def test_a_week_that_names_what_is_not_there_is_refused(tmp_path, old, new, says):
    shutil.copytree(content.LESSONS, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / syllabus.FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / syllabus.FILE).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContentError, match=rf"week \d: .*{says}"):
        syllabus.weeks(tmp_path)
