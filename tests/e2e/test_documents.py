"""The API's pages in a browser: they draw every operation, ask no other host, and let a person try what their role allows."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import violations_in_both_themes
from tests.programs import make_token
from tests.server import WebServer


@pytest.fixture
def visit(chromium: Browser, server: WebServer) -> Iterator[Callable[[str], Page]]:
    """Opens a page for nobody in particular; whatever its policy refuses, or another host is asked for, fails the test."""
    faults: list[str] = []
    context = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})

    def open_page(path: str) -> Page:
        page = context.new_page()
        host = urlsplit(server.url).netloc
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda sent: faults.append(sent.url) if _is_foreign(sent.url, host) else None)
        page.goto(path)
        return page

    yield open_page
    context.close()
    assert not faults


def _is_foreign(url: str, host: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != host


def test_swagger_draws_the_api_and_sends_a_key(visit, server, alice):
    page = visit("/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("Value").fill(make_token(alice, scopes=["logs:read"]))
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").click()
    block = page.locator("#operations-Logs-get_logs")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text("200", timeout=10_000)
    assert '"data": []' in block.locator(".live-responses-table").inner_text()


def test_our_part_of_the_pages_is_for_everybody(visit):
    page = visit("/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=20_000)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations_in_both_themes(page, ".documents-bar") == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_redoc_draws_the_api(visit):
    page = visit("/redoc")
    expect(page.get_by_role("heading", name="List calls").first).to_be_visible(timeout=20_000)
    page.get_by_placeholder("Search").fill("conversation")
    expect(page.get_by_role("search").get_by_role("menu")).to_be_visible(timeout=20_000)


def test_who_is_signed_in_tries_a_route_without_a_key(sign_in, alice):
    page = sign_in(alice, "/docs")
    block = page.locator("#operations-Logs-get_logs")
    block.locator(".opblock-summary-control").click(timeout=20_000)
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text("200", timeout=10_000)
