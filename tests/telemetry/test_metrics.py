"""What processes count for Prometheus, alone and side by side."""

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from telemetry import digest, metrics
from tests.house.tree import ROOT
from tests.telemetry.calls import append, finished, started

CALL = metrics.Spoken(
    source="gateway",
    operation="chat",
    provider="openai",
    model="gpt-4o-mini",
    status="success",
    error=None,
    latency_ms=1500,
    ttft_ms=300,
    prompt_tokens=100,
    completion_tokens=20,
    cost_usd=Decimal("0.0005"),
)


def figures() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by its name and its labels in order."""
    families = text_string_to_metric_families(generate_latest(metrics.REGISTRY).decode())
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


@pytest.fixture
def grown():
    """By how much a sample grew since the test began."""
    before = figures()

    def growth(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return figures().get(key, 0) - before.get(key, 0)

    return growth


def test_a_request_is_counted_by_method_route_and_status(grown):
    metrics.observe_request("POST", "/v1/chat/completions", 200, 0.02)
    metrics.observe_request("POST", "/v1/chat/completions", 429, 0.001)
    assert grown("http_requests_total", method="POST", path="/v1/chat/completions", status="200") == 1
    assert grown("http_requests_total", method="POST", path="/v1/chat/completions", status="429") == 1
    assert grown("http_request_duration_ms_count", method="POST", path="/v1/chat/completions") == 2
    assert grown("http_request_duration_ms_bucket", method="POST", path="/v1/chat/completions", le="25.0") == 2
    assert grown("http_request_duration_ms_bucket", method="POST", path="/v1/chat/completions", le="5.0") == 1


def test_methods_that_nobody_knows_are_one(grown):
    for method in ("BREW", "PROPFIND", "x" * 500):
        metrics.observe_request(method, "/", 405, 0)
    assert grown("http_requests_total", method="(other)", path="/", status="405") == 3


def test_a_call_is_counted_under_the_names_of_opentelemetrys_conventions(grown):
    metrics.observe_call(CALL)
    asked = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt-4o-mini"}
    assert grown("gen_ai_client_operation_duration_seconds_sum", **asked, error_type="") == 1.5
    assert grown("gen_ai_client_operation_time_to_first_chunk_seconds_sum", **asked) == pytest.approx(0.3)
    assert grown("gen_ai_client_token_usage_sum", **asked, gen_ai_token_type="input") == 100
    assert grown("gen_ai_client_token_usage_sum", **asked, gen_ai_token_type="output") == 20
    assert grown("ollive_cost_usd_total", provider="openai", model="gpt-4o-mini") == pytest.approx(0.0005)
    of_source = {"source": "gateway", "provider": "openai", "model": "gpt-4o-mini"}
    assert grown("ollive_calls_total", **of_source, status="success") == 1


def test_a_call_that_failed_before_any_token_costs_nothing_and_names_its_error(grown):
    metrics.observe_call(
        CALL._replace(status="error", error="overloaded", ttft_ms=None, prompt_tokens=0, completion_tokens=0, cost_usd=None)
    )
    asked = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt-4o-mini"}
    assert grown("gen_ai_client_operation_duration_seconds_count", **asked, error_type="overloaded") == 1
    assert grown("gen_ai_client_operation_time_to_first_chunk_seconds_count", **asked) == 0
    assert grown("ollive_unpriced_calls_total", provider="openai", model="gpt-4o-mini") == 0


def test_tokens_without_a_price_are_told_instead_of_taken_for_free(grown):
    metrics.observe_call(CALL._replace(cost_usd=None))
    assert grown("ollive_unpriced_calls_total", provider="openai", model="gpt-4o-mini") == 1
    assert grown("ollive_cost_usd_total", provider="openai", model="gpt-4o-mini") == 0


def test_a_kept_answer_is_counted_and_was_no_call_at_a_provider(grown):
    metrics.observe_call(CALL._replace(status=metrics.CACHED))
    asked = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt-4o-mini"}
    of_source = {"source": "gateway", "provider": "openai", "model": "gpt-4o-mini"}
    assert grown("ollive_calls_total", **of_source, status="cached") == 1
    assert grown("gen_ai_client_operation_duration_seconds_count", **asked, error_type="") == 0


def test_names_that_callers_make_up_end_at_a_limit(grown, monkeypatch):
    monkeypatch.setattr(metrics, "MODELS_LIMIT", len(metrics._models) + 2)
    for number in range(10):
        metrics.observe_call(CALL._replace(provider="made-up", model=f"model-{number}"))
    of_source = {"source": "gateway", "provider": "made-up", "status": "success"}
    assert grown("ollive_calls_total", **of_source, model="model-1") == 1
    assert grown("ollive_calls_total", **of_source, model="(other)") == 8
    metrics.observe_call(CALL._replace(provider="made-up", model="model-1"))
    assert grown("ollive_calls_total", **of_source, model="model-1") == 2


@pytest.mark.django_db
def test_the_digest_counts_its_batches(grown):
    append(started(), finished())
    digest.drain()
    assert grown("ollive_digested_events_total", outcome="stored") == 2
    assert grown("ollive_digest_batch_duration_seconds_count") == 1


COUNTING = """
import sys
from prometheus_client import generate_latest
from telemetry import metrics
for _ in range(int(sys.argv[1])):
    metrics.observe_request("GET", "/health", 200, 0.003)
sys.stdout.write(generate_latest(metrics.counted()).decode())
"""


def counting(folder: Any, count: int, process: str) -> str:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder), "OLLIVE_PROCESS": process, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", COUNTING, str(count)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_processes_that_share_a_folder_tell_one_sum_and_the_dead_stay_counted(tmp_path):
    assert 'http_requests_total{method="GET",path="/health",status="200"} 2.0' in counting(tmp_path, 2, "web")
    text = counting(tmp_path, 3, "worker")
    assert 'http_requests_total{method="GET",path="/health",status="200"} 5.0' in text
    assert 'http_request_duration_ms_bucket{le="5.0",method="GET",path="/health"} 5.0' in text
    assert 'http_request_duration_ms_count{method="GET",path="/health"} 5.0' in text
    names = {path.name.partition("_")[2].partition("-")[0] for path in tmp_path.iterdir()}
    assert names == {"web", "worker"}
