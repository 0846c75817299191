"""What the figures of a workspace can be narrowed by: the models that were called, the people and keys that may call."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import get_args

from django.db import connection

from accounts.entrance import Bearer
from accounts.models import ApiKey, User
from ollive_sdk.events import Source, Status
from telemetry import reading
from telemetry.addressed import Wanted

MOST = 200  # of one filter
FRESH = timedelta(hours=36)  # older hours are in the days that were built of them

# Names alone, straight from the rollups: what a reader of figures does to count each call once is not needed here.
CALLED = """
SELECT provider, model FROM rollup_day WHERE workspace_id = %(workspace)s AND bucket_at >= %(since)s - interval '1 day'
    AND bucket_at < %(until)s GROUP BY 1, 2
UNION SELECT provider, model FROM rollup_hour WHERE workspace_id = %(workspace)s AND bucket_at >= %(fresh)s
    AND bucket_at < %(until)s GROUP BY 1, 2
UNION SELECT provider, model FROM rollup_minute WHERE workspace_id = %(workspace)s AND bucket_at >= %(until)s - interval '2 hours'
    AND bucket_at < %(until)s GROUP BY 1, 2
"""
Choices = Sequence[tuple[str, str]]


def choices(wanted: Wanted, bearer: Bearer, models: Iterable[str]) -> Mapping[str, Choices]:
    """By filter the values and what people call them. `models` are known to have calls that no rollup has yet."""
    period = {"since": wanted.since, "until": wanted.until, "fresh": max(wanted.since, wanted.until - FRESH)}
    with connection.cursor() as cursor:
        cursor.execute(CALLED, {"workspace": bearer.workspace_id, **period})
        called = cursor.fetchall()
    keys = ApiKey.objects.filter(workspace_id=bearer.workspace_id).order_by("name", "id")
    if not reading.sees_all(bearer):
        keys = keys.filter(user_id=bearer.user_id)
    found: dict[str, Choices] = {
        "model": _named({*models, *(model for _, model in called)}),
        "provider": _named({provider for provider, _ in called}),
        "api_key_id": [(str(key.pk), f"{key.name} (…{key.last_four})") for key in keys[:MOST]],
        "source": [(value, value) for value in get_args(Source)],
        "status": [(value, value.replace("_", " ")) for value in get_args(Status)],
    }
    if reading.sees_all(bearer):
        people = User.objects.filter(memberships__workspace_id=bearer.workspace_id).order_by("email")[:MOST]
        found["user_id"] = [(str(user.pk), str(user)) for user in people]
    return found


def _named(values: set[str]) -> Choices:
    return [(value, value) for value in sorted(values) if value][:MOST]
