"""What was said is shown to an operator when they ask for it, and the workspace's audit log has each time; deletions too."""

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from uuid_utils.compat import uuid7

from accounts.models import AuditEntry, User
from telemetry import digest
from telemetry.models import DeadLetter, InboxEvent, InferenceLog, RedactionRule, Score, Span
from tests.people import make_person
from tests.telemetry.calls import WORKSPACE, append, finished, let_time_pass, only_row, record, spoil, started
from tests.telemetry.test_spans import step

pytestmark = pytest.mark.django_db
WORDS = "heffalump"


@pytest.fixture
def root(client, db) -> User:
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def view(client, model: str, key: object) -> str:
    answer = client.get(reverse(f"admin:telemetry_{model}_change", args=[quote(str(key))]))
    assert answer.status_code == 200
    return answer.content.decode()


def reveal(client, model: str, key: object) -> str:
    answer = client.post(reverse(f"admin:telemetry_{model}_reveal", args=[quote(str(key))]))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def seen() -> list[tuple[object, ...]]:
    found = AuditEntry.objects.filter(action="content.seen").order_by("id")
    return list(found.values_list("actor_id", "workspace_id", "subject_kind", "subject_id"))


@pytest.fixture
def call(workspace) -> InferenceLog:
    identity = uuid7()
    failed = {"status": "error", "error_class": "server_error", "error_message": f"The {WORDS} is too long.", "reply": None}
    messages = [{"role": "user", "content": f"Where is the {WORDS}?"}]
    record(
        started(identity, workspace_id=workspace.id, messages=messages),
        finished(identity, workspace_id=workspace.id, **failed),
    )
    Score.objects.create(
        workspace_id=workspace.id, inference_id=identity, source="person", name="comment", kind="text", comment=f"A {WORDS}!"
    )
    return only_row()


def test_a_call_is_shown_without_words_until_they_are_asked_for(client, root, call, workspace):
    before = view(client, "inferencelog", call.id)
    assert WORDS not in before
    assert "server_error" in before
    assert seen() == []
    after = reveal(client, "inferencelog", call.id)
    assert f"Where is the {WORDS}?" in after
    assert f"The {WORDS} is too long." in after
    assert f"A {WORDS}!" in after
    assert seen() == [(root.id, workspace.id, "inferencelog", str(call.id))]
    assert WORDS not in view(client, "inferencelog", call.id)


def test_a_score_a_step_a_waiting_event_and_a_rule_are_revealed_each_by_itself(client, root, call, workspace):
    record(step(workspace_id=workspace.id, name="look_up", arguments={"word": WORDS}))
    append(finished(workspace_id=workspace.id, reply=f"The {WORDS} is here."))
    rule = RedactionRule.objects.create(workspace=workspace, label="A_WORD", source="Where", is_on=False, author_id=root.id)
    kept = Span.objects.get()
    keys = {
        "score": Score.objects.get().id,
        "span": f"{kept.received_at.isoformat()}~{kept.id}",
        "inboxevent": InboxEvent.objects.get().id,
        "redactionrule": rule.id,
    }
    for model, key in keys.items():
        assert WORDS not in view(client, model, key), model
        assert WORDS in reveal(client, model, key), model
    assert [kind for _, _, kind, _ in seen()] == list(keys)
    assert {where for _, where, _, _ in seen()} == {workspace.id}


def test_a_dead_letter_tells_the_kind_of_its_error_alone(client, root):
    spoil(f'{{"said": "{WORDS}"}}')
    for _ in range(digest.ATTEMPTS):
        digest.drain()
        let_time_pass()
    DeadLetter.objects.update(error=f"ValueError: the {WORDS} is wrong")
    letter = DeadLetter.objects.get()
    for shown in (
        client.get(reverse("admin:telemetry_deadletter_changelist")).content.decode(),
        view(client, "deadletter", letter.id),
    ):
        assert WORDS not in shown
        assert "ValueError" in shown
    assert f"the {WORDS} is wrong" in reveal(client, "deadletter", letter.id)


