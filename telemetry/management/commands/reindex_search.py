"""`manage.py reindex_search`: index the words of calls that are in the log already."""

import sys
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from telemetry import partitions, reindexing


class Command(BaseCommand):
    help = (
        "Indexes the words of calls that lack it, or with --all of every call. Each batch is one transaction: stop it whenever "
        "you like. Without --all it goes on with what is still lacking; with it, give --until the last day it named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=date.fromisoformat, help="first day (UTC), as in 2026-11-01; the oldest by default")
        parser.add_argument("--until", type=date.fromisoformat, help="last day (UTC); the newest by default")
        parser.add_argument("--all", action="store_true", help="index again what is indexed")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, since: date | None, until: date | None, dry_run: bool, **options: Any) -> None:
        days = [
            day
            for day in sorted(partitions.attached_days(partitions.LOG), reverse=True)
            if (since or date.min) <= day <= (until or date.max)
        ]
        total = 0
        with tqdm(unit="call", unit_scale=True, disable=None, file=sys.stderr) as bar:
            for day in days:
                if dry_run:
                    done = reindexing.count(day, is_all=options["all"])
                else:
                    done = sum(bar.update(batch) or batch for batch in reindexing.reindex(day, is_all=options["all"]))
                total += done
                if done:
                    self.stdout.write(f"{day}  {done:>10,} calls")
        self.stdout.write(f"{total:,} calls would be indexed." if dry_run else f"{total:,} calls indexed.")
