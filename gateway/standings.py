"""The budgets of a workspace as a page shows them: whose, how much, and how each stands in the period that runs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from accounts.keyset import Cursor
from accounts.models import ApiKey, User
from gateway.budgets import begins_anew, period_start
from gateway.models import Budget, BudgetPeriod

PAGE = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """One budget. `left_usd` counts what running calls have set aside as gone."""

    budget: Budget
    whose: str
    spent_usd: Decimal
    reserved_usd: Decimal
    unknown_count: int
    renews_on: date

    @property
    def left_usd(self) -> Decimal:
        return max(Decimal(0), self.budget.limit_usd - self.spent_usd - self.reserved_usd)

    @property
    def taken_usd(self) -> Decimal:
        return self.spent_usd + self.reserved_usd

    @property
    def is_used_up(self) -> bool:
        return self.left_usd == 0

    @property
    def warns_at_usd(self) -> Decimal:
        """From here on the bar warns."""
        return self.budget.limit_usd * Decimal("0.9")


@dataclass(frozen=True, slots=True)
class Standings:
    """A page of them, the oldest first, and where the next one begins."""

    rows: Sequence[Standing]
    next_after: str


def of_workspace(workspace_id: uuid.UUID, *, now: datetime, after: str = "") -> Standings:
    """A page of the workspace's budgets. A broken cursor is the first page."""
    found: QuerySet[Budget] = Budget.objects.filter(workspace_id=workspace_id).order_by("created_at", "id")
    if (cursor := Cursor.parse(after)) is not None:
        found = found.filter(Q(created_at__gt=cursor.at) | Q(created_at=cursor.at, id__gt=cursor.id))
    budgets = list(found[: PAGE + 1])
    is_more = len(budgets) > PAGE
    budgets = budgets[:PAGE]
    rows = of_budgets(budgets, now=now)
    last = budgets[-1] if budgets else None
    return Standings(rows, str(Cursor(last.created_at, last.id)) if last and is_more else "")


def of_budgets(budgets: Sequence[Budget], *, now: datetime) -> list[Standing]:
    """How these stand; the number of queries does not grow with theirs."""
    starts = {budget.id: period_start(budget.period, now) for budget in budgets}
    running = {
        period.budget_id: period
        for period in BudgetPeriod.objects.filter(budget__in=budgets, starts_on__in=set(starts.values()))
        if period.starts_on == starts[period.budget_id]
    }
    names = _names(budgets)
    return [_standing(budget, names, running.get(budget.id), starts[budget.id]) for budget in budgets]


def _standing(budget: Budget, names: dict[Any, str], period: BudgetPeriod | None, start: date) -> Standing:
    return Standing(
        budget=budget,
        whose=names.get(budget.subject_id, "somebody who is gone") if budget.subject_id else "the whole workspace",
        spent_usd=period.spent_usd if period else Decimal(0),
        reserved_usd=period.reserved_usd if period else Decimal(0),
        unknown_count=period.unknown_count if period else 0,
        renews_on=begins_anew(start, budget.period),
    )


def _names(budgets: Sequence[Budget]) -> dict[Any, str]:
    """What people call the subjects: two queries, however many there are."""
    by_subject: dict[str, list[Any]] = {Budget.Subject.USER: [], Budget.Subject.API_KEY: []}
    for budget in budgets:
        by_subject.get(budget.subject, []).append(budget.subject_id)
    people = User.objects.filter(id__in=by_subject[Budget.Subject.USER])
    keys = ApiKey.objects.filter(id__in=by_subject[Budget.Subject.API_KEY])
    return {person.id: person.email for person in people} | {key.id: f"the key {key.name} (…{key.last_four})" for key in keys}
