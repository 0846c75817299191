"""Asks endpoints beside chat completions in their own protocol, over the direct path's sessions and guards."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp
import msgspec

from gateway import directory
from gateway.adapters.direct import DONE, MAX_REFUSAL_BYTES, MAX_WHOLE_BYTES, NETWORK_ERRORS, network_fault
from gateway.adapters.faults import fault, of_error, refusal, retry_after_seconds
from gateway.adapters.posting import post
from gateway.adapters.sessions import read_start
from gateway.adapters.sse import EventReader, EventTooLargeError
from gateway.adapters.timeouts import Timeouts, Watch
from gateway.protocol import Target

NONE: Mapping[str, str] = {}


async def ask(target: Target, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] = NONE) -> dict[str, Any]:
    """The whole answer, a JSON object. Raises `ProviderError`."""
    who, timeouts = directory.label(target.provider), Timeouts.of(target)
    response = await _open(target, path, body, headers)
    try:
        async with response, asyncio.timeout(timeouts.first_byte):
            answer = await read_start(response, limit=MAX_WHOLE_BYTES + 1)
        if len(answer) > MAX_WHOLE_BYTES:
            raise EventTooLargeError
        found = msgspec.json.decode(answer)
    except NETWORK_ERRORS as error:
        raise network_fault(error, who) from error
    if not isinstance(found, dict):
        raise fault("bad_response", who, "It is no JSON object.", retryable=False)
    if found.get("error"):
        raise of_error(who, found["error"])
    return found


async def stream(
    target: Target, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] = NONE
) -> AsyncGenerator[bytes, None]:
    """The data of the answer's events as they come, without the `[DONE]` at the end. Raises `ProviderError`."""
    who, timeouts = directory.label(target.provider), Timeouts.of(target)
    response = await _open(target, path, body, headers)
    watch = Watch(asyncio.get_running_loop(), response.close, timeouts.first_byte)
    reader = EventReader()
    try:
        while True:
            watch.wait()
            data = await response.content.readany()
            watch.rest()
            for event in reader.feed(data) if data else reader.rest():
                if event == DONE:
                    return
                yield event
            if not data:
                return
            watch.change_limit(timeouts.idle)
    except NETWORK_ERRORS as error:
        raise network_fault(error, who, watch=watch) from error
    finally:
        watch.stop()
        response.close()


async def _open(target: Target, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
    who, timeouts = directory.label(target.provider), Timeouts.of(target)
    try:
        response = await post(
            target, path, msgspec.json.encode(body), headers=headers, patience=timeouts.first_byte, connect=timeouts.connect
        )
        if 200 <= response.status < 300:
            return response
        async with response, asyncio.timeout(timeouts.idle):
            text = await read_start(response, limit=MAX_REFUSAL_BYTES)
    except NETWORK_ERRORS as error:
        raise network_fault(error, who) from error
    raise refusal(who, response.status, text, retry_after=retry_after_seconds(response.headers))
