"""`manage.py erase_user`: delete a person and everything that is known of them, and print the receipt."""

import getpass
import sys
import uuid
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.models import User, Workspace
from chat import erasure
from telemetry import person_erasure, receipts
from telemetry.person_erasure import Subject
from telemetry.receipts import Receipt


class Command(BaseCommand):
    help = (
        "Delete a person: chats, records of their calls and what was said, keys, sessions and the account. Sums stay, without "
        "the name. The receipt is JSON; it is stored too, and holds nothing of what was deleted. Broken off, it is run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", help="e-mail address or id of a user of Ollive")
        parser.add_argument(
            "--end-user",
            action="append",
            default=[],
            metavar="LABEL",
            help="a label that your application gave to a person of its own",
        )
        parser.add_argument("--workspace", help="name or id of the workspace that the labels belong to")
        parser.add_argument("--by", default="", help="who asked for it; the system's user by default")
        parser.add_argument("--dry-run", action="store_true", help="print what would be deleted, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        by = options["by"] or getpass.getuser()
        labels = tuple(options["end_user"])
        if bool(options["user"]) == bool(labels):
            raise CommandError("Name a user, or a person of your application by --end-user and --workspace.")
        with tqdm(desc="erased", unit="", disable=None, file=sys.stderr) as self.bar:
            if labels:
                receipt = self._erase_labels(labels, options["workspace"], by=by, now=now, is_dry=options["dry_run"])
            else:
                receipt = self._erase_user(options["user"], by=by, now=now, is_dry=options["dry_run"])
        self.stdout.write(orjson.dumps(receipt.as_json(), option=orjson.OPT_INDENT_2).decode())

    def _erase_user(self, name: str, *, by: str, now: datetime, is_dry: bool) -> Receipt:
        user = _find_user(name)
        if user is None:
            if earlier := receipts.finished(name):
                return earlier
            raise CommandError(f"There is no user {name}.")
        if is_dry:
            return Receipt(None, receipts.subject_digest(user.email), by, now, None, erasure.counts(user), is_dry_run=True)
        try:
            return erasure.erase(user, requested_by=by, now=now, tell=self._tell)
        except erasure.NotErasable as error:
            raise CommandError(str(error)) from error

    def _tell(self, kind: str, count: int) -> None:
        self.bar.set_postfix_str(kind, refresh=False)
        self.bar.update(count)

    def _erase_labels(self, labels: tuple[str, ...], name: str | None, *, by: str, now: datetime, is_dry: bool) -> Receipt:
        workspace = _find_workspace(name)
        subject = Subject(end_users=labels, workspace_id=workspace.id)
        called = f"{workspace.id} {' '.join(sorted(labels))}"
        if is_dry:
            found = person_erasure.counts(subject)
            return Receipt(None, receipts.subject_digest(called), by, now, None, found, is_dry_run=True)
        return erasure.erase_labels(subject, called, requested_by=by, now=now, tell=self._tell)


def _find_user(name: str) -> User | None:
    try:
        return User.objects.filter(id=uuid.UUID(name)).first()
    except ValueError:
        return User.objects.filter(email=name.strip().lower()).first()


def _find_workspace(name: str | None) -> Workspace:
    if not name:
        raise CommandError("Two workspaces may give the same label to two people: say which one by --workspace.")
    try:
        found = list(Workspace.objects.filter(id=uuid.UUID(name)))
    except ValueError:
        found = list(Workspace.objects.filter(name=name))
    if len(found) != 1:
        raise CommandError(
            f"There are {len(found)} workspaces {name}: give its id." if found else f"There is no workspace {name}."
        )
    return found[0]
