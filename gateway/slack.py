"""Events as Slack reads them from an incoming webhook, and Mattermost, Rocket.Chat and Discord's `/slack` address too."""

from collections.abc import Mapping
from typing import Any

HEADING_LIMIT = 150
TEXT_LIMIT = 2900
MARKS = {"firing": ":red_circle:", "no_data": ":large_yellow_circle:", "ok": ":large_green_circle:"}
STATES = {"firing": "Firing", "no_data": "No data", "ok": "Recovered"}
# What of other events says most, in the order in which one reads it.
FACTS = (
    *("provider", "model", "error_class", "status", "subject", "period", "limit_usd", "spent_usd", "thumb", "rating", "cost_usd"),
    *("latency_ms", "inference_id", "conversation_id", "says"),
)


def message(title: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`text` is what a notification shows; the blocks are what stands in the channel."""
    is_alert = "alert_id" in data
    heading, body, small = _alert(data) if is_alert else (title, _facts(data), "")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": heading[:HEADING_LIMIT], "emoji": True}},
    ]
    if body:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": body[:TEXT_LIMIT]}})
    if small:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": small}]})
    return {"text": f"{escaped(heading)}: {body}" if is_alert else title, "blocks": blocks}


def escaped(text: str) -> str:
    """Slack's three: a name may not become a link, nor call the whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _alert(data: Mapping[str, Any]) -> tuple[str, str, str]:
    state = str(data["state"])
    what = "Test" if data["is_test"] else "Still firing" if data["is_reminder"] else STATES[state]
    heading = f"{MARKS[state]} {what}: {data['name']}"
    return heading, escaped(str(data["says"])), f"{escaped(str(data['severity']))} · <{data['url']}|Open the alert>"


def _facts(data: Mapping[str, Any]) -> str:
    told = [(name, data[name]) for name in FACTS if data.get(name) not in (None, "")]
    return "\n".join(f"*{name.replace('_', ' ')}*: {escaped(str(value))}" for name, value in told)
