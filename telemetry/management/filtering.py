"""The log's filters as a command's options: one for each of `telemetry.queries.filters.Filters`."""

import argparse
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, get_args
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import User
from ollive_sdk.events import Source, Status
from telemetry.exports import NOWHERE
from telemetry.queries.filters import Filters

CHOICES = {"status": get_args(Status), "source": get_args(Source)}
OPTIONS = {
    "user_id": "user",
    "api_key_id": "key",
    "conversation_id": "conversation",
    "session_id": "session",
    "trace_id": "trace",
    "version": "app_version",
}


def moment(text: str) -> datetime:
    """A date or a time, UTC unless it says otherwise."""
    try:
        day, at = parse_date(text), parse_datetime(text)
    except ValueError:
        day = at = None
    if at is None and day is not None:
        at = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (it gets its zone below)
    if at is None:
        raise argparse.ArgumentTypeError(f"{text} is no date: write 2026-11-21 or 2026-11-21T12:00:00Z")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text} is no amount") from None


def add_filters(parser: CommandParser) -> None:
    """Repeatable options are alternatives; several tags must all be there."""
    group = parser.add_argument_group("which calls (all, unless told)")
    group.add_argument("--workspace", type=UUID, metavar="ID")
    group.add_argument("--since", type=moment, metavar="WHEN", help="received from this date or time on")
    group.add_argument("--until", type=moment, metavar="WHEN", help="and before this one (default: now)")
    group.add_argument("--user", action="append", default=[], metavar="EMAIL|ID")
    group.add_argument("--key", action="append", default=[], type=UUID, metavar="ID", help="the API key that the call came with")
    group.add_argument("--tag", action="append", default=[], dest="tags", metavar="TAG")
    group.add_argument("--conversation", type=UUID, metavar="ID")
    group.add_argument("--session", metavar="ID")
    group.add_argument("--trace", metavar="ID")
    group.add_argument("--streamed", dest="is_stream", action="store_const", const=True, help="streamed calls only")
    group.add_argument("--not-streamed", dest="is_stream", action="store_const", const=False)
    group.add_argument("--judged", dest="has_score", action="store_const", const=True, help="calls that somebody judged only")
    group.add_argument("--not-judged", dest="has_score", action="store_const", const=False)
    for end in ("min", "max"):
        group.add_argument(f"--{end}-latency-ms", type=int, metavar="MS")
        group.add_argument(f"--{end}-cost-usd", type=amount, metavar="USD")
        group.add_argument(f"--{end}-tokens", type=int, metavar="N")
    for field in fields(Filters):
        if field.default == () and field.name not in {"user_id", "api_key_id", "tags"}:
            option = f"--{OPTIONS.get(field.name, field.name).replace('_', '-')}"
            group.add_argument(option, action="append", default=[], choices=CHOICES.get(field.name), metavar=field.name.upper())


def filters_of(options: Mapping[str, Any]) -> Filters:
    """What was asked for. Raises CommandError for a person who is not here."""
    told = {field.name: options[OPTIONS.get(field.name, field.name)] for field in fields(Filters) if field.name != "workspace_id"}
    told["user_id"] = [_user(name) for name in options["user"]]
    return Filters(workspace_id=options["workspace"] or NOWHERE, **told)


def _user(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        pass
    user = User.objects.filter(email__iexact=name).first()
    if user is None:
        raise CommandError(f"There is no user {name}: give an e-mail address, or the id of one who has left.")
    return user.id
