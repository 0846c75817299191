"""The audit log as owners and admins read it."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import api_keys, audit
from accounts.audit import Action, note
from tests.accounts.parts import client_of, noted, part_of, set_role
from tests.people import join, make_person

PAGE = "/settings/audit-log/"
CSV = "/settings/audit-log/csv/"


def write(actor, workspace, count=1, action=Action.WORKSPACE_RENAMED, **options):
    for _ in range(count):
        note(action, actor, now=timezone.now(), workspace=workspace, **options)


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403)])
def test_who_may_read_it(alice, bob, role, status):
    set_role(bob, role)
    client = client_of(bob)
    assert client.get(PAGE).status_code == status
    assert client.post(CSV).status_code == status


def test_it_names_whom_and_what_it_is_about(alice, bob, workspace):
    key, _ = api_keys.issue(bob, workspace, name="nightly", now=timezone.now(), by=alice)
    write(alice, workspace, action=Action.ROLE_CHANGED, subject=bob, detail={"from": "member", "to": "admin"})
    page = client_of(alice).get(PAGE).content.decode()
    assert "Changed a role" in page
    assert "role: Member → Admin" in page
    assert "Bob" in page
    assert f"nightly (…{key.last_four})" in page


def test_other_workspaces_are_not_in_it(alice, charlie, workspace):
    write(charlie, charlie.memberships.get().workspace, detail={"name": "Secret"})
    assert "Secret" not in client_of(alice).get(PAGE).content.decode()
    assert "Secret" not in client_of(alice).post(CSV).content.decode()


def test_it_is_filtered_by_action_and_person(alice, bob, workspace):
    write(alice, workspace, 2)
    write(bob, workspace, 3, action=Action.KEY_CREATED)
    client = client_of(alice)
    assert len(client.get(PAGE).context["lines"]) == 5
    assert len(client.get(PAGE, {"action": "key.created"}).context["lines"]) == 3
    assert len(client.get(PAGE, {"person": str(alice.pk)}).context["lines"]) == 2
    assert len(client.get(PAGE, {"person": str(alice.pk), "action": "key.created"}).context["lines"]) == 0
    assert len(client.get(PAGE, {"person": "nobody", "action": "nothing"}).context["lines"]) == 5


def test_it_is_paged(alice, workspace):
    write(alice, workspace, 120)
    client, seen, before = client_of(alice), [], ""
    while True:
        context = client.get(PAGE, {"before": before, "person": str(alice.pk)}).context
        seen += [line.entry.id for line in context["lines"]]
        before = context["next_before"]
        if before is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 120


def test_it_asks_as_much_for_ten_as_for_twenty(alice, workspace):
    client, counts = client_of(alice), []
    for round_ in range(2):
        for number in range(10):
            other = join(make_person(f"P{round_}{number}"), workspace)
            api_keys.issue(other, workspace, name="x", now=timezone.now(), by=other)
            write(other, workspace, action=Action.ROLE_CHANGED, subject=other)
        client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_file_has_what_the_page_has_and_taking_it_is_noted(alice, bob, workspace):
    write(bob, workspace, action=Action.KEY_CREATED, detail={"scopes": ["chat"]})
    write(alice, workspace)
    answer = client_of(alice).post(CSV, {"action": "key.created"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["action"], row["actor"], row["detail"]) for row in rows] == [("key.created", "Bob", '{"scopes":["chat"]}')]
    assert "attachment" in answer["Content-Disposition"]
    assert noted("data.exported")[0].actor_id == alice.id


def test_a_name_is_no_formula(alice, bob, workspace):
    bob.name = '=HYPERLINK("http://evil.example","x")'
    bob.save()
    write(bob, workspace)
    rows = list(csv.DictReader(io.StringIO(client_of(alice).post(CSV).content.decode())))
    assert rows[0]["actor"].startswith("'=")


def test_who_is_erased_has_no_name_in_it(alice, workspace):
    eve = join(make_person("Zenobia"), workspace)
    write(eve, workspace, subject=eve)
    eve.delete()
    page = client_of(alice).get(PAGE).content.decode()
    assert "Zenobia" not in page
    assert "a person who is no longer here" in page
    assert audit.verify().fault is None


def test_what_a_person_wrote_is_escaped(alice, workspace):
    part = part_of(alice)
    part.workspace.name = "<script>alert(1)</script>"
    part.workspace.save()
    write(alice, workspace, subject=part.workspace, detail={"name": "<b>x</b>"})
    page = client_of(alice).get(PAGE).content.decode()
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
