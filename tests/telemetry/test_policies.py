"""What a process knows of a workspace's rules: soon, cheaply, also on an event loop, and never less than what is safe."""

import asyncio
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from telemetry import events, policies
from telemetry.models import InferenceLog, RedactionRule
from telemetry.redaction import VERSION
from tests.telemetry.calls import append, finished, record, started

BADGE = "W-1234"


@pytest.fixture
def rule(workspace) -> RedactionRule:
    made = RedactionRule.objects.create(workspace=workspace, label="STAFF_ID", source=r"\bW-\d{4}\b", is_on=True)
    policies.rules_changed(workspace.id)
    return made


@pytest.mark.django_db
def test_a_workspace_without_choices_has_the_defaults(workspace):
    rules = policies.rules_of(workspace.id)
    assert (rules.policy.mode, rules.policy.vault, rules.version) == ("log_only", None, VERSION)
    assert rules.redactor.redact("a@example.org").text == "[[EMAIL]]"


@pytest.mark.django_db
def test_the_rules_are_read_once_in_five_seconds(rule, workspace, monkeypatch):
    with CaptureQueriesContext(connection) as queries:
        for _ in range(100):
            policies.rules_of(workspace.id)
    assert len(queries) == 2

    RedactionRule.objects.update(is_on=False)
    assert policies.redactor_of(workspace.id).redact(BADGE).text == "[[STAFF_ID]]"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + policies.KEPT_SECONDS + 1)
    assert policies.redactor_of(workspace.id).redact(BADGE).text == BADGE


@pytest.mark.django_db
def test_events_are_redacted_and_stamped_by_the_rules_of_their_workspace(rule, workspace):
    body = events.build("started", {"inference_id": workspace.id, "workspace_id": workspace.id, "messages": f"I am {BADGE}"}).body
    assert BADGE not in body
    assert f'"redaction_version":{policies.version_of(workspace.id)}' in body
    assert policies.version_of(workspace.id) == policies.ENGINES + VERSION
    assert BADGE in started(messages=f"I am {BADGE}").body  # another workspace's


@pytest.mark.django_db
def test_what_waited_while_a_rule_was_switched_on_is_redacted_by_it(workspace):
    append(started(workspace_id=workspace.id, messages=[{"role": "user", "content": BADGE}]))
    RedactionRule.objects.create(workspace=workspace, label="STAFF_ID", source=r"\bW-\d{4}\b", is_on=True)
    policies.rules_changed(workspace.id)
    record()
    row = InferenceLog.objects.get()
    assert (row.input_preview, row.redaction_version) == ("[[STAFF_ID]]", policies.version_of(workspace.id))


@pytest.mark.django_db
def test_a_row_is_as_old_as_the_oldest_event_in_it(workspace):
    event = started(workspace_id=workspace.id)
    record(event)
    policies.rules_changed(workspace.id)
    record(finished(event.inference_id, workspace_id=workspace.id))
    assert InferenceLog.objects.get().redaction_version == VERSION


@pytest.mark.django_db
def test_rules_that_can_not_be_followed_withhold_everything(rule, workspace):
    RedactionRule.objects.update(source="([")
    policies.forget()
    with capture_logs() as logged:
        redactor = policies.redactor_of(workspace.id)
    stream = redactor.stream()
    assert redactor.redact("hello").text == "[[WITHHELD]]"
    assert redactor.redact_json({"a": "hello"}) == "[[WITHHELD]]"
    assert stream.feed("hello ") + stream.feed("you") + stream.flush() == "[[WITHHELD]]"
    assert "hello" not in started(workspace_id=workspace.id, messages=[{"role": "user", "content": "hello"}], tags=["hello"]).body
    assert logged[0]["log_level"] == "error"


@pytest.mark.django_db(transaction=True)
def test_on_an_event_loop_they_are_read_aside(rule, workspace):
    async def ask() -> str:
        first = policies.redactor_of(workspace.id).redact(BADGE).text
        again = await asyncio.gather(*(asyncio.to_thread(policies.rules_of, workspace.id) for _ in range(3)))
        assert {rules.version for rules in again} == {policies.ENGINES + VERSION}
        return first

    policies.forget()
    assert asyncio.run(ask()) == "[[STAFF_ID]]"


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_the_last_known_rules_hold(rule, workspace, charlie):
    policies.rules_of(workspace.id)
    stranger = charlie.memberships.get().workspace_id
    policies._known.update({key: (-1e9, rules) for key, (_, rules) in policies._known.items()})
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_redaction_policy RENAME TO elsewhere")
    try:
        assert policies.redactor_of(workspace.id).redact(BADGE).text == "[[STAFF_ID]]"
        assert policies.redactor_of(stranger).redact(BADGE).text == "[[WITHHELD]]"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO telemetry_redaction_policy")


@pytest.mark.django_db
def test_an_error_of_the_digest_is_told_by_the_rules_of_its_workspace(rule, workspace):
    assert events.redact_text(f"no such badge: {BADGE}", workspace_id=workspace.id) == "no such badge: [[STAFF_ID]]"
    assert events.redact_text("mail a@example.org") == "mail [[EMAIL]]"
