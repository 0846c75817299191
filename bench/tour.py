"""Takes a picture of every page in both themes, at 1280 and 390 px, to be looked at: `python -m bench.tour FOLDER [NAME …]`.

The pages hold what a team would have in them. Needs Debian's Chromium.
"""

import sys
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from bench.screenshots import ARGUMENTS, CHROMIUM
from bench.stack import servers, start_web

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = {1280: 860, 390: 844}
REPLY = """A binary search halves what is left with each look, so a million lines take **20**: \\(\\log_2 10^6 \\approx 20\\).

```python
def find(lines: list[str], wanted: str) -> int | None:
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high) // 2
        if lines[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(lines) and lines[low] == wanted else None
```

| lines | looks, one by one | looks, by halves |
|---|--:|--:|
| 1,000 | 500 | 10 |
| 1,000,000 | 500,000 | 20 |

$$T(n) = T\\left(\\frac{n}{2}\\right) + 1 = \\lceil \\log_2 n \\rceil$$

- The lines must be **sorted**.
- Write to [[EMAIL]] when they are not.
"""
THOUGHTS = "The question is about cost. Compare linear and binary search, give the code, then a table for two sizes."
QUESTION = "How does binary search work, and what does it cost?"
TITLES = (
    "Plan a week of lunches", "Draft the release note of 2.4", "Compare two backup strategies", "Why is the build slow?",
    "Names for the new service", "Regular expression for dates", "Minutes of the planning", "Translate the form",
)  # fmt: skip
# Beside all that the settings and the pages of what is recorded list.
PAGES = ("chat:home", "chat:archived", "chat:search", "mfa_activate_totp", "gateway:provider_kinds", "docs")


