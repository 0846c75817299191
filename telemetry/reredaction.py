"""Stored calls and steps, redacted again by the engine and the rules of today, where their stamp names others."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from telemetry import datasets, events, rewriting, spans
from telemetry.models import BackfillMark, Case, DeadLetter, InferenceLog, Score, Span
from telemetry.policies import Rules
from telemetry.rewriting import Reading, Row

BATCH = 200
MARKER = re.compile(r"\[\[([A-Z][A-Z0-9_]*)\]\]")

Report = Callable[[int], object]


@dataclass(slots=True)
class Done:
    """Rows looked at and changed, those that changed under our hands (they are left to the next run), and what was found."""

    seen_count: int = 0
    changed_count: int = 0
    left_count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Done") -> "Done":
        self.seen_count += other.seen_count
        self.changed_count += other.changed_count
        self.left_count += other.left_count
        self.kinds += other.kinds
        return self


@dataclass(frozen=True, slots=True)
class Period:
    """From a time on, and before another; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def of(self, column: str) -> Q:
        since = Q(**{f"{column}__gte": self.since}) if self.since else Q()
        return since & Q(**{f"{column}__lt": self.until}) if self.until else since


def workspaces() -> Iterator[UUID]:
    """Every workspace that the log knows, whether it still exists or not."""
    last = UUID(int=0)
    while True:
        firsts = [
            table._default_manager.filter(workspace_id__gt=last)
            .order_by("workspace_id")
            .values_list("workspace_id", flat=True)
            .first()
            for table in (InferenceLog, Span)
        ]
        found = [workspace_id for workspace_id in firsts if workspace_id is not None]
        if not found:
            return
        last = min(found)
        yield last


def count_of(value: Any) -> Counter[str]:
    """The markers in a text or structured value, by kind."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return Counter(MARKER.findall(text))


def backfill(workspace_id: UUID, rules: Rules, period: Period, *, is_dry: bool, report: Report) -> Done:
    """Redact a workspace's calls and steps anew. Interrupted, it goes on where it stopped; dry, it only counts."""
    done = Done()
    for table in (InferenceLog, Span):
        done += _backfill_table(table, workspace_id, rules, period=period, is_dry=is_dry, report=report)
    done += _backfill_letters(workspace_id, rules, period, is_dry=is_dry)
    done += _backfill_comments(workspace_id, rules, period, is_dry=is_dry)
    done += _backfill_cases(workspace_id, rules, period, is_dry=is_dry)
    return done


def _backfill_table(table: type[Row], workspace_id: UUID, rules: Rules, *, period: Period, is_dry: bool, report: Report) -> Done:
    stale = table._default_manager.filter(period.of("received_at"), workspace_id=workspace_id)
    stale = stale.exclude(redaction_version=rules.version).order_by("received_at", "id")
    mark = Mark(f"redaction of {table._meta.db_table} in {workspace_id}", rules, period)
    done = Done()
    after = None if is_dry else mark.read()
    unswept: set[tuple[date, UUID]] = {(after[0].date(), workspace_id)} if after else set()
    while True:
        page = stale.filter(Q(received_at__gt=after[0]) | Q(received_at=after[0], id__gt=after[1])) if after else stale
        rows: list[Any] = list(page[:BATCH])
        if is_dry:
            done += _counted(rows, rules)
        else:
            # What a page no longer refers to is deleted before the mark moves past its day.
            touched, step = _redact(rows, rules)
            done += step
            unswept |= touched
            is_past = not rows or rows[-1].day > min((day for day, _ in unswept), default=date.max)
            if unswept and is_past:
                rewriting.sweep(unswept)
                unswept.clear()
        report(len(rows))
        if not rows:
            mark.delete()
            return done
        after = rows[-1].received_at, rows[-1].id
        if not is_dry:
            mark.write(after)


def _backfill_letters(workspace_id: UUID, rules: Rules, period: Period, *, is_dry: bool) -> Done:
    """Dead letters may lie for long. What merely waits is redacted by the digest."""
    done = Done()
    letters = DeadLetter.objects.filter(period.of("died_at"), workspace_id=workspace_id).order_by("id")
    last = 0
    while page := list(letters.filter(id__gt=last)[:BATCH]):
        for letter in page:
            body = _letter(letter.body, rules)
            if body is None or body == letter.body:
                continue
            gained = count_of(body) - count_of(letter.body)
            is_kept = is_dry or DeadLetter.objects.filter(id=letter.id, body=letter.body).update(body=body)
            done += Done(1, int(bool(gained)), int(not is_kept), gained)
        last = page[-1].id
    return done


