"""Alerts in a browser: one is made, fires to a webhook of one's own, and recovers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection
from django.utils import timezone
from playwright.sync_api import expect

from gateway import alerts, deliveries
from gateway.models import Delivery
from tests.e2e.axe import violations_in_both_themes
from tests.gateway.test_alerts import call
from tests.gateway.test_webhooks import receiver

__all__ = ["receiver"]


def test_an_alert_fires_to_a_webhook_and_recovers(sign_in, alice, workspace, receiver, settings):
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["localhost"]  # as the server has it
    page = sign_in(alice, "/settings/webhooks/")
    page.get_by_label("Name").fill("the pager")
    page.get_by_label("Address").fill(receiver.url.replace("127.0.0.1", "localhost"))
    page.get_by_label("An alert fires").check()
    page.get_by_label("An alert has recovered").check()
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_role("heading", name="Its secret")).to_be_visible()

    call(workspace, "success", "success")
    page.goto("/alerts/")
    page.get_by_role("link", name="New alert").click()
    page.get_by_label("Name", exact=True).fill("Too many errors")
    page.get_by_label("Figure").select_option(label="Error rate (%)")
    page.get_by_label("Threshold").fill("20")
    page.get_by_role("button", name="See what it reads now").click()
    expect(page.get_by_role("status").filter(has_text="Now: 0 %. It does not fire.")).to_be_visible()
    expect(page.get_by_label("the pager")).to_be_checked()
    assert violations_in_both_themes(page) == []
    page.get_by_role("button", name="Make the alert").click()
    expect(page.get_by_role("heading", name="Too many errors OK")).to_be_visible()

    call(workspace, "error", "error")
    assert turn(timezone.now()) == ["alert.fired"]
    deliver()
    [told] = receiver.said
    assert (told["type"], told["data"]["value"]) == ("alert.fired", 0.5)
    page.goto("/alerts/")
    expect(page.get_by_text("Firing", exact=True)).to_be_visible()
    assert violations_in_both_themes(page) == []

    call(workspace, *["success"] * 16)
    assert turn(timezone.now()) == ["alert.fired", "alert.recovered"]
    deliver()
    assert [said["type"] for said in receiver.said] == ["alert.fired", "alert.recovered"]
    page.get_by_role("link", name="Too many errors").first.click()
    expect(page.get_by_text("Recovered", exact=True)).to_be_visible()
    expect(page.get_by_text("Error rate is 50 % (fires above 20 %), over 15 minutes.")).to_be_visible()


def turn(now) -> list[str]:
    """The clock comes by, half a minute later; what webhooks were told by then."""
    alerts.work(now + timedelta(seconds=30))
    return list(Delivery.objects.order_by("created_at").values_list("event", flat=True))


def deliver() -> None:
    """What waits is sent, as by a worker: in a thread of its own, for playwright's loop runs in this one."""

    def work() -> None:
        deliveries.work()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
