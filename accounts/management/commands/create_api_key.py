"""`manage.py create_api_key --user EMAIL --name N`: a key for a program, printed once."""

import re
import uuid
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import api_keys
from accounts.entrance import SCOPES, Limits
from accounts.models import ApiKey, User, Workspace


class Command(BaseCommand):
    help = "Make an API key for a program, and print it. It is shown this once: only its fingerprint is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="EMAIL", help="On whose behalf the program acts.")
        parser.add_argument("--name", required=True, help="What the key is for.")
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="The first that they joined, unless given.")
        parser.add_argument(
            "--scopes", nargs="+", metavar="SCOPE", default=list(api_keys.DEFAULT_SCOPES), help=f"{', '.join(SCOPES)}."
        )
        parser.add_argument("--expires", metavar="WHEN", help="A date (2027-01-31), or days from now (90d). Never, unless given.")
        parser.add_argument(
            "--models", nargs="+", metavar="MODEL", default=[], help="Paths, short names, or openai/*. Any, unless given."
        )
        parser.add_argument("--requests-per-minute", type=int, metavar="N", help="RATE_LIMIT_PER_MIN, unless given.")
        parser.add_argument("--tokens-per-minute", type=int, metavar="N", help="Any number, unless given.")
        parser.add_argument("--concurrent-calls", type=int, metavar="N", help="Any number, unless given.")
        parser.add_argument("--payloads", choices=ApiKey.Payloads.values, help="Keep no more of each call than this.")

    def handle(self, *_: Any, **options: Any) -> None:
        now = timezone.now()
        user = User.objects.filter(email=options["user"].strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        try:
            key, token = api_keys.issue(
                user,
                _workspace_of(user, options["workspace"]),
                name=options["name"],
                now=now,
                scopes=[scope for words in options["scopes"] for scope in re.split(r"[,\s]+", words) if scope],
                payloads=options["payloads"],
                models=[model for words in options["models"] for model in words.split(",")],
                limits=Limits(options["requests_per_minute"], options["tokens_per_minute"], options["concurrent_calls"]),
                expires_at=_moment(options["expires"], now) if options["expires"] else None,
            )
        except api_keys.InvalidKey as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"{key} for {key.user.email} in {key.workspace}: {', '.join(key.scopes)}.")
        self.stdout.write(token)


def _workspace_of(user: User, workspace_id: uuid.UUID | None) -> Workspace:
    if workspace_id is not None:
        chosen = Workspace.objects.filter(id=workspace_id).first()
        if chosen is None:
            raise CommandError(f"There is no workspace {workspace_id}.")
        return chosen
    membership = user.memberships.select_related("workspace").order_by("created_at", "pk").first()
    if membership is None:
        raise CommandError(f"{user.email} is in no workspace.")
    return membership.workspace


def _moment(text: str, now: datetime) -> datetime:
    if days := re.fullmatch(r"(\d{1,4})d", text):
        return now + timedelta(days=int(days[1]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is neither a date (2027-01-31) nor a number of days (90d).") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
