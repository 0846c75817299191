"""What travels over the page's socket, as JSON in both directions."""

import uuid
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from django.template.loader import render_to_string

from chat import costs, parts
from chat.contexts import TurnView
from chat.message_views import MessageView, message_view
from chat.models import Message
from chat.originals import NOTHING, Held

MAX_CHARACTERS = 16_384
MAX_RUNS = 16
PONG = '{"v":1,"type":"pong"}'
BYE = '{"v":1,"type":"bye","reason":"signed_out"}'
REMOVED = '{"v":1,"type":"bye","reason":"removed"}'


class Position(msgspec.Struct):
    """How much of a run the page has."""

    run: uuid.UUID
    seq: int = 0


class Request(msgspec.Struct):
    """What a page may say: `ping`, or `sync` with the conversation it shows, its running replies, and its last message."""

    type: str
    conversation: uuid.UUID | None = None
    runs: list[Position] = []
    last: uuid.UUID | None = None


def parse(text: str | None) -> Request | None:
    """None for anything but a small frame of the known shape."""
    if text is None or len(text) > MAX_CHARACTERS:
        return None
    try:
        request = msgspec.json.decode(text, type=Request)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return request if request.type in ("ping", "sync") and len(request.runs) <= MAX_RUNS else None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page that followed a run has been shown of the reply and of its reasoning; its tools' rows are as they will stay."""

    html: str
    reasoning_html: str


def end_frame(message: Message | None, *, run_id: uuid.UUID, seq: int, shown: Shown | None = None, held: Held = NOTHING) -> str:
    """The last frame of a run. Its body is null where what was shown is what will stay, and so is its reasoning.

    `held` is for the owner's own socket alone: a frame that is relayed is made without.
    """
    if message is None:
        return _json({"type": "end", "run": str(run_id), "seq": seq, "status": "canceled", "body": None, "foot": ""})
    view = message_view(message, held, parts.of([message]))
    rows = [] if shown else view.tool_rows
    return _json(
        {
            "type": "end",
            "run": str(run_id),
            "seq": seq,
            "status": view.status,
            "body": None if shown and shown.html == view.html else view.html,
            "thought": _thought(view, shown),
            "tools": [[str(row.id), render_to_string("chat/_tool_row.html", {"row": row})] for row in rows],
            "foot": render_to_string("chat/_foot.html", {"message": view}),
            "spent": costs.told(message.conversation_id),
        }
    )


def _thought(view: MessageView, shown: Shown | None) -> dict[str, Any] | None:
    if not view.reasoning_html:
        return None
    html = None if shown and shown.reasoning_html == view.reasoning_html else view.reasoning_html
    return {"append": html, "tail": "", "ms": view.reasoning_ms, "label": view.thinking_label}


def restored(frame: str, held: Held) -> str:
    """A frame of the stream with the values of its placeholders, for the owner's own socket."""
    content = orjson.loads(frame)
    for part in ("append", "tail"):
        if content.get(part):
            content[part] = held.html(content[part])
    for part in ("append", "tail"):
        if (content.get("thought") or {}).get(part):
            content["thought"][part] = held.html(content["thought"][part])
    if content.get("tools"):
        content["tools"] = [[row_id, held.html(row)] for row_id, row in content["tools"]]
    return orjson.dumps(content).decode()


def is_end(frame: str) -> bool:
    return bool(orjson.loads(frame)["type"] == "end")


def turn_frame(conversation_id: uuid.UUID, turn: TurnView) -> str:
    """A turn, and where it belongs: a page that shows another branch leaves it out."""
    return _json(
        {
            "type": "turn",
            "conversation": str(conversation_id),
            "html": turn.html,
            "prompt": str(turn.prompt_id),
            "reply": str(turn.reply_id),
            "parent": str(turn.parent_id) if turn.parent_id else None,
        }
    )


def _json(frame: dict[str, Any]) -> str:
    return orjson.dumps({"v": 1, **frame}).decode()
