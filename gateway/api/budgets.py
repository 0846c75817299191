"""Budgets of the workspace, its people and its keys."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, Body, actor_of, invalid, nothing_such, page_of
from accounts.programs import needs
from gateway import standings, wanted
from gateway.models import Budget
from gateway.standings import Standing
from gateway.wanted import Actor, Unwanted, WantedBudget

router = Router(tags=["Administration"])


class BudgetStanding(Schema):
    """A budget, and how it stands in the period that runs. What running calls have set aside is gone from what is left."""

    id: UUID
    subject: Literal["workspace", "user", "api_key"]
    subject_id: UUID | None
    period: Literal["day", "month"]
    limit_usd: float
    is_enabled: bool
    spent_usd: float
    reserved_usd: float
    left_usd: float
    unknown_count: int = Field(description="Calls whose cost nobody knows.")
    renews_on: date
    created_at: datetime

    @classmethod
    def of(cls, standing: Standing) -> "BudgetStanding":
        budget = standing.budget
        same = ("id", "subject", "subject_id", "period", "is_enabled", "created_at")
        sums: dict[str, Any] = {name: float(getattr(standing, name)) for name in ("spent_usd", "reserved_usd", "left_usd")}
        return cls(
            **{name: getattr(budget, name) for name in same},
            **sums,
            limit_usd=float(budget.limit_usd),
            unknown_count=standing.unknown_count,
            renews_on=standing.renews_on,
        )


class BudgetPage(Schema):
    data: list[BudgetStanding]
    next_cursor: str | None


class BudgetChange(Body):
    """What is left out stays as it is."""

    limit_usd: Decimal | None = Field(None, ge=0, max_digits=16, decimal_places=6)
    is_enabled: bool | None = None


@router.get("/admin/budgets", auth=needs("admin"), response=BudgetPage, summary="List budgets")
def list_budgets(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """The oldest first, each as it stands."""
    part = actor_of(request, Act.CONFIGURE)
    page = page_of(Budget.objects.filter(workspace_id=part.workspace_id), asked)
    found = standings.of_budgets(page.rows, now=timezone.now())
    return BudgetPage(data=[BudgetStanding.of(one) for one in found], next_cursor=page.next_cursor)


@router.post("/admin/budgets", auth=needs("admin"), response={201: BudgetStanding}, summary="Make a budget")
def make_budget(request: HttpRequest, given: WantedBudget) -> Any:
    """One for each subject and period: a second one takes the first one's place."""
    try:
        budget, _ = wanted.put_budget(given, _actor(request))
    except Unwanted as error:
        raise invalid(str(error), error.field) from None
    return Status(201, _standing(budget))


@router.get("/admin/budgets/{uuid:budget_id}", auth=needs("admin"), response=BudgetStanding, summary="Get a budget")
def get_budget(request: HttpRequest, budget_id: UUID) -> Any:
    return _standing(_found(request, budget_id))


@router.patch("/admin/budgets/{uuid:budget_id}", auth=needs("admin"), response=BudgetStanding, summary="Change a budget")
def change_budget(request: HttpRequest, budget_id: UUID, given: BudgetChange) -> Any:
    """Its limit, or whether it holds calls back."""
    budget = _found(request, budget_id)
    told = WantedBudget.model_validate(
        {
            "subject": budget.subject,
            "subject_id": budget.subject_id,
            "period": budget.period,
            "limit_usd": budget.limit_usd if given.limit_usd is None else given.limit_usd,
            "is_enabled": budget.is_enabled if given.is_enabled is None else given.is_enabled,
        }
    )
    try:
        budget, _ = wanted.put_budget(told, _actor(request), budget=budget)
    except Unwanted as error:
        raise invalid(str(error), error.field) from None
    return _standing(budget)


@router.delete("/admin/budgets/{uuid:budget_id}", auth=needs("admin"), response={204: None}, summary="Delete a budget")
def delete_budget(request: HttpRequest, budget_id: UUID) -> Any:
    """From then on nothing holds these calls back. What was spent stays in the log."""
    wanted.forget_budget(_found(request, budget_id), _actor(request))
    return Status(204, None)


def _actor(request: HttpRequest) -> Actor:
    part = actor_of(request, Act.CONFIGURE)
    return Actor(part.workspace, part.user_id, timezone.now())


def _found(request: HttpRequest, budget_id: UUID) -> Budget:
    part = actor_of(request, Act.CONFIGURE)
    found = Budget.objects.filter(pk=budget_id, workspace_id=part.workspace_id).first()
    if found is None:
        raise nothing_such("budget")
    return found


def _standing(budget: Budget) -> BudgetStanding:
    [standing] = standings.of_budgets([budget], now=timezone.now())
    return BudgetStanding.of(standing)
