"""`manage.py backfill_embeddings`: make calls that are in the log already findable by meaning."""

import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from telemetry import embeddings, meanings


class Command(BaseCommand):
    help = "Embeds the calls that lack it, newest first. Stop it whenever you like: it goes on with what is still lacking."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=date.fromisoformat, help="first day (UTC), as in 2026-11-01; the oldest by default")
        parser.add_argument("--until", type=date.fromisoformat, help="last day (UTC); today by default")
        parser.add_argument("--limit", type=int, help="calls at most; a call takes about 7 ms")
        parser.add_argument("--dry-run", action="store_true", help="only count what lacks it")

    def handle(
        self, *args: Any, since: date | None, until: date | None, limit: int | None, dry_run: bool, **options: Any
    ) -> None:
        if not embeddings.is_installed():
            raise CommandError(embeddings.MISSING)
        if not meanings.exists():
            raise CommandError("This database has no table for meanings: it needs pgvector 0.7 or newer.")
        last = until or datetime.now(UTC).date()
        start = datetime.combine(since or date.min, time(), UTC)
        before = (datetime.combine(last + timedelta(days=1), time(), UTC), meanings.LAST)
        lacking_count = meanings.count_lacking(start, before[0])
        if dry_run:
            self.stdout.write(f"{lacking_count} calls lack it.")
            return
        done, goal = 0, min(lacking_count, limit or lacking_count)
        with tqdm(total=goal, unit="call", disable=None, file=sys.stderr) as bar:
            while done < goal and (keys := meanings.lacking(start, before=before, limit=min(meanings.BATCH, goal - done))):
                done += meanings.embed_calls(keys)
                before = keys[-1][1:]
                bar.update(len(keys))
        self.stdout.write(f"{done} calls embedded.")
