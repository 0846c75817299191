"""Dashboards as pages: put together without a script, looked at, shared, copied, exported and imported."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from telemetry.models import Dashboard
from tests.people import join, make_person
from tests.telemetry.boards import NOW, store_calls

pytestmark = pytest.mark.django_db
PANEL: dict[str, Any] = {"figure": "calls", "kind": "number", "limit": "10", "width": "half", "height": "medium"}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


class Browser:
    """Somebody who is signed in."""

    def __init__(self, person: Any) -> None:
        self.client = Client()
        self.client.force_login(person)

    def see(self, name: str, *args: Any, ends: int = 200, **query: Any) -> str:
        answer = self.client.get(reverse(name, args=args), query)
        assert answer.status_code == ends
        return answer.content.decode()

    def send(self, name: str, *args: Any, ends: int = 200, **data: Any) -> str:
        answer = self.client.post(reverse(name, args=args), data, follow=True)
        assert answer.status_code == ends
        return answer.content.decode()


def begun(browser: Browser, title: str = "Costs", starter: str = "empty") -> Dashboard:
    browser.send("boards", title=title, window="24h", starter=starter)
    return Dashboard.objects.get(title=title)


def with_panels(browser: Browser, *panels: dict[str, Any], title: str = "Costs") -> Dashboard:
    board = begun(browser, title)
    for panel in panels:
        browser.send("add_panel", board.pk, **(PANEL | panel))
    board.refresh_from_db()
    return board


def titles(board: Dashboard) -> list[str]:
    board.refresh_from_db()
    return [panel["title"] for panel in board.panels]


def table(page: str, title: str) -> list[list[str]]:
    """The rows of a panel's table, as text."""
    chart = page[page.index(f"{title}</h2>") :]
    body = chart[chart.index("<tbody>") : chart.index("</tbody>")]
    return [re.findall(r"[^<>\n]*[^<>\s][^<>\n]*", re.sub(r"<[^>]*>", "\n", row)) for row in body.split("</tr>")[:-1]]


def test_a_dashboard_is_begun_with_panels_that_work(alice, bob):
    store_calls(alice, bob)
    browser = Browser(alice)
    for starter in ("cost", "reliability"):
        board = begun(browser, starter, starter)
        page = browser.see("board", board.pk)
        assert page.count('class="panel ') == len(board.panels) >= 8
        assert "too long" not in page
    assert "There is nothing on it yet." in browser.see("board", begun(browser, "Nothing").pk)


def test_a_panel_shows_the_figures_and_leads_to_the_calls(alice, bob):
    store_calls(alice, bob)
    browser = Browser(alice)
    board = with_panels(
        browser,
        {"title": "Spent", "figure": "cost_usd"},
        {"title": "Who", "kind": "table", "group_by": "user_id"},
        {"title": "Chats", "kind": "table", "figure": "costly_conversations"},
        {"title": "Failed", "kind": "table", "group_by": "model", "status": ["error"], "model": "gpt-4o, gpt-4o-mini"},
    )
    page = browser.see("board", board.pk)
    assert "$0.75" in page
    assert table(page, "Who") == [["Alice", "2"], ["Bob", "1"]]
    assert [row[1] for row in table(page, "Chats")] == ["$0.50", "$0.25"]
    assert table(page, "Failed") == [["gpt-4o", "1"]]
    assert f"user_id={alice.pk}" in page


def test_the_address_says_the_period_and_the_filters(alice, bob):
    store_calls(alice, bob)
    browser = Browser(alice)
    board = with_panels(browser, {"title": "Calls here"}, {"title": "By model", "kind": "table", "group_by": "model"})
    assert table(browser.see("board", board.pk, window="6h"), "By model") == [["gpt-4o", "2"], ["gpt-4o-mini", "1"]]
    assert table(browser.see("board", board.pk, model="gpt-4o-mini"), "By model") == [["gpt-4o-mini", "1"]]
    assert "Nothing in this period." in browser.see("board", board.pk, until="2026-11-20T00:00:00Z")
    odd = browser.see("board", board.pk, window="soon", status="fine")
    assert "There is no period" in odd
    assert "The filter status was left out" in odd


