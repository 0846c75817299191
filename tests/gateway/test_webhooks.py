"""Webhooks: what is told, that it is signed, that it is sent until it is received, and never to where it may not go."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import orjson
import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from chat import feedback
from chat.models import Conversation, Message
from gateway import deliveries, happenings, tasks, webhooks
from gateway.models import Budget, BudgetPeriod, Delivery, Webhook
from telemetry.models import FeedConsumer
from tests.telemetry.calls import finished, record, started

State = Delivery.State
CALLS = ["call.finished", "call.failed", "call.canceled"]


class Receiver:
    """A server that hears of events, and answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.says = b"thanks"
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("location", "http://169.254.169.254/")
                self.send_header("content-length", str(len(receiver.says)))
                self.end_headers()
                self.wfile.write(receiver.says)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook?token=of-alice"

    @property
    def said(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.heard]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["127.0.0.1"]
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hook(receiver, workspace, alice) -> Webhook:
    return make(workspace, receiver, alice)[0]


def make(workspace: Any, receiver: Receiver, alice: Any, *events: str) -> tuple[Webhook, str]:
    wanted = events or tuple(webhooks.EVENTS)
    return webhooks.make(workspace, name="on call", url=receiver.url, events=wanted, now=timezone.now(), by=alice)


def tell(hook: Webhook, about: str = "one", **data: Any) -> Delivery:
    webhooks.tell([webhooks.Event(hook.workspace_id, "feedback.given", about, data)], now=timezone.now())
    return Delivery.objects.get(webhook=hook, about=about)


def later(delivery: Delivery) -> None:
    """The pause before the next attempt has passed."""
    Delivery.objects.filter(pk=delivery.pk).update(available_at=timezone.now())


@pytest.mark.django_db
def test_an_event_is_sent_and_the_receiver_can_tell_from_whom(receiver, workspace, alice):
    """OpenAI's own client verifies it: the signature is Standard Webhooks'."""
    hook, secret = make(workspace, receiver, alice)
    delivery = tell(hook, thumb="up")
    assert deliveries.work() == 1
    [(headers, body)] = receiver.heard
    client = openai.OpenAI(api_key="none", webhook_secret=secret)
    client.webhooks.verify_signature(body, headers)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body + b" ", headers)
    said = orjson.loads(body)
    assert (said["type"], said["data"], said["workspace_id"]) == ("feedback.given", {"thumb": "up"}, str(workspace.id))
    assert said["id"] == headers["webhook-id"]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts[0]["status"], delivery.attempts[0]["says"]) == (State.DELIVERED, 200, "thanks")


@pytest.mark.django_db
def test_a_failed_event_is_sent_again_with_longer_pauses(hook, receiver):
    receiver.answers = [500, 503]
    delivery, pauses = tell(hook), []
    for _ in range(3):
        began = timezone.now()
        assert deliveries.work() == 1
        assert deliveries.work() == 0  # not before its time
        delivery.refresh_from_db()
        pauses.append((delivery.available_at - began).total_seconds())
        later(delivery)
    assert 9 <= pauses[0] <= 12
    assert 54 <= pauses[1] <= 67
    assert (delivery.state, [attempt["status"] for attempt in delivery.attempts]) == (State.DELIVERED, [500, 503, 200])
    assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 1
    assert len({body for _, body in receiver.heard}) == 1


@pytest.mark.django_db
def test_an_event_that_is_never_received_fails_and_can_be_sent_again(hook, receiver):
    delivery, tries = tell(hook), len(deliveries.PAUSES) + 1
    receiver.answers = [500] * tries
    for _ in range(tries):
        deliveries.work()
        later(delivery)
    delivery.refresh_from_db()
    assert (delivery.state, len(delivery.attempts)) == (State.FAILED, tries)
    assert deliveries.work() == 0
    assert deliveries.send_now(delivery, timezone.now()).is_good
    delivery.refresh_from_db()
    assert (delivery.state, len(delivery.attempts)) == (State.DELIVERED, tries + 1)


@pytest.mark.django_db
def test_what_the_receiver_says_is_redacted_and_cut(hook, receiver):
    receiver.says = b"unknown user charlie@example.com " + b"x" * 2000
    deliveries.send_now(tell(hook), timezone.now())
    says = Delivery.objects.get().attempts[0]["says"]
    assert "charlie" not in says
    assert len(says) < 600


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://10.0.0.9/hook", "The address leads into a private network."),
        ("http://169.254.169.254/latest", "The address leads into a private network."),
        ("http://2130706433/hook", "The address leads into a private network."),
        ("http://localhost:9/hook", "The address leads into a private network."),
    ],
)
def test_nothing_is_sent_into_the_private_network(hook, url, says):
    Webhook.objects.update(url=url)
    outcome = deliveries.send_now(tell(hook), timezone.now())
    assert (outcome.status, outcome.says) == (None, says)


