"""Connections to MCP servers: each is judged on the resolved address, and pinned to it.

Apart from `servers`, which imports it at the first use: the client's packages take two seconds.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from gateway.adapters.sessions import GuardedResolver
from gateway.addresses import ForbiddenAddressError, require_public

CONNECT_SECONDS = 10.0
MAX_BYTES = 8 * 1024 * 1024
FORBIDDEN = "Its address leads into a private network, which is not allowed."


@asynccontextmanager
async def connect(url: str, headers: Mapping[str, str], reach: "Reach") -> AsyncIterator[Client]:
    """A client of the server at `url`. `reach` tells afterwards what went wrong below the protocol."""
    async with (
        httpx2.AsyncClient(transport=reach, headers=dict(headers), timeout=None, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


class Reach(httpx2.AsyncBaseTransport):
    """Carries httpx's requests over a session of ours, whose resolver judges each address that is connected to."""

    def __init__(self) -> None:
        self.fault = ""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Reach":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=GuardedResolver(), limit=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
            trust_env=False,
            auto_decompress=False,  # httpx decodes
        )
        return self

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self._session is not None
        headers = [(name, value) for name, value in request.headers.multi_items() if name.lower() != "accept-encoding"]
        try:
            require_public(request.url.host)
            response = await self._session.request(
                request.method,
                str(request.url),
                data=await request.aread(),
                headers=[*headers, ("Accept-Encoding", "identity")],
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            cause = getattr(error, "os_error", None)
            is_forbidden = isinstance(error, ForbiddenAddressError) or isinstance(cause, ForbiddenAddressError)
            self.fault = FORBIDDEN if is_forbidden else "It could not be reached."
            raise httpx2.ConnectError(self.fault, request=request) from error
        if response.status in (401, 403):
            self.fault = f"It refused the key (status {response.status})."
        elif response.status >= 400:
            self.fault = f"It answered with status {response.status}."
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
        return httpx2.Response(response.status, headers=raw, stream=_Body(response), request=request)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for part in self._response.content.iter_any():
                size += len(part)
                if size > MAX_BYTES:
                    raise httpx2.ReadError("Its answer is too long.")
                yield part
        except aiohttp.ClientError as error:
            raise httpx2.ReadError(str(error)) from error

    async def aclose(self) -> None:
        self._response.close()
