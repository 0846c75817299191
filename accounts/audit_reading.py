"""The audit log as people read it: with names instead of ids, where they are still known."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from accounts.audit import Action
from accounts.members import Role
from accounts.models import ApiKey, AuditEntry, Invitation, User, Workspace

ERASED = "a person who is no longer here"
NOBODY = "a command"
NOTHING = "–"
TOLD_BY_NAMES = {"of", "user", "name", "from", "to"}
ROWS_OF_A_FILE = 50_000
BATCH = 1000
COLUMNS = ("id", "at", "action", "actor_id", "actor", "subject_kind", "subject_id", "subject", "detail", "digest")
LABELS = {action.value: action.label for action in Action}


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, and the names of whom and what it is about."""

    entry: AuditEntry
    label: str
    actor: str
    subject: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries: of one action, or a group of them (`key.`), and of one person."""

    action: str = ""
    actor: UUID | None = None

    @classmethod
    def parse(cls, action: str, actor: str) -> "Filters":
        """What is not known filters nothing."""
        try:
            actor_id = UUID(actor) if actor else None
        except ValueError:
            actor_id = None
        return cls(action if action in LABELS else "", actor_id)


def entries(workspace_id: UUID, filters: Filters, *, before: int | None = None) -> QuerySet[AuditEntry]:
    """Newest first, from the one before `before` on."""
    found = AuditEntry.objects.filter(workspace_id=workspace_id).order_by("-id")
    if filters.action:
        found = found.filter(action=filters.action)
    if filters.actor:
        found = found.filter(actor_id=filters.actor)
    return found.filter(id__lt=before) if before is not None else found


def lines(found: Sequence[AuditEntry]) -> list[Line]:
    """Names for all of them at once."""
    users = _users(found)
    things = _things(found)
    return [
        Line(
            entry=entry,
            label=LABELS.get(entry.action, entry.action),
            actor=users.get(str(entry.actor_id), ERASED) if entry.actor_id else NOBODY,
            subject=_subject(entry, users, things),
            facts=_facts(entry),
        )
        for entry in found
    ]


def as_csv(found: QuerySet[AuditEntry]) -> str:
    """The newest of them as a file for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    newest = found[:ROWS_OF_A_FILE]
    batch: list[AuditEntry] = []
    for entry in newest.iterator(BATCH):
        batch.append(entry)
        if len(batch) == BATCH:
            writer.writerows(_rows(batch))
            batch = []
    writer.writerows(_rows(batch))
    return out.getvalue()


def _rows(found: Sequence[AuditEntry]) -> Iterable[list[str]]:
    for line in lines(found):
        entry = line.entry
        cells: list[Any] = [entry.id, entry.at.isoformat(), entry.action, entry.actor_id or "", line.actor]
        cells += [entry.subject_kind, entry.subject_id, line.subject, orjson.dumps(entry.detail).decode(), entry.digest]
        yield [_plain(str(cell)) for cell in cells]


def _plain(cell: str) -> str:
    """A name that begins like a formula is not one."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _users(found: Sequence[AuditEntry]) -> dict[str, str]:
    wanted = {str(entry.actor_id) for entry in found if entry.actor_id}
    wanted |= {entry.subject_id for entry in found if entry.subject_kind == "user"}
    wanted |= {str(entry.detail["of"]) for entry in found if "of" in entry.detail}
    return {str(user.pk): str(user) for user in User.objects.filter(pk__in=wanted).only("id", "name", "email")}


def _things(found: Sequence[AuditEntry]) -> dict[tuple[str, str], str]:
    """Keys, invitations and workspaces: what `accounts` knows by name. Others say theirs in `detail`."""

    def ids(kind: str) -> set[str]:
        return {entry.subject_id for entry in found if entry.subject_kind == kind}

    named: dict[tuple[str, str], str] = {}
    for key in ApiKey.objects.filter(pk__in=ids("apikey")):
        named["apikey", str(key.pk)] = str(key)
    for invitation in Invitation.objects.filter(pk__in=ids("invitation")):
        named["invitation", str(invitation.pk)] = f"as {invitation.role}" + (
            f" for {invitation.email}" if invitation.email else ", for anybody with the link"
        )
    for workspace in Workspace.objects.filter(pk__in=ids("workspace")):
        named["workspace", str(workspace.pk)] = workspace.name
    return named


def _subject(entry: AuditEntry, users: dict[str, str], things: dict[tuple[str, str], str]) -> str:
    if not entry.subject_id:
        return str(entry.detail.get("name", ""))
    if entry.subject_kind == "membership":
        return ""
    if entry.subject_kind == "user":
        return "" if entry.subject_id == str(entry.actor_id) else users.get(entry.subject_id, ERASED)
    known = things.get((entry.subject_kind, entry.subject_id))
    return known or str(entry.detail.get("name") or f"{entry.subject_kind} {entry.subject_id[:8]}")


def _facts(entry: AuditEntry) -> list[tuple[str, str]]:
    """What `detail` says, in words: the ids are told by the names already."""
    told = [(name.replace("_", " "), _told(value)) for name, value in entry.detail.items() if name not in TOLD_BY_NAMES]
    if {"from", "to"} <= entry.detail.keys():
        told.append(("role", f"{_told(entry.detail['from'])} → {_told(entry.detail['to'])}"))
    return [(name, value) for name, value in told if value != NOTHING]


def _told(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_told(inner) for inner in value) or NOTHING
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_told(inner)}" for name, inner in value.items()) or NOTHING
    if isinstance(value, str) and (moment := _moment(value)):
        return date_format(timezone.localtime(moment), "j M Y, H:i")
    return Role(value).label if value in Role.values else str(value)


def _moment(text: str) -> datetime | None:
    if len(text) < 20 or "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
