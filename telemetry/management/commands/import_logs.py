"""`manage.py import_logs FILE`: calls from the JSON lines that `export_logs` wrote."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from accounts.models import Workspace
from telemetry.imports import Importer, lines_of

REFUSALS_SHOWN = 100


class Command(BaseCommand):
    help = (
        "Reads JSON lines as `export_logs` writes them. Calls keep their times and costs, are redacted again, and are stored "
        "once however often they are imported, so an import that was interrupted is just begun again (or with --from-line)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a file of JSON lines, or - for standard input")
        parser.add_argument("--workspace", type=UUID, metavar="ID", help="where the calls go, instead of where they were")
        parser.add_argument("--from-line", type=int, default=1, metavar="N")
        parser.add_argument("--dry-run", action="store_true", help="check the file, and say what would be stored")

    def handle(self, **options: Any) -> None:
        workspace = options["workspace"]
        if workspace and not Workspace.objects.filter(id=workspace).exists():
            raise CommandError(f"There is no workspace {workspace}.")
        self.importer = Importer(now=timezone.now(), workspace_id=workspace, is_dry=options["dry_run"])
        if options["file"] == "-":
            self._take(sys.stdin.buffer, options["from_line"], size=None)
        else:
            path = Path(options["file"])
            try:
                with path.open("rb") as file:
                    self._take(file, options["from_line"], size=path.stat().st_size)
            except OSError as error:
                raise CommandError(f"{path} can't be read: {error.strerror}.") from None
        self._tell(options["dry_run"])

    def _take(self, file: Any, start: int, *, size: int | None) -> None:
        shown = 0
        with tqdm(total=size, unit="B", unit_scale=True, disable=None, file=sys.stderr) as bar:

            def read(limit: int) -> bytes:
                text: bytes = file.readline(limit)
                bar.update(len(text))
                return text

            for done in self.importer.take(lines_of(read, start)):
                for refusal in done.refusals[: max(0, REFUSALS_SHOWN - shown)]:
                    self.stderr.write(refusal)
                shown += len(done.refusals)
        if shown > REFUSALS_SHOWN:
            self.stderr.write(f"and {shown - REFUSALS_SHOWN} more")

    def _tell(self, is_dry: bool) -> None:
        total = self.importer.total
        verb = "would be stored" if is_dry else "stored"
        self.stdout.write(f"{total.stored} calls {verb}, {total.known} known already, {total.refused} refused.")
        if total.refused:
            raise CommandError(f"{total.refused} of {total.last_line} lines were refused.", returncode=1)
