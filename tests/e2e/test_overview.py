"""The overview in a browser: what is drawn, what a click on it does, and that it reads itself anew."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.telemetry.calls import record_calls

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_point_leads_to_the_calls_behind_it(sign_in, alice, workspace):
    since = datetime.now(UTC) - timedelta(hours=1)
    record_calls(3, workspace_id=workspace.pk, model="alpha")
    page = sign_in(alice, f"/dashboards/?since={since:%Y-%m-%dT%H:%M:%SZ}&step=minute")
    requests = page.locator("#chart-requests")
    expect(requests.locator("canvas")).to_be_visible()
    expect(requests.locator("table")).to_be_hidden()
    drawn = page.evaluate("Chart.getChart(document.querySelector('#chart-requests canvas')).data.datasets[0].data")
    assert sum(drawn) == 3
    bar = page.evaluate(
        """() => {
            const chart = Chart.getChart(document.querySelector('#chart-requests canvas'));
            const place = chart.data.datasets[0].data.findIndex(Boolean);
            const { x, y } = chart.getDatasetMeta(0).data[place].getProps(['x', 'y'], true);
            return { x, y: y + 2 };
        }"""
    )
    requests.locator("canvas").click(position=bar)
    page.wait_for_url(re.compile(r"/logs/\?since="))
    expect(page.get_by_text("alpha").first).to_be_visible()


def test_a_chart_is_also_a_table(sign_in, alice, workspace):
    record_calls(2, workspace_id=workspace.pk, model="alpha")
    page = sign_in(alice, "/dashboards/?window=1h")
    chart = page.locator("#chart-cost_by_model")
    chart.get_by_role("button", name="Show Cost by model as a table").click()
    expect(chart.locator("table")).to_be_visible()
    expect(chart.locator("canvas")).to_be_hidden()
    expect(chart.get_by_role("columnheader", name="alpha")).to_be_visible()


def test_it_is_redrawn_in_the_other_theme(sign_in, alice, workspace):
    record_calls(1, workspace_id=workspace.pk)
    page = sign_in(alice, "/dashboards/?window=1h")
    color = "Chart.getChart(document.querySelector('#chart-requests canvas')).data.datasets[0].backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(color)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{color} !== {light!r}")


def test_it_reads_itself_anew(sign_in, alice, workspace):
    record_calls(1, workspace_id=workspace.pk)
    page = sign_in(alice, "/dashboards/?window=1h&refresh=10")
    requests = page.locator(".tile", has_text="Requests")
    expect(requests.locator("dd")).to_contain_text("1")
    page.locator("#chart-requests").get_by_role("button", name="Show Requests as a table").click()
    record_calls(4, workspace_id=workspace.pk)
    page.evaluate("htmx.trigger('#figures', 'again')")
    expect(requests.locator("dd")).to_contain_text("5")
    expect(page.locator("#chart-requests table")).to_be_visible()


def test_what_is_chosen_is_the_address(sign_in, alice, workspace):
    record_calls(1, workspace_id=workspace.pk, model="alpha")
    record_calls(1, workspace_id=workspace.pk, model="beta")
    page = sign_in(alice, "/dashboards/?window=1h")
    page.get_by_label("Split by").select_option("Model")
    page.wait_for_url(re.compile("group_by=model"))
    page.get_by_label("Compare").check()
    page.wait_for_url(re.compile("compare=previous"))
    page.locator(".add-filter summary").click()
    page.locator(".add-filter").get_by_label("Model").select_option("alpha")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("model=alpha"))
    assert "group_by=model" in page.url
    assert "window=1h" in page.url
    expect(page.locator(".tile", has_text="Requests").locator("dd")).to_contain_text("1")
    page.get_by_role("link", name="Without Model alpha").click()
    expect(page.locator(".tile", has_text="Requests").locator("dd")).to_contain_text("2")
