"""The operator finds calls, reads them when allowed, and deletes them with all that belongs to them."""

import itertools
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from uuid_utils.compat import uuid7

from accounts.models import User
from telemetry.models import InferenceKey, InferenceLog, Payload
from tests.people import make_person
from tests.telemetry.calls import NOON, finished, only_row, record, record_calls, started

pytestmark = pytest.mark.django_db
LIST = "admin:telemetry_inferencelog_changelist"
INLINE = re.compile(r"<style|\sstyle=|<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)|\son\w+=", re.IGNORECASE)


@pytest.fixture
def root(client, db) -> User:
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


@pytest.fixture
def clerk(client, dora) -> User:
    """Dora, once she may view the log, but not what was said."""
    dora.user_permissions.set(Permission.objects.filter(codename="view_inferencelog"))
    client.force_login(dora)
    return dora


def page(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(client, **query: str) -> str:
    """The list's table and pages, without the filters beside it."""
    return page(client, f"{reverse(LIST)}?{'&'.join(f'{name}={value}' for name, value in query.items())}").partition(
        "changelist-filter"
    )[0]


def detail(call: InferenceLog) -> str:
    return reverse("admin:telemetry_inferencelog_change", args=[call.id])


def test_the_list_asks_as_many_queries_for_twenty_rows_as_for_ten(client, root, alice, workspace):
    counts = []
    for _ in range(2):
        record_calls(10, user_id=alice.id, workspace_id=workspace.id)
        with CaptureQueriesContext(connection) as queries:
            shown = listed(client)
        counts.append(len(queries))
        assert shown.count("alice@example.com") == 10 * len(counts)
    assert counts[0] == counts[1]


def test_the_list_never_counts_the_log(client, root):
    record_calls(3)
    with CaptureQueriesContext(connection) as queries:
        listed(client)
        listed(client, status__exact="success")
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"] and '"inference_log"' in query["sql"]]


def test_pages_follow_one_another_by_key_there_and_back(client, root, monkeypatch):
    monkeypatch.setattr("telemetry.admin.calls.InferenceLogAdmin.list_per_page", 4)
    record_calls(10)
    seen: list[list[str]] = []
    back: list[str] = []
    query: str | None = ""
    while query is not None:
        text = page(client, reverse(LIST) + query)
        seen.append(re.findall(r'name="_selected_action" value="([^"]+)"', text))
        back.append(text)
        older = re.search(r'<a href="([^"]+)" rel="next">', text)
        query = older[1].replace("&amp;", "&") if older else None
    newest_first = [str(call.id) for call in InferenceLog.objects.order_by("-received_at", "-id")]
    assert [len(rows) for rows in seen] == [4, 4, 2]
    assert list(itertools.chain(*seen)) == newest_first
    newer = re.search(r'<a href="([^"]+)" rel="prev">', back[2])
    assert newer is not None
    middle = page(client, reverse(LIST) + newer[1].replace("&amp;", "&"))
    assert re.findall(r'name="_selected_action" value="([^"]+)"', middle) == seen[1]
    assert 'rel="prev"' not in back[0]


def test_calls_received_at_the_same_moment_are_not_skipped_between_pages(client, root, monkeypatch):
    monkeypatch.setattr("telemetry.admin.calls.InferenceLogAdmin.list_per_page", 3)
    record(*[finished() for _ in range(7)])  # one statement, one time
    seen: list[str] = []
    query: str | None = ""
    while query is not None:
        text = page(client, reverse(LIST) + query)
        seen += re.findall(r'name="_selected_action" value="([^"]+)"', text)
        older = re.search(r'<a href="([^"]+)" rel="next">', text)
        query = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("cursor", ["nonsense", "~", "2026-11-21~x", "2026-11-21T12:00:00~7", "%00"])
def test_a_page_that_makes_no_sense_is_the_first(client, root, cursor):
    record_calls(2)
    assert "2 shown" in listed(client, before=cursor)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status__exact": "error"}, "gpt-4o"),
        ({"provider": "anthropic"}, "claude-sonnet-4-5"),
        ({"model": "gpt-4.1"}, "gpt-4.1"),
        ({"source__exact": "sdk"}, "o3-mini"),
    ],
)
def test_each_filter_finds_its_calls(client, root, query, found):
    error, plain, claude, sdk = (uuid7() for _ in range(4))
    record(started(error, model="gpt-4o"), finished(error, status="error"))
    record(started(plain, model="gpt-4.1"), finished(plain))
    record(started(claude, provider="anthropic", model="claude-sonnet-4-5"), finished(claude))
    record(started(sdk, source="sdk", model="o3-mini"), finished(sdk))
    shown = listed(client, **query)
    assert "1 shown" in shown
    assert found in shown


