"""Raw payloads in a folder, which several machines may share: a folder a day, another one a workspace, a file a call."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from uuid import uuid4

from telemetry.raw_payloads import StoreError, day_of


class FolderStore:
    name = "file"
    is_elsewhere = True

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def put(self, key: str, body: bytes) -> None:
        """Whole or not at all, and on the disk before it is referred to."""
        path = self._folder / key
        unfinished = path.with_name(f".{uuid4()}")
        with self._told():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        with self._told():
            try:
                return (self._folder / key).read_bytes()
            except FileNotFoundError:
                return None

    def delete(self, keys: Iterable[str]) -> None:
        with self._told():
            for key in keys:
                (self._folder / key).unlink(missing_ok=True)

    def days(self) -> Iterable[date]:
        with self._told():
            if not self._folder.exists():
                return []
            return [day for path in self._folder.iterdir() if (day := day_of(path.name))]

    def drop(self, prefix: str) -> None:
        with self._told(), suppress(FileNotFoundError):
            shutil.rmtree(self._folder / prefix)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"The raw payloads in {self._folder} can't be reached ({error.strerror}).") from error
