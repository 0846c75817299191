"""Calls that the tests of dashboards count: two of Alice's two hours ago, one of them failed; one of Bob's an hour ago."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from telemetry.models import InferenceLog
from tests.telemetry.rows import make_row, store

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
ALICES, BOBS = UUID(int=11), UUID(int=12)  # their conversations


def store_calls(alice: Any, bob: Any, now: datetime = NOW) -> list[InferenceLog]:
    workspace = alice.workspaces.get().id
    told = {"provider": "openai", "status": "success", "latency_ms": 1000, "ttft_ms": 200, "usage_source": "provider"}
    tokens = {"input_tokens": 100, "output_tokens": 50, "cost_usd": Decimal("0.25"), "source": "gateway"}
    hers = told | tokens | {"model": "gpt-4o", "user_id": alice.id, "conversation_id": ALICES}
    his = told | tokens | {"model": "gpt-4o-mini", "user_id": bob.id, "conversation_id": BOBS, "latency_ms": 3000}
    dice = random.Random(1)
    early, late = now - timedelta(hours=2), now - timedelta(hours=1)
    return store(
        [
            make_row(dice, early, workspace, **hers),
            make_row(dice, early, workspace, **(hers | {"status": "error"})),
            make_row(dice, late, workspace, **his),
        ]
    )
