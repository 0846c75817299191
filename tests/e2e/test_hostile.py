"""The hostile corpus before a real browser: whatever people, models and providers write, it is text."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from accounts import api_keys
from accounts.models import User, Workspace
from chat import sharing
from chat.models import Attachment, Conversation, File, Message, Prompt, ToolServer, ToolUse
from chat.render import RENDERER_VERSION, render
from gateway.models import Provider
from tests.e2e.watch import Watch
from tests.fakes.fixtures import RunningProvider

CORPUS = (Path(__file__).parents[1] / "hostile" / "markdown.txt").read_text().split("\n%%\n")
SETTINGS = ("profile", "workspace", "members", "api_keys", "audit_log", "privacy", "chat:prompts", "chat:tools", "gateway:models")
MARKED = '"><img src=https://x.example/p.gif onerror=alert(1)><script>alert(1)</script>\'"'


def told(owner: User, workspace: Workspace, texts: list[str], *, title: str = "Corpus") -> Conversation:
    """A stored conversation in which both sides say these texts."""
    conversation = Conversation.objects.create(owner=owner, workspace=workspace, title=title[:500])
    parent, position = None, 0
    for text in texts:
        for role in ("user", "assistant"):
            position += 1
            is_reply = role == "assistant"
            parent = Message.objects.create(
                conversation=conversation,
                parent=parent,
                role=role,
                content=text,
                html=render(text) if is_reply else "",
                renderer_version=RENDERER_VERSION,
                position=position,
                run_id=uuid.uuid4() if is_reply else None,
                model=f"openai/{text[:250]}" if is_reply else "",
            )
    return conversation


def test_stored_prompts_and_replies_are_text(sign_in, alice, workspace):
    page = sign_in(alice)
    watch = Watch.over(page)
    for start in range(0, len(CORPUS), 20):
        conversation = told(alice, workspace, CORPUS[start : start + 20])
        page.goto(f"/c/{conversation.id}/")
        expect(page.locator("article").last).to_be_visible()
        assert watch.survey() == {}


@pytest.mark.parametrize("size", [1, 5])
def test_a_streamed_reply_is_text_wherever_it_is_split(sign_in, alice, fake_provider: RunningProvider, size: int):
    text = "\n\n".join(CORPUS)
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    fake_provider.script("*", chunks=chunks, rate=2_000 // size)
    page = sign_in(alice)
    watch = Watch.over(page)
    page.reload()
    page.locator("#prompt").fill(MARKED)
    page.get_by_role("button", name="Send").click()
    for _ in range(5):
        page.wait_for_timeout(300)
        assert watch.survey() == {}
    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible(timeout=30_000)
    assert watch.survey() == {}


def test_titles_and_models_are_text_in_the_list_and_the_bar(sign_in, alice, workspace):
    for text in CORPUS:
        told(alice, workspace, [], title=text)
    last = told(alice, workspace, ["hello"], title=MARKED)
    Message.objects.filter(conversation=last).update(model=MARKED)
    page = sign_in(alice)
    watch = Watch.over(page)
    page.goto(f"/c/{last.id}/")
    expect(page.locator("#conversation-title")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#conversations script, #conversations img, header.bar img").count() == 0
    assert watch.survey() == {}


def test_a_provider_error_is_text(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", status=400, error={"message": MARKED})
    page = sign_in(alice)
    watch = Watch.over(page)
    page.reload()
    page.locator("#prompt").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert watch.survey() == {}
    page.reload()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert watch.survey() == {}


def beside(message: Any, text: str) -> None:
    """Everything that a reply has beside its text, said in this text."""
    message.reasoning, message.reasoning_html, message.reasoning_ms = text, render(text), 10
    message.error, message.status = text, "failed"
    message.save()
    ToolUse.objects.create(
        message=message,
        round=1,
        position=1,
        call_id="1",
        name=text[:100],
        server=text[:60],
        arguments=text,
        result=text,
        status="done",
    )
    file = File.objects.create(
        owner=message.conversation.owner, workspace=message.conversation.workspace, name=text[:200], kind="text", size=9
    )
    Attachment.objects.create(message=message.parent, file=file)


def test_thoughts_tools_and_file_names_are_text(sign_in, alice, workspace):
    conversation = told(alice, workspace, CORPUS[:40])
    for reply, text in zip(conversation.messages.filter(role="assistant"), [MARKED, *CORPUS], strict=False):
        beside(reply, text)
    page = sign_in(alice)
    watch = Watch.over(page)
    page.goto(f"/c/{conversation.id}/")
    expect(page.locator("article").last).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.locator(".tool-detail pre").count() >= 40
    assert page.locator(".file-name").count() >= 20
    assert watch.survey() == {}


def test_a_shared_page_is_text(chromium, server, alice, workspace):
    conversation = told(alice, workspace, CORPUS, title=MARKED)
    beside(conversation.messages.filter(role="assistant").first(), MARKED)
    share = sharing.make(conversation, sharing.Choices(), by=alice, now=timezone.now())
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    watch = Watch.over(page)
    page.goto(f"/share/{share.token.reveal()}/")
    expect(page.locator("article").last).to_be_visible()
    assert watch.survey(is_chat=False) == {}
    context.close()


def test_what_a_search_finds_is_text(sign_in, alice, workspace):
    told(alice, workspace, CORPUS, title=MARKED)
    page = sign_in(alice)
    watch = Watch.over(page)
    for words in ("alert", "script", "javascript", "onerror"):
        page.goto(f"/search/?q={words}")
        expect(page.locator("mark").first).to_be_visible()
        assert watch.survey(is_chat=False) == {}


def test_names_in_the_settings_are_text(sign_in, alice, workspace):
    alice.name = workspace.name = MARKED
    alice.save()
    workspace.save()
    api_keys.issue(alice, workspace, name=MARKED[:100], now=timezone.now())
    Prompt.objects.create(owner=alice, workspace=workspace, name="hostile", body=MARKED)
    ToolServer.objects.create(workspace=workspace, name=MARKED[:60], url="https://x.example/", test_error=MARKED, tools=[])
    Provider.objects.create(workspace=workspace, name="evil", kind="openai", model_names=[MARKED, *CORPUS[:30]])
    page = sign_in(alice)
    watch = Watch.over(page)
    for name in (
        "profile",
        "workspace",
        "members",
        "api_keys",
        "audit_log",
        "chat:prompts",
        "chat:tools",
        "gateway:models",
        "privacy",
    ):
        page.goto(reverse(name))
        expect(page.locator("h1")).to_be_visible()
        assert watch.survey(is_chat=False) == {}, name
    page.goto("/")
    page.locator("#model-button").click()
    page.wait_for_timeout(500)
    assert watch.survey() == {}
