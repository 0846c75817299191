"""The declaration, the table, the page and what really arrives are the same fields."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from uuid_utils.compat import uuid7

from ollive_sdk.events import FIELDS, SPAN_FIELDS, TYPE_NAMES
from telemetry import payloads, spans
from telemetry.events import CONTENT
from telemetry.management.commands.describe_events import describe
from telemetry.models import InferenceLog, Payload, Span
from tests.telemetry.calls import NOON, WORKSPACE, finished, only_row, record

COLUMN_TYPES = {
    "text": "text",
    "choice": "text",
    "uuid": "uuid",
    "integer": "integer",
    "number": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamp with time zone",
    "money": "numeric",
    "json": "jsonb",
    "texts": "ARRAY",
    "integers": "ARRAY",
    "uuids": "ARRAY",
}
SAMPLES = {
    "text": "some words",
    "uuid": WORKSPACE,
    "integer": 7,
    "number": 7.5,
    "boolean": True,
    "timestamp": NOON,
    "money": "0.25",
    "json": {"a": [1, "b"]},
    "texts": ["one", "two"],
    "integers": [1, 2],
}


def column_of(name: str) -> str:
    return "id" if name == "inference_id" else name


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "fields"), [(InferenceLog, FIELDS), (Span, SPAN_FIELDS)])
def test_each_declared_field_is_a_column_of_its_type_and_each_column_is_declared(model, fields):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", [model._meta.db_table]
        )
        columns = dict(cursor.fetchall())
    identity = {"inference_id": "id"} if model is InferenceLog else {}
    declared = {identity.get(name, name): field for name, field in fields.items() if field.about.place == "row"}
    assert columns.keys() == declared.keys()
    assert columns.keys() == {field.column for field in model._meta.concrete_fields}
    smaller = {"phases": "smallint"}
    assert columns == {name: smaller.get(name, COLUMN_TYPES[field.type]) for name, field in declared.items()}


# A function of columns, columns that are only carried along, the beginnings of a text: what a model's Meta is too narrow for.
IN_SQL_ALONE: dict[Any, set[str]] = {InferenceLog: {"log_facets", "log_errors", "log_session"}}


@pytest.mark.django_db
@pytest.mark.parametrize("model", [InferenceLog, Payload, Span])
def test_the_tables_made_in_sql_have_the_indexes_that_the_models_declare(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    declared = {index.name: index.fields for index in model._meta.indexes}
    assert {name: found[name]["columns"] for name in declared} == declared
    made = {name for name, index in found.items() if index["index"] and not index["primary_key"]}
    assert made == declared.keys() | IN_SQL_ALONE.get(model, set())


def test_the_page_says_what_the_declaration_says():
    assert (Path(settings.BASE_DIR) / "docs" / "events.md").read_text() == describe()


@pytest.mark.parametrize(("fields", "content"), [(FIELDS, CONTENT), (SPAN_FIELDS, spans.CONTENT)])
def test_every_field_is_told_apart_and_explained(fields, content):
    assert len({field.about.otel for field in fields.values()}) == len(fields)
    assert all(field.about.meaning.endswith((".", "…")) for field in fields.values())
    assert {field.type for field in fields.values()} <= {*TYPE_NAMES.values(), "choice"}
    assert {name for name, field in fields.items() if field.about.place == "payload"} == set(content)


@pytest.mark.django_db
def test_every_field_that_may_be_sent_arrives():
    sent: dict[str, Any] = {
        name: SAMPLES[field.type] for name, field in FIELDS.items() if field.sender != "server" and field.type in SAMPLES
    }
    sent |= {"inference_id": uuid7(), "status": "success", "source": "sdk", "usage_source": "provider"}
    sent |= {"messages": [{"role": "user", "content": "hi"}], "reply": "hello", "tools": [{"type": "function"}]}
    assert sent.keys() == {name for name, field in FIELDS.items() if field.sender != "server"}
    record(finished(**sent))
    row = only_row()
    said = payloads.content_of(row)
    assert set(said) == set(CONTENT)
    assert said["messages"] == [{"role": "user", "content": "hi"}]
    assert said["reply"] == [{"role": "assistant", "content": "hello"}]
    lost = [name for name in sent if name not in CONTENT and getattr(row, column_of(name)) is None]
    assert not lost


@pytest.mark.django_db
def test_every_field_of_a_step_that_may_be_sent_arrives():
    given = {name: field for name, field in SPAN_FIELDS.items() if field.sender != "server"}
    sent: dict[str, Any] = {name: SAMPLES[field.type] for name, field in given.items() if field.type in SAMPLES}
    sent |= {"id": uuid7(), "kind": "tool", "status": "error", "source": "sdk"}
    assert sent.keys() == given.keys()
    record(spans.build(sent))
    row = Span.objects.get()
    assert payloads.content_of(row) == {"arguments": {"a": [1, "b"]}, "result": {"a": [1, "b"]}}
    assert not [name for name in sent if name not in spans.CONTENT and getattr(row, name) is None]
