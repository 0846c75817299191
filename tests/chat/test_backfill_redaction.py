"""After a rule was switched on, what is stored already is redacted by it too: calls, steps, messages and titles."""

import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Workspace
from chat.models import Conversation, Feedback, Message
from telemetry import payloads, policies, raw_payloads, reredaction, rewriting, spans
from telemetry.models import BackfillMark, DeadLetter, InferenceLog, Payload, RedactionRule, SearchEntry, Span
from telemetry.redaction import VERSION
from tests.telemetry.calls import append, finished, record, started

pytestmark = pytest.mark.django_db
BADGE = "W-1234"


@pytest.fixture
def told(workspace, alice) -> InferenceLog:
    """A badge's number in a call, a step, a message and a title, from before there was a rule about it."""
    event = started(workspace_id=workspace.id, messages=said(f"I am {BADGE}."), metadata={"badge": BADGE})
    record(event, finished(event.inference_id, workspace_id=workspace.id, reply=f"Hello {BADGE}"))
    append(spans.build({"id": uuid.uuid4(), "workspace_id": workspace.id, "kind": "tool", "arguments": {"badge": BADGE}}))
    record()
    conversation = Conversation.objects.create(
        workspace=workspace, owner=alice, title=f"About {BADGE}", end_user=BADGE, metadata={"badge": BADGE}
    )
    Feedback.objects.create(conversation=conversation, kind="flag", comment=f"{BADGE} is wrong", metadata={"by": [BADGE]})
    Message.objects.create(conversation=conversation, role="assistant", content=f"Hello {BADGE}", html=f"<p>Hello {BADGE}</p>")
    return InferenceLog.objects.get()


@pytest.fixture
def rule(told, workspace) -> RedactionRule:
    made = RedactionRule.objects.create(workspace=workspace, label="STAFF_ID", source=r"\bW-\d{4}\b", is_on=True)
    policies.rules_changed(workspace.id)
    return made


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def backfill(*options: str) -> str:
    out = StringIO()
    call_command("backfill_redaction", *options, stdout=out)
    return out.getvalue()


def everything() -> str:
    """All that is stored, as one text."""
    tables: list[Any] = [InferenceLog, Span, Payload, SearchEntry, Message, Conversation, Feedback]
    return str([list(table.objects.values_list()) for table in tables])


def test_a_new_rule_reaches_what_is_stored(rule, told):
    printed = backfill()

    call = InferenceLog.objects.get()
    assert BADGE not in everything()
    assert payloads.content_of(call)["messages"] == said("I am [[STAFF_ID]].")
    assert (call.input_preview, call.metadata) == ("I am [[STAFF_ID]].", {"badge": "[[STAFF_ID]]"})
    assert "1234" not in str(SearchEntry.objects.get().words)
    assert Message.objects.get().html.strip() == "<p>Hello [[STAFF_ID]]</p>"
    assert "5 rows redacted by other rules, 5 changed." in printed
    assert "STAFF_ID 10" in printed


def test_a_dry_run_counts_by_kind_and_changes_nothing(rule):
    before = everything()
    printed = backfill("--dry-run")
    assert "5 would change" in printed
    assert "STAFF_ID 10" in printed
    assert everything() == before


def test_what_was_done_is_not_done_again(rule):
    backfill()
    assert backfill().startswith("0 rows redacted by other rules")


def test_it_goes_on_where_it_stopped(rule, workspace, monkeypatch):
    monkeypatch.setattr(policies, "_known", {workspace.id: (float("inf"), policies.DEFAULT)})
    append(*[started(workspace_id=workspace.id, messages=said(f"{BADGE} once more, {number}")) for number in range(3)])
    record()
    policies.forget()
    monkeypatch.setattr(reredaction, "BATCH", 1)
    rewritten: list[uuid.UUID] = []

    def stopped(reading, change, stamp):
        if len(rewritten) == 2:
            raise KeyboardInterrupt
        rewritten.append(reading.row.id)
        return rewrite(reading, change, stamp)

    rewrite = rewriting.rewrite
    monkeypatch.setattr(rewriting, "rewrite", stopped)
    with pytest.raises(KeyboardInterrupt):
        backfill()
    assert BackfillMark.objects.exists()
    monkeypatch.setattr(rewriting, "rewrite", rewrite)

    backfill()

    assert BADGE not in everything()
    assert not BackfillMark.objects.exists()


def test_only_the_workspace_and_the_period_asked_for(rule, workspace):
    other = Workspace.objects.create(name="Elsewhere")
    assert backfill("--workspace", str(other.id)).startswith("0 rows")
    assert backfill("--until", "2026-01-01").startswith("0 rows")
    tomorrow = timezone.now().date().replace(year=2030).isoformat()
    assert backfill("--since", tomorrow).startswith("0 rows")
    assert backfill("--workspace", str(workspace.id)).startswith("5 rows")


def test_rows_of_an_older_engine_are_redacted_by_this_one(told, workspace):
    InferenceLog.objects.update(redaction_version=VERSION - 1, input_preview="mail a@example.org")
    assert "EMAIL 1" in backfill()
    assert InferenceLog.objects.get().input_preview == "mail [[EMAIL]]"
    assert InferenceLog.objects.get().redaction_version == VERSION


def test_rules_that_can_not_be_followed_stop_it(rule):
    RedactionRule.objects.update(source="a*")
    policies.forget()
    with pytest.raises(CommandError, match="can't be followed"):
        backfill()


def test_a_workspace_that_only_the_log_knows_is_not_forgotten(alice):
    gone = uuid.uuid4()
    record(started(workspace_id=gone, messages=said("Hello")))
    InferenceLog.objects.update(redaction_version=None, input_preview="mail a@example.org")
    assert "EMAIL 1" in backfill()


def test_dead_letters_are_redacted_too(rule, workspace):
    for body in (f'{{"phase":"finished","reply":"Hello {BADGE}","redaction_version":1}}', f"broken {BADGE}"):
        DeadLetter.objects.create(
            workspace_id=workspace.id,
            inference_id=uuid.uuid4(),
            event_id="old",
            body=body,
            received_at=timezone.now(),
            attempt_count=5,
            error="no",
        )
    assert "STAFF_ID 12" in backfill("--dry-run")
    backfill()
    assert not DeadLetter.objects.filter(body__contains=BADGE).exists()
    assert DeadLetter.objects.filter(body__contains="Hello [[STAFF_ID]]").exists()


def test_a_large_original_is_redacted_where_it_is_kept(told, workspace):
    raw = {"request": "x" * raw_payloads.LARGE, "badge": BADGE}
    event = started(workspace_id=workspace.id, messages=said("Hello"), raw_payload=raw)
    record(event)
    call = InferenceLog.objects.get(id=event.inference_id)
    assert raw_payloads.is_ours(call)
    RedactionRule.objects.create(workspace=workspace, label="STAFF_ID", source=r"\bW-\d{4}\b", is_on=True)
    policies.rules_changed(workspace.id)

    backfill()

    assert payloads.content_of(call)["raw_payload"] == raw | {"badge": "[[STAFF_ID]]"}
