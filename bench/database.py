"""A PostgreSQL for benchmarks of reads, that may be kept and used again; Django is set up against it."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ollive.up import postgres
from ollive.up.launcher import free_port


@contextmanager
def database(kept: Path | None) -> Iterator[Path]:
    """Start the server with the settings that Ollive gives it. Without a folder to keep, what it holds is gone afterwards."""
    folder = kept.absolute() if kept else Path(tempfile.mkdtemp(prefix="ollive-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    secret = folder / "password"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(postgres.make_password())
    cluster = postgres.Cluster(folder / "postgres", free_port(), secret.read_text(), {"max_connections": "20"})
    postgres.prepare(cluster)
    with (folder / "postgres.log").open("ab") as output:
        process = subprocess.Popen(cluster.command(), cwd="/", stdout=output, stderr=output)
    try:
        _wait(cluster, process, folder)
        _set_up_django(cluster, folder)
        yield folder
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def _wait(cluster: postgres.Cluster, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 120  # it may have to recover
    while not cluster.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {(folder / 'postgres.log').read_text()[-2000:]}")
        time.sleep(0.05)


def _set_up_django(cluster: postgres.Cluster, folder: Path) -> None:
    os.environ |= {
        "DATABASE_URL": cluster.url,
        "REDIS_URL": "redis://127.0.0.1:1",  # reads need none
        "OLLIVE_DATA_DIR": str(folder / "data"),
        "OLLIVE_ENV_FILE": "",
        "LOG_LEVEL": "WARNING",
        "SECRET_KEY": os.environ.get("SECRET_KEY") or secrets.token_hex(24),
        "DJANGO_SETTINGS_MODULE": "ollive.settings",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
