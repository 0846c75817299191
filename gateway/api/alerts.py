"""Alerts of the workspace, what they said, and what they can watch."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, Body, Name, actor_of, invalid, nothing_such, page_of
from accounts.programs import needs
from gateway import alert_reading, alert_rules, alert_trials
from gateway.alert_rules import Wanted
from gateway.models import AlertEvent, AlertRule

router = Router(tags=["Administration"])
Severity = Literal["info", "warning", "critical"]
Comparison = Literal["above", "below"]
NoData = Literal["keep", "ok", "alert"]
Value = Annotated[str, Field(min_length=1, max_length=255)]
Values = Annotated[list[Value], Field(max_length=50)]
Figure = Annotated[str, Field(min_length=1, max_length=60, examples=["error_rate"])]
Limit = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]


class AlertFilters(Body):
    """Which calls; several values are alternatives, several tags all apply. Names are those of the log's filters."""

    provider: Values = Field(default=[])
    model: Values = Field(default=[])
    source: Values = Field(default=[])
    status: Values = Field(default=[])
    operation: Values = Field(default=[])
    api_key_id: Values = Field(default=[])
    tags: Values = Field(default=[])
    environment: Values = Field(default=[])
    app: Values = Field(default=[])
    error_class: Values = Field(default=[])


class NewAlert(Body):
    """Thresholds are in the figure's own unit; shares lie between 0 and 1."""

    name: Name
    figure: Figure
    threshold: Limit = Field(examples=[0.05])
    comparison: Comparison = "above"
    recover_threshold: Limit | None = Field(None, description="Where it is good again. Null: at the threshold.")
    severity: Severity = "warning"
    window_minutes: int = Field(15, ge=1, le=alert_rules.LONGEST_WINDOW)
    for_minutes: int = Field(0, ge=0, le=alert_rules.LONGEST, description="For how long it must last before it fires.")
    least_calls: int = Field(0, ge=0, le=alert_rules.MOST_CALLS, description="Fewer are no data for a rate or a percentile.")
    on_no_data: NoData = "keep"
    remind_minutes: int = Field(0, ge=0, le=alert_rules.LONGEST, description="0: never.")
    budget_id: UUID | None = Field(None, description="For `budget_used`. Null: the fullest one.")
    filters: AlertFilters = Field(default_factory=AlertFilters)
    webhook_ids: list[UUID] = Field([], max_length=20, description="Webhooks that listen to alerts.")
    letters_to: list[Annotated[str, Field(max_length=254)]] = Field(
        [], max_length=alert_rules.MOST_LETTERS, description="E-mail addresses."
    )
    is_enabled: bool = True


class AlertChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    figure: Figure | None = None
    threshold: Limit | None = None
    comparison: Comparison | None = None
    recover_threshold: Limit | None = None
    severity: Severity | None = None
    window_minutes: int | None = Field(None, ge=1, le=alert_rules.LONGEST_WINDOW)
    for_minutes: int | None = Field(None, ge=0, le=alert_rules.LONGEST)
    least_calls: int | None = Field(None, ge=0, le=alert_rules.MOST_CALLS)
    on_no_data: NoData | None = None
    remind_minutes: int | None = Field(None, ge=0, le=alert_rules.LONGEST)
    budget_id: UUID | None = None
    filters: AlertFilters | None = None
    webhook_ids: list[UUID] | None = Field(None, max_length=20)
    letters_to: list[Annotated[str, Field(max_length=254)]] | None = Field(None, max_length=alert_rules.MOST_LETTERS)
    is_enabled: bool | None = None


class Alert(Schema):
    """A rule and how it stands. `value` is null where there were no data, or nobody looked yet."""

    id: UUID
    name: str
    figure: str
    threshold: float
    comparison: Comparison
    recover_threshold: float | None
    severity: Severity
    window_minutes: int
    for_minutes: int
    least_calls: int
    on_no_data: NoData
    remind_minutes: int
    budget_id: UUID | None
    filters: AlertFilters
    webhook_ids: list[UUID]
    letters_to: list[str]
    is_enabled: bool
    muted_until: datetime | None
    state: Literal["ok", "pending", "firing", "no_data"]
    since: datetime
    value: float | None
    checked_at: datetime | None
    problem: str
    created_at: datetime

    @classmethod
    def of(cls, rule: AlertRule) -> "Alert":
        derived: dict[str, Any] = {
            "webhook_ids": [hook.pk for hook in rule.webhooks.all()],
            "filters": AlertFilters(**rule.filters),
        }
        return cls(**{name: getattr(rule, name) for name in cls.model_fields if name not in derived}, **derived)


class AlertPage(Schema):
    data: list[Alert]
    next_cursor: str | None


class AlertSaid(Schema):
    """Something that an alert said. `alert_id` is null where the alert was deleted since."""

    id: UUID
    alert_id: UUID | None
    name: str
    severity: Severity
    kind: Literal["fired", "reminded", "no_data", "recovered"]
    value: float | None
    says: str
    was_muted: bool
    told_count: int
    created_at: datetime

    @classmethod
    def of(cls, event: AlertEvent) -> "AlertSaid":
        return cls(alert_id=event.rule_id, **{name: getattr(event, name) for name in cls.model_fields if name != "alert_id"})


class AlertHistoryPage(Schema):
    data: list[AlertSaid]
    next_cursor: str | None


class AlertMute(Body):
    minutes: int = Field(60, ge=0, le=alert_rules.LONGEST, description="0: tell again from now on.")


class AlertTold(Schema):
    """One webhook or address, and what came of the test."""

    whom: str
    is_good: bool
    says: str


