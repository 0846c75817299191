"""Makes an installation ready to serve: its servers answer, its tables, static files and owner are there.

The first web process does it before it serves: loading Django a second time, in a process for this alone, would double the time
that a person waits.
"""

import hashlib
import sys
import time
from pathlib import Path
from typing import TypedDict

import psycopg
import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from ollive.env import env
from ollive.up.failures import StartError
from telemetry import partitions, prices

PATIENCE_SECONDS = 3.0  # for servers that are not ours, which may be starting too
MIGRATION_LOCK = 0x0111_0E02  # any number of our own: two machines that start at once migrate one after the other
NEVER_GETS_BETTER = ("password authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")


class Outcome(TypedDict):
    """The owner's address, and the path of a sign-in link where they need one."""

    email: str
    sign_in_path: str | None


def prepare() -> Outcome:
    await_store()
    await_database()
    migrate()
    outcome = make_owner()
    connection.close()
    return outcome


def await_database() -> None:
    """Connect beside Django's pool, which would keep the reason of a failure to itself."""
    place = "{HOST}:{PORT}/{NAME}".format(**settings.DATABASES["default"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(**connection.get_connection_params()).close()
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            if any(words in reason for words in NEVER_GETS_BETTER) or time.monotonic() > deadline:
                raise StartError(f"PostgreSQL at {place} does not let us in ({reason}): check DATABASE_URL.") from None
            time.sleep(0.2)
        else:
            return


def await_store() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
        while True:
            try:
                client.ping()
            except redis.AuthenticationError as error:
                raise StartError(f"Redis does not let us in ({error}): check REDIS_URL.") from None
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise StartError(f"Redis does not answer ({error}): check REDIS_URL.") from None
                time.sleep(0.2)
            else:
                return


def migrate() -> None:
    """Bring the tables up to date, make the log's coming partitions, and add the prices that a release brings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                call_command("migrate", interactive=False, stdout=sys.stderr)
            partitions.ensure(timezone.now().date())
            prices.load(timezone.now())
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def collect_static_files() -> None:
    """Copy and hash the static files, unless nothing changed since the last time."""
    stamp = settings.STATIC_ROOT / ".fingerprint"
    fingerprint = _fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    call_command("collectstatic", interactive=False, clear=settings.STATIC_ROOT.exists(), verbosity=0)
    stamp.write_text(fingerprint)


def _fingerprint() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            state = Path(storage.path(path)).stat()
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def make_owner() -> Outcome:
    """The owner gets a sign-in link at each start, as long as they never came in and have no password."""
    from accounts.api_keys import register_environments_key
    from accounts.owner import ensure_owner
    from accounts.sign_in_links import make_link

    email, password = env.str("OLLIVE_ADMIN_EMAIL", default=""), env.str("OLLIVE_ADMIN_PASSWORD", default="")
    owner, _is_new = ensure_owner(email or None, password or None)
    register_environments_key(owner, timezone.now())
    needs_link = owner.last_login is None and not owner.has_usable_password()
    return {"email": owner.email, "sign_in_path": make_link(owner, timezone.now()) if needs_link else None}
