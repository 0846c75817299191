"""The operator's desk in a browser: charts that can be read by everybody, and content that is shown on demand."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from uuid_utils.compat import uuid7

from telemetry.models import InferenceLog
from tests.e2e.axe import violations_in_both_themes
from tests.people import make_person
from tests.telemetry.calls import finished, record, started
from tests.telemetry.test_admin_calls import detail

WORDS = "The heffalump is here."


@pytest.fixture
def root(transactional_db):
    return make_person("Root", is_staff=True, is_superuser=True)


@pytest.fixture
def call(transactional_db, workspace):
    now = timezone.now()
    for _ in range(3):
        identity = uuid7()
        told = {"workspace_id": workspace.id}
        record(
            started(identity, **told, started_at=now - timedelta(seconds=3)),
            finished(identity, **told, reply=WORDS, first_token_at=now - timedelta(seconds=2), ended_at=now),
        )
    return InferenceLog.objects.order_by("id")[0]


def test_the_charts_are_drawn_and_a_point_leads_to_its_calls(sign_in, root, call):
    page = sign_in(root, "/admin/telemetry/inferencelog/charts/")
    expect(page.locator("figure[data-chart]")).to_have_count(7)
    expect(page.locator("#chart-calls canvas")).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations_in_both_themes(page, ".desk-charts") == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Show Calls and errors as a table").click()
    page.locator("#chart-calls td a").filter(has_text="3").last.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)


def test_what_was_said_is_shown_on_demand(sign_in, root, call):
    page = sign_in(root, detail(call))
    expect(page.get_by_text(WORDS)).to_have_count(0)
    page.get_by_role("button", name="Show what was said").click()
    expect(page.get_by_text(WORDS)).to_be_visible()
    page.goto(detail(call))
    expect(page.get_by_text(WORDS)).to_have_count(0)
