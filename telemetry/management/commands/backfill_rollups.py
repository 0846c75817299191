"""`manage.py backfill_rollups`: rebuild the sums of days from their calls, for example after an import."""

import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from telemetry import rollup_backfill


class Command(BaseCommand):
    help = (
        "Rebuild the sums of calls day by day from the calls themselves. Each day is one transaction: stop it whenever you like, "
        "and go on with --since the last day it named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=date.fromisoformat, help="first day (UTC), as in 2026-11-01; the oldest by default")
        parser.add_argument("--until", type=date.fromisoformat, help="last day (UTC); today by default")
        parser.add_argument("--dry-run", action="store_true", help="say what would be rebuilt, and change nothing")

    def handle(self, *args: Any, since: date | None, until: date | None, dry_run: bool, **options: Any) -> None:
        now = datetime.now(UTC)
        last = until or now.date()
        if since and since > last:
            raise CommandError(f"--since {since} is after --until {last}.")
        days = rollup_backfill.days(since or date.min, last + timedelta(days=1))
        call_count = 0
        for day in tqdm(days, unit="day", disable=None, file=sys.stderr):
            done = rollup_backfill.rebuild_day(day, now, is_dry=dry_run)
            call_count += done.call_count
            self.stdout.write(f"{done.day}  {done.call_count:>10,} calls  {done.outcome}")
        self.stdout.write(f"{len(days)} days, {call_count:,} calls")