def test_panels_are_moved_sized_doubled_changed_and_deleted(alice):
    browser = Browser(alice)
    board = with_panels(browser, {"title": "One"}, {"title": "Two"}, {"title": "Three"})
    first, second, third = (panel["id"] for panel in board.panels)
    browser.send("move_panel", board.pk, third, where="up")
    assert titles(board) == ["One", "Three", "Two"]
    browser.send("move_panel", board.pk, first, where="last")
    browser.send("move_panel", board.pk, second, where="up")
    browser.send("move_panel", board.pk, second, where="up")  # it is first already
    assert titles(board) == ["Two", "Three", "One"]
    browser.send("size_panel", board.pk, first, width="whole", height="tall")
    browser.send("copy_panel", board.pk, first)
    browser.send("change_panel", board.pk, second, **(PANEL | {"title": "Zwei", "figure": "errors"}))
    browser.send("delete_panel", board.pk, third)
    assert titles(board) == ["Zwei", "One", "One"]
    assert [(panel["width"], panel["height"]) for panel in board.panels[1:]] == [("whole", "tall")] * 2
    assert len({panel["id"] for panel in board.panels}) == 3
    browser.send("move_panel", board.pk, third, where="up", ends=404)
    browser.send("move_panel", board.pk, first, where="away", ends=404)
    browser.send("size_panel", board.pk, first, width="huge", height="tall", ends=404)


def test_a_panel_is_looked_at_before_it_is_saved(alice, bob):
    store_calls(alice, bob)
    browser = Browser(alice)
    board = begun(browser)
    page = browser.send("add_panel", board.pk, **(PANEL | {"kind": "table", "group_by": "model", "look": "yes"}))
    assert table(page, "Calls by model") == [["gpt-4o", "2"], ["gpt-4o-mini", "1"]]
    assert titles(board) == []
    assert "a pie needs a group" in browser.send("add_panel", board.pk, ends=422, **(PANEL | {"kind": "pie"})).lower()
    assert "source" in browser.send("add_panel", board.pk, ends=422, **(PANEL | {"source": ["moon"]}))
    assert titles(board) == []


def test_what_only_the_api_filters_by_is_kept_by_the_form(alice):
    browser = Browser(alice)
    board = with_panels(browser, {"title": "Slow"})
    board.panels[0]["filters"] = {"min_latency_ms": 500, "model": ["gpt-4o"]}
    board.save()
    panel_id = board.panels[0]["id"]
    page = browser.see("change_panel", board.pk, panel_id)
    assert "min_latency_ms 500" in page
    assert 'value="gpt-4o"' in page
    browser.send("change_panel", board.pk, panel_id, **(PANEL | {"title": "Slow", "model": ""}))
    board.refresh_from_db()
    assert board.panels[0]["filters"] == {"min_latency_ms": 500}


def test_a_shared_one_is_seen_by_all_and_changed_by_who_may(alice, bob):
    store_calls(alice, bob)
    browser, member = Browser(alice), Browser(bob)
    board = with_panels(browser, {"title": "Who", "kind": "table", "group_by": "user_id"}, {"title": "All", "kind": "number"})
    member.see("board", board.pk, ends=404)
    browser.send("share_board", board.pk, shared="yes")
    page = member.see("board", board.pk)
    assert table(page, "Who") == [["Bob", "1"]]  # others' he sees in sums
    assert "Alice" not in page
    assert "Your own calls alone" in page
    assert reverse("change_board", args=[board.pk]) not in page
    for name in ("change_board", "add_panel"):
        member.see(name, board.pk, ends=403)
    member.send("delete_board", board.pk, ends=403)
    member.send("delete_panel", board.pk, board.panels[0]["id"], ends=403)
    member.send("copy_board", board.pk)
    assert Dashboard.objects.get(owner=bob).title == "Costs (copy)"
    browser.send("share_board", board.pk, shared="no")
    member.see("board", board.pk, ends=404)


