"""The page of one call: what was said and by whom it may be read, what it cost and why, how it came, its attempts."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Membership
from telemetry.models import InferenceLog, Score
from tests.people import join, make_person
from tests.telemetry.calls import NOON, finished, record, started

pytestmark = pytest.mark.django_db
SAID, ANSWERED = "How do tides work?", "The moon pulls the water."


def call_of(user: Any, begin: dict[str, Any] | None = None, **end: Any) -> UUID:
    inference_id = uuid4()
    workspace = {"workspace_id": user.workspaces.get().id}
    record(started(inference_id, **workspace, user_id=user.id, **(begin or {})), finished(inference_id, **workspace, **end))
    return inference_id


def seen_by(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(user: Any, inference_id: UUID) -> str:
    answer = seen_by(user).get(f"/logs/{inference_id}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_ones_own_call_is_shown_with_all_that_was_said(alice):
    page = page_of(alice, call_of(alice))
    assert SAID in page
    assert ANSWERED in page
    assert "Show what was said" not in page


def test_what_was_said_is_text_and_never_markup(alice):
    inference_id = call_of(alice, {"messages": [{"role": "user", "content": "<img src=x onerror=alert(1)> to a@b.example"}]})
    page = page_of(alice, inference_id)
    assert "<img" not in page
    assert "&lt;img" in page
    assert '<span class="redacted">' in page


def test_the_cost_is_derived_bucket_by_bucket(alice):
    inference_id = call_of(alice, input_tokens=1000, cache_read_tokens=500, output_tokens=200)
    call = InferenceLog.objects.get(id=inference_id)
    answer = seen_by(alice).get(f"/logs/{inference_id}/")
    bill = answer.context["bill"]
    assert [bucket.token_count for bucket in bill.buckets] == [1000, 500, 200]
    rates = [bucket.usd_per_million for bucket in bill.buckets]
    assert sum(rate * count for rate, count in zip(rates, (1000, 500, 200), strict=True)) / 1_000_000 == call.cost_usd
    assert call.price_id in answer.content.decode()
    assert not bill.is_other


def test_a_model_without_a_price_costs_an_unknown_amount(alice):
    page = page_of(alice, call_of(alice, {"provider": "nobody", "model": "riddle"}))
    assert "unknown" in page
    assert "No price is known" in page
    assert "$0" not in page


def test_a_cost_that_the_rates_do_not_make_is_told(alice):
    inference_id = call_of(alice)
    InferenceLog.objects.filter(id=inference_id).update(cost_usd=Decimal("1.5"))
    assert "it was priced another way" in page_of(alice, inference_id)


def test_the_waits_between_the_pieces_are_drawn(alice):
    inference_id = call_of(alice, token_times_ms=[400, 420, 440, 1440, 1460])
    gaps = seen_by(alice).get(f"/logs/{inference_id}/").context["gaps"]
    assert [bar.gap_ms for bar in gaps.bars] == [20, 20, 1000, 20]
    assert (gaps.longest.at_ms, gaps.median_ms) == (1440, 20)
    assert "4 waits: half of them under 20 ms, the longest 1 s" in page_of(alice, inference_id)


def test_attempts_are_told_with_what_fell_back_on_what(alice):
    trace = "0" * 31 + "8"
    first = call_of(
        alice, {"trace_id": trace, "attempt": 1, "model": "gpt-4o"}, status="error", error_class="overloaded", reply=None
    )
    later = {"trace_id": trace, "started_at": NOON + timedelta(seconds=3)}
    second = call_of(alice, {**later, "attempt": 2, "fallback_of": first})
    call_of(alice, {**later, "attempt": 1, "started_at": NOON + timedelta(seconds=9), "model": "another-request"})
    page = page_of(alice, second)
    assert f'href="/logs/{first}/"' in page
    assert "fell back from the one before" in page
    assert "overloaded" in page
    assert "another-request" not in page


def test_feedback_stands_with_the_call(alice):
    inference_id = call_of(alice)
    workspace_id = alice.workspaces.get().id
    told = {"workspace_id": workspace_id, "inference_id": inference_id, "source": "api"}
    Score.objects.create(**told, name="thumb", kind="boolean", value=1.0)
    Score.objects.create(**told, name="comment", kind="text", comment="Splendid answer")
    page = page_of(alice, inference_id)
    assert "thumb: yes" in page
    assert "Splendid answer" in page


def test_a_member_sees_no_call_of_another(alice, bob, charlie):
    inference_id = call_of(alice)
    for other in (bob, charlie):
        assert seen_by(other).get(f"/logs/{inference_id}/").status_code == 404
        assert seen_by(other).post(f"/logs/{inference_id}/reveal/").status_code == 404
        assert seen_by(other).post(f"/logs/{inference_id}/delete/").status_code == 404


@pytest.fixture
def secretive(bob) -> UUID:
    """A call of Bob's that says something in every field that can."""
    secret = "the cake is in the attic"
    inference_id = call_of(
        bob,
        {
            "messages": [{"role": "user", "content": secret}],
            "metadata": {"note": secret},
            "parameters": {"temperature": 0.5, "suffix": secret},
        },
        status="error",
        error_class="bad_request",
        error_message=f"cannot parse: {secret}",
        reply=secret,
    )
    score = {"workspace_id": bob.workspaces.get().id, "inference_id": inference_id, "source": "api", "name": "comment"}
    Score.objects.create(**score, kind="text", comment=secret)
    return inference_id


