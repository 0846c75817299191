"""The privacy page: what holds is said to everybody, changed by owners and admins, tried before, and noted."""

import re

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.models import AuditEntry
from telemetry import events, policies, retention
from telemetry.models import RedactionPolicy, RedactionRule, RetentionPolicy
from telemetry.redaction.kinds import LABELS
from tests.accounts.parts import client_of, noted, set_role, told

PAGE = "/settings/privacy/"
TRY = "/settings/privacy/try/"
ADD = "/settings/privacy/rules/add/"


@pytest.fixture(autouse=True)
def _nothing_known():
    policies.forget()
    cache.clear()


@pytest.fixture
def rule(alice, workspace) -> RedactionRule:
    return add(client_of(alice))


def mode(client, value="mask", **fields):
    return client.post(PAGE, {"section": "mode", "mode": value, "vault_hours": 24, **fields}, follow=True)


def finding(client, **fields):
    kinds = [kind for kind in LABELS if kind != "WITHHELD"]
    given = {"section": "finding", "kinds": kinds, "regions": "US, CA, GB, AU, IN, FR, DE, NL", **fields}
    return client.post(PAGE, given, follow=True)


def keeping(client, **fields):
    given = {"section": "keeping", "payloads": "", "raw_days": 30, "rollup_days": 400, **fields}
    return client.post(PAGE, given, follow=True)


def add(client, **fields) -> RedactionRule:
    client.post(ADD, {"label": "STAFF", "form": "pattern", "source": r"EMP-[0-9]{6}", **fields})
    return RedactionRule.objects.get()


def tried(client, text, **fields) -> str:
    """What the trial shows, without the page round it."""
    answer = client.post(TRY, {"text": text, **fields}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", "", answer.content.decode()).split())


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_everybody_reads_what_holds(alice, bob, role):
    page = client_of(set_role(bob, role)).get(PAGE).content.decode()
    assert "Redact what is stored" in page
    assert "for 30 days" in page
    assert "Save what is removed" not in page


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403)])
def test_who_changes_it(alice, bob, workspace, role, status):
    client = client_of(set_role(bob, role))
    assert mode(client).status_code == status
    assert finding(client, is_deep="on").status_code == status
    assert keeping(client, raw_days=7).status_code == status
    assert client.post(ADD, {"label": "STAFF", "form": "words", "source": "Titan"}).status_code == (302 if status == 200 else 403)
    assert RedactionPolicy.objects.exists() is RetentionPolicy.objects.filter(workspace=workspace).exists() is (status == 200)


def test_the_mode_holds_at_once_and_is_noted(alice, workspace):
    assert policies.policy_of(workspace.pk).mode == "log_only"
    assert "It holds from now on" in told(mode(client_of(alice), "block", keeps_originals="on", vault_hours=48))
    policy = policies.policy_of(workspace.pk)
    assert (policy.mode, policy.vault.total_seconds()) == ("block", 48 * 3600)
    (entry,) = noted("policy.changed")
    assert entry.actor_id == alice.id
    assert entry.detail == {"mode": "log_only → block", "keeps_originals": "no → yes", "vault_hours": "24 → 48"}


def test_saving_what_is_so_already_changes_nothing(alice):
    client = client_of(alice)
    mode(client)
    assert "Nothing was changed" in told(mode(client))
    assert len(noted("policy.changed")) == 1


def test_a_kind_that_is_not_ticked_stays(alice, workspace):
    client = client_of(alice)
    assert tried(client, "mail bob@example.com").startswith("mail e-mail Removed: e-mail")
    version = policies.version_of(workspace.pk)
    finding(client, kinds=["PHONE"])
    assert tried(client, "mail bob@example.com") == "mail bob@example.com Nothing would be removed."
    assert policies.redactor_of(workspace.pk).redact("mail bob@example.com").text == "mail bob@example.com"
    assert policies.version_of(workspace.pk) > version


