"""A Valkey of a test's own, to be stopped and started while others go on."""

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ollive.up import valkey
from ollive.up.launcher import free_port


class OwnValkey:
    """It keeps nothing over a restart."""

    def __init__(self, folder: Path) -> None:
        self._store = valkey.Store(folder / "valkey", free_port(), secrets.token_urlsafe(24), is_lasting=False)
        valkey.prepare(self._store)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._store.url

    def start(self) -> None:
        if self._process is None:
            self._process = subprocess.Popen(self._store.command(), stdin=subprocess.DEVNULL, start_new_session=True, cwd="/")
        deadline = time.monotonic() + 30
        while not self._store.is_ready(self._process.pid):
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    """One that runs, ended with the block."""
    folder = Path(tempfile.mkdtemp(prefix="ollive-valkey-"))
    folder.chmod(0o711)
    server = OwnValkey(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
