"""Pictures of messages that go through LiteLLM, which would fetch them itself for some providers, from wherever an address leads.

They are fetched here, from the open web alone, and go on as data. Whatever else would be read from an address is refused.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.adapters.faults import fault
from gateway.fetching import FetchError, fetch_picture

MAX_FETCHED = 20
FETCH_SECONDS = 20.0
# Where a part names something to be read, besides pictures.
PLACES = (("file", "file_id"), ("file", "file_data"), ("video_url", "url"), ("input_audio", "data"), ("audio_url", "url"))


async def inlined(messages: Sequence[Mapping[str, Any]], who: str) -> list[Mapping[str, Any]]:
    """The messages with each picture as data. Raises `ProviderError` for what may not be fetched."""
    addresses = {url for message in messages for part in _parts(message) if not _is_data(url := _picture(part)) and url}
    if len(addresses) > MAX_FETCHED:
        raise fault("invalid_request", who, f"At most {MAX_FETCHED} pictures are fetched for one call.")
    for message in messages:
        for part in _parts(message):
            _require_no_address(part, who)
    found = dict(zip(addresses, await asyncio.gather(*(_fetched(address, who) for address in addresses)), strict=True))
    return [_with_data(message, found) if found and _parts(message) else message for message in messages]


async def _fetched(address: str, who: str) -> str:
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            picture = await fetch_picture(address)
    except FetchError as error:
        raise fault("invalid_request", who, f"A picture cannot be had: {error}") from error
    except TimeoutError as error:
        raise fault("invalid_request", who, "A picture cannot be had: it takes too long.") from error
    data = await asyncio.to_thread(base64.b64encode, picture.data)
    return f"data:{picture.media_type};base64,{data.decode()}"


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []


def _picture(part: Mapping[str, Any]) -> str:
    """The address or the data of the part's picture."""
    told = part.get("image_url")
    url = told.get("url") if isinstance(told, Mapping) else told
    return url if isinstance(url, str) else ""


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _with_data(message: Mapping[str, Any], found: Mapping[str, str]) -> Mapping[str, Any]:
    parts = [_told(part, found) if isinstance(part, Mapping) else part for part in message["content"]]
    return {**message, "content": parts}


def _told(part: Mapping[str, Any], found: Mapping[str, str]) -> Mapping[str, Any]:
    data = found.get(_picture(part))
    if data is None:
        return part
    told = part["image_url"]
    return {**part, "image_url": {**told, "url": data} if isinstance(told, Mapping) else {"url": data}}


def _require_no_address(part: Mapping[str, Any], who: str) -> None:
    for outer, inner in PLACES:
        told = part.get(outer)
        value = told.get(inner) if isinstance(told, Mapping) else told
        # Data has no colon but in `data:`; addresses have one after their scheme.
        if isinstance(value, str) and not _is_data(value) and (inner == "file_id" or ":" in value[:40]):
            raise fault("invalid_request", who, f"Send the contents of {outer}, not where they are.")
