"""The command line that starts a program through `launch.py`."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Literal

Account = Literal["same", "mapped", "nobody"]
SCRIPT = str(Path(__file__).with_name("launch.py"))


def launched(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    account: Account = "same",
    python: str = sys.executable,
) -> list[str]:
    """The arguments that start `command`, which gets `death_signal` when this process dies.

    The kernel watches the *thread* that starts it: start it from the main one.
    """
    return [python, "-I", "-S", SCRIPT, str(os.getpid()), str(int(death_signal)), account, *map(str, command)]


@cache
def account_without_root() -> Account:
    """How a program that refuses root is started here: as root in a user namespace, or as nobody where that is forbidden."""
    if os.geteuid() != 0:
        return "same"
    probe = subprocess.run(launched(["/bin/true"], account="mapped"), capture_output=True, check=False)
    return "mapped" if probe.returncode == 0 else "nobody"


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def free_port() -> int:
    return free_ports(1)[0]
