"""What the log keeps of the messages of a call: the words, and of pictures that there were some."""

from collections.abc import Mapping, Sequence
from typing import Any

BASE64_BYTES = 3 / 4


def loggable(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The messages with a line in the place of each picture that they carry; those without any stay as they are."""
    return [_said(message) if isinstance(message.get("content"), list) else message for message in messages]


def _said(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**message, "content": [_part(part) for part in message["content"]]}


def _part(part: Any) -> Any:
    """A picture that a link leads to stays a link."""
    if not isinstance(part, Mapping):
        return part
    picture = part.get("image_url")
    url = picture.get("url") if isinstance(picture, Mapping) else picture
    if not isinstance(url, str) or url[:5].lower() != "data:":
        return part
    head, _, data = url.partition(",")
    media_type = head[5:].partition(";")[0][:40] or "unknown"
    return {"type": "text", "text": f"[image: {media_type}, {round(len(data) * BASE64_BYTES / 1000):,} kB]"}