def test_a_viewer_reads_and_makes_nothing(alice, workspace):
    browser, viewer = Browser(alice), Browser(join(make_person("Vera"), workspace, "viewer"))
    board = with_panels(browser, {"title": "All"})
    browser.send("share_board", board.pk, shared="yes")
    assert "Begin a dashboard" not in viewer.see("boards")
    assert "Duplicate" not in viewer.see("board", board.pk)
    viewer.send("boards", title="Mine", window="7d", starter="empty", ends=403)
    viewer.send("copy_board", board.pk, ends=403)
    assert Dashboard.objects.count() == 1


def test_what_is_exported_can_be_imported_as_it_is(alice, bob):
    browser, member = Browser(alice), Browser(bob)
    board = begun(browser, "Reliability", "reliability")
    file = browser.see("export_board", board.pk)
    assert json.loads(file)["schema_version"] == 1
    assert str(board.pk) not in file
    member.send("import_board", file=SimpleUploadedFile("reliability.json", file.encode()))
    copy = Dashboard.objects.get(owner=bob)
    assert (copy.title, member.see("export_board", copy.pk)) == ("Reliability", file)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"title: no", "This is not JSON"),
        (b"[]", "one object"),
        (b'{"title": "A", "panels": [{"kind": "number"}, {"kind": "pie"}]}', "panels → 2: a pie needs a group"),
        (b'{"title": "A", "panels": 3}', "panels: Input should be a valid list"),
        (b'{"title": "A", "schema_version": 2}', "schema_version"),
        (b'{"title": "A"}' + b" " * 300_000, "larger than 256 kB"),
    ],
)
def test_a_file_that_is_no_dashboard_says_where(alice, file, said):
    page = Browser(alice).send("import_board", file=SimpleUploadedFile("board.json", file), ends=422)
    assert said in page
    assert not Dashboard.objects.exists()


def test_a_panel_as_csv(alice, bob):
    store_calls(alice, bob)
    browser = Browser(alice)
    board = with_panels(browser, {"title": "By model", "kind": "table", "group_by": "model"})
    csv = browser.see("panel_csv", board.pk, board.panels[0]["id"], window="6h")
    assert csv.splitlines() == ["Model,Calls", "gpt-4o,2", "gpt-4o-mini,1"]


def test_a_deleted_one_is_gone(alice):
    browser = Browser(alice)
    board = begun(browser)
    browser.send("delete_board", board.pk)
    browser.see("board", board.pk, ends=404)
    assert "There is none yet" in browser.see("boards")


def test_the_list_takes_the_same_queries_for_ten_and_for_twenty(alice, workspace):
    browser = Browser(alice)
    counts = []
    for _ in range(2):
        for number in range(10):
            Dashboard.objects.create(workspace=workspace, owner=alice, title=f"Board {number}", panels=[])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert "Board 9" in browser.see("boards")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_long_lists_go_on(alice, workspace, monkeypatch):
    monkeypatch.setattr("telemetry.views.boards.PAGE", 2)
    for number in range(3):
        Dashboard.objects.create(workspace=workspace, owner=alice, title=f"Board {number}", panels=[])
    browser = Browser(alice)
    page = browser.see("boards")
    found = re.search(r'\?before=([^"]+)"', page)
    assert found
    rest = browser.client.get(f"{reverse('boards')}?before={found[1]}").content.decode()
    assert sorted(re.findall(r">(Board \d)<", page + rest)) == ["Board 0", "Board 1", "Board 2"]


def test_a_persons_own_go_with_them_and_the_workspaces_stay(alice, bob):
    begun(Browser(bob), "Bob's")
    board = begun(Browser(alice), "Ours")
    Browser(alice).send("share_board", board.pk, shared="yes")
    bob.delete()
    assert [one.title for one in Dashboard.objects.all()] == ["Ours"]
