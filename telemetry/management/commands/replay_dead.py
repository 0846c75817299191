"""`manage.py replay_dead`: try again what could not be digested, and what the spool put aside."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from telemetry import dead_letters, spool
from telemetry.management.filtering import moment

FILTERS = ("workspace", "since", "until", "error")


class Command(BaseCommand):
    help = (
        "Puts dead letters back into the inbox, their attempts forgotten; and what was put aside in the spool, unless only some "
        "of the letters are asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", type=UUID, metavar="ID")
        parser.add_argument("--since", type=moment, metavar="WHEN", help="put aside from this date or time on")
        parser.add_argument("--until", type=moment, metavar="WHEN", help="and before this one")
        parser.add_argument("--error", default="", metavar="WORDS", help="whose error has these words")
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        letters = dead_letters.chosen(
            workspace_id=options["workspace"], since=options["since"], until=options["until"], error=options["error"]
        )
        is_all = not any(options[name] for name in FILTERS)
        if options["dry_run"]:
            more = f", {spool.state().aside} put aside in the spool" if is_all else ""
            self.stdout.write(f"{letters.count()} dead letters{more}.")
            return
        retried, unread = dead_letters.retry_all(letters), ""
        if is_all:
            aside = spool.retry_aside()
            retried, unread = retried + aside.stored, f"; {aside.unreadable} of the spool still can't be read"
        self.stdout.write(f"{retried} events wait in the inbox again{unread}.")
