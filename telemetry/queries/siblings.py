"""The attempts that answered one request: the same provider once more, or another where that one failed."""

from datetime import timedelta
from itertools import pairwise

from telemetry.models import InferenceLog

AROUND = timedelta(hours=1)
LIMIT = 200  # calls of a trace that are looked at


def attempts_of(call: InferenceLog) -> list[InferenceLog]:
    """In the order in which they were made, the call itself included. They share a trace, in which they follow one another."""
    if not call.trace_id or call.attempt is None:
        return [call]
    near = InferenceLog.objects.filter(
        workspace_id=call.workspace_id,
        trace_id=call.trace_id,
        user_id=call.user_id,
        message_id=call.message_id,
        parent_span_id=call.parent_span_id,
        attempt__isnull=False,
        received_at__gte=call.received_at - AROUND,
        received_at__lt=call.received_at + AROUND,
    ).defer("payload_parts", "payload_refs", "token_times_ms", "usage", "metadata", "parameters")
    found = list(near.order_by("started_at", "id")[:LIMIT])
    chains: list[list[InferenceLog]] = [found[:1]] if found else []
    for before, after in pairwise(found):
        if after.attempt == (before.attempt or 0) + 1:
            chains[-1].append(after)
        else:
            chains.append([after])
    return next((chain for chain in chains if any(one.id == call.id for one in chain)), [call])