@pytest.mark.django_db
def test_a_redirect_is_not_followed(hook, receiver):
    receiver.answers = [302]
    outcome = deliveries.send_now(tell(hook), timezone.now())
    assert (outcome.is_good, outcome.says) == (False, "The address redirects, which is not followed.")


@pytest.mark.django_db
def test_a_receiver_that_is_away_is_told_so(hook, receiver):
    receiver.close()
    assert deliveries.send_now(tell(hook), timezone.now()).says == "The host could not be reached."
    hook.refresh_from_db()
    assert hook.failing_since is not None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://10.0.0.9/hook", "private network"),
        ("http://example.com/hook", "must begin with https://"),
        ("https://alice:secret@example.com/", "name or a password"),
        ("ftp://example.com/", "must begin with"),
        ("https://example.com/#here", "after #"),
        ("https://example.com/" + "x" * 2000, "longer than"),
    ],
)
def test_an_address_is_judged_when_it_is_saved(workspace, alice, url, message):
    with pytest.raises(webhooks.InvalidWebhook, match=message):
        webhooks.make(workspace, name="x", url=url, events=CALLS, now=timezone.now(), by=alice)
    assert not Webhook.objects.exists()


@pytest.mark.django_db
def test_an_address_keeps_its_query_and_last_slash(workspace, alice):
    for url in ("https://example.com/hook/?token=a%2Fb", "https://example.com/hook"):
        hook, _ = webhooks.make(workspace, name="x", url=url, events=CALLS, now=timezone.now(), by=alice)
        assert hook.url == url


@pytest.mark.django_db
def test_a_receiver_that_is_gone_is_switched_off(hook, receiver):
    receiver.answers = [410]
    delivery = tell(hook)
    deliveries.work()
    hook.refresh_from_db()
    delivery.refresh_from_db()
    assert (hook.is_enabled, delivery.state) == (False, State.FAILED)
    assert "410" in hook.switched_off_because


@pytest.mark.django_db
def test_three_days_of_failures_switch_it_off(hook, receiver, alice):
    receiver.answers = [500]
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3, minutes=1))
    delivery = tell(hook)
    deliveries.work()
    hook.refresh_from_db()
    assert (hook.is_enabled, hook.switched_off_because) == (False, "It failed for three days.")
    later(delivery)
    assert deliveries.work() == 0
    values = {"name": hook.name, "url": hook.url, "events": hook.events, "now": timezone.now(), "by": alice}
    webhooks.change(hook, **values, is_enabled=True)
    assert deliveries.work() == 1
    hook.refresh_from_db()
    assert (hook.failing_since, hook.switched_off_because) == (None, "")


@pytest.mark.django_db
def test_one_that_is_away_does_not_hold_up_another(hook, receiver, workspace, alice):
    away, _ = webhooks.make(workspace, name="away", url=receiver.url, events=CALLS, now=timezone.now(), by=alice)
    Webhook.objects.filter(pk=away.pk).update(url="http://10.0.0.9/hook")
    for number in range(30):
        webhooks.enter([(away, webhooks.Event(workspace.id, "call.failed", f"{number}", {}))], now=timezone.now())
    tell(hook)
    deliveries.work()
    assert len(receiver.heard) == 1


@pytest.mark.django_db
def test_a_new_secret_works_beside_the_old_one_for_a_day(receiver, workspace, alice):
    hook, old = make(workspace, receiver, alice)
    new = webhooks.change_secret(hook, now=timezone.now(), by=alice)
    deliveries.send_now(tell(hook), timezone.now())
    [(headers, body)] = receiver.heard
    for secret in (old, new):
        openai.OpenAI(api_key="none", webhook_secret=secret).webhooks.verify_signature(body, headers)
    assert len(deliveries.secrets_of(hook, timezone.now() + timedelta(hours=25))) == 1


@pytest.mark.django_db
def test_a_secret_is_not_to_be_read_in_the_database(receiver, workspace, alice):
    _, secret = make(workspace, receiver, alice)
    [stored] = Webhook.objects.values_list("secret", flat=True)
    assert secret.removeprefix("whsec_") not in str(stored)


@pytest.mark.django_db
def test_the_same_event_is_told_once(hook, receiver):
    tell(hook)
    tell(hook)
    deliveries.work()
    assert len(receiver.heard) == 1


@pytest.mark.django_db
def test_others_hear_nothing(hook, charlie, receiver, alice):
    elsewhere = charlie.workspaces.get()
    webhooks.tell([webhooks.Event(elsewhere.id, "feedback.given", "x", {})], now=timezone.now())
    webhooks.tell([webhooks.Event(hook.workspace_id, "webhook.test", "y", {})], now=timezone.now())
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_old_deliveries_are_forgotten(hook):
    tell(hook)
    assert deliveries.prune(timezone.now() + timedelta(days=13)) == 0
    assert deliveries.prune(timezone.now() + timedelta(days=15)) == 1


