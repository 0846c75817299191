"""Datasets: filled by hand, from files and from calls, read by who may, and gone with the people they tell of."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import AuditEntry
from telemetry import cases, datasets, person_erasure, policies, reredaction
from telemetry.models import Case, Dataset, InferenceLog
from tests.people import join, make_person
from tests.telemetry.calls import finished, record, started

WHY = [{"role": "user", "content": "Why?"}]
pytestmark = pytest.mark.django_db


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def dataset(alice, workspace) -> Dataset:
    return datasets.make(workspace.id, "Tides", now=timezone.now(), by=alice.id)


def call_by(person: Any, workspace: Any, **fields: Any) -> InferenceLog:
    inference_id = uuid7()
    told = {"workspace_id": workspace.id, "user_id": person.id, **fields}
    record(started(inference_id, **told), finished(inference_id, workspace_id=workspace.id))
    return InferenceLog.objects.get(id=inference_id)


def text_of(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode())


def test_a_dataset_is_begun_and_filled_by_hand(alice, workspace):
    client = signed_in(alice)
    answer = client.post(reverse("datasets"), {"name": " Support  questions ", "description": "Of June"}, follow=True)
    dataset = Dataset.objects.get()
    assert dataset.name == "Support questions"
    assert answer.request["PATH_INFO"] == reverse("dataset", args=[dataset.pk])
    given = {"asked": "Call me at alice@example.com?", "expected": "No", "scorers": "contains:No\n\n exact ", "name": "phone"}
    page = client.post(reverse("add_case", args=[dataset.pk]), given, follow=True)
    case = Case.objects.get()
    assert case.messages == [{"role": "user", "content": "Call me at [[EMAIL]]?"}]
    assert case.scorers == ["contains:No", "exact"]
    assert "[[EMAIL]]" in text_of(page)
    again = client.post(reverse("add_case", args=[dataset.pk]), given, follow=True)
    assert "has this case already" in text_of(again)


def test_two_datasets_have_two_names(alice, dataset):
    answer = signed_in(alice).post(reverse("datasets"), {"name": "tides"})
    assert answer.status_code == 422
    assert "There is a dataset tides already." in text_of(answer)


@pytest.mark.parametrize(
    ("line", "messages", "expected"),
    [
        ({"input": "Why?", "expected": "Moon"}, WHY, "Moon"),
        ({"input": WHY, "ideal": ["Moon", "The moon"]}, WHY, "Moon"),
        ({"messages": WHY, "expectedOutput": {"a": 1}}, WHY, '{"a":1}'),
    ],
)  # fmt: skip
def test_lines_of_other_tools_are_read(line, messages, expected):
    [draft] = cases.read_lines([b"\xef\xbb\xbf" + json.dumps(line).encode(), b"\n"])
    assert (draft.messages, draft.expected) == (messages, expected)


def test_what_goes_out_as_a_file_comes_in_again(alice, workspace, dataset):
    client = signed_in(alice)
    lines = [{"input": "One?", "expected": "1", "scorers": ["exact"], "name": "one"}, {"input": "Two?"}]
    file = SimpleUploadedFile("cases.jsonl", "\n".join(json.dumps(line) for line in lines).encode())
    page = client.post(reverse("import_cases", args=[dataset.pk]), {"file": file}, follow=True)
    assert "2 cases came in." in text_of(page)
    told = text_of(client.post(reverse("export_cases", args=[dataset.pk])))
    assert [json.loads(line)["messages"][0]["content"] for line in told.splitlines()] == ["One?", "Two?"]
    assert AuditEntry.objects.filter(action="data.exported", subject_id=str(dataset.pk)).count() == 1
    again = SimpleUploadedFile("cases.jsonl", told.encode())
    page = client.post(reverse("import_cases", args=[dataset.pk]), {"file": again}, follow=True)
    assert "0 cases came in. 2 were there before." in text_of(page)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"input": "One?"}\n{"input": ', "Line 2 is no JSON"),
        (b'{"input": "One?"}\n{"expected": "1"}', "Line 2: It has neither messages nor input."),
        (b'{"messages": [{"role": "king", "content": "x"}]}', "Line 1: A message has a role"),
        (b'{"input": "One?", "scorers": 7}', "Line 1: Scorers are a list"),
        (b"\xff\xfe", "Line 1 is no JSON"),
    ],
)
def test_a_broken_file_changes_nothing_and_says_where(alice, dataset, content, sentence):
    file = SimpleUploadedFile("cases.jsonl", content)
    answer = signed_in(alice).post(reverse("import_cases", args=[dataset.pk]), {"file": file})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert not Case.objects.exists()


def test_a_call_becomes_a_case(alice, workspace):
    call = call_by(alice, workspace)
    client = signed_in(alice)
    address = reverse("save_case", args=[call.id])
    assert "The moon pulls the water." in text_of(client.get(address))
    client.post(address, {"dataset": "", "name": "Tides", "expected": "The moon."})
    case = Case.objects.get()
    assert case.messages == [{"role": "user", "content": "How do tides work?"}]
    assert (case.expected, case.inference_id, case.user_id) == ("The moon.", call.id, alice.id)


def test_without_a_name_a_new_dataset_is_asked_for_one(alice, workspace):
    call = call_by(alice, workspace)
    answer = signed_in(alice).post(reverse("save_case", args=[call.id]), {"dataset": "", "name": "", "expected": ""})
    assert answer.status_code == 422
    assert "A dataset has a name." in text_of(answer)
    assert not Dataset.objects.exists()


def test_anothers_call_is_the_owners_to_save_and_it_is_noted(alice, bob, workspace, dataset):
    call = call_by(bob, workspace)
    carol = join(make_person("Carol"), workspace, "admin")
    address, given = reverse("save_case", args=[call.id]), {"dataset": dataset.pk, "with_reply": "on"}
    assert "moon" not in text_of(signed_in(alice).get(address))
    assert signed_in(carol).post(address, given).status_code == 403
    assert not Case.objects.exists()
    signed_in(alice).post(address, given)
    case = Case.objects.get()
    assert case.expected == "The moon pulls the water."
    assert AuditEntry.objects.filter(action="content.seen", actor_id=alice.id).count() == 1
    for person, status in ((alice, 200), (bob, 200), (carol, 404)):
        assert signed_in(person).get(reverse("case", args=[dataset.pk, case.pk])).status_code == status
    page = text_of(signed_in(carol).get(reverse("dataset", args=[dataset.pk])))
    assert "tides work" not in page
    assert "1 holds what others said" in page
    assert text_of(signed_in(carol).post(reverse("export_cases", args=[dataset.pk]))) == ""


def test_who_only_reads_along_has_no_datasets(workspace, dataset):
    vera = join(make_person("Vera"), workspace, "viewer")
    assert signed_in(vera).get(reverse("datasets")).status_code == 403
    assert signed_in(vera).get(reverse("dataset", args=[dataset.pk])).status_code == 403


def test_a_member_deletes_only_their_own_datasets(alice, bob, dataset):
    assert signed_in(bob).post(reverse("delete_dataset", args=[dataset.pk])).status_code == 403
    assert signed_in(alice).post(reverse("delete_dataset", args=[dataset.pk])).status_code == 302
    assert not Dataset.objects.exists()


def test_erasing_a_person_takes_their_cases(alice, bob, workspace, dataset):
    datasets.add(dataset, [cases.draft("By hand?")], now=timezone.now(), by=bob.id)
    client = signed_in(bob)
    client.post(reverse("save_case", args=[call_by(bob, workspace).id]), {"dataset": dataset.pk, "expected": ""})
    subject = person_erasure.Subject(bob.id)
    assert person_erasure.counts(subject)["test cases"] == 1
    person_erasure.erase_user(subject, lambda kind, count: None)
    assert [case.messages[0]["content"] for case in Case.objects.all()] == ["By hand?"]


def test_cases_are_redacted_again_by_the_rules_of_today(alice, workspace, dataset):
    datasets.add(dataset, [cases.draft("one"), cases.draft("two")], now=timezone.now(), by=alice.id)
    told = [{"role": "user", "content": "Ask bob@example.com"}]
    Case.objects.update(messages=told, expected="bob@example.com", redaction_version=0)
    rules = policies.rules_of(workspace.id)
    dry = reredaction.backfill(workspace.id, rules, reredaction.Period(), is_dry=True, report=lambda _count: None)
    assert (dry.changed_count, dry.kinds["EMAIL"]) == (2, 4)
    assert Case.objects.filter(expected="bob@example.com").count() == 2
    reredaction.backfill(workspace.id, rules, reredaction.Period(), is_dry=False, report=lambda _count: None)
    assert {(case.messages[0]["content"], case.expected) for case in Case.objects.all()} == {("Ask [[EMAIL]]", "[[EMAIL]]")}


def test_a_case_is_changed_and_a_talk_stays_a_talk(alice, dataset):
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    datasets.add(dataset, [cases.draft(talk)], now=timezone.now(), by=alice.id)
    case = Case.objects.get()
    client, address = signed_in(alice), reverse("case", args=[dataset.pk, case.pk])
    shown = client.get(address).context["form"]["asked"].value()
    client.post(address, {"asked": shown, "expected": "Because"})
    case.refresh_from_db()
    assert (case.messages, case.expected) == (talk, "Because")
    client.post(reverse("delete_case", args=[dataset.pk, case.pk]))
    assert not Case.objects.exists()


def test_a_long_dataset_is_read_page_by_page_with_few_queries(alice, dataset):
    client, address = signed_in(alice), reverse("dataset", args=[dataset.pk])
    counts = []
    for size in (10, 20):
        datasets.add(dataset, [cases.draft(f"Question {number}") for number in range(size)], now=timezone.now(), by=alice.id)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(address)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    datasets.add(dataset, [cases.draft(f"Question {number}") for number in range(60)], now=timezone.now(), by=alice.id)
    first = client.get(address)
    rest = client.get(address, {"after": first.context["next_after"]})
    asked = [line["asked"] for page in (first, rest) for line in page.context["cases"]]
    assert asked == [f"Question {number}" for number in range(60)]
    assert client.get(address, {"after": "no cursor"}).status_code == 200
