"""The one way a provider is posted to directly: guarded, without redirects, again where an idle connection had been closed."""

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from gateway.adapters.sessions import Attempt, session
from gateway.addresses import require_public
from gateway.protocol import Target

JSON = "application/json"


async def post(
    target: Target, path: str, body: bytes, *, headers: Mapping[str, str], patience: float, connect: float
) -> aiohttp.ClientResponse:
    """The answer's head, within `patience` seconds; its body is still to be read. The caller names the errors."""
    url = URL(f"{target.base_url}{path}").update_query(target.options.get("query") or {})
    if target.is_guarded:
        require_public(url.host or "", port=url.port, allowed=target.allowed_host)
    async with asyncio.timeout(patience):
        while True:
            attempt = Attempt()
            try:
                return await session(is_guarded=target.is_guarded, allowed=target.allowed_host).post(
                    url,
                    data=body,
                    headers={"Content-Type": JSON, **headers, **headers_for(target)},
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=connect),
                    trace_request_ctx=attempt,
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # The server had closed the idle connection while we sent: it has not seen the request.
                if not attempt.is_reused:
                    raise


def headers_for(target: Target) -> dict[str, str]:
    """The header that carries the key, if there is one."""
    if not target.api_key:
        return {}
    name = str(target.options.get("key_header") or "Authorization")
    return {name: target.api_key if name != "Authorization" else f"Bearer {target.api_key}"}
