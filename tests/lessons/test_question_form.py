"""Form must not give the right option away: a guesser who looks at form alone does no better and no worse than chance.

A rule marks options by their form alone ("the longest", "holds a connective", …). If the right option is one of the n
options of its question by chance, it is marked with probability (marked options)/n, whatever was marked. The number of
questions whose right option is marked is then a sum of independent coins of known odds, and its distribution is exact.
The collection passes a rule if that number would be as unlikely in no more than ALPHA of such collections, on both
sides: a right option that is marked too seldom gives itself away as much as one that is marked too often.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from diffviz.lessons import content, grading
from diffviz.lessons.content import Choice, load
from diffviz.lessons.content import Option as O

ALPHA = 0.05  # for each rule
QUIZ: list[Choice] = [*load("scenario_quiz"), *load("page_quiz")]
CONNECTIVES = (
    "since because so which as whose who where while though although thus hence unless until if but then than"
)
ABSOLUTES = "always never only all any every everything everybody nothing none no nobody just exactly whatever cannot must"
HEDGES = "may might can could often usually mostly some most nearly almost hardly likely partly about rather"
NEGATIONS = "no not nothing none never cannot without neither nor nobody"
FILLERS = "a an the of in on at to for by it its is are was were be and or with from that this one"

Rule = Callable[[Choice], Sequence[bool]]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def any_of(these: str) -> Rule:
    """Marks the options that hold one of these words."""
    return lambda item: [bool(set(these.split()) & set(words(o.text))) for o in item.options]


def most(measure: Callable[[Choice, O], float], sign: int = 1) -> Rule:
    """Marks the options with the largest measure (with sign -1, the smallest), ties included."""

    def marks(item: Choice) -> list[bool]:
        values = [sign * measure(item, o) for o in item.options]
        return [v == max(values) for v in values]

    return marks


def length(item: Choice, option: O) -> float:
    return len(option.text)


def echo(item: Choice, option: O) -> float:
    """How many words of content an option shares with the question."""
    return len((set(words(option.text)) & set(words(item.prompt))) - set(words(FILLERS)))


def kinship(item: Choice, option: O) -> float:
    """How many words of content an option shares with the other options, each counted as often as it is shared."""
    mine = set(words(option.text)) - set(words(FILLERS))
    return sum(len(mine & set(words(o.text))) for o in item.options if o is not option)


def odd_beginning(item: Choice) -> list[bool]:
    """Marks options whose first word no other option begins with, where some others do share theirs."""
    first = [o.text.split()[0] for o in item.options]
    return [Counter(first)[f] == 1 for f in first]


def inner_numbers(item: Choice) -> list[bool]:
    """Marks the numbers that are neither the smallest nor the largest, where all options are numbers."""
    found = [re.search(r"−?\d[\d,.]*\d|−?\d", o.text) for o in item.options]
    if not all(m and len(o.text) <= 9 for m, o in zip(found, item.options, strict=True)):
        return [False] * len(item.options)
    values = [float(m[0].replace("−", "-").replace(",", "")) for m in found]
    return [min(values) < v < max(values) for v in values]


def at_place(n: int) -> Rule:
    """Marks the option at one place, from 0."""
    return lambda item: [i == n for i in range(len(item.options))]


RULES: dict[str, Rule] = {
    "the longest": most(length),
    "the shortest": most(length, -1),
    "the longest or the shortest": lambda item: [
        a or b for a, b in zip(most(length)(item), most(length, -1)(item), strict=True)
    ],
    "holds a connective": any_of(CONNECTIVES),
    "holds an absolute word": any_of(ABSOLUTES),
    "holds a hedge": any_of(HEDGES),
    "holds a negation": any_of(NEGATIONS),
    "holds a comma": lambda item: ["," in o.text for o in item.options],
    "holds a colon": lambda item: [":" in o.text for o in item.options],
    "echoes the question most": most(echo),
    "is most like the others": most(kinship),
    "is least like the others": most(kinship, -1),
    "begins as no other": odd_beginning,
    "a number between others": inner_numbers,
    **{f"stands at place {n + 1}": at_place(n) for n in range(4)},
}


def p_value(quiz: Sequence[Choice], rule: Rule) -> float:
    """How likely a count of marked right options as unlikely as the one found is, if form says nothing."""
    odds, found = np.ones(1), 0
    for item in quiz:
        marks = rule(item)
        share = sum(marks) / len(marks)
        odds = np.convolve(odds, [1 - share, share])
        found += next(m for m, o in zip(marks, item.options, strict=True) if o.right)
    return float(odds[odds <= odds[found] * (1 + 1e-9)].sum())


@pytest.mark.parametrize("name", RULES)
def test_the_form_of_an_option_says_nothing_about_its_being_right(name):
    assert p_value(QUIZ, RULES[name]) > ALPHA


def spoilt(item: Choice, ending: str, of_right: bool) -> Choice:
    """A question with an ending put to its right option, or to one wrong one."""
    target = next(o for o in item.options if o.right == of_right)
    options = [dataclasses.replace(o, text=o.text + ending) if o is target else o for o in item.options]
    return dataclasses.replace(item, options=tuple(options))


@pytest.mark.parametrize(
    ("name", "ending", "of_right"),
    [
        ("the longest", " in every one of the cases that there are", True),
        ("holds a connective", ", since it is so", False),
        ("holds an absolute word", " always", False),
        ("holds a hedge", " usually", True),
    ],
)
def test_a_collection_that_gave_itself_away_would_fail(name, ending, of_right):
    """Every second question spoilt is enough to be noticed."""
    quiz = [spoilt(item, ending, of_right) if n % 2 == 0 else item for n, item in enumerate(QUIZ)]
    assert p_value(quiz, RULES[name]) < ALPHA


@pytest.mark.slow
def test_the_rate_of_false_alarms_is_what_is_said():
    """Collections whose right options were picked by chance fail a rule in ALPHA of the cases at most."""
    rng, alarms, rounds = np.random.default_rng(0), 0, 400
    for _ in range(rounds):
        quiz = []
        for item in QUIZ:
            right = rng.integers(len(item.options))
            options = tuple(dataclasses.replace(o, right=i == right) for i, o in enumerate(item.options))
            quiz.append(dataclasses.replace(item, options=options))
        alarms += p_value(quiz, RULES["holds a connective"]) <= ALPHA
    assert alarms / rounds <= ALPHA + 2 * (ALPHA / rounds) ** 0.5


def test_the_options_of_a_question_are_of_like_length():
    for item in QUIZ:
        lengths = sorted(len(o.text) for o in item.options)
        assert lengths[-1] - lengths[0] <= max(9, 0.3 * lengths[0]), item.id


def test_the_pages_shuffle_the_options_and_every_place_comes_up():
    """The app deals the options by a seed, so that a place in the file is no place on the screen."""
    places = Counter(grading.shuffled(4, seed).index(2) for seed in range(400))
    assert set(places) == {0, 1, 2, 3} and min(places.values()) > 60


# --- what the questions ask for ----------------------------------------------------------------------------


def test_a_third_and_more_ask_to_apply_to_analyse_or_to_calculate():
    asked = Counter(item.skill for item in QUIZ)
    assert set(asked) <= set(content.SKILLS)
    assert asked["application"] + asked["analysis"] + asked["calculation"] >= len(QUIZ) / 3
    assert min(asked["application"], asked["analysis"], asked["calculation"]) >= len(QUIZ) / 10
    assert asked["recall"] <= len(QUIZ) / 6


def test_what_is_called_a_calculation_has_numbers_to_choose_from():
    for item in QUIZ:
        if item.skill == "calculation":
            assert all(re.search(r"\d", o.text) for o in item.options), item.id


@pytest.mark.parametrize("kind", ["scenario_quiz", "page_quiz"])
def test_a_skill_that_is_not_known_is_refused(kind, tmp_path):
    text = (content.LESSONS / f"{kind}.toml").read_text(encoding="utf-8")
    (tmp_path / "misconceptions.toml").write_bytes((content.LESSONS / "misconceptions.toml").read_bytes())
    (tmp_path / f"{kind}.toml").write_text(
        text.replace('skill = "analysis"', 'skill = "magic"').replace(
            'skill = "application"', 'skill = "magic"'
        )
    )
    with pytest.raises(content.ContentError, match="skill must be one of"):
        load(kind, tmp_path)
