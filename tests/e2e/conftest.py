"""Debian's Chromium before a running web process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from accounts.models import User
from tests.chat.conftest import _server_log, _session_server, own_server, provider_environment, server
from tests.server import WebServer

__all__ = ["_server_log", "_session_server", "own_server", "provider_environment", "server"]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: playwright's loop stays in this thread, and a test with a loop of its own cannot run beside it."""
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread, and uses no database
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(chromium: Browser, server: WebServer) -> Iterator[Callable[..., Page]]:
    """Opens a page of a signed-in person; what goes wrong in it fails the test."""
    faults: list[str] = []
    contexts = []

    def open_page(user: User, path: str = "/", *, width: int = 1280) -> Page:
        client = Client()
        client.force_login(user)
        context = chromium.new_context(base_url=server.url, viewport={"width": width, "height": 800})
        contexts.append(context)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": server.url}])
        return open_tab(context, path)

    def open_tab(context, path: str) -> Page:
        page: Page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        page.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
        page.goto(path)
        return page

    open_page.tab = open_tab  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert not faults
