"""Dashboards for programs: whose they are, what may be sent, and what their panels show to whom."""

from typing import Any

import pytest
from django.utils import timezone

from telemetry.models import Dashboard
from tests.people import join, make_person
from tests.rest import Program
from tests.telemetry.boards import ALICES, BOBS, NOW, store_calls

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def program(person: Any, *scopes: str) -> Program:
    return Program(person, scopes=scopes or ("metrics",))


def made(person: Any, *panels: Any, **fields: Any) -> Any:
    scopes = ("metrics", "admin") if fields.get("is_shared") else ("metrics",)
    return program(person, *scopes).told("post", "/dashboards", {"title": "Ours", "panels": panels, **fields}, status=201)


def shown(person: Any, board: Any, **query: Any) -> list[Any]:
    found: list[Any] = program(person).told("get", f"/dashboards/{board['id']}/data", **query)["panels"]
    return found


def values(panel: Any) -> dict[str | None, float]:
    return {next(iter(one["group"].values()), None): one["value"] for one in panel["series"]}


def test_a_dashboard_is_made_read_changed_and_deleted(alice):
    asks = program(alice)
    board = made(alice, {"kind": "pie", "figure": "cost_usd", "group_by": "model"}, description="What it costs")
    assert asks.told("get", f"/dashboards/{board['id']}") == board
    changed = asks.told("patch", f"/dashboards/{board['id']}", {"title": "  Costs  now ", "window": "30d"})
    assert (changed["title"], changed["window"], changed["panels"]) == ("Costs now", "30d", board["panels"])
    assert [one["title"] for one in asks.pages("/dashboards")] == ["Costs now"]
    asks.told("delete", f"/dashboards/{board['id']}", status=204)
    assert asks.pages("/dashboards") == []


def test_a_persons_own_is_nobody_elses(alice, bob, charlie):
    board = made(bob, title="Bob's")
    for person in (alice, charlie):
        for method, path in (("get", ""), ("get", "/data"), ("patch", ""), ("delete", "")):
            body = {"title": "Mine"} if method == "patch" else None
            program(person).told(method, f"/dashboards/{board['id']}{path}", body, status=404)
        assert program(person).pages("/dashboards") == []


def test_the_workspaces_is_seen_by_all_and_changed_by_who_may(alice, bob, charlie):
    board = made(alice, is_shared=True)
    assert [one["is_shared"] for one in program(bob).pages("/dashboards")] == [True]
    for person, status in ((bob, 403), (alice, 403), (charlie, 404)):  # her key reads figures alone
        program(person).told("patch", f"/dashboards/{board['id']}", {"title": "Mine"}, status=status)
        program(person).told("delete", f"/dashboards/{board['id']}", status=status)
    own = program(alice, "metrics", "admin").told("patch", f"/dashboards/{board['id']}", {"is_shared": False})
    assert not own["is_shared"]
    assert program(bob).pages("/dashboards") == []


def test_a_member_shares_nothing(bob):
    program(bob).told("post", "/dashboards", {"title": "Ours", "is_shared": True}, status=403)
    board = made(bob)
    program(bob).told("patch", f"/dashboards/{board['id']}", {"is_shared": True}, status=403)


def test_a_viewer_reads_and_makes_none(alice, workspace):
    board = made(alice, is_shared=True)
    viewer = join(make_person("Vera"), workspace, "viewer")
    assert shown(viewer, board) == []
    program(viewer).told("post", "/dashboards", {"title": "Mine"}, status=403)


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"figure": "profit"}, "there is no figure 'profit'"),
        ({"kind": "pie"}, "a pie needs a group"),
        ({"kind": "pie", "figure": "error_rate", "group_by": "model"}, "parts of a sum"),
        ({"kind": "number", "group_by": "model"}, "a number has no groups"),
        ({"figure": "costly_conversations", "kind": "line"}, "a table or bars"),
        ({"filters": {"modle": ["gpt-4o"]}}, "Extra inputs are not permitted"),
        ({"filters": {"status": ["fine"]}}, "Input should be"),
        ({"limit": "5"}, "Input should be a valid integer"),
        ({"over_time": "yes"}, "Input should be a valid boolean"),
        ({"filters": {"is_stream": "true"}}, "Input should be a valid boolean"),
        ({"filters": {"min_latency_ms": "500"}}, "Input should be a valid integer"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"width": "huge"}, "Input should be"),
    ],
)
def test_what_cannot_be_drawn_is_refused(alice, panel, said):
    problem = program(alice).told("post", "/dashboards", {"title": "Ours", "panels": [panel]}, status=422)
    assert said in str(problem)


def test_there_is_an_end_to_panels_and_dashboards(alice, monkeypatch):
    program(alice).told("post", "/dashboards", {"title": "Ours", "panels": [{}] * 25}, status=422)
    twice = [{"id": "one"}, {"id": "one"}]
    problem = program(alice).told("post", "/dashboards", {"title": "Ours", "panels": twice}, status=422)
    assert "same id" in problem["detail"]
    monkeypatch.setattr("telemetry.boards.MOST_OWN", 1)
    made(alice)
    problem = program(alice).told("post", "/dashboards", {"title": "Ours"}, status=422)
    assert "delete one first" in problem["detail"]


