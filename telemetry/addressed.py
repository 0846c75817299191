"""A page of figures as its address says it: the period, what it is compared with, by what it is split, which calls count.

Read leniently: what cannot be understood is left out and said in `notices`. The names are those of the REST API.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from telemetry import figures
from telemetry.asked import RFC_3339, Asked
from telemetry.queries.filters import Filters
from telemetry.rollup_sums import Unit

WINDOW = "24h"
REFRESH = (0, 10, 60)
STEPS = ("auto", "minute", "hour", "day")
GROUPS = ("provider", "model", "source", "status", "user_id", "api_key_id")
FILTERS = tuple(name for name in Asked.model_fields if name not in {"since", "until"})
LISTS = frozenset(name for name in FILTERS if Asked.model_fields[name].default == [])
TYPED = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?", re.ASCII)  # of a date field, in the person's zone
LONGEST = figures.LONGEST["day"]
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`window` is empty where the period has a beginning of its own; `given` has the filters as they were written."""

    now: datetime
    since: datetime
    until: datetime
    window: str
    is_ended: bool  # at a moment that was named, rather than now
    given: Texts
    read: Mapping[str, Any]
    compare: bool = False
    by: str | None = None
    step: str = "auto"
    refresh: int = 0
    notices: tuple[str, ...] = ()

    def filters(self, workspace_id: UUID) -> Filters:
        """Of the period that is asked for."""
        return Filters(workspace_id, since=self.since, until=self.until, **self.read)

    def filters_before(self, workspace_id: UUID) -> Filters:
        """Of the period before, which is as long."""
        return Filters(workspace_id, since=self.since - self.length, until=self.since, **self.read)

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def unit(self) -> Unit:
        """The step of the charts."""
        return figures.step_for(self.length, wanted=self.step, since=self.since, now=self.now)

    def url(self, **changes: Any) -> str:
        """The same page with something else: a value, several, or None for none. `?` and what follows."""
        told: dict[str, Any] = dict(self.period)
        if self.compare:
            told["compare"] = "previous"
        if self.by:
            told["group_by"] = self.by
        if self.step != "auto":
            told["step"] = self.step
        if self.refresh:
            told["refresh"] = str(self.refresh)
        told |= self.given
        if {"window", "since", "until"} & changes.keys():
            told = {name: value for name, value in told.items() if name not in {"window", "since", "until"}}
        return f"?{_encoded(told | changes)}"

    @property
    def period(self) -> dict[str, str]:
        """The period as the address has it."""
        told = {"window": self.window} if self.window else {"since": rfc_3339(self.since)}
        return told | {"until": rfc_3339(self.until)} if self.is_ended else told

    def logs_url(self, *, since: datetime | None = None, until: datetime | None = None, **more: Any) -> str | None:
        """The list of the calls behind a point: within these moments, with these filters beside the page's own.

        None as long as there is no such list.
        """
        links = self.logs_links(**more)
        return links(since, until) if links else None

    def logs_links(self, **more: Any) -> Callable[[datetime | None, datetime | None], str] | None:
        """The same for many points that differ in their moments alone: what they have in common is written once."""
        try:
            address = reverse("logs")
        except NoReverseMatch:
            return None
        told = _encoded(dict(self.given) | more)
        rest = f"&{told}" if told else ""

        def link(since: datetime | None, until: datetime | None) -> str:
            start, end = max(since or self.since, self.since), min(until or self.until, self.until)
            return f"{address}?since={rfc_3339(start)}&until={rfc_3339(end)}{rest}"

        return link


def read(query: QueryDict, now: datetime) -> Wanted:
    """What an address asks for. Nothing in it is an error."""
    notices: list[str] = []
    since, until, window, is_ended = _period(query, now, notices)
    given, understood = _filters(query, notices)
    by = query.get("group_by") or None
    if by is not None and by not in GROUPS:
        notices.append(f"The charts cannot be split by {by[:50]!r}.")
        by = None
    refresh, step = query.get("refresh", ""), query.get("step", "auto")
    return Wanted(
        now=now,
        since=since,
        until=until,
        window=window,
        is_ended=is_ended,
        given=given,
        read=understood,
        compare=query.get("compare", "") in {"previous", "1", "on"},
        by=by,
        step=step if step in STEPS else "auto",
        refresh=int(refresh) if refresh in map(str, REFRESH) else 0,
        notices=tuple(notices),
    )


def _period(query: QueryDict, now: datetime, notices: list[str]) -> tuple[datetime, datetime, str, bool]:
    since, until = (_moment(query.get(name, ""), name, notices) for name in ("since", "until"))
    if until and until > now:
        until = None
    end = until or now
    window = query.get("window") or WINDOW
    if window not in figures.WINDOWS:
        if window != "custom":
            notices.append(f"There is no period {window[:50]!r}: the last {WINDOW} are shown.")
        window = WINDOW
    if since and since >= end:
        notices.append("The period ends before it begins: another one is shown.")
        since = None
    if since is None:
        return end - figures.WINDOWS[window], end, window, until is not None
    if end - since > LONGEST:
        notices.append(f"A period has {LONGEST.days} days at most: its end is shown.")
        since = end - LONGEST
    return since, end, "", until is not None


def _moment(text: str, name: str, notices: list[str]) -> datetime | None:
    """RFC 3339, or what a date field sends, in the person's time zone."""
    text = text.strip()
    if not text:
        return None
    if TYPED.fullmatch(text) or RFC_3339.fullmatch(text.replace(" ", "T")):
        try:
            found = datetime.fromisoformat(text.upper().replace(" ", "T"))
            found = found if found.tzinfo else timezone.make_aware(found)
            if 1971 <= found.year < 2200:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # the thirty-first of June: told below
    notices.append(f"{name} is not a time: write it like 2026-11-21T12:00:00Z.")
    return None


def _filters(query: QueryDict, notices: list[str]) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The filters as texts and as values; each is read alone, so that one mistake does not undo the others."""
    given: dict[str, list[str]] = {}
    understood: dict[str, Any] = {}
    for name in FILTERS:
        texts = [text.strip() for text in query.getlist(name) if text.strip()]
        if not texts:
            continue
        try:
            if any("\0" in text for text in texts):
                raise ValueError("no text of the database has it")
            value = getattr(Asked.model_validate({name: texts if name in LISTS else texts[-1]}), name)
        except ValueError:  # pydantic's own are of this kind
            notices.append(f"The filter {name} was left out: {', '.join(texts)[:80]!r} is no value of it.")
            continue
        given[name] = texts if name in LISTS else texts[-1:]
        understood[name] = Decimal(repr(value)) if isinstance(value, float) else value
    return given, understood


def rfc_3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _encoded(told: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in told.items() if value not in (None, "", [], ())}, doseq=True)
