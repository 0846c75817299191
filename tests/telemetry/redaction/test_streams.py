"""A stream, however it is cut, gives what the whole text gives, and no byte of a value before that is known."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.redaction_corpus import positives
from bench.redaction_ids import named_ids
from bench.redaction_texts import attacks
from telemetry.redaction import StreamRedactor, redact
from tests.telemetry.redaction.samples import ANTHROPIC, BODY, JWT, KEPT, LONG_JWT, PEM, REDACTED

HELD = 128
TEXTS = [text for text, _ in REDACTED] + list(KEPT)
PIECES = [
    *(text for text in TEXTS if 0 < len(text) < 200),
    *(
        "@",
        "://",
        ":",
        "=",
        "==",
        "-",
        "--",
        ".",
        "/",
        "+",
        "(",
        ")",
        '"',
        "'",
        "\\",
        "\\n",
        "%40",
        "[[",
        "]]",
        "\u200b",
        "\u200b" * 5,
        "é",
        "😀",
    ),
    *(
        "sk-",
        "sk-ant-",
        "AKIA",
        "eyJ",
        "eyJhbGciOiJI",
        "-----BEGIN ",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END",
        "+44 ",
        "GB29 NWBK ",
    ),
    *(
        "password: ",
        '"password": "',
        "token=",
        "ssn ",
        "phone ",
        "Bearer ",
        "1",
        "12 ",
        "4111 ",
        "请联系",
        "x" * 70,
        "0123456789" * 13,
        BODY,
    ),
]
SPACES = ("", "", " ", "\n", ", ", "  ")


def stream(pieces):
    """What a stream of these pieces puts out, piece by piece."""
    redactor = StreamRedactor()
    out = [redactor.feed(piece) for piece in pieces]
    return [*out, redactor.flush()], redactor


def cut(text, places):
    return [text[start:end] for start, end in pairwise([0, *sorted(places), len(text)])]


@pytest.mark.parametrize("text", TEXTS)
def test_every_split_gives_what_the_whole_gives(text):
    whole = redact(text)
    for place in range(len(text) + 1):
        out, redactor = stream([text[:place], text[place:]])
        assert "".join(out) == whole.text
        assert redactor.kinds == whole.kinds


@pytest.mark.parametrize("text", TEXTS)
def test_character_by_character_nothing_is_put_out_too_early(text):
    whole = redact(text).text
    out, _ = stream(text)
    done = ""
    for piece in out:
        done += piece
        assert whole.startswith(done)
    assert done == whole


@pytest.mark.parametrize("seed", range(12))
def test_samples_side_by_side_in_random_pieces(seed):
    random = Random(seed)
    corpus = [sample.text for sample in positives(random, 2)] + TEXTS
    for _ in range(25):
        text = "".join(random.choice(corpus) + random.choice(SPACES) for _ in range(random.randint(2, 6)))
        whole = redact(text).text
        assert "".join(stream(text)[0]) == whole
        for longest in (3, 20, 400):
            places = {random.randint(0, len(text)) for _ in range(1 + len(text) // longest)}
            assert "".join(stream(cut(text, places))[0]) == whole


texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=12).map("".join)


@settings(max_examples=250, deadline=None)
@given(text=texts, data=st.data())
def test_any_text_in_any_pieces_gives_what_the_whole_gives(text, data):
    whole = redact(text)
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    out, redactor = stream(cut(text, places))
    assert "".join(out) == whole.text
    assert redactor.kinds == whole.kinds
    assert "".join(stream(text)[0]) == whole.text


@settings(max_examples=250, deadline=None)
@given(text=st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SPACES)).map("".join), max_size=10).map("".join))
def test_any_text_redacted_twice_is_as_redacted_once(text):
    once = redact(text).text
    assert redact(once).text == once


@pytest.mark.parametrize(
    "text",
    [
        "word " * 100,
        "x" * 1000,
        "a.b-" * 300,
        "12 34 56 " * 100,
        "QUJD" * 300,
        "+1 " * 300,
        "(415) " * 100,
        "AB12 CD34 " * 60,
        "//" * 400,
        " - 1" * 200,
        "天气" * 300,
        "eyJ" * 300,
        "-----BEGIN " * 60,
        "é" * 500,
        "-----BEGIN PRIVATE KEY-----" + " " * 300,
        "@" * 500,
    ],
)
def test_it_holds_back_at_most_128_characters_of_what_stays(text):
    whole, redactor, put_out = redact(text).text, StreamRedactor(), 0
    assert whole == text
    for index, character in enumerate(text, start=1):
        put_out += len(redactor.feed(character))
        assert index - put_out <= HELD


@pytest.mark.parametrize("secret", [PEM, PEM[:-40], LONG_JWT, ANTHROPIC * 30, "bob@" + "example." * 60 + "com"])
def test_a_long_value_is_swallowed_without_being_kept(secret):
    redactor, out = StreamRedactor(), ""
    for character in secret:
        out += redactor.feed(character)
        assert redactor.held_count <= HELD
    assert out + redactor.flush() == redact(secret).text
    assert "[[" in redact(secret).text
    assert len(redact(secret).text) < 20


def test_the_first_byte_of_a_secret_waits():
    redactor = StreamRedactor()
    assert redactor.feed("it is ") == "it is "
    assert [redactor.feed(piece) for piece in ("b", "ob", "@exam", "ple.c", "om")] == [""] * 5
    assert redactor.feed(" now") == "[[EMAIL]] "
    assert redactor.flush() == "now"


def test_words_are_passed_on_when_the_next_one_begins():
    assert stream(["The ", "quick", " brown", " fox"])[0] == ["The ", "", "quick ", "brown ", "fox"]


def test_a_name_passed_on_long_ago_still_tells_what_follows():
    assert "".join(stream(["my pass", "word", " is", " ", "hun", "ter2", "!"])[0]) == "my password is [[PASSWORD]]"
    assert "".join(stream(["Authorization: ", "Bearer", " ", JWT[:50], JWT[50:], "\n"])[0]) == "Authorization: Bearer [[JWT]]\n"


def test_a_zero_width_flood_is_not_held_back():
    redactor = StreamRedactor()
    put_out = "".join(redactor.feed("\u200b") for _ in range(10_000)) + redactor.feed("a") + redactor.flush()
    assert put_out == "\u200b" * 10_000 + "a"
    redactor = StreamRedactor()
    for _ in range(5000):
        redactor.feed("x\u200b")
        assert redactor.held_count <= 4 * HELD


@pytest.mark.parametrize(("rule", "name"), attacks(Random(1), 10))
def test_a_long_text_full_of_values_is_walked_as_its_stream_is(rule, name):
    text = attacks(Random(1), 1500)[rule, name]
    whole = redact(text)
    out, redactor = stream(cut(text, range(7, len(text), 7)))
    assert "".join(out) == whole.text
    assert redactor.kinds == whole.kinds


@pytest.mark.parametrize("seed", range(6))
def test_values_far_apart_and_close_together_in_a_long_text(seed):
    random = Random(seed)
    corpus = [*(sample.text for sample in positives(random, 1)), *(sample.text for sample in named_ids(random, 1)), *KEPT]
    words = ("the river rose ", "token of ", "since 1999, ", "key = value; ", "call me ", "x" * 130 + " ", "\n", "pass: ", "pan ")
    text = "".join(random.choice(corpus) + random.choice(words) * random.choice((0, 1, 2, 9, 40)) for _ in range(60))
    whole = redact(text).text
    assert "".join(stream(text)[0]) == whole
    assert "".join(stream(cut(text, range(11, len(text), 11)))[0]) == whole
    assert redact(whole).text == whole
