"""The processes of an installation: how each is started and how it ends."""

import signal
import sys
from pathlib import Path

from ollive import env
from ollive.up.children import Program
from ollive.up.launcher import launched
from ollive.up.local_model import LocalModel
from ollive.up.postgres import Cluster
from ollive.up.valkey import Store
from ollive.up.web import GRACE_SECONDS

# The last one to stop is the one that the others need.
STOP_ORDER = ("web", "beat", "worker", "drain", "model", "valkey", "postgres")


def postgres(cluster: Cluster) -> Program:
    # SIGINT is its fast shutdown: clients are sent away, everything is written. SIGQUIT leaves the rest to recovery.
    return Program("postgres", cluster.command, stop_signal=signal.SIGINT, grace_seconds=30, last_signal=signal.SIGQUIT)


def valkey(store: Store) -> Program:
    return Program("valkey", store.command, grace_seconds=10)


def model(local: LocalModel) -> Program:
    return Program("model", local.command, environment=local.environment, grace_seconds=2)


def web(door: int, *, outcome: int | None = None) -> Program:
    """It serves the socket `door`. With a pipe for the outcome it prepares the installation before."""
    environment = {"OLLIVE_PROCESS": "web", "OLLIVE_LISTENER": str(door)}
    descriptors: tuple[int, ...] = (door,)
    if outcome is not None:
        environment["OLLIVE_OUTCOME"] = str(outcome)
        descriptors = (door, outcome)
    grace = GRACE_SECONDS + env.env.float("OLLIVE_GRACE_SECONDS", default=5.0) + 5
    return Program(
        "web",
        lambda: launched([sys.executable, "-m", "ollive.up.web"]),
        environment=environment,
        grace_seconds=grace,
        descriptors=descriptors,
        is_gated=True,
    )


def worker() -> Program:
    # Threads: the work is SQL and waiting, one process is half the memory of two, and a killed worker leaves no children behind.
    options = ("--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat")
    # It warns of root for the sake of pickled tasks; ours are JSON.
    python = (sys.executable, "-W", "ignore:You're running the worker with superuser")
    command = [*python, "-m", "celery", "--quiet", "--app", "ollive.celery", "worker", *options]
    return Program("worker", lambda: launched(command), environment={"OLLIVE_PROCESS": "worker"}, grace_seconds=10)


def drain() -> Program:
    """What runs beside a worker that does not keep up."""
    command = [sys.executable, "manage.py", "drain", "--loop"]
    return Program("drain", lambda: launched(command), environment={"OLLIVE_PROCESS": "drain"}, grace_seconds=10)


def beat(folder: Path) -> Program:
    command = [sys.executable, "-m", "ollive.up.beat", str(folder / "schedule")]
    return Program("beat", lambda: launched(command), environment={"OLLIVE_PROCESS": "beat"})
