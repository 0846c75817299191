"""The access matrix of calls, traces and sessions."""

import uuid
from dataclasses import replace
from typing import Any

from telemetry import spans
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


def step_of(has: Belongings) -> list[Any]:
    """The trace, and a step in it that was given the plan."""
    told = {"workspace_id": str(has.conversation.workspace_id), "user_id": str(has.conversation.owner_id), "trace_id": TRACE}
    step = {"id": str(uuid.uuid4()), "kind": "tool", "name": "look_up", "arguments": "the secret plan"}
    record(spans.build(told | step))
    return [TRACE, step["id"]]


# Of her call a member of the same workspace knows as little as a stranger.
OF_A_CALL = Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda has: [call_of(has)])
ROWS: dict[str, Row] = {
    "logs": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "shown_logs": of_workspace(bob=403, query="q=plan"),
    "log": OF_A_CALL,
    "reveal_log": replace(OF_A_CALL, method="post"),
    "delete_log": replace(OF_A_CALL, method="post"),
    "trace": replace(OF_A_CALL, args=trace_of),
    "trace_step": replace(OF_A_CALL, args=step_of),
    "reveal_step": replace(OF_A_CALL, method="post", args=step_of),
}