def test_who_may_view_but_not_read_can_reveal_nothing(client, dora, call):
    dora.user_permissions.set(Permission.objects.filter(codename__in=["view_inferencelog", "view_score"]))
    client.force_login(dora)
    for model, key in (("inferencelog", call.id), ("score", Score.objects.get().id)):
        assert "Show what was said" not in view(client, model, key)
        assert client.post(reverse(f"admin:telemetry_{model}_reveal", args=[key])).status_code == 403
    assert seen() == []


def test_who_may_read_but_not_view_can_reveal_nothing(client, dora, call):
    dora.user_permissions.set(Permission.objects.filter(codename="view_content"))
    client.force_login(dora)
    assert client.post(reverse("admin:telemetry_inferencelog_reveal", args=[call.id])).status_code == 403


def test_a_link_to_what_was_revealed_shows_nothing(client, root, call):
    address = reverse("admin:telemetry_inferencelog_reveal", args=[call.id])
    answer = client.get(address, follow=True)
    assert answer.redirect_chain == [(reverse("admin:telemetry_inferencelog_change", args=[call.id]), 302)]
    assert WORDS not in answer.content.decode()
    assert seen() == []


def test_what_does_not_exist_is_not_revealed(client, root):
    answer = client.post(reverse("admin:telemetry_inferencelog_reveal", args=[uuid7()]), follow=True)
    assert "doesn’t exist" in answer.content.decode()
    assert seen() == []


def test_a_revealed_rule_is_still_switched_on_by_its_form(client, root, call, workspace):
    rule = RedactionRule.objects.create(workspace=workspace, label="A_WORD", source="Where", is_on=False, author_id=root.id)
    page = reverse("admin:telemetry_redactionrule_change", args=[rule.id])
    assert f'action="{page}"' in reveal(client, "redactionrule", rule.id)


def test_each_workspace_is_told_of_the_calls_that_an_operator_deleted(client, root, workspace):
    record(*[finished(workspace_id=workspace.id) for _ in range(2)], finished())
    doomed = list(InferenceLog.objects.all())
    chosen = {"action": "delete_selected", "_selected_action": [str(call.id) for call in doomed], "post": "yes"}
    client.post(reverse("admin:telemetry_inferencelog_changelist"), chosen)
    assert not InferenceLog.objects.exists()
    noted = {entry.workspace_id: entry for entry in AuditEntry.objects.filter(action="data.erased")}
    assert {key: entry.detail["call_count"] for key, entry in noted.items()} == {workspace.id: 2, WORKSPACE: 1}
    assert set(noted[workspace.id].detail["calls"]) == {str(call.id) for call in doomed if call.workspace_id == workspace.id}
    assert {entry.actor_id for entry in noted.values()} == {root.id}


def test_steps_and_scores_are_found_by_their_call(client, root, call, workspace):
    record(
        step(workspace_id=workspace.id, name="look_up", inference_id=call.id), step(workspace_id=workspace.id, name="send_mail")
    )
    steps = client.get(reverse("admin:telemetry_span_changelist"), {"q": str(call.id)}).content.decode()
    assert "look_up" in steps
    assert "send_mail" not in steps
    judged = client.get(reverse("admin:telemetry_score_changelist"), {"q": str(call.id)}).content.decode()
    assert "1 shown" in judged
    assert "0 shown" in client.get(reverse("admin:telemetry_score_changelist"), {"q": str(uuid7())}).content.decode()


@pytest.mark.parametrize("name", ["score", "span"])
def test_the_lists_ask_as_many_queries_for_twenty_rows_as_for_ten_and_count_nothing(client, root, workspace, alice, name):
    counts: list[int] = []
    for _ in range(2):
        for _ in range(10):
            record(step(workspace_id=workspace.id, user_id=alice.id))
            Score.objects.create(
                workspace_id=workspace.id, user_id=alice.id, source="person", name="thumb", kind="boolean", value=1
            )
        with CaptureQueriesContext(connection) as queries:
            shown = client.get(reverse(f"admin:telemetry_{name}_changelist")).content.decode()
        assert f"{10 * len(counts) + 10} shown" in shown
        assert not [query["sql"] for query in queries if "COUNT(" in query["sql"]]
        counts.append(len(queries))
    assert counts[0] == counts[1]
