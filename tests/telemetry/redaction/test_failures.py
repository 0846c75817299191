"""When the redactor fails, no text gets out unread, and nothing is raised."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from telemetry.redaction import StreamRedactor, redact, redact_json
from telemetry.redaction.documents import redact_document
from telemetry.redaction.engine import RuleSet
from telemetry.redaction.redactor import Redactor
from telemetry.redaction.rules import Match, Rule, Subject


def fail(subject: Subject) -> Iterator[Match]:
    raise ZeroDivisionError(subject.text)


@pytest.fixture
def broken() -> Redactor:
    return Redactor(RuleSet((Rule("boom-[0-9]", fail),)))


def test_it_withholds_the_text(broken):
    redacted = broken.redact("bob says boom-12")
    assert redacted.text == "[[WITHHELD]]"
    assert redacted.kinds == {"WITHHELD": 1}


def test_it_withholds_the_rest_of_a_stream(broken):
    redactor = StreamRedactor(broken)
    assert redactor.feed("bob says ") == "bob says "
    assert redactor.feed("boom-12 and") == "[[WITHHELD]]"
    assert redactor.feed(" more") == ""
    assert redactor.flush() == ""
    assert redactor.kinds == {"WITHHELD": 1}


def test_it_withholds_the_field_of_a_document(broken):
    assert redact_document({"a": "boom-12", "b": "fine", "c": [1]}, broken) == {"a": "[[WITHHELD]]", "b": "fine", "c": [1]}


@pytest.mark.parametrize("value", [None, 7, b"bob@example.com", object()])
def test_what_is_no_text_is_withheld(value):
    assert redact(value).text == "[[WITHHELD]]"
    assert StreamRedactor().feed(value) == "[[WITHHELD]]"


def test_a_document_that_can_not_be_read_is_withheld():
    class Silent:
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert redact_json({"a": Silent()}) == "[[WITHHELD]]"


def test_it_needs_neither_django_nor_settings():
    code = "import sys, telemetry.redaction as r; r.redact('bob@example.com'); sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
