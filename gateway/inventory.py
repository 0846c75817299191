"""What the page of providers shows: each one that is configured, from wherever, with its state."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache
from django.http import Http404

from accounts.models import Workspace
from gateway import listing, probes, shelves, sources
from gateway.listing import NOTHING, Offered
from gateway.models import ModelChoices, Provider
from gateway.probes import Outcome
from gateway.sources import Source
from telemetry.policies import rules_of

TEST_KEPT_SECONDS = 30 * 24 * 3600
ORIGINS = {
    "installation": "of the installation",
    "environment": "of the environment",
    "this machine": "on this machine",
}


@dataclass(frozen=True, slots=True)
class Test:
    """The last test."""

    is_ok: bool
    says: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One provider as the page shows it. `row` is the workspace's own, which alone can be edited."""

    source: Source
    row: Provider | None
    is_enabled: bool
    is_default: bool = False
    model_count: int = 0
    said: Offered = NOTHING
    reason: str = ""
    test: Test | None = None

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def is_waiting(self) -> bool:
        return bool(self.row and self.row.is_waiting)

    @property
    def origin(self) -> str:
        return ORIGINS.get(self.source.origin, "")

    @property
    def answered_at(self) -> datetime | None:
        return datetime.fromtimestamp(self.said.answered_at, UTC) if self.said.answered_at else None


def lines(workspace: Workspace) -> list[Line]:
    """Those of the workspace by name, then what it was given; the demo model last."""
    rows = list(Provider.objects.filter(workspace=workspace).order_by("name"))
    own = [_own(row, source, workspace.id) for row in rows if (source := sources.of_row(row))]
    given = [_given(source, workspace.id) for source in sources.given(workspace.id)]
    return [*own, *given]


def line(workspace: Workspace, name: str) -> Line:
    """The provider of that name. Raises `Http404`."""
    row = Provider.objects.filter(workspace=workspace, name=name).first()
    source = sources.of_row(row) if row else None
    if row and source:
        return _own(row, source, workspace.id)
    found = next((source for source in sources.given(workspace.id) if source.name == name), None)
    if found is None:
        raise Http404("There is no such provider.")
    return _given(found, workspace.id)


def test(line: Line, workspace: Workspace, *, now: datetime) -> Outcome:
    """Ask the provider, and keep what came of it."""
    source = line.source
    outcome = probes.probe(source, names=probes.names_of(source))
    says = _redacted(outcome.says, workspace.id)
    if line.row:
        kept = {"is_ok": outcome.is_ok, "says": says}
        Provider.objects.filter(id=line.row.id).update(tested_at=now, test_result=kept)
    else:
        kept = {"is_ok": outcome.is_ok, "says": says, "at": now.isoformat()}
        cache.set(_kept_at(workspace.id, source), kept, TEST_KEPT_SECONDS)
    sources.forget()
    return Outcome(outcome.is_ok, says, outcome.took_ms)


def _own(row: Provider, source: Source, workspace_id: uuid.UUID) -> Line:
    kept, tested = row.test_result, None
    if row.tested_at:
        tested = Test(bool(kept.get("is_ok")), str(kept.get("says", "")), row.tested_at)
    return _line(source, row, is_enabled=row.is_enabled, test=tested, workspace_id=workspace_id)


def _given(source: Source, workspace_id: uuid.UUID) -> Line:
    kept: Any = cache.get(_kept_at(workspace_id, source))
    tested = Test(kept["is_ok"], kept["says"], datetime.fromisoformat(kept["at"])) if kept else None
    is_enabled = source.name not in shelves.of(workspace_id).wanted.switched_off
    return _line(source, None, is_enabled=is_enabled, test=tested, workspace_id=workspace_id)


def _line(source: Source, row: Provider | None, *, is_enabled: bool, test: Test | None, workspace_id: uuid.UUID) -> Line:
    shelf = shelves.of(workspace_id)
    is_asked = is_enabled and listing.is_asked(source) and not (row and row.is_waiting)
    said = listing.offered(source) if is_asked else NOTHING
    return Line(
        source,
        row,
        is_enabled,
        is_default=is_enabled and _is_default(source, shelf.wanted),
        model_count=len(shelf.names(source)) if source.name in shelf.sources else 0,
        said=said,
        reason=_redacted(said.reason, workspace_id) if said.reason else "",
        test=test,
    )


def _is_default(source: Source, wanted: ModelChoices) -> bool:
    """Whether new conversations begin with one of its models because somebody said so."""
    prefix = wanted.default_path.partition("/")[0] if wanted.default_path else wanted.default_provider
    return prefix == source.name


def _redacted(text: str, workspace_id: uuid.UUID) -> str:
    return rules_of(workspace_id).redactor.redact(text).text


def _kept_at(workspace_id: uuid.UUID, source: Source) -> str:
    return f"gateway.test.{workspace_id}.{source.name}"