def _backfill_comments(workspace_id: UUID, rules: Rules, period: Period, *, is_dry: bool) -> Done:
    """What people wrote about replies."""
    done = Done()
    scores = Score.objects.filter(period.of("created_at"), workspace_id=workspace_id).exclude(comment="")
    for score in scores.exclude(redaction_version=rules.version).order_by("id").iterator():
        comment = rules.redactor.redact(score.comment).text
        stamped = {"comment": comment, "redaction_version": rules.version}
        is_kept = is_dry or Score.objects.filter(id=score.id, comment=score.comment).update(**stamped)
        gained = count_of(comment) - count_of(score.comment)
        done += Done(1, int(comment != score.comment and bool(is_kept)), int(not is_kept), gained)
    return done


def _backfill_cases(workspace_id: UUID, rules: Rules, period: Period, *, is_dry: bool) -> Done:
    """What models are tried with."""
    done = Done()
    stale = Case.objects.filter(period.of("created_at"), workspace_id=workspace_id).exclude(redaction_version=rules.version)
    for case in stale.order_by("id").iterator():
        said = [case.messages, case.expected]
        is_changed = datasets.redact_stored(case, rules, is_dry=is_dry)
        gained = count_of([case.messages, case.expected]) - count_of(said)
        done += Done(1, int(is_changed), 0, gained)
    return done


def _letter(body: str, rules: Rules) -> str | None:
    """A dead letter's body as these rules leave it; None where they have seen it."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return rules.redactor.redact(body).text
    if not isinstance(event, dict):
        return orjson.dumps(rules.redactor.redact_json(event)).decode()
    if event.get("redaction_version") == rules.version:
        return None
    redact_fields = (spans if event.get("phase") == "span" else events).redact_fields
    return orjson.dumps(redact_fields(event, rules) | {"redaction_version": rules.version}).decode()


def _redact(rows: list[Row], rules: Rules) -> tuple[set[tuple[date, UUID]], Done]:
    """Redact rows anew; the days and workspaces whose pieces changed, and what was done."""
    stamp = {"redaction_version": rules.version}
    change = rules.redactor.redact_json
    done = Done(seen_count=len(rows))
    touched: set[tuple[date, UUID]] = set()
    unchanged: list[Row] = []
    for row in rows:
        reading = Reading(row)
        found = _found(reading, change)
        if found is None:
            unchanged.append(row)
        elif rewriting.rewrite(reading, change, stamp) is None:
            done.left_count += 1
        else:
            done.changed_count += 1
            done.kinds += found
            touched.add((row.day, row.workspace_id))
    with transaction.atomic():
        done.left_count += len(unchanged) - rewriting.stamp_all(unchanged, stamp)
    return touched, done


def redact_calls(calls: Sequence[InferenceLog], rules: Rules) -> Done:
    """These calls and their steps, where their stamp names other rules; what is no longer referred to is deleted."""
    ids: dict[UUID, list[UUID]] = {}
    for call in calls:
        ids.setdefault(call.workspace_id, []).append(call.id)
    found: list[Row] = list(calls)
    for workspace_id, mine in ids.items():
        found += Span.objects.filter(workspace_id=workspace_id, inference_id__in=mine)
    touched, done = _redact([row for row in found if row.redaction_version != rules.version], rules)
    rewriting.sweep(touched)
    return done


def _counted(rows: list[Row], rules: Rules) -> Done:
    found = [_found(Reading(row), rules.redactor.redact_json) for row in rows]
    changed = [kinds for kinds in found if kinds is not None]
    return Done(len(rows), len(changed), kinds=sum(changed, Counter()))


def _found(reading: Reading, change: Callable[[Any], Any]) -> Counter[str] | None:
    """What the rules find in a row now that was not found before; None where nothing changes."""
    fields, content = reading.changed(change)
    if not fields and not content:
        return None
    before = Counter[str]()
    after = Counter[str]()
    # A preview repeats what the content says.
    for values, old in ((content, reading.content), (fields, reading.fields)):
        for name, value in values.items():
            if rewriting.PREVIEWS.get(name) not in content:
                before += count_of(old[name])
                after += count_of(value)
    return after - before


class Mark:
    """How far a table has come, under rules and for a period that are still the same."""

    def __init__(self, name: str, rules: Rules, period: Period) -> None:
        self._name = name
        self._what = {"version": rules.version, "since": str(period.since), "until": str(period.until)}

    def read(self) -> tuple[datetime, UUID] | None:
        mark = BackfillMark.objects.filter(name=self._name).first()
        if mark is None or any(mark.position.get(name) != value for name, value in self._what.items()):
            return None
        return datetime.fromisoformat(mark.position["at"]), UUID(mark.position["id"])

    def write(self, after: tuple[datetime, UUID]) -> None:
        position = {**self._what, "at": after[0].isoformat(), "id": str(after[1])}
        BackfillMark.objects.update_or_create(name=self._name, defaults={"position": position, "updated_at": Now()})

    def delete(self) -> None:
        BackfillMark.objects.filter(name=self._name).delete()
