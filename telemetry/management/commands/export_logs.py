"""`manage.py export_logs`: the log's calls as JSON lines, CSV or Parquet."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from telemetry import exports, raw_payloads
from telemetry.management.filtering import add_filters, filters_of
from telemetry.queries import estimated_row_count
from telemetry.queries.pages import Cursor

MARK_EVERY = 500  # calls
FORMATS: dict[str, exports.Format] = {".csv": "csv", ".parquet": "parquet"}


class Place(NamedTuple):
    """How far an unfinished file is good, and the call it ends with."""

    size: int
    cursor: Cursor


class Command(BaseCommand):
    help = (
        "Writes recorded calls, oldest first, to standard output or to a file, which appears once it is whole. "
        "Interrupted, it goes on with --resume. At the end it names the last call: --after it brings what came since."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["jsonl", "csv", "parquet"], help="(default: by the file's name, else jsonl)")
        parser.add_argument("--output", type=Path, metavar="FILE")
        parser.add_argument("--with-content", action="store_true", help="with what was said: messages, reply, tools, …")
        parser.add_argument("--after", metavar="CURSOR", help="calls after the one that an earlier export ended with")
        parser.add_argument("--resume", action="store_true", help="go on with the file that was interrupted")
        add_filters(parser)

    def handle(self, **options: Any) -> None:
        self.options = options
        self.count, self.cursor = 0, _cursor(options["after"])
        try:
            if options["output"]:
                self._write_file(options["output"])
            else:
                self._write_stream()
        except exports.ExportError as error:
            raise CommandError(str(error)) from None
        except raw_payloads.StoreError as error:
            raise CommandError(f"Originals can't be had now: {error} A file goes on with --resume.") from None
        except OSError as error:
            raise CommandError(f"The export can't be written: {error.strerror or error}.") from None
        self.stderr.write(f"{self.count} calls" + (f"; the last one: {self.cursor}" if self.cursor else ""))

    def _write_stream(self) -> None:
        if self._format() == "parquet":
            raise exports.ExportError("Parquet is written to a file: give --output.")
        if self.options["resume"]:
            raise exports.ExportError("Only a file can be resumed: give --output, or --after.")
        self._write(_Text(self.stdout))

    def _write_file(self, path: Path) -> None:
        unfinished, mark = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part-at")
        place = _marked(mark) if self.options["resume"] else None
        if self.options["resume"] and place is None:
            raise exports.ExportError(f"There is no unfinished export to {path}.")
        with _opened(unfinished, place) as file:
            if place:
                self.cursor = place.cursor
            self._write(file, file_mark=partial(_mark, mark, file), is_continued=bool(place and place.size))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        mark.unlink(missing_ok=True)

    def _write(
        self, file: exports.Sink, *, file_mark: Callable[[Cursor], None] | None = None, is_continued: bool = False
    ) -> None:
        with_content = self.options["with_content"]
        filters = filters_of(self.options)
        writer = exports.writer(self._format(), file, with_content=with_content, is_continued=is_continued)
        records = exports.records(filters, now=timezone.now(), after=self.cursor, with_content=with_content)
        total = estimated_row_count() if filters.is_plain and filters.workspace_id == exports.NOWHERE else None
        with tqdm(total=total, unit=" calls", disable=None, file=sys.stderr) as bar:
            for number, exported in enumerate(records, start=1):
                writer.write(exported.record)
                self.count, self.cursor = number, exported.cursor
                bar.update()
                if file_mark and number % MARK_EVERY == 0:
                    file_mark(exported.cursor)
        writer.close()

    def _format(self) -> exports.Format:
        suffix = self.options["output"].suffix if self.options["output"] else ""
        chosen: exports.Format | None = self.options["format"]
        return chosen or FORMATS.get(suffix, "jsonl")


class _Text:
    """A command's standard output as a binary file."""

    def __init__(self, output: Any) -> None:
        self._output = output

    def write(self, data: bytes) -> None:
        self._output.write(data.decode(), ending="")


def _cursor(text: str | None) -> Cursor | None:
    try:
        return Cursor.read(text) if text else None
    except ValueError:
        raise CommandError(f"--after is not the cursor of a call: {text}") from None


@contextmanager
def _opened(path: Path, place: Place | None) -> Iterator[IO[bytes]]:
    """The unfinished file: new, for this user alone, or cut to what is good of it."""
    path.touch(mode=0o600)
    with path.open("r+b") as file:
        file.truncate(place.size if place else 0)
        file.seek(0, os.SEEK_END)
        yield file


def _mark(mark: Path, file: IO[bytes], cursor: Cursor) -> None:
    file.flush()
    new = mark.with_name(f"{mark.name}.new")
    new.write_text(f"{file.tell()} {cursor}")
    new.replace(mark)


def _marked(mark: Path) -> Place | None:
    try:
        size, _, cursor = mark.read_text().partition(" ")
        return Place(int(size), Cursor.read(cursor))
    except (FileNotFoundError, ValueError):
        return None
