"""A conversation as Markdown, for people: the shown branch, with what stood beside it."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from chat.figures import in_words, seconds
from telemetry.money import usd

FENCE = re.compile(r"^\s*(`{3,})", re.MULTILINE)


def markdown(document: Mapping[str, Any]) -> str:
    """The document of `chat.exports`, as a text."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    shown = [message for message in document["messages"] if message["is_shown"]]
    left_out = len(document["messages"]) - len(shown)
    yield f"# {in_words(document['title'] or 'Chat')}"
    yield ""
    yield f"- Begun: {_at(document['created_at'])}"
    if document["model"]:
        yield f"- Model: {document['model']}"
    if cost := _total(document["messages"]):
        yield f"- Cost: {cost}"
    if left_out:
        yield f"- Left out: {left_out} message{'s' if left_out > 1 else ''} of other branches; the JSON has them."
    yield ""
    if document["system_prompt"]:
        yield from ("## System prompt", "", document["system_prompt"], "")
    for message in shown:
        yield from _message(message)


def _message(message: Mapping[str, Any]) -> Iterator[str]:
    is_reply = message["role"] == "assistant"
    who = message.get("model") or "Reply" if is_reply else "You" if message["role"] == "user" else "System"
    yield from (f"## {who}", "", f"*{_at(message['created_at'])}*", "")
    if message["files"]:
        yield from ("Files (not included): " + ", ".join(f"`{in_words(name)}`" for name in message["files"]), "")
    if message.get("reasoning"):
        yield from ("<details>", "<summary>Reasoning</summary>", "", message["reasoning"], "", "</details>", "")
    for use in message["tool_uses"]:
        yield from _use(use)
    if message["text"]:
        yield from (message["text"], "")
    if message.get("error"):
        yield from (f"> {message['error']}", "")
    if is_reply:
        yield from (" · ".join(_facts(message)), "")
    if message["feedback"]:
        yield from (" · ".join(_feedback(message["feedback"])), "")


def _use(use: Mapping[str, Any]) -> Iterator[str]:
    name = f"{use['server']}: {use['name']}" if use["server"] else use["name"]
    yield from (f"Used the tool **{name}** ({use['status']}):", "")
    for text in (use["arguments"], use["result"]):
        if text:
            yield from (*_fenced(text), "")


def _fenced(text: str) -> Iterator[str]:
    """A block whose fence is longer than any in the text."""
    fence = "`" * max([3, *(len(found) + 1 for found in FENCE.findall(text))])
    yield from (fence, text, fence)


def _facts(message: Mapping[str, Any]) -> Iterator[str]:
    about = "≈ " if message["usage_source"] in ("counted", "estimated") else ""
    if message["status"] != "complete":
        yield {"canceled": "stopped"}.get(message["status"], message["status"])
    if message["completion_tokens"] is not None:
        yield f"{about}{message['prompt_tokens']} + {message['completion_tokens']} tokens"
        yield "unpriced" if message["cost_usd"] is None else f"{about}{usd(message['cost_usd'])}"
    if message["time_to_first_token_ms"] is not None:
        yield f"first token {seconds(message['time_to_first_token_ms'])}"
    if message["trace_id"]:
        yield f"trace `{message['trace_id']}`"


def _feedback(feedback: Mapping[str, Any]) -> Iterator[str]:
    yield "Feedback"
    if feedback["thumb"]:
        yield f"thumb {feedback['thumb']}"
    if feedback["rating"]:
        yield f"{feedback['rating']} of 5"
    if feedback["reasons"]:
        yield ", ".join(reason.replace("_", " ") for reason in feedback["reasons"])
    if feedback["comment"]:
        yield f"“{feedback['comment']}”"


def _total(messages: list[Mapping[str, Any]]) -> str:
    costs = [message.get("cost_usd") for message in messages if message["role"] == "assistant"]
    known = [Decimal(cost) for cost in costs if cost is not None]
    unpriced = len(costs) - len(known)
    if not known:
        return ""
    return usd(sum(known, Decimal(0))) + (f" and {unpriced} unpriced" if unpriced else "")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