def test_saving_the_finding_unchanged_leaves_the_version(alice, workspace):
    version = policies.version_of(workspace.pk)
    assert "Nothing was changed" in told(finding(client_of(alice)))
    assert policies.version_of(workspace.pk) == version


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"regions": "US, XX"}, "No numbering plan is known for XX"),
        ({"kinds": ["NONSENSE"]}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_followed_is_refused(alice, fields, said):
    answer = finding(client_of(alice), **fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not noted("policy.changed")


def test_the_log_keeps_what_the_workspace_says(alice, workspace):
    call = {"workspace_id": workspace.pk, "inference_id": alice.pk, "status": "success", "reply": "The moon."}
    assert '"reply"' in events.build("finished", call).body
    keeping(client_of(alice), payloads="none")
    assert "moon" not in events.build("finished", call).body
    assert "moon" not in events.build("finished", call, payloads="full").body


def test_a_workspace_keeps_no_more_than_the_installation(alice, workspace, settings):
    settings.OLLIVE_PAYLOADS = "preview"
    keeping(client_of(alice), payloads="full")
    assert policies.kept(policies.policy_of(workspace.pk)) == "preview"
    assert policies.kept(policies.policy_of(workspace.pk), "none") == "none"


def test_calls_are_kept_for_fewer_days(alice, workspace):
    client = client_of(alice)
    keeping(client, raw_days=7)
    own = RetentionPolicy.objects.get(workspace=workspace)
    assert (retention.raw_days(own), own.rollup_days) == (7, None)
    assert noted("policy.retention_changed")[0].detail["calls"] == "30 → 7 days"
    assert "for 7 days" in client.get(PAGE).content.decode()


@pytest.mark.parametrize("days", [0, 31, "many"])
def test_days_beyond_the_installations_are_refused(alice, workspace, days):
    assert keeping(client_of(alice), raw_days=days).status_code == 422
    assert not RetentionPolicy.objects.filter(workspace=workspace).exists()


def test_a_new_rule_is_off_until_it_is_switched_on(alice, workspace, rule):
    client = client_of(alice)
    text = "ask EMP-123456"
    assert not rule.is_on
    assert tried(client, text).startswith(text)
    assert tried(client, text, rule=rule.pk).startswith("ask STAFF")
    client.post(reverse("switch_rule", args=[rule.pk]), {"on": "1"})
    assert tried(client, text).startswith("ask STAFF")
    assert policies.redactor_of(workspace.pk).redact(text).text == "ask [[STAFF]]"
    client.post(reverse("switch_rule", args=[rule.pk]), {"on": "0"})
    assert policies.redactor_of(workspace.pk).redact(text).text == text
    client.post(reverse("delete_rule", args=[rule.pk]))
    assert not RedactionRule.objects.exists()
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["rule.created", "rule.switched_on", "rule.switched_off", "rule.deleted"]
    assert all(entry.detail == {"name": "STAFF"} for entry in AuditEntry.objects.all())


def test_what_a_rule_would_have_hit_is_told_in_numbers(alice, rule):
    page = client_of(alice).get(PAGE, {"tried": rule.pk}).content.decode()
    assert "No calls are logged here yet" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source": "EMP-[0-9]+"}, "end"),
        ({"source": "("}, "pattern"),
        ({"label": "x"}, "A label has 2 to 40"),
        ({"form": "words", "source": "a"}, "A word has"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_the_reason(alice, fields, said):
    answer = client_of(alice).post(ADD, {"label": "STAFF", "form": "pattern", "source": "EMP-[0-9]{6}", **fields})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not RedactionRule.objects.exists()


def test_a_strangers_rule_does_not_exist(rule, charlie):
    client = client_of(charlie)
    for name in ("switch_rule", "delete_rule"):
        assert client.post(reverse(name, args=[rule.pk]), {"on": "1"}).status_code == 404
    assert tried(client, "EMP-123456", rule=rule.pk).startswith("EMP-123456")


def test_a_trial_shows_what_was_typed_as_text(alice):
    answer = client_of(alice).post(TRY, {"text": "<script>alert(1)</script> bob@example.com [[EMAIL]]"})
    page = answer.content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_trial_is_stored_nowhere(alice, caplog):
    client_of(alice).post(TRY, {"text": "my secret is tr0ub4dor and bob@example.com"})
    assert "tr0ub4dor" not in caplog.text
    assert not AuditEntry.objects.exists()


def test_members_try_texts_too(alice, bob):
    assert tried(client_of(bob), "call +1 415 555 2671").startswith("call phone number")


def test_an_unknown_section_is_not_found(alice):
    assert client_of(alice).post(PAGE, {"section": "everything"}).status_code == 404
