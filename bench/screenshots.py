"""Takes the pictures of the README anew, in docs/screenshots: `make screenshots`. Needs Debian's Chromium."""

import uuid
from pathlib import Path
from typing import Literal

import httpx
from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.stack import ROOT, Stack, servers, start_web

FOLDER = ROOT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
PROMPT = "Write to alice@example.org that the tide table is ready, and show me how you compute the next high tide."
REPLY = """Done: the note to alice@example.org is drafted. High tides come about **12 hours and 25 minutes** apart, so:

```python
from datetime import datetime, timedelta

LUNAR_HALF_DAY = timedelta(hours=12, minutes=25, seconds=14)


def next_high_tide(last: datetime, now: datetime) -> datetime:
    passed = (now - last) // LUNAR_HALF_DAY + 1
    return last + passed * LUNAR_HALF_DAY
```

| place | last high tide | next |
|---|--:|--:|
| North pier | 06:12 | 18:37 |
| South pier | 06:31 | 18:56 |

Wind and air pressure move these times by *up to half an hour*.
"""
VIEWS: tuple[tuple[str, int, int, Literal["light", "dark"]], ...] = (
    ("chat", 1280, 860, "light"),
    ("chat-dark", 1280, 860, "dark"),
    ("phone", 390, 844, "light"),
    ("log", 1280, 760, "light"),
    ("dashboard", 1280, 1000, "light"),
    ("logs", 1280, 860, "dark"),
)
OF_THE_DEMO = {"dashboard": "/dashboards/?window=30d&compare=previous", "logs": "/logs/?window=7d"}
EARLIER = ("Plan a week of lunches", "Explain binary search", "Draft a release note", "Compare two backup strategies")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    # The stand-in would name every chat alike.
    with servers({"OLLIVE_AUTO_TITLES": "false"}) as stack:
        url = start_web(stack)
        cookie = _sign_in()
        _prepare(stack, url, cookie)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for name, width, height, theme in VIEWS:
                if name in OF_THE_DEMO:
                    _work_in_demo(cookie)
                context = browser.new_context(base_url=url, viewport={"width": width, "height": height}, color_scheme=theme)
                _enter(context, url, cookie)
                _picture(context.new_page(), name)
            browser.close()


def _picture(page: Page, name: str) -> None:
    if name == "log":
        page.goto("/admin/telemetry/inferencelog/")
        page.click("#result_list tbody tr:first-child th a")
        page.get_by_role("button", name="Show what was said").click()
    elif name in OF_THE_DEMO:
        page.goto(OF_THE_DEMO[name])
        page.wait_for_load_state("networkidle")
    else:
        page.goto("/")
        page.goto(_newest(page))
    _take(page, name)


def _prepare(stack: Stack, url: str, cookie: str) -> None:
    """Earlier conversations, then the one to be shown; all of them recorded."""
    from telemetry import digest

    control = stack.provider_url.removesuffix("/v1") + "/control/script"
    chunks = [word + " " for word in REPLY.split(" ")]
    token = "d" * 32
    headers = {"Cookie": f"{cookie}; ollive_csrftoken={token}", "X-CSRFToken": token, "HX-Request": "true"}
    with httpx.Client(trust_env=False, timeout=30) as client:
        client.post(control, json={"model": "*", "chunks": chunks, "rate": 60}).raise_for_status()
        for prompt in (*EARLIER, PROMPT):
            ids = {"conversation": str(uuid.uuid4()), "message": str(uuid.uuid4())}
            fields = ids | {"prompt": prompt, "model": "openai/gpt-4o-mini"}
            client.post(f"{url}/turns/", data=fields, headers=headers).raise_for_status()
    _wait_until_all_ended()
    digest.drain()


def _work_in_demo(cookie: str) -> None:
    """A month of demo traffic, and the workspace that it is in."""
    from importlib import import_module

    from django.conf import settings
    from django.core.management import call_command

    from accounts.access import SESSION_KEY
    from accounts.models import Workspace

    if not Workspace.objects.filter(name="Demo").exists():
        call_command("seed_demo", rows=60_000, days=61, workspace="Demo", owner="owner@example.com")
    session = import_module(settings.SESSION_ENGINE).SessionStore(cookie.partition("=")[2])
    session[SESSION_KEY] = str(Workspace.objects.get(name="Demo").pk)
    session.save()


def _wait_until_all_ended() -> None:
    import time

    from chat.models import Message

    deadline = time.monotonic() + 60
    while Message.objects.filter(status="streaming").exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def _sign_in() -> str:
    from django.conf import settings
    from django.test import Client
    from django.utils import timezone

    from accounts.owner import ensure_owner

    user, _ = ensure_owner("owner@example.com", None)
    user.name, user.last_login = "Owner", timezone.now()
    user.save()
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _enter(context: BrowserContext, url: str, cookie: str) -> None:
    name, _, value = cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": url}])


def _newest(page: Page) -> str:
    return page.locator("#conversations a").first.get_attribute("href") or "/"


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(300)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    print(Path(path).relative_to(ROOT))


if __name__ == "__main__":
    main()
