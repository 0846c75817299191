"""`manage.py ensure_partitions`: the log's days, made ahead. Safe after each migration and at any time."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from telemetry import partitions


class Command(BaseCommand):
    help = "Makes the log's partitions for today and the days ahead."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=partitions.DAYS_AHEAD, help="how many days ahead")

    def handle(self, *args: Any, **options: Any) -> None:
        made = partitions.ensure(datetime.now(UTC).date(), options["days"])
        if options["verbosity"] > 0:
            self.stdout.write(f"{len(made)} days made.")
