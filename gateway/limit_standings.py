"""The people of a workspace as the page of limits shows them: what holds for each, and what they asked in the last minute."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis
import structlog
from django.conf import settings
from django.db.models import QuerySet

from accounts import api_keys
from accounts.entrance import NO_LIMITS, Limits
from accounts.models import Membership, Workspace
from gateway.allowances import of_person
from gateway.limits import SCRIPT, keys_of
from gateway.windows import Subject

PAGE = 50
WAIT_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Minute:
    """What was asked in the last minute, and how many calls run."""

    requests: int
    tokens: int
    running: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One person. `minute` is None where nobody counts: without a limit, or while Valkey is away."""

    part: Membership
    limits: Limits
    is_own: bool
    minute: Minute | None


@dataclass(frozen=True, slots=True)
class Standings:
    """A page of them, in the order in which they joined, and where the next one begins."""

    rows: Sequence[Standing]
    next_after: int | None


def of_workspace(workspace: Workspace, *, after: str = "") -> Standings:
    """A page of its people: the same few queries however many they are. A broken cursor is the first page."""
    found: QuerySet[Membership] = Membership.objects.filter(workspace=workspace).select_related("user").order_by("pk")
    if after.isascii() and after.isdigit() and len(after) < 19:
        found = found.filter(pk__gt=int(after))
    parts = list(found[: PAGE + 1])
    shown = parts[:PAGE]
    limits = [api_keys.limits_of(part) | api_keys.limits_of(workspace) for part in shown]
    subjects = [of_person(workspace.id, part.user_id, held) for part, held in zip(shown, limits, strict=True)]
    minutes = dict(
        zip((subject.name for subject in subjects if subject), last_minutes([one for one in subjects if one]), strict=True)
    )
    rows = [
        Standing(part, held, api_keys.limits_of(part) != NO_LIMITS, minutes.get(subject.name) if subject else None)
        for part, held, subject in zip(shown, limits, subjects, strict=True)
    ]
    return Standings(rows, shown[-1].pk if len(parts) > PAGE else None)


def last_minutes(subjects: Sequence[Subject]) -> list[Minute | None]:
    """What each was counted with, in one round trip."""
    if not subjects:
        return []
    keys = keys_of(subjects)
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=WAIT_SECONDS, socket_connect_timeout=WAIT_SECONDS) as client:
            told = [int(number) for number in client.eval(SCRIPT, len(keys), *keys, "read")]
    except (redis.RedisError, OSError) as error:
        log.warning("what was asked in the last minute is not known", error=str(error))
        return [None] * len(subjects)
    return [Minute(*numbers) for numbers in zip(told[::3], told[1::3], told[2::3], strict=True)]
