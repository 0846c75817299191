"""`manage.py evaluate`: a dataset asked of models, scored, stored and compared."""

import io
import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateway import sources
from gateway.models import Budget, Evaluation, EvaluationResult, Provider
from telemetry import cases, datasets, digest
from telemetry.models import Dataset, InferenceLog, Score
from tests.people import join, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dataset(alice, workspace, fake_provider) -> Dataset:
    """Two cases in a workspace whose provider answers."""
    Provider.objects.create(
        workspace=workspace, name="work", kind="openai", base_url=fake_provider.url, api_key="sk-test", is_trusted=True
    )
    sources.forget()
    found = datasets.make(workspace.id, "Capitals", now=timezone.now(), by=alice.id)
    fill(found, ("Capital of France?", "Paris"), ("Capital of Italy?", "Rome"))
    return found


def fill(dataset: Dataset, *pairs: tuple[str, str], scorers: tuple[str, ...] = ()) -> None:
    drafts = [cases.draft(asked, expected=expected, scorers=list(scorers)) for asked, expected in pairs]
    datasets.add(dataset, drafts, now=timezone.now(), by=None)


def evaluate(*given: str, code: int = 0, user: str = "alice@example.com") -> tuple[str, str]:
    """What it printed, and what it told meanwhile or in the end."""
    output, told = io.StringIO(), io.StringIO()
    ended_with, said = 0, ""
    try:
        call_command("evaluate", "Capitals", *given, "--user", user, stdout=output, stderr=told, no_color=True)
    except CommandError as error:
        ended_with, said = error.returncode, str(error)
    assert ended_with == code, (said, told.getvalue())
    return output.getvalue(), told.getvalue() + said


def test_models_are_compared_and_the_run_is_kept(dataset, alice, fake_provider):
    fake_provider.script("good", chunks=["Paris ", "or Rome."])
    fake_provider.script("bad", chunks=["Paris."])
    printed, told = evaluate(
        "--model", "work/good", "--model", "work/bad", "--scorer", "contains", "--scorer", "latency:60000", "--label", "v1"
    )
    assert [line.split() for line in printed.splitlines() if line.startswith(("Score", "Passed", "  contains"))] == [
        ["Score", "100.0%", "75.0%"],
        ["Passed", "2", "of", "2", "1", "of", "2"],
        ["contains", "100.0%", "50.0%"],
    ]
    assert "work/bad · Capital of Italy?: contains: It does not contain 'Rome'." in printed
    assert "[4/4]" in told
    run = Evaluation.objects.get()
    assert (run.state, run.label, run.case_count, run.is_good) == ("complete", "v1", 2, None)
    assert run.results.count() == 4
    digest.drain()
    calls = InferenceLog.objects.all()
    assert {(call.status, call.user_id, tuple(call.tags or ())) for call in calls} == {("success", alice.id, ("evaluation",))}
    assert {result.inference_id for result in run.results.all()} == {call.id for call in calls}
    marks = Score.objects.filter(source="evaluation", name="contains").order_by("value")
    assert list(marks.values_list("value", flat=True)) == [0, 1, 1, 1]


def test_a_build_fails_where_a_score_is_too_low(dataset, fake_provider):
    fake_provider.script(chunks=["Paris."])
    _, told = evaluate("--model", "work/plain", "--scorer", "contains", "--min-score", "0.6", code=1)
    assert "below 60.0%" in told
    assert Evaluation.objects.get().is_good is False
    evaluate("--model", "work/plain", "--scorer", "contains", "--min-score", "0.5")
    assert Evaluation.objects.latest("started_at").is_good is True


def test_a_call_that_fails_counts_as_nothing(dataset, fake_provider):
    fake_provider.script(status=401)
    printed, _ = evaluate("--model", "work/plain", "--scorer", "contains", "--format", "json")
    told = json.loads(printed)
    assert [(one["score"], one["error_count"], one["latency_ms_p50"]) for one in told["models"]] == [(0.0, 2, None)]
    assert all("key" in result["error"] for result in told["results"])


