"""Traces of Ollive itself, as a collector gets them: one request of a program, from its door to the digest."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from telemetry import digest, tracing
from tests.chat.conftest import provider_environment
from tests.fakes.fixtures import RunningProvider
from tests.programs import client_of, make_token
from tests.server import WebServer, web_server
from tests.telemetry.calls import finished, record, started
from tests.up.installation import until

__all__ = ["provider_environment"]

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ASKED = {"model": "openai/fake", "messages": [{"role": "user", "content": "Write to ann@example.com about tides."}]}


class Collector:
    """Takes spans over HTTP, and remembers them by trace."""

    def __init__(self) -> None:
        spans: list[Span] = []

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    spans.extend(span for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: object) -> None: ...

        self._spans = spans
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def of(self, trace_id: str) -> dict[str, Span]:
        return {span.name: span for span in list(self._spans) if span.trace_id.hex() == trace_id}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.close()


@pytest.fixture(scope="module")
def traced_server(django_db_setup: None, collector: Collector, provider_environment: dict[str, str]) -> Iterator[WebServer]:
    environment = {"OTLP_COLLECTOR_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with web_server(provider_environment | environment) as server:
        yield server


@pytest.fixture
def program(traced_server: WebServer, transactional_db: None, fake_provider: RunningProvider, alice) -> Iterator[httpx.Client]:
    with client_of(traced_server, make_token(alice, scopes=["chat", "ingest"])) as client:
        yield client


@pytest.fixture
def _traced_here(settings, collector: Collector, monkeypatch) -> Iterator[None]:
    """The digest runs in the test's own process, as it does in a worker's."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    settings.OTLP_COLLECTOR_URL = collector.url
    tracing._sender.cache_clear()
    yield
    sender = tracing._sender()
    if sender is not None:
        sender._processor.shutdown()
    tracing._sender.cache_clear()


def told(span: Span) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value or each.value.double_value for each in span.attributes}


@pytest.mark.usefixtures("_traced_here")
def test_one_trace_goes_from_the_request_to_the_digest(program, collector):
    answer = program.post("/v1/chat/completions", json=ASKED, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert answer.status_code == 200, answer.text
    until(lambda: {"inbox started", "inbox finished", "POST /v1/chat/completions"} <= collector.of(TRACE).keys())
    digest.drain()
    until(lambda: {"digest started", "digest finished"} <= collector.of(TRACE).keys())
    spans = collector.of(TRACE)
    request, call = spans["POST /v1/chat/completions"], spans["chat fake"]
    assert request.parent_span_id.hex() == PARENT
    assert call.parent_span_id == request.span_id
    assert (request.kind, call.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    for name in ("inbox started", "inbox finished", "digest started", "digest finished"):
        assert spans[name].parent_span_id == call.span_id
    ids = {told(span)["ollive.inference_id"] for span in spans.values()}
    assert ids == {answer.headers["x-ollive-inference-id"]}
    assert told(request)["http.response.status_code"] == 200
    assert told(call)["gen_ai.provider.name"] == "openai"
    assert told(call)["gen_ai.usage.output_tokens"] > 0
    assert request.start_time_unix_nano <= call.start_time_unix_nano <= call.end_time_unix_nano
    assert "tides" not in str(spans)
    assert "ann@example.com" not in str(spans)


def test_a_page_is_traced_and_receiving_spans_is_not(program, collector):
    health = program.get("/health", headers={"X-Request-ID": "probe"})
    until(lambda: "GET /health" in collector.of(health.headers["x-trace-id"]))
    received = program.post("/v1/traces", content=b"", headers={"content-type": "application/x-protobuf"})
    last = program.get("/health")
    until(lambda: "GET /health" in collector.of(last.headers["x-trace-id"]))
    assert collector.of(received.headers["x-trace-id"]) == {}


@pytest.mark.django_db
def test_without_a_collector_nothing_is_made(monkeypatch):
    monkeypatch.setattr(tracing, "_Sender", None)
    tracing._sender.cache_clear()
    with tracing.visiting(TRACE) as visit:
        assert visit is None
        assert tracing.parent_of(TRACE, "an id") is None
    record(started(trace_id=TRACE, span_id=PARENT), finished(trace_id=TRACE, span_id=PARENT))
    tracing._sender.cache_clear()


@pytest.mark.parametrize(("share", "kept"), [("", 1000), ("0.25", 250), ("0", 0), ("nonsense", 1000)])
def test_a_share_of_the_traces_is_sent_each_of_them_whole(share, kept, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)
    tracing._share.cache_clear()
    ids = [f"{'a' * 16}{(2 * number + 1) * (2**64 // 2000):016x}" for number in range(1000)]
    assert sum(tracing._is_sampled(trace_id) for trace_id in ids) == kept
    tracing._share.cache_clear()


def test_a_collector_that_is_away_is_nobodys_error(settings):
    settings.OTLP_COLLECTOR_URL = "http://127.0.0.1:1"
    tracing._sender.cache_clear()
    sender = tracing._sender()
    assert sender is not None
    tracing.tell("late", trace_id=TRACE, span_id=PARENT, parent_id=None, seconds=0.1, attributes={})
    sender._processor.shutdown()
    tracing._sender.cache_clear()


def test_without_its_packages_the_operator_is_told_what_to_install(settings, monkeypatch, caplog):
    settings.OTLP_COLLECTOR_URL = "http://127.0.0.1:1"

    def fail(_url: str) -> None:
        raise ImportError(name="opentelemetry.sdk")

    monkeypatch.setattr(tracing, "_Sender", fail)
    tracing._sender.cache_clear()
    tracing.tell("lost", trace_id=TRACE, span_id=PARENT, parent_id=None, seconds=0.1, attributes={})
    assert "requirements-extras.txt" in caplog.text
    tracing._sender.cache_clear()
