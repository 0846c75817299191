"""A program that calls models through LiteLLM and logs by LiteLLM's own generic callback: `python -m … BASE_URL`.

Where it posts to is told by GENERIC_LOGGER_ENDPOINT and GENERIC_LOGGER_HEADERS, as LiteLLM's documentation has it. The callback
is made here and not named: its name, `generic_api`, does nothing without the package litellm_enterprise, which only the proxy's
image has.
"""

import asyncio
import contextlib
import sys
from typing import Any

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

SAID = [{"role": "user", "content": "How do tides work?"}]


async def main(base_url: str) -> None:
    logger = GenericAPILogger(batch_size=1)
    litellm.callbacks = [logger]
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


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
