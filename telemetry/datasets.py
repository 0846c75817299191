"""Datasets of a workspace and their cases: made, filled by hand, from files and from calls, and read by who may.

What a person typed or saved of their own calls is shared by saving it. What the owner saved of somebody else's stays with the
owner and that person. All of it is redacted before it is stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404

from accounts import audit
from accounts.access import WHO_MAY, Act
from accounts.audit import Action
from accounts.entrance import Bearer
from accounts.keyset import Cursor
from telemetry import payloads, policies, reading, tokens
from telemetry.cases import Draft, InvalidCase, draft, line
from telemetry.models import Case, Dataset, InferenceLog

MOST = 200  # datasets of a workspace
MOST_CASES = 10_000
LARGEST_FILE = 20_000_000  # bytes
BATCH = 500
PAGE = 50


class InvalidDataset(ValueError):
    """It can't be made or changed so; `field` is to blame."""

    def __init__(self, message: str, field: str = "name") -> None:
        super().__init__(message)
        self.field = field


def of_workspace(workspace_id: UUID) -> QuerySet[Dataset]:
    """They are few: all of them, by name, with how many cases each has."""
    counted = Dataset.objects.filter(workspace_id=workspace_id).annotate(case_count=Count("cases"))
    return counted.order_by("name", "id")


def found(workspace_id: UUID, dataset_id: UUID) -> Dataset:
    """Raises `Http404` for what is another workspace's."""
    dataset = Dataset.objects.filter(workspace_id=workspace_id, id=dataset_id).first()
    if dataset is None:
        raise Http404("There is no such dataset.")
    return dataset


def make(workspace_id: UUID, name: str, description: str = "", *, now: datetime, by: UUID | None) -> Dataset:
    """Raises `InvalidDataset`."""
    if Dataset.objects.filter(workspace_id=workspace_id).count() >= MOST:
        raise InvalidDataset(f"A workspace has at most {MOST} datasets: delete one first.")
    dataset = Dataset(workspace_id=workspace_id, made_by=by, created_at=now, updated_at=now)
    with transaction.atomic():
        _name(dataset, name, description)
        audit.note(Action.DATASET_CHANGED, by, now=now, workspace=workspace_id, subject=dataset, detail={"is": "made"})
    return dataset


def change(dataset: Dataset, name: str, description: str, *, now: datetime) -> None:
    """Raises `InvalidDataset`."""
    dataset.updated_at = now
    _name(dataset, name, description)


def delete(dataset: Dataset, *, now: datetime, by: UUID | None) -> None:
    """With its cases, and with what models answered to them."""
    with transaction.atomic():
        detail = {"is": "deleted", "cases": dataset.cases.count()}
        audit.note(Action.DATASET_CHANGED, by, now=now, workspace=dataset.workspace_id, subject=dataset, detail=detail)
        dataset.delete()


def may_delete(dataset: Dataset, bearer: Bearer) -> bool:
    """Who made it, and who looks after the workspace."""
    return dataset.made_by == bearer.user_id or bearer.role in WHO_MAY[Act.DELETE_LOGS]


def readable(bearer: Bearer) -> Q:
    """The cases whose words the person may read."""
    if bearer.role in WHO_MAY[Act.SEE_CONTENT]:
        return Q()
    return Q(user_id=None) | Q(user_id=F("saved_by")) | Q(user_id=bearer.user_id)


def page(dataset: Dataset, bearer: Bearer, cursor: Cursor | None = None) -> tuple[list[Case], Cursor | None]:
    """The cases in the order in which they came, and where the next page begins."""
    rows = dataset.cases.filter(readable(bearer)).order_by("created_at", "id")
    if cursor is not None:
        rows = rows.filter(Q(created_at__gt=cursor.at) | Q(created_at=cursor.at, id__gt=cursor.id))
    kept = list(rows[: PAGE + 1])
    last = kept[PAGE - 1] if len(kept) > PAGE else None
    return kept[:PAGE], Cursor(last.created_at, last.id) if last else None


def hidden_count(dataset: Dataset, bearer: Bearer) -> int:
    """How many cases the person may not read."""
    return dataset.cases.exclude(id__in=dataset.cases.filter(readable(bearer)).values("id")).count() if readable(bearer) else 0


def case_of(bearer: Bearer, dataset_id: UUID, case_id: UUID) -> Case:
    """A case that the person may read. Raises `Http404`."""
    mine = Case.objects.select_related("dataset").filter(readable(bearer), workspace_id=bearer.workspace_id)
    case = mine.filter(dataset_id=dataset_id, id=case_id).first()
    if case is None:
        raise Http404("There is no such case.")
    return case


