"""The GIFT file as a reader from outside understands it: gift-pegjs, an npm package, run by node."""

import html
import re

import pytest
from helpers import read_by_npm

from diffviz.export import EVERYTHING, gift, quiz
from diffviz.export.selection import QUIZ_KINDS
from diffviz.lessons.content import Choice, Ordering

pytestmark = pytest.mark.slow  # installs
READER = "gift-pegjs@1.0.2"
ITEMS = {item.id: item for item in EVERYTHING.items(*QUIZ_KINDS)}
_READ = 'console.log(JSON.stringify(require("gift-pegjs").parse(text)));'


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """The questions as the reader returns them, by title, and the file's categories."""
    found = read_by_npm(READER, _READ, gift.text(EVERYTHING), tmp_path_factory.mktemp("gift"))
    questions = {q["title"]: q for q in found if q["type"] != "Category"}
    return questions, [q["title"] for q in found if q["type"] == "Category"]


def plain(markup):
    """Letters, digits and signs of a text, without markup."""
    return re.sub(r"[^\w−.=]", "", html.unescape(re.sub(r"<[^>]+>", " ", markup)))


def test_the_reader_finds_every_question_under_its_id_in_its_kind(parsed):
    questions, categories = parsed
    assert questions.keys() == ITEMS.keys()
    kinds = {Choice: "MC", Ordering: "Matching"}
    assert {k: q["type"] for k, q in questions.items()} == {
        k: kinds.get(type(item), "Essay") for k, item in ITEMS.items()
    }
    assert len(categories) == len(quiz.by_concept(list(ITEMS.values())))


def test_the_reader_gets_each_text_whole_with_nothing_taken_for_a_control_character(parsed):
    for k, question in parsed[0].items():
        item = ITEMS[k]
        assert question["stem"]["format"] == "html"
        assert plain(question["stem"]["text"]) == plain(quiz.question_html(item)), k
        assert plain(question["globalFeedback"]["text"]) == plain(
            quiz.answer_html(item) + quiz.demo_html(item, EVERYTHING)
        ), k


def test_the_reader_knows_which_option_is_right_and_why_each_is_or_is_not(parsed):
    for k, item in ITEMS.items():
        if not isinstance(item, Choice):
            continue
        read = {plain(c["text"]["text"]): c for c in parsed[0][k]["choices"]}
        assert read.keys() == {plain(o.text) for o in item.options}, k
        for option in item.options:
            given = read[plain(option.text)]
            assert given["isCorrect"] is option.right, k
            assert plain(given["feedback"]["text"]) == plain(quiz.paragraphs(quiz.reasons(option))), k


def test_the_reader_gets_the_stages_with_their_places(parsed):
    for k, item in ITEMS.items():
        if isinstance(item, Ordering):
            pairs = {plain(p["subquestion"]["text"]): p["subanswer"] for p in parsed[0][k]["matchPairs"]}
            assert pairs == {plain(f"{s.letter}) {s.text}"): str(n) for n, s in enumerate(item.stages, 1)}
