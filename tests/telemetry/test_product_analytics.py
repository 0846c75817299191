"""How the product does over a period: people by day, week and month, who came back, success, time and what was thought."""

import csv
import io
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Workspace
from telemetry import product_analytics, product_charts
from telemetry.models import ProductEvent, Score
from telemetry.product_events import Name
from tests.people import join, make_person
from tests.programs import make_token
from tests.telemetry.calls import WORKSPACE, finished, record, started

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TODAY = NOW.date()
CAROL, DAVE = UUID(int=101), UUID(int=102)


def act(user_id: UUID | None, *, days: int = 0, minutes: float = 0, workspace: UUID = WORKSPACE, name: str = Name.CHAT_REQUESTED):
    at = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(days=days) + timedelta(minutes=minutes)
    ProductEvent.objects.create(name=name, workspace_id=workspace, user_id=user_id, happened_at=at)


def call(user_id: UUID | None = None, *, workspace: UUID = WORKSPACE, model: str = "gpt-4o-mini", **end) -> UUID:
    inference_id = uuid4()
    given = {"workspace_id": workspace, "started_at": timezone.now(), "model": model}
    ended = {"first_token_at": None, "ended_at": timezone.now(), "latency_ms": 1000, **end}
    record(started(inference_id, user_id=user_id, **given), finished(inference_id, workspace_id=workspace, **ended))
    return inference_id


def judge(name: str, value: float | None, *, days: int = 0, workspace: UUID = WORKSPACE, **fields) -> None:
    given = {"kind": "numeric", "source": "person", "inference_id": uuid4(), "created_at": NOW - timedelta(days=days), **fields}
    Score.objects.create(workspace_id=workspace, name=name, value=value, **given)


def read(period: str = "30d", workspaces: list[UUID] | None = None) -> product_analytics.Analytics:
    return product_analytics.read([WORKSPACE] if workspaces is None else workspaces, period, now=timezone.now())


def test_people_of_days_weeks_and_months_are_those_that_counting_one_by_one_gives():
    chance = Random(7)
    there: dict[date, set[int]] = defaultdict(set)
    for _ in range(300):
        user, days = chance.randrange(1, 25), chance.randrange(0, 95)
        there[TODAY - timedelta(days=days)].add(user)
        act(UUID(int=user), days=days)

    def within(day: date, length: int) -> int:
        return len(set().union(*(there[day - timedelta(days=back)] for back in range(length))))

    found = read()
    for day in (*found.now.days, *found.before.days):
        counted = (day.active_users, day.weekly_users, day.monthly_users)
        assert counted == (len(there[day.day]), within(day.day, 7), within(day.day, 30)), day.day
    assert found.now.people == within(TODAY, 30)
    assert found.before.people == within(TODAY - timedelta(days=30), 30)
    firsts = [min(day for day, users in there.items() if user in users) for user in set().union(*there.values())]
    assert {day.day: day.newcomers for day in found.now.days if day.newcomers} == {
        day: firsts.count(day) for day in firsts if day > TODAY - timedelta(days=30)
    }


def test_who_came_back_is_counted_by_the_week_of_their_first_day():
    monday = TODAY - timedelta(days=TODAY.weekday() + 21)
    back = (TODAY - monday).days
    for user in (CAROL, DAVE):
        act(user, days=back - 1)
    act(CAROL, days=back - 2)
    act(CAROL, days=back - 14)
    act(UUID(int=103), days=back - 7)
    found = {cohort.monday: list(cohort.counts) for cohort in read().presence.cohorts}
    assert found == {monday: [2, 0, 1, 0], monday + timedelta(days=7): [1, 0, 0]}


def test_who_was_here_long_before_is_not_new():
    act(CAROL, days=200)
    act(CAROL, days=3)
    found = read("7d")
    assert (found.now.people, found.now.total("newcomers"), found.presence.cohorts) == (1, 0, [])


def test_a_call_makes_its_person_active_and_new():
    call(CAROL)
    found = read("7d")
    assert (found.now.days[-1].active_users, found.now.days[-1].newcomers) == (1, 1)
    assert [list(cohort.counts) for cohort in found.presence.cohorts] == [[1]]


def test_calls_are_summed_and_what_was_stopped_has_neither_succeeded_nor_failed():
    for status in ("success", "success", "success", "canceled"):
        call(CAROL, status=status, input_tokens=10, output_tokens=5)
    call(DAVE, status="error", error_class="rate_limited", input_tokens=0, output_tokens=0, model="gpt-4o")
    found = read("7d")
    today = found.now.days[-1]
    assert (today.calls, today.tokens, found.now.success_rate) == (5, 60, 0.75)
    assert [(use.model, use.people, use.calls, use.errors) for use in found.models] == [
        ("gpt-4o-mini", 1, 4, 0),
        ("gpt-4o", 1, 1, 1),
    ]
    people = product_analytics.by_person(WORKSPACE, "7d", now=timezone.now())
    assert [(use.user_id, use.days, use.calls, use.tokens) for use in people] == [(CAROL, 1, 4, 60), (DAVE, 1, 1, 0)]