def call(workspace_id: Any, status: str = "success", **fields: Any) -> str:
    """One that has ended; its id."""
    inference_id = uuid7()
    began = started(inference_id, workspace_id=workspace_id, **fields)
    record(began, finished(inference_id, workspace_id=workspace_id, status=status))
    return str(inference_id)


@pytest.mark.django_db
def test_a_budget_is_told_of_when_it_nears_its_end_and_when_it_is_used_up(hook, receiver, alice):
    budget = Budget.objects.create(workspace_id=hook.workspace_id, limit_usd=10, subject="user", subject_id=alice.id)
    now = timezone.now()
    period = BudgetPeriod.objects.create(
        budget=budget, starts_on=now.date().replace(day=1), spent_usd=Decimal("7.9"), reserved_usd=0, unknown_count=0
    )
    told = []
    for spent in ("7.9", "8", "9", "10", "11"):
        BudgetPeriod.objects.filter(pk=period.pk).update(spent_usd=Decimal(spent))
        happenings.tell_of_budgets(now)
        told.append([delivery.event for delivery in Delivery.objects.order_by("created_at", "id")])
    nearly, used_up = "budget.nearly_used_up", "budget.used_up"
    assert told == [[], [nearly], [nearly], [nearly, used_up], [nearly, used_up]]
    deliveries.work()
    assert str(alice.id) not in str(receiver.said)
    assert {said["type"]: said["data"]["spent_usd"] for said in receiver.said} == {nearly: 8.0, used_up: 10.0}
    Budget.objects.update(limit_usd=11)
    happenings.tell_of_budgets(now)
    assert Delivery.objects.filter(event=used_up).count() == 2


@pytest.mark.django_db
def test_feedback_is_told_without_its_words(hook, receiver, alice, workspace):
    conversation = Conversation.objects.create(workspace=workspace, owner=alice)
    reply = Message.objects.create(conversation=conversation, role="assistant", position=1, inference_id=uuid7())

    class Form(dict[str, Any]):
        def getlist(self, key: str) -> list[str]:
            return list(self.get(key, []))

    given = Form(thumb="down", panel="1", rating="2", reason=["wrong"], comment="The moon is no cheese.")
    feedback.give(reply, given, now=timezone.now())
    feedback.give(reply, given, now=timezone.now())
    deliveries.work()
    [said] = receiver.said
    data = said["data"]
    assert (said["type"], data["thumb"], data["rating"], data["reasons"]) == ("feedback.given", "down", 2, ["wrong"])
    assert (data["inference_id"], data["has_comment"]) == (str(reply.inference_id), True)
    assert "cheese" not in str(said)
    assert str(alice.id) not in str(said)


@pytest.mark.django_db(transaction=True)
class TestCalls:
    """Calls come through the log's feed."""

    def test_each_call_that_ends_is_told(self, hook, receiver, alice):
        statuses = {"success": "call.finished", "error": "call.failed", "canceled": "call.canceled"}
        ids = {}
        for status, name in statuses.items():
            ids[call(hook.workspace_id, status, user_id=alice.id)] = name
        tasks.deliver()
        assert {said["data"]["inference_id"]: said["type"] for said in receiver.said} == ids
        data = receiver.said[0]["data"]
        assert {"model", "provider", "cost_usd", "input_tokens", "output_tokens", "latency_ms", "trace_id"} <= data.keys()
        assert not {"input_preview", "output_preview", "user_id", "metadata", "parameters"} & data.keys()
        assert str(alice.id) not in str(receiver.said)
        tasks.deliver()
        assert len(receiver.heard) == 3

    def test_who_left_the_feed_is_told_of_later_calls_alone(self, receiver, workspace, alice):
        call(workspace.id)
        hook, _ = make(workspace, receiver, alice, "call.finished")
        assert FeedConsumer.objects.filter(name="webhooks").exists()
        tasks.deliver()
        assert receiver.heard == []
        call(workspace.id)
        tasks.deliver()
        assert len(receiver.heard) == 1
        webhooks.delete(hook, now=timezone.now(), by=alice)
        tasks.deliver()
        assert not FeedConsumer.objects.filter(name="webhooks").exists()

    def test_a_worker_that_dies_loses_no_call(self, hook, receiver, monkeypatch):
        call(hook.workspace_id)

        def die(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as dying:
            dying.setattr(webhooks, "enter", die)
            with pytest.raises(ZeroDivisionError):
                happenings.gather(datetime.now(UTC))
        tasks.deliver()
        assert len(receiver.heard) == 1
