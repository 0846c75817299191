"""Names are removed from stored rows by Presidio, here with a model that we make: spaCy's own are not installed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import checks

from accounts.models import Workspace
from telemetry import deep_redaction, payloads
from telemetry.models import InferenceLog, Payload, RedactionPolicy, SearchEntry, Span
from tests.telemetry.calls import WORKSPACE, finished, only_row, record, started

pytestmark = pytest.mark.django_db
NAMES = {"PERSON": ["Alice Liddell", "Bob"], "GPE": ["Oxford"], "ORG": ["Looking-Glass Railway"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A pipeline that knows a few names, saved as spaCy's models are."""
    import spacy

    pipeline = spacy.blank("en")
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": name} for label, names in NAMES.items() for name in names])
    folder: Path = tmp_path_factory.mktemp("model") / "names"
    pipeline.to_disk(folder)
    return str(folder)


@pytest.fixture
def deep(settings, model) -> RedactionPolicy:
    settings.OLLIVE_DEEP_MODEL = model
    Workspace.objects.create(id=WORKSPACE, name="Wonderland")
    return RedactionPolicy.objects.create(workspace_id=WORKSPACE, is_deep=True)


def now() -> datetime:
    return datetime.now(UTC)


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def record_call(text: str, reply: str = "Gladly.", **fields: Any) -> InferenceLog:
    event = started(messages=said(text), **fields)
    record(event, finished(event.inference_id, reply=reply))
    return InferenceLog.objects.get(id=event.inference_id)


def test_names_are_replaced_in_the_whole_row(deep):
    record_call(
        "Write to Alice Liddell, a@example.org, in Oxford.",
        reply="Dear Alice Liddell of the Looking-Glass Railway",
        metadata={"asked by": "Bob"},
    )

    done = deep_redaction.run(now())

    row = only_row()
    assert (done.seen_count, done.changed_count) == (1, 1)
    assert row.input_preview == "Write to [[PERSON]], [[EMAIL]], in [[LOCATION]]."
    assert row.output_preview == "Dear [[PERSON]] of the [[ORG]]"
    assert row.metadata == {"asked by": "[[PERSON]]"}
    assert payloads.content_of(row)["messages"] == said("Write to [[PERSON]], [[EMAIL]], in [[LOCATION]].")
    assert row.deep_redacted_at is not None


def test_the_old_piece_is_erased_once_nothing_refers_to_it(deep):
    record_call("Where is Oxford?")
    record_call("Where is Oxford?", reply="There.")
    assert Payload.objects.filter(body__contains="Oxford").count() == 1

    done = deep_redaction.run(now())

    assert not Payload.objects.filter(body__contains="Oxford").exists()
    assert Payload.objects.filter(body__contains="[[LOCATION]]").count() == 1
    assert done.swept_count >= 1


def test_a_name_is_no_longer_found_by_its_words(deep):
    record_call("Where is Oxford?")
    deep_redaction.run(now())
    assert "oxford" not in str(SearchEntry.objects.get().words)


def test_steps_are_looked_through_too(deep):
    from telemetry import spans
    from tests.telemetry.calls import append

    append(spans.build({"id": "00000000-0000-4000-8000-00000000000a", "workspace_id": WORKSPACE, "arguments": {"who": "Bob"}}))
    record()
    deep_redaction.run(now())
    step = Span.objects.get()
    assert "Bob" not in f"{step.arguments_preview}{payloads.content_of(step)}"


def test_a_run_goes_on_where_the_last_one_stopped(deep):
    for number in range(3):
        record_call(f"Call {number} from Oxford.")

    assert deep_redaction.run(now(), seconds=-1).seen_count == 0
    assert deep_redaction.run(now()).seen_count == 3
    assert deep_redaction.run(now()).seen_count == 0


def test_what_is_settled_is_not_looked_for_again(deep):
    record_call("From Oxford.")
    deep_redaction.run(now() + timedelta(hours=2))
    deep.refresh_from_db()
    assert deep.deep_from > now()


def test_a_call_that_is_still_open_waits_for_its_end(deep):
    event = started(messages=said("From Oxford."))
    record(event)
    assert deep_redaction.run(now()).seen_count == 0
    record(finished(event.inference_id))
    assert deep_redaction.run(now()).changed_count == 1


def test_what_comes_for_a_call_later_is_looked_through_again(deep):
    event = started(messages=said("Hello"))
    record(finished(event.inference_id, reply="Hello Bob"))
    deep_redaction.run(now())
    record(started(event.inference_id, messages=said("I am in Oxford")))
    assert only_row().deep_redacted_at is None
    deep_redaction.run(now())
    assert only_row().input_preview == "I am in [[LOCATION]]"


def test_other_workspaces_are_left_alone(deep):
    RedactionPolicy.objects.update(is_deep=False)
    record_call("Where is Oxford?")
    assert deep_redaction.run(now()).seen_count == 0


def test_a_long_text_is_given_to_the_model_in_parts(deep):
    text = "Bob asks. " * 5_000
    assert deep_redaction.redact_names(text) == "[[PERSON]] asks. " * 5_000


def test_markers_and_words_of_the_protocol_stay(deep):
    value = [{"role": "Bob", "content": [{"type": "text", "text": "[[EMAIL]] is Bob's"}], "number": 7}]
    assert deep_redaction.redact_names(value) == [
        {"role": "Bob", "content": [{"type": "text", "text": "[[EMAIL]] is [[PERSON]]'s"}], "number": 7}
    ]


@pytest.mark.parametrize(
    ("named", "reason"),
    [("", "name one in OLLIVE_DEEP_MODEL"), ("en_nowhere_sm", "neither installed nor a folder"), ("/nowhere", "nor a folder")],
)
def test_without_a_model_rows_stay_as_they_are_and_it_says_why(deep, settings, named, reason):
    settings.OLLIVE_DEEP_MODEL = named
    record_call("Where is Oxford?")
    assert reason in (deep_redaction.problem() or "")
    assert deep_redaction.run(now()).seen_count == 0
    assert only_row().deep_redacted_at is None
    told = [message.msg for message in checks.run_checks() if message.id == "telemetry.W001"]
    assert bool(told) == bool(named)
