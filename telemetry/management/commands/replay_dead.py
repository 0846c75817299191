"""`manage.py replay_dead`: try again what could not be digested, and what the spool put aside."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from telemetry import dead_letters, spool
from telemetry.models import DeadLetter


class Command(BaseCommand):
    help = "Puts dead letters and what was put aside in the spool back into the inbox."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write(f"{DeadLetter.objects.count()} dead letters, {spool.state().aside} put aside in the spool.")
            return
        retried, aside = dead_letters.retry_all(), spool.retry_aside()
        self.stdout.write(
            f"{retried + aside.stored} events wait in the inbox again; {aside.unreadable} of the spool still can't be read."
        )
