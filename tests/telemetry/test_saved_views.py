"""States of the list of calls that people keep: their own, and everybody's."""

import pytest

from telemetry import saved_views
from telemetry.models import SavedView
from tests.accounts.parts import client_of, set_role, told

pytestmark = pytest.mark.django_db
KEEP = "/logs/views/keep/"


def keep(user, name="Slow", **fields):
    given = {"name": name, "query": "window=7d&min_latency_ms=5000&cols=model&cols=latency", **fields}
    return client_of(user).post(KEEP, given, follow=True)


def names(user):
    return [each.view.name for each in client_of(user).get("/logs/").context["views"]]


def test_a_view_is_kept_with_its_period_filters_and_columns(alice):
    assert "Kept as “Slow”" in told(keep(alice))
    page = client_of(alice).get(f"/logs/?{SavedView.objects.get().query}")
    assert page.context["look"].window == "7d"
    assert page.context["look"].wanted.given == {"min_latency_ms": ["5000"]}
    assert [column.name for column in page.context["columns"]] == ["model", "latency"]
    assert [each.is_open for each in page.context["views"]] == [True]


def test_a_view_is_its_persons_and_a_shared_one_everybodys(alice, bob, charlie):
    keep(alice)
    keep(alice, "Dear", shared="yes")
    assert names(alice) == ["Slow", "Dear"]
    assert names(bob) == ["Dear"]
    assert names(charlie) == []


def test_a_member_keeps_views_for_themselves_alone(alice, bob):
    assert keep(bob, shared="yes").status_code == 403
    keep(bob)
    assert names(bob) == ["Slow"]
    assert names(alice) == []


def test_the_same_name_keeps_the_newer_state(alice):
    keep(alice)
    keep(alice, query="window=1h")
    assert SavedView.objects.get().query == "window=1h"


@pytest.mark.parametrize(("name", "why"), [("  ", "Give the view a name"), ("Second", "There are 1 views already")])
def test_what_cannot_be_kept_is_told(alice, monkeypatch, name, why):
    monkeypatch.setattr(saved_views, "MOST", 1)
    keep(alice)
    assert why in told(keep(alice, name))
    assert SavedView.objects.count() == 1


def test_a_view_is_deleted_by_whose_it_is(alice, bob):
    keep(bob)
    own = SavedView.objects.get()
    keep(alice, "Dear", shared="yes")
    shared = SavedView.objects.get(owner=None)
    assert client_of(alice).post(f"/logs/views/{own.id}/delete/").status_code == 404
    assert client_of(bob).post(f"/logs/views/{shared.id}/delete/").status_code == 403
    assert client_of(set_role(bob, "admin")).post(f"/logs/views/{shared.id}/delete/").status_code == 302
    assert client_of(bob).post(f"/logs/views/{own.id}/delete/").status_code == 302
    assert not SavedView.objects.exists()
