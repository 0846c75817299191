"""Events of a call, ready for the inbox: validated, repaired, redacted, cut to length.

`started(...)` and `finished(...)` take the fields that `ollive_sdk.events` declares. What identifies the event must be right,
else `InvalidEvent`; any other value that can't be taken is left out and named in `problems`: no call goes unrecorded for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

import orjson
import structlog

from ollive_sdk.events import FIELDS, EventFields, Field, Phase, event_id
from telemetry import policies
from telemetry.values import CUT, Refused, shorten, take

WITHHELD = "[[WITHHELD]]"
BODY_LIMIT = 8 * 1024 * 1024  # bytes of one event's JSON
JSON_LIMIT = 64 * 1024  # bytes of a JSON column of the row; the payload's parts are bounded by the body
PREVIEW = 200
Payloads = policies.Payloads
CONTENT = tuple(name for name, field in FIELDS.items() if field.about.place == "payload")
PREVIEWS = ("input_preview", "output_preview")
SENSITIVE = tuple(name for name, field in FIELDS.items() if field.about.sensitive)
GIVEN = {name: field for name, field in FIELDS.items() if field.sender != "server"}

log = structlog.get_logger(__name__)


class InvalidEvent(ValueError):
    """The event can't be recorded: `field` is what is wrong with it, the message says how."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one call. `body` is its JSON; `received_at` is None for now, else the record's own time (imports)."""

    workspace_id: UUID
    inference_id: UUID
    event_id: str
    body: str
    received_at: datetime | None = None
    problems: tuple[str, ...] = ()


def started(*, payloads: Payloads | None = None, rules: policies.Rules | None = None, **fields: Unpack[EventFields]) -> Event:
    """The event of a call that is about to be made."""
    return build("started", dict(fields) | {"status": "in_progress"}, payloads=payloads, rules=rules)


def finished(*, payloads: Payloads | None = None, rules: policies.Rules | None = None, **fields: Unpack[EventFields]) -> Event:
    """The event of a call that has ended, in whatever way: `status` is one of the other four."""
    return build("finished", dict(fields), payloads=payloads, rules=rules)


def build(
    phase: Phase, given: Mapping[str, Any], *, payloads: Payloads | None = None, rules: policies.Rules | None = None
) -> Event:
    """An event from loose fields, as the ingesting doors have them.

    `payloads` may ask for less than the workspace and the installation keep; without `rules` those of the event's workspace hold.
    Raises InvalidEvent.
    """
    fields, problems = _validate(given)
    if phase == "finished" and fields.get("status") in {None, "in_progress"}:
        raise InvalidEvent("status", "is missing or not an ending")
    rules = rules or policies.rules_of(UUID(fields["workspace_id"]))
    policy = policies.kept(rules.policy, payloads)
    if policy == "none":
        drop(fields, (*CONTENT, *PREVIEWS))
    redacted = redact_fields(fields, rules)
    _add_previews(redacted)
    if policy == "preview":
        drop(redacted, CONTENT)
    cut = [*problems, *shorten_all(redacted, FIELDS, _shortened)]
    identity = event_id(redacted["inference_id"], phase)
    body = redacted | {"phase": phase, "redaction_version": rules.version, "cut_fields": cut or None}
    return Event(
        workspace_id=UUID(redacted["workspace_id"]),
        inference_id=UUID(redacted["inference_id"]),
        event_id=identity,
        body=_encode(body),
        problems=tuple(f"{name} {reason}" for name, reason in problems.items()),
    )


def redact_fields(fields: Mapping[str, Any], rules: policies.Rules | None = None) -> dict[str, Any]:
    """The same fields with the sensitive ones redacted, by the rules of their workspace unless others are given.

    A field on which the redactor fails is withheld whole.
    """
    redactor = (rules or policies.rules_of(_workspace(fields))).redactor
    sensitive = {name: fields[name] for name in SENSITIVE if fields.get(name) is not None}
    redacted: dict[str, Any] = {}
    for name, value in sensitive.items():
        try:
            redacted[name] = redactor.redact_json(value)
        except Exception as error:  # edge: whatever the redactor fails on, its text is withheld and the call goes on
            log.error("withheld a field that could not be redacted", field=name, error=type(error).__name__)
            redacted[name] = [WITHHELD] if FIELDS[name].type == "texts" else WITHHELD
    return dict(fields) | redacted


def redact_text(text: str, limit: int = 500, *, workspace_id: UUID | None = None) -> str:
    """A sentence of our own about an event, such as the error of its digestion, safe to store."""
    return shorten(str(redact_fields({"error_message": text, "workspace_id": workspace_id})["error_message"]), limit)


def _workspace(fields: Mapping[str, Any]) -> UUID | None:
    return UUID(str(fields["workspace_id"])) if fields.get("workspace_id") else None


def _validate(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    if unknown := given.keys() - GIVEN.keys():
        raise InvalidEvent(min(unknown), "is not a declared field")
    fields: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            fields[name] = take(GIVEN[name], value)
        except Refused as refusal:
            if name in {"inference_id", "workspace_id", "status"}:
                raise InvalidEvent(name, str(refusal)) from None
            problems[name] = str(refusal)
    for name in ("inference_id", "workspace_id"):
        if name not in fields:
            raise InvalidEvent(name, "is missing")
    return fields, problems


def drop(fields: dict[str, Any], names: Sequence[str]) -> None:
    for name in names:
        fields.pop(name, None)


def _add_previews(fields: dict[str, Any]) -> None:
    """Previews are made of redacted content: a text cut before it is redacted may end in half a secret."""
    for name, content in zip(PREVIEWS, ("messages", "reply"), strict=True):
        text = fields.get(name) or _last_text(fields.get(content))
        if text:
            fields[name] = preview_of(text)


def preview_of(content: Any) -> str:
    """The first words of a text, or of the last of these messages, in one line; empty where there are none."""
    text = content if isinstance(content, str) else _last_text(content) or ""
    return shorten(" ".join(text[: 4 * PREVIEW].split()), PREVIEW)


def _last_text(messages: Any) -> str | None:
    """The words of the last message, whatever its shape."""
    last = messages[-1] if isinstance(messages, list) and messages else messages
    content = last.get("content") if isinstance(last, dict) else last
    if isinstance(content, list):
        content = " ".join(str(part.get("text") or f"[{part.get('type')}]") for part in content if isinstance(part, dict))
    return content or None if isinstance(content, str) else None


def shorten_all(fields: dict[str, Any], declared: Mapping[str, Field], shortened: Callable[[Field, Any], Any]) -> list[str]:
    """Cut in place what is longer than declared, and name it. `shortened` gives the value itself, or a shorter one."""
    cut = []
    for name, value in fields.items():
        if (shorter := shortened(declared[name], value)) is not value:
            fields[name] = shorter
            cut.append(name)
    return cut


def _shortened(field: Field, value: Any) -> Any:
    """The value itself, or a shorter one."""
    if field.type == "text" and len(value) > field.about.limit:
        return shorten(value, field.about.limit)
    if field.type == "texts" and (len(value) > 50 or any(len(element) > field.about.limit for element in value)):
        return [shorten(element, field.about.limit) for element in value[:50]]
    if field.type == "json" and field.about.place == "row" and len(orjson.dumps(value)) > JSON_LIMIT:
        return CUT
    return value


def _encode(body: dict[str, Any]) -> str:
    present = {name: value for name, value in body.items() if value is not None}
    encoded = orjson.dumps(present)
    if len(encoded) > BODY_LIMIT:
        kept = {name: value for name, value in present.items() if name not in CONTENT}
        encoded = orjson.dumps(kept | {"cut_fields": [*kept.get("cut_fields", []), *sorted(present.keys() & set(CONTENT))]})
    return encoded.decode()
