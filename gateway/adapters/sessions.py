"""The HTTP sessions of the direct path: one an event loop for trusted addresses, one for those that came from a page, and
one for each private host that an owner allowed.

No redirect is followed, no proxy variable read, no cookie kept.
"""

import asyncio
import socket
from types import SimpleNamespace
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.addresses import ForbiddenAddressError, is_listed, is_off_limits, is_public, place

_Sessions = dict[tuple[bool, str], aiohttp.ClientSession]
_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions] = WeakKeyDictionary()


class GuardedResolver(AbstractResolver):
    """Leaves out private addresses. The connection is made to the address that was judged, so a name cannot be
    answered differently in between.
    """

    def __init__(self, allowed: str = "") -> None:
        self._allowed = allowed
        self._inner = aiohttp.DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        may_be_private = is_listed(host) or place(host, port) == self._allowed
        public = [at for at in found if not is_off_limits(at["host"]) and (may_be_private or is_public(at["host"]))]
        if not public:
            raise ForbiddenAddressError(f"{host} leads into a private network.")
        return public

    async def close(self) -> None:
        await self._inner.close()


class Attempt:
    """Whether a request was sent over a connection that had served another one."""

    __slots__ = ("is_reused",)

    def __init__(self) -> None:
        self.is_reused = False


async def _note_reuse(_: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceConnectionReuseconnParams) -> None:
    if isinstance(context.trace_request_ctx, Attempt):
        context.trace_request_ctx.is_reused = True


def session(*, is_guarded: bool, allowed: str = "") -> aiohttp.ClientSession:
    """This loop's session; `allowed` is a private host with its port that a guarded one may reach."""
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    found = sessions.get((is_guarded, allowed))
    if found is None or found.closed:
        found = sessions[is_guarded, allowed] = _open(GuardedResolver(allowed) if is_guarded else None)
    return found


def _open(resolver: GuardedResolver | None) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        # limit=0: how many calls may run is decided before they come here.
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
        trace_configs=[trace],
        # Compressed events would wait in the compressor's window.
        headers={"Accept-Encoding": "identity", "User-Agent": "ollive"},
    )


async def read_start(response: aiohttp.ClientResponse, *, limit: int) -> bytes:
    """The body, or as much of it as is allowed."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= limit:
            break
    return b"".join(parts)[:limit]


async def close_sessions() -> None:
    """Close this loop's sessions."""
    for found in _sessions.pop(asyncio.get_running_loop(), {}).values():
        await found.close()
