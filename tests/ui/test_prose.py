"""Words put together for a sentence."""

import pytest

from diffviz.ui.prose import counted, listed


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_as_one_says_them(words, said):
    assert listed(words) == said


def test_one_thing_is_counted_as_one():
    assert [counted(n, "answer") for n in (0, 1, 2)] == ["0 answers", "1 answer", "2 answers"]
