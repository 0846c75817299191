"""`manage.py backup`: the database and the installation's keys in one file."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from ollive import backups
from telemetry import spool


class Command(BaseCommand):
    help = (
        "Writes one file with the whole database and the installation's keys, while Ollive runs. "
        "Whoever has the file can read everything in it: keep it as you keep a password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, metavar="FILE", help="(default: ollive-<date>-<time>.zip here)")

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        path: Path = options["output"] or Path(f"ollive-{now:%Y%m%d-%H%M%S}.zip")
        try:
            with tqdm(unit="B", unit_scale=True, disable=None, file=sys.stderr) as bar:
                manifest = backups.make(path, now=now, report=bar.update)
        except backups.BackupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{path} ({path.stat().st_size:,} bytes) holds {manifest.summary}.")
        self.stdout.write("It contains secrets: whoever has it can read every conversation and every stored provider key.")
        if waiting := spool.state().events:
            self.stdout.write(
                f"{waiting} events wait in this machine's spool and are not in it: they reach the database by themselves."
            )
        if settings.OLLIVE_RAW_PAYLOADS:
            self.stdout.write("Large raw payloads lie in a store of their own (OLLIVE_RAW_PAYLOADS) and are not in it.")
