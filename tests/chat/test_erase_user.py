"""`erase_user` leaves nothing of a person but a receipt, whenever it was broken off before."""

import uuid
from io import StringIO
from typing import Any

import orjson
import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import api_keys, invitations
from accounts.models import ApiKey, AuditEntry, Invitation, Membership, Session, SignInLink, User
from accounts.sign_in_links import make_link
from chat import erasure
from chat.models import Conversation, Message
from telemetry import integrity
from telemetry.models import ErasureReceipt, InferenceLog
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "the plan about the hatter"


def erase(*arguments: str, **options: Any) -> dict[str, Any]:
    output = StringIO()
    call_command("erase_user", *arguments, stdout=output, by="Dora", **options)
    told: dict[str, Any] = orjson.loads(output.getvalue())
    return told


def chat_of(person: User, workspace: Any, words: str = WORDS) -> Conversation:
    conversation = Conversation.objects.create(workspace=workspace, owner=person, title=words)
    call = uuid7()
    prompt = Message.objects.create(conversation=conversation, role="user", content=words)
    Message.objects.create(conversation=conversation, role="assistant", content=words, parent=prompt, inference_id=call)
    told = {"workspace_id": workspace.id, "user_id": person.id, "conversation_id": conversation.id}
    record(
        started(call, messages=[{"role": "user", "content": words}], **told), finished(call, reply=f"{words} {person.id}", **told)
    )
    return conversation


@pytest.fixture
def bob_and_his_things(alice, bob, workspace) -> User:
    """Bob with a chat, a key, a session, a link and a line in the admin's history; Alice has a chat too."""
    chat_of(bob, workspace)
    chat_of(alice, workspace, "what stays")
    api_keys.issue(bob, workspace, name="script", now=timezone.now())
    make_link(bob, timezone.now())
    Client().force_login(bob)
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(user=alice, content_type=kind, object_id=str(bob.id), object_repr=bob.email, action_flag=CHANGE)
    return bob


