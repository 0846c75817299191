"""The files of people in a backup: they come back as they were, and nothing else is taken for one of them."""

import zipfile
from datetime import UTC, datetime

import pytest
from django.conf import settings

from chat.files import blobs, store
from ollive import backups, file_backups
from telemetry import policies

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.OLLIVE_FILES_DIR = str(tmp_path / "files")


def test_files_come_back_where_they_belong(transactional_db, alice, workspace, tmp_path):
    file = store.take(alice, workspace, "notes.txt", b"Tea at six", rules=policies.rules_of(workspace.id), now=NOW)
    path = tmp_path / "backup.zip"
    backups.make(path, now=NOW)
    with zipfile.ZipFile(path) as archive:
        assert b"Tea at six" not in archive.read(f"files/{file.id.hex}")
    settings.OLLIVE_FILES_DIR = str(tmp_path / "elsewhere")
    assert file_backups.restore(path) == 1
    assert store.bytes_of(file) == b"Tea at six"
    assert blobs.path_of(file.id).stat().st_mode & 0o777 == 0o600


def test_a_name_that_leads_elsewhere_is_no_file(tmp_path):
    path = tmp_path / "backup.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("files/../../outside", "x")
    with pytest.raises(ValueError, match="badly formed"):
        file_backups.restore(path)
    assert not list(tmp_path.rglob("outside"))
