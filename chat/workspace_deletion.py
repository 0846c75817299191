"""A workspace, deleted: nobody is in it from the first moment, and what it held goes in the background.

Chats and messages, logs and sums, providers, keys, budgets and rules go; of the people only their parts in it. The audit log
keeps that it was deleted. A run that dies is taken up by the next.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.access import Act, require
from accounts.audit import Action
from accounts.members import tell_part_ended
from accounts.models import ApiKey, Invitation, Membership, Workspace
from chat import deletion, leases
from chat.models import Conversation, Message
from telemetry import workspace_erasure

SECONDS = 40.0  # that one run may take
BATCH = 50
COUNTED = 10_000  # beyond that the page says "more than"


class NotPossible(Exception):
    """It is not deleted; the message says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """What would go."""

    member_count: int
    conversation_count: int
    key_count: int
    call_count: int
    is_more: bool


def held(workspace: Workspace) -> Held:
    calls = workspace_erasure.call_count(workspace.pk, most=COUNTED + 1)
    return Held(
        Membership.objects.filter(workspace=workspace).count(),
        Conversation.objects.filter(workspace=workspace).count(),
        ApiKey.objects.filter(workspace=workspace, revoked_at=None).count(),
        min(calls, COUNTED),
        calls > COUNTED,
    )


def begin(part: Membership, typed_name: str, *, now: datetime) -> None:
    """Put everybody out and mark it. Raises `PermissionDenied`, `NotPossible`."""
    require(part, Act.OWN)
    if " ".join(typed_name.split()) != " ".join(part.workspace.name.split()):
        raise NotPossible("The name is another one. Nothing was deleted.")
    if not Membership.objects.filter(user_id=part.user_id).exclude(pk=part.pk).exists():
        raise NotPossible("This is your only workspace. Create another one first, so that you have a place to go.")
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update(no_key=True).get(pk=part.workspace_id)
        require(Membership.objects.select_related("workspace").get(pk=part.pk), Act.OWN)
        parts = Membership.objects.filter(workspace=workspace)
        people = list(parts.values_list("user_id", flat=True))
        parts.delete()
        ApiKey.objects.filter(workspace=workspace, revoked_at=None).update(revoked_at=now)
        Invitation.objects.filter(workspace=workspace, revoked_at=None).update(revoked_at=now)
        Workspace.objects.filter(pk=workspace.pk).update(deleted_at=now)
        detail = {"members": len(people)}
        audit.note(Action.WORKSPACE_DELETED, part.user_id, now=now, workspace=workspace, subject=workspace, detail=detail)
        for user_id in people:
            transaction.on_commit(partial(tell_part_ended, user_id))


def work(now: datetime, *, seconds: float = SECONDS) -> int:
    """Go on with what was marked; returns how many workspaces are gone now. The beat calls it."""
    deadline = time.monotonic() + seconds
    marked = Workspace.objects.filter(deleted_at__isnull=False).order_by("deleted_at", "pk").values_list("pk", flat=True)
    return sum(_finish(workspace_id, now, deadline) for workspace_id in list(marked))


def _finish(workspace_id: UUID, now: datetime, deadline: float) -> bool:
    running = Message.objects.filter(conversation__workspace_id=workspace_id, status=Message.Status.STREAMING)
    for run_id in running.filter(run_id__isnull=False).values_list("run_id", flat=True):
        if run_id is not None:
            leases.request_stop(run_id)
    if running.exists():
        return False  # the next run finds them ended
    while conversations := list(Conversation.objects.filter(workspace_id=workspace_id).order_by("pk")[:BATCH]):
        for conversation in conversations:
            if time.monotonic() > deadline:
                return False
            deletion.delete_now(conversation)
    if not workspace_erasure.erase(workspace_id, now, deadline=deadline):
        return False
    Workspace.objects.filter(pk=workspace_id).delete()
    return True
