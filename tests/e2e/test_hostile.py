"""The hostile corpus before a real browser: whatever people, models and providers write, it is text."""

import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.models import User, Workspace
from chat.models import Conversation, Message
from chat.render import RENDERER_VERSION, render
from tests.e2e.watch import Watch
from tests.fakes.fixtures import RunningProvider

CORPUS = (Path(__file__).parents[1] / "hostile" / "markdown.txt").read_text().split("\n%%\n")
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