def test_what_others_said_is_shown_to_the_owner_who_asks_and_that_is_noted(alice, secretive):
    hidden = page_of(alice, secretive)
    assert "attic" not in hidden
    assert "temperature" in hidden
    assert not AuditEntry.objects.filter(action="content.seen").exists()
    shown = seen_by(alice).post(f"/logs/{secretive}/reveal/").content.decode()
    assert shown.count("the cake is in the attic") >= 6
    entry = AuditEntry.objects.get(action="content.seen")
    assert (entry.actor_id, entry.detail["calls"]) == (alice.id, [str(secretive)])


def test_an_admin_sees_others_figures_and_never_their_words(workspace, secretive):
    grace = join(make_person("Grace"), workspace, Membership.Role.ADMIN)
    assert "attic" not in page_of(grace, secretive)
    assert "Show what was said" not in page_of(grace, secretive)
    assert seen_by(grace).post(f"/logs/{secretive}/reveal/").status_code == 403
    assert not AuditEntry.objects.filter(action="content.seen").exists()


def test_the_queries_do_not_grow_with_steps_scores_or_attempts(alice):
    counts = []
    for number in (1, 8):
        trace = f"{number:032}"
        ids = [call_of(alice, {"trace_id": trace, "attempt": place + 1}) for place in range(number)]
        workspace_id = alice.workspaces.get().id
        for place in range(number):
            Score.objects.create(
                workspace_id=workspace_id, inference_id=ids[0], source="api", name=f"n{place}", kind="numeric", value=1
            )
        client = seen_by(alice)
        with CaptureQueriesContext(
            connection,
        ) as caught:
            client.get(f"/logs/{ids[0]}/")
        counts.append(len(caught))
    assert counts[0] == counts[1]


def test_a_viewer_is_offered_nothing_that_they_may_not_do(alice, workspace):
    inference_id = call_of(alice)
    Membership.objects.filter(user=alice).update(role=Membership.Role.VIEWER)
    page = page_of(alice, inference_id)
    assert SAID in page
    for offered in ("Run again", "Save as test case", "Delete"):
        assert offered not in page


def test_who_may_deletes_a_call_with_all_that_belongs_to_it(alice, bob):
    inference_id = call_of(bob)
    assert seen_by(bob).post(f"/logs/{inference_id}/delete/").status_code == 403
    assert InferenceLog.objects.filter(id=inference_id).exists()
    answer = seen_by(alice).post(f"/logs/{inference_id}/delete/", follow=True)
    assert "The call is deleted" in answer.content.decode()
    assert not InferenceLog.objects.filter(id=inference_id).exists()
    assert AuditEntry.objects.get(action="data.erased").subject_id == str(inference_id)
