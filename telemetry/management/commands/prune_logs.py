"""`manage.py prune_logs`: drop old days of the log now, whatever the policy says."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from telemetry import retention


def days(text: str) -> int:
    """`30` or `30d`."""
    try:
        count = int(text.removesuffix("d"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number of days, as in 30 or 30d") from None
    if count < 1:
        raise ArgumentTypeError("today's calls are not pruned: at least 1 day is kept")
    return count


class Command(BaseCommand):
    help = (
        "Drop the calls of days that are older, with what was said, their steps and their keys. Their sums stay. "
        "A day that is in use is left, and the next run takes it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=days, required=True, metavar="DAYS", help="as in 30 or 30d")
        parser.add_argument("--dry-run", action="store_true", help="say what would be dropped, and change nothing")

    def handle(self, *args: Any, older_than: int, dry_run: bool, **options: Any) -> None:
        now = datetime.now(UTC)
        outcome = retention.prune(now.date() - timedelta(days=older_than), now, is_dry=dry_run)
        for day in outcome.dropped_days:
            self.stdout.write(f"{day}  {'would be dropped' if dry_run else 'dropped'}")
        self.stdout.write(f"{len(outcome.dropped_days)} days")
        if outcome.problems:
            raise CommandError("; ".join(outcome.problems))
