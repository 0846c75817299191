"""A workspace whose tools are switched on, and pages of the web to fetch."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chat.models import WorkspaceTool
from tests.chat.conftest import _server_log, _session_server, as_alice, own_server, server

__all__ = ["_server_log", "_session_server", "as_alice", "own_server", "server"]


@dataclass
class Site:
    """A web server on loopback: path → (status, headers, body)."""

    port: int = 0
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def put(
        self, path: str, body: str | bytes, *, status: int = 200, kind: str = "text/html; charset=utf-8", **headers: str
    ) -> str:
        raw = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = status, {"Content-Type": kind, **named}, raw
        return f"{self.url}{path}"


@pytest.fixture(scope="session")
def _running_site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.seen.append({"path": self.path, "headers": dict(self.headers)})
            if self.path == "/slow":
                site.gate.wait(60)
            status, headers, body = site.pages.get(self.path, (404, {"Content-Type": "text/plain"}, b"nothing here"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(_running_site: Site) -> Iterator[Site]:
    _running_site.pages.clear()
    _running_site.seen.clear()
    _running_site.gate.clear()
    yield _running_site
    _running_site.gate.set()


@pytest.fixture
def switched_on(workspace) -> list[str]:
    """The built-in tools, which an admin has switched on."""
    for name in ("clock", "http_fetch"):
        WorkspaceTool.objects.create(workspace=workspace, name=name)
    return ["clock", "http_fetch"]


def asks(name: str, *arguments: str, call_id: str = "call_1") -> dict[str, Any]:
    """A tool call as the fake provider streams it, its arguments in pieces."""
    return {"id": call_id, "name": name, "arguments": list(arguments or ("{}",))}


def wants(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The behaviour of a model that asks for these tools."""
    return {"tool_calls": list(calls), "finish_reason": "tool_calls", **more}
