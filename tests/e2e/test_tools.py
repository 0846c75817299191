"""Thinking and tools, as a person sees them: folded, opened while it runs, stopped, and there again after a reload."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from chat.models import ToolUse, WorkspaceTool
from tests.chat.browser import wait_for
from tests.chat.tools.conftest import Site, _running_site, asks, site, wants
from tests.e2e.axe import violations_in_both_themes
from tests.fakes.fixtures import RunningProvider

__all__ = ["_running_site", "site"]

THOUGHTS = [f"thought{n} " for n in range(80)]


@pytest.fixture
def allowed(workspace) -> None:
    for name in ("clock", "http_fetch"):
        WorkspaceTool.objects.create(workspace=workspace, name=name)


def ask(page: Page, prompt: str) -> None:
    page.locator("#prompt").fill(prompt)
    page.get_by_role("button", name="Send").click()


def model_of(page: Page) -> str:
    return page.locator("#model").input_value().removeprefix("openai/")


def switch_on(page: Page, *names: str) -> None:
    page.get_by_role("button", name=re.compile("^Tools")).click()
    for name in names:
        page.locator("#tools-menu").get_by_label(name).check()
    page.keyboard.press("Escape")


def test_thinking_is_folded_and_can_be_watched(sign_in, alice: User, fake_provider: RunningProvider):
    fake_provider.script("*", reasoning=THOUGHTS, chunks=["Four."], rate=20)
    page = sign_in(alice)
    ask(page, "Two and two?")
    thinking = page.locator("article.assistant .thinking")
    expect(thinking.locator("summary")).to_contain_text(re.compile(r"Thinking… \d+ s"))
    expect(thinking.locator(".thought")).to_be_hidden()

    thinking.locator("summary").click()
    expect(thinking.locator(".thought")).to_contain_text("thought20")
    page.reload()
    expect(thinking.locator("summary")).to_contain_text("Thinking…")
    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible(timeout=20_000)

    expect(thinking.locator("summary")).to_contain_text(re.compile(r"Thought for \d+ s"))
    expect(thinking.locator(".thought")).to_be_hidden()
    thinking.locator("summary").press("Enter")
    expect(thinking.locator(".thought")).to_contain_text("thought79")
    assert page.locator("article.assistant .body").inner_text() == "Four."


def test_a_tool_is_switched_on_and_its_row_appears(sign_in, alice: User, allowed, fake_provider: RunningProvider, site: Site):
    site.put("/slow", "<p>The tide is <b>high</b>.", kind="text/html")
    address = json.dumps({"url": f"{site.url}/slow"})
    page = sign_in(alice)
    switch_on(page, "Web pages", "Clock")
    expect(page.locator("#tools-count")).to_have_text("2")
    fake_provider.queue(
        model_of(page),
        wants(asks("http_fetch", address), asks("clock", call_id="call_2")),
        {"chunks": ["High."]},
    )
    ask(page, "How is the tide?")
    row = page.locator(".tool-use", has_text="http_fetch")
    expect(row).to_contain_text("Running…")
    row.locator("summary").click()
    expect(row).to_contain_text("No result yet.")
    second = sign_in.tab(page.context, page.url)
    expect(second.locator(".tool-use", has_text="http_fetch")).to_contain_text("Running…")

    site.gate.set()
    for tab in (page, second):
        expect(tab.locator("article.assistant[data-status=complete]")).to_contain_text("High.")
        expect(tab.locator(".tool-use[data-status=done]")).to_have_count(2)
    # What was open stays open, and shows what came since; nothing of the page is taken for a page.
    expect(row.locator(".tool-detail")).to_contain_text("The tide is high.")
    page.reload()
    expect(page.locator(".tool-use[data-status=done]")).to_have_count(2)
    expect(page.locator("#tools-menu input:checked")).to_have_count(2)
    assert violations_in_both_themes(page) == []


def test_stop_ends_a_tool(sign_in, alice: User, allowed, fake_provider: RunningProvider, site: Site):
    page = sign_in(alice)
    switch_on(page, "Web pages")
    fake_provider.queue(model_of(page), wants(asks("http_fetch", json.dumps({"url": f"{site.url}/slow"}))))
    ask(page, "How is the tide?")
    expect(page.locator(".tool-use")).to_contain_text("Running…")
    page.reload()
    expect(page.locator(".tool-use")).to_contain_text("Running…")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".tool-use")).to_contain_text("Stopped")
    expect(page.locator("article.assistant[data-status=canceled]")).to_be_visible()
    assert wait_for(lambda: ToolUse.objects.get().status == "canceled")
