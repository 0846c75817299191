"""Where the bytes of files lie: one file each in the data folder, encrypted, bound to the id by which it is found.

Each has a key of its own, which its row keeps sealed by the installation's ring: rotating the ring touches rows alone, and
once a row is gone nobody can open what may be left of it.
"""

import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from accounts.encryption import NONCE_BYTES, DecryptionError


def folder() -> Path:
    return Path(settings.OLLIVE_FILES_DIR)


def path_of(file_id: uuid.UUID) -> Path:
    return folder() / file_id.hex[-2:] / file_id.hex


def make_key() -> bytes:
    return AESGCM.generate_key(bit_length=256)


def write(file_id: uuid.UUID, data: bytes, *, key: bytes) -> None:
    """Store the bytes; they are on the disk when this returns. Raises `OSError`."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, data, file_id.bytes)
    path = path_of(file_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read(file_id: uuid.UUID, *, key: bytes) -> bytes:
    """The bytes as they were written. Raises `DecryptionError` where they are gone, broken or another file's."""
    try:
        sealed = path_of(file_id).read_bytes()
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], file_id.bytes)
    except (OSError, InvalidTag, ValueError) as error:
        raise DecryptionError(f"The bytes of the file {file_id} can not be read: {type(error).__name__}.") from error


def remove(file_id: uuid.UUID) -> None:
    """Delete the bytes; they may be gone already."""
    with suppress(FileNotFoundError):
        path_of(file_id).unlink()


def older_than(moment: datetime) -> Iterator[uuid.UUID]:
    """The ids of what has lain there since before then, whoever it belongs to. Leftovers of broken writes are removed."""
    for path in folder().glob("[0-9a-f][0-9a-f]/*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime >= moment.timestamp():
                continue
            if path.suffix:
                path.unlink()
            else:
                yield uuid.UUID(hex=path.name)
