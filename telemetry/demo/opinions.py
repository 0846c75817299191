"""What people do with the demo's replies, and what they and programs think of them, as lines for COPY."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

SCORE_COLUMNS = (
    "id", "workspace_id", "inference_id", "trace_id", "conversation_id", "user_id", "source", "name", "kind", "value", "label",
    "comment", "created_at", "updated_at",
)  # fmt: skip
EVENT_COLUMNS = ("name", "workspace_id", "user_id", "conversation_id", "happened_at")
NULL = r"\N"

REASONS = ("wrong", "wrong", "incomplete", "off_task", "too_long", "slow")
COMMENTS = (
    "The second step is out of date.",
    "Please give the sources too.",
    "It did not answer what I asked.",
    "Too many words for a simple question.",
)
PRAISE = ("Just what I needed.", "Clear and short.", "This saved me an hour.")


class Answered(NamedTuple):
    """A call as people see it."""

    workspace: str
    identity: str
    trace: str
    conversation: str
    user: str
    source: str
    status: str
    turn: int
    started_at: datetime
    ended_at: datetime
    is_slow: bool


def events(call: Answered) -> Iterator[str]:
    """What a person did in the chat with one message."""
    if call.source != "chat":
        return
    told = [("chat_requested", call.started_at)]
    if call.turn == 1:
        told.insert(0, ("conversation_created", call.started_at))
    if call.status in {"success", "error", "interrupted"}:
        told.append(("chat_succeeded" if call.status == "success" else "chat_failed", call.ended_at))
    for name, at in told:
        yield f"{name}\t{call.workspace}\t{call.user}\t{call.conversation}\t{at.isoformat()}"


def scores(dice: random.Random, call: Answered) -> Iterator[str]:
    """Some people judge some replies, the slow ones more harshly; a program rates some of its own."""
    if call.status != "success":
        return
    if call.source == "chat":
        if dice.random() < 0.07:
            yield from _of_a_person(dice, call)
    elif dice.random() < 0.03:
        helpful = min(1.0, max(0.0, dice.gauss(0.55 if call.is_slow else 0.78, 0.15)))
        yield _line(dice, call, name="helpfulness", kind="numeric", value=f"{helpful:.2f}")


def _of_a_person(dice: random.Random, call: Answered) -> Iterator[str]:
    is_up = dice.random() < (0.55 if call.is_slow else 0.86)
    yield _line(dice, call, name="thumb", kind="boolean", value="1" if is_up else "0")
    if dice.random() < 0.25:
        yield _line(dice, call, name="rating", kind="numeric", value=str(dice.choice((4, 5, 5) if is_up else (1, 2, 2, 3))))
    if not is_up and dice.random() < 0.7:
        yield _line(dice, call, name="reason", kind="category", label=dice.choice(REASONS))
    if dice.random() < 0.15:
        yield _line(dice, call, name="comment", kind="text", comment=dice.choice(PRAISE if is_up else COMMENTS))


def _line(
    dice: random.Random, call: Answered, *, name: str, kind: str, value: str = NULL, label: str = "", comment: str = ""
) -> str:
    at = (call.ended_at + timedelta(seconds=dice.randint(4, 90))).isoformat()
    is_person = call.source == "chat"
    return "\t".join(
        (
            *(str(UUID(int=dice.getrandbits(128), version=4)), call.workspace, call.identity, call.trace, call.conversation),
            *(call.user if is_person else NULL, "person" if is_person else "api", name, kind, value, label, comment, at, at),
        )
    )
