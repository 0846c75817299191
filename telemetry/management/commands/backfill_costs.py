"""Works the costs of recorded calls out anew, by the prices that are known now."""

import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from telemetry import prices, repricing
from telemetry.management.filtering import moment
from telemetry.models import Repricing
from telemetry.queries import estimated_row_count

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Command(BaseCommand):
    """Previews, then changes; a former cost is kept as a version of the call's cost."""

    help = (
        "Work out the costs of recorded calls anew. Prints what changes; with --dry-run nothing does. "
        "Interrupted, it goes on where it stopped when it is called with --resume."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, default=LONG_AGO, help="calls received from this time on")
        parser.add_argument("--until", type=moment, help="and before this one (default: now)")
        parser.add_argument("--workspace", type=UUID)
        parser.add_argument("--provider")
        parser.add_argument("--model", help="asked for or served")
        parser.add_argument("--only-unknown", action="store_true", help="only calls whose cost is not known")
        parser.add_argument("--resume", type=UUID, metavar="ID", help="go on with this repricing")
        parser.add_argument("--dry-run", action="store_true", help="preview only; the change can be ordered later with --resume")

    def handle(self, **options: Any) -> None:
        now = datetime.now(UTC)
        prices.load(now)
        job = self._job(options)
        self.stderr.write(f"Repricing {job.id}")
        if job.state == Repricing.State.WAITING:
            self._run(job, repricing.preview, "previewed", now)
        self._tell(job, "would change")
        if options["dry_run"]:
            return
        repricing.order(job.id)
        try:
            self._run(job, repricing.apply, "repriced", now)
        except repricing.PricesChanged as error:
            raise CommandError(f"{error} (--resume {job.id})") from None
        self._tell(job, "changed")

    def _job(self, options: dict[str, Any]) -> Repricing:
        if options["resume"]:
            job = Repricing.objects.filter(id=options["resume"]).first()
            if job is None:
                raise CommandError(f"There is no repricing {options['resume']}.")
            if job.state == Repricing.State.DONE:
                raise CommandError(f"The repricing {job.id} is done.")
            return job
        asked = {name: options[name] for name in ("since", "until", "provider", "model", "only_unknown")}
        return Repricing.objects.create(workspace_id=options["workspace"], **asked)

    def _run(self, job: Repricing, step: Any, done: str, now: datetime) -> None:
        with tqdm(total=estimated_row_count(), unit=" calls", desc=done, disable=None, file=sys.stderr) as bar:
            step(job.id, now=now, report=bar.update)
        job.refresh_from_db()

    def _tell(self, job: Repricing, verb: str) -> None:
        self.stdout.write(
            f"{job.seen_count} calls seen, {job.changed_count} {verb}: "
            f"US$ {job.before_usd:.6f} before, US$ {job.after_usd:.6f} after; "
            f"{job.newly_known_count} newly known, {job.newly_unknown_count} no longer known."
        )
