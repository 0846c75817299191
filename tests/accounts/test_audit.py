"""The audit log: append-only, chained, and safe when many write at once."""

import threading
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from accounts import audit
from accounts.audit import Action, note
from accounts.models import AuditEntry, Membership


@pytest.fixture
def entries(alice, workspace) -> list[AuditEntry]:
    now = timezone.now()
    return [note(Action.WORKSPACE_RENAMED, alice, now=now, workspace=workspace, detail={"turn": turn}) for turn in range(4)]


def tamper(statement: str) -> None:
    """As the table's owner could: with the triggers out of the way."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_entry_is_final")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER audit_entry_is_final")


def test_an_entry_says_who_did_what_to_whom(alice, bob, workspace):
    part = Membership.objects.get(user=bob)
    now = timezone.now()
    written = note(Action.ROLE_CHANGED, alice, now=now, workspace=workspace, subject=part.user, detail={"to": "admin"})
    entry = AuditEntry.objects.get(id=written.id)
    assert (entry.actor_id, entry.workspace_id, entry.at) == (alice.id, workspace.id, now)
    assert (entry.action, entry.subject_kind, entry.subject_id) == ("member.role_changed", "user", str(bob.id))
    assert entry.detail == {"to": "admin"}


def test_each_entry_is_chained_to_the_one_before(entries):
    assert [entry.id for entry in entries] == [1, 2, 3, 4]
    assert [entry.previous for entry in entries] == [audit.START, *(entry.digest for entry in entries[:3])]
    assert audit.verify().fault is None
    assert audit.verify().entry_count == 4


def test_what_is_undone_leaves_no_entry(alice, workspace, entries):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        note(Action.WORKSPACE_RENAMED, alice, now=timezone.now(), workspace=workspace)
        raise ZeroDivisionError
    note(Action.WORKSPACE_RENAMED, alice, now=timezone.now(), workspace=workspace)
    assert audit.verify().entry_count == 5


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET actor_id = NULL WHERE id = 2",
        "DELETE FROM accounts_auditentry WHERE id = 4",
    ],
)
def test_the_database_refuses_to_change_or_delete_one(entries, statement):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == 4


def test_the_database_refuses_to_empty_the_table(entries):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER audit_log_is_never_emptied")
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            cursor.execute("TRUNCATE accounts_auditentry CASCADE")
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_log_is_never_emptied")
    assert AuditEntry.objects.count() == 4


@pytest.mark.parametrize(
    ("statement", "entry_id", "problem"),
    [
        ("UPDATE accounts_auditentry SET detail = '{\"turn\": 9}' WHERE id = 2", 2, "was changed"),
        ("UPDATE accounts_auditentry SET actor_id = NULL WHERE id = 3", 3, "was changed"),
        ("UPDATE accounts_auditentry SET at = at + interval '1 s' WHERE id = 1", 1, "was changed"),
        ("DELETE FROM accounts_auditentry WHERE id = 2", 3, "missing"),
        ("UPDATE accounts_auditentry SET previous = repeat('f', 64) WHERE id = 4", 4, "not chained"),
    ],
)
def test_a_changed_chain_is_noticed(entries, statement, entry_id, problem):
    tamper(statement)
    fault = audit.verify().fault
    assert fault is not None
    assert fault.entry_id == entry_id
    assert problem in fault.problem


def test_the_command_tells_of_a_whole_chain_and_its_last_digest(entries):
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "4 entries" in out.getvalue()
    assert f"4:{entries[3].digest}" in out.getvalue()


def test_the_command_fails_on_a_broken_one(entries):
    tamper("DELETE FROM accounts_auditentry WHERE id = 2")
    with pytest.raises(CommandError, match="Entry 3 follows 1"):
        call_command("verify_audit")


def test_a_log_that_was_cut_at_its_end_is_noticed_by_a_kept_digest(entries):
    kept = f"4:{entries[3].digest}"
    call_command("verify_audit", expect=[kept], stdout=StringIO())
    tamper("DELETE FROM accounts_auditentry WHERE id = 4")
    call_command("verify_audit", stdout=StringIO())
    with pytest.raises(CommandError, match="Entry 4 is missing"):
        call_command("verify_audit", expect=[kept])


def test_a_log_that_was_rewritten_as_a_whole_is_noticed_by_a_kept_digest(alice, entries):
    kept = f"2:{entries[1].digest}"
    tamper("DELETE FROM accounts_auditentry")
    for _ in range(4):
        note(Action.WORKSPACE_RENAMED, alice, now=timezone.now())
    assert audit.verify().fault is None
    with pytest.raises(CommandError, match="Entry 2 has another digest"):
        call_command("verify_audit", expect=[kept])


def test_a_value_survives_the_way_through_the_table(alice, workspace):
    detail = {"id": uuid.uuid4(), "text": "ünï – 🦉", "list": [1, None, True, 1.5], "nested": {"b": 1, "a": {"x": 2**53}}}
    note(Action.POLICY_CHANGED, alice, now=timezone.now(), workspace=workspace, detail=detail)
    assert audit.verify().fault is None


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain(alice, workspace):
    started = threading.Barrier(6)

    def write() -> None:
        try:
            started.wait()
            for _ in range(10):
                note(Action.WORKSPACE_RENAMED, alice, now=timezone.now(), workspace=workspace)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome = audit.verify()
    assert outcome.fault is None
    assert outcome.entry_count == 60


def test_an_erased_person_leaves_the_chain_whole(bob, workspace):
    note(Action.MEMBER_LEFT, bob, now=timezone.now(), workspace=workspace, subject=bob)
    bob.delete()
    assert audit.verify().fault is None
    assert "Bob" not in str(list(AuditEntry.objects.values()))
