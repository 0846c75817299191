"""`manage.py evaluate DATASET --model A --model B`: try models with a dataset, and compare how they did."""

import asyncio
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from gateway import adapters, comparisons, evaluation
from gateway.evaluation import NotPossible, Plan
from gateway.models import Evaluation, EvaluationResult
from gateway.spending import BudgetRefusal
from gateway.terminal import NobodySuch, speaker
from telemetry import processes

TOO_LOW, NOT_RUN, CANCELED = 1, 2, 130


class Command(BaseCommand):
    help = (
        "Ask every case of a dataset of every model, score the answers, store the run and print a comparison. Ends with 0; with "
        "1 where a model misses --min-score; with 2 where it can't be run, or not to its end. Each question is a call that is "
        "budgeted and recorded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="Its name, or its id.")
        parser.add_argument(
            "--model", action="append", default=[], metavar="PATH", help="One to try; may be given several times."
        )
        parser.add_argument("--scorer", action="append", default=[], metavar="NAME[:ARGUMENT]", help=SCORERS)
        parser.add_argument("--judge", default="", metavar="PATH", help="The model that answers for the scorer judge.")
        parser.add_argument("--min-score", type=float, metavar="0–1", help="What every model must reach on average.")
        parser.add_argument("--format", choices=list(comparisons.FORMATS), default="text")
        parser.add_argument("--limit", type=int, metavar="N", help="Only the first cases.")
        parser.add_argument(
            "--label", default="", metavar="TEXT", help="What the run is called: a commit, a version of a prompt."
        )
        parser.add_argument("--at-once", type=int, default=4, metavar="N", help="How many calls at the same time.")
        parser.add_argument("--temperature", type=float, metavar="0–2")
        parser.add_argument("--max-tokens", type=int, metavar="N")
        parser.add_argument("--user", metavar="EMAIL", help="Who asks, and whose budget it is. The owner, unless given.")
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="The first that they joined, unless given.")

    def handle(self, *_: Any, **options: Any) -> None:
        _check(options)
        try:
            wanted = _plan(options)
        except (NobodySuch, NotPossible) as error:
            raise CommandError(str(error), returncode=NOT_RUN) from None
        run = evaluation.begin(wanted, now=timezone.now())
        stopped_because, code = self._run(run, wanted, options["at_once"])
        results = list(run.results.select_related("case").order_by("case__created_at", "case_id", "model"))
        is_good = comparisons.reached(comparisons.summaries(run, results), wanted.min_score)
        evaluation.finish(run, is_good=None if stopped_because else is_good, now=timezone.now(), stopped_because=stopped_because)
        self.stdout.write(comparisons.FORMATS[options["format"]](run, results), ending="")
        if stopped_because:
            raise CommandError(f"It did not come to its end. {stopped_because}", returncode=code)
        if is_good is False:
            raise CommandError(f"A model is below {wanted.min_score:.1%}.", returncode=TOO_LOW)

    def _run(self, run: Evaluation, wanted: Plan, at_once: int) -> tuple[str, int]:
        """Why it was stopped, if it was, and what the command ends with then."""
        process_id = processes.register("evaluate")
        with processes.beating(process_id, kind="evaluate", at_most_seconds=24 * 3600):
            try:
                asyncio.run(self._ask(run, wanted, process_id, at_once=at_once))
            except BudgetRefusal as error:
                return str(error), NOT_RUN
            except KeyboardInterrupt:
                return "It was interrupted.", CANCELED
        return "", 0

    async def _ask(self, run: Evaluation, wanted: Plan, process_id: uuid.UUID, *, at_once: int) -> None:
        done, whole = 0, len(wanted.cases) * len(wanted.models)

        def tell(result: EvaluationResult) -> None:
            nonlocal done
            done += 1
            outcome = result.error or ("" if result.score is None else f"{result.score:.0%}")
            self.stderr.write(f"[{done}/{whole}] {result.model} · {comparisons.case_title(result)} · {outcome or 'answered'}")

        try:
            await evaluation.run(run, wanted, process_id=process_id, at_once=at_once, tell=tell)
        finally:
            await adapters.aclose()


SCORERS = (
    "exact, contains, icontains, regex, json (compared with the argument, or with what the case expects), latency:2000 (ms), "
    "cost:0.01 ($), judge[:criteria]. May be given several times; cases may have scorers of their own."
)


BOUNDS: dict[str, tuple[int, int | None]] = {
    "min_score": (0, 1),
    "limit": (1, None),
    "at_once": (1, evaluation.MOST_AT_ONCE),
    "temperature": (0, 2),
    "max_tokens": (1, None),
}


def _check(options: dict[str, Any]) -> None:
    for name, (least, most) in BOUNDS.items():
        given = options[name]
        if given is not None and not (given >= least and (most is None or given <= most)):
            said = f"from {least} to {most}" if most is not None else f"at least {least}"
            raise CommandError(f"--{name.replace('_', '-')} is {said}.", returncode=NOT_RUN)


def _plan(options: dict[str, Any]) -> Plan:
    part = speaker(options["user"], options["workspace"])
    models = options["model"] or [evaluation.default_model(part)]
    if not all(models):
        raise NotPossible("No model is configured yet: see manage.py add_provider.")
    return evaluation.plan(
        part,
        evaluation.dataset_named(part, options["dataset"]),
        models=models,
        texts=options["scorer"],
        limit=options["limit"],
        judge=options["judge"],
        parameters={name: options[name] for name in ("temperature", "max_tokens") if options[name] is not None},
        label=options["label"][:200],
        min_score=options["min_score"],
    )
