"""What providers say that they offer: how it is read, kept for all processes, and what is shown while one does not answer."""

import json
import time
from dataclasses import replace

import pytest
from django.core.cache import cache

from gateway import catalogue, directory, listing, sources
from gateway.adapters import sessions
from gateway.listing import Offer
from gateway.models import Provider
from gateway.sources import Source
from tests.chat.browser import wait_for

pytestmark = pytest.mark.django_db


def server(url: str, kind: str = "compatible", **fields) -> Source:
    return Source("mine", directory.kinds()[kind], url, **{"has_own_address": True, **fields})


def tell(fake_provider, models: list, **more) -> None:
    fake_provider.script("/models", body=json.dumps({"data": models, **more}))


def as_another_process() -> None:
    """Forget what this process knows, and only that."""
    with listing._lock:
        listing._known.clear()


def test_the_list_is_read_with_what_it_says_of_each_model(fake_provider):
    models = [
        {
            "id": "open",
            "context_length": 32_000,
            "architecture": {"input_modalities": ["text", "image"]},
            "supported_parameters": ["tools"],
        },
        {"id": "mist", "max_context_length": 8000, "capabilities": {"vision": False, "function_calling": True}},
        {"id": "bare"},
        {"id": "bare"},
        {"id": "an-embedding", "type": "embedding"},
        {"id": 7},
        "nonsense",
        {"id": "x" * 300},
    ]
    tell(fake_provider, models)
    assert listing.offered(server(fake_provider.url)).offers == (
        Offer("open", True, True, False, 32_000),
        Offer("mist", False, True, None, 8000),
        Offer("bare"),
    )


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"data": 3}', '{"data": [[]]}', "7"])
def test_a_list_without_models_is_empty(fake_provider, body):
    fake_provider.script("/models", body=body)
    assert listing.offered(server(fake_provider.url)).offers == ()


def test_what_is_not_for_chat_is_left_out_of_a_companys_list(fake_provider):
    names = ["gpt-4o", "text-embedding-3-small", "whisper-1", "tts-1", "dall-e-3", "omni-moderation-latest", "gpt-of-tomorrow"]
    tell(fake_provider, [{"id": name} for name in names])
    openai = server(fake_provider.url, "openai", has_own_address=False)
    listing.offered(openai)
    assert wait_for(lambda: listing.offered(openai).offers)
    assert [offer.name for offer in listing.offered(openai).offers] == ["gpt-4o", "gpt-of-tomorrow"]


def test_what_a_key_is_offered_decides_over_the_price_map(workspace, fake_provider, monkeypatch):
    tell(fake_provider, [{"id": "gpt-4o"}, {"id": "ft:of-alice"}])
    monkeypatch.setitem(directory._by_any_name(), "openai", _moved("openai", fake_provider.url))
    Provider.objects.create(workspace=workspace, name="work", kind="openai", api_key="sk-0123456789abc")
    sources.forget()
    assert len(catalogue.models(workspace.id)) > 2  # the map's, until the answer is there

    def known() -> list[str]:
        sources.forget()
        return [choice.path for choice in catalogue.models(workspace.id)]

    assert wait_for(lambda: known() == ["work/gpt-4o", "work/ft:of-alice"])


def _moved(name: str, url: str):
    return replace(directory.kinds()[name], base_url=url)


def test_anthropics_list_is_asked_for_in_its_own_way(fake_provider, monkeypatch):
    tell(fake_provider, [{"id": "claude-of-tomorrow", "display_name": "Claude"}], has_more=False)
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(listing, "session", _noting(sessions.session, seen))
    kind = replace(directory.kinds()["anthropic"], list_url=fake_provider.url + "/models?limit=1000")
    source = Source("anthropic", kind, api_key="sk-ant-of-alice-0123")
    listing.offered(source)
    assert wait_for(lambda: listing.offered(source).offers == (Offer("claude-of-tomorrow"),))
    assert seen == [{"x-api-key": "sk-ant-of-alice-0123", "anthropic-version": "2023-06-01"}]


def _noting(session, seen: list[dict[str, str]]):
    class Noting:
        def __init__(self, inner) -> None:
            self.inner = inner

        def get(self, url, **options):
            seen.append(dict(options["headers"]))
            return self.inner.get(url, **options)

    return lambda **options: Noting(session(**options))


def test_another_process_reads_what_one_was_told(fake_provider):
    source = server(fake_provider.url)
    assert listing.offered(source).offers
    as_another_process()
    assert listing.offered(source).offers
    assert fake_provider.listed_count == 1


def test_a_provider_that_fails_keeps_the_models_known_before_with_its_reason(fake_provider):
    source = server(fake_provider.url, api_key="sk-of-alice-0123456789")
    before = listing.offered(source)
    fake_provider.script("/models", status=503, body='{"error": {"message": "Down, sk-of-alice-0123456789."}}')
    listing.ask_again(source)
    listing.offered(source)
    assert wait_for(lambda: listing.offered(source).reason)
    after = listing.offered(source)
    assert after.offers == before.offers
    assert after.answered_at == before.answered_at
    assert "It said: Down" in after.reason
    assert "sk-of-alice" not in after.reason


def test_a_slow_provider_holds_no_page_up(workspace, fake_provider, monkeypatch, refusing_url):
    """Several that do not answer are waited for together, and only by the first page."""
    monkeypatch.setattr(listing, "_refresh", lambda source, known: time.sleep(2))
    for number in range(4):
        Provider.objects.create(
            workspace=workspace, name=f"slow-{number}", kind="compatible", base_url=f"{refusing_url}/{number}", is_trusted=True
        )
    sources.forget()
    began = time.monotonic()
    assert catalogue.models(workspace.id) == []
    assert time.monotonic() - began < 1.5
    began = time.monotonic()
    sources.forget()
    catalogue.models(workspace.id)
    assert time.monotonic() - began < 1.5


def test_another_key_is_another_list(fake_provider):
    listing.offered(server(fake_provider.url, api_key="one-key-0123456789"))
    listing.offered(server(fake_provider.url, api_key="other-key-0123456789"))
    assert fake_provider.listed_count == 2


def test_the_shared_cache_holds_no_key_and_no_address(fake_provider):
    source = server(fake_provider.url, api_key="sk-of-alice-0123456789")
    listing.offered(source)
    key = listing._key(source)
    assert "127.0.0.1" not in key + cache.get(key)
    assert "sk-of-alice" not in key + cache.get(key)


def test_the_demo_model_and_typed_kinds_are_not_asked(fake_provider):
    assert not listing.is_asked(server(fake_provider.url, "azure"))
    assert not listing.is_asked(Source(sources.LOCAL, directory.kinds()["local"], fake_provider.url))
    assert not listing.is_asked(Source("replicate", directory.kinds()["replicate"], api_key="r8-0123"))
