"""The log row that a call's events make, in whatever order and however often they come. Pure: rows and events are plain JSON.

A finished event always wins over a started one and over an ending that we only inferred from silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ollive_sdk.events import FIELDS, PHASE_BITS
from telemetry import pricing, tokens
from telemetry.events import CONTENT

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
MONEY = (*TOKENS, "usage_source", "cost_usd", "price_id")
KEYS = {"inference_id", "workspace_id"}
TOLD = tuple(name for name, told in FIELDS.items() if told.about.place == "row" and told.sender != "server" and name not in KEYS)
FINISHED = PHASE_BITS["finished"]
COUNTABLE = {"success", "canceled", "interrupted"}
REPORTED = "reported by the caller"
CACHED = "answered from the cache"
PICO = Decimal("0.000000000001")


@dataclass(slots=True)
class Call:
    """One call being digested: its row so far, what its new events say, and what became of each event."""

    row: dict[str, Any]
    content: dict[str, Any] = field(default_factory=dict)
    stored_count: int = 0
    duplicate_count: int = 0


def merge(row: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]]) -> Call:
    """The row with these events in it. `row` is what is stored already, None for a new call."""
    call = Call(dict(row) if row else {"phases": 0, "status": "in_progress"})
    for event in sorted(events, key=lambda event: PHASE_BITS[event["phase"]]):
        bit = PHASE_BITS[event["phase"]]
        if call.row["phases"] & bit or _is_somebody_elses(call.row, event):
            call.duplicate_count += 1
            continue
        _add(call, event, is_ending=bit == FINISHED)
        call.row["phases"] |= bit
        call.stored_count += 1
    return call


def _is_somebody_elses(row: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether another person, or another door, tells of a call that is known already: who knows its id can't end or change it."""
    return any(row.get(name) and event.get(name) and str(row[name]) != str(event[name]) for name in ("user_id", "source"))


def _add(call: Call, event: Mapping[str, Any], *, is_ending: bool) -> None:
    row = call.row
    told = {name: event[name] for name in TOLD if name in event}
    content = {part: event[part] for part in CONTENT if part in event}
    if is_ending:
        if row["status"] != "in_progress":
            row.update(dict.fromkeys(MONEY))  # closed for silence, with an estimate that is no longer needed
        row.update(told)
        call.content.update(content)
    else:
        del told["status"]
        row.update({name: value for name, value in told.items() if row.get(name) is None})
        known = row.get("payload_parts") or {}
        call.content = {part: value for part, value in content.items() if part not in known} | call.content
    versions = (row.get("redaction_version"), event.get("redaction_version"))
    row["redaction_version"] = min((version for version in versions if version is not None), default=None)
    row["cut_fields"] = sorted({*(row.get("cut_fields") or ()), *(event.get("cut_fields") or ())}) or None


def settle(row: dict[str, Any], content: Mapping[str, Any]) -> None:
    """Work out in place what follows from what was told: durations, tokens that nobody counted, and the cost."""
    _measure(row)
    if any(row.get(name) for name in TOKENS):
        row["usage_source"] = row.get("usage_source") or "provider"
    elif needs_content(row):
        _estimate(row, content)
    _measure_speed(row)
    price(row)


def needs_content(row: Mapping[str, Any]) -> bool:
    """Whether `settle` would count the tokens of what was said."""
    uncounted = row.get("usage_source") in {None, "none"} and not any(row.get(name) for name in TOKENS)
    return row["status"] in COUNTABLE and uncounted and not row.get("is_cached")


def _measure(row: dict[str, Any]) -> None:
    started, first, ended = (_time(row.get(name)) for name in ("started_at", "first_token_at", "ended_at"))
    if row.get("latency_ms") is None and started and ended:
        row["latency_ms"] = _between(started, ended)
    if row.get("ttft_ms") is None and started and first:
        row["ttft_ms"] = _between(started, first)


def _measure_speed(row: dict[str, Any]) -> None:
    latency, ttft = row.get("latency_ms"), row.get("ttft_ms")
    completion = (row.get("output_tokens") or 0) + (row.get("reasoning_tokens") or 0)
    if row.get("tokens_per_second") is None and completion and latency is not None and ttft is not None and latency > ttft:
        row["tokens_per_second"] = round(completion * 1000 / (latency - ttft), 2)


def _estimate(row: dict[str, Any], content: Mapping[str, Any]) -> None:
    """Count what was said. It is redacted text by now, so this is an estimate whatever the vocabulary."""
    model = row.get("served_model") or row.get("model") or ""
    messages, reply = content.get("messages"), content.get("reply")
    if messages is None and reply is None:
        row["usage_source"] = "none"
        return
    row["input_tokens"] = tokens.count_messages(_listed(messages), model)
    row["output_tokens"] = sum(tokens.count(tokens.text_of(message), model) for message in _listed(reply))
    if content.get("reasoning"):
        row["reasoning_tokens"] = tokens.count(str(content["reasoning"]), model)
    row["usage_source"] = "estimated"


def price(row: dict[str, Any]) -> None:
    """Write the row's cost in place. Unknown stays None; a call that used no tokens that we know of has no known cost either."""
    if row.get("is_cached"):
        row["cost_usd"], row["price_id"] = "0", CACHED
        return
    found = None
    counts = {name: row.get(name) or 0 for name in TOKENS}
    if any(counts.values()) and row.get("provider"):
        at = _time(row.get("started_at")) or _time(row["received_at"])
        named = [name for name in (row.get("served_model"), row.get("model")) if name]
        prices = (pricing.cost_usd(row["provider"], name, at=at, **counts) for name in named)
        found = next((price for price in prices if price), None)
    if found:
        row["cost_usd"], row["price_id"] = str(found.usd), found.id
    elif row.get("reported_cost_usd") is not None:
        row["cost_usd"], row["price_id"] = str(Decimal(str(row["reported_cost_usd"]))), REPORTED
    else:
        row["cost_usd"] = row["price_id"] = None


def rounded(usd: str | None) -> Decimal | None:
    """A cost as the log's column keeps it, to the millionth of a millionth of a dollar."""
    return None if usd is None else Decimal(usd).quantize(PICO, ROUND_HALF_UP)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _between(start: datetime, end: datetime) -> int:
    """Milliseconds; clocks that go backwards give 0."""
    return min(max(0, round((end - start).total_seconds() * 1000)), 2**31 - 1)
