"""An evaluation: every case of a dataset asked of every model, scored and stored as it comes.

Each question is a call like any other, budgeted before it and recorded in every case; so is each question to a judge. A budget
that is used up stops the run, and so does whoever started it; a model that fails on a case fails on that case.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.database import in_thread
from accounts.models import Membership
from accounts.programs import bearer_of
from gateway import catalogue, routing, scorers
from gateway.calls import Bill, Call
from gateway.models import Evaluation, EvaluationResult
from gateway.protocol import ProviderError
from gateway.scorers import Answer, InvalidScorer, Mark, Scorer
from gateway.screening import Blocked
from gateway.spending import BudgetRefusal
from gateway.terminal import Talk
from telemetry import datasets, tokens
from telemetry.models import Case, Dataset, Score

MOST_AT_ONCE = 32
NOT_JUDGED = "The judge gave no verdict: "


class NotPossible(ValueError):
    """It can't be run so; the message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run, checked. `judge` is the path of the model that judges; empty where none does."""

    part: Membership
    dataset: Dataset
    cases: Sequence[Case]
    models: Sequence[str]
    scorers: Sequence[Scorer]
    of_case: dict[UUID, list[Scorer]]
    judge: str = ""
    parameters: dict[str, float | int] = field(default_factory=dict)
    label: str = ""
    min_score: float | None = None


def dataset_named(part: Membership, named: str) -> Dataset:
    """By its id or its name. Raises `NotPossible`."""
    mine = Dataset.objects.filter(workspace_id=part.workspace_id)
    try:
        found = mine.filter(id=UUID(named)).first()
    except ValueError:
        found = mine.filter(name__iexact=" ".join(named.split())).first()
    if found is None:
        names = ", ".join(mine.order_by("name").values_list("name", flat=True)[:20])
        raise NotPossible(f"{part.workspace} has no dataset {named!r}. It has {names or 'none yet'}.")
    return found


def plan(
    part: Membership,
    dataset: Dataset,
    *,
    models: Sequence[str],
    texts: Sequence[str],
    limit: int | None = None,
    judge: str = "",
    parameters: dict[str, float | int] | None = None,
    label: str = "",
    min_score: float | None = None,
) -> Plan:
    """Check everything that can be checked before the first call. Raises `NotPossible`."""
    mine = dataset.cases.order_by("created_at", "id")
    if hidden := datasets.hidden_count(dataset, bearer_of(part)):
        raise NotPossible(f"{hidden} of its cases hold what others said: let the workspace's owner run it (--user).")
    cases = list(mine[:limit] if limit else mine)
    if not cases:
        raise NotPossible(f"{dataset} has no case yet.")
    try:
        wanted = scorers.parse_all(texts)
        of_case = {case.id: _of_case(case, wanted) for case in cases}
    except InvalidScorer as error:
        raise NotPossible(str(error)) from None
    if not judge and any(scorer.name == scorers.JUDGE for found in of_case.values() for scorer in found):
        raise NotPossible("Name the model that judges: --judge PATH.")
    if min_score is not None and not any(of_case.values()):
        raise NotPossible("Nothing is scored, so no score can be reached: give a --scorer, or cases scorers of their own.")
    for path in [*models, *([judge] if judge else [])]:
        try:
            routing.plan(path, workspace_id=part.workspace_id, role=part.role)
        except ProviderError as error:
            raise NotPossible(error.message) from None
    return Plan(part, dataset, cases, list(dict.fromkeys(models)), wanted, of_case, judge, parameters or {}, label, min_score)


def default_model(part: Membership) -> str:
    return catalogue.default_path(part.workspace_id, part.role)


def begin(wanted: Plan, *, now: datetime) -> Evaluation:
    return Evaluation.objects.create(
        dataset=wanted.dataset,
        model_paths=list(wanted.models),
        scorers=[scorer.text for scorer in wanted.scorers],
        judge=wanted.judge,
        parameters=wanted.parameters,
        label=wanted.label,
        case_count=len(wanted.cases),
        min_score=wanted.min_score,
        user_id=wanted.part.user_id,
        started_at=now,
    )


