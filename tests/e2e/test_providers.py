"""A provider of one's own, from its address to the first reply; the picker by keyboard and on a phone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Workspace
from gateway.models import Provider
from tests.e2e.axe import violations_in_both_themes
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, web_server

SHOTS = os.environ.get("OLLIVE_SHOTS", "")


@pytest.fixture
def server(django_db_setup: None, fake_provider: RunningProvider, transactional_db: None) -> Iterator[WebServer]:
    """A web process that nobody has given a provider."""
    with web_server({"OLLIVE_GRACE_SECONDS": "0.5"}) as server:
        yield server


def shoot(page: Page, name: str) -> None:
    """Pictures to look at, where somebody asked for them."""
    if SHOTS:
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(SHOTS) / f"{name}-{theme}.png")
        page.emulate_media(color_scheme="light")


def make_provider(workspace: Workspace, fake: RunningProvider, **fields) -> Provider:
    values = {"name": "mine", "kind": "compatible", "base_url": fake.url, "api_key": "sk-of-alice-0123456789", "is_trusted": True}
    return Provider.objects.create(workspace=workspace, **values | fields)


def test_a_new_owner_adds_a_server_allows_it_tests_it_and_chats(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("plain", chunks=["Hello ", "Alice."])
    page = sign_in(alice)
    expect(page.get_by_role("heading", name="Choose where answers come from")).to_be_visible()
    expect(page.locator("#welcome-ollama")).to_contain_text("None answers at 127.0.0.1:11434")
    shoot(page, "welcome-1280")
    assert violations_in_both_themes(page) == []
    page.get_by_role("link", name="Providers", exact=True).click()

    shoot(page, "kinds-1280")
    assert violations_in_both_themes(page) == []
    page.get_by_role("link", name="OpenAI-compatible server").click()
    page.get_by_label("Address").fill(fake_provider.url)
    page.get_by_label("Key").fill("sk-of-alice-0123456789")
    page.get_by_label("Name").fill("mine")
    shoot(page, "form-1280")
    assert violations_in_both_themes(page) == []
    page.get_by_role("button", name="Add and test").click()

    line = page.locator("#provider-mine")
    expect(line).to_contain_text("This address is in your private network")
    shoot(page, "waiting-1280")
    assert violations_in_both_themes(page) == []
    line.get_by_role("button", name="Allow").click()
    expect(line).not_to_contain_text("private network")
    line.get_by_role("button", name="Test mine").click()
    expect(line).to_contain_text("It answers, and lists")
    shoot(page, "providers-1280")
    assert violations_in_both_themes(page) == []
    assert "sk-of-alice-0123456789" not in page.content()

    page.get_by_role("link", name="Back to the chats").click()
    page.locator("#model-button").click()
    page.locator("#model-search").fill("plain")
    page.keyboard.press("Enter")
    page.locator("#prompt").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator("article.assistant[data-status=complete]")).to_contain_text("Hello Alice.")
    assert fake_provider.last.headers["Authorization"] == "Bearer sk-of-alice-0123456789"


def test_the_picker_is_used_by_keyboard_alone(sign_in, alice, workspace, fake_provider: RunningProvider):
    make_provider(workspace, fake_provider, model_names=[f"model-{number:04}" for number in range(2000)])
    page = sign_in(alice)
    assert len(page.content()) < 100_000
    button = page.locator("#model-button")
    expect(button).to_contain_text("model-0000")
    button.focus()
    page.keyboard.press("Enter")
    search = page.locator("#model-search")
    expect(search).to_be_focused()
    expect(page.locator("#model-note")).to_contain_text("more: type to find them")
    shoot(page, "picker-1280")
    assert violations_in_both_themes(page) == []

    page.keyboard.type("1 99")
    expect(page.locator("#model-list [role=option]").first).to_contain_text("model-0199")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+d")
    expect(page.locator(".is-favourite .model-label")).to_have_text("model-0991")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(button).to_contain_text("model-0000")

    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Favourites")).to_contain_text("model-0991")
    page.keyboard.type("1999")
    page.keyboard.press("Enter")
    expect(button).to_contain_text("model-1999")
    assert page.evaluate("document.getElementById('model').value") == "mine/model-1999"
    page.reload()
    expect(button).to_contain_text("model-1999")  # though it is not among the page's few
    button.click()
    expect(page.get_by_role("group", name="Recent")).to_contain_text("model-1999")


def test_a_path_that_nobody_lists_can_be_typed(sign_in, alice, workspace, fake_provider: RunningProvider):
    make_provider(workspace, fake_provider, model_names=["plain"])
    fake_provider.script("tomorrow", chunks=["From tomorrow."])
    page = sign_in(alice)
    page.locator("#model-button").click()
    page.locator("#model-search").fill("mine/tomorrow")
    page.get_by_role("option", name="mine/tomorrow").click()
    page.locator("#prompt").fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("article.assistant[data-status=complete]")).to_contain_text("From tomorrow.")


def test_on_a_phone_the_list_is_a_sheet_from_below(sign_in, alice, workspace, fake_provider: RunningProvider):
    page = sign_in(alice, width=390)
    expect(page.locator("#welcome-ollama")).to_contain_text("Look again")
    shoot(page, "welcome-390")
    make_provider(workspace, fake_provider)
    page.goto("/settings/providers/")
    expect(page.locator("#provider-mine")).to_contain_text("It answers")
    shoot(page, "providers-390")
    page.goto("/settings/models/")
    shoot(page, "models-390")
    assert violations_in_both_themes(page) == []
    page.goto("/")
    page.locator("#model-button").click()
    menu = page.locator("#model-menu").bounding_box()
    assert menu is not None
    assert (menu["x"], menu["width"], round(menu["y"] + menu["height"])) == (0, 390, 800)
    shoot(page, "picker-390")
    assert violations_in_both_themes(page) == []
    page.get_by_role("option", name="paced-20").first.click()
    expect(page.locator("#model-button")).to_contain_text("paced-20")


def test_the_catalogue_is_searched_and_a_model_is_kept_for_owners(sign_in, alice, workspace, fake_provider: RunningProvider):
    make_provider(workspace, fake_provider)
    page = sign_in(alice, "/settings/models/")
    shoot(page, "models-1280")
    assert violations_in_both_themes(page) == []
    page.get_by_label("Find a model").fill("plain")
    page.keyboard.press("Enter")
    row = page.get_by_role("listitem", name="mine/plain")
    row.get_by_role("button", name="Hide").click()
    expect(row).to_contain_text("Hidden")
    row.get_by_role("link", name="Edit").click()
    shoot(page, "model-1280")
    assert violations_in_both_themes(page) == []
    page.get_by_label("Members").uncheck()
    page.get_by_label("Name in lists").fill("The plain one")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("listitem", name="mine/plain")).to_contain_text("For owners and admins")
    expect(page.get_by_role("listitem", name="mine/plain")).to_contain_text("The plain one")
