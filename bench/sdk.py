"""What a recorded call costs the thread that makes it: microseconds a call, with the sender's thread at work beside it.

Events go to nowhere, so this is the host's side alone. `python -m bench.sdk [--calls 5000]`
"""

import argparse
import gc
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ollive_sdk import Null, Recorder
from ollive_sdk.replies import ChatReply
from ollive_sdk.watching import Watch, watched

WORDS = "the tide follows the moon by a few hours and the bay decides how high it comes " * 13
TOKENS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    calls: int = parser.parse_args().calls
    short = [{"role": "user", "content": WORDS[:1000]}]
    long = [{"role": "user", "content": WORDS}] * 100
    print(f"{'a recorded call':42} {'µs a call':>10}")
    for name, work in (
        ("started and finished, 1 KB", lambda recorder: _whole(recorder, short)),
        ("started and finished, 100 KB of history", lambda recorder: _whole(recorder, long)),
        ("without content", lambda recorder: _whole(recorder, short)),
        (f"streamed, {TOKENS} tokens", lambda recorder: _streamed(recorder, short)),
        ("a step", lambda recorder: recorder.step("tool", "weather", arguments={"city": "Paris"}).finish("clear")),
    ):
        print(f"{name:42} {_microseconds(work, calls, content=name != 'without content'):10.1f}")


def _microseconds(work: Callable[[Recorder], None], calls: int, *, content: bool) -> float:
    """The median of five runs, by the thread's own clock."""
    runs = []
    with Recorder(transport=Null(), content=content, app="bench", environment="bench") as recorder:
        for _ in range(5):
            gc.collect()
            began = time.thread_time()
            for _ in range(calls // 5):
                work(recorder)
            runs.append((time.thread_time() - began) / (calls // 5) * 1e6)
    return sorted(runs)[2]


def _whole(recorder: Recorder, messages: list[dict[str, Any]]) -> None:
    call = recorder.start("gpt-4o-mini", provider="openai", messages=messages, parameters={"temperature": 0.7})
    call.first_token()
    call.finish(reply=WORDS[:1000], input_tokens=200, output_tokens=200, usage_source="provider", finish_reason="stop")


def _streamed(recorder: Recorder, messages: list[dict[str, Any]]) -> None:
    call = recorder.start("gpt-4o-mini", provider="openai", messages=messages, is_stream=True)
    for _ in watched(iter(CHUNKS), Watch(call, ChatReply()), is_async=False):
        pass


def _chunk(text: str | None, reason: str | None = None) -> SimpleNamespace:
    choice = SimpleNamespace(index=0, delta=SimpleNamespace(content=text), finish_reason=reason)
    return SimpleNamespace(model="gpt-4o-mini", usage=None, choices=[choice])


CHUNKS = [*(_chunk("word ") for _ in range(TOKENS)), _chunk(None, "stop")]


if __name__ == "__main__":
    main()
