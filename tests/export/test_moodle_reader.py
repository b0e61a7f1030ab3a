"""The Moodle file as a reader from outside understands it: moodlexml-to-json, an npm package, run by node."""

import pytest
from helpers import read_by_npm

from diffviz.export import EVERYTHING, moodle, quiz
from diffviz.export.selection import QUIZ_KINDS
from diffviz.lessons.content import Choice, Ordering, Prediction, SelfCheck

pytestmark = pytest.mark.slow  # installs
READER = "moodlexml-to-json@1.1.3"
ITEMS = {item.id: item for item in EVERYTHING.items(*QUIZ_KINDS)}
_READ = """
require("moodlexml-to-json")(text, (found, error) => {
  if (error) throw error;
  console.log(JSON.stringify(found.questions));
});
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """The questions as the reader returns them, by name, and the file's categories."""
    found = read_by_npm(READER, _READ, moodle.xml(EVERYTHING), tmp_path_factory.mktemp("moodle"))
    questions = [q for q in found if q["type"] != "category"]
    by_name = {q["name"]: q for q in questions}
    assert len(by_name) == len(questions)
    return by_name, [q["category"] for q in found if q["type"] == "category"]


def test_the_reader_finds_every_question_under_its_id_in_its_kind(parsed):
    questions, categories = parsed
    kinds = {Choice: "multichoice", Ordering: "matching"}
    assert {k: q["type"] for k, q in questions.items()} == {
        k: kinds.get(type(item), "essay") for k, item in ITEMS.items()
    }
    assert len(categories) == len(set(categories)) == 1 + len(quiz.by_concept(list(ITEMS.values())))


def test_the_reader_gets_each_text_whole_with_its_tags(parsed):
    for k, question in parsed[0].items():
        item = ITEMS[k]
        assert question["format"] == "html"
        assert question["questiontext"] == quiz.question_html(item), k
        told = quiz.answer_html(item) + quiz.demo_html(item, EVERYTHING)
        assert question["generalfeedback"].startswith(told), k
        assert question["tags"] == [item.concept, item.difficulty], k


def test_the_reader_knows_which_option_is_right(parsed):
    for k, item in ITEMS.items():
        if isinstance(item, Choice):
            question = parsed[0][k]
            assert (question["single"], question["shuffleanswers"], question["defaultgrade"]) == (
                True,
                True,
                1,
            )
            assert [(a["text"], a["score"]) for a in question["answers"]] == [
                (quiz.paragraphs([o.text]), 100 if o.right else 0) for o in quiz.options(item)
            ], k


def test_the_reader_matches_each_stage_to_its_place_for_a_point_each(parsed):
    for k, item in ITEMS.items():
        if isinstance(item, Ordering):
            pairs = {a["text"]: a["answer"] for a in parsed[0][k]["answers"]}
            assert pairs == {
                quiz.paragraphs([f"{s.letter}) {s.text}"]): n for n, s in enumerate(item.stages, 1)
            }
            assert parsed[0][k]["defaultgrade"] == len(item.stages)


def test_the_reader_gives_an_essay_a_point_for_each_point_of_its_answer(parsed):
    for k, item in ITEMS.items():
        if isinstance(item, SelfCheck | Prediction):
            assert parsed[0][k]["defaultgrade"] == len(item.key_points), k
