"""Acts on many calls at once: what is asked before, what the worker does, who may, and what is noted."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Membership, User
from telemetry import bulk, policies
from telemetry.models import BulkJob, BulkPiece, InferenceLog, RedactionRule, RollupMark
from tests.accounts.parts import client_of, set_role, told
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db
SAID = [{"role": "user", "content": "Where is the walrus?"}]


def call_of(user: User, **fields: Any) -> InferenceLog:
    inference_id = uuid4()
    workspace_id = user.workspaces.get().id
    told = {"workspace_id": workspace_id, "user_id": user.id, "messages": SAID} | fields
    record(started(inference_id, **told), finished(inference_id, workspace_id=workspace_id, reply="The walrus sleeps."))
    return InferenceLog.objects.get(id=inference_id)


def key(call: InferenceLog) -> str:
    return f"{call.received_at.isoformat()}~{call.id}"


def post(client: Client, act: str, **fields: Any) -> Any:
    return client.post("/logs/bulk/", {"act": act, "confirmed": "yes", **fields}, follow=True)


def everything(client: Client, act: str, query: str = "window=30d", **fields: Any) -> Any:
    return post(client, act, scope="all", query=query, **{"typed": "delete"} | fields)


def work() -> BulkJob:
    bulk.work(timezone.now() + timedelta(seconds=1), seconds=30)
    return BulkJob.objects.latest("created_at")


def ids() -> set[UUID]:
    return set(InferenceLog.objects.values_list("id", flat=True))


def file_of(client: Client, job: BulkJob) -> str:
    return b"".join(client.get(f"/logs/jobs/{job.id}/file/")).decode()


def test_it_asks_first_how_many_are_meant(alice, bob):
    calls = [call_of(alice), call_of(bob)]
    answer = client_of(alice).post("/logs/bulk/", {"act": "delete", "scope": "all", "query": "window=30d&model=gpt-4o-mini"})
    assert answer.context["count"] == 2
    assert client_of(alice).post("/logs/bulk/", {"act": "delete", "call": key(calls[0])}).context["count"] == 1
    assert not BulkJob.objects.exists()


def test_chosen_calls_are_deleted_and_that_is_noted(alice, bob):
    gone, kept = call_of(bob), call_of(alice)
    answer = post(client_of(alice), "delete", call=key(gone))
    assert b"Waiting for a worker" in answer.content
    job = work()
    assert (job.state, job.done_count, job.total_count) == ("done", 1, 1)
    assert ids() == {kept.id}
    noted = AuditEntry.objects.get(action="calls.deleted")
    assert (noted.actor_id, noted.detail["call_count"], noted.detail["job"]) == (alice.id, 1, str(job.id))


def test_all_that_fit_are_deleted_slice_by_slice(alice, monkeypatch):
    monkeypatch.setattr(bulk, "SLICE", 2)
    kept = call_of(alice, model="gpt-4o")
    for _ in range(5):
        call_of(alice)
    client = client_of(alice)
    everything(client, "delete", "window=30d&model=gpt-4o-mini")
    later = call_of(alice)
    job = work()
    assert (job.state, job.done_count, job.changed_count) == ("done", 5, 5)
    assert ids() == {kept.id, later.id}, "what came after it was ordered stays"


def test_all_is_deleted_only_with_the_word_typed(alice):
    call_of(alice)
    assert "type “delete”" in told(everything(client_of(alice), "delete", typed="yes"))
    assert not BulkJob.objects.exists()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "Choose calls first"),
        ({"call": "first"}, "These are no calls of this list"),
        ({"scope": "all", "query": "q=walrus", "typed": "delete"}, "cannot be acted on as a whole"),
        ({"act": "burn"}, "Choose what to do"),
    ],
)
def test_what_cannot_be_done_is_told(alice, fields, why):
    assert why in told(post(client_of(alice), **{"act": "delete"} | fields))


@pytest.mark.parametrize(("role", "act"), [("member", "delete"), ("member", "redact"), ("viewer", "delete")])
def test_a_role_that_may_not_is_refused(bob, role, act):
    call = call_of(bob)
    assert post(client_of(set_role(bob, role)), act, call=key(call)).status_code == 403


def test_who_may_no_more_is_stopped_in_the_middle(alice, bob):
    call = call_of(alice)
    post(client_of(set_role(bob, "admin")), "delete", call=key(call))
    set_role(bob, "member")
    job = work()
    assert job.state == "failed"
    assert "does not let you delete calls" in job.problem
    assert ids() == {call.id}


def test_anothers_workspace_is_not_reached(alice, charlie):
    call = call_of(alice)
    post(client_of(charlie), "delete", call=key(call))
    assert work().changed_count == 0
    assert ids() == {call.id}


def test_a_job_that_was_stopped_does_nothing_more(alice):
    call = call_of(alice)
    client = client_of(alice)
    post(client, "delete", call=key(call))
    client.post(f"/logs/jobs/{BulkJob.objects.get().id}/stop/")
    assert work().state == "stopped"
    assert ids() == {call.id}


def test_a_job_goes_on_where_a_dead_worker_left_it(alice, monkeypatch):
    monkeypatch.setattr(bulk, "SLICE", 1)
    for _ in range(3):
        call_of(alice)
    everything(client_of(alice), "delete")
    now = timezone.now()
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bulk.work(now + timedelta(seconds=1), seconds=30)
    assert len(ids()) == 3
    assert bulk.work(now + timedelta(seconds=2), seconds=30), "another worker leaves it alone for a while"
    assert len(ids()) == 3
    bulk.work(now + bulk.LEASE + timedelta(seconds=2), seconds=30)
    assert ids() == set()
    assert BulkJob.objects.get().done_count == 3


def test_an_export_has_what_fits_and_others_figures_alone(alice, bob):
    theirs, own = call_of(bob), call_of(alice)
    call_of(alice, model="gpt-4o")
    client = client_of(alice)
    everything(client, "export", "window=30d&model=gpt-4o-mini", format="jsonl")
    records = [json.loads(line) for line in file_of(client, work()).splitlines()]
    assert [record["id"] for record in records] == [str(theirs.id), str(own.id)]
    assert "walrus" not in json.dumps(records[0])
    assert "walrus" in records[1]["input_preview"]
    assert AuditEntry.objects.get(action="data.exported").detail["call_count"] == 2
    assert not AuditEntry.objects.filter(action="content.seen").exists()


def test_the_owner_exports_what_was_said_and_that_is_noted(alice, bob):
    theirs = call_of(bob)
    client = client_of(alice)
    post(client, "export", call=key(theirs), format="jsonl", content="yes")
    (record_,) = [json.loads(line) for line in file_of(client, work()).splitlines()]
    assert record_["content"]["messages"] == SAID
    assert AuditEntry.objects.get(action="content.seen").actor_id == alice.id


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_nobody_else_exports_what_others_said(alice, bob, role):
    theirs, own = call_of(alice), call_of(bob)
    client = client_of(set_role(bob, role))
    post(client, "export", call=[key(theirs), key(own)], format="jsonl", content="yes")
    records = {record["id"]: record for record in map(json.loads, file_of(client, work()).splitlines())}
    assert records[str(own.id)]["content"]["messages"] == SAID
    assert (str(theirs.id) in records) == (role == "admin")
    assert "walrus" not in json.dumps(records.get(str(theirs.id), {}))


def test_a_table_is_written_in_slices_with_one_header(alice, monkeypatch):
    monkeypatch.setattr(bulk, "EXPORTED", 2)
    calls = [call_of(alice, app="=cmd()") for _ in range(5)]
    client = client_of(alice)
    everything(client, "export", format="csv")
    job = work()
    rows = list(csv.DictReader(io.StringIO(file_of(client, job))))
    assert [row["id"] for row in rows] == [str(call.id) for call in calls]
    assert {row["app"] for row in rows} == {"'=cmd()"}
    assert job.done_count == 5


def test_a_file_that_is_full_says_so_and_a_day_later_it_is_gone(alice, monkeypatch):
    monkeypatch.setattr(bulk, "EXPORTED", 1)
    monkeypatch.setattr(bulk, "LARGEST", 100)
    for _ in range(3):
        call_of(alice)
    client = client_of(alice)
    everything(client, "export")
    job = work()
    assert (job.state, job.done_count) == ("done", 1)
    assert "narrow the filters" in job.problem
    bulk.work(timezone.now() + timedelta(days=2), seconds=1)
    assert client.get(f"/logs/jobs/{job.id}/file/").status_code == 404
    assert not BulkPiece.objects.exists()


def test_calls_are_redacted_by_the_rules_of_today(alice):
    call, other = call_of(alice), call_of(alice, messages=[{"role": "user", "content": "Good day"}])
    client = client_of(alice)
    client.post("/settings/privacy/rules/add/", {"label": "ANIMAL", "form": "words", "source": "walrus"})
    client.post(f"/settings/privacy/rules/{RedactionRule.objects.get().id}/switch/", {"on": "1"})
    policies.forget()
    post(client, "redact", call=[key(call), key(other)])
    job = work()
    call.refresh_from_db()
    assert "walrus" not in f"{call.input_preview}{call.output_preview}"
    assert "[[ANIMAL]]" in (call.input_preview or "")
    assert (job.state, job.done_count) == ("done", 2)
    assert AuditEntry.objects.filter(action="calls.redacted").count() == 1


def test_whoever_left_ends_their_jobs(alice, bob):
    call = call_of(alice)
    post(client_of(set_role(bob, "admin")), "export", call=key(call))
    Membership.objects.filter(user=bob).delete()
    assert work().state == "failed"


def test_anothers_job_is_not_shown(alice, bob):
    post(client_of(alice), "export", call=key(call_of(alice)))
    job = work()
    for path in ("", "file/"):
        assert client_of(bob).get(f"/logs/jobs/{job.id}/{path}").status_code == 404


def test_sums_follow_what_was_deleted(alice):
    call = call_of(alice)
    RollupMark.objects.all().delete()
    post(client_of(alice), "delete", call=key(call))
    work()
    assert RollupMark.objects.exists()
