"""Check that nobody changed, deleted or inserted an entry of the audit log.

The digest it prints may be kept elsewhere; given back later with --expect, a log that was rewritten as a whole, or cut at its
end, is noticed too.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit


class Command(BaseCommand):
    help = "Check the chain of the audit log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--expect", action="append", default=[], metavar="ID:DIGEST", help="An entry's digest as it was printed before."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        outcome = audit.verify(expected=dict(_pin(text) for text in options["expect"]))
        if outcome.fault:
            raise CommandError(
                f"Entry {outcome.fault.entry_id} {outcome.fault.problem}. The {outcome.entry_count} before it are as written."
            )
        self.stdout.write(f"{outcome.entry_count} entries, all as they were written.")
        if outcome.entry_count:
            self.stdout.write(f"The last one: {outcome.head_id}:{outcome.head}")


def _pin(text: str) -> tuple[int, str]:
    entry_id, _, digest = text.partition(":")
    if not entry_id.isdigit() or len(digest) != 64:
        raise CommandError(f"{text} is not of the form ID:DIGEST.")
    return int(entry_id), digest.lower()
