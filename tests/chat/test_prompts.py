"""Kept prompts: what is taken, who sees them, and what a slash offers."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat import prompts
from chat.models import Conversation, Prompt
from chat.reredaction import backfill
from telemetry import policies
from telemetry.models import RedactionPolicy, RedactionRule
from telemetry.reredaction import Period


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def write(user, **fields):
    return client_of(user).post(reverse("chat:prompts"), {"name": "report", "body": "Report on {{week}}", **fields})


def offered(user) -> list[str]:
    return [one["name"] for one in client_of(user).get(reverse("chat:prompt_choices")).json()["prompts"]]


def test_a_prompt_is_kept_under_a_name_that_can_be_typed(alice):
    write(alice, name="/Weekly Report_2")
    assert offered(alice) == ["weekly-report-2"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "…"}, "small letters, digits and hyphens"),
        ({"name": ""}, "small letters, digits and hyphens"),
        ({"name": "x" * 61}, "small letters, digits and hyphens"),
        ({"body": " \n"}, "Write the prompt first"),
        ({"body": "x" * 20_001}, "20,000 is the most"),
        ({"body": " ".join(f"{{{{v{n}}}}}" for n in range(13))}, "at most 12 variables"),
    ],
)
def test_what_can_not_be_kept_is_told_beside_its_field(alice, fields, told):
    answer = write(alice, **fields)
    assert answer.status_code == 422
    content = answer.content.decode()
    assert told in content
    assert 'aria-invalid="true"' in content
    assert not Prompt.objects.exists()


def test_a_name_is_given_once_by_each_person(alice, bob):
    write(alice)
    answer = write(alice, body="Another")
    assert answer.status_code == 422
    assert "called /report already" in answer.content.decode()
    assert "Another" in answer.content.decode()  # what was written stays in the form
    assert write(bob).status_code == 302


def test_others_see_what_is_shared_and_change_nothing(alice, bob, charlie):
    write(alice, name="mine")
    write(alice, name="ours", is_shared="1")
    shared = Prompt.objects.get(name="ours")
    assert (offered(alice), offered(bob), offered(charlie)) == (["mine", "ours"], ["ours"], [])
    page = client_of(bob).get(reverse("chat:prompts")).content.decode()
    assert "/ours" in page
    assert "/mine" not in page
    assert reverse("chat:prompt", args=[shared.id]) not in page
    assert client_of(bob).post(reverse("chat:prompt", args=[shared.id]), {"name": "x", "body": "x"}).status_code == 404
    assert client_of(bob).post(reverse("chat:delete_prompt", args=[shared.id])).status_code == 404
    assert client_of(bob).get(reverse("chat:prompt_body", args=[shared.id])).json()["variables"] == ["week"]


def test_a_viewer_uses_and_writes_none(alice, bob):
    write(alice, is_shared="1")
    bob.memberships.update(role="viewer")
    assert offered(bob) == ["report"]
    assert write(bob).status_code == 403
    assert "New prompt" not in client_of(bob).get(reverse("chat:prompts")).content.decode()


def test_what_it_holds_is_redacted_before_it_is_stored(alice, workspace):
    RedactionPolicy.objects.create(workspace=workspace, mode="mask")
    write(alice, body="Write to alice.liddell@example.org")
    assert "alice.liddell" not in Prompt.objects.get().body


def test_it_is_changed_and_deleted(alice):
    write(alice)
    prompt = Prompt.objects.get()
    client_of(alice).post(reverse("chat:prompt", args=[prompt.id]), {"name": "other", "body": "New", "is_shared": "1"})
    prompt.refresh_from_db()
    assert (prompt.name, prompt.body, prompt.is_shared) == ("other", "New", True)
    client_of(alice).post(reverse("chat:delete_prompt", args=[prompt.id]))
    assert not Prompt.objects.exists()


def test_scripts_in_a_prompt_are_shown_and_not_run(alice):
    write(alice, body="<script>alert(1)</script>")
    content = client_of(alice).get(reverse("chat:prompts")).content.decode()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert" in content


def keep(user, workspace, count: int) -> None:
    Prompt.objects.bulk_create(
        Prompt(workspace=workspace, owner=user, name=f"p{n:04}", body="x", is_shared=True) for n in range(count)
    )


def test_the_page_asks_the_same_for_ten_and_for_twenty(alice, bob, workspace):
    counts = []
    for number in (10, 20):
        Prompt.objects.all().delete()
        keep(bob, workspace, number)
        client = client_of(alice)
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("chat:prompts"))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_page_goes_on_where_it_ended(alice, workspace):
    keep(alice, workspace, prompts.PAGE + 3)
    part = alice.memberships.get()
    first = prompts.page(part)
    rest = prompts.page(part, after=first.next_after)
    assert [len(first.rows), len(rest.rows), rest.next_after] == [prompts.PAGE, 3, ""]
    assert first.rows[-1].name < rest.rows[0].name
    assert prompts.page(part, after="broken").rows == first.rows


def test_a_new_rule_reaches_prompts_and_instructions(alice, workspace):
    write(alice, body="Badge W-1234")
    chat = Conversation.objects.create(workspace=workspace, owner=alice, system_prompt="For W-1234")
    RedactionRule.objects.create(workspace=workspace, label="STAFF_ID", source=r"\bW-\d{4}\b", is_on=True)
    policies.rules_changed(workspace.id)
    rules = policies.rules_of(workspace.id)
    done = backfill(workspace.id, rules, Period(), is_dry=False, report=lambda _count: None)
    chat.refresh_from_db()
    assert (Prompt.objects.get().body, chat.system_prompt) == ("Badge [[STAFF_ID]]", "For [[STAFF_ID]]")
    assert done.changed_count == 2
