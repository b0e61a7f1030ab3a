"""Words put together for a sentence."""

import pytest

from diffviz.ui.prose import listed


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_as_one_says_them(words, said):
    assert listed(words) == said