def main() -> None:
    folder, wanted = Path(sys.argv[1]), set(sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    with servers() as stack:
        url = start_web(stack)
        cookie, conversation = _furnish()
        from django.urls import reverse

        from accounts.settings_pages import WORKSPACE, YOURS
        from telemetry.frame import OBSERVE

        listed = [page.name for page in (*YOURS, *WORKSPACE, *OBSERVE)]
        addresses = {"chat": f"/c/{conversation}/"} | {name.replace(":", "-"): reverse(name) for name in (*PAGES, *listed)}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for width in WIDTHS:
                for theme in THEMES:
                    page = _page(browser, url, cookie, width, theme)
                    for name, address in addresses.items():
                        if not wanted or name in wanted:
                            _take(page, address, folder / f"{name}-{width}-{theme}.png")
                    for name, act in SCENES.items():
                        if not wanted or name in wanted:
                            page.goto(addresses["chat"])
                            act(page)
                            page.wait_for_timeout(400)
                            page.screenshot(path=folder / f"{name}-{width}-{theme}.png")
                    page.context.close()
            for name, address in {"sign-in": "/accounts/login/"}.items():
                for width in WIDTHS:
                    _take(_page(browser, url, "", width, "light"), address, folder / f"{name}-{width}-light.png")
            browser.close()


def _page(browser: Browser, url: str, cookie: str, width: int, theme: Literal["light", "dark"]) -> Page:
    size = {"width": width, "height": WIDTHS[width]}
    context = browser.new_context(base_url=url, viewport=size, color_scheme=theme, has_touch=width < 768, is_mobile=width < 768)  # type: ignore[arg-type]
    if cookie:
        name, _, value = cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": url}])
    return context.new_page()


def _take(page: Page, address: str, path: Path) -> None:
    page.goto(address)
    page.wait_for_timeout(300)
    page.screenshot(path=path, full_page=address.startswith("/settings"))


def _open(selector: str) -> Callable[[Page], Any]:
    """Click the first one that is seen. At 1280 px the side panel needs no button: then the page shows itself."""

    def act(page: Page) -> None:
        button = page.locator(selector).locator("visible=true").first
        if button.count():
            button.click()

    return act


SCENES: Mapping[str, Callable[[Page], Any]] = {
    "scene-picker": _open("#model-button"),
    "scene-plus": _open("#add"),
    "scene-menu": _open("[popovertarget=conversation-menu]"),
    "scene-share": lambda page: page.evaluate("document.querySelector('[data-dialog=share]').click()"),
    "scene-settings": lambda page: page.evaluate("document.getElementById('chat-settings').showModal()"),
    "scene-shortcuts": lambda page: page.evaluate("document.getElementById('shortcuts').showModal()"),
    "scene-edit": _open("article.user [data-edit]"),
    "scene-feedback": _open("button[data-thumb]"),
    "scene-sidebar": _open("[popovertarget=sidebar]"),
}


def _furnish() -> tuple[str, uuid.UUID]:
    """A team: its people, chats, keys, providers; the cookie of its owner and the conversation to be shown."""
    from django.conf import settings
    from django.test import Client
    from django.utils import timezone

    from accounts import api_keys
    from accounts.models import Membership, User, Workspace
    from chat.models import Conversation

    now = timezone.now()
    workspace = Workspace.objects.create(name="Search team")
    people = []
    for name, role in (("Alice", "owner"), ("Bob", "admin"), ("Carol", "member"), ("Dan", "viewer")):
        person = User.objects.create_user(f"{name.lower()}@example.org", "a long password for the tour", name=name)
        Membership.objects.create(user=person, workspace=workspace, role=role)
        people.append(person)
    owner = people[0]
    for number, title in enumerate(TITLES):
        Conversation.objects.create(
            owner=owner, workspace=workspace, title=title, updated_at=now - timedelta(hours=9 * number + 1),
            pinned_at=now if number == 1 else None, archived_at=now if number > 5 else None,
        )  # fmt: skip
    conversation = Conversation.objects.create(
        owner=owner, workspace=workspace, title="Binary search, explained", model="openai/gpt-5"
    )
    _talk(conversation, now)
    for name in ("Nightly evaluation", "Support desk"):
        api_keys.issue(owner, workspace, name=name, scopes=["chat", "logs:read"], now=now)
    client = Client()
    client.force_login(owner)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", conversation.id


def _talk(conversation: Any, now: Any) -> None:
    """A question, two answers to it, and a follow-up that broke off."""
    from decimal import Decimal

    from chat.models import Message, ToolUse
    from chat.render import RENDERER_VERSION, render

    def say(parent: Any, role: str, text: str, **fields: Any) -> Any:
        position = Message.objects.filter(conversation=conversation).count() + 1
        if role == "assistant":
            fields = {"html": render(text), "renderer_version": RENDERER_VERSION, "run_id": uuid.uuid4(), **fields}
            fields |= {"trace_id": uuid.uuid4().hex, "usage_source": "provider"}
        return Message.objects.create(
            conversation=conversation, parent=parent, role=role, content=text, position=position, **fields
        )  # fmt: skip

    figures = {"prompt_tokens": 412, "completion_tokens": 318, "cost_usd": Decimal("0.0037"), "ttft_ms": 640, "latency_ms": 5200}
    asked = say(None, "user", QUESTION)
    say(asked, "assistant", "It halves the list with each look.", model="openai/gpt-5-mini", **figures)
    thought = {"reasoning": THOUGHTS, "reasoning_html": render(THOUGHTS), "reasoning_ms": 4200, "reasoning_effort": "medium"}
    answered = say(asked, "assistant", REPLY, model="openai/gpt-5", **figures, **thought)
    ToolUse.objects.create(
        message=answered, round=1, position=1, call_id="call_1", name="clock", arguments='{"zone": "Europe/Paris"}',
        result="2026-11-21T16:20:00+01:00", status="done", started_at=now - timedelta(milliseconds=40), ended_at=now,
    )  # fmt: skip
    more = say(answered, "user", "And what if the list does not fit into memory?")
    say(
        more,
        "assistant",
        "Then keep an index of every thousandth line, and",
        model="openai/gpt-5",
        status="interrupted",
        **figures,
    )


if __name__ == "__main__":
    main()
