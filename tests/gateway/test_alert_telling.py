"""Who alerts tell: people by letters that are tried until they leave, and Slack in its own shape."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from chat import erasure
from gateway import alert_letters, alert_rules, alert_telling, alert_trials, alerts, deliveries, webhooks
from gateway.models import AlertEvent, AlertLetter, AlertRule, Webhook
from tests.gateway.test_alerts import TOLD, call, look, rule_of
from tests.gateway.test_webhooks import receiver

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db
ADDRESSES = ["On-Call@example.com", "bob@example.com"]


@pytest.fixture
def no_mail_server(settings) -> Any:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    return settings


def test_letters_say_what_happened_and_where_to_look(workspace, alice, mailoutbox):
    rule = rule_of(workspace, alice, letters_to=ADDRESSES)
    call(workspace, "error")
    look(rule)
    assert alert_letters.work(timezone.now()) == 2
    assert alert_letters.work(timezone.now()) == 0
    assert [letter.to for letter in mailoutbox] == [["on-call@example.com"], ["bob@example.com"]]
    letter = mailoutbox[0]
    assert letter.subject == "[Fired] Too many errors – Wonderland"
    assert "Error rate is 100 % (fires above 20 %), over 15 minutes." in letter.body
    assert reverse("alert", args=[rule.pk]) in letter.body
    assert alert_telling.page_of(None).endswith(reverse("alert_history"))
    call(workspace, *["success"] * 9)
    look(rule)
    alert_letters.work(timezone.now())
    assert mailoutbox[-1].subject.startswith("[Recovered]")


def test_a_letter_is_tried_again_until_it_leaves(workspace, alice, no_mail_server, mailoutbox, settings):
    rule = rule_of(workspace, alice, letters_to=ADDRESSES[:1])
    call(workspace, "error")
    look(rule)
    now = timezone.now()
    assert alert_letters.work(now) == 1
    assert alert_letters.work(now) == 0  # not before its time
    letter = AlertLetter.objects.get()
    assert (letter.state, letter.problem) == ("pending", "The mail server could not be reached.")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert alert_letters.work(now + timedelta(seconds=31)) == 1
    letter.refresh_from_db()
    assert (letter.state, letter.attempt_count, len(mailoutbox)) == ("sent", 2, 1)


def test_after_many_attempts_it_is_given_up(workspace, alice, no_mail_server):
    rule = rule_of(workspace, alice, letters_to=ADDRESSES[:1])
    call(workspace, "error")
    look(rule)
    for day in range(7):
        assert alert_letters.work(timezone.now() + timedelta(days=day)) == 1
    assert alert_letters.work(timezone.now() + timedelta(days=9)) == 0
    assert AlertLetter.objects.get().state == "failed"


def test_a_test_says_which_address_could_not_be_written_to(workspace, alice, no_mail_server):
    rule = rule_of(workspace, alice, letters_to=ADDRESSES)
    told = alert_trials.test(rule, now=timezone.now())
    assert [(one.whom, one.is_good) for one in told] == [("on-call@example.com", False), ("bob@example.com", False)]
    assert not AlertEvent.objects.exists()


def test_without_a_mail_server_no_address_is_taken(workspace, alice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    with pytest.raises(alert_rules.InvalidRule, match="EMAIL_URL"):
        rule_of(workspace, alice, letters_to=ADDRESSES)


def test_a_person_who_is_erased_is_written_to_no_more(workspace, alice, bob):
    rule = rule_of(workspace, alice, letters_to=ADDRESSES)
    call(workspace, "error")
    look(rule)
    erasure.erase(bob, requested_by="test", now=timezone.now(), tell=lambda *_: None)
    assert AlertRule.objects.get().letters_to == ["on-call@example.com"]
    assert [letter.address for letter in AlertLetter.objects.all()] == ["on-call@example.com"]


def slack(workspace: Any, receiver: Any, alice: Any) -> Webhook:
    made = {"name": "#on-call", "url": receiver.url, "events": TOLD, "shape": "slack", "now": timezone.now(), "by": alice}
    return webhooks.make(workspace, **made)[0]


def test_slack_gets_a_message_and_no_signature(workspace, alice, receiver):
    receiver.says = b"ok"
    hook = slack(workspace, receiver, alice)
    rule = rule_of(workspace, alice, name="<!channel> & co", severity="critical", webhook_ids=[hook.pk])
    call(workspace, "error")
    look(rule)
    deliveries.work()
    [(headers, _)] = receiver.heard
    assert "webhook-signature" not in headers
    [said] = receiver.said
    assert said["text"].endswith("Error rate is 100 % (fires above 20 %), over 15 minutes.")
    header, section, context = said["blocks"]
    assert header["text"] == {"type": "plain_text", "text": ":red_circle: Firing: <!channel> & co", "emoji": True}
    assert section["text"] == {"type": "mrkdwn", "text": "Error rate is 100 % (fires above 20 %), over 15 minutes."}
    assert "critical · <http" in context["elements"][0]["text"]
    assert "<!channel>" not in said["text"]
    call(workspace, *["success"] * 9)
    look(rule)
    deliveries.work()
    assert ":large_green_circle: Recovered" in receiver.said[-1]["blocks"][0]["text"]["text"]


def test_other_events_come_to_slack_as_well(workspace, alice, receiver):
    hook = slack(workspace, receiver, alice)
    _, outcome = deliveries.test(hook, timezone.now())
    assert outcome.is_good
    assert receiver.said == [
        {
            "text": "A test",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "A test", "emoji": True}},
                {"type": "section", "text": {"type": "mrkdwn", "text": "*says*: Hello from Ollive."}},
            ],
        }
    ]
    assert alerts.work(timezone.now()) == 0
