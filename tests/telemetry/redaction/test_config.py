"""What a workspace chooses: its patterns and words, kinds switched off; and that a stream gives the same there too."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.redaction import (
    VERSION,
    Config,
    CustomPattern,
    InvalidConfig,
    InvalidPattern,
    Redactor,
    WordList,
    redact,
    redactor_for,
)
from telemetry.redaction.patterns import LONGEST

CONFIG = Config(
    patterns=(
        CustomPattern("EMPLOYEE", r"\bEMP-[0-9]{4,8}\b"),
        CustomPattern("CASE", r"case (?:no|nr)\.? [A-Z]{2}\d{2,5}"),
        CustomPattern("CODE", r"(?i)zz[a-f]{1,3}|zzab-c{1,4}|q(?:xy){2,6}"),
    ),
    word_lists=(
        WordList("PROJECT", ("Titan", "Titan 2", "Blue Moon", "Überlingen", "東京支社", "C++")),
        WordList("TEAM", ("Red", "RED TEAM"), is_case_sensitive=True),
    ),
)
HELD = 128 + LONGEST + 50 + 128  # by the built-in rules, the custom ones, and the built-in ones again
PIECES = [
    *("Titan", " ", "2", "T", "EMP-", "1234", "5", "[[", "[[EMAIL]]", "[[E", "]]", "bob@example.com", "case no", " AB12", "."),
    *(
        "zz",
        "ab",
        "-c",
        "qxy",
        "xy",
        "Blue",
        "  ",
        "Moon",
        "\u200b",
        "\u200b" * 5,
        "é",
        "ü",
        "東京",
        "支社",
        "C+",
        "+",
        "\n",
        "a",
    ),
    *("415-555-0132", "4111 1111 1111 1111", "password: ", "hunter2", "Red", " TEAM", "bob@titan.com", "word " * 30),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=14).map("".join)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return redactor_for(CONFIG)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EMP-1234, xEMP-1234, EMP-123456789", "[[EMPLOYEE]], xEMP-1234, EMP-123456789"),
        ("see case nr. AB12345!", "see [[CASE]]!"),
        ("ZZabc zzab-cc qxyxyx", "[[CODE]] [[CODE]] [[CODE]]x"),
        ("titan, Titan 2 and Titanic", "[[PROJECT]], [[PROJECT]] and Titanic"),
        ("BLUE\n moon; überlingen", "[[PROJECT]]; [[PROJECT]]"),
        ("東京支社です c++", "[[PROJECT]]です [[PROJECT]]"),
        ("Red red RED TEAM", "[[TEAM]] red [[TEAM]]"),
        ("Tit\u200ban ｔｉｔａｎ", "[[PROJECT]] [[PROJECT]]"),
        ("bob@titan.com and Titan", "[[EMAIL]] and [[PROJECT]]"),
        ("[[EMAIL]] [[TITAN]] [[PROJECT_1]]", "[[EMAIL]] [[TITAN]] [[PROJECT_1]]"),
        ("Titan 415-555-0132", "[[PROJECT]] [[PHONE]]"),
        ("", ""),
    ],
)
def test_it_removes_what_the_workspace_names(redactor, text, expected):
    assert redactor.redact(text).text == expected


def test_what_stands_beside_a_custom_value_is_judged_again(redactor):
    assert redactor.redact("EMP-1234 415-555-0132").text == "[[EMPLOYEE]] [[PHONE]]"


def test_it_counts_the_kinds_without_changing_the_text(redactor):
    assert redactor.kinds_in("Titan bob@example.com Titan 2") == {"PROJECT": 2, "EMAIL": 1}
    assert redactor.version == VERSION


def test_it_redacts_documents(redactor):
    assert redactor.redact_json({"Titan": ["EMP-1234", 7]}) == {"[[PROJECT]]": ["[[EMPLOYEE]]", 7]}


def test_the_same_choices_are_the_same_redactor():
    assert redactor_for(Config(regions=("US",))) is redactor_for(Config(regions=("US",)))
    assert redactor_for() is redactor_for(Config())


def test_kinds_are_switched_off():
    redactor = redactor_for(Config(kinds_off=frozenset({"EMAIL", "PRIVATE_KEY"})))
    assert redactor.redact("bob@example.com 4111111111111111").text == "bob@example.com [[CARD]]"


def test_only_the_national_forms_of_the_regions_are_known():
    assert redactor_for(Config(regions=("GB",))).redact("415-555-0132, 020 7946 0958").text == "415-555-0132, [[PHONE]]"


def split_at(text, places):
    return [text[start:end] for start, end in pairwise([0, *sorted(places), len(text)])]


@settings(max_examples=200, deadline=None)
@given(text=texts, data=st.data())
def test_any_text_in_any_pieces_gives_what_the_whole_gives(redactor, text, data):
    whole = redactor.redact(text)
    for pieces in (split_at(text, data.draw(st.lists(st.integers(0, len(text)), max_size=8))), list(text)):
        stream, out = redactor.stream(), ""
        for piece in pieces:
            out += stream.feed(piece)
            assert whole.text.startswith(out)
            assert stream.held_count <= 4 * HELD
        assert out + stream.flush() == whole.text
        assert stream.kinds == whole.kinds


def test_every_split_of_random_texts_gives_what_the_whole_gives(redactor):
    random = Random(5)
    for _ in range(60):
        text = "".join(random.choice(PIECES) for _ in range(random.randint(1, 10)))
        whole = redactor.redact(text).text
        assert redactor.redact(whole).text == whole
        for place in range(len(text) + 1):
            stream = redactor.stream()
            assert stream.feed(text[:place]) + stream.feed(text[place:]) + stream.flush() == whole


def test_plain_words_are_not_held_back_for_custom_rules(redactor):
    stream = redactor.stream()
    assert [stream.feed(piece) for piece in ("The quick ", "brown ", "fox")] == ["The quick ", "brown ", ""]
    assert stream.feed(" is from the Tit") == "fox is from the "
    assert stream.feed("an ") == ""
    assert stream.feed("2 team") == "[[PROJECT]] "
    assert stream.flush() == "team"


def test_a_long_text_is_searched_like_a_short_one(redactor):
    text = "über words " * 3000 + "Titan" + " EMP-12345 x" * 500
    assert redactor.redact(text).text == "über words " * 3000 + "[[PROJECT]]" + " [[EMPLOYEE]] x" * 500


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "is empty"),
        ("a" * 501, "too long"),
        ("(", "can't be read"),
        ("[a-z&&b]", "can't be read"),
        ("a{0,3}", "nothing at all"),
        ("(?:a|)", "nothing at all"),
        ("x+", "no end"),
        (".*", "no end"),
        ("x{2,}", "no end"),
        ("x{1,101}", "at most"),
        ("(?:abc){40}", "100 characters long at most"),
        ("^abc", "anchors"),
        ("abc$", "anchors"),
        (r"a\bc", "anchors"),
        (r"(?:\ba|b)", "anchors"),
        ("(?=a)b", "linear"),
        ("(?<!a)b", "linear"),
        (r"(a)\1", "linear"),
        (r"\pL", "can't be read"),
        ("[[:alpha:]]", "Spell out"),
        ("a{,3}b", "Spell out"),
        (r"[\W_]", "brackets"),
        (r"(?i)(?:[\w]{1,3}[^\w]{1,3}){16}", "too costly"),
    ],
)
def test_a_pattern_that_can_not_be_a_rule_is_refused_with_a_reason(pattern, reason):
    with pytest.raises(InvalidPattern, match=reason):
        CustomPattern("LABEL", pattern)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CustomPattern("lower", "abc"),
        lambda: CustomPattern("EMAIL_1", "abc"),
        lambda: CustomPattern("WITHHELD", "abc"),
        lambda: CustomPattern("X", "abc"),
        lambda: WordList("LIST", ()),
        lambda: WordList("LIST", ("a",)),
        lambda: WordList("LIST", ("a" * 40,)),
        lambda: WordList("LIST", tuple(f"word{number}" for number in range(2001))),
        lambda: Config(regions=("XX",)),
        lambda: Config(national_ids=frozenset({"XX"})),
        lambda: Config(kinds_off=frozenset({"NOTHING"})),
        lambda: Config(kinds_off=frozenset({"WITHHELD"})),
        lambda: Config(patterns=(CustomPattern("LABEL", "abc"),) * 51),
    ],
)
def test_a_choice_that_can_not_be_followed_is_refused(make):
    with pytest.raises((InvalidConfig, InvalidPattern)):
        make()


def test_the_default_is_what_the_functions_of_the_module_do():
    assert redactor_for().redact("bob@example.com Titan").text == redact("bob@example.com Titan").text == "[[EMAIL]] Titan"


SHORT_PATTERNS = ("a", r"\s", r"[^b]{1,3}", "a{1,2}", r"\ba", r"a\b", ".b", "(?:a|ab){1,2}", r"\W", "b(?:a{1,3}| a)")


@pytest.mark.parametrize("pattern", SHORT_PATTERNS)
def test_patterns_of_a_character_or_two_are_found_where_they_are(pattern):
    redactor = redactor_for(Config(patterns=(CustomPattern("SHORT", pattern), CustomPattern("OTHER", "é"))))
    for text in ("a", "aa", "ab a", "a a\n", "bab [[EMAIL]]a[[", "é", " a\u200ba ", "aé b", "[[A]", "b a b"):
        whole = redactor.redact(text)
        assert "WITHHELD" not in whole.kinds
        for place in range(len(text) + 1):
            stream = redactor.stream()
            assert stream.feed(text[:place]) + stream.feed(text[place:]) + stream.flush() == whole.text
            assert stream.kinds == whole.kinds


def test_what_stands_before_a_piece_is_no_part_of_a_match():
    redactor = redactor_for(Config(patterns=(CustomPattern("SHORT", "a"),)))
    assert redactor.redact("baab").text == "b[[SHORT]][[SHORT]]b"
    assert redactor_for(Config(patterns=(CustomPattern("SHORT", r"x\s"),))).redact("x").text == "x"
