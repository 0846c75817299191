"""The operator sees how long things are kept, changes it, and reads receipts that nobody can change."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from telemetry import retention
from telemetry.models import ErasureReceipt, RetentionPolicy

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, dora) -> Client:
    dora.is_superuser = True
    dora.save()
    client.force_login(dora)
    return client


def test_the_installations_policy_is_there_from_the_start_with_its_last_outcome(operator):
    page = operator.get(reverse("admin:telemetry_retentionpolicy_changelist")).content.decode()
    assert "the whole installation" in page
    RetentionPolicy.objects.update(last_outcome="2 days dropped")
    assert "2 days dropped" in operator.get(reverse("admin:telemetry_retentionpolicy_changelist")).content.decode()


def test_a_policy_is_changed_and_the_installations_stays(operator):
    policy = retention.installation()
    address = reverse("admin:telemetry_retentionpolicy_change", args=[policy.id])
    assert operator.post(address, {"raw_days": 12, "rollup_days": ""}).status_code == 302
    policy.refresh_from_db()
    assert (retention.raw_days(policy), policy.rollup_days) == (12, None)
    assert operator.post(reverse("admin:telemetry_retentionpolicy_delete", args=[policy.id]), {"post": "yes"}).status_code == 403


def test_a_list_of_policies_asks_the_same_number_of_queries_however_long(operator, django_assert_max_num_queries):
    address = reverse("admin:telemetry_retentionpolicy_changelist")

    def make(count: int) -> None:
        for _ in range(count):
            RetentionPolicy.objects.create(workspace=Workspace.objects.create(name="Team"), raw_days=3)

    make(10)
    with django_assert_max_num_queries(100) as first:
        operator.get(address)
    make(10)
    with django_assert_max_num_queries(len(first.captured_queries)):
        operator.get(address)


def test_a_receipt_is_read_and_never_changed(operator):
    receipt = ErasureReceipt.objects.create(
        subject_digest="0" * 64, requested_by="Dora", counts={"calls": 3}, begun_at=timezone.now()
    )
    page = operator.get(reverse("admin:telemetry_erasurereceipt_change", args=[receipt.id]))
    assert "calls" in page.content.decode()
    assert operator.post(reverse("admin:telemetry_erasurereceipt_change", args=[receipt.id]), {}).status_code == 403
    assert operator.post(reverse("admin:telemetry_erasurereceipt_delete", args=[receipt.id]), {"post": "yes"}).status_code == 403
