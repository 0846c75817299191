"""The files that people attached, in a backup: as they lie, encrypted. Their keys are in the database, sealed by the ring."""

import os
import uuid
import zipfile
from pathlib import Path

from chat.files import blobs
from chat.models import File

PREFIX = "files/"


def add(archive: zipfile.ZipFile) -> int:
    """Write every file whose row is in the database. Returns how many there were."""
    count = 0
    for file_id in File.objects.order_by("id").values_list("id", flat=True).iterator():
        path = blobs.path_of(file_id)
        if path.exists():
            archive.write(path, f"{PREFIX}{file_id.hex}")
            count += 1
    return count


def restore(path: Path) -> int:
    """Put the files of a backup where those of this installation lie. Returns how many there were."""
    count = 0
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith(PREFIX):
                continue
            place = blobs.path_of(uuid.UUID(hex=name.removeprefix(PREFIX)))  # no other name leads anywhere
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = place.with_suffix(".part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(archive.read(name))
            part.replace(place)
            count += 1
    return count