def test_a_budget_that_is_used_up_stops_it(dataset, workspace, fake_provider):
    Budget.objects.create(workspace=workspace, limit_usd=0)
    _, told = evaluate("--model", "work/gpt-4o", "--scorer", "contains", code=2)
    assert "budget" in told
    run = Evaluation.objects.get()
    assert run.state == "stopped"
    assert "budget" in run.stopped_because
    assert fake_provider.requests == []


def test_builds_read_it_as_junit(dataset, fake_provider):
    fake_provider.script(chunks=["Paris\x0c <&>"])
    printed, _ = evaluate("--model", "work/plain", "--scorer", "contains", "--format", "junit")
    [suite] = ET.fromstring(printed)
    assert suite.attrib == {"name": "work/plain", "tests": "2", "failures": "1", "errors": "0"}
    failed = [case for case in suite if case.find("failure") is not None]
    assert [case.attrib["name"] for case in failed] == ["Capital of Italy?"]
    assert "<&>" in str(failed[0].findtext("failure"))


def test_a_model_judges(dataset, fake_provider):
    fake_provider.script("plain", chunks=["It is Paris."])
    fake_provider.script("judge", chunks=['Here: {"score": 0.75, "reason": "Nearly."}'])
    evaluate("--model", "work/plain", "--scorer", "judge:Be strict.", "--judge", "work/judge")
    result = EvaluationResult.objects.first()
    assert result is not None
    assert result.marks == [{"scorer": "judge:Be strict.", "value": 0.75, "is_passed": True, "why": "Nearly."}]
    asked = fake_provider.last.body["messages"]
    assert "Be strict." in asked[0]["content"]
    assert json.loads(asked[1]["content"])["answer"] == "It is Paris."


def test_a_judge_without_a_verdict_is_told_of_and_scores_nothing(dataset, fake_provider):
    fake_provider.script("judge", chunks=["I like it."])
    evaluate("--model", "work/plain", "--scorer", "judge", "--judge", "work/judge")
    result = EvaluationResult.objects.first()
    assert result is not None
    assert result.score == 0
    assert "The judge gave no verdict" in result.marks[0]["why"]


def test_cases_have_scorers_of_their_own(dataset, fake_provider):
    fake_provider.script(chunks=['```json\n{"a": 1.0}\n```'])
    fill(dataset, ("As JSON?", '{"a": 1}'), scorers=("json",))
    printed, _ = evaluate("--model", "work/plain", "--format", "json")
    scores = [(result["score"], result["is_passed"]) for result in json.loads(printed)["results"]]
    assert sorted(scores, key=str) == [(1.0, True), (None, None), (None, None)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--scorer", "beauty"], "There is no scorer 'beauty'"),
        (["--scorer", "latency:soon"], "has no bound"),
        (["--scorer", "regex:(("], "no pattern"),
        (["--scorer", "json"], "What is expected is no JSON"),
        (["--scorer", "judge"], "Name the model that judges"),
        (["--model", "nowhere/x"], "nowhere"),
        (["--min-score", "0.5"], "Nothing is scored"),
        (["--min-score", "5"], "--min-score is from 0 to 1"),
        (["--at-once", "0"], "--at-once is from 1 to"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_is_asked(dataset, fake_provider, given, sentence):
    _, told = evaluate("--model", "work/plain", *given, code=2)
    assert sentence in told
    assert fake_provider.requests == []
    assert not Evaluation.objects.exists()


def test_a_member_does_not_run_what_others_said(dataset, alice, bob, workspace):
    dataset.cases.update(user_id=alice.id, saved_by=None)
    _, told = evaluate("--model", "work/plain", user="bob@example.com", code=2)
    assert "2 of its cases hold what others said" in told


def test_a_dataset_that_is_not_there_is_told_of_with_those_that_are(dataset, workspace):
    with pytest.raises(CommandError, match=r"has no dataset 'Rivers'\. It has Capitals\."):
        call_command("evaluate", "Rivers", "--user", "alice@example.com")
    other: Any = join(make_person("Vera"), workspace, "viewer")
    with pytest.raises(CommandError, match="reads along"):
        call_command("evaluate", "Capitals", "--user", other.email)
