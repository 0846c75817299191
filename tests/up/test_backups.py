"""Backup and restore: everything comes back, elsewhere; nothing is replaced unasked; a failure changes nothing."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from ollive import backups
from tests.server import database_url
from tests.telemetry.calls import record_calls

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ELSEWHERE = "ollive_restored"


@pytest.fixture
def elsewhere(transactional_db):
    """The address of another, empty database on the same server."""
    address, *_ = database_url().rpartition("/")
    with psycopg.connect(database_url(), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {ELSEWHERE} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {ELSEWHERE}")
        yield f"{address}/{ELSEWHERE}"
        server.execute(f"DROP DATABASE {ELSEWHERE} WITH (FORCE)")


def manage(*arguments, database, folder, **environment):
    """A command as a person calls it: a process of its own."""
    told = {**os.environ, "DATABASE_URL": database, "OLLIVE_DATA_DIR": str(folder), **environment}
    for name in backups.KEYS:
        if name not in environment:
            told.pop(name, None)
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, env=told, capture_output=True, text=True, check=False
    )


def count(address, table):
    with psycopg.connect(address) as there:
        return there.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def make(tmp_path):
    path = tmp_path / "backup.zip"
    return path, backups.make(path, now=NOW)


def test_a_backup_holds_the_database_and_the_keys_and_says_so(transactional_db, alice, tmp_path):
    record_calls(2)
    out = io.StringIO()
    path = tmp_path / "backup.zip"
    call_command("backup", output=path, stdout=out)
    assert "2 calls" in out.getvalue()
    assert "It contains secrets" in out.getvalue()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with zipfile.ZipFile(path) as archive:
        assert {"manifest.json", "database.dump", "secrets/secret_key", "secrets/ollive_encryption_keys"} == set(
            archive.namelist()
        )
        assert archive.read("secrets/secret_key").decode() == settings.SECRET_KEY
        assert archive.read("database.dump").startswith(b"PGDMP")


def test_it_comes_back_elsewhere_with_its_keys(elsewhere, alice, tmp_path):
    """And the keys that were there are put aside."""
    record_calls(3)
    path, _ = make(tmp_path)
    folder = tmp_path / "data"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "secret_key").write_text("the key from before")
    done = manage("restore", path, database=elsewhere, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "3 calls" in done.stdout
    assert "Restart Ollive" in done.stdout
    for table in ("inference_log", "inference_key", "payload", "accounts_user", "django_migrations", "search_entry"):
        assert count(elsewhere, table) == count(database_url(), table), table
    assert (folder / "secrets" / "secret_key").read_text() == settings.SECRET_KEY
    assert (folder / "secrets" / "ollive_encryption_keys").read_text() == settings.OLLIVE_ENCRYPTION_KEYS
    assert [kept.read_text() for kept in folder.glob("secrets/before-*/secret_key")] == ["the key from before"]


def test_a_restore_that_fails_changes_nothing(transactional_db, alice, tmp_path, monkeypatch):
    """The last statement of the script is broken: what was there before stays."""
    record_calls(2)
    path, manifest = make(tmp_path)
    program = backups._program
    broken = tmp_path / "pg_restore"
    broken.write_text(f"#!/bin/sh\n{program('pg_restore', manifest.postgres)} \"$@\"\necho 'SELECT no_such_function();'\n")
    broken.chmod(0o755)
    monkeypatch.setattr(
        backups, "_program", lambda name, version: str(broken) if name == "pg_restore" else program(name, version)
    )
    with pytest.raises(backups.BackupError, match="no_such_function"):
        backups.restore_database(path, manifest)
    assert count(database_url(), "inference_log") == 2


def test_a_dump_that_ends_too_early_changes_nothing(transactional_db, alice, tmp_path, monkeypatch):
    """The reader fails after good lines: without its word for it there is no COMMIT."""
    record_calls(2)
    path, manifest = make(tmp_path)
    program = backups._program
    broken = tmp_path / "pg_restore"
    broken.write_text("#!/bin/sh\necho 'CREATE TABLE half (id int);'\necho 'pg_restore: error: the disk is gone' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(
        backups, "_program", lambda name, version: str(broken) if name == "pg_restore" else program(name, version)
    )
    with pytest.raises(backups.BackupError, match="the disk is gone"):
        backups.restore_database(path, manifest)
    assert count(database_url(), "inference_log") == 2
    assert "half" not in connection.introspection.table_names()


def test_a_database_with_something_in_it_is_not_replaced(db, alice, tmp_path):
    path, _ = make(tmp_path)
    backups.check_empty()  # one person, as after the first start
    record_calls(1)
    with pytest.raises(CommandError, match=r"not empty \(1 calls\)"):
        call_command("restore", path, stdout=io.StringIO())
    call_command("restore", path, force=True, dry_run=True, stdout=io.StringIO())


def test_what_is_there_goes_by_force(elsewhere, alice, tmp_path, monkeypatch):
    """A table that a later Ollive made, and rows: all of it is replaced."""
    record_calls(2)
    path, manifest = make(tmp_path)
    with psycopg.connect(elsewhere, autocommit=True) as there:
        there.execute("CREATE TABLE later (id int)")
        there.execute("CREATE TABLE inference_log (id int)")
        there.execute("INSERT INTO inference_log VALUES (1)")
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", ELSEWHERE)
        backups.restore_database(path, manifest)
    assert count(elsewhere, "inference_log") == 2
    with psycopg.connect(elsewhere) as there:
        assert there.execute("SELECT to_regclass('later')").fetchone() == (None,)


def test_other_keys_in_the_environment_are_not_passed_over(db, tmp_path, monkeypatch):
    path, _ = make(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "another")
    with pytest.raises(CommandError, match="SECRET_KEY in the environment"):
        call_command("restore", path, stdout=io.StringIO())


def test_a_dry_run_says_what_the_file_holds(db, tmp_path):
    path, _ = make(tmp_path)
    out = io.StringIO()
    call_command("restore", path, dry_run=True, stdout=out)
    assert "2026-11-21 12:00 UTC holds the database of PostgreSQL" in out.getvalue()


def damaged(path, kind):
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    elif kind == "text":
        path.write_text("no archive")
    elif kind == "flipped":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    else:
        path.unlink()


@pytest.mark.parametrize("kind", ["cut", "text", "flipped", "gone"])
def test_a_file_that_is_no_whole_backup_is_refused(kind, db, tmp_path):
    path, _ = make(tmp_path)
    damaged(path, kind)
    with pytest.raises(CommandError, match=r"no whole backup|is damaged|can.t be read"):
        call_command("restore", path, stdout=io.StringIO())


def test_a_backup_of_a_newer_ollive_is_refused(db, tmp_path):
    path, manifest = make(tmp_path)
    newer = tmp_path / "newer.zip"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(newer, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            if name == backups.MANIFEST:
                told = json.loads(data)
                data = json.dumps(told | {"migrations": [*told["migrations"], "chat.9999_time_travel"]}).encode()
            other.writestr(name, data)
    assert "chat.0001_initial" in manifest.migrations
    with pytest.raises(backups.BackupError, match="newer Ollive"):
        backups.read_manifest(newer)


def test_a_place_that_cannot_be_written_is_named(db, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(CommandError, match="can't be written"):
        call_command("backup", output=blocker / "backup.zip", stdout=io.StringIO())


def test_programs_older_than_the_server_are_not_used():
    with pytest.raises(backups.BackupError, match="PostgreSQL 99 or newer"):
        backups._program("pg_dump", 99)


def test_no_password_stands_on_a_command_line(db):
    assert backups._environment()["PGPASSWORD"] == connection.settings_dict["PASSWORD"]
