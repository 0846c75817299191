"""Demo traffic for the tests of a module: made once, gone with it."""

from collections.abc import Iterator
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User, Workspace
from telemetry import partitions
from telemetry.demo import filling

ROWS, DAYS = 3_000, 3
LEFT = (
    "inference_key",
    "telemetry_score",
    "product_event",
    "telemetry_tally",
    "rollup_mark",
    "rollup_hour",
    "rollup_day",
    "usage_hour",
    "usage_day",
)


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker) -> Iterator[UUID]:
    """The workspace that has the traffic."""
    with django_db_blocker.unblock():
        call_command("seed_demo", rows=ROWS, days=DAYS, stdout=StringIO())
        workspace = next(iter(_plans()))
        connection.close()
    yield workspace
    with django_db_blocker.unblock():
        forget()
        connection.close()


def forget() -> None:
    """Drop the days that the command made, and delete the rest."""
    plans = _plans()
    with connection.cursor() as cursor:
        for day in filling.marks():
            for parent in partitions.PARENTS:
                cursor.execute(f'DROP TABLE IF EXISTS "{parent.of(day)}"')
        for table in LEFT:
            cursor.execute(f'DELETE FROM "{table}"')
    User.objects.filter(memberships__workspace__in=plans).delete()
    Workspace.objects.filter(id__in=plans).delete()
    partitions.ensure(timezone.now().date())


def _plans() -> set[UUID]:
    return {UUID(plan.workspace_id) for plan in filling.marks().values()}
