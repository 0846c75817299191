"""The data folder: one supervisor at a time holds it, and says there what it offers."""

import fcntl
import getpass
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ollive.up.failures import StartError

LOCK_SECONDS = 1.0


class DataFolder:
    """Held from `open` to `close`, or to the end of the process: the kernel gives the lock back, whatever the end was."""

    def __init__(self, path: Path, services_file: Path, lock_file: Path) -> None:
        self.path = path
        self._services_file = services_file
        self._lock_file = lock_file
        self._lock: IO[str] | None = None

    def open(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = self._lock_file.open("a+")
        except (FileExistsError, NotADirectoryError):
            raise StartError(
                f"The data folder {self.path} is not a folder: move the file away, or set OLLIVE_DATA_DIR."
            ) from None
        except OSError as error:
            raise StartError(
                f"{_user()} cannot write to the data folder {self.path} ({error.strerror}): set OLLIVE_DATA_DIR."
            ) from None
        try:
            self._take_lock(self._lock)
        except StartError:
            self.close()
            raise

    def _take_lock(self, lock: IO[str]) -> None:
        """Try for a moment: who reads `services.json` touches the lock too, for no longer than that."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.seek(0)
                    holder = lock.read().strip() or "unknown"
                    raise StartError(
                        f"Ollive already runs on {self.path} (process {holder}): stop it, or set OLLIVE_DATA_DIR."
                    ) from None
                time.sleep(0.05)
            else:
                break
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()

    def make(self, name: str) -> Path:
        """A folder of the data folder."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def offer(self, services: Mapping[str, Any]) -> None:
        """Write `services.json` for whoever needs the servers. Passwords are in it: only our user may read it."""
        unfinished = self._services_file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps({**services, "supervisor_pid": os.getpid()}, indent=1))
        unfinished.rename(self._services_file)

    def close(self) -> None:
        """Let the next supervisor have it. What it still offers counts for nothing from here on."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def withdraw(self) -> None:
        self._services_file.unlink(missing_ok=True)


def _user() -> str:
    try:
        return f"The user {getpass.getuser()}"
    except (KeyError, OSError):
        return f"The user {os.getuid()}"