def test_the_data_are_the_figures(alice, bob):
    store_calls(alice, bob)
    board = made(
        alice,
        {"kind": "number", "figure": "cost_usd"},
        {"kind": "pie", "figure": "calls", "group_by": "model"},
        {"kind": "line", "figure": "errors"},
        {"kind": "bar", "figure": "calls", "group_by": "model", "over_time": True},
        {"kind": "table", "figure": "latency_ms_p95", "group_by": "user_id"},
        {"kind": "table", "figure": "costly_conversations"},
        {"kind": "number", "figure": "calls", "filters": {"model": ["gpt-4o"], "status": ["error"]}},
        {"kind": "number", "figure": "time_to_first_token_ms_p50", "filters": {"model": ["none"]}},
    )
    cost, share, errors, stacked, timed, chats, failed, nothing = shown(alice, board, window="6h", interval="hour")
    assert (values(cost), cost["previous"]) == ({None: 0.75}, 0)
    assert values(share) == {"gpt-4o": 2, "gpt-4o-mini": 1}
    (line,) = errors["series"]
    assert [point["value"] for point in line["points"]] == [0, 0, 0, 0, 1, 0, 0]
    by_model = {one["group"]["model"]: [point["value"] for point in one["points"]] for one in stacked["series"]}
    assert by_model == {"gpt-4o": [0, 0, 0, 0, 2, 0, 0], "gpt-4o-mini": [0, 0, 0, 0, 0, 1, 0]}
    assert values(timed) == {str(alice.id): 1000, str(bob.id): 3000}
    assert values(chats) == {str(ALICES): 0.5, str(BOBS): 0.25}
    assert [one["call_count"] for one in chats["series"]] == [2, 1]
    assert values(failed) == {None: 1}
    assert values(nothing) == {None: None}


def test_the_periods_and_filters_of_the_request_hold_for_every_panel(alice, bob):
    store_calls(alice, bob)
    board = made(alice, {"kind": "number"}, {"kind": "number", "filters": {"model": ["gpt-4o"]}})
    assert [values(panel) for panel in shown(alice, board, model="gpt-4o-mini")] == [{None: 1}, {}]
    assert [values(panel) for panel in shown(alice, board, since="2026-11-21T11:15:00Z")] == [{None: 1}, {None: 0}]
    program(alice).told("get", f"/dashboards/{board['id']}/data", colour="red", status=422)
    backwards = {"since": "2026-11-21T12:00:00Z", "until": "2026-11-21T11:00:00Z"}
    program(alice).told("get", f"/dashboards/{board['id']}/data", status=422, **backwards)


def test_what_is_left_of_a_sum_is_told_too(alice, bob):
    store_calls(alice, bob)
    board = made(
        alice,
        {"kind": "pie", "group_by": "model", "limit": 1},
        {"kind": "bar", "group_by": "model", "limit": 1, "over_time": True},
    )
    pie, bar = shown(alice, board, window="6h", interval="hour")
    assert values(pie) == {"gpt-4o": 2, "others": 1}
    assert [sum(point["value"] for point in one["points"]) for one in bar["series"]] == [2, 1]


def test_who_sees_others_in_sums_alone_gets_their_own_where_people_are_named(alice, bob):
    store_calls(alice, bob)
    board = made(
        alice,
        {"kind": "number", "figure": "calls"},
        {"kind": "table", "figure": "calls", "group_by": "user_id"},
        {"kind": "table", "figure": "costly_conversations"},
        {"kind": "number", "figure": "calls", "filters": {"user_id": [str(alice.id)]}},
        is_shared=True,
    )
    calls, people, chats, hers = shown(bob, board)
    assert (values(calls), calls["of"]) == ({None: 3}, "workspace")
    assert (values(people), people["of"]) == ({str(bob.id): 1}, "own")
    assert (values(chats), chats["of"]) == ({str(BOBS): 0.25}, "own")
    assert (values(hers), hers["of"]) == ({}, "own")


def test_a_panel_of_another_version_says_so_and_leaves_the_others(alice):
    board = made(alice, {"kind": "number"}, {"kind": "number", "title": "Weather"})
    stored = Dashboard.objects.get()
    stored.panels[1]["figure"] = "weather"
    stored.save()
    good, odd = shown(alice, board)
    assert (good["problem"], values(good)) == ("", {None: 0})
    assert "weather" in odd["problem"]


def test_panels_share_what_they_read(alice, bob, django_assert_max_num_queries):
    """Twenty figures of the same calls are read as one is."""
    store_calls(alice, bob)
    few = made(alice, {"kind": "number", "figure": "calls"})
    many = made(alice, *({"kind": "number", "figure": name} for name in ("calls", "errors", "cost_usd", "total_tokens") * 5))
    asks = program(alice)
    asks.told("get", f"/dashboards/{few['id']}/data")
    with django_assert_max_num_queries(14 + 20 * 4):  # savepoints and time limits, two statements of figures
        assert len(asks.told("get", f"/dashboards/{many['id']}/data")["panels"]) == 20


def test_the_list_goes_page_by_page(alice):
    asks = program(alice)
    for number in range(10):
        made(alice, title=f"Board {number}")
    first = asks.told("get", "/dashboards", limit=4)
    assert len(first["data"]) == 4
    assert len(asks.pages("/dashboards", limit=4)) == 10
    asks.told("get", "/dashboards", cursor="no", status=400)
