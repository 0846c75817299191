"""A server that takes events as Ollive's ingestion door does, and misbehaves on demand: a real HTTP server on loopback."""

import gzip
import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "olv_test"


class Server(ThreadingHTTPServer):
    """Clients that are killed, or that wait no longer, are part of these tests."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Intake:
    """What came, and how it answers: `status`, `headers`, `body` and `delay` replace the good answer."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.request_count = 0
        self.headers: list[dict[str, str]] = []
        self.status, self.body, self.delay = 207, b"", 0.0
        self.answer_headers: dict[str, str] = {}
        self.rejects: Callable[[dict[str, Any]], bool] = lambda _event: False
        self.body_limit = 5_000_000
        intake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                intake._answer(self)

            def log_message(self, *_args: object) -> None: ...

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def ids(self) -> set[str]:
        return {event["inference_id"] for event in self.events}

    def wait_for(self, count: int, seconds: float = 10) -> list[dict[str, Any]]:
        """The events, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.events) >= count, f"{len(self.events)} of {count} events came"
        return self.events

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        data = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.request_count += 1
        self.headers.append(dict(handler.headers))
        time.sleep(self.delay)
        if handler.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        status, body = self.status, self.body
        if len(data) > self.body_limit:
            status, body = 413, b"{}"
        elif status == 207 and not body:
            assert handler.headers["Authorization"] == f"Bearer {KEY}"
            body = self._take(json.loads(data)["events"])
        handler.send_response(status)
        for name, value in self.answer_headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _take(self, events: list[dict[str, Any]]) -> bytes:
        rejected = [
            {"index": index, "id": event.get("inference_id"), "code": "invalid", "message": "is not wanted"}
            for index, event in enumerate(events)
            if self.rejects(event)
        ]
        kept = [event for event in events if not self.rejects(event)]
        self.events += kept
        return json.dumps({"accepted": len(kept), "duplicate": 0, "rejected": rejected, "problems": []}).encode()
