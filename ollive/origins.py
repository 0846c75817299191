"""Which other sites' scripts may ask the API (CORS): none, until CORS_ORIGINS names them.

Only what takes a key is opened, and never with cookies: a page elsewhere can do what its key may, and nothing as its reader.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from ollive.doors import Ids, Send, read_headers

OPENED = ("/v1/", "/api/v1/", "/chat/stream")
EXACT = {"/chat", "/openapi.json", "/health", "/healthz", "/ready"}
ASKED = {
    *("authorization", "content-type", "accept", "idempotency-key", "x-request-id", "traceparent", "tracestate", "cache-control"),
    *(
        "openai-organization",
        "openai-project",
        "openai-beta",
        "anthropic-version",
        "anthropic-beta",
        "x-api-key",
        "last-event-id",
    ),
    "anthropic-dangerous-direct-browser-access",
}
PREFIX = "x-stainless-"  # what OpenAI's and Anthropic's own clients tell of themselves
TOLD = ", ".join(
    [
        *("X-Request-ID", "X-Trace-ID", "Retry-After", "Idempotent-Replayed", "Link", "WWW-Authenticate"),
        *(f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens") for what in ("limit", "remaining", "reset")),
    ]
)
METHODS = "GET, POST, PUT, PATCH, DELETE"
HOUR = "3600"
NAME = re.compile(r"[\w-]+", re.ASCII)


class Origins:
    """The origins that are let in: single ones, all of a scheme (`chrome-extension://*`), or all."""

    def __init__(self, given: Iterable[str]) -> None:
        origins = [origin.rstrip("/").lower() for origin in given]
        for origin in origins:
            if origin != "*" and not _is_origin(origin):
                raise ImproperlyConfigured(
                    f"CORS_ORIGINS: {origin!r} is no origin such as https://app.example.org or chrome-extension://*."
                )
        self.is_all = "*" in origins
        self._single = {origin for origin in origins if not origin.endswith("*")}
        self._schemes = tuple(origin.removesuffix("*") for origin in origins if origin.endswith("://*"))

    def __bool__(self) -> bool:
        return self.is_all or bool(self._single or self._schemes)

    def allow(self, origin: str) -> bool:
        asked = origin.lower()
        return self.is_all or asked in self._single or bool(self._schemes and asked.startswith(self._schemes))

    def open(self, path: str) -> bool:
        """Whether anything is let in at this address."""
        return bool(self) and (path.startswith(OPENED) or path in EXACT)

    def allowing(self, scope: Mapping[str, Any], send: Send) -> Send:
        """`send` that tells the browser whether the asking site may read the answer."""
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), "")
        added = self._answer(origin)

        async def send_allowing(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        return send_allowing

    async def preflight(self, scope: Mapping[str, Any], send: Send) -> bool:
        """Answer a browser that asks before it sends; False for what is no such question."""
        headers = read_headers(scope)
        if scope["method"] != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
            return False
        ids = Ids.of(headers)
        answer = [(b"x-request-id", ids.request_id.encode()), (b"x-trace-id", ids.trace_id.encode()), (b"content-length", b"0")]
        answer += self._answer(headers["origin"])
        is_allowed = self.allow(headers["origin"])
        if is_allowed:
            wanted = NAME.findall(headers.get("access-control-request-headers", "").lower())
            allowed = ", ".join(name for name in wanted if name in ASKED or name.startswith(PREFIX))
            answer += [
                (b"access-control-allow-methods", METHODS.encode()),
                (b"access-control-allow-headers", allowed.encode()),
                (b"access-control-max-age", HOUR.encode()),
            ]
        await send({"type": "http.response.start", "status": 204 if is_allowed else 403, "headers": answer})
        await send({"type": "http.response.body", "body": b""})
        return True

    def _answer(self, origin: str) -> list[tuple[bytes, bytes]]:
        if self.is_all:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", TOLD.encode())]
        varying = [(b"vary", b"Origin")]
        if not origin or not self.allow(origin):
            return varying
        allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
        return [*varying, allowed, (b"access-control-expose-headers", TOLD.encode())]


def _is_origin(text: str) -> bool:
    """A scheme and a host, perhaps a port, and nothing else; all of a scheme only where its hosts are extensions."""
    parts = urlsplit(text)
    try:
        is_plain = bool(parts.scheme and parts.netloc) and parts.port != 0 and f"{parts.scheme}://{parts.netloc}" == text
    except ValueError:
        return False
    if parts.netloc == "*":
        return parts.scheme.endswith("-extension")
    return is_plain and "*" not in text and "@" not in text
