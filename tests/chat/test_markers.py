"""Redaction markers in titles."""

from chat.figures import in_words


def test_a_marker_in_a_title_is_read_in_words():
    assert in_words("Mail to [[EMAIL]], card [[CARD]]") == "Mail to (e-mail), card (card number)"


def test_what_is_no_marker_stays():
    assert in_words("a [[NOTHING]] of [[lists]]") == "a [[NOTHING]] of [[lists]]"
