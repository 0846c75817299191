"""A workspace is run from its pages: people come, get roles and go; a key works as shown; a rule is tried before it holds."""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import ApiKey, Membership, User, Workspace
from chat.models import Conversation, Message
from telemetry import digest
from telemetry.models import InferenceLog
from tests.e2e.axe import SCHEMES, violations, violations_in_both_themes
from tests.e2e.conftest import own_server, server
from tests.people import PASSWORD, join
from tests.server import WebServer

__all__ = ["own_server", "server"]

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ["workspace", "members", "api-keys", "privacy", "audit-log", "workspace/delete"]


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


@pytest.fixture
def visitor(chromium: Browser, server: WebServer) -> Iterator[BrowserContext]:
    """Somebody who is not signed in, in a browser of their own."""
    context = chromium.new_context(base_url=server.url)
    yield context
    context.close()


def manage(page: Page, name: str) -> None:
    page.get_by_label(f"Manage {name}").click()


def test_a_person_is_invited_and_removed(sign_in: Callable[..., Page], visitor: BrowserContext, alice, workspace):
    owner = sign_in(alice, "/settings/members/")
    owner.get_by_role("button", name="Make an invitation").click()
    link = owner.locator("#invitation-link").inner_text()

    guest = visitor.new_page()
    guest.goto(link)
    guest.get_by_label("Name").fill("Eve")
    guest.get_by_label("E-mail").fill("eve@example.com")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Make an account and join").click()
    expect(guest.locator("#prompt")).to_be_visible()
    eve = User.objects.get(email="eve@example.com")
    conversation = Conversation.objects.create(workspace=workspace, owner=eve, title="Tides")
    Message.objects.create(conversation=conversation, role="user", content="How do tides work?", position=1)
    with guest.expect_websocket():
        guest.goto(f"/c/{conversation.id}/")
    expect(guest.get_by_text("How do tides work?")).to_be_visible()

    owner.goto("/settings/members/")
    manage(owner, "Eve")
    owner.get_by_label("Role of Eve").select_option("admin")
    owner.get_by_role("button", name="Change role").click()
    expect(owner.get_by_role("status").first).to_contain_text("Eve is now admin.")
    second = visitor.new_page()
    second.goto("/settings/members/")
    expect(second.get_by_role("button", name="Make an invitation")).to_be_visible()

    manage(owner, "Eve")
    owner.get_by_text("Remove from the workspace…").click()
    owner.get_by_role("button", name="Remove Eve").click()
    expect(owner.get_by_text("eve@example.com")).to_have_count(0)
    expect(guest.get_by_text("You are in no workspace yet")).to_be_visible()
    second.reload()
    expect(second.get_by_text("You are in no workspace yet")).to_be_visible()
    assert not Membership.objects.filter(user__email="eve@example.com").exists()

    guest.goto(link)
    expect(guest.get_by_text("This invitation was used already")).to_be_visible()


def test_a_key_works_as_the_page_shows_it(sign_in: Callable[..., Page], alice, workspace):
    page = sign_in(alice, "/settings/api-keys/")
    page.get_by_label("What is it for?").fill("nightly jobs")
    page.get_by_role("button", name="Make the key").click()
    token = page.locator("#new-key").inner_text()
    command = page.locator("#key-example").inner_text()
    assert token in command
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout)["choices"][0]["message"]["role"] == "assistant"
    digest.drain()
    assert InferenceLog.objects.get().workspace_id == workspace.id

    page.goto("/settings/api-keys/")
    expect(page.get_by_text(token)).to_have_count(0)
    page.get_by_label("Manage the key nightly jobs").click()
    page.get_by_role("button", name="Rotate").click()
    assert page.locator("#new-key").inner_text() != token
    page.get_by_label("Manage the key nightly jobs").click()
    page.get_by_text("Revoke the key…").click()
    page.get_by_role("button", name="Revoke nightly jobs").click()
    expect(page.get_by_role("status").first).to_contain_text("is revoked")
    assert ApiKey.objects.get().revoked_at is not None


def test_a_rule_is_tried_before_it_holds(sign_in: Callable[..., Page], alice):
    page = sign_in(alice, "/settings/privacy/")
    page.get_by_label("Text").fill("Ask EMP-123456 or bob@example.com")
    page.get_by_role("button", name="Show what would be removed").click()
    expect(page.locator("#trial mark")).to_have_text(["e-mail"])
    page.get_by_label("Its name, as it shows").fill("STAFF")
    page.get_by_label("Pattern or words").fill("EMP-[0-9]{6}")
    page.get_by_role("button", name="Add it, switched off").click()
    expect(page.get_by_text("No calls are logged here yet")).to_be_visible()
    page.get_by_role("button", name="Switch STAFF on").click()
    page.get_by_label("Text").fill("Ask EMP-123456 or bob@example.com")
    page.get_by_role("button", name="Show what would be removed").click()
    expect(page.locator("#trial mark")).to_have_text(["STAFF", "e-mail"])


def test_the_pages_work_without_scripts(chromium: Browser, sign_in: Callable[..., Page], alice):
    signed = sign_in(alice, "/settings/members/")
    base_url = signed.url.partition("/settings")[0]
    context = chromium.new_context(java_script_enabled=False, base_url=base_url, storage_state=signed.context.storage_state())
    page = context.new_page()
    page.goto("/settings/privacy/")
    page.get_by_label("Text").fill("bob@example.com")
    page.get_by_role("button", name="Show what would be removed").click()
    expect(page.locator("#trial mark")).to_have_text(["e-mail"])
    page.goto("/settings/workspace/")
    page.get_by_label("Name", exact=True).fill("Looking-glass")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Looking-glass")
    context.close()


@pytest.mark.parametrize("theme", SCHEMES)
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out_of_the_pages(sign_in: Callable[..., Page], alice, bob, workspace, theme, width):
    join(alice, Workspace.objects.create(name="Elsewhere"), "owner")
    page = sign_in(alice, "/settings/members/", width=width)
    page.emulate_media(color_scheme=theme)
    page.get_by_role("button", name="Make an invitation").click()
    manage(page, "Bob")
    found = {"invited": violations(page)}
    for name in PAGES:
        page.goto(f"/settings/{name}/")
        for summary in page.locator("details > summary").all():
            if summary.is_visible():
                summary.click()
        found[name] = violations(page)
        is_wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not is_wide, f"{name} scrolls sideways"
    assert not any(found.values()), found


def test_the_invitation_page_keeps_nobody_out(sign_in: Callable[..., Page], visitor: BrowserContext, alice):
    owner = sign_in(alice, "/settings/members/")
    owner.get_by_role("button", name="Make an invitation").click()
    page = visitor.new_page()
    page.goto(owner.locator("#invitation-link").inner_text())
    assert violations_in_both_themes(page) == []
    assert User.objects.count() == 1
