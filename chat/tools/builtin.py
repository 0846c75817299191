"""The tools that come with Ollive. Each takes the model's arguments and gives text, or a `ToolError` with a sentence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from chat.tools.steps import Tool, ToolError
from gateway.fetching import FetchError, fetch


async def _clock(arguments: Mapping[str, Any]) -> str:
    return told_time(timezone.now(), arguments.get("timezone"))


def told_time(now: datetime, zone: Any) -> str:
    """A moment as a model is told it. Raises `ToolError` for a zone that does not exist."""
    name = str(zone or "UTC").strip()
    try:
        there = now.astimezone(UTC if name.upper() in ("UTC", "Z") else ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ToolError(f"There is no time zone {name[:60]!r}. Give an IANA name such as Europe/Paris.") from error
    return f"{there:%A}, {there.isoformat(timespec='seconds')} ({name})"


async def _http_fetch(arguments: Mapping[str, Any]) -> str:
    url = arguments.get("url")
    if not isinstance(url, str) or not url:
        raise ToolError("Give the address to fetch as `url`.")
    try:
        page = await fetch(url)
    except FetchError as error:
        raise ToolError(str(error)) from error
    cut = " (only the first megabyte was read)" if page.is_cut else ""
    return f"{page.url} answered with status {page.status}{cut}.\n\n{page.text}"


BUILTIN: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="clock",
            label="Clock",
            description="The current date and time, in any time zone.",
            schema={
                "type": "object",
                "properties": {
                    "timezone": {
                        "type": "string",
                        "description": "IANA name of the time zone, such as Europe/Paris. UTC if left out.",
                    }
                },
            },
            run=_clock,
        ),
        Tool(
            name="http_fetch",
            label="Web pages",
            description="Reads a public web page or text file by its address, and gives its text. It does not search.",
            schema={
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "The whole address, beginning with https:// or http://."}
                },
                "required": ["url"],
            },
            run=_http_fetch,
        ),
    )
}
