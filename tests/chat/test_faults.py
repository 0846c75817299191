"""Servers that go away and processes that are killed in the middle of a reply: what was shown stays, what was asked ends."""

import time
import uuid
from contextlib import suppress
from datetime import timedelta

import redis
from django.conf import settings
from django.utils import timezone

from chat.models import Message
from telemetry import digest
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, Page, Sent, Shown, ended, wait_for
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, database_away, web_server

WORDS = [f"word{n} " for n in range(160)]
TEXT = "".join(WORDS).split()


def start(browser: Browser, provider: RunningProvider, page: Page, *, words: list[str] = WORDS) -> tuple[Sent, Shown]:
    """A reply under way, a part of it already on the page."""
    provider.script("slow", chunks=words, rate=25)
    sent = browser.send("Count", model="openai/slow")
    shown = page.sync(sent.conversation, sent.run)
    page.read_until(lambda: shown.seq >= 5)
    return sent, shown


def log_row_of(reply: Message) -> InferenceLog:
    digest.drain()
    return InferenceLog.objects.get(message_id=reply.id)


def test_a_valkey_that_hangs_delays_nothing_that_matters(as_alice: Browser, fake_provider: RunningProvider):
    with as_alice.page() as page:
        sent, shown = start(as_alice, fake_provider, page)
        with redis.Redis.from_url(settings.REDIS_URL) as valkey:
            valkey.execute_command("CLIENT", "PAUSE", "3500", "ALL")
        page.read_until(lambda: shown.end)

    reply = ended(sent.run)
    assert shown.text.split() == reply.content.split() == TEXT
    assert log_row_of(reply).status == "success"


def test_a_flushed_valkey_loses_no_text(as_alice: Browser, fake_provider: RunningProvider, alice, provider_environment):
    with as_alice.page() as page:
        sent, shown = start(as_alice, fake_provider, page)
        with redis.Redis.from_url(settings.REDIS_URL) as valkey:
            valkey.flushall()
        with web_server(provider_environment) as other, as_alice.page(other) as elsewhere:
            there = elsewhere.sync(sent.conversation, sent.run)
            elsewhere.read_until(lambda: there.end)
        page.read_until(lambda: shown.end)

    assert shown.text.split() == there.text.split() == ended(sent.run).content.split() == TEXT


def test_a_database_that_is_away_does_not_stop_the_reply(as_alice: Browser, fake_provider: RunningProvider):
    with as_alice.page() as page:
        sent, shown = start(as_alice, fake_provider, page)
        with database_away():
            time.sleep(4)
        page.read_until(lambda: shown.end)

    reply = ended(sent.run)
    assert reply.status == "complete"
    assert shown.text.split() == reply.content.split() == TEXT
    assert log_row_of(reply).status == "success"


def test_a_killed_process_leaves_the_text_that_people_saw(own_server: WebServer, alice, fake_provider: RunningProvider):
    with Browser.of(alice, own_server) as browser:
        with browser.page() as page:
            sent, shown = start(browser, fake_provider, page)
            own_server.kill()
            with suppress(Exception):
                page.read_until(lambda: False, seconds=1)
        before = shown.text.split()
        own_server.restart()
        Message.objects.filter(run_id=sent.run).update(lease_until=timezone.now() - timedelta(minutes=1))
        with browser.page() as page:
            page.runs[sent.run] = shown
            page.sync(sent.conversation, sent.run)
            page.read_until(lambda: shown.end, seconds=30)

    reply = ended(sent.run)
    assert reply.status == "interrupted"
    assert reply.content.split()[: len(before)] == before
    assert shown.text.split() == reply.content.split()
    row = log_row_of(reply)
    assert (row.status, row.usage_source) == ("interrupted", "estimated")
    assert row.output_tokens


def test_a_call_that_ends_without_a_database_outlives_its_process(own_server, alice, fake_provider: RunningProvider):
    kept = settings.OLLIVE_DATA_DIR / "spool"
    with Browser.of(alice, own_server) as browser:
        with browser.page() as page:
            sent, _ = start(browser, fake_provider, page, words=WORDS[:40])
            with database_away():
                assert wait_for(lambda: any(file.stat().st_size > 100 for file in kept.glob("*.spool")))
                own_server.kill()
        own_server.restart()
        Message.objects.filter(run_id=sent.run).update(lease_until=timezone.now() - timedelta(minutes=1))
        reply = ended(sent.run)

    row = log_row_of(reply)
    assert (row.status, row.usage_source) == ("success", "provider")
    assert row.output_preview.startswith(" ".join(TEXT[:20]))


def test_a_deployment_closes_running_replies_as_interrupted(own_server: WebServer, alice, fake_provider: RunningProvider):
    with Browser.of(alice, own_server) as browser, browser.page() as page:
        sent, shown = start(browser, fake_provider, page)
        own_server.stop()

    reply = ended(sent.run)
    assert reply.status == "interrupted"
    assert reply.content.split()[: len(shown.text.split())] == shown.text.split()
    assert wait_for(lambda: fake_provider.last.closed_early_at)


def test_a_run_that_somebody_else_closed_is_not_closed_twice(as_alice: Browser, fake_provider: RunningProvider):
    with as_alice.page() as page:
        sent, shown = start(as_alice, fake_provider, page)
        Message.objects.filter(run_id=sent.run).update(status="interrupted", lease_until=None)
        page.read_until(lambda: shown.end, seconds=15)

    assert shown.end["status"] == "interrupted"
    assert wait_for(lambda: fake_provider.last.closed_early_at)


def test_a_send_without_a_database_is_refused_and_can_be_sent_again(as_alice: Browser):
    first = as_alice.send("Hello")
    ended(first.run)
    message = uuid.uuid4()

    with database_away():
        refused = as_alice.send("And now?", conversation=first.conversation, message=message).response
    again = as_alice.send("And now?", conversation=first.conversation, message=message)

    assert refused.status_code == 503
    assert refused.headers["HX-Retarget"] == "#composer-notice"
    assert "The database cannot be reached" in refused.text
    assert ended(again.run).status == "complete"
