"""A dashboard is put together in a browser, and drawn."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.telemetry.boards import store_calls

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dashboard_is_put_together(sign_in, alice, bob):
    store_calls(alice, bob, timezone.now())
    page: Page = sign_in(alice)
    page.goto("/dashboards/boards/")
    page.get_by_label("Title").fill("What we spend")
    page.get_by_label("Begin with").select_option(label="What it costs")
    page.get_by_role("button", name="Begin the dashboard").click()
    expect(page.get_by_role("heading", name="What we spend")).to_be_visible()
    expect(page.locator("figure[data-chart]")).to_have_count(8)
    page.get_by_role("link", name="Add a panel").click()
    page.get_by_label("Title").fill("Who asks")
    page.get_by_label("Shown as").select_option(label="Pie")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("a pie needs a group", re.IGNORECASE))
    page.get_by_label("A line, bar, slice or row for each").select_option(label="Person")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#preview canvas")).to_be_visible()
    page.get_by_role("button", name="Add the panel").click()
    expect(page.locator("figure canvas[aria-label^='Who asks']")).to_be_visible()
    page.get_by_role("link", name="Change", exact=True).first.click()
    with page.expect_navigation():
        page.get_by_role("button", name="Move Who asks up").click()
    with page.expect_navigation():  # it is sent at once
        page.get_by_label("Width of Who asks").select_option(label="The whole")
    expect(page.get_by_label("Width of Who asks")).to_have_value("whole")
    expect(page.locator(".rows .row-title").nth(7)).to_have_text("Who asks")
    page.get_by_role("button", name="Share it with everybody").click()
    expect(page.get_by_text("is everybody's now").first).to_be_visible()
    other: Page = sign_in(bob)
    other.goto("/dashboards/boards/")
    other.get_by_role("link", name="What we spend", exact=True).click()
    expect(other.locator("figure[data-chart]")).to_have_count(9)
