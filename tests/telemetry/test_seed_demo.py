"""`manage.py seed_demo`: made-up traffic that is as well-kept as real one."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import ApiKey, Workspace
from telemetry import integrity, partitions, payloads, rollup_backfill
from telemetry.demo import exchanges, filling, happenings, opinions, rhythm
from telemetry.models import InferenceLog, ProductEvent, RollupDay, Score, SearchEntry, Span
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db(transaction=True)
ROWS, DAYS = 600, 3
REASONS = set(opinions.REASONS)


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


def test_people_and_programs_judge_some_replies():
    seed(rows=4_000, days=1)
    thumbs = Score.objects.filter(name="thumb")
    assert 20 < thumbs.count() < 400
    assert 0.5 < thumbs.filter(value=1).count() / thumbs.count() < 0.98
    assert set(Score.objects.filter(name="reason").values_list("label", flat=True)) <= REASONS
    assert Score.objects.filter(source="api", kind="numeric", user_id=None).exists()
    judged = Score.objects.values_list("inference_id", flat=True)
    assert InferenceLog.objects.filter(id__in=judged, status="success").count() == len(set(judged))


def test_its_people_use_the_product():
    seed(rows=2_000, days=1)
    names = set(ProductEvent.objects.values_list("name", flat=True))
    assert {"conversation_created", "chat_requested", "chat_succeeded", "chat_failed"} <= names
    chats = InferenceLog.objects.filter(source="chat").count()
    assert ProductEvent.objects.filter(name="chat_requested").count() == chats


def test_agents_take_several_calls_and_steps_in_one_trace():
    seed(rows=4_000, days=1)
    agent = Span.objects.filter(kind="agent").order_by("id")[0]
    children = Span.objects.filter(parent_span_id=agent.span_id)
    calls = InferenceLog.objects.filter(trace_id=agent.trace_id, parent_span_id=agent.span_id)
    assert children.filter(kind="tool").exists()
    assert calls.count() > 1
    assert all(agent.started_at <= call.started_at and call.ended_at <= agent.ended_at for call in calls if call.ended_at)


def test_what_failed_is_tried_again_with_another_model():
    seed(rows=4_000, days=1)
    again = list(InferenceLog.objects.filter(attempt__gt=1))
    assert again
    for call in again:
        assert call.fallback_of is not None
        failed = InferenceLog.objects.get(id=call.fallback_of)
        assert (failed.status, failed.attempt, failed.trace_id) == ("error", call.attempt - 1, call.trace_id)


def test_streams_tell_when_their_tokens_came_and_a_short_name_has_two_sides():
    seed(rows=4_000, days=1)
    stream = InferenceLog.objects.filter(is_stream=True, status="success").order_by("id")[0]
    times = stream.token_times_ms or []
    assert times
    assert times == sorted(times)
    assert (times[0], times[-1] <= stream.latency_ms) == (stream.ttft_ms, True)
    sides = InferenceLog.objects.filter(requested_model="fast").values_list("variant", flat=True)
    assert set(sides) == {"openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"}


def test_now_and_then_a_provider_has_an_outage():
    day = next(date(2026, 11, 1) + timedelta(days=ahead) for ahead in range(11) if happenings.outage(date(2026, 11, 1 + ahead)))
    outage = happenings.outage(day)
    assert outage is not None
    middle = outage.begins_at + (outage.ends_at - outage.begins_at) / 2
    assert outage.strikes(outage.provider, middle)
    assert not outage.strikes("mistral", middle)
    assert not outage.strikes(outage.provider, outage.ends_at)


def test_somebody_who_exists_is_let_in(alice):
    with pytest.raises(CommandError, match="Nobody has the address"):
        seed(owner="nobody@example.com")
    assert not Workspace.objects.filter(name="Demo").exists()
    seed(rows=20, days=1, owner="Alice@example.com")
    assert alice.memberships.get(workspace__name="Demo").role == "owner"
    named = set(InferenceLog.objects.exclude(api_key_id=None).values_list("api_key_id", flat=True))
    assert named <= set(ApiKey.objects.filter(revoked_at__isnull=False).values_list("id", flat=True))
