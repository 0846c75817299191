"""How the product is used: active people, success, latency, tokens and time spent, of thirty days."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from telemetry import analytics, product_events
from telemetry.models import ProductEvent
from telemetry.product_events import Name
from tests.people import join, make_person
from tests.programs import make_token
from tests.telemetry.calls import WORKSPACE, finished, record, started

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(hour=15)
TODAY = NOW.date()
CAROL, DAVE = UUID(int=101), UUID(int=102)


def act(
    user_id: UUID | None, *, hours: float = 0, days: int = 0, workspace: UUID = WORKSPACE, name: str = Name.CHAT_REQUESTED
) -> None:
    at = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hours) - timedelta(days=days)
    ProductEvent.objects.create(name=name, workspace_id=workspace, user_id=user_id, happened_at=at)


def call(user_id: UUID | None = None, *, workspace: UUID = WORKSPACE, **end) -> None:
    inference_id = uuid4()
    given = {"workspace_id": workspace, "started_at": timezone.now()}
    ended = {"first_token_at": None, "ended_at": timezone.now(), "latency_ms": 1000, **end}
    record(started(inference_id, user_id=user_id, **given), finished(inference_id, workspace_id=workspace, **ended))


def test_people_are_counted_once_a_day_whatever_they_do():
    for hours in (0, 1, 2):
        act(CAROL, hours=hours)
    act(DAVE)
    act(CAROL, days=3)
    active = analytics.usage([WORKSPACE], now=timezone.now()).active_users
    assert (active[TODAY], active[TODAY - timedelta(days=3)], active[TODAY - timedelta(days=1)]) == (2, 1, 0)
    assert len(active) == 30
    assert max(active) == TODAY


def test_who_asks_through_the_gateway_alone_was_active_too():
    call(CAROL)
    assert analytics.usage([WORKSPACE], now=timezone.now()).active_users[TODAY] == 1


def test_a_wrong_password_and_somebody_unknown_are_nobodys_activity():
    act(CAROL, name=Name.AUTH_FAILED)
    act(None)
    assert analytics.usage([WORKSPACE], now=timezone.now()).active_users[TODAY] == 0


def test_what_was_stopped_has_neither_succeeded_nor_failed():
    for status in ("success", "success", "success", "canceled", "canceled"):
        call(status=status)
    call(status="error", error_class="rate_limited")
    usage = analytics.usage([WORKSPACE], now=timezone.now())
    assert usage.success_rate == 0.75
    assert usage.mean_latency_ms == 1000


def test_tokens_are_summed_by_day():
    call(input_tokens=100, output_tokens=20)
    call(input_tokens=1, output_tokens=2)
    tokens = analytics.usage([WORKSPACE], now=timezone.now()).tokens
    assert tokens[TODAY] == 123
    assert sum(tokens.values()) == 123


def test_time_goes_from_the_first_to_the_last_act_of_a_day():
    act(CAROL, hours=0, days=1)
    act(CAROL, hours=0.5, days=1)
    act(CAROL, hours=2, days=1)
    act(DAVE, hours=1, days=1)
    usage = analytics.usage([WORKSPACE], now=timezone.now())
    assert {spent.user_id: spent.seconds for spent in usage.spent} == {CAROL: 7200, DAVE: 0}
    assert usage.mean_seconds == {TODAY - timedelta(days=1): 3600}


def test_without_calls_there_is_no_rate_to_tell():
    told = analytics.usage([WORKSPACE], now=timezone.now()).as_json()
    assert (told["success_rate"], told["avg_latency_ms"], told["time_spent_samples"]) == (None, None, [])
    assert len(told["dau_last_30_days"]) == len(told["token_burn_last_30_days"]) == 30


def test_other_workspaces_are_left_out_and_the_installation_has_all():
    act(CAROL)
    act(DAVE, workspace=uuid4())
    call(CAROL, workspace=uuid4(), input_tokens=5, output_tokens=0)
    assert analytics.usage([WORKSPACE], now=timezone.now()).active_users[TODAY] == 1
    everybody = analytics.usage(None, now=timezone.now())
    assert (everybody.active_users[TODAY], everybody.tokens[TODAY]) == (2, 5)


def test_reading_costs_the_same_however_many_people_there_are(django_assert_num_queries):
    for number in range(3):
        act(UUID(int=500 + number))
        call(UUID(int=500 + number))
    with django_assert_num_queries(3):
        analytics.usage([WORKSPACE], now=timezone.now())
    for number in range(20):
        act(UUID(int=600 + number))
        call(UUID(int=600 + number))
    with django_assert_num_queries(3):
        analytics.usage([WORKSPACE], now=timezone.now())


def analytics_of(user, **options):
    token = make_token(user, scopes=["metrics"], **options)
    return Client().get("/api/v1/analytics", headers={"Authorization": f"Bearer {token}"})


def test_a_key_reads_its_own_workspace_in_the_shape_that_the_seed_documents(alice, workspace):
    act(alice.pk, workspace=workspace.pk)
    act(alice.pk, workspace=workspace.pk, hours=1)
    act(DAVE)
    told = analytics_of(alice).json()
    assert told["dau_last_30_days"][-1] == {"day": TODAY.isoformat(), "dau": 1}
    assert told["token_burn_last_30_days"][-1] == {"day": TODAY.isoformat(), "total_tokens": 0}
    (spent,) = told["time_spent_samples"]
    assert spent == {"user_id": product_events.pseudonym(alice.pk), "day": TODAY.isoformat(), "seconds_spent": 3600}


def test_a_member_sees_of_others_only_what_is_summed_up(alice, bob, workspace):
    for person in (alice, bob):
        act(person.pk, workspace=workspace.pk)
    viewer = join(make_person("Vera"), workspace, Membership.Role.VIEWER)
    assert analytics_of(bob).json()["dau_last_30_days"][-1]["dau"] == 2
    assert [spent["user_id"] for spent in analytics_of(bob).json()["time_spent_samples"]] == [product_events.pseudonym(bob.pk)]
    assert analytics_of(viewer).json()["time_spent_samples"] == []
    assert len(analytics_of(alice).json()["time_spent_samples"]) == 2


def test_a_key_needs_the_scope(alice):
    token = make_token(alice, scopes=["chat", "ingest"])
    answer = Client().get("/api/v1/analytics", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_the_page_shows_the_workspace_and_nobody_elses(client, alice, charlie, workspace):
    act(alice.pk, workspace=workspace.pk)
    call(alice.pk, workspace=workspace.pk, input_tokens=1200, output_tokens=34)
    client.force_login(alice)
    page = client.get("/metrics", headers={"Accept": "text/html"}).content.decode()
    assert "1,234" in page
    assert "100.0%" in page
    client.force_login(charlie)
    assert "1,234" not in client.get("/metrics", headers={"Accept": "text/html"}).content.decode()
