"""A program that calls models through LiteLLM and logs by LiteLLM's own generic callback: `python -m … BASE_URL`.

LOG_SETUP is the block of code that a documentation gives; it makes a function `log_to_ollive`.
"""

import asyncio
import contextlib
import os
import sys
from typing import Any

import litellm

SAID = [{"role": "user", "content": "How do tides work?"}]


async def main(base_url: str) -> None:
    scope: dict[str, Any] = {}
    exec(os.environ["LOG_SETUP"], scope)
    scope["log_to_ollive"]()
    asked: dict[str, Any] = {"api_base": base_url, "api_key": "sk-none", "messages": SAID, "max_retries": 0}
    await litellm.acompletion(model="openai/gpt-4o-mini", temperature=0.2, user="u-17", **asked)
    stream = await litellm.acompletion(
        model="openai/gpt-4o", stream=True, stream_options={"include_usage": True}, metadata={"tags": ["school"]}, **asked
    )
    async for _ in stream:
        pass
    with contextlib.suppress(litellm.RateLimitError):
        await litellm.acompletion(model="openai/gpt-4.1", **asked)
    await asyncio.sleep(1)  # it logs in tasks of its own, and says to nobody when they are done
    for logger in litellm.callbacks:
        await logger.flush_queue()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
