"""Redacts what is stored by the engine and the rules of today: after a release that finds more, or with a new rule."""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from accounts.models import Workspace
from chat import reredaction as messages
from telemetry import policies
from telemetry import reredaction as calls
from telemetry.queries import estimated_row_count
from telemetry.reredaction import Done, Period


def moment(text: str) -> datetime:
    """A date or a time, UTC unless it says otherwise."""
    try:
        day, at = parse_date(text), parse_datetime(text)
    except ValueError:
        day = at = None
    if at is None and day is not None:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if at is None:
        raise argparse.ArgumentTypeError(f"{text} is no date: write 2026-11-21 or 2026-11-21T12:00:00Z")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Command(BaseCommand):
    """What a rule would keep today is not brought back: what was removed is gone."""

    help = (
        "Redact stored calls, steps, messages and titles by the current engine and the workspace's rules, where others did it. "
        "With --dry-run it counts by kind and changes nothing. Interrupted, it goes on where it stopped when it is called again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", type=UUID, metavar="ID", help="only this one")
        parser.add_argument("--since", type=moment, metavar="WHEN", help="received or written from this date or time on")
        parser.add_argument("--until", type=moment, metavar="WHEN", help="and before this one")
        parser.add_argument("--dry-run", action="store_true", help="count by kind what would be removed, and change nothing")

    def handle(self, **options: Any) -> None:
        period, is_dry = Period(options["since"], options["until"]), options["dry_run"]
        wanted = [options["workspace"]] if options["workspace"] else _workspaces()
        done = Done()
        with tqdm(total=estimated_row_count(), unit=" rows", desc="redacted", disable=None, file=sys.stderr) as bar:
            for workspace_id in wanted:
                rules = policies.rules_of(workspace_id)
                if isinstance(rules.redactor, policies.Closed):
                    raise CommandError(
                        f"The rules of the workspace {workspace_id} can't be followed; its texts are left as they are."
                    )
                for part in (calls, messages):
                    done += part.backfill(workspace_id, rules, period, is_dry=is_dry, report=bar.update)
        self._tell(done, is_dry=is_dry)

    def _tell(self, done: Done, *, is_dry: bool) -> None:
        verb = "would change" if is_dry else "changed"
        self.stdout.write(f"{done.seen_count} rows redacted by other rules, {done.changed_count} {verb}.")
        for kind, count in sorted(done.kinds.items()):
            self.stdout.write(f"{kind} {count}")
        if done.left_count:
            self.stdout.write(f"{done.left_count} rows were changed by others meanwhile: run this again.")


def _workspaces() -> list[UUID]:
    """Those that exist, and those that only the log still knows."""
    return sorted({*Workspace.objects.values_list("id", flat=True), *calls.workspaces()})
