"""The list of calls in a browser: filters hold at once, calls are ticked and deleted, a live list shows what comes."""

import re

import pytest
from playwright.sync_api import expect

from telemetry.models import BulkJob
from tests.telemetry.test_logs_page import call_of

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = 20_000  # ms; the machine may be busy


def test_a_filter_holds_at_once_and_the_calls_it_leaves_are_ticked_and_deleted(sign_in, alice):
    for model in ("gpt-4o", "gpt-4o-mini", "gpt-4o-mini"):
        call_of(alice, model=model)
    page = sign_in(alice, "/logs/")
    lines = page.locator("#log-list tbody tr")
    expect(lines).to_have_count(3, timeout=SLOW)
    page.locator("#log-facets").get_by_label("gpt-4o-mini").check()
    expect(lines).to_have_count(2, timeout=SLOW)
    expect(page).to_have_url(re.compile(r"/logs/\?window=30d&model=gpt-4o-mini$"), timeout=SLOW)
    page.get_by_label("Choose all calls of this page").check()
    expect(page.locator("#log-ticked")).to_have_text("2 ticked")
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete 2 calls?")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible(timeout=SLOW)
    assert BulkJob.objects.get().total_count == 2


def test_a_live_list_shows_what_comes_and_waits_while_a_call_is_ticked(sign_in, alice):
    call_of(alice)
    page = sign_in(alice, "/logs/?live=1")
    lines = page.locator("#log-list tbody tr")
    expect(lines).to_have_count(1, timeout=SLOW)
    call_of(alice)
    expect(lines).to_have_count(2, timeout=SLOW)
    expect(page.locator("#status")).to_have_text("1 new call")
    page.locator("#log-list [name=call]").first.check()
    call_of(alice)
    with pytest.raises(AssertionError):
        expect(lines).to_have_count(3, timeout=4_500)
    page.locator("#log-list [name=call]").first.uncheck()
    page.locator("h1").click()
    expect(lines).to_have_count(3, timeout=SLOW)
