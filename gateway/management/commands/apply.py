"""`manage.py apply config.yaml`: make workspaces, people, models, keys, budgets, webhooks and prices as a file says."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from gateway import applying, configuration


class Command(BaseCommand):
    help = "Change whatever differs from the file, all of it or nothing, and say what. Applied again, it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="YAML; docs/automation.md says what it may hold")
        parser.add_argument("--dry-run", action="store_true", help="say what would be changed, and change nothing")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="delete the models' entries, short names, budgets and webhooks that a section of the file does not name",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        try:
            wanted = configuration.read(options["file"])
            outcome = applying.apply(wanted, now=timezone.now(), is_dry=is_dry, prunes=options["prune"])
        except (configuration.Unreadable, applying.NotApplicable) as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        for line in outcome.lines:
            self.stdout.write(line)
        count = len(outcome.lines)
        if not count:
            self.stdout.write("All is so already.")
        else:
            what = f"{count} change{'' if count == 1 else 's'}"
            self.stdout.write(f"{what} would be made." if is_dry else f"{what} made.")
        for name, secret in outcome.secrets:
            self.stdout.write(f"{name}, shown this once: {secret}")
