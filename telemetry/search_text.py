"""What of a call is indexed: what was asked last, what was answered, and the error. Pure.

Earlier turns are found at the calls that they were said in: a conversation's index grows with its length, not with its square.
"""

from collections.abc import Iterator
from typing import Any

LIMIT = 8_000  # characters of a call
CONFIGURATION = "simple"  # words as they are written, whatever the language

SEPARATORS = dict.fromkeys(map(ord, "<>/\\\0"), " ")


def searched(messages: Any, reply: Any, error: str | None) -> str:
    """One text of the last message, the reply and the error; images and tool calls leave only their words."""
    asked = messages[-1:] if isinstance(messages, list) else [messages]
    answered = reply if isinstance(reply, list) else [reply]
    parts = [text for message in (*asked, *answered) for text in _texts(message)]
    return plain("\n".join([*parts, *([error] if error else [])])[:LIMIT])


def plain(text: str) -> str:
    """As the parser of words should see it: to its eyes markup has no words, and a path is one."""
    return text.translate(SEPARATORS)


def _texts(message: Any) -> Iterator[str]:
    content = message.get("content") if isinstance(message, dict) else message
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]