class AlertTest(Schema):
    data: list[AlertTold]


class AlertMeasure(Schema):
    """Something that an alert can watch."""

    name: str
    label: str
    unit: str = Field(description="calls, usd, tokens, ms, share (between 0 and 1), tokens/s, s or events.")
    takes_filters: bool


class AlertMeasures(Schema):
    data: list[AlertMeasure]


@router.get("/admin/alert-figures", auth=needs("admin"), response=AlertMeasures, summary="List what alerts can watch")
def list_alert_figures(request: HttpRequest) -> Any:
    """Figures of calls, budgets and of recording itself."""
    actor_of(request, Act.SET_ALERTS)
    known = alert_reading.MEASURES.values()
    return AlertMeasures(
        data=[AlertMeasure(name=one.name, label=one.label, unit=one.counted_in, takes_filters=one.of == "calls") for one in known]
    )


@router.get("/admin/alerts", auth=needs("admin"), response=AlertPage, summary="List alerts")
def list_alerts(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """The oldest first, each with how it stands."""
    part = actor_of(request, Act.SET_ALERTS)
    page = page_of(AlertRule.objects.filter(workspace_id=part.workspace_id).prefetch_related("webhooks"), asked)
    return AlertPage(data=[Alert.of(rule) for rule in page.rows], next_cursor=page.next_cursor)


@router.post("/admin/alerts", auth=needs("admin"), response={201: Alert}, summary="Add an alert")
def add_alert(request: HttpRequest, given: NewAlert) -> Any:
    """It is looked at within half a minute."""
    part = actor_of(request, Act.SET_ALERTS)
    try:
        rule = alert_rules.make(part.workspace, _wanted(given.model_dump()), now=timezone.now(), by=part.user_id)
    except alert_rules.InvalidRule as error:
        raise invalid(str(error), error.field) from None
    return Status(201, Alert.of(rule))


@router.get("/admin/alerts/history", auth=needs("admin"), response=AlertHistoryPage, summary="List what alerts said")
def alerts_said(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """The newest first; kept for 400 days."""
    part = actor_of(request, Act.SET_ALERTS)
    page = page_of(AlertEvent.objects.filter(workspace_id=part.workspace_id), asked, newest_first=True)
    return AlertHistoryPage(data=[AlertSaid.of(event) for event in page.rows], next_cursor=page.next_cursor)


@router.get("/admin/alerts/{uuid:alert_id}", auth=needs("admin"), response=Alert, summary="Get an alert")
def get_alert(request: HttpRequest, alert_id: UUID) -> Any:
    return Alert.of(_found(request, alert_id))


@router.patch("/admin/alerts/{uuid:alert_id}", auth=needs("admin"), response=Alert, summary="Change an alert")
def patch_alert(request: HttpRequest, alert_id: UUID, given: AlertChange) -> Any:
    """One that measures something else from now on begins anew: if it fires, its end is told."""
    part, rule = actor_of(request, Act.SET_ALERTS), _found(request, alert_id)
    held = Alert.of(rule).model_dump(include=set(AlertChange.model_fields))
    # Null means nothing in particular for two of them: only what was sent is changed.
    told = {name: value for name, value in given.model_dump(exclude_unset=True).items() if _means(name, value)}
    try:
        changed = alert_rules.change(rule, _wanted(held | told), now=timezone.now(), by=part.user_id)
    except alert_rules.InvalidRule as error:
        raise invalid(str(error), error.field) from None
    return Alert.of(changed)


@router.delete("/admin/alerts/{uuid:alert_id}", auth=needs("admin"), response={204: None}, summary="Delete an alert")
def drop_alert(request: HttpRequest, alert_id: UUID) -> Any:
    """What it said stays in the history."""
    part = actor_of(request, Act.SET_ALERTS)
    alert_rules.delete(_found(request, alert_id), now=timezone.now(), by=part.user_id)
    return Status(204, None)


@router.post("/admin/alerts/{uuid:alert_id}/mute", auth=needs("admin"), response=Alert, summary="Mute an alert")
def silence_alert(request: HttpRequest, alert_id: UUID, given: AlertMute) -> Any:
    """Nobody is told of trouble meanwhile; it is looked at and writes its history all the same."""
    part, rule, now = actor_of(request, Act.SET_ALERTS), _found(request, alert_id), timezone.now()
    until = now + timedelta(minutes=given.minutes) if given.minutes else None
    alert_rules.mute(rule, until, now=now, by=part.user_id)
    return Alert.of(_found(request, alert_id))


@router.post("/admin/alerts/{uuid:alert_id}/test", auth=needs("admin"), response=AlertTest, summary="Try an alert")
def try_alert(request: HttpRequest, alert_id: UUID) -> Any:
    """Tells everybody who would be told, at once, that this is a test."""
    told = alert_trials.test(_found(request, alert_id), now=timezone.now())
    return AlertTest(data=[AlertTold(whom=one.whom, is_good=one.is_good, says=one.says) for one in told])


def _means(name: str, value: Any) -> bool:
    return value is not None or name in ("recover_threshold", "budget_id")


def _wanted(given: dict[str, Any]) -> Wanted:
    filters = {name: values for name, values in given["filters"].items() if values}
    return Wanted(**{**given, "filters": filters})


def _found(request: HttpRequest, alert_id: UUID) -> AlertRule:
    part = actor_of(request, Act.SET_ALERTS)
    rule = AlertRule.objects.filter(pk=alert_id, workspace_id=part.workspace_id).select_related("workspace").first()
    if rule is None:
        raise nothing_such("alert")
    return rule
