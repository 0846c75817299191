"""What leaves the chat, through a real browser: a link is made, read signed out and revoked; exports, feedback, titles, money."""

import json
import re
import zipfile
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from chat.models import Conversation, Share
from gateway.models import Budget, ModelChoices
from telemetry.models import Score
from tests.chat.browser import wait_for
from tests.e2e.axe import violations_in_both_themes
from tests.e2e.conftest import ARGUMENTS
from tests.fakes.fixtures import RunningProvider
from tests.people import PASSWORD
from tests.server import WebServer, web_server

__all__ = ["ARGUMENTS"]

TEXT = "The **Moon** pulls the water.\n\n```python\nprint('tide')\n```"


def ask(page: Page, prompt: str = "Why is there high water?") -> None:
    page.locator("#prompt").fill(prompt)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("article.assistant[data-status=complete]").last).to_be_visible(timeout=20_000)


def open_share(page: Page) -> None:
    page.locator("#conversation-menu-button, [popovertarget=conversation-menu]").first.click()
    page.locator('[data-dialog="share"]').click()
    expect(page.locator("#share").get_by_role("heading", name="Share this chat")).to_be_visible()


@pytest.fixture
def told(fake_provider: RunningProvider) -> RunningProvider:
    fake_provider.script("*", chunks=[TEXT[at : at + 8] for at in range(0, len(TEXT), 8)])
    return fake_provider


@pytest.fixture
def signed_out(chromium: Browser, server: WebServer) -> Iterator[Page]:
    context = chromium.new_context(base_url=server.url, viewport={"width": 390, "height": 800})
    yield context.new_page()
    context.close()


def test_a_link_is_made_read_by_a_stranger_and_revoked(sign_in, alice, signed_out: Page, told):
    page = sign_in(alice)
    ask(page)
    open_share(page)
    page.get_by_role("button", name="Create a link").click()
    expect(page.locator("#share .notice")).to_have_text("The link is ready.")
    assert violations_in_both_themes(page, "#share") == []
    address = page.locator("#share-address").input_value()

    signed_out.goto(address)
    expect(signed_out.get_by_role("heading", name="Why is there high water?")).to_be_visible()
    expect(signed_out.locator("strong")).to_have_text("Moon")
    expect(signed_out.locator("body")).not_to_contain_text("Alice")
    assert signed_out.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations_in_both_themes(signed_out) == []

    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#share .notice")).to_contain_text("The link is revoked")
    answer = signed_out.goto(address)
    assert answer is not None
    assert answer.status == 404
    assert not Share.objects.exists()


def test_a_link_needs_no_script(chromium: Browser, server: WebServer, sign_in, alice, told):
    page = sign_in(alice)
    ask(page)
    open_share(page)
    page.get_by_role("button", name="Create a link").click()
    address = page.locator("#share-address").input_value()
    context = chromium.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(address)
    expect(plain.locator("pre")).to_contain_text("print('tide')")
    expect(plain.locator("button:visible")).to_have_count(0)
    context.close()


def test_a_reply_is_judged_by_one_click_and_more_by_the_panel(sign_in, alice, told):
    page = sign_in(alice)
    ask(page)
    reply = page.locator("article.assistant").last
    reply.hover()
    reply.get_by_role("button", name="Bad reply").click()
    expect(reply.get_by_role("button", name="Bad reply")).to_have_attribute("aria-pressed", "true")
    panel = reply.locator(".feedback-panel")
    expect(panel).to_contain_text("What was wrong?")
    assert violations_in_both_themes(page, ".feedback-panel") == []
    panel.get_by_text("Incomplete").click()
    panel.locator("label", has_text="2 of 5").click()
    panel.get_by_label("Comment").fill("It leaves the Sun out; ask alice.liddell@example.org")
    panel.get_by_role("button", name="Send feedback").click()
    expect(panel).to_have_count(0)
    expect(reply.locator("[data-feedback-more]")).to_be_focused()
    stored = {score.name: score.label or score.comment or score.value for score in Score.objects.all()}
    assert stored == {"thumb": 0, "rating": 2, "reason": "incomplete", "comment": "It leaves the Sun out; ask [[EMAIL]]"}

    page.reload()
    reply = page.locator("article.assistant").last
    expect(reply.get_by_role("button", name="Bad reply")).to_have_attribute("aria-pressed", "true")
    more = reply.get_by_role("link", name="Rate and comment")
    more.focus()
    page.keyboard.press("Enter")
    expect(reply.locator(".feedback-panel textarea")).to_have_value("It leaves the Sun out; ask [[EMAIL]]")
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    reply.get_by_role("button", name="Withdraw").click()
    expect(reply.get_by_role("button", name="Bad reply")).to_have_attribute("aria-pressed", "false")
    wait_for(lambda: not Score.objects.exists())


