"""Evaluations in figures: each model of a run beside the others, as a table, as JSON and for builds that read JUnit."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from statistics import fmean, median, quantiles
from xml.etree import ElementTree as ET

import orjson

from gateway.models import Evaluation, EvaluationResult
from telemetry import tokens

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SHOWN = 10  # answers that failed, in the table


@dataclass(frozen=True, slots=True)
class Summary:
    """How one model did. Shares and scores go from 0 to 1; None where nothing was scored or measured."""

    model: str
    result_count: int
    error_count: int
    passed_count: int
    scored_count: int
    score: float | None
    by_scorer: dict[str, float] = field(default_factory=dict)
    latency_ms_p50: int | None = None
    latency_ms_p95: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None  # of the calls whose price is known
    unpriced_count: int = 0

    @property
    def percent(self) -> str:
        return "–" if self.score is None else f"{self.score:.1%}"


def summaries(evaluation: Evaluation, results: Sequence[EvaluationResult]) -> list[Summary]:
    """In the order in which the models were named."""
    mine = [result for result in results if result.evaluation_id == evaluation.id]
    return [_summary(model, [result for result in mine if result.model == model]) for model in evaluation.model_paths]


def reached(found: Sequence[Summary], min_score: float | None) -> bool | None:
    """Whether every model has the score that was asked for; None where none was."""
    return None if min_score is None else all(one.score is not None and one.score >= min_score for one in found)


def as_text(evaluation: Evaluation, results: Sequence[EvaluationResult]) -> str:
    """For a terminal: a column for each model, and the answers that failed."""
    found = summaries(evaluation, results)
    scorers = list(dict.fromkeys(name for one in found for name in one.by_scorer))
    rows = [
        ("", [one.model for one in found]),
        ("Score", [one.percent for one in found]),
        ("Passed", [f"{one.passed_count} of {one.scored_count}" if one.scored_count else "–" for one in found]),
        *((f"  {name}", [_percent(one.by_scorer.get(name)) for one in found]) for name in scorers),
        ("Failed calls", [str(one.error_count) for one in found]),
        ("Latency, median", [_seconds(one.latency_ms_p50) for one in found]),
        ("Latency, p95", [_seconds(one.latency_ms_p95) for one in found]),
        ("Prompt tokens", [f"{one.prompt_tokens:,}" for one in found]),
        ("Completion tokens", [f"{one.completion_tokens:,}" for one in found]),
        ("Cost", [_cost(one) for one in found]),
    ]
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[index]) for _, cells in rows) for index in range(len(found))]
    head = f"{evaluation.dataset} · {evaluation.case_count} case{'' if evaluation.case_count == 1 else 's'} · run {evaluation.id}"
    table = ["  ".join([name.ljust(first), *(c.rjust(w) for c, w in zip(cells, widths, strict=True))]) for name, cells in rows]
    failed = [result for result in results if result.is_passed is False]
    told = [f"  {result.model} · {case_title(result)}: {why(result)}" for result in failed[:SHOWN]]
    if len(failed) > SHOWN:
        told.append(f"  … and {len(failed) - SHOWN} more")
    if not any(one.scored_count for one in found):
        told.append("  Nothing was scored: give a --scorer.")
    ends = ["", "Not passed:", *told] if failed else told
    return "\n".join([head, "", *table, *ends, ""])


def as_json(evaluation: Evaluation, results: Sequence[EvaluationResult]) -> str:
    """Everything, for programs."""
    run = ("id", "label", "state", "stopped_because", "scorers", "judge", "parameters", "case_count", "min_score", "is_good")
    same = ("model", "inference_id", "output", "error", "marks", "score", "is_passed", "latency_ms", "ttft_ms", "prompt_tokens")
    told = {
        **{name: getattr(evaluation, name) for name in run},
        "dataset": {"id": evaluation.dataset_id, "name": evaluation.dataset.name},
        "started_at": evaluation.started_at,
        "ended_at": evaluation.ended_at,
        "models": [asdict(one) | {"cost_usd": _number(one.cost_usd)} for one in summaries(evaluation, results)],
        "results": [
            {
                "case": {"id": result.case_id, "name": result.case.name},
                **{name: getattr(result, name) for name in same},
                "completion_tokens": result.completion_tokens,
                "cost_usd": _number(result.cost_usd),
            }
            for result in results
        ],
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def as_junit(evaluation: Evaluation, results: Sequence[EvaluationResult]) -> str:
    """A suite for each model and a test for each case, as builds show them."""
    root = ET.Element("testsuites", name=_xml(f"{evaluation.dataset}"))
    for one in summaries(evaluation, results):
        mine = [result for result in results if result.model == one.model]
        failures = sum(result.is_passed is False and not result.error for result in mine)
        counts = {"tests": str(len(mine)), "failures": str(failures), "errors": str(one.error_count)}
        suite = ET.SubElement(root, "testsuite", {"name": _xml(one.model), **counts})
        for result in mine:
            seconds = f"{(result.latency_ms or 0) / 1000:.3f}"
            case = ET.SubElement(suite, "testcase", classname=_xml(one.model), name=_xml(case_title(result)), time=seconds)
            if result.error:
                ET.SubElement(case, "error", message=_xml(result.error))
            elif result.is_passed is False:
                ET.SubElement(case, "failure", message=_xml(why(result))).text = _xml(result.output)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


FORMATS = {"text": as_text, "json": as_json, "junit": as_junit}


def why(result: EvaluationResult) -> str:
    """What keeps an answer from being good."""
    missed = [mark for mark in result.marks if not mark["is_passed"]]
    return result.error or "; ".join(f"{mark['scorer']}: {mark['why']}" if mark["why"] else mark["scorer"] for mark in missed)


def case_title(result: EvaluationResult) -> str:
    """What a case is called: by its name, or by what is asked last."""
    if result.case.name:
        return result.case.name
    asked = tokens.text_of(result.case.messages[-1]) if result.case.messages else ""
    return " ".join(asked.split())[:80] or str(result.case_id)


def _summary(model: str, results: Sequence[EvaluationResult]) -> Summary:
    scores = [result.score for result in results if result.score is not None]
    times = [float(result.latency_ms) for result in results if result.latency_ms is not None]
    costs = [result.cost_usd for result in results if result.cost_usd is not None]
    marks: dict[str, list[float]] = {}
    for result in results:
        for mark in result.marks:
            marks.setdefault(mark["scorer"], []).append(mark["value"])
    return Summary(
        model=model,
        result_count=len(results),
        error_count=sum(bool(result.error) for result in results),
        passed_count=sum(result.is_passed is True for result in results),
        scored_count=len(scores),
        score=fmean(scores) if scores else None,
        by_scorer={name: fmean(values) for name, values in marks.items()},
        latency_ms_p50=round(median(times)) if times else None,
        latency_ms_p95=round(quantiles([*times, times[-1]] if len(times) == 1 else times, n=20, method="inclusive")[-1])
        if times
        else None,
        prompt_tokens=sum(result.prompt_tokens or 0 for result in results),
        completion_tokens=sum(result.completion_tokens or 0 for result in results),
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        unpriced_count=sum(result.cost_usd is None and not result.error for result in results),
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _seconds(ms: int | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.2f} s"


def _cost(one: Summary) -> str:
    if one.cost_usd is None:
        return "not known"
    return f"${one.cost_usd:.4f}" + (f" + {one.unpriced_count} not known" if one.unpriced_count else "")


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _xml(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
