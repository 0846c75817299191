"""The access matrix of calls, traces and sessions."""

import uuid
from dataclasses import replace
from typing import Any

from django.utils import timezone

from telemetry import spans
from telemetry.models import BulkJob, BulkPiece, SavedView
from tests.house.belongings import Belongings
from tests.house.row import SIGN_IN, Row, of_workspace
from tests.telemetry.calls import finished, record, started

TRACE = "0" * 31 + "9"


def call_of(has: Belongings, **fields: Any) -> uuid.UUID:
    """A finished call of Alice's that tells of the plan."""
    inference_id = uuid.uuid4()
    told = {"workspace_id": has.conversation.workspace_id}
    said = {"messages": [{"role": "user", "content": "Tell me the secret plan"}], "reply": "It is the secret plan."}
    person = {"user_id": has.conversation.owner_id, "session_id": "tea-party", "trace_id": TRACE}
    record(
        started(inference_id, **told, **person, **fields, messages=said["messages"]),
        finished(inference_id, **told, reply=said["reply"]),
    )
    return inference_id


def trace_of(has: Belongings) -> list[str]:
    call_of(has)
    return [TRACE]


def session_of(has: Belongings) -> list[str]:
    call_of(has)
    return ["tea-party"]


def step_of(has: Belongings) -> list[Any]:
    """The trace, and a step in it that was given the plan."""
    told = {"workspace_id": str(has.conversation.workspace_id), "user_id": str(has.conversation.owner_id), "trace_id": TRACE}
    step = {"id": str(uuid.uuid4()), "kind": "tool", "name": "look_up", "arguments": "the secret plan"}
    record(spans.build(told | step))
    return [TRACE, step["id"]]


def view_of(has: Belongings) -> uuid.UUID:
    """A view of everybody's in Alice's workspace."""
    values = {"name": "secret plan", "query": "window=7d"}
    return SavedView.objects.get_or_create(workspace=has.conversation.workspace, owner=None, defaults=values)[0].id


def job_of(has: Belongings) -> uuid.UUID:
    """An export of Alice's with its file."""
    end = {"state": "done", "ended_at": timezone.now(), "byte_count": 11, "format": "jsonl"}
    workspace, owner = has.conversation.workspace, has.conversation.owner
    job, is_new = BulkJob.objects.get_or_create(workspace=workspace, person=owner, kind="export", defaults=end)
    if is_new:
        BulkPiece.objects.create(job=job, body=b"secret plan")
    return job.id


# Of her call a member of the same workspace knows as little as a stranger.
OF_A_CALL = Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda has: [call_of(has)])
ROWS: dict[str, Row] = {
    "logs": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "shown_logs": of_workspace(bob=403, query="q=plan"),
    "keep_view": of_workspace(bob=403, name="secret plan", query="window=7d", shared="yes"),
    "delete_view": of_workspace(bob=403, args=lambda has: [view_of(has)]),
    "bulk_logs": of_workspace(bob=403, act="delete", scope="all", query="window=7d"),
    "log_jobs": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "log_job": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda has: [job_of(has)]),
    "log_job_file": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda has: [job_of(has)]),
    "stop_log_job": of_workspace(bob=404, args=lambda has: [job_of(has)]),
    "log": OF_A_CALL,
    "reveal_log": replace(OF_A_CALL, method="post"),
    "delete_log": replace(OF_A_CALL, method="post"),
    "chat:rerun": OF_A_CALL,
    "sessions": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "session": replace(OF_A_CALL, args=session_of),
    "reveal_session": replace(OF_A_CALL, method="post", args=session_of),
    "trace": replace(OF_A_CALL, args=trace_of),
    "trace_step": replace(OF_A_CALL, args=step_of),
    "reveal_step": replace(OF_A_CALL, method="post", args=step_of),
}