def test_a_thumb_that_could_not_be_kept_is_taken_back(sign_in, alice, told):
    page = sign_in(alice)
    ask(page)
    page.route("**/feedback/", lambda route: route.fulfill(status=500))
    reply = page.locator("article.assistant").last
    reply.hover()
    reply.get_by_role("button", name="Good reply").click()
    expect(page.locator("#composer-notice")).to_contain_text("Your feedback was not kept.")
    expect(reply.get_by_role("button", name="Good reply")).to_have_attribute("aria-pressed", "false")


def test_the_details_tell_what_a_reply_came_to(sign_in, alice, told):
    page = sign_in(alice)
    ask(page)
    page.locator("[data-details]").last.click()
    dialog = page.locator("#details")
    expect(dialog).to_contain_text("Trace")
    assert violations_in_both_themes(page, "#details") == []
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()


def test_one_chat_and_all_of_them_are_downloaded(sign_in, alice, told, tmp_path):
    page = sign_in(alice)
    ask(page)
    wait_for(lambda: re.search(r"/c/[0-9a-f-]{36}/", page.url))
    with page.expect_download() as download:
        page.evaluate("location.assign(location.pathname + 'export/?format=json')")
    told_of = json.loads(download.value.path().read_text())
    assert [message["text"] for message in told_of["messages"]] == ["Why is there high water?", TEXT]

    page.goto("/settings/your-data/")
    assert violations_in_both_themes(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Export all chats").click()
    path = tmp_path / "all.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 2
    expect(page.locator("#export-line")).to_contain_text("All 1 chats are in the file.")


def test_a_person_erases_themselves_and_gets_a_receipt(sign_in, bob, workspace, told):
    page = sign_in(bob)
    ask(page)
    page.goto("/settings/your-data/")
    page.get_by_role("link", name="Erase me…").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button[type=submit]").first.click()
    expect(page.get_by_role("heading", name="Erase me")).to_be_visible()
    assert violations_in_both_themes(page) == []
    page.get_by_label(re.compile("Type your e-mail address")).fill("someone@example.com")
    page.get_by_role("button", name="Erase me and everything of mine").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not your e-mail address.")
    page.get_by_label(re.compile("Type your e-mail address")).fill("bob@example.com")
    page.get_by_role("button", name="Erase me and everything of mine").click()
    expect(page.get_by_role("heading", name="You are erased")).to_be_visible(timeout=30_000)
    expect(page.locator(".receipt")).to_contain_text("Conversations: 1")
    assert violations_in_both_themes(page) == []
    assert not User.objects.filter(id=bob.id).exists()
    page.goto("/")
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_what_is_left_to_spend_shrinks_with_each_reply(sign_in, alice, workspace, told):
    Budget.objects.create(workspace=workspace, subject="user", subject_id=alice.id, limit_usd="0.01")
    page = sign_in(alice)
    expect(page.locator("#budget")).to_have_text("$0.010 of your $0.010 left this month")
    page.locator("#prompt").fill("Why?")
    page.evaluate("document.querySelector('[name=model]').value")
    ask(page)
    assert violations_in_both_themes(page, ".dock") == []


def test_a_title_appears_while_the_person_looks(
    chromium: Browser, provider_environment, alice, workspace, told, transactional_db
):
    ModelChoices.objects.create(workspace=workspace, title_path="openai/namer")
    told.script("namer", chunks=["Tides of the Moon"])
    with web_server(provider_environment | {"OLLIVE_AUTO_TITLES": "true"}) as own:
        client = Client()
        client.force_login(alice)
        context = chromium.new_context(base_url=own.url)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": own.url}])
        page = context.new_page()
        page.goto("/")
        ask(page)
        expect(page.locator("#conversations a").first).to_have_text("Tides of the Moon", timeout=20_000)
        expect(page.locator("#conversation-title")).to_have_text("Tides of the Moon")
        expect(page).to_have_title("Tides of the Moon – Ollive")
        context.close()
    assert Conversation.objects.get().title_source == "model"
