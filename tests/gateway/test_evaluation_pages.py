"""The pages of runs: their list, runs beside each other, and what is hidden from whom."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gateway.models import Evaluation, EvaluationResult
from telemetry import cases, datasets
from telemetry.models import Case, Dataset

pytestmark = pytest.mark.django_db


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def dataset(alice, workspace) -> Dataset:
    found = datasets.make(workspace.id, "Capitals", now=timezone.now(), by=alice.id)
    fill(found, 2)
    return found


def fill(dataset: Dataset, count: int) -> None:
    drafts = [cases.draft(f"Capital number {number}?", expected="Paris") for number in range(count)]
    datasets.add(dataset, drafts, now=timezone.now(), by=None)


def run(dataset: Dataset, *models: str, by: Any = None, passed: tuple[bool, ...] = (), **fields: Any) -> Evaluation:
    """A run in which each model answered each case; `passed` says for each model whether it was good at all of them."""
    told = {"model_paths": list(models), "case_count": dataset.cases.count(), "state": "complete", **fields}
    made = Evaluation.objects.create(dataset=dataset, user_id=by.id if by else None, **told)
    for model, is_good in zip(models, passed or (True,) * len(models), strict=True):
        mark = {"scorer": "contains", "value": float(is_good), "is_passed": is_good, "why": "" if is_good else "No Paris in it."}
        scored = {
            "marks": [mark],
            "score": float(is_good),
            "is_passed": is_good,
            "latency_ms": 1200,
            "cost_usd": Decimal("0.001"),
        }
        EvaluationResult.objects.bulk_create(
            EvaluationResult(evaluation=made, case=case, model=model, output=f"{model} says Paris", **scored)
            for case in dataset.cases.all()
        )
    return made


def page(person: Any, made: Evaluation, **query: Any) -> str:
    answer = signed_in(person).get(reverse("evaluation", args=[made.dataset_id, made.id]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_models_stand_beside_each_other_with_what_failed(alice, dataset):
    made = run(dataset, "a/good", "a/bad", passed=(True, False), label="prompt v2")
    listed = signed_in(alice).get(reverse("evaluations", args=[dataset.id])).content.decode()
    assert "prompt v2" in listed
    assert "100 %" in listed
    shown = page(alice, made)
    assert "100.0%" in shown
    assert "2 of 2" in shown
    assert "contains: No Paris in it." in shown
    assert "a/bad says Paris" in shown


def test_another_run_is_put_beside(alice, dataset):
    before, after = run(dataset, "a/good", label="before"), run(dataset, "a/good", passed=(False,), label="after")
    answer = signed_in(alice).get(reverse("evaluation", args=[dataset.id, after.id]), {"beside": str(before.id)})
    assert [(column.run.label, column.summary.percent) for column in answer.context["columns"]] == [
        ("after", "0.0%"),
        ("before", "100.0%"),
    ]
    assert [len(row.cells) for row in answer.context["rows"]] == [2, 2]


def test_only_what_failed_or_differs_is_shown(alice, dataset):
    made = run(dataset, "a/good", "a/bad", passed=(True, False))
    first = Case.objects.earliest("created_at", "id")
    made.results.filter(case=first).update(is_passed=True)
    client, address = signed_in(alice), reverse("evaluation", args=[dataset.id, made.id])
    for show, count in (("all", 2), ("failed", 1), ("differ", 1), ("nonsense", 2)):
        assert len(client.get(address, {"show": show}).context["rows"]) == count
    assert "None is so." in page(alice, run(dataset, "a/good"), show="failed")


def test_what_others_said_is_hidden_here_too(alice, bob, dataset):
    made = run(dataset, "a/bad", passed=(False,))
    dataset.cases.update(user_id=alice.id, saved_by=None)
    shown = page(bob, made)
    assert "another person" in shown
    assert [word for word in ("Capital number", "says Paris", "No Paris in it") if word in shown] == []
    assert "Capital number" in page(alice, made)


def test_a_run_that_ended_badly_says_so(alice, dataset):
    stopped = run(dataset, "a/good", state="stopped", stopped_because="The budget is used up.", case_count=5)
    assert "The budget is used up." in page(alice, stopped)
    assert "There are 2 of 5 answers" in page(alice, stopped)
    old = run(dataset, "a/good", state="running", started_at=timezone.now() - timedelta(days=2))
    assert "Cut off" in page(alice, old)


def test_whose_run_it_is_deletes_it_and_who_looks_after_the_workspace(alice, bob, dataset):
    hers, his = run(dataset, "a/good", by=alice), run(dataset, "a/good", by=bob)
    client = signed_in(bob)
    assert client.post(reverse("delete_evaluation", args=[dataset.id, hers.id])).status_code == 403
    assert client.post(reverse("delete_evaluation", args=[dataset.id, his.id])).status_code == 302
    assert signed_in(alice).post(reverse("delete_evaluation", args=[dataset.id, hers.id])).status_code == 302
    assert not Evaluation.objects.exists()


def test_pages_take_as_many_queries_whatever_they_list(alice, dataset):
    client, counts = signed_in(alice), []
    for size in (10, 20):
        fill(dataset, size)
        while Evaluation.objects.count() < size:
            run(dataset, "a/good", "a/bad")
        newest = Evaluation.objects.latest("started_at")
        addresses = (reverse("evaluations", args=[dataset.id]), reverse("evaluation", args=[dataset.id, newest.id]))
        with CaptureQueriesContext(connection) as captured:
            for address in addresses:
                client.get(address)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_long_run_is_read_page_by_page(alice, dataset):
    fill(dataset, 27)
    made, client = run(dataset, "a/good"), signed_in(alice)
    address = reverse("evaluation", args=[dataset.id, made.id])
    first = client.get(address)
    rest = client.get(address, {"after": first.context["next_after"]})
    assert [len(shown.context["rows"]) for shown in (first, rest)] == [20, 7]
