"""A program that calls models through LiteLLM and logs by LiteLLM's own generic callback: `python -m … BASE_URL`.

LOG_SETUP is the block of code that a documentation gives; it makes a function `log_to_ollive`.
"""

import asyncio
import contextlib
import os
import sys
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

SAID = [{"role": "user", "content": "How do tides work?"}]


class Counter(CustomLogger):  # type: ignore[misc]  # LiteLLM's types are not followed
    """Counts what LiteLLM has told to the callback before it: it logs in tasks of its own, which nobody can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    async def async_log_success_event(self, *_: Any, **__: Any) -> None:
        self._count += 1

    async def async_log_failure_event(self, *_: Any, **__: Any) -> None:
        self._count += 1

    async def has_seen(self, count: int) -> None:
        while self._count < count:
            await asyncio.sleep(0.05)


async def main(base_url: str) -> None:
    scope: dict[str, Any] = {}
    exec(os.environ["LOG_SETUP"], scope)
    scope["log_to_ollive"]()
    counter = Counter()
    litellm.callbacks.append(counter)
    asked: dict[str, Any] = {"api_base": base_url, "api_key": "sk-none", "messages": SAID, "max_retries": 0}
    await litellm.acompletion(model="openai/gpt-4o-mini", temperature=0.2, user="u-17", **asked)
    stream = await litellm.acompletion(
        model="openai/gpt-4o", stream=True, stream_options={"include_usage": True}, metadata={"tags": ["school"]}, **asked
    )
    async for _ in stream:
        pass
    with contextlib.suppress(litellm.RateLimitError):
        await litellm.acompletion(model="openai/gpt-4.1", **asked)
    await asyncio.wait_for(counter.has_seen(3), 60)
    for logger in litellm.callbacks[:-1]:
        await logger.flush_queue()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
