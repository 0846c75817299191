"""`manage.py seed_demo`: realistic traffic of any size, in a workspace of its own."""

import secrets
import shutil
import sys
from argparse import ArgumentParser
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from tqdm import tqdm

from accounts.models import ApiKey, Membership, User, Workspace
from telemetry import partitions, rollup_backfill
from telemetry.demo import exchanges, filling, mix, traffic, words
from telemetry.models import InferenceLog

WORKSPACE = "Demo"
PARALLEL = 2  # one makes rows while the database indexes the other's
LOCAL = {"127.0.0.1", "localhost", "::1", ""}


class Command(BaseCommand):
    help = "Fills the log with realistic demo traffic. A run that was broken off goes on when it is asked for again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", type=int, required=True, help="calls in all, over all the days")
        parser.add_argument("--days", type=int, default=30, help="how far back; the last day is today")
        parser.add_argument("--workspace", default=WORKSPACE, help="its name or id; made when there is none of that name")
        parser.add_argument("--owner", default="", help="the e-mail of somebody who may look at it; they become an owner of it")
        parser.add_argument("--seed", type=int, default=1, help="another number makes other traffic")
        parser.add_argument("--mix", action="store_true", help="also where the workspace has calls that are no demo")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be made")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rows"] < 1 or not 1 <= options["days"] <= 400:
            raise CommandError("--rows is at least 1, --days from 1 to 400.")
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        workspace = _find(options["workspace"])
        marks = filling.marks()
        plan = _plan(options, workspace, marks, now)
        todo = {day: count for day, count in plan.shares().items() if count and day not in marks}
        if workspace and not marks and not options["mix"]:
            _refuse_to_mix(workspace, todo)
        owner = _owner(options["owner"])
        _check_disk(sum(todo.values()))
        if options["dry_run"]:
            self.stdout.write(f"{sum(todo.values())} calls would be made on {len(todo)} days.")
            return
        if workspace is None:
            workspace = Workspace.objects.create(id=UUID(plan.workspace_id), name=options["workspace"])
        _make_people(workspace)
        _make_keys(workspace, now)
        if owner:
            Membership.objects.update_or_create(user=owner, workspace=workspace, defaults={"role": Membership.Role.OWNER})
        _fill(plan, todo)
        self.stdout.write(f"{sum(todo.values())} calls on {len(todo)} days, in the workspace {workspace.name} ({workspace.id}).")


def _owner(email: str) -> User | None:
    """Who is to look at it; told before anything is made."""
    if not email:
        return None
    found = User.objects.filter(email__iexact=email).first()
    if found is None:
        raise CommandError(f"Nobody has the address {email}: make the person first, or leave --owner out.")
    return found


def _find(name: str) -> Workspace | None:
    try:
        return Workspace.objects.get(id=UUID(name))
    except Workspace.DoesNotExist:
        raise CommandError(f"There is no workspace {name}.") from None
    except ValueError:
        pass
    found = list(Workspace.objects.filter(name=name)[:2])
    if len(found) > 1:
        raise CommandError(f"More than one workspace is called {name}: give its id.")
    return found[0] if found else None


def _plan(options: dict[str, Any], workspace: Workspace | None, marks: dict[date, filling.Plan], now: datetime) -> filling.Plan:
    """The plan to follow: that of an unfinished run when it is the same, else a new one."""
    wanted = filling.Plan(
        workspace_id=str(workspace.id if workspace else _new_id(options["workspace"], options["seed"])),
        rows=options["rows"],
        days=options["days"],
        seed=options["seed"],
        until=now.isoformat(),
    )
    for day, mark in sorted(marks.items()):
        if (mark.workspace_id, mark.rows, mark.days, mark.seed) != (wanted.workspace_id, wanted.rows, wanted.days, wanted.seed):
            raise CommandError(
                f"{day} holds demo traffic of another run (--rows {mark.rows} --days {mark.days} --seed {mark.seed} "
                f"--workspace {mark.workspace_id}). The same options go on with it; two runs are not mixed."
            )
        return mark
    return wanted


def _new_id(name: str, seed: int) -> UUID:
    from uuid import NAMESPACE_OID, uuid5

    return uuid5(NAMESPACE_OID, f"ollive demo {name} {seed}")


def _refuse_to_mix(workspace: Workspace, todo: dict[date, int]) -> None:
    if todo and InferenceLog.objects.filter(workspace_id=workspace.id, received_at__date__in=list(todo)).exists():
        raise CommandError(f"{workspace.name} has calls of its own. Name another --workspace, or say --mix.")


def _check_disk(rows: int) -> None:
    """Where the database is on this machine: is there room?"""
    if (connection.settings_dict["HOST"] or "") not in LOCAL:
        return
    needed, free = rows * filling.BYTES_PER_ROW, shutil.disk_usage(settings.OLLIVE_DATA_DIR).free
    if needed > free:
        raise CommandError(f"{rows} calls need about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free.")


def _make_people(workspace: Workspace) -> None:
    """The users that the calls name: they can't sign in."""
    ids = traffic.people(workspace.id)
    known = set(User.objects.filter(id__in=ids).values_list("id", flat=True))
    unusable = make_password(None)
    users = [
        User(
            id=person,
            email=f"demo-{number:03}-{str(workspace.id)[:8]}@example.com",
            name=f"Demo user {number}",
            password=unusable,
        )
        for number, person in enumerate(ids)
    ]
    User.objects.bulk_create([user for user in users if user.id not in known])
    Membership.objects.bulk_create(
        [Membership(user_id=person, workspace=workspace, role=Membership.Role.MEMBER) for person in ids], ignore_conflicts=True
    )


def _make_keys(workspace: Workspace, now: datetime) -> None:
    """Rows for the keys that the calls name. Nobody has their tokens, and they are revoked."""
    holder = traffic.people(workspace.id)[0]
    keys = [
        ApiKey(
            id=key,
            workspace=workspace,
            user_id=holder,
            name=f"Demo {mix.APPS[number % len(mix.APPS)]} {number + 1}",
            token_sha256=secrets.token_hex(32),
            last_four="demo",
            scopes=["chat"],
            revoked_at=now,
        )
        for number, key in enumerate(traffic.keys(workspace.id))
    ]
    ApiKey.objects.bulk_create(keys, ignore_conflicts=True)


def _fill(plan: filling.Plan, todo: dict[date, int]) -> None:
    prepared = words.prepare(UUID(plan.workspace_id), exchanges.exchanges(), [error[2] for error in mix.ERRORS])
    partitions.ensure(plan.until_at.date(), 0)  # today's is in use already, whoever makes it
    with tqdm(total=sum(todo.values()), unit=" calls", unit_scale=True, disable=None, file=sys.stderr) as bar:

        def fill(day: date) -> None:
            try:
                filling.fill(plan, day, todo[day], words=prepared, tick=bar.update)
                rollup_backfill.rebuild_day(day, plan.until_at)
            finally:
                connection.close()

        with ThreadPoolExecutor(min(PARALLEL, len(todo) or 1)) as pool:
            try:
                deque(pool.map(fill, sorted(todo)), maxlen=0)
            except filling.Mixed as mixed:
                raise CommandError(str(mixed)) from mixed
    for day in plan.shares():  # a run that was broken off may have left a day without its sums
        if day not in todo and not rollup_backfill.is_complete(day):
            rollup_backfill.rebuild_day(day, plan.until_at)
