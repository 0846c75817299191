"""Reading a page of the open web for a model, which chooses the address: nothing of the private network is ever reached.

Every hop is judged anew, at connect time and on the resolved address, to which the connection is pinned. No proxy variable is
read, no cookie kept, no key sent. What the operator lists for providers is not reachable here; `OLLIVE_FETCH_HOSTS` is.
"""

import asyncio
import codecs
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from yarl import URL

from gateway.adapters.sessions import read_start
from gateway.addresses import ForbiddenAddressError, is_oddly_written, is_off_limits, is_public
from gateway.pages import readable

MAX_REDIRECTS = 3
MAX_BYTES = 1024 * 1024
MAX_PICTURE_BYTES = 10 * 1024 * 1024
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
CONNECT_SECONDS = 10.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TEXTS = frozenset({"application/json", "application/xml", "application/xhtml+xml", "application/javascript", "application/yaml"})
HEADERS = {
    "Accept": "text/html,text/plain,application/json,text/*;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "identity",
    "User-Agent": "ollive",
}
T = TypeVar("T")
FORBIDDEN = "Addresses of private networks are not fetched."


class FetchError(Exception):
    """A page that cannot be had: a sentence for the model and for the person."""


@dataclass(frozen=True, slots=True)
class Page:
    """What was read: the address where it was found, HTTP's status, and the text."""

    url: str
    status: int
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it was found."""

    media_type: str
    data: bytes


class _OpenWeb(AbstractResolver):
    """Gives public addresses alone."""

    def __init__(self) -> None:
        self._inner = aiohttp.DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [at for at in found if _may_reach(host, at["host"])]
        if not public:
            raise ForbiddenAddressError(FORBIDDEN)
        return public

    async def close(self) -> None:
        await self._inner.close()


async def fetch(address: str) -> Page:
    """GET a page of text. Raises `FetchError`; the caller sets how long it may take."""
    return await _follow(address, HEADERS, _read)


async def fetch_picture(address: str) -> Picture:
    """GET a picture. Raises `FetchError`; the caller sets how long it may take."""
    return await _follow(address, HEADERS | {"Accept": ",".join(PICTURES)}, _read_picture)


async def _follow(address: str, headers: Mapping[str, str], read: Callable[[aiohttp.ClientResponse], Awaitable[T]]) -> T:
    """What is read at the address, or where it leads to in the end."""
    url = address.strip()
    connector = aiohttp.TCPConnector(resolver=_OpenWeb(), use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        trust_env=False,
        auto_decompress=False,  # a small answer may not become a large one here
        headers=headers,
    ) as session:
        for _ in range(MAX_REDIRECTS + 1):
            try:
                async with session.get(_judged(url), allow_redirects=False) as response:
                    if response.status not in REDIRECTS or not response.headers.get("Location"):
                        return await read(response)
                    url = urljoin(str(response.url), response.headers["Location"])
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise FetchError(_reason(error)) from error
    raise FetchError(f"The address redirects more than {MAX_REDIRECTS} times.")


def _judged(address: str) -> URL:
    """The address, if it is one that may be fetched; names are judged when they are resolved."""
    try:
        url = URL(address)
        host, _ = url.host, url.port
    except ValueError as error:
        raise FetchError("The address cannot be read.") from error
    if url.scheme not in ("http", "https") or not host:
        raise FetchError("The address must begin with https:// or http:// and name a host.")
    if url.user is not None or url.password is not None:
        raise FetchError("The address must not hold a name or a password.")
    if is_oddly_written(host) or (_is_address(host) and not _may_reach(host, host)):
        raise FetchError(FORBIDDEN)
    return url.with_fragment(None)


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _may_reach(host: str, address: str) -> bool:
    """Whether a host may be reached at this address."""
    listed = {name.lower() for name in settings.OLLIVE_FETCH_HOSTS}
    return not is_off_limits(address) and (is_public(address) or host.lower().rstrip(".") in listed)


async def _read(response: aiohttp.ClientResponse) -> Page:
    kind = response.content_type.lower()
    is_text = kind.startswith("text/") or kind in TEXTS or kind.endswith(("+json", "+xml"))
    if not is_text:
        raise FetchError(f"The address leads to {kind}, not to text.")
    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise FetchError("The server sends its pages compressed only.")
    body = await read_start(response, limit=MAX_BYTES + 1)
    text = body[:MAX_BYTES].decode(_charset(response), "replace")
    if kind in ("text/html", "application/xhtml+xml"):
        text = await asyncio.to_thread(readable, text, base=str(response.url))
    return Page(str(response.url), response.status, text, len(body) > MAX_BYTES)


async def _read_picture(response: aiohttp.ClientResponse) -> Picture:
    kind = response.content_type.lower()
    if response.status != 200:
        raise FetchError(f"The address answers with status {response.status}.")
    if kind not in PICTURES:
        raise FetchError(f"The address leads to {kind}, not to a picture.")
    data = await read_start(response, limit=MAX_PICTURE_BYTES + 1)
    if len(data) > MAX_PICTURE_BYTES:
        raise FetchError(f"The picture is larger than {MAX_PICTURE_BYTES // 1024**2} MB.")
    return Picture(kind, data)


def _charset(response: aiohttp.ClientResponse) -> str:
    """The page's own encoding, where there is such a one."""
    try:
        return codecs.lookup(response.charset or "utf-8").name
    except LookupError:
        return "utf-8"


def _reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", None)
    if isinstance(error, ForbiddenAddressError) or isinstance(cause, ForbiddenAddressError):
        return FORBIDDEN
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "The host could not be reached in time."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "The host was not found."
    if isinstance(error, aiohttp.ClientSSLError):
        return "No secure connection could be made."
    return "The page could not be fetched."