async def run(
    evaluation: Evaluation, wanted: Plan, *, process_id: UUID, at_once: int, tell: Callable[[EvaluationResult], object]
) -> None:
    """Ask and score; `tell` hears of each result. Raises `BudgetRefusal` where the money is over."""
    room = asyncio.Semaphore(at_once)
    stop = asyncio.Event()

    async def one(case: Case, model: str) -> None:
        async with room:
            if stop.is_set():
                return
            try:
                result = await _ask(evaluation, wanted, case, model=model, process_id=process_id)
            except BudgetRefusal:
                stop.set()
                raise
            tell(result)

    # Case by case over all models: a run that is stopped leaves models that were asked the same.
    work = [asyncio.ensure_future(one(case, model)) for case in wanted.cases for model in wanted.models]
    try:
        await asyncio.gather(*work)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def finish(evaluation: Evaluation, *, is_good: bool | None, now: datetime, stopped_because: str = "") -> None:
    evaluation.state = Evaluation.State.STOPPED if stopped_because else Evaluation.State.COMPLETE
    evaluation.stopped_because, evaluation.is_good, evaluation.ended_at = stopped_because, is_good, now
    evaluation.save(update_fields=["state", "stopped_because", "is_good", "ended_at"])


async def _ask(evaluation: Evaluation, wanted: Plan, case: Case, *, model: str, process_id: UUID) -> EvaluationResult:
    talk = Talk(wanted.part, model, process_id, wanted.parameters, list(case.messages), ("evaluation",))
    result = EvaluationResult(evaluation=evaluation, case=case, model=model)
    call: Call | None = None
    try:
        call, bill = await talk.ask(_nowhere)
    except (ProviderError, Blocked) as error:
        result.error, result.score, result.is_passed = str(error), 0.0, False
    else:
        _fill(result, call, bill)
        answer = Answer(call.text, call.latency_ms, result.cost_usd)
        found = [await _mark(wanted, scorer, case, answer=answer, process_id=process_id) for scorer in wanted.of_case[case.id]]
        marks = [each for each in found if each is not None]
        result.marks = [each.as_json() for each in marks]
        if marks:
            result.score = sum(each.value for each in marks) / len(marks)
            result.is_passed = all(each.is_passed for each in marks)
    await in_thread(_store, result, call)
    return result


async def _mark(wanted: Plan, scorer: Scorer, case: Case, *, answer: Answer, process_id: UUID) -> Mark | None:
    if scorer.name != scorers.JUDGE:
        return scorers.mark(scorer, answer, case.expected)
    asked = "\n\n".join(f"{message.get('role')}: {tokens.text_of(message)}" for message in case.messages)
    told = scorers.question_for_judge(scorer, asked, case.expected, answer.text)
    talk = Talk(wanted.part, wanted.judge, process_id, {"temperature": 0}, list(told), ("evaluation", "judge"))
    try:
        call, _ = await talk.ask(_nowhere)
        return scorers.verdict(scorer, call.text)
    except (ProviderError, Blocked, ValueError) as error:
        return Mark(scorer.text, 0.0, False, f"{NOT_JUDGED}{error}"[: scorers.LONGEST_WHY])


def _of_case(case: Case, wanted: Sequence[Scorer]) -> list[Scorer]:
    """Those of the run, and the case's own. What is expected is tried on them, so that it fails before money is spent."""
    try:
        found = list({scorer.text: scorer for scorer in [*wanted, *scorers.parse_all(case.scorers)]}.values())
        for scorer in found:
            if scorer.name in {"regex", "json"}:
                scorers.mark(scorer, Answer("{}", 0, None), case.expected)
    except InvalidScorer as error:
        raise InvalidScorer(f"Case {case.name or case.id}: {error}") from None
    return found


def _fill(result: EvaluationResult, call: Call, bill: Bill) -> None:
    result.inference_id, result.output = call.inference_id, call.text
    result.latency_ms, result.ttft_ms = call.latency_ms, call.ttft_ms
    result.prompt_tokens, result.completion_tokens = bill.usage.prompt_tokens, bill.usage.completion_tokens
    result.cost_usd = bill.price.usd if bill.price else None


def _store(result: EvaluationResult, call: Call | None) -> None:
    """The result, and its marks beside the call in the log."""
    now = timezone.now()
    with transaction.atomic():
        result.save(force_insert=True)
        if call is not None:
            Score.objects.bulk_create(_score(call, mark, now) for mark in result.marks)


def _score(call: Call, mark: dict[str, Any], now: datetime) -> Score:
    return Score(
        workspace_id=call.origin.workspace_id,
        inference_id=call.inference_id,
        trace_id=call.origin.trace_id,
        source=Score.Source.EVALUATION,
        name=mark["scorer"].partition(":")[0],
        kind=Score.Kind.NUMERIC if mark["scorer"].startswith(scorers.JUDGE) else Score.Kind.BOOLEAN,
        value=mark["value"],
        comment=mark["why"],
        redaction_version=call.rules.version,
        created_at=now,
        updated_at=now,
    )


def _nowhere(_text: str) -> None:
    """The reply is read when it is whole."""
