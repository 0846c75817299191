"""What the fake provider says, and OpenAI's wire shapes that carry it."""

import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.behaviours import Behaviour

TEXT = """\
## Tides

The sea rises and falls about **twice a day**, because the Moon pulls the near side of the Earth more than the far side.

1. High water follows the Moon by a few hours.
2. Near the new and the full Moon the range is widest: a *spring tide*.
3. At the quarters it is narrowest: a *neap tide*.

| Port | Mean range |
|---|---|
| Saint-Malo | 8.2 m |
| Naples | 0.3 m |

A harmonic table needs little more than this:

```python
def height(hours, terms):
    return sum(a * cos(2 * pi * hours / period + phase) for a, period, phase in terms)
```

Ask the harbour office before you sail; a storm can add a metre.

"""
TOKENS: tuple[str, ...] = tuple(re.findall(r"\s*\S+|\s+$", TEXT))


STAMPS_A_PARAGRAPH = 40
FIRST, SECOND = (str.maketrans("0123456789", letters) for letters in ("abcdefghij", "klmnopqrst"))


def stamp(at: float) -> str:
    """A moment as two words of 8 letters: microseconds, with letters for digits. A longer word might become a key."""
    digits = str(int(at * 1_000_000))
    return f"{digits[:-8].translate(FIRST)} {digits[-8:].translate(SECOND)}"


def pieces(behaviour: Behaviour) -> Iterator[str]:
    """The text of one choice, piece by piece; joined they are the whole."""
    if behaviour.is_stamped:
        for number in range(1, behaviour.tokens + 1):
            yield stamp(time.time()) + (" " if number % STAMPS_A_PARAGRAPH else "\n\n")
    elif behaviour.chunks:
        yield from behaviour.chunks
    elif behaviour.tool_calls:
        return
    else:
        yield from itertools.islice(itertools.cycle(TOKENS), behaviour.tokens or len(TOKENS))


class Envelope:
    """Encodes the chunks of one completion; what is the same in all of them is encoded once."""

    def __init__(self, completion_id: str, model: str, newline: str) -> None:
        self._shared = {"id": completion_id, "created": int(time.time()), "model": model}
        opening = json.dumps({**self._shared, "object": "chat.completion.chunk", "choices": None})
        self._head = f"data: {opening.removesuffix('null}')}".encode()
        self._end = newline.encode() * 2
        self._text_head = [self._head + f'[{{"index": {index}, "delta": {{"content": '.encode() for index in range(8)]

    def text(self, piece: str, index: int) -> bytes:
        return self._text_head[index] + json.dumps(piece).encode() + b'}, "finish_reason": null}]}' + self._end

    def delta(self, delta: Mapping[str, Any], index: int, finish_reason: str | None = None) -> bytes:
        choices = [{"index": index, "delta": delta, "finish_reason": finish_reason}]
        return self._head + json.dumps(choices).encode() + b"}" + self._end

    def usage(self, usage: Mapping[str, Any]) -> bytes:
        return self._head + b'[], "usage": ' + json.dumps(usage).encode() + b"}" + self._end

    def null_choices(self) -> bytes:
        return self._head + b"null}" + self._end

    def raw(self, data: bytes) -> bytes:
        return b"data: " + data + self._end

    def whole(self, behaviour: Behaviour, usage: Mapping[str, Any], count: int) -> dict[str, Any]:
        """A completion that isn't streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(pieces(behaviour)) or None}
        if behaviour.reasoning:
            message["reasoning_content"] = "".join(behaviour.reasoning)
        if behaviour.tool_calls:
            message["tool_calls"] = [_whole_call(call) for call in behaviour.tool_calls]
        reason = behaviour.finish_reason or None
        choices = [{"index": index, "message": message, "finish_reason": reason} for index in range(count)]
        body = {**self._shared, "object": "chat.completion", "choices": choices}
        return {**body, "usage": usage} if behaviour.has_usage else body


def _whole_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": "".join(call["arguments"])}
    return {"id": call["id"], "type": "function", "function": function}


def tool_call_deltas(behaviour: Behaviour) -> Iterator[dict[str, Any]]:
    """The deltas of all tool calls: the first piece of each has its id and name, the others arguments alone."""
    for position, call in enumerate(behaviour.tool_calls):
        function = {"name": call["name"], "arguments": ""}
        yield {"tool_calls": [{"index": position, "id": call["id"], "type": "function", "function": function}]}
        for arguments in call["arguments"]:
            yield {"tool_calls": [{"index": position, "function": {"arguments": arguments}}]}


def usage_of(behaviour: Behaviour, body: Mapping[str, Any], sent_count: int) -> dict[str, Any]:
    """OpenAI's usage: a word of the prompt is a token, a piece of the reply too."""
    prompt = sum(len(str(message.get("content") or "").split()) for message in body.get("messages", [])) + behaviour.cached_tokens
    reasoning = len(behaviour.reasoning)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": sent_count + reasoning,
        "total_tokens": prompt + sent_count + reasoning,
        "prompt_tokens_details": {"cached_tokens": behaviour.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
