import unicodedata

import pytest
import torch

from diffviz.models.text_encoder import (
    MAX_TOKENS,
    NO_STYLE,
    NULL_TOKEN,
    PAD,
    TextEncoder,
    Vocabulary,
    tokenize,
)
from diffviz.paths import ASSETS


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.load(ASSETS / "vocabulary.json")


def test_words_are_lower_case_and_without_glue():
    assert tokenize("Smiling face with heart-eyes!") == ["smiling", "face", "heart", "eyes"]
    assert tokenize("The cat’s piñata") == ["cats", "pinata"]
    assert tokenize("  …  ") == []


def test_an_empty_prompt_asks_for_no_caption(vocabulary):
    row = vocabulary.encode("")
    assert row[:2] == [NO_STYLE, NULL_TOKEN]
    assert set(row[2:]) == {PAD}


def test_unknown_words_are_named_and_left_out(vocabulary):
    read = vocabulary.read("a zebrafish with sunglasses")
    assert read.words == ("sunglasses",)
    assert read.unknown == ("zebrafish",)
    assert vocabulary.encode("zebrafish sunglasses") == vocabulary.encode("sunglasses")


@pytest.mark.parametrize(
    ("text", "words", "unknown"),
    [
        ("猫", (), ("猫",)),
        ("cat 猫", ("cat",), ("猫",)),
        ("кот и heart", ("heart",), ("кот", "и")),
        ("naïve", (), ("naïve",)),
    ],
)
def test_words_in_other_letters_are_unknown_as_a_whole(vocabulary, text, words, unknown):
    read = vocabulary.read(text)
    assert read.words == words and read.unknown == unknown


def test_nearest_known_words_help_with_a_slip_of_the_pen(vocabulary):
    assert "octopus" in vocabulary.nearest("octapus")
    assert vocabulary.nearest("xqzzyv") == []


def test_word_order_and_repetition_do_not_change_what_is_asked(vocabulary):
    assert sorted(vocabulary.encode("face cat cat")) == sorted(vocabulary.encode("cat face"))


def test_a_long_prompt_is_cut_and_says_so(vocabulary):
    text = " ".join(vocabulary.words[:30])
    read = vocabulary.read(text)
    assert len(read.words) == MAX_TOKENS - 1
    assert read.cut
    assert len(vocabulary.encode(text)) == MAX_TOKENS


def test_an_unknown_style_is_refused_with_the_choices(vocabulary):
    with pytest.raises(ValueError, match="noto"):
        vocabulary.encode("cat", "oil painting")


def test_every_style_and_word_has_an_id_of_its_own(vocabulary):
    ids = [vocabulary.encode("", s)[0] for s in vocabulary.styles]
    ids += [vocabulary.encode(w)[1] for w in vocabulary.words]
    assert len(set(ids)) == len(vocabulary.styles) + len(vocabulary.words)
    assert max(ids) == len(vocabulary) - 1


def test_everyday_words_are_known(vocabulary):
    assert vocabulary.common_words <= set(vocabulary.words)
    assert {"cat", "heart", "apple"} <= vocabulary.common_words


def test_padding_changes_nothing():
    torch.manual_seed(0)
    encoder = TextEncoder(20, 8)
    short, long = torch.tensor([[3, 9]]), torch.tensor([[3, 9, PAD, PAD]])
    _, pooled, mask = encoder(long)
    assert torch.allclose(encoder(short)[1], pooled, atol=1e-6)
    assert mask.tolist() == [[True, True, False, False]]


def test_an_accent_that_is_a_character_of_its_own_is_read_like_the_letter_with_it():
    for word in ("piñata", "café", "naïve"):
        assert tokenize(unicodedata.normalize("NFD", word)) == tokenize(word)
