"""Kept answers that were given again, in the log: they cost nothing, whatever their tokens would have."""

import uuid

from telemetry import rows

CALL = {
    "status": "success",
    "phases": 3,
    "provider": "openai",
    "model": "gpt-4o-mini",
    "started_at": "2026-11-01T12:00:00+00:00",
    "received_at": "2026-11-01T12:00:00+00:00",
    "inference_id": str(uuid.uuid4()),
}


def test_a_kept_answer_costs_nothing_and_nobody_counts_its_tokens():
    row = CALL | {"is_cached": True, "usage_source": "none"}
    rows.settle(row, {"messages": [{"role": "user", "content": "How do tides work?"}], "reply": "By the moon."})
    assert (row["cost_usd"], row["price_id"]) == ("0", rows.CACHED)
    assert not any(row.get(name) for name in rows.TOKENS)


def test_a_client_that_tells_tokens_of_a_kept_answer_pays_nothing_either():
    row = CALL | {"is_cached": True, "input_tokens": 1000, "output_tokens": 500}
    rows.settle(row, {})
    assert row["cost_usd"] == "0"


def test_any_other_call_has_its_price():
    row = CALL | {"input_tokens": 1000, "output_tokens": 500}
    rows.settle(row, {})
    assert float(str(row["cost_usd"])) > 0
