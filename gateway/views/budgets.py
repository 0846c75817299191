"""The budgets of a workspace: made, changed, deleted, and how each stands."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership
from accounts.settings_pages import settings_page
from gateway import standings
from gateway.budget_forms import BudgetForm, NewBudgetForm
from gateway.models import Budget


@login_required
@require_http_methods(["GET", "POST"])
def budgets_page(request: HttpRequest) -> HttpResponse:
    """The list of them; posting makes one."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    require(part, Act.CONFIGURE)
    if request.method != "POST":
        return _page(request, part, NewBudgetForm(part.workspace))
    form = NewBudgetForm(part.workspace, request.POST)
    if not form.is_valid():
        return _page(request, part, form, status=422)
    with transaction.atomic():
        budget = form.save()
        _note(request, budget, "made")
    messages.success(request, f"The budget of ${budget.limit_usd:,.2f} a {budget.period} holds within five seconds.")
    return redirect("gateway:budgets")


@login_required
@require_http_methods(["GET", "POST"])
def budget(request: HttpRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Change the limit, or switch it off for a while."""
    found = _found(request, budget_id)
    form = BudgetForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            _note(request, form.save(), "changed")
        messages.success(request, "Saved.")
        return redirect("gateway:budgets")
    stored = Budget.objects.get(id=budget_id)
    [standing] = standings.of_budgets([stored], now=timezone.now())
    status = 422 if request.method == "POST" else 200
    return settings_page(request, "settings/budget.html", {"form": form, "standing": standing}, status=status)


@login_required
@require_POST
def delete_budget(request: HttpRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Delete it with what it has counted; the log keeps what calls cost."""
    found = _found(request, budget_id)
    with transaction.atomic():
        _note(request, found, "deleted")
        found.delete()
    messages.success(request, "The budget is deleted.")
    return redirect("gateway:budgets")


def _found(request: HttpRequest, budget_id: uuid.UUID) -> Budget:
    """A budget of the workspace that the person is in, for who may change it."""
    part = current_membership(request)
    found = get_object_or_404(Budget, id=budget_id, workspace=part.workspace)
    require(part, Act.CONFIGURE)
    return found


def _page(request: HttpRequest, part: Membership, form: NewBudgetForm, *, status: int = 200) -> HttpResponse:
    found = standings.of_workspace(part.workspace_id, now=timezone.now(), after=request.GET.get("after", ""))
    context = {
        "standings": found.rows,
        "next_after": found.next_after,
        "is_later": bool(request.GET.get("after")),
        "form": form,
        "has_keys": len(form.fields["key"].choices) > 1,  # type: ignore[attr-defined]
    }
    return settings_page(request, "settings/budgets.html", context, status=status)


def _note(request: HttpRequest, budget: Budget, what: str) -> None:
    detail = {"what": what, "for": budget.subject, "period": budget.period, "limit_usd": str(budget.limit_usd)}
    audit.note(
        Action.BUDGET_CHANGED,
        person(request),
        now=timezone.now(),
        workspace=budget.workspace_id,
        subject=budget,
        detail=detail | {"is_enabled": budget.is_enabled},
    )
