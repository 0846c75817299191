"""`manage.py restore FILE`: what `backup` wrote, into an empty Ollive."""

import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from ollive import backups, file_backups


class Command(BaseCommand):
    help = (
        "Puts a backup into the place of the database and of the installation's keys. Where there is something to lose it "
        "refuses, unless it is forced. The database changes in one transaction; restart Ollive afterwards."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--force", action="store_true", help="replace what is there")
        parser.add_argument("--dry-run", action="store_true", help="say what the file holds, and whether it could be restored")

    def handle(self, **options: Any) -> None:
        path: Path = options["file"]
        try:
            manifest = backups.read_manifest(path)
            self.stdout.write(f"{path} of {manifest.made_at:%Y-%m-%d %H:%M} UTC holds {manifest.summary}. It contains secrets.")
            backups.check_keys(path)
            if not options["force"]:
                backups.check_empty()
            if options["dry_run"]:
                return
            with tqdm(total=path.stat().st_size, unit="B", unit_scale=True, disable=None, file=sys.stderr) as bar:
                backups.restore_database(path, manifest, report=bar.update)
            call_command("migrate", interactive=False, verbosity=0)
            file_backups.restore(path)
            before = backups.restore_keys(path, now=timezone.now())
        except backups.BackupError as error:
            raise CommandError(str(error)) from None
        if before:
            self.stdout.write(f"The keys that were here before lie in {before}.")
        self.stdout.write("Restored. Restart Ollive now: its processes still hold the keys from before.")
