"""What `bench.chaos` does to a running product. It strikes children of the supervisor under test, and no other process."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil

MARKS = {
    "web": "ollive.up.web",
    "worker": "ollive.celery",
    "beat": "ollive.up.beat",
    "valkey": "valkey-server",
    "postgres": "bin/postgres",
    "drain": "manage.py",
}
POINT_SECONDS = 15.0  # to wait for a point; when it isn't met, the strike comes anyway
IS_AT = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = %s AND state <> 'idle' AND xact_start IS NOT NULL AND query ~ %s
"""
APPENDING = r"^\s*WITH given AS"


@dataclass
class Target:
    """The product under test. `start` starts the supervisor again where it was killed itself."""

    supervisor: int
    start: Callable[[], int]
    longest_stop: float = 20.0


def part(supervisor: int, name: str) -> psutil.Process:
    for child in psutil.Process(supervisor).children():
        with suppress(psutil.Error):
            if any(MARKS[name] in word for word in child.cmdline()) and (name != "worker" or "worker" in child.cmdline()):
                return child
    raise RuntimeError(f"no child of the supervisor is the {name}")


def kill(*names: str) -> Callable[[Target], None]:
    def strike(target: Target) -> None:
        for victim in [part(target.supervisor, name) for name in names]:
            victim.kill()

    return strike


def kill_at(name: str, query: str) -> Callable[[Target], None]:
    """Kill a process while PostgreSQL sees it in the transaction whose last statement so far is this one."""

    def strike(target: Target) -> None:
        victim = part(target.supervisor, name)
        await_point(f"ollive {name}", query)
        victim.kill()

    return strike


def await_point(application: str, query: str) -> bool:
    from django.db import connection

    deadline = time.monotonic() + POINT_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(IS_AT, [application, query])
            if cursor.fetchone()[0]:
                return True
    return False


def flush(_target: Target) -> None:
    import redis
    from django.conf import settings

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()


def stop_postgres(target: Target) -> None:
    """Freeze all of PostgreSQL for 2 to 20 s: connections hang instead of failing."""
    server = part(target.supervisor, "postgres")
    frozen = [server, *server.children(recursive=True)]
    for process in frozen:
        with suppress(psutil.Error):
            process.suspend()
    time.sleep(random.uniform(2.0, target.longest_stop))
    for process in [*frozen, *server.children(recursive=True)]:
        with suppress(psutil.Error):
            process.resume()


def restart_postgres_often(target: Target) -> None:
    """Kill PostgreSQL again and again for some seconds: nobody gets a connection for long."""
    deadline = time.monotonic() + target.longest_stop / 2
    while time.monotonic() < deadline:
        with suppress(RuntimeError, psutil.Error):
            part(target.supervisor, "postgres").kill()
        time.sleep(0.5)


def freeze_worker(target: Target) -> None:
    """A worker that lives and does nothing, as Celery was seen to after its broker was killed."""
    worker = part(target.supervisor, "worker")
    worker.suspend()
    time.sleep(target.longest_stop)
    with suppress(psutil.NoSuchProcess):
        worker.resume()


def deliver_thrice(_target: Target) -> None:
    """Each task of the clock three times, in any order, some of them late."""
    from celery import Celery
    from django.conf import settings

    app = Celery("ollive", fixups=[])
    app.config_from_object("django.conf:settings", namespace="CELERY")
    names = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()] * 3
    for name in random.sample(names, len(names)):
        app.send_task(name, countdown=random.choice([0, 0, 1]), ignore_result=True)


def kill_everything(target: Target) -> None:
    """The supervisor, and by the kernel's hand all it has started; then it is started again."""
    os.kill(target.supervisor, signal.SIGKILL)
    target.supervisor = target.start()


FAULTS: dict[str, Callable[[Target], None]] = {
    "web": kill("web"),
    "web, appending": kill_at("web", APPENDING),
    "worker": kill("worker"),
    "worker, taking": kill_at("worker", r"^\s*WITH locked AS"),
    "worker, writing": kill_at("worker", r"^\s*INSERT INTO inference_log"),
    "worker, deleting": kill_at("worker", r"^DELETE FROM telemetry_inbox"),
    "worker, rolling up": kill_at("worker", r"rollup_minute"),
    "worker, frozen": freeze_worker,
    "valkey": kill("valkey"),
    "valkey, flushed": flush,
    "postgres": kill("postgres"),
    "postgres, again and again": restart_postgres_often,
    "postgres, stopped": stop_postgres,
    "tasks thrice": deliver_thrice,
    "all children": kill("web", "worker", "beat", "valkey", "postgres"),
    "supervisor": kill_everything,
}


def tear_spools(folder: Path) -> Iterator[tuple[list[UUID], UUID, bool]]:
    """A spool for each byte of its last record, torn and replayed: what was kept, the torn call, and whether that was counted."""
    from bench.digest import make_events
    from telemetry.spool import Spool

    cut = 0
    while True:
        cut += 1
        spool = Spool(folder / f"torn-{cut}", 1 << 30)
        kept, torn = make_events(2), make_events(1)
        spool.keep(kept)
        (path,) = spool.folder.glob("*.spool")
        before = path.stat().st_size
        spool.keep(torn[1:])
        if path.stat().st_size - cut <= before:
            return
        os.truncate(path, path.stat().st_size - cut)
        replayed = spool.replay()
        yield [event.inference_id for event in kept[::2]], torn[1].inference_id, replayed.torn == 1
