"""Some of the dead letters are tried again, and the others stay."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from uuid_utils.compat import uuid7

from telemetry import tallies
from telemetry.models import DeadLetter, InboxEvent, Tally
from tests.telemetry.calls import NOON, WORKSPACE

pytestmark = pytest.mark.django_db
OTHER = uuid7()


@pytest.fixture(autouse=True)
def _letters():
    """Three of one workspace, an hour apart, and one of another."""
    places = [
        (WORKSPACE, 0, "timeout"),
        (WORKSPACE, 1, "ValueError: unknown phase"),
        (WORKSPACE, 2, "timeout"),
        (OTHER, 3, "timeout"),
    ]
    for number, (workspace, hours, error) in enumerate(places):
        letter = DeadLetter.objects.create(
            workspace_id=workspace,
            inference_id=uuid7(),
            event_id=f"letter {number}",
            body="{}",
            received_at=NOON,
            attempt_count=5,
            error=error,
            died_at=NOON + timedelta(hours=hours),
        )
        assert letter.pk
    Tally.objects.create(day=NOON.date(), received_count=len(places))


def replayed(**options):
    said = io.StringIO()
    call_command("replay_dead", stdout=said, **options)
    return said.getvalue()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"workspace": WORKSPACE}, {0, 1, 2}),
        ({"since": NOON + timedelta(hours=1)}, {1, 2, 3}),
        ({"until": NOON + timedelta(hours=1)}, {0}),
        ({"error": "unknown PHASE"}, {1}),
        ({"workspace": WORKSPACE, "error": "timeout"}, {0, 2}),
        ({}, {0, 1, 2, 3}),
    ],
    ids=str,
)
def test_those_that_were_asked_for_wait_again(asked, expected):
    assert replayed(**asked, dry_run=True).startswith(f"{len(expected)} dead letters")
    assert InboxEvent.objects.count() == 0
    assert replayed(**asked).startswith(f"{len(expected)} events wait")
    assert set(InboxEvent.objects.values_list("event_id", flat=True)) == {f"letter {number}" for number in expected}
    assert DeadLetter.objects.count() == 4 - len(expected)
    assert tallies.balance().missing == 0
