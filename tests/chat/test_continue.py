"""Going on with a reply that broke off: one text to read, two calls on record."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from chat import sweep
from chat.models import Message, Original
from chat.retries import GO_ON
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider


@pytest.fixture
def partial(as_alice: Browser, fake_provider: RunningProvider) -> Message:
    """A reply that was stopped after some words."""
    fake_provider.script("*", chunks=[f"word{n} " for n in range(400)], rate=40)
    sent = as_alice.send("Count")
    wait_for(lambda: "word3" in Message.objects.get(run_id=sent.run).content)
    as_alice.stop(sent.run)
    fake_provider.script("*", chunks=["and so ", "on."])
    return ended(sent.run)


def go_on(browser: Browser, reply: Message) -> Message:
    answer = browser.post(f"/runs/{reply.run_id}/continue/")
    assert answer.status_code == 200, answer.text
    return ended(str(Message.objects.get(continues=reply).run_id))


def test_it_goes_on_from_where_it_broke(as_alice: Browser, partial: Message, fake_provider: RunningProvider):
    whole = go_on(as_alice, partial)

    assert whole.content == partial.content + "and so on."
    assert [said["content"] for said in fake_provider.last.body["messages"]] == ["Count", partial.content, GO_ON]
    assert whole.parent_id == partial.parent_id
    partial.refresh_from_db()
    assert partial.status == "canceled"


def test_the_continuation_is_a_call_of_its_own(as_alice: Browser, partial: Message):
    whole = go_on(as_alice, partial)

    assert whole.inference_id != partial.inference_id
    assert whole.trace_id != partial.trace_id
    assert whole.completion_tokens is not None
    assert whole.completion_tokens < 20  # what the first call wrote is not billed again


def test_a_page_that_follows_sees_one_reply(as_alice: Browser, partial: Message, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["and ", "so ", "on."], rate=5)
    as_alice.post(f"/runs/{partial.run_id}/continue/")
    reply = Message.objects.get(continues=partial)
    with as_alice.page() as page:
        shown = page.sync(partial.conversation_id, reply.run_id)
        page.read_until(lambda: shown.end)

    assert " ".join(shown.text.split()) == " ".join((partial.content + "and so on.").split())


def test_a_reply_that_ended_at_the_limit_can_go_on(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["A long story"], finish_reason="length")
    sent = as_alice.send("Tell")
    cut = ended(sent.run)
    assert f"/runs/{sent.run}/continue/" in as_alice.client.get(f"/c/{sent.conversation}/").text

    fake_provider.script("*", chunks=[", and its end."])
    assert go_on(as_alice, cut).content == "A long story, and its end."


def test_a_whole_reply_has_nothing_to_continue(as_alice: Browser):
    sent = as_alice.send("Hello")
    ended(sent.run)

    assert as_alice.post(f"/runs/{sent.run}/continue/").status_code == 409
    assert f"/runs/{sent.run}/continue/" not in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_the_partial_stays_when_the_continuation_fails_at_once(
    as_alice: Browser, partial: Message, fake_provider: RunningProvider
):
    fake_provider.script("*", status=401)
    failed = go_on(as_alice, partial)

    assert (failed.status, failed.content) == ("failed", partial.content)


def test_a_continuation_whose_process_is_gone_is_billed_for_its_own_part(as_alice: Browser, partial: Message):
    """What the sweep closes begins with the first reply's text once, and counts the rest."""
    reply = Message.objects.create(
        conversation=partial.conversation,
        parent=partial.parent,
        role="assistant",
        status="streaming",
        run_id=partial.id,
        inference_id=partial.conversation_id,
        model=partial.model,
        content=partial.content,
        continues=partial,
        continued_length=len(partial.content),
        streamed_seq=1,
        position=partial.position + 1,
    )
    Message.objects.filter(id=reply.id).update(lease_until=Now() - timedelta(minutes=1))
    wait_for(lambda: sweep.sweep() or Message.objects.get(id=reply.id).status == "interrupted", seconds=30)
    reply.refresh_from_db()

    assert (reply.status, reply.content) == ("interrupted", partial.content)
    assert reply.completion_tokens == 0


def test_the_vault_holds_the_whole_text(as_alice: Browser, workspace, fake_provider: RunningProvider):
    from telemetry.models import RedactionPolicy

    RedactionPolicy.objects.create(workspace=workspace, keeps_originals=True, vault_hours=24, rules_version=1)
    fake_provider.script("*", chunks=["Mail alice.liddell@example.org now"], finish_reason="length")
    cut = wait_for(lambda: _kept(as_alice))
    fake_provider.script("*", chunks=[", or later."])
    whole = go_on(as_alice, cut)

    assert "alice.liddell" not in whole.content
    page = as_alice.client.get(f"/c/{whole.conversation_id}/").text
    assert "Mail alice.liddell@example.org now, or later." in page
    assert timezone.now() < Original.objects.get(message=whole).expires_at


def _kept(browser: Browser) -> Message | None:
    """A reply whose original is kept; the web process learns of a policy within seconds."""
    reply = ended(browser.send("Whom do I ask?").run)
    return reply if Original.objects.filter(message=reply).exists() else None
