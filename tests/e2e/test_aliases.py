"""A name of several models, from its page to the chat that goes by it."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from chat.models import Conversation, Message
from gateway.models import Deployment, ModelAlias, ModelChoices
from tests.e2e.axe import violations_in_both_themes

SHOTS = os.environ.get("OLLIVE_SHOTS", "")


def shoot(page: Page, name: str) -> None:
    """Pictures to look at, where somebody asked for them."""
    for theme in ("light", "dark") if SHOTS else ():
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=Path(SHOTS) / f"{name}-{theme}.png", full_page=True)


@pytest.fixture
def smart(workspace) -> ModelAlias:
    alias = ModelAlias.objects.create(
        workspace=workspace, name="smart", path="openai/error-503", compared_since=timezone.now() - timedelta(days=2)
    )
    Deployment.objects.create(alias=alias, path="openai/cut", weight=0)
    ModelChoices.objects.create(workspace=workspace, default_path="smart")
    return alias


def test_a_model_that_stands_in_answers_in_the_chat(sign_in, alice, smart):
    page: Page = sign_in(alice, f"/settings/models/short-names/{smart.id}/", width=390)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    line = page.get_by_role("group", name="Model 3")
    line.get_by_label("Model").fill("openai/plain")
    line.get_by_label("Role").select_option("fallback")
    page.get_by_label("Attempts before models stand in").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("smart is changed.")).to_be_visible()
    shoot(page, "alias-390")
    expect(page.get_by_text("stands in when others fail", exact=False).first).to_be_visible()

    page.goto("/")
    page.locator("#prompt").fill("How do tides work?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("(answered by openai/plain)")).to_be_visible(timeout=20_000)
    reply = Message.objects.get(role="assistant")
    assert (reply.status, reply.model, reply.served_model) == ("complete", "smart", "openai/plain")
    shoot(page, "alias-chat-390")
    assert Conversation.objects.get().model == "smart"


@pytest.mark.parametrize("below", ["", "comparison/"], ids=["models", "comparison"])
def test_its_pages_can_be_read_by_everybody(sign_in, alice, smart, below):
    page: Page = sign_in(alice, f"/settings/models/short-names/{smart.id}/{below}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert violations_in_both_themes(page) == []
    shoot(page, f"alias-{below.strip('/') or 'models'}-1280")
