"""From a figure to its cause, and on: filter, a point of a chart, its calls, one of them, and another model beside it."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.fakes.fixtures import RunningProvider
from tests.telemetry.calls import finished, record, started
from tests.telemetry.test_traces_page import TRACE, record_trace

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = 30_000  # ms; the machine may be busy


def test_from_a_point_of_a_chart_to_two_models_side_by_side(sign_in, alice, workspace, fake_provider: RunningProvider):
    fake_provider.script("b", chunks=["Sun and moon."])
    call_id = uuid4()
    for identity, model in ((uuid4(), "alpha"), (call_id, "beta")):
        told = {"workspace_id": workspace.pk, "user_id": alice.id, "provider": "openai", "model": model}
        record(started(identity, **told), finished(identity, workspace_id=workspace.pk))
    since = datetime.now(UTC) - timedelta(hours=1)
    page = sign_in(alice, f"/dashboards/?since={since:%Y-%m-%dT%H:%M:%SZ}&step=minute&model=beta")
    page.set_default_timeout(SLOW)

    requests = page.locator("#chart-requests")
    requests.get_by_role("button", name="Show Requests as a table").click()
    requests.locator("td a", has_text="1").first.click()
    page.locator(f'a[href*="/logs/{call_id}/"]').first.click()
    expect(page.get_by_role("heading", name="beta")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("The moon pulls the water.")).to_be_visible()

    page.get_by_role("link", name="Run again…").click()
    page.get_by_label("Model").evaluate("(list) => list.append(new Option('b', 'openai/b'))")
    page.get_by_label("Model").select_option("openai/b")
    page.get_by_role("button", name="Run again").click()

    page.wait_for_url(re.compile("/c/"))
    columns = page.locator(".columns .column")
    expect(columns).to_have_count(2, timeout=SLOW)
    expect(columns.first).to_contain_text("The moon pulls the water.")
    expect(columns.last).to_contain_text("Sun and moon.", timeout=SLOW)


def test_steps_are_folded_and_walked_with_the_keyboard(sign_in, alice):
    record_trace(alice)
    page = sign_in(alice, f"/traces/{TRACE}/")
    rows = page.locator(".span-row:visible")
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="guide").focus()
    page.keyboard.press("ArrowLeft")
    expect(rows).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(rows).to_have_count(3)
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1).get_by_role("link")).to_be_focused()
