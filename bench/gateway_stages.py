"""Where the microseconds of one `/v1/chat/completions` go that are our own: CPU of this process, the least of many rounds.

`python -m bench.gateway_stages`. No servers: what HTTP in, HTTP out, Valkey and the commit take is the rest of `bench.gateway`'s
CPU a call.
"""

import json
import os
import time
import uuid
from collections.abc import Callable

ROUNDS, REPEATS = 20, 100
QUESTION = [{"role": "user", "content": "How do tides work? Answer in a few words, as to a child of ten years."}]
USAGE = {"prompt_tokens": 16, "completion_tokens": 125, "total_tokens": 141}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")
    os.environ.setdefault("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
    import django

    django.setup()
    print("stage                                     µs")
    for name, stage in stages():
        print(f"{name:36}{least(stage):8.1f}")


def stages() -> list[tuple[str, Callable[[], object]]]:
    """What a request passes, in its order; a stage is called with nothing and returns anything."""
    from gateway import observed
    from gateway.adapters.usage import from_openai
    from gateway.calls import Origin
    from gateway.completions import read, wholes
    from gateway.completions.calls import Answer
    from gateway.completions.collected import Collected
    from gateway.protocol import ChatRequest, Finish, Target
    from ollive import doors
    from ollive.logging import redact_entry
    from telemetry import inbox, metrics, policies
    from tests.fakes.replies import TEXT

    body = json.dumps({"model": "openai/plain", "messages": QUESTION, "max_tokens": 200}).encode()
    message = {"role": "assistant", "content": TEXT}
    told = {"id": "c", "object": "chat.completion", "created": 1, "model": "plain", "usage": USAGE}
    whole = json.dumps({**told, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    key = uuid.uuid4()
    origin = Origin(key, key, key, "gateway", trace_id="0" * 32, api_key_id=key, requested_model="openai/plain", is_stream=False)
    target = Target("openai", "plain", "direct", base_url="http://127.0.0.1/v1")
    request = ChatRequest(target, QUESTION, {"max_tokens": 200})

    def called() -> Answer:
        return Answer(request, origin, rules=policies.DEFAULT)

    call = called()
    wholes.read(whole, call.said, who="OpenAI", model="plain")
    call.usage, call.finish = from_openai(USAGE), Finish("stop", 0, "plain")
    bill = call.bill("success")
    call.finished("success", bill)  # the first time it is also counted, which is a stage of its own
    pair = [call.started(), call.finished("success", bill)]
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer olv_x"), (b"content-type", b"application/json")]
    entry = {"method": "POST", "path": "/v1/chat/completions", "status": 200, "request_id": str(key), "message": "request"}
    return [
        ("headers and ids", lambda: doors.Ids.of(doors.read_headers({"headers": headers}))),
        ("the body, read and cut down", lambda: read(body)),
        ("the call", called),
        ("its first event, redacted", call.started),
        ("the answer, read along", lambda: wholes.read(whole, Collected(), who="OpenAI", model="plain")),
        ("the bill", lambda: call.bill("success")),
        ("figures for Prometheus", lambda: observed.observe(call, "success", bill, None, parent_id=None)),
        ("its last event, redacted", lambda: call.finished("success", bill)),
        ("both for the inbox", lambda: inbox.parameter(pair)),
        ("the request counted", lambda: metrics.observe_request("POST", "/v1/chat/completions", 200, 0.003)),
        ("the line of the access log, redacted", lambda: redact_entry(None, "", dict(entry))),
        ("a token of a stream, passed on", relaying()),
        ("a token, if it were written anew", composing()),
    ]


def relaying() -> Callable[[], object]:
    from gateway.completions.collected import Collected
    from gateway.completions.relay import Relay
    from tests.fakes.replies import Envelope

    envelope = Envelope("chatcmpl-1", "plain", "\n")
    relay = Relay("OpenAI", "plain", 1, Collected())
    list(relay.feed(envelope.delta({"role": "assistant", "content": "a"}, 0)))
    token = envelope.text(" tides", 0)
    return lambda: list(relay.feed(token))


def composing() -> Callable[[], object]:
    from gateway.completions.collected import Collected
    from gateway.completions.composed import Composer
    from gateway.protocol import Delta
    from telemetry import policies

    composer = Composer("plain", 1, Collected(), redactor=policies.DEFAULT.redactor, values={})
    return lambda: composer.take(Delta(" tides"))


def least(stage: Callable[[], object]) -> float:
    """Microseconds of CPU, in the quietest of the rounds."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REPEATS):
            stage()
        spent.append((time.process_time() - began) / REPEATS)
    return min(spent) * 1_000_000


if __name__ == "__main__":
    main()
