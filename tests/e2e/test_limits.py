"""The pages of limits, in a browser: a key is restricted, and what everybody may ask is set."""

import re

from django.utils import timezone
from playwright.sync_api import expect

from accounts import api_keys
from accounts.models import ApiKey, Membership
from tests.e2e.axe import violations_in_both_themes


def issue(user, **options):
    return api_keys.issue(user, user.workspaces.get(), **{"name": "nightly", "now": timezone.now(), **options})[0]


def test_a_key_is_made_with_limits_and_then_changed(sign_in, alice):
    page = sign_in(alice, "/settings/api-keys/")
    page.get_by_label("What is it for?").fill("nightly jobs")
    page.get_by_text("Restrict it to some models").click()
    page.get_by_label("Only these models").fill("openai/gpt-4o-mini\nanthropic/*")
    page.get_by_label("Requests a minute").fill("60")
    assert violations_in_both_themes(page) == []
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#key-example")).to_contain_text('"model": "openai/gpt-4o-mini"')
    page.goto("/settings/api-keys/")
    page.get_by_text("Manage", exact=True).click()
    expect(page.get_by_label("The token of now")).to_have_value("24")
    page.get_by_role("link", name="Change the name, models and limits of nightly jobs").click()
    page.get_by_label("Calls at once").fill("2")
    assert violations_in_both_themes(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("60 requests a minute, 2 calls at once")).to_be_visible()
    key = ApiKey.objects.get()
    assert (key.allowed_models, key.concurrent_calls) == (["openai/gpt-4o-mini", "anthropic/*"], 2)


def test_each_person_has_limits_or_one_of_their_own(sign_in, alice, bob):
    page = sign_in(alice, "/settings/limits/", width=390)
    page.get_by_label("Requests a minute").fill("100")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("100 requests a minute")).to_have_count(2)
    page.get_by_role("link", name="Change the limits of Bob").click()
    expect(page.get_by_label("Requests a minute")).to_have_attribute("placeholder", "100")
    page.get_by_label("Requests a minute").fill("7")
    page.get_by_label("Calls at once").fill("1")
    assert violations_in_both_themes(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(r"/settings/limits/$"))
    expect(page.get_by_text("7 requests a minute, 1 call at once")).to_be_visible()
    assert violations_in_both_themes(page) == []
    assert Membership.objects.get(user=bob).requests_per_minute == 7
