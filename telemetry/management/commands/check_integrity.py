"""`manage.py check_integrity`: is every event accounted for?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from telemetry import integrity


class Command(BaseCommand):
    help = "Checks that every event that was received is stored, a duplicate, rejected, dead or pending."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deep", action="store_true", help="read every log row too: keys, payloads, merged events")

    def handle(self, *args: Any, **options: Any) -> None:
        is_sound = True
        for check in integrity.checks(deep=options["deep"]):
            is_sound = is_sound and check.is_kept
            self.stdout.write(f"{'ok  ' if check.is_kept else 'FAIL'} {check.name}: {check.figures}")
        if not is_sound:
            raise CommandError("The records are not as they must be.")
