"""Counts tokens where no provider did, with the vocabularies that LiteLLM bundles; LiteLLM itself is never imported here.

Nothing is fetched: tiktoken looks for its files where TIKTOKEN_CACHE_DIR says, and only those that are there are used.
"""

import os
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import tiktoken

BYTES_A_TOKEN = 4
PIECE = 20_000  # characters; longer pieces without a space take time in the square of their length
A_MESSAGE = 4  # tokens that the role and the ends of a message take
AN_IMAGE = 1000  # an estimate: providers count 85 to 1,600 for a picture of 2,048 pixels, each in a way of its own
NEW_VOCABULARY = ("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "chatgpt-4o", "o1", "o3", "o4", "gpt-oss")
OLD_VOCABULARY = ("gpt-4", "gpt-3.5")
FILES = {  # tiktoken's own names for them
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}


def count(text: str, model: str) -> int:
    """Tokens of a text. For models whose vocabulary is not known it is an estimate: see `source`."""
    if not text:
        return 0
    vocabulary = _vocabulary(_vocabulary_name(model)[0])
    if vocabulary is None:
        return -(-len(text.encode()) // BYTES_A_TOKEN)
    pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
    return sum(len(vocabulary.encode_ordinary(piece)) for piece in pieces)


def count_messages(messages: Iterable[Any], model: str) -> int:
    """Tokens of OpenAI-shaped messages as a prompt."""
    return sum(A_MESSAGE + count(text_of(message), model) + AN_IMAGE * images_in(message) for message in messages)


def images_in(message: Any) -> int:
    """How many pictures a message carries."""
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else ()
    return sum(1 for part in parts if isinstance(part, Mapping) and part.get("type") == "image_url")


def text_of(message: Any) -> str:
    """The words of a message, tool calls included."""
    if not isinstance(message, Mapping):
        return str(message or "")
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    calls = [call.get("function") or {} for call in message.get("tool_calls") or [] if isinstance(call, Mapping)]
    called = [f"{function.get('name')} {function.get('arguments')}" for function in calls]
    return "\n".join([str(content or ""), *called]).strip()


def source(model: str) -> Literal["counted", "estimated"]:
    """What a count is worth: `counted` with the model's own vocabulary, else `estimated`."""
    name, is_own = _vocabulary_name(model)
    return "counted" if is_own and _vocabulary(name) else "estimated"


def warm_in_thread() -> threading.Thread:
    """Load the vocabularies off the event loop: the first count takes more than half a second."""
    thread = threading.Thread(target=lambda: [_vocabulary(name) for name in FILES], name="warm tokens", daemon=True)
    thread.start()
    return thread


def _vocabulary_name(model: str) -> tuple[str, bool]:
    name = model.rpartition("/")[2].lower()
    if name.startswith(NEW_VOCABULARY):
        return "o200k_base", True
    return "cl100k_base", name.startswith(OLD_VOCABULARY)


@cache
def _vocabulary(name: str) -> "tiktoken.Encoding | None":
    """None where tiktoken or its file is missing: then bytes are counted."""
    folder = _folder()
    if folder is None or not (folder / FILES[name]).exists():
        return None
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    import tiktoken

    return tiktoken.get_encoding(name)


def _folder() -> Path | None:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None or find_spec("tiktoken") is None:
        return None
    return Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
