"""The operator sets a workspace's policy, and tries its rules on what was logged before they are switched on."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, Workspace
from telemetry import policies
from telemetry.models import InferenceLog, RedactionPolicy, RedactionRule
from telemetry.redaction import VERSION
from tests.people import make_person
from tests.telemetry.calls import finished, record, started
from tests.telemetry.test_admin_calls import INLINE

pytestmark = pytest.mark.django_db
POLICY, RULE = "admin:telemetry_redactionpolicy", "admin:telemetry_redactionrule"


@pytest.fixture(autouse=True)
def root(client, db) -> User:
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def chosen(workspace: Workspace, **choices: Any) -> dict[str, Any]:
    told = {"workspace": workspace.pk, "mode": "log_only", "vault_hours": "24", "regions": "US,GB"}
    return told | {name: value for name, value in choices.items() if value is not None}


def rule_of(workspace: Workspace, **told: Any) -> dict[str, Any]:
    return {"workspace": workspace.pk, "label": "STAFF_ID", "form": "pattern", "source": r"\bW-\d{4}\b"} | told


def page(answer: Any) -> str:
    assert answer.status_code == 200
    text: str = answer.content.decode()
    assert not INLINE.search(text)
    return text


def test_a_policy_is_entered_and_followed(client, workspace):
    answer = client.post(reverse(f"{POLICY}_add"), chosen(workspace, mode="block", kinds_off=["EMAIL"], national_ids=["GB"]))
    assert answer.status_code == 302
    policy = policies.policy_of(workspace.id)
    assert (policy.mode, policy.config.regions) == ("block", ("GB", "US"))
    assert policies.redactor_of(workspace.id).redact("a@example.org, 943 476 5919").text == "a@example.org, [[GB_NHS]]"


def test_a_region_that_nobody_knows_is_refused(client, workspace):
    assert "No numbering plan is known for XX" in page(client.post(reverse(f"{POLICY}_add"), chosen(workspace, regions="XX")))
    assert not RedactionPolicy.objects.exists()


def test_only_what_is_found_raises_the_version_of_the_rules(client, workspace):
    client.post(reverse(f"{POLICY}_add"), chosen(workspace))
    first = policies.version_of(workspace.id)
    assert first > VERSION
    change = reverse(f"{POLICY}_change", args=[workspace.pk])
    client.post(change, chosen(workspace, mode="mask", keeps_originals="on", vault_hours="48"))
    assert policies.version_of(workspace.id) == first
    assert policies.policy_of(workspace.id).mode == "mask"
    client.post(change, chosen(workspace, kinds_off=["PHONE"]))
    assert policies.version_of(workspace.id) > first


def test_a_deleted_policy_is_the_default_and_what_was_stamped_is_stale(client, workspace):
    client.post(reverse(f"{POLICY}_add"), chosen(workspace, mode="block", kinds_off=["EMAIL"]))
    before = policies.version_of(workspace.id)
    client.post(reverse(f"{POLICY}_delete", args=[workspace.pk]), {"post": "yes"})
    assert policies.policy_of(workspace.id).mode == "log_only"
    assert policies.redactor_of(workspace.id).redact("a@example.org").text == "[[EMAIL]]"
    assert policies.version_of(workspace.id) > before


def test_deep_redaction_without_a_model_is_named_as_such(client, workspace):
    answer = client.post(reverse(f"{POLICY}_add"), chosen(workspace, is_deep="on"), follow=True)
    assert "name one in OLLIVE_DEEP_MODEL" in page(answer)
    assert "name one in OLLIVE_DEEP_MODEL" in page(client.get(reverse(f"{POLICY}_change", args=[workspace.pk])))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"source": "(?<=a)b"}, "looks ahead, behind or back"),
        ({"source": "a{0,5}"}, "matches nothing at all"),
        ({"source": "(["}, "unterminated"),
        ({"label": "staff id"}, "capital letters"),
        ({"label": "ID_1"}, "end in a number"),
        ({"form": "words", "source": "x"}, "2 to"),
    ],
)
def test_a_rule_that_can_not_be_one_is_refused_with_the_reason(client, workspace, told, reason):
    assert reason in page(client.post(reverse(f"{RULE}_add"), rule_of(workspace, **told)))
    assert not RedactionRule.objects.exists()


def test_a_rule_is_tried_before_it_is_switched_on(client, workspace, root):
    told = "Badge W-1234 of a@example.org, and W-9999."
    record(started(workspace_id=workspace.id, messages=[{"role": "user", "content": told}]), finished())
    record(started(messages=[{"role": "user", "content": "W-1111 in another workspace"}]))

    saved = page(client.post(reverse(f"{RULE}_add"), rule_of(workspace), follow=True))

    rule = RedactionRule.objects.get()
    assert (rule.is_on, rule.author_id) == (False, root.id)
    assert "2 hits as STAFF_ID in 1 of the 1 newest calls" in saved
    assert "Badge" not in saved
    assert "Badge" in page(client.post(reverse(f"{RULE}_reveal", args=[rule.pk])))
    assert "W-1234" not in saved
    assert policies.redactor_of(workspace.id).redact("W-1234").text == "W-1234"

    before = policies.version_of(workspace.id)
    client.post(reverse(f"{RULE}_change", args=[rule.pk]), {"is_on": "on"})
    assert policies.redactor_of(workspace.id).redact("W-1234").text == "[[STAFF_ID]]"
    assert policies.version_of(workspace.id) > before

    client.post(reverse(f"{RULE}_changelist"), {"action": "switch_off", "_selected_action": [str(rule.pk)]})
    assert policies.redactor_of(workspace.id).redact("W-1234").text == "W-1234"


def test_what_a_rule_looks_for_is_not_changed_afterwards(client, workspace):
    client.post(reverse(f"{RULE}_add"), rule_of(workspace))
    rule = RedactionRule.objects.get()
    client.post(reverse(f"{RULE}_change", args=[rule.pk]), rule_of(workspace, source="x-files", is_on="on"))
    rule.refresh_from_db()
    assert (rule.source, rule.is_on) == (r"\bW-\d{4}\b", True)


def test_a_deleted_rule_is_no_longer_followed(client, workspace):
    client.post(reverse(f"{RULE}_add"), rule_of(workspace, form="words", source="Project Zebra\nheffalump"))
    rule = RedactionRule.objects.get()
    client.post(reverse(f"{RULE}_change", args=[rule.pk]), {"is_on": "on"})
    assert policies.redactor_of(workspace.id).redact("project zebra").text == "[[STAFF_ID]]"
    client.post(reverse(f"{RULE}_delete", args=[rule.pk]), {"post": "yes"})
    assert policies.redactor_of(workspace.id).redact("project zebra").text == "project zebra"


def test_who_may_not_read_the_log_sees_counts_alone(client, workspace, dora):
    record(started(workspace_id=workspace.id, messages=[{"role": "user", "content": "The badge W-1234."}]))
    client.post(reverse(f"{RULE}_add"), rule_of(workspace))
    permitted = ("view_redactionrule", "change_redactionrule")
    dora.user_permissions.set(Permission.objects.filter(codename__in=permitted))
    client.force_login(dora)
    shown = page(client.get(reverse(f"{RULE}_change", args=[RedactionRule.objects.get().pk])))
    assert "1 hits as STAFF_ID" in shown
    assert "The badge" not in shown


@pytest.mark.parametrize("name", [POLICY, RULE])
def test_an_operator_without_the_permission_changes_nothing(client, workspace, dora, name):
    client.force_login(dora)
    assert client.post(reverse(f"{name}_add"), chosen(workspace) | rule_of(workspace)).status_code == 403
    assert client.get(reverse(f"{name}_changelist")).status_code == 403


def test_a_workspace_goes_with_its_policy_and_rules(client, workspace):
    client.post(reverse(f"{POLICY}_add"), chosen(workspace))
    client.post(reverse(f"{RULE}_add"), rule_of(workspace))
    client.post(reverse("admin:accounts_workspace_delete", args=[workspace.pk]), {"post": "yes"})
    assert not RedactionPolicy.objects.exists()
    assert not RedactionRule.objects.exists()
    assert not InferenceLog.objects.filter(workspace_id=workspace.pk).exists()


def test_the_lists_ask_as_many_queries_for_twenty_rows_as_for_ten(client, root):
    counts: list[tuple[int, ...]] = []
    for _ in range(2):
        for number in range(10):
            workspace = Workspace.objects.create(name=f"Team {number}")
            RedactionPolicy.objects.create(workspace=workspace)
            RedactionRule.objects.create(workspace=workspace, label="A_WORD", source="heffalump", is_on=True, author_id=root.id)
        asked = []
        for name in (POLICY, RULE):
            with CaptureQueriesContext(connection) as queries:
                assert "Team 0" in page(client.get(reverse(f"{name}_changelist")))
            asked.append(len(queries))
        counts.append(tuple(asked))
    assert counts[0] == counts[1]
