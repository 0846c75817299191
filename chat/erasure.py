"""A person, erased: their chats and everything that was recorded of them, their keys and sessions, and last their account.

Nobody signs in with it from the first step on. Each step is a transaction that counts into the receipt, so that a run which
dies is simply run again.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import audit
from accounts.audit import Action
from accounts.models import ApiKey, Invitation, Membership, Session, SignInLink, User
from accounts.sessions import sign_out_sockets
from chat import deletion, leases
from chat.files import store
from chat.models import Conversation, File, Message, Prompt
from gateway import alert_letters, answer_cache
from gateway.models import AlertLetter, Budget
from telemetry import person_erasure, receipts
from telemetry.models import Dashboard, ErasureReceipt
from telemetry.person_erasure import Subject
from telemetry.receipts import Counts, Receipt

END_SECONDS = 60  # a run whose process is dead is closed after 45
POLL_SECONDS = 0.2

Count = Callable[[str, int], None]


class NotErasable(Exception):
    """The person can't be erased now; the message says why, and what to do."""


def erase(user: User, *, requested_by: str, now: datetime, tell: Count) -> Receipt:
    """Erase the user; `tell` (kind, count) hears of each step.

    Raises `NotErasable` when replies are still being written, or a workspace would be left without an owner.
    """
    if shared := _owned_alone(user):
        raise NotErasable(f"{shared[0]} has other members and no other owner. Make one of them its owner first.")
    receipt = receipts.begin(user.email, requested_by, now)
    count = _counting(receipt, tell)
    _shut_out(user, count)
    _end_runs(user)
    answer_cache.forget(user.workspaces.values_list("id", flat=True))
    person_erasure.erase_user(Subject(user.id), count)
    _erase_files(user, count)
    for conversation in _conversations(user):
        _erase_conversation(conversation, count)
    return _erase_account(user, receipt, now)


def obstacle(user: User) -> str:
    """Why the person cannot be erased now, in a sentence; empty where nothing is in the way."""
    if shared := _owned_alone(user):
        return f"{shared[0]} has other members and no other owner. Make one of them its owner first."
    if Message.objects.filter(conversation__owner=user, status=Message.Status.STREAMING).exists():
        return "A reply is still being written. Stop it, or wait for its end."
    return ""


def erase_labels(subject: Subject, name: str, *, requested_by: str, now: datetime, tell: Count) -> Receipt:
    """Erase what callers recorded under labels of their own for a person who has no account here."""
    receipt = receipts.begin(name, requested_by, now)
    answer_cache.forget()
    person_erasure.erase_user(subject, _counting(receipt, tell))
    return receipts.finish(receipt, now)


def counts(user: User) -> Counts:
    """What `erase` would delete."""
    found = {
        "conversations": _conversations(user).count(),
        "messages": Message.objects.filter(conversation__owner=user).count(),
        "files": File.objects.filter(owner=user).count(),
        "sessions": Session.objects.filter(user=user).count(),
        **{kind: rows.count() for kind, rows in _belongings(user).items()},
        **person_erasure.counts(Subject(user.id)),
        "accounts": 1,
    }
    return {kind: count for kind, count in found.items() if count}


def _counting(receipt: ErasureReceipt, tell: Count) -> Count:
    def count(kind: str, number: int) -> None:
        receipts.add(receipt, kind, number)
        tell(kind, number)

    return count


def _owned_alone(user: User) -> list[str]:
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER).values_list("workspace_id", flat=True)
    others = Membership.objects.filter(workspace_id__in=owned).exclude(user=user).select_related("workspace")
    with_owner = {membership.workspace_id for membership in others if membership.role == Membership.Role.OWNER}
    return sorted({str(membership.workspace) for membership in others if membership.workspace_id not in with_owner})


def _belongings(user: User) -> dict[str, QuerySet[Any]]:
    """What goes with the account: kind → rows. Entries of the admin's history name the person they are about."""
    kind = ContentType.objects.get_for_model(User)
    about = Q(content_type=kind, object_id=str(user.id)) | Q(user=user)
    return {
        "API keys": ApiKey.objects.filter(user=user),
        "sign-in links": SignInLink.objects.filter(user=user),
        "invitations": Invitation.objects.filter(Q(created_by=user) | Q(email=user.email)),
        "memberships": Membership.objects.filter(user=user),
        "prompts": Prompt.objects.filter(owner=user),
        "dashboards": Dashboard.objects.filter(owner=user),
        "letters of alerts": AlertLetter.objects.filter(address=user.email.lower()),
        "budgets": Budget.objects.filter(subject=Budget.Subject.USER, subject_id=user.id),
        "entries of the admin's history": LogEntry.objects.filter(about),
    }


def _shut_out(user: User, count: Count) -> None:
    with transaction.atomic():
        User.objects.filter(id=user.id).update(is_active=False)
        count("sessions", Session.objects.filter(user=user).delete()[0])
        transaction.on_commit(partial(sign_out_sockets, user.id))


def _end_runs(user: User) -> None:
    """Stop the person's running replies, wherever they run, and wait until they have ended."""
    running = Message.objects.filter(conversation__owner=user, status=Message.Status.STREAMING)
    for run_id in running.filter(run_id__isnull=False).values_list("run_id", flat=True):
        if run_id is not None:
            leases.request_stop(run_id)
    deadline = time.monotonic() + END_SECONDS
    while running.exists():
        if time.monotonic() > deadline:
            raise NotErasable("Replies are still being written, and nothing ends them. Run it again when Ollive is up.")
        time.sleep(POLL_SECONDS)


def _conversations(user: User) -> QuerySet[Conversation]:
    return Conversation.objects.filter(owner=user).order_by("created_at", "id")


def _erase_files(user: User, count: Count) -> None:
    with transaction.atomic():
        count("files", store.erase(File.objects.filter(owner=user)))


def _erase_conversation(conversation: Conversation, count: Count) -> None:
    runs = [run_id for run_id in conversation.messages.values_list("run_id", flat=True) if run_id]
    with transaction.atomic():
        count("messages", conversation.messages.count())
        count("conversations", 1)
        deletion.delete(conversation)
    deletion.forget_streams(runs)


def _erase_account(user: User, receipt: ErasureReceipt, now: datetime) -> Receipt:
    """The last step, with the end of the receipt: a receipt that is finished means that nobody is left."""
    with transaction.atomic():
        for kind, rows in _belongings(user).items():
            receipts.add(receipt, kind, rows.count())
            rows.delete()
        alert_letters.forget(user.email)
        user.delete()
        receipts.add(receipt, "accounts", 1)
        told = receipts.finish(receipt, now)
        audit.note(Action.DATA_ERASED, None, now=now, subject=receipt)
        return told
