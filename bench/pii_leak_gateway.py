"""A small OpenAI-compatible gateway around the redaction engine alone: values masked on the way out, put back on the way in.

For `bench.pii_leak` and nothing else: loopback, no keys, one upstream. What the upstream says passes a `StreamRedactor` for each
field of each choice, so that values it brings itself are removed; then placeholders in the content are restored.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from telemetry.redaction import StreamRedactor, redact_json
from telemetry.redaction.masking import Mask, StreamRestorer

NAMES_OF_THINGS = frozenset({"model", "name", "role", "type", "id", "tool_call_id"})
TIMEOUT_SECONDS = 30
Field = tuple[int, str]


class Answer:
    """What one upstream answer becomes, event by event."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self._redactors: dict[Field, StreamRedactor] = {}
        self._restorers: dict[Field, StreamRestorer] = {}

    def pass_event(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The event with what is settled of its texts; before one that ends a choice, the rest of them."""
        for choice in event.get("choices", ()):
            index, delta = choice.get("index", 0), choice.get("delta") or {}
            for name, text in delta.items():
                if isinstance(text, str) and name not in NAMES_OF_THINGS:
                    delta[name] = self._feed((index, name), text)
                elif not isinstance(text, str):
                    delta[name] = redact_json(text)
            if choice.get("finish_reason"):
                yield from self.flush(index)
        yield event

    def flush(self, index: int | None = None) -> Iterator[dict[str, Any]]:
        """What is still held back, of one choice or of all."""
        for field in [field for field in self._redactors if index in (None, field[0])]:
            rest = self._restored(field, self._redactors.pop(field).flush(), is_final=True)
            if rest:
                yield {"object": "chat.completion.chunk", "choices": [{"index": field[0], "delta": {field[1]: rest}}]}

    def _feed(self, field: Field, text: str) -> str:
        redactor = self._redactors.setdefault(field, StreamRedactor())
        return self._restored(field, redactor.feed(text), is_final=False)

    def _restored(self, field: Field, text: str, *, is_final: bool) -> str:
        if field[1] != "content":
            return text
        restorer = self._restorers.setdefault(field, StreamRestorer(self._values))
        return restorer.feed(text) + (restorer.flush() if is_final else "")


def masked_request(body: dict[str, Any], mask: Mask) -> dict[str, Any]:
    """The request with all its texts masked, those that no one knows the meaning of too."""
    return {name: value if name in NAMES_OF_THINGS else _masked(value, mask) for name, value in body.items()}


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, dict):
        return {name: inner if name in NAMES_OF_THINGS else _masked(inner, mask) for name, inner in value.items()}
    return [_masked(inner, mask) for inner in value] if isinstance(value, list) else mask.mask_json(value)


def events_of(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    """The events of a stream, as they come."""
    for line in response:
        data = line.decode("utf-8", "replace").strip()
        if data.startswith("data:") and (payload := data[5:].strip()) != "[DONE]":
            yield json.loads(payload)


def handler_for(upstream_url: str) -> type[BaseHTTPRequestHandler]:
    """A handler that sends what it is asked on to this upstream, masked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing: what is asked here is no one's business."""

        def do_GET(self) -> None:
            self._answer(b'{"object": "list", "data": []}', "application/json")

        def do_POST(self) -> None:
            mask = Mask()
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(masked_request(asked, mask)).encode()
            headers = {"Content-Type": "application/json", "Authorization": "Bearer upstream"}
            request = Request(f"{upstream_url}/chat/completions", body, headers)
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                if asked.get("stream"):
                    self._stream(response, Answer(mask.values))
                else:
                    said = mask.restore(json.dumps(redact_json(json.load(response)), ensure_ascii=False))
                    self._answer(said.encode(), "application/json")

        def _stream(self, response: HTTPResponse, answer: Answer) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for event in events_of(response):
                for passed in answer.pass_event(event):
                    self._send(passed)
            for rest in answer.flush():
                self._send(rest)
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def _send(self, event: dict[str, Any]) -> None:
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()

        def _answer(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


@contextmanager
def gateway(upstream_url: str) -> Iterator[str]:
    """A gateway to this upstream, on a free port; its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(upstream_url))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
