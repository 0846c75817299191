"""`manage.py drain`: digest the inbox without Celery, once or for as long as it is left running."""

import signal
import threading
from argparse import ArgumentParser
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from uuid_utils.compat import uuid7

from telemetry import digest, processes, rollups, spool, tallies

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Moves what waits in the inbox into the log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until SIGTERM or Ctrl-C")
        parser.add_argument("--interval", type=float, default=1.0, help="seconds between two looks at an empty inbox")
        parser.add_argument("--batch", type=int, default=digest.BATCH, help="events in one transaction")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["loop"]:
            spool.replay()
            done = digest.drain(options["batch"], seconds=float("inf"))
            self.stdout.write(f"{done.stored} events stored, {done.duplicate} duplicate, {done.failed} failed, {done.dead} dead.")
            return
        stop = threading.Event()

        def end(_signal: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        self._loop(stop, batch=options["batch"], interval=options["interval"])

    def _loop(self, stop: threading.Event, *, batch: int, interval: float) -> None:
        process_id = uuid7()
        digest.spare_memory()
        while not stop.is_set():
            try:
                with processes.beating(process_id, kind="drain"):
                    spool.replay()
                    digest.drain(batch, seconds=5.0, stop=stop.is_set)
                    tallies.fold()
                    rollups.build(datetime.now(UTC), seconds=5.0)
            except (OperationalError, InterfaceError) as error:
                # The database is away or restarting: what was taken is there still.
                log.warning("the inbox could not be drained", error=type(error).__name__)
                connection.close()
            stop.wait(interval)
