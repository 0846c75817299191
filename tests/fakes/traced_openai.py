"""A program as others write it: the official OpenAI client, instrumented, its spans exported by OpenTelemetry's own exporter.

`python -m tests.fakes.traced_openai openinference|opentelemetry|both BASE_URL`; the exporter reads OTEL_EXPORTER_OTLP_* as ever.
"""

import argparse
import contextlib
from typing import Any

import openai
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

INSTRUMENTATIONS: dict[str, list[Any]] = {
    "openinference": [OpenInference],
    "opentelemetry": [OpenLLMetry],
    "both": [OpenInference, OpenLLMetry],
}
SAID: Any = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "How do tides work?"}]
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("instrumentation", choices=INSTRUMENTATIONS)
    parser.add_argument("base_url")
    options = parser.parse_args()
    traces = TracerProvider(resource=Resource({"service.name": "harbour", "deployment.environment.name": "staging"}))
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(compression=Compression.Gzip)))
    for instrumentation in INSTRUMENTATIONS[options.instrumentation]:
        instrumentation().instrument(tracer_provider=traces)
    client = openai.OpenAI(api_key="sk-none", base_url=options.base_url, max_retries=0)
    tracer = traces.get_tracer("harbour")
    with tracer.start_as_current_span("answer", attributes={"openinference.span.kind": "CHAIN", "input.value": "tides"}):
        client.chat.completions.create(model="gpt-4o-mini", messages=SAID, temperature=0.2)
        list(client.chat.completions.create(model="streamed", messages=SAID, stream=True, stream_options={"include_usage": True}))
        client.chat.completions.create(model="calling", messages=SAID, tools=[TOOL])
        with tracer.start_as_current_span(
            "weather", attributes={"openinference.span.kind": "TOOL", "tool.name": "weather", "output.value": "Rain"}
        ):
            pass
        with contextlib.suppress(openai.RateLimitError):
            client.chat.completions.create(model="failing", messages=SAID)
    traces.shutdown()


if __name__ == "__main__":
    main()
