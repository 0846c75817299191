"""A rule tried on what was logged lately, before it is switched on: how often it would hit, and where."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from telemetry import payloads
from telemetry.models import InferenceLog, RedactionRule
from telemetry.policies import config_of
from telemetry.redaction import redactor_for

CALLS = 300
SECONDS = 3.0
CONTEXTS = 5
AROUND = 40  # characters shown on each side of a hit


@dataclass(slots=True)
class Trial:
    """What a dry run found: calls looked at, hits by label, calls with a hit, and a few places with the value left out."""

    call_count: int = 0
    hit_call_count: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    contexts: list[str] = field(default_factory=list)


def run(rule: RedactionRule, *, seconds: float = SECONDS) -> Trial:
    """Try a rule on the newest calls of its workspace, for a few seconds at most. Nothing is changed."""
    redactor = redactor_for(config_of(None, [rule]))
    trial = Trial()
    seen: dict[str, int] = {}
    deadline = time.monotonic() + seconds
    calls = InferenceLog.objects.filter(workspace_id=rule.workspace_id).order_by("-received_at", "-id")[:CALLS]
    for call in calls:
        if time.monotonic() > deadline:
            break
        trial.call_count += 1
        hit_count = 0
        for text in _texts(call):
            if text not in seen:
                redacted = redactor.redact(text)
                seen[text] = redacted.kinds.get(rule.label, 0)
                trial.hits[rule.label] += seen[text]
                if seen[text] and len(trial.contexts) < CONTEXTS:
                    trial.contexts.append(_context(redacted.text, rule.label))
            hit_count += seen[text]
        trial.hit_call_count += hit_count > 0
    return trial


def _texts(call: InferenceLog) -> Iterator[str]:
    content = payloads.shown_content_of(call) or {"input": call.input_preview, "output": call.output_preview}
    yield from _strings([content, call.metadata, call.error_message])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _context(redacted: str, label: str) -> str:
    """The words around a hit, in one line."""
    marker = f"[[{label}]]"
    at = redacted.find(marker)
    start, end = max(0, at - AROUND), at + len(marker) + AROUND
    return f"{'…' if start else ''}{' '.join(redacted[start:end].split())}{'…' if end < len(redacted) else ''}"