def test_the_filter_by_date_leaves_out_what_is_older(client, root):
    record(replace(finished(model="o1"), received_at=NOON - timedelta(days=400)), finished(model="o3"))
    today = NOON.date().isoformat()
    shown = listed(client, received_at__gte=f"{today}T00:00:00%2B00:00", received_at__lt="2999-01-01T00:00:00%2B00:00")
    assert "1 shown" in shown


def test_filters_offer_the_values_that_the_log_holds(client, root):
    for model in ("gpt-4o", "o3", "gpt-4o"):
        record(finished(provider="openai", model=model))
    record(finished(provider="mistral", model="codestral"))
    text = page(client, reverse(LIST))
    assert re.findall(r"\?model=([\w.-]+)", text) == ["codestral", "gpt-4o", "o3"]
    assert re.findall(r"\?provider=([\w.-]+)", text) == ["mistral", "openai"]


def test_calls_are_found_by_id_trace_model_and_person(client, root, alice, bob):
    mine, other = uuid7(), uuid7()
    record(started(mine, user_id=alice.id, trace_id="ab" * 16, model="gpt-4o"), finished(mine))
    record(started(other, user_id=bob.id, model="o3"), finished(other))
    for term in (str(mine), "ab" * 16, "GPT-4o", "alice@"):
        shown = listed(client, q=term)
        assert "1 shown" in shown, term
        assert str(mine) in shown
    assert "0 shown" in listed(client, q="nobody")


def reveal(client, call: InferenceLog) -> str:
    answer = client.post(reverse("admin:telemetry_inferencelog_reveal", args=[call.id]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_detail_shows_the_whole_exchange_with_chips_for_what_was_removed(client, root):
    asked = [{"role": "system", "content": "Be <b>brief</b>."}, {"role": "user", "content": "Write to alice@example.com"}]
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "send", "arguments": '{"to": "x"}'}}]}
    record(finished(messages=asked, reply=call, reasoning="Hmm.", metadata={"lesson": "tides"}))
    text = reveal(client, only_row())
    assert '<span class="redacted">e-mail removed</span>' in text
    assert "Be &lt;b&gt;brief&lt;/b&gt;." in text
    assert "send({&quot;to&quot;: &quot;x&quot;})" in text
    assert "Hmm." in text
    assert "tides" in text


def test_without_the_permission_there_are_figures_but_no_words(client, clerk):
    record(finished(reply="The moon pulls the water.", messages=[{"role": "user", "content": "How do tides work?"}]))
    for text in (page(client, reverse(LIST)), page(client, detail(only_row()))):
        assert "tides" not in text
        assert "pulls the water" not in text
        assert "100 + 50" in text


def test_the_log_is_read_only_and_closed_to_those_without_permission(client, clerk, dora, root):
    call = record_calls(1)[0]
    client.force_login(clerk)
    assert client.post(detail(call), {"status": "error"}).status_code == 403
    assert client.post(reverse("admin:telemetry_inferencelog_delete", args=[call.id]), {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:telemetry_inferencelog_add")).status_code == 403
    dora.user_permissions.clear()
    assert client.get(reverse(LIST)).status_code == 403


def test_the_list_offers_to_delete(client, root):
    record_calls(1)
    assert '<option value="delete_selected">' in page(client, reverse(LIST))


def test_deleting_from_the_list_takes_the_words_and_the_key_too(client, root):
    doomed, kept = record_calls(1)[0], record_calls(1, messages=[{"role": "user", "content": "Something else."}])[0]
    action = {"action": "delete_selected", "_selected_action": [str(doomed.id)]}
    assert "Are you sure" in client.post(reverse(LIST), action).content.decode()
    client.post(reverse(LIST), action | {"post": "yes"})
    assert [call.id for call in InferenceLog.objects.all()] == [kept.id]
    assert InferenceKey.objects.count() == 1
    assert not Payload.objects.filter(body__contains="tides").exists()


def test_deleting_from_the_detail_takes_everything_too(client, root):
    call = record_calls(1)[0]
    client.post(reverse("admin:telemetry_inferencelog_delete", args=[call.id]), {"post": "yes"})
    assert not InferenceLog.objects.exists()
    assert not Payload.objects.exists()


def test_an_unknown_call_is_said_not_to_exist(client, root):
    for object_id in (uuid7(), "nonsense"):
        answer = client.get(reverse("admin:telemetry_inferencelog_change", args=[object_id]), follow=True)
        assert "doesn’t exist" in answer.content.decode()


def test_a_cost_that_is_not_known_is_said_to_be_unknown(client, root):
    record(finished(provider="cellar", model="homemade"))
    assert "unknown" in listed(client)
    assert "$0" not in listed(client)


def test_the_pages_have_no_inline_script_or_style(client, root):
    call = record_calls(1, metadata={"a": "<script>alert(1)</script>"})[0]
    confirm = client.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [str(call.id)]}).content.decode()
    for text in (page(client, reverse(LIST)), page(client, detail(call)), reveal(client, call), confirm):
        assert not INLINE.search(text)
