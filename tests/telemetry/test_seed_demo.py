"""`manage.py seed_demo`: made-up traffic that is as well-kept as real one."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Workspace
from telemetry import integrity, partitions, payloads, rollup_backfill
from telemetry.demo import exchanges, filling, rhythm
from telemetry.models import InferenceLog, RollupDay, SearchEntry
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db(transaction=True)
ROWS, DAYS = 600, 3


@pytest.fixture(autouse=True)
def _forget_days():
    """Days that the command attached are dropped, so that the next test makes its own."""
    yield
    with connection.cursor() as cursor:
        for day in filling.marks():
            for parent in partitions.PARENTS:
                cursor.execute(f'DROP TABLE IF EXISTS "{parent.of(day)}"')
    partitions.ensure(datetime.now(UTC).date())


def seed(**options: object) -> str:
    output = StringIO()
    call_command("seed_demo", **({"rows": ROWS, "days": DAYS} | options), stdout=output)
    return output.getvalue()


def test_it_makes_as_many_calls_as_asked_for():
    assert f"{ROWS} calls on {DAYS} days" in seed()
    assert InferenceLog.objects.count() == ROWS == SearchEntry.objects.count()
    oldest = InferenceLog.objects.order_by("received_at").values_list("received_at", flat=True)[0]
    assert datetime.now(UTC) - timedelta(days=DAYS) < oldest < datetime.now(UTC) - timedelta(days=DAYS - 1)


def test_its_calls_are_accounted_for_to_the_last():
    seed()
    assert [check.figures for check in integrity.checks(deep=True) if not check.is_kept] == []


def test_its_days_are_summed_up():
    seed()
    assert all(rollup_backfill.is_complete(day) for day in filling.marks())
    assert sum(RollupDay.objects.values_list("call_count", flat=True)) == ROWS


def test_its_calls_have_what_was_said_and_are_found_by_it():
    seed()
    call = InferenceLog.objects.filter(status="success").order_by("id")[0]
    content = payloads.content_of(call)
    assert content["messages"][-1]["content"].startswith(call.input_preview.rstrip("…")[:100])
    reference = content["messages"][-1]["content"].split()[-1].rstrip(".")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM search_entry WHERE id = %s AND words @@ to_tsquery('simple', %s)", [call.id, reference]
        )
        assert cursor.fetchone()[0] == 1


def test_it_makes_every_kind_of_call():
    seed(rows=4_000, days=1)
    kinds = InferenceLog.objects.values_list("status", "usage_source").distinct()
    assert {"success", "error", "canceled", "interrupted"} == {status for status, _ in kinds}
    assert InferenceLog.objects.filter(status="success", cost_usd=None).values_list("model").distinct().get() == (
        "in-house-preview",
    )
    assert InferenceLog.objects.filter(cache_read_tokens__gt=0).exists()
    assert InferenceLog.objects.filter(reasoning_tokens__gt=0).exists()
    assert InferenceLog.objects.filter(tags__contains=["beta"]).exists()
    assert not InferenceLog.objects.filter(ended_at__lt=datetime(2020, 1, 1, tzinfo=UTC)).exists()


def test_it_goes_on_with_a_run_that_was_broken_off():
    seed()
    day = min(filling.marks())
    before = set(InferenceLog.objects.values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TABLE "inference_log_{day:%Y%m%d}"')
        cursor.execute("DELETE FROM inference_key WHERE received_at < %s", [day + timedelta(days=1)])
        for table in ("search_entry", "span", "payload", "rollup_minute"):
            cursor.execute(f'DROP TABLE "{table}_{day:%Y%m%d}"')
    assert "on 1 days" in seed()
    assert set(InferenceLog.objects.values_list("id", flat=True)) == before
    assert "0 calls on 0 days" in seed()


def test_it_does_not_mix_two_runs():
    seed()
    with pytest.raises(CommandError, match="demo traffic of another run"):
        seed(rows=ROWS + 1)


def test_it_does_not_mix_with_calls_of_a_workspace(workspace):
    record(*[event(workspace_id=workspace.id) for event in (started, finished)])
    with pytest.raises(CommandError, match="calls of its own"):
        seed(workspace=str(workspace.id))
    assert InferenceLog.objects.filter(workspace_id=workspace.id).count() == 2
    seed(workspace=str(workspace.id), mix=True)
    assert InferenceLog.objects.filter(workspace_id=workspace.id).count() == ROWS + 2


def test_a_dry_run_makes_nothing():
    assert f"{ROWS} calls would be made" in seed(dry_run=True)
    assert not InferenceLog.objects.exists()
    assert not Workspace.objects.filter(name="Demo").exists()


def test_it_asks_for_room_on_the_disk():
    with pytest.raises(CommandError, match="are free"):
        seed(rows=10**12)


def test_an_unknown_workspace_is_named():
    with pytest.raises(CommandError, match="There is no workspace"):
        seed(workspace="00000000-0000-4000-8000-00000000dead")


def test_days_are_busier_than_nights_and_weekends():
    wednesday = datetime(2026, 11, 18, tzinfo=UTC)
    by_hour = [
        sum(rhythm.weight(wednesday + timedelta(hours=hour, minutes=minute)) for minute in range(60)) for hour in range(24)
    ]
    assert max(by_hour) > 3 * min(by_hour)
    days = [(wednesday + timedelta(days=ahead)).date() for ahead in range(7)]
    shares = rhythm.share(7_000, days, wednesday + timedelta(days=8))
    assert sum(shares.values()) == 7_000
    assert shares[days[3]] < shares[days[0]]


def test_the_exchanges_are_distinct_and_always_the_same():
    made = exchanges.exchanges()
    assert len({(exchange.question, exchange.answer) for exchange in made}) == exchanges.COUNT
    assert made == exchanges.exchanges()
