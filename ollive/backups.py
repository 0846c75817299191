"""A backup is one zip file: PostgreSQL's own dump, the files of people, the installation's keys, and a manifest.

Whoever has the file has everything, the secrets too. A restore is one transaction: it happens whole or not at all.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from ollive import file_backups
from ollive.up import postgres
from ollive.up.failures import StartError

FORMAT = 2  # 1 had no files
MANIFEST, DUMP = "manifest.json", "database.dump"
KEYS = ("SECRET_KEY", "OLLIVE_ENCRYPTION_KEYS")
CHUNK = 1024 * 1024
LOCK_SECONDS = 30
PARAMETERS = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}
OPTIONS = {name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}

# What a restore would replace. An Ollive that was just started has its owner and nothing else.
HOLDS = {
    "conversations": "SELECT count(*) FROM (SELECT FROM chat_conversation LIMIT 1000) AS held",
    "calls": "SELECT count(*) FROM (SELECT FROM inference_log LIMIT 1000) AS held",
    "waiting events": "SELECT count(*) FROM (SELECT FROM telemetry_inbox LIMIT 1000) AS held",
    "people": "SELECT count(*) FROM accounts_user",
}
ALONE = {"people": 1}

BEGIN = f"""\\set ON_ERROR_STOP on
BEGIN;
SET LOCAL lock_timeout = '{LOCK_SECONDS}s';
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class BackupError(Exception):
    """No backup was made, or nothing was restored; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    made_at: datetime
    postgres: int  # major version
    migrations: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def summary(self) -> str:
        held = ", ".join(f"{_many(count)} {name}" for name, count in self.counts.items())
        return f"the database of PostgreSQL {self.postgres} ({held}), the files in chats and the installation's keys"


def make(path: Path, *, now: datetime, report: Callable[[int], object] = bool) -> Manifest:
    """Write a backup to the path, which this user alone may read; it appears once it is whole. Raises BackupError."""
    manifest = Manifest(now, _server_version(), sorted(_applied()), holds())
    command = [_program("pg_dump", manifest.postgres), "--format=custom", "--compress=gzip:6", "--no-owner", "--no-privileges"]
    with _unfinished(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        for name in KEYS:
            archive.writestr(f"secrets/{name.lower()}", getattr(settings, name))
        with archive.open(DUMP, "w", force_zip64=True) as member, _running(command) as (dump, said):
            assert dump.stdout is not None
            while chunk := dump.stdout.read(CHUNK):
                member.write(chunk)
                report(len(chunk))
            _expect_success(dump, said, "pg_dump")
        file_backups.add(archive)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What the file holds. Raises BackupError where it is no backup, or of a newer Ollive."""
    try:
        with zipfile.ZipFile(path) as archive:
            told = orjson.loads(archive.read(MANIFEST))
            manifest = Manifest(**told | {"made_at": datetime.fromisoformat(told["made_at"])})
            damaged = archive.testzip()
    except OSError as error:
        raise BackupError(f"{path} can't be read: {error.strerror}.") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{path} is no whole backup of Ollive ({error}).") from None
    if damaged:
        raise BackupError(f"{path} is damaged: {damaged} can't be read.")
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or {}}
    if manifest.format > FORMAT or (unknown := set(manifest.migrations) - known):
        newer = f" (it knows {min(unknown)})" if manifest.format <= FORMAT else ""
        raise BackupError(f"{path} was made by a newer Ollive{newer}: update this one first.")
    return manifest


def holds() -> dict[str, int]:
    """What is in the database, counted up to 1,000; nothing in one without tables."""
    counts = {}
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        if not {"chat_conversation", "inference_log", "telemetry_inbox", "accounts_user"} <= tables:
            return {}
        for name, query in HOLDS.items():
            cursor.execute(query)
            counts[name] = int(cursor.fetchone()[0])
    return counts


def check_empty() -> None:
    """Raises BackupError where a restore would replace something."""
    there = {name: count for name, count in holds().items() if count > ALONE.get(name, 0)}
    if there:
        held = ", ".join(f"{_many(count)} {name}" for name, count in there.items())
        raise BackupError(f"The database is not empty ({held}). --force replaces all of it.")


def check_keys(path: Path) -> None:
    """Raises BackupError where the environment gives other keys than the backup's: what it encrypted could not be read."""
    for name, key in keys_of(path).items():
        if os.environ.get(name, key) != key:
            raise BackupError(
                f"{name} in the environment is another than the backup's: take it out, or set it to what {path} has "
                f"in secrets/{name.lower()}."
            )


