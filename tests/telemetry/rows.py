"""Log rows written as they are, for what is read of many of them: no event made them."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from telemetry import logs, partitions, rollups
from telemetry.models import InferenceLog
from tests.telemetry.calls import WORKSPACE

MODELS = (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-3-haiku-20240307"), (None, None))
USERS = (None, UUID(int=1), UUID(int=2))
KEYS = """
INSERT INTO inference_key (workspace_id, inference_id, received_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
"""
NOW = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


def make_row(dice: random.Random, at: datetime, workspace: UUID = WORKSPACE, **fields: Any) -> InferenceLog:
    provider, model = dice.choice(MODELS)
    status = dice.choices(("success", "error", "canceled", "in_progress"), (8, 1, 1, 1))[0]
    latency = None if status == "in_progress" else int(dice.lognormvariate(6.5, 1.2))
    told: dict[str, Any] = {
        "id": uuid4(),
        "workspace_id": workspace,
        "received_at": at,
        "phases": 3,
        "status": status,
        "provider": provider,
        "model": model,
        "source": dice.choice(("chat", "gateway", None)),
        "user_id": dice.choice(USERS),
        "input_tokens": dice.choice((None, 0, 100, 250)),
        "output_tokens": dice.choice((None, 50)),
        "usage_source": dice.choice(("provider", "estimated", "none")),
        "cost_usd": dice.choice((None, Decimal("0.000125"), Decimal("0.25"))),
        "latency_ms": latency,
        "ttft_ms": None if latency is None else latency // 3,
    }
    return InferenceLog(**(told | fields))


def store(rows: Iterable[InferenceLog], *, is_marked: bool = True) -> list[InferenceLog]:
    """Insert rows with their keys, and mark their minutes as the digest does."""
    stored = list(rows)
    partitions.ensure_days({row.day for row in stored})
    with connection.cursor() as cursor:
        for start in range(0, len(stored), 500):
            logs.write([_as_json(row) for row in stored[start : start + 500]], cursor)
        cursor.execute(KEYS, [[[row.workspace_id, row.id, row.received_at][place] for row in stored] for place in range(3)])
        if is_marked:
            rollups.touch(cursor, ((row.workspace_id, row.received_at) for row in stored))
    return stored


def _as_json(row: InferenceLog) -> dict[str, Any]:
    values = {column: getattr(row, column) for column in logs.COLUMNS}
    return {column: str(value) if isinstance(value, Decimal) else value for column, value in values.items()}


def scatter(
    count: int, *, days: float, end: datetime = NOW, seed: int = 7, workspace: UUID = WORKSPACE, **fields: Any
) -> list[InferenceLog]:
    """Rows at random moments of the days before `end`, not stored yet."""
    dice = random.Random(seed)
    return [make_row(dice, end - timedelta(days=dice.random() * days), workspace, **fields) for _ in range(count)]
