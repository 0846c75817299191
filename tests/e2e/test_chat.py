"""The stories of step one, through a real browser: ask, watch, reload, look from a second tab, stop, delete."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.sign_in_links import make_link
from chat.models import Message
from tests.chat.browser import wait_for
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

WORDS = [f"word{n} " for n in range(100)]
TEXT = "".join(WORDS).split()


def ask(page: Page, prompt: str) -> None:
    page.locator("#prompt").fill(prompt)
    page.get_by_role("button", name="Send").click()


def shown(page: Page) -> list[str]:
    return page.locator("article.assistant .body").last.inner_text().split()


@pytest.fixture
def slow(fake_provider: RunningProvider) -> RunningProvider:
    fake_provider.script("*", chunks=WORDS, rate=20)
    return fake_provider


def test_a_new_owner_signs_in_by_the_link_and_asks(chromium, server: WebServer, alice, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["The capital of France ", "is **Paris**."])
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto(make_link(alice, timezone.now()))
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    ask(page, "What is the capital of France?")

    reply = page.locator("article.assistant[data-status=complete]")
    expect(reply).to_contain_text("The capital of France is Paris.")
    expect(reply.locator("strong")).to_have_text("Paris")
    expect(page.locator("#conversations a").first).to_contain_text("What is the capital of France?")
    assert re.search(r"/c/[0-9a-f-]{36}/$", page.url)
    context.close()


def test_a_reload_in_the_middle_leaves_no_gap_and_repeats_nothing(sign_in, alice, slow: RunningProvider):
    page = sign_in(alice)
    ask(page, "Count")
    expect(page.locator("article.assistant .body")).to_contain_text("word20")

    page.reload()
    expect(page.locator("article.assistant .body")).to_contain_text("word10")

    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible(timeout=15_000)
    assert shown(page) == TEXT


SOCKETS = """
window.__sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    window.__sockets.push(this);
  }
};
"""


def test_five_lost_connections_leave_no_gap_and_repeat_nothing(sign_in, alice, slow: RunningProvider):
    page = sign_in(alice)
    page.add_init_script(SOCKETS)
    page.reload()
    ask(page, "Count")
    for word in (10, 25, 40, 55, 70):
        expect(page.locator("article.assistant .body")).to_contain_text(f"word{word}", timeout=15_000)
        page.evaluate("window.__sockets.at(-1).close()")

    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible(timeout=20_000)
    assert page.evaluate("window.__sockets.length") >= 6
    assert shown(page) == TEXT


def test_a_second_tab_follows_and_stop_in_one_stops_both(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=[f"word{n} " for n in range(400)], rate=20)
    first = sign_in(alice)
    ask(first, "Count")
    expect(first.locator("article.assistant .body")).to_contain_text("word5")
    second = sign_in.tab(first.context, first.url)
    expect(second.locator("article.assistant .body")).to_contain_text("word15")

    second.get_by_role("button", name="Stop").click()

    for page in (first, second):
        expect(page.locator("article.assistant[data-status=canceled]")).to_be_visible(timeout=10_000)
    assert wait_for(lambda: fake_provider.last.closed_early_at)
    reply = Message.objects.get(role="assistant")
    assert reply.status == "canceled"
    assert shown(first) == shown(second) == reply.content.split()


def test_a_tab_that_was_open_sees_what_another_sends(sign_in, alice, slow: RunningProvider):
    first = sign_in(alice)
    ask(first, "Count")
    expect(first.locator("article.assistant[data-status=complete]")).to_be_visible(timeout=15_000)
    second = sign_in.tab(first.context, first.url)

    ask(first, "And again")

    expect(second.locator("article.user").last).to_contain_text("And again")
    expect(second.locator("article.assistant[data-status=complete]")).to_have_count(2, timeout=15_000)


def test_an_error_is_told_and_the_reply_can_be_tried_again(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", status=401, times=1)
    page = sign_in(alice)
    ask(page, "Hello")
    expect(page.get_by_role("alert").first).to_be_visible()

    page.get_by_role("button", name="Retry").click()

    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible()
    expect(page.locator("article.assistant")).to_have_count(1)


def test_it_works_on_a_phone(sign_in, alice, fake_provider: RunningProvider):
    page = sign_in(alice, width=390)
    ask(page, "Hello")

    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
