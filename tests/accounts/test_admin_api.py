"""Keys, people and workspaces for programs."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, AuditEntry, Membership, Workspace
from tests.people import join, make_person
from tests.programs import make_token
from tests.rest import Program

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(alice) -> Program:
    return Program(alice)


def test_a_key_is_made_used_changed_rotated_and_revoked(program, alice):
    limits = {"requests_per_minute": 60, "tokens_per_minute": None, "concurrent_calls": 4}
    given = {
        "name": " nightly  jobs ",
        "scopes": ["chat", "admin"],
        "models": ["openai/*"],
        "limits": limits,
    }
    made = program.told("post", "/admin/keys", given | {"expires_in_days": 90}, status=201)
    assert {name: made[name] for name in ("name", "scopes", "models", "limits")} == given | {"name": "nightly jobs"}
    assert (made["user_id"], made["is_valid"], made["last_four"]) == (str(alice.pk), True, made["token"][-4:])
    address = f"/admin/keys/{made['id']}"
    assert "token" not in program.told("get", address)
    assert Program(token=made["token"]).told("get", address)["id"] == made["id"]

    changed = program.told("patch", address, {"models": ["fast"], "limits": {"tokens_per_minute": 9}})
    assert (changed["name"], changed["models"]) == ("nightly jobs", ["fast"])
    assert changed["limits"] == {"requests_per_minute": None, "tokens_per_minute": 9, "concurrent_calls": None}

    rotated = program.told("post", f"{address}/rotate", {"overlap_hours": 1})
    assert rotated["id"] == made["id"]
    assert rotated["previous_expires_at"] is not None
    for token in (made["token"], rotated["token"]):
        assert api_keys.verify(token, timezone.now()) is not None

    program.told("delete", address, status=204)
    assert program.told("get", address)["is_valid"] is False
    assert api_keys.verify(rotated["token"], timezone.now()) is None
    acts = ["key.created", "key.changed", "key.rotated", "key.revoked"]
    told = AuditEntry.objects.filter(subject_id=made["id"]).order_by("id")
    assert [(entry.action, entry.actor_id) for entry in told] == [(act, alice.pk) for act in acts]


def test_sending_twice_makes_one_key(program):
    given = {"name": "twice", "id": str(uuid.uuid4())}
    program.told("post", "/admin/keys", given, status=201)
    assert "was made already" in program.told("post", "/admin/keys", given, status=422)["detail"]
    assert ApiKey.objects.filter(name="twice").count() == 1


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
        ({"name": "x", "user_id": "00000000-0000-4000-8000-000000000001"}, "user_id"),
    ],
    ids=["no name", "blank name", "unknown scope", "no scope", "ended", "limit of none", "another's"],
)
def test_a_key_that_can_not_be_is_refused_with_the_field(program, given, param):
    assert program.told("post", "/admin/keys", given, status=422)["param"] == param


def test_nobody_gets_a_key_beyond_their_role(workspace, alice):
    """An admin may what an owner may, by a key; what has no such name is refused."""
    refused = Program(alice).told("post", "/admin/keys", {"name": "x", "models": ["not a model!"]}, status=422)
    assert "is no name of a model" in refused["detail"]


def test_a_token_is_nobody_elses_to_see(program, bob):
    token = make_token(bob, scopes=["chat"], name="Bob's")
    key = ApiKey.objects.get(name="Bob's")
    refused = program.told("post", f"/admin/keys/{key.pk}/rotate", {}, status=403)
    assert refused["code"] == "forbidden"
    program.told("delete", f"/admin/keys/{key.pk}", status=204)
    assert api_keys.verify(token, timezone.now()) is None


def test_keys_are_listed_page_by_page_with_the_same_number_of_queries(program, alice, bob):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            program.told("get", "/admin/keys")
        return len(asked)

    made = [make_token(alice, name=f"key {number}") for number in range(10)]
    queries()  # the first one notes that the key was used
    few = queries()
    made += [make_token(bob, name=f"key {number}") for number in range(10, 20)]
    assert queries() == few
    api_keys.revoke(ApiKey.objects.get(name="key 3"), timezone.now())
    names = [key["name"] for key in program.pages("/admin/keys", limit=7)]
    assert names == [*(f"key {number}" for number in reversed(range(20)) if number != 3), "tests"]
    assert len(program.pages("/admin/keys", with_ended=True)) == 21
    assert len(program.pages("/admin/keys", user_id=str(bob.pk))) == 10
    assert program.told("get", "/admin/keys", cursor="nonsense", status=400)["code"] == "invalid_cursor"


def test_people_are_listed_changed_and_removed(program, alice, bob, charlie):
    assert [(one["email"], one["role"]) for one in program.pages("/admin/users", limit=1)] == [
        ("alice@example.com", "owner"),
        ("bob@example.com", "member"),
    ]
    address = f"/admin/users/{bob.pk}"
    changed = program.told("patch", address, {"role": "viewer", "limits": {"requests_per_minute": 5}})
    assert (changed["role"], changed["limits"]["requests_per_minute"]) == ("viewer", 5)
    assert program.told("patch", address, {"role": "admin"})["limits"]["requests_per_minute"] == 5
    program.told("delete", address, status=204)
    program.told("get", address, status=404)
    program.told("get", f"/admin/users/{charlie.pk}", status=404)
    acts = ["member.role_changed", "limits.changed", "member.role_changed", "member.removed"]
    assert list(AuditEntry.objects.order_by("id").exclude(action="key.created").values_list("action", flat=True)) == acts


def test_the_last_owner_stays(program, alice):
    told = program.told("patch", f"/admin/users/{alice.pk}", {"role": "member"}, status=409)
    assert "only one" in told["detail"]
    assert program.told("delete", f"/admin/users/{alice.pk}", status=409)["code"] == "conflict"


def test_an_admin_does_not_change_an_owner(workspace, alice, bob):
    Membership.objects.filter(user=bob).update(role="admin")
    program = Program(bob)
    assert program.told("patch", f"/admin/users/{alice.pk}", {"role": "viewer"}, status=403)["code"] == "forbidden"
    assert program.told("post", "/admin/users", {"role": "owner"}, status=403)["code"] == "forbidden"


def test_a_person_is_invited_with_a_link_that_is_shown_once(program, client):
    made = program.told("post", "/admin/users", {"email": "Carol@Example.com", "role": "viewer", "days": 1}, status=201)
    assert (made["email"], made["role"], made["use_count"]) == ("carol@example.com", "viewer", 0)
    assert "olv_invite_" in made["url"]
    [listed] = program.pages("/admin/invitations")
    assert (listed["id"], "url" in listed) == (made["id"], False)
    program.told("delete", f"/admin/invitations/{made['id']}", status=204)
    assert program.pages("/admin/invitations") == []
    assert program.told("post", "/admin/users", {"email": "nobody"}, status=422)["param"] == "email"


def test_a_workspace_is_renamed_and_its_people_limited(program, workspace, charlie):
    address = f"/admin/workspaces/{workspace.pk}"
    changed = program.told("patch", address, {"name": "Looking-glass", "limits": {"concurrent_calls": 3}})
    assert (changed["name"], changed["limits"]["concurrent_calls"], changed["member_count"]) == ("Looking-glass", 3, 1)
    assert [one["id"] for one in program.pages("/admin/workspaces")] == [str(workspace.pk)]
    elsewhere = charlie.workspaces.get()
    program.told("get", f"/admin/workspaces/{elsewhere.pk}", status=404)


def test_a_new_workspace_comes_with_a_key_of_its_own(program, alice):
    made = program.told("post", "/admin/workspaces", {"name": "Night shift"}, status=201)
    there = Program(token=made["key"]["token"])
    assert [one["name"] for one in there.pages("/admin/workspaces")] == ["Night shift"]
    assert [one["email"] for one in there.pages("/admin/users")] == [alice.email]
    program.told("get", f"/admin/workspaces/{made['id']}", status=404)  # a key opens one workspace


def test_an_operator_sees_all_workspaces_where_they_may(alice, charlie):
    alice.is_staff = True
    alice.save()
    program = Program(alice)
    assert len(program.pages("/admin/workspaces")) == 1
    alice.user_permissions.add(Permission.objects.get(codename="view_workspace"))
    assert len(program.pages("/admin/workspaces", limit=1)) == Workspace.objects.count() == 2
    program.told("patch", f"/admin/workspaces/{charlie.workspaces.get().pk}", {"name": "mine"}, status=404)


def test_many_people_cost_no_more_queries(program, workspace):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            program.told("get", "/admin/users")
        return len(asked)

    def add(numbers: range) -> None:
        for number in numbers:
            join(make_person(f"P{number}"), workspace)

    add(range(10))
    queries()  # the first one notes that the key was used
    few = queries()
    add(range(10, 20))
    assert queries() == few


def test_a_field_that_is_not_there_is_refused(program):
    told: Any = program.told("patch", f"/admin/keys/{uuid.uuid4()}", {"scope": "admin"}, status=422)
    assert told["param"] == "scope"
