"""One-time codes: short-lived, single use, and too few tries to guess one."""

import pytest

from diffviz.lessons.moving import ALPHABET, LENGTH, LIFETIME, TRIES, TRIES_EACH, MoveCodes, MoveError


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def codes(clock):
    return MoveCodes(clock)


def test_a_code_leads_to_its_learner_once(codes):
    code = codes.issue("anna")
    assert codes.redeem(code, "other browser") == "anna"
    with pytest.raises(MoveError, match="No such code"):
        codes.redeem(code, "other browser")


def test_a_code_is_read_however_it_is_typed(codes):
    code = codes.issue("anna")
    assert codes.redeem(f" {code.replace('-', ' ').lower()} ", "b") == "anna"


def test_a_code_ends_after_ten_minutes(codes, clock):
    code = codes.issue("anna")
    clock.now += LIFETIME
    with pytest.raises(MoveError):
        codes.redeem(code, "b")


def test_a_new_code_of_a_learner_ends_the_one_before(codes):
    first, second, others = codes.issue("anna"), codes.issue("anna"), codes.issue("ben")
    with pytest.raises(MoveError):
        codes.redeem(first, "b")
    assert codes.redeem(second, "b") == "anna"
    assert codes.redeem(others, "c") == "ben"


def test_after_a_few_wrong_codes_a_visitor_is_refused_even_a_right_one_and_others_are_not(codes, clock):
    right, others = codes.issue("anna"), codes.issue("ben")
    for _ in range(TRIES_EACH):
        with pytest.raises(MoveError, match="No such code"):
            codes.redeem("AAAA-AAAA", "guesser")
    with pytest.raises(MoveError, match="Too many"):
        codes.redeem(right, "guesser")
    assert codes.redeem(others, "somebody else") == "ben"
    clock.now += LIFETIME
    with pytest.raises(MoveError, match="No such code"):  # may try again; the code has ended meanwhile
        codes.redeem(right, "guesser")


def test_whoever_guesses_from_many_browsers_gets_no_further(codes):
    for k in range(TRIES):
        with pytest.raises(MoveError, match="No such code"):
            codes.redeem("AAAA-AAAA", f"browser {k}")
    with pytest.raises(MoveError, match="Too many"):
        codes.redeem(codes.issue("anna"), "one more")
    # So within its lifetime one of 1,000 codes is hit with a chance below one in a million.
    assert TRIES * 1000 / len(ALPHABET) ** LENGTH < 1e-6


def test_a_code_does_not_name_the_learner_and_no_two_are_equal(codes):
    made = [codes.issue(f"{k:032x}") for k in range(200)]
    assert len(set(made)) == 200
    assert all(set(code) <= {*ALPHABET, "-"} and len(code) == LENGTH + 1 for code in made)


@pytest.mark.parametrize("odd", ["", "-", "ß" * 10_000, "A" * 8, "\x00", "0O1I-l9"])
def test_whatever_is_typed_is_answered_with_a_sentence(codes, odd):
    with pytest.raises(MoveError):
        codes.redeem(odd, "b")
