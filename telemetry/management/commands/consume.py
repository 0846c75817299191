"""`manage.py consume NAME`: work over the log as it is written, from where the last run of that name ended."""

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import IO, Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from tqdm import tqdm

from telemetry import feed
from telemetry.consumers import CONSUMERS

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Hands the log's changes to a consumer, at least once each, in the order in which they were committed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("consumer", choices=sorted(CONSUMERS), help="export: a line of JSON for each call that has ended")
        parser.add_argument("--name", help="the cursor's name, where one consumer runs more than once (default: the consumer)")
        parser.add_argument("--output", type=Path, help="a file to append to, instead of standard output")
        parser.add_argument("--content", action="store_true", help="with the redacted words of each call")
        parser.add_argument("--follow", action="store_true", help="go on until SIGTERM or Ctrl-C")
        parser.add_argument("--interval", type=float, default=1.0, help="seconds between two looks at an empty feed")
        parser.add_argument("--from-start", action="store_true", help="a new name begins with all that the feed still has")
        parser.add_argument("--forget", action="store_true", help="give the name up: the feed keeps nothing more for it")
        parser.add_argument("--dry-run", action="store_true", help="say how much there is to do, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"] or options["consumer"]
        if options["dry_run"] or options["forget"]:
            self._report(name, forget=options["forget"] and not options["dry_run"])
            return
        with ExitStack() as stack:
            consumer = CONSUMERS[options["consumer"]](_output(options["output"], stack), with_content=options["content"])
            try:
                feed.join(name, from_start=options["from_start"])
                self._consume(name, consumer.take, follow=options["follow"], interval=options["interval"])
            except feed.BusyError as error:
                raise CommandError(str(error)) from error
            except BrokenPipeError:
                os.dup2(
                    os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
                )  # the reader went away, and what it missed comes again

    def _consume(self, name: str, take: Any, *, follow: bool, interval: float) -> None:
        stop = threading.Event()

        def end(_signal: int, _frame: FrameType | None) -> None:
            stop.set()

        if follow:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, end)
        with tqdm(desc=name, unit=" changes", disable=None, file=sys.stderr) as bar:
            while not stop.is_set():
                try:
                    count = feed.consume(name, take)
                except (OperationalError, InterfaceError) as error:
                    if not follow:
                        raise
                    log.warning("the feed could not be read", error=type(error).__name__)
                    connection.close()
                    count = 0
                bar.update(count)
                if not count:
                    if not follow:
                        return
                    stop.wait(interval)

    def _report(self, name: str, *, forget: bool) -> None:
        known = {lag.name: lag for lag in feed.lags()}
        if name not in known:
            raise CommandError(f"No consumer is called {name}.")
        if forget:
            feed.leave(name)
            self.stdout.write(f"{name} is forgotten.")
        else:
            self.stdout.write(f"{name}: {known[name].waiting} changes to come.")


def _output(path: Path | None, stack: ExitStack) -> IO[bytes]:
    if path is None:
        return sys.stdout.buffer
    try:
        return stack.enter_context(path.open("ab"))
    except OSError as error:
        raise CommandError(f"{path} can't be written ({error.strerror}).") from error