def test_time_is_from_the_first_to_the_last_act_of_a_day():
    for minutes in (0, 10, 30):
        act(CAROL, days=1, minutes=minutes)
    act(DAVE, days=1)
    act(DAVE, days=9)
    act(DAVE, days=9, minutes=60)
    found = read("7d")
    assert (found.now.mean_seconds, found.median_seconds, found.before.mean_seconds) == (900, 900, 3600)


def test_feedback_is_told_as_shares_and_an_evaluation_is_nobodys_opinion():
    judged = [call(), call(), call(), call()]
    judge("thumb", 1.0, inference_id=judged[0])
    judge("thumb", 0.0, inference_id=judged[1])
    judge("reason", None, label="not_true", kind="category", inference_id=judged[1])
    judge("rating", 4, inference_id=judged[0])
    judge("thumb", 1.0, inference_id=judged[2], source="evaluation")
    judge("thumb", 1.0, days=8)
    found = read("7d")
    assert (found.now.approval, found.now.mean_rating, found.now.feedback_rate) == (0.5, 4, 0.5)
    assert (found.before.approval, found.before.feedback_rate) == (1.0, None)
    assert found.reasons == [("not_true", 1)]


def test_where_nothing_was_there_is_nothing_to_divide():
    found = read()
    assert (found.now.stickiness, found.now.success_rate, found.now.approval, found.now.mean_seconds) == (None,) * 4
    assert {tile.number for tile in product_charts.tiles(found)} == {"0", "–", "$0"}


def test_a_year_has_nothing_before_it():
    found = read("365d")
    assert (len(found.now.days), found.before) == (365, None)


def test_reading_costs_the_same_however_many_people_there_are(django_assert_num_queries):
    for many in (3, 20):
        for number in range(many):
            act(UUID(int=500 + many + number), days=number)
            call(UUID(int=700 + many + number))
        with django_assert_num_queries(5):
            read()


def page_of(user, address: str = "/analytics/"):
    client = Client()
    client.force_login(user)
    return client.get(address)


def test_the_page_names_people_to_who_may_see_their_calls_and_to_nobody_else(alice, bob, workspace):
    call(bob.pk, workspace=workspace.pk)
    viewer = join(make_person("Vera"), workspace, Membership.Role.VIEWER)
    assert "Who calls the most" in page_of(alice).content.decode()
    assert ">Bob<" in page_of(alice).content.decode().replace(" ", "").replace("\n", "")
    for person in (bob, viewer):
        page = page_of(person).content.decode()
        assert "People of the period" in page
        assert "Who calls the most" not in page


def test_strangers_count_apart_and_all_of_ones_workspaces_together(alice, bob, charlie, workspace):
    other = Workspace.objects.create(name="Looking-Glass")
    join(bob, other)
    call(alice.pk, workspace=workspace.pk, input_tokens=1200, output_tokens=34)
    call(charlie.pk, workspace=charlie.workspaces.get().pk, input_tokens=70_000, output_tokens=0)
    call(bob.pk, workspace=other.pk, input_tokens=3_000, output_tokens=0)
    assert "1,234" in page_of(alice).content.decode()
    together = page_of(bob, "/analytics/?of=all&window=7d").content.decode()
    assert "4,234" in together
    assert "Looking-Glass" in together
    assert "70,000" not in together


def test_a_period_that_does_not_exist_is_told_and_the_usual_one_shown(alice):
    answer = page_of(alice, "/analytics/?window=2y&of=all")
    assert answer.status_code == 200
    assert "There is no period" in answer.content.decode()


def test_each_chart_of_the_page_is_a_file_with_the_same_figures(alice, workspace):
    call(alice.pk, workspace=workspace.pk, input_tokens=1200, output_tokens=34)
    names = [drawing.name for drawing in product_charts.charts(read())]
    for name in (*names, "retention", "models"):
        answer = page_of(alice, f"/analytics/{name}.csv?window=7d")
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8"), name
    rows = list(csv.reader(io.StringIO(page_of(alice, "/analytics/tokens.csv?window=7d").content.decode())))
    assert rows[0] == ["Day", "Tokens"]
    assert rows[-1] == [f"{TODAY.isoformat()}T00:00:00Z", "1234"]
    assert len(rows) == 8
    assert page_of(alice, "/analytics/nonsense.csv").status_code == 404


def test_a_program_reads_its_workspace(alice, workspace):
    call(alice.pk, workspace=workspace.pk, input_tokens=1200, output_tokens=34)
    headers = {"Authorization": f"Bearer {make_token(alice, scopes=['metrics'])}"}
    answer = Client().get("/api/v1/analytics/product?window=7d", headers=headers)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["window"], len(told["days"]), told["period"]["people"], told["days"][-1]["tokens"]) == ("7d", 7, 1, 1234)
    assert told["cohorts"][-1]["counts"] == [1]
    assert Client().get("/api/v1/analytics/product?window=2y", headers=headers).status_code == 422
    assert Client().get("/api/v1/analytics/product?days=7", headers=headers).status_code == 422
    other = {"Authorization": f"Bearer {make_token(alice, scopes=['chat'])}"}
    assert Client().get("/api/v1/analytics/product", headers=other).status_code == 403
