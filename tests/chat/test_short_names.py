"""Chats that go by a short name: they keep it, and another model answers where the first one fails."""

from chat.models import Conversation
from gateway import catalogue
from gateway.models import Deployment, ModelAlias
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider
from tests.fakes.replies import TEXT


def make(workspace, path: str, *fallbacks: str, **options: object) -> ModelAlias:
    alias = ModelAlias.objects.create(workspace=workspace, name="smart", path=f"openai/{path}", **options)
    for place, name in enumerate(fallbacks):
        Deployment.objects.create(alias=alias, path=f"openai/{name}", is_fallback=True, position=place)
    return alias


def test_a_chat_keeps_the_name_and_says_who_answered(as_alice: Browser, workspace, fake_provider: RunningProvider):
    make(workspace, "plain")
    first = as_alice.send("How do tides work?", model="smart")
    reply = ended(first.run)
    assert (reply.status, reply.model, reply.served_model) == ("complete", "smart", "openai/plain")
    assert Conversation.objects.get().model == "smart"
    again = ended(as_alice.send("And here?", conversation=first.conversation, model="smart").run)
    assert again.model == "smart"
    assert [seen.model for seen in fake_provider.requests] == ["plain", "plain"]


def test_another_model_answers_where_the_first_one_fails(as_alice: Browser, workspace):
    make(workspace, "quota", "plain")
    reply = ended(as_alice.send("How do tides work?", model="smart").run)
    assert (reply.status, reply.content, reply.served_model) == ("complete", TEXT, "openai/plain")
    digest.drain()
    failed, answered = InferenceLog.objects.order_by("attempt")
    assert (failed.status, failed.model, answered.status, answered.model) == ("error", "quota", "success", "plain")
    assert answered.fallback_of == failed.id
    assert answered.message_id == reply.id == failed.message_id
    assert {failed.requested_model, answered.requested_model} == {"smart"}
    assert reply.inference_id == answered.id


def test_an_answer_in_a_chat_is_never_one_that_was_kept(as_alice: Browser, workspace, fake_provider: RunningProvider):
    make(workspace, "plain", cache_seconds=600, caches_random=True)
    for _ in range(2):
        ended(as_alice.send("How do tides work?", model="smart").run)
    assert len(fake_provider.requests) == 2


def test_a_name_is_paid_for_as_the_model_that_it_means(workspace):
    make(workspace, "gpt-4o")
    assert catalogue.full_path("smart", workspace.id) == "openai/gpt-4o"
    assert catalogue.full_path("openai/gpt-4o", workspace.id) == "openai/gpt-4o"