def keys_of(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(f"secrets/{name.lower()}").decode() for name in KEYS}


def restore_database(path: Path, manifest: Manifest, *, report: Callable[[int], object] = bool) -> None:
    """Put the backup's tables into the place of all that is there, in one transaction. Raises BackupError."""
    version = max(_server_version(), manifest.postgres)
    connection.close()
    script = [_program("pg_restore", version), "--no-owner", "--no-privileges", "--file=-"]
    psql = [_program("psql", version), "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
    with zipfile.ZipFile(path) as archive, archive.open(DUMP) as dump, _running(script) as (reader, reader_said):
        feeding = threading.Thread(target=_feed, args=[dump, reader.stdin, report], daemon=True)
        feeding.start()
        with _running(psql) as (writer, writer_said):
            assert writer.stdin is not None
            assert reader.stdout is not None
            try:
                writer.stdin.write(BEGIN.encode())
                shutil.copyfileobj(reader.stdout, writer.stdin, CHUNK)
                feeding.join()
                _expect_success(reader, reader_said, "pg_restore")  # else psql ends without COMMIT, and nothing has happened
                writer.stdin.write(b"COMMIT;\n")
                writer.stdin.close()
            except BrokenPipeError:
                pass  # psql has stopped at an error, which it tells
            _expect_success(writer, writer_said, "psql")


def restore_keys(path: Path, *, now: datetime) -> Path | None:
    """Put the backup's keys into the data folder; where those lie now that were there before."""
    folder = Path(settings.OLLIVE_DATA_DIR) / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before: Path | None = None
    for name, key in keys_of(path).items():
        place = folder / name.lower()
        if place.exists() and place.read_text().strip() != key:
            before = folder / f"before-{now:%Y%m%d-%H%M%S}"
            before.mkdir(mode=0o700, exist_ok=True)
            place.rename(before / place.name)
        with _unfinished(place) as file:
            file.write(key.encode())
    return before


def _applied() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app || '.' || name FROM django_migrations")
        yield from (name for (name,) in cursor.fetchall())


def _server_version() -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            return int(cursor.fetchone()[0]) // 10_000
    except DatabaseError as error:
        raise BackupError(f"PostgreSQL can't be reached: {str(error).splitlines()[0]}") from None


def _program(name: str, version: int) -> str:
    """The program of the embedded PostgreSQL, or of the machine: one at least as new as the server."""
    found: list[str] = []
    with suppress(StartError):
        found.append(str(postgres.installation() / "bin" / name))
    found += filter(None, [shutil.which(name)])
    for program in found:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.split()
        if told and int(told[2].partition(".")[0]) >= version:
            return program
    raise BackupError(f"There is no {name} of PostgreSQL {version} or newer here: install the client of PostgreSQL {version}.")


def _environment() -> dict[str, str]:
    """How the programs reach the database: nothing of it stands on a command line."""
    database: Mapping[str, Any] = connection.settings_dict
    told = {variable: str(database[name]) for name, variable in PARAMETERS.items() if database.get(name)}
    options = {variable: str(database["OPTIONS"][name]) for name, variable in OPTIONS.items() if name in database["OPTIONS"]}
    return {**os.environ, **told, **options, "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "ollive backup"}


@contextmanager
def _running(command: list[str]) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """A program between pipes, and what it says of errors; ended with the block."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=_environment())
        try:
            yield process, said
        finally:
            if process.poll() is None:
                process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            process.wait()


def _expect_success(process: "subprocess.Popen[bytes]", said: IO[bytes], name: str) -> None:
    if process.wait() != 0:
        said.seek(0)
        lines = [line.strip() for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
        reason = next((line for line in lines if "ERROR" in line or "error:" in line), lines[-1] if lines else "no reason")
        raise BackupError(f"{name} failed: {reason}")


def _feed(source: IO[bytes], target: IO[bytes] | None, report: Callable[[int], object]) -> None:
    assert target is not None
    try:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            report(len(chunk))
        target.close()
    except BrokenPipeError:
        return  # it has stopped at an error, which it tells


@contextmanager
def _unfinished(path: Path) -> Iterator[IO[bytes]]:
    """A file for this user alone, which takes its place once it is whole and on the disk."""
    part = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise BackupError(f"{path} can't be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            part.unlink()


def _many(count: int) -> str:
    return f"{count:,}" if count < 1_000 else "1,000 or more"
