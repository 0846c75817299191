"""What calls may cost: set aside before a provider is asked, booked once it is known, and told to people in sentences.

`gateway.budgets` is the ledger; here calls and their bills meet it. Without a budget, nothing is counted or locked.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import connection

from gateway import budgets
from gateway.budgets import Left, OverBudget, Spender
from gateway.calls import Bill, Call
from gateway.models import Budget
from gateway.protocol import ChatRequest
from telemetry import pricing, tokens

MOVE = "UPDATE gateway_reservation SET call_id = %s WHERE call_id = %s AND state = 'reserved'"
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
THIS = {Budget.Period.DAY: "today", Budget.Period.MONTH: "this month"}
FRESH_SECONDS = 5.0  # for so long a process believes that a workspace has no budget, or some
MOST_KNOWN = 10_000
A = {Budget.Period.DAY: "a day", Budget.Period.MONTH: "a month"}


class BudgetRefusal(Exception):
    """A call that the budgets do not allow. `message` says which one, what is left of it, and when it begins anew."""

    def __init__(self, message: str, resets_on: date) -> None:
        super().__init__(message)
        self.message = message
        self.resets_on = resets_on


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a person may still spend: the tightest of their budgets. `whose` is "your" or "the workspace’s"."""

    whose: str
    period: str
    limit_usd: Decimal
    remaining_usd: Decimal
    resets_on: date

    @property
    def this(self) -> str:
        return THIS[Budget.Period(self.period)]

    @property
    def is_low(self) -> bool:
        return self.remaining_usd * 10 <= self.limit_usd


_known: dict[UUID, tuple[float, bool]] = {}


def has_none(workspace_id: UUID) -> bool:
    """Whether the workspace is known to have no budget, without asking: then a call of it has nothing to reserve or settle."""
    until, has_budgets = _known.get(workspace_id, (0.0, True))
    return not has_budgets and time.monotonic() < until


def reserve(call: Call, *, now: datetime) -> bool:
    """Set aside what the call may cost, in the caller's transaction; False when there was no need to: no budget, or a call
    that is free by its price. Such a call has nothing to settle either.

    Raises `BudgetRefusal`.
    """
    origin = call.origin
    if not _has_budgets(origin.workspace_id):
        return False
    amount = _most([estimate_usd(replace(call.request, target=target), now=now) for target in call.may_ask])
    if amount == 0:
        return False
    spender = Spender(origin.workspace_id, origin.user_id, origin.api_key_id)
    try:
        budgets.reserve(call.inference_id, spender, amount, now=now)
    except OverBudget as over:
        raise _refusal(over, spender, amount, now=now) from over
    return True


def _has_budgets(workspace_id: UUID) -> bool:
    until, has_budgets = _known.get(workspace_id, (0.0, True))
    if time.monotonic() < until:
        return has_budgets
    has_budgets = Budget.objects.filter(workspace_id=workspace_id, is_enabled=True).exists()
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[workspace_id] = (time.monotonic() + FRESH_SECONDS, has_budgets)
    return has_budgets


def _most(estimates: Sequence[Decimal | None]) -> Decimal | None:
    """What the dearest of them costs. Whether it is free is not known while one of them has no price."""
    most = max((amount for amount in estimates if amount is not None), default=None)
    return None if not most and None in estimates else most


def settle(call_id: UUID, bill: Bill) -> None:
    """Book what a call cost; a call that never came to anything gives back what it had set aside."""
    if bill.source == "none":
        budgets.release(call_id)
    else:
        budgets.settle(call_id, bill.price.usd if bill.price else None)


def pass_on(from_call: UUID, to_call: UUID) -> None:
    """The next attempt spends what the failed one had set aside."""
    with connection.cursor() as cursor:
        cursor.execute(MOVE, [to_call, from_call])


def estimate_usd(request: ChatRequest, *, now: datetime) -> Decimal | None:
    """What the call costs at most: the prompt as it counts here, and as long a reply as it may become. None without a price."""
    target = request.target
    if pricing.rates(target.vendor, target.model, now) is None:
        return None
    asked = next((request.parameters[name] for name in LIMITS if request.parameters.get(name)), settings.DEFAULT_MAX_TOKENS)
    price = pricing.cost_usd(
        target.vendor,
        target.model,
        input_tokens=tokens.count_messages(request.messages, target.model),
        output_tokens=int(asked) * int(request.parameters.get("n") or 1),
        at=now,
    )
    return price.usd if price else None


def allowance(workspace_id: UUID, user_id: UUID, *, now: datetime) -> Allowance | None:
    """What is left for a person: of a budget of their own where they have one, else of the workspace's."""
    found = budgets.left(Spender(workspace_id, user_id), now=now)
    if not found:
        return None
    ids = [one.budget_id for one in found]
    own = set(Budget.objects.filter(id__in=ids, subject=Budget.Subject.USER).values_list("id", flat=True))
    tightest = min((one for one in found if one.budget_id in own or not own), key=lambda one: one.remaining_usd)
    whose = "your" if tightest.budget_id in own else "the workspace’s"
    return Allowance(whose, tightest.period, tightest.limit_usd, tightest.remaining_usd, tightest.resets_on)


def _refusal(over: OverBudget, spender: Spender, amount: Decimal | None, *, now: datetime) -> BudgetRefusal:
    tightest = _tightest(over.budget_ids, budgets.left(spender, now=now))
    subject = Budget.objects.values_list("subject", flat=True).get(id=tightest.budget_id)
    whose = {Budget.Subject.USER: "Your budget", Budget.Subject.API_KEY: "This key’s budget"}.get(
        Budget.Subject(subject), "This workspace’s budget"
    )
    budget = f"{whose} of {_usd(tightest.limit_usd)} {A[Budget.Period(tightest.period)]}"
    renews = f"It begins anew on {tightest.resets_on.day} {tightest.resets_on:%B}."
    if amount is None or tightest.remaining_usd == 0:
        return BudgetRefusal(f"{budget} is used up. {renews}", tightest.resets_on)
    return BudgetRefusal(
        f"{budget} has {_usd(tightest.remaining_usd)} left, and this could cost up to {_usd(amount)}. "
        f"Choose a cheaper model or allow a shorter reply. {renews}",
        tightest.resets_on,
    )


def _tightest(ids: Sequence[UUID], found: Sequence[Left]) -> Left:
    return min((one for one in found if one.budget_id in ids), key=lambda one: one.remaining_usd)


def _usd(amount: Decimal) -> str:
    """In cents; what is less than a tenth of one is told as such, and small amounts keep their first digits."""
    if amount == 0 or amount >= Decimal("0.1"):
        return f"${amount:,.2f}"
    return "less than $0.001" if amount < Decimal("0.001") else f"${amount:.3f}"
