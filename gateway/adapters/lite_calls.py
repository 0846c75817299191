"""What LiteLLM's providers are asked besides chat completions: embeddings, and completions of texts.

Its addresses come from the environment or a command alone; all that is passed on was allow-listed by its door.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from gateway import directory
from gateway.adapters.lite import litellm_module, reach, understood
from gateway.adapters.timeouts import Timeouts
from gateway.protocol import Target


async def embed(target: Target, body: Mapping[str, Any], timeouts: Timeouts) -> dict[str, Any]:
    """Embeddings in OpenAI's shape. Raises `ProviderError`."""
    litellm = await litellm_module()
    found = await _asked(litellm.aembedding(**body, **reach(target, timeouts)), target, timeouts)
    return _plain(found)


async def complete(target: Target, body: Mapping[str, Any], timeouts: Timeouts) -> dict[str, Any]:
    """A completion of a text in OpenAI's shape, in one piece. Raises `ProviderError`."""
    litellm = await litellm_module()
    found = await _asked(litellm.atext_completion(**body, **reach(target, timeouts)), target, timeouts)
    return _plain(found)


async def stream_texts(target: Target, body: Mapping[str, Any], timeouts: Timeouts) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of a completion of a text. Raises `ProviderError`."""
    litellm = await litellm_module()
    stream = await _asked(litellm.atext_completion(**body, stream=True, **reach(target, timeouts)), target, timeouts)
    async with aclosing(_told(stream, target, timeouts)) as chunks:
        async for chunk in chunks:
            yield _plain(chunk)


async def _asked(asking: Any, target: Target, timeouts: Timeouts) -> Any:
    with understood(directory.label(target.provider)):
        async with asyncio.timeout(timeouts.first_byte):
            return await asking


async def _told(stream: Any, target: Target, timeouts: Timeouts) -> AsyncGenerator[Any, None]:
    """What a stream of LiteLLM's says; it is closed in any case: left open, it lets the provider go on, and bill."""
    pieces = aiter(stream)
    try:
        while True:
            with understood(directory.label(target.provider)):
                async with asyncio.timeout(timeouts.idle):
                    piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece
    finally:
        for closing in (pieces, stream):
            if (close := getattr(closing, "aclose", None)) is not None:
                await close()


def _plain(found: Any) -> dict[str, Any]:
    """LiteLLM's answers are objects of pydantic's, or plain already."""
    plain: dict[str, Any] = found.model_dump(exclude_none=True) if hasattr(found, "model_dump") else dict(found)
    return plain