def add(dataset: Dataset, drafts: Iterable[Draft], *, now: datetime, by: UUID | None) -> tuple[int, int]:
    """Store cases, all or none; how many came to be there, and how many were there before. Raises `InvalidCase`."""
    rules = policies.rules_of(dataset.workspace_id)
    rows = [_row(dataset, _redacted(each, rules), now=now, by=by, version=rules.version) for each in drafts]
    return _store(dataset, rows)


def save_call(dataset: Dataset, call: InferenceLog, expected: str | None, *, bearer: Bearer, now: datetime) -> bool:
    """Make a case of a call; False where it was there before. Without `expected`, what was answered is expected.

    Another person's call is the owner's to read, and that is noted.
    Raises `Refused` for who may not read it, and `InvalidCase` where the log kept nothing that could be asked again.
    """
    if not reading.is_own(bearer, call.user_id):
        reading.reveal(bearer, [(call.id, call.user_id)], now=now)
    messages = [message for message in payloads.shown_content_of(call).get("messages") or [] if message]
    if not messages:
        raise InvalidCase("The log kept nothing of what was said in this call.")
    rules = policies.rules_of(dataset.workspace_id)
    said = _redacted(draft(messages, expected=reply_of(call) if expected is None else expected), rules)
    row = _row(dataset, said, now=now, by=bearer.user_id, version=rules.version)
    row.inference_id, row.user_id, row.end_user = call.id, call.user_id, call.end_user
    return bool(_store(dataset, [row])[0])


def reply_of(call: InferenceLog) -> str:
    """What was answered, in words."""
    replies = payloads.shown_content_of(call).get("reply") or []
    return "\n\n".join(tokens.text_of(reply) for reply in replies if reply)


def change_case(case: Case, given: Draft, *, now: datetime) -> None:
    """Raises `InvalidCase`."""
    rules = policies.rules_of(case.workspace_id)
    said = _redacted(given, rules)
    case.messages, case.expected, case.name, case.scorers = said.messages, said.expected, said.name, list(said.scorers)
    case.digest, case.redaction_version, case.updated_at = said.digest, rules.version, now
    try:
        with transaction.atomic():
            case.save(force_update=True)
    except IntegrityError:
        raise InvalidCase("The dataset has this case already.") from None


def redact_stored(case: Case, rules: policies.Rules, *, is_dry: bool) -> bool:
    """Redact a stored case by the rules of today; says whether that changes it. Cases that become the same both stay."""
    before = Draft(case.messages, case.expected, case.name, tuple(case.scorers))
    said = _redacted(before, rules)
    case.messages, case.expected, case.redaction_version = said.messages, said.expected, rules.version
    if said != before:
        twins = Case.objects.filter(dataset_id=case.dataset_id, digest=said.digest).exclude(id=case.id)
        case.digest = f"{case.id.hex:0>64}" if twins.exists() else said.digest
    if not is_dry:
        case.save(update_fields=["messages", "expected", "redaction_version", "digest"])
    return said != before


def export(dataset: Dataset, bearer: Bearer) -> Iterator[bytes]:
    """The cases that the person may read, as JSONL."""
    rows = dataset.cases.filter(readable(bearer)).order_by("created_at", "id")
    return (line(case) for case in rows.iterator(BATCH))


def forget(rows: Q) -> int:
    """Delete cases of calls by conditions of the log; returns how many."""
    doomed = Case.objects.filter(rows)
    count = doomed.count()
    doomed.delete()
    return count


def _name(dataset: Dataset, name: str, description: str) -> None:
    dataset.name, dataset.description = " ".join(name.split()), description.strip()
    if not dataset.name:
        raise InvalidDataset("A dataset has a name.")
    try:
        with transaction.atomic():
            dataset.save()
    except IntegrityError:
        raise InvalidDataset(f"There is a dataset {dataset.name} already.") from None


def _redacted(given: Draft, rules: policies.Rules) -> Draft:
    messages = [{**message, **rules.redactor.redact_json(_said(message))} for message in given.messages]
    return replace(given, messages=messages, expected=rules.redactor.redact(given.expected).text)


def _said(message: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in message.items() if name != "role"}


def _row(dataset: Dataset, given: Draft, *, now: datetime, by: UUID | None, version: int) -> Case:
    return Case(
        dataset=dataset,
        workspace_id=dataset.workspace_id,
        name=given.name,
        messages=given.messages,
        expected=given.expected,
        scorers=list(given.scorers),
        digest=given.digest,
        saved_by=by,
        redaction_version=version,
        created_at=now,
        updated_at=now,
    )


def _store(dataset: Dataset, rows: Sequence[Case]) -> tuple[int, int]:
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)  # two files at once count one after the other
        before = dataset.cases.count()
        Case.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
        after = dataset.cases.count()
        if after > MOST_CASES:
            raise InvalidCase(f"A dataset has at most {MOST_CASES:,} cases, and this would make it {after:,}.", "file")
    return after - before, len(rows) - (after - before)
