"""A program as others write it: the official OpenAI client, instrumented, its spans exported by OpenTelemetry's own exporter.

`python -m tests.fakes.traced_openai BASE_URL`. How it is instrumented is told by TRACE_SETUP, a JSON list of the blocks of code
that a documentation gives; each makes a TracerProvider named `traces`.
"""

import argparse
import contextlib
import json
import os
from typing import Any

import openai

SAID: Any = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "How do tides work?"}]
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    options = parser.parse_args()
    providers = []
    for block in json.loads(os.environ["TRACE_SETUP"]):
        scope: dict[str, Any] = {}
        exec(block, scope)
        providers.append(scope["traces"])
    client = openai.OpenAI(api_key="sk-none", base_url=options.base_url, max_retries=0)
    tracer = providers[0].get_tracer("harbour")
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
    for traces in providers:
        traces.shutdown()


if __name__ == "__main__":
    main()