def everything_stored(*, but: str = "") -> str:
    """Each text of each table, `but` one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [name for (name,) in cursor.fetchall()]
        texts = []
        for table in tables:
            if table == but:
                continue
            cursor.execute(f"SELECT string_agg(rows::text, ' ') FROM {table} AS rows")
            texts.append(cursor.fetchone()[0] or "")
    return " ".join(texts)


def test_nothing_is_left_of_a_person_anywhere_in_the_database(bob_and_his_things):
    bob = bob_and_his_things
    sought = [WORDS, bob.email, str(bob.id), bob.id.hex]
    before = everything_stored()
    assert all(word in before for word in sought[:3])
    receipt = erase("bob@example.com")
    after = everything_stored()
    assert [word for word in sought[:2] if word in after] == []
    # Acts stay in the audit log, under an id that is nowhere else and points to nobody (ADR 0018).
    elsewhere = everything_stored(but="accounts_auditentry")
    assert [word for word in sought if word in elsewhere] == []
    assert "what stays" in after
    assert receipt["counts"] == {
        "API keys": 1,
        "accounts": 1,
        "calls": 1,
        "conversations": 1,
        "entries of the admin's history": 1,
        "memberships": 1,
        "messages": 2,
        "sessions": 1,
        "sign-in links": 1,
    }
    assert all(check.is_kept for check in integrity.checks(deep=True))


def test_the_receipt_is_stored_as_it_is_printed(bob_and_his_things):
    receipt = erase(str(bob_and_his_things.id))
    stored = ErasureReceipt.objects.get()
    assert (receipt["id"], receipt["digest"], receipt["requested_by"]) == (str(stored.id), stored.digest, "Dora")
    assert stored.counts == receipt["counts"]


def test_a_dry_run_deletes_nothing_and_counts_the_same(bob_and_his_things):
    told = erase("bob@example.com", dry_run=True)
    assert (told["is_dry_run"], told["finished_at"]) == (True, None)
    assert User.objects.get(id=bob_and_his_things.id).is_active
    assert not ErasureReceipt.objects.exists()
    assert erase("bob@example.com")["counts"] == told["counts"]


def test_asking_again_gives_the_same_receipt(bob_and_his_things):
    first = erase("bob@example.com")
    assert erase("bob@example.com") == first
    assert ErasureReceipt.objects.count() == 1


@pytest.mark.parametrize("step", ["_end_runs", "_erase_conversation", "_erase_account"])
def test_a_run_that_dies_is_finished_by_the_next_and_counts_once(bob_and_his_things, step, monkeypatch):
    expected = erase("bob@example.com", dry_run=True)["counts"]
    with monkeypatch.context() as patched:
        patched.setattr(erasure, step, lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase("bob@example.com")
    assert not User.objects.get(id=bob_and_his_things.id).is_active
    assert erase("bob@example.com")["counts"] == expected
    assert ErasureReceipt.objects.get().finished_at
    assert all(check.is_kept for check in integrity.checks(deep=True))


def test_a_workspace_is_not_left_without_an_owner(alice, bob, workspace):
    with pytest.raises(CommandError, match="Wonderland has other members"):
        erase("alice@example.com")
    assert User.objects.get(id=alice.id).is_active
    Membership.objects.filter(user=bob).update(role=Membership.Role.OWNER)
    assert erase("alice@example.com")["counts"]["accounts"] == 1


def test_a_reply_that_nobody_ends_is_waited_for_and_then_told(bob, workspace, monkeypatch):
    monkeypatch.setattr(erasure, "END_SECONDS", 0.1)
    conversation = Conversation.objects.create(workspace=workspace, owner=bob)
    reply = Message.objects.create(conversation=conversation, role="assistant", status="streaming", run_id=uuid.uuid4())
    with pytest.raises(CommandError, match="still being written"):
        erase("bob@example.com")
    reply.refresh_from_db()
    assert reply.stop_requested_at
    Message.objects.update(status="interrupted")
    assert erase("bob@example.com")["counts"]["messages"] == 1


def test_a_person_of_an_application_is_erased_by_their_label(workspace):
    record(finished(workspace_id=workspace.id, end_user="customer 7"), finished(workspace_id=workspace.id, end_user="customer 8"))
    receipt = erase(end_user=["customer 7"], workspace="Wonderland")
    assert receipt["counts"] == {"calls": 1}
    assert InferenceLog.objects.get().end_user == "customer 8"
    assert "customer 7" not in everything_stored()


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (["nobody@example.com"], {}, "no user"),
        ([], {}, "Name a user"),
        (["bob@example.com"], {"end_user": ["7"]}, "Name a user"),
        ([], {"end_user": ["7"]}, "--workspace"),
        ([], {"end_user": ["7"], "workspace": "Nowhere"}, "no workspace"),
    ],
)
@pytest.mark.usefixtures("bob")
def test_what_it_is_not_told_clearly_it_refuses(arguments, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        erase(*arguments, **options)


def test_a_persons_keys_and_sessions_end_at_once(bob_and_his_things):
    erase("bob@example.com")
    assert not ApiKey.objects.exists()
    assert not Session.objects.exists()
    assert not SignInLink.objects.exists()


def test_the_erasure_is_in_the_audit_log_without_a_name(alice, bob):
    erase(bob.email)
    entry = AuditEntry.objects.get(action="data.erased")
    assert entry.subject_id == str(ErasureReceipt.objects.get().id)
    assert "bob" not in str(AuditEntry.objects.values()).lower()


def test_invitations_with_the_person_s_address_go_too(alice, bob, workspace):
    part = Membership.objects.get(user=alice)
    for email in (bob.email, "eve@example.com"):
        invitations.create(part, uuid.uuid4(), role="member", days=7, email=email, now=timezone.now())
    erase(bob.email)
    assert list(Invitation.objects.values_list("email", flat=True)) == ["eve@example.com"]
