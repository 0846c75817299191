"""Names of people, places and organisations, removed from stored rows by Presidio: a second stage, where it is wanted.

It runs in workers, some rows at a time, never in the digest. The packages are in requirements-extras.txt, OLLIVE_DEEP_MODEL names
the spaCy model; without them rows stay as they are, and `manage.py check` and the admin say why.
"""

import importlib.util
import json
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from telemetry import rewriting
from telemetry.models import InferenceLog, RedactionPolicy, Span
from telemetry.rewriting import Row

KINDS = {"PERSON": "PERSON", "LOCATION": "LOCATION", "ORGANIZATION": "ORG"}
LABELS_OF_MODELS = {  # as spaCy's models name them
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
}
BATCH = 20
CHUNK = 20_000  # characters given to the model at once
SETTLED = timedelta(hours=1)  # calls received so long ago have ended, or are said to have

_MARKER = re.compile(r"\[\[[A-Z][A-Z0-9_]*\]\]")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_BREAK = re.compile(r"\n+|(?<=[.!?]) +")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Done:
    """What one run did: rows looked at, rows that had names, pieces that nothing refers to any more."""

    seen_count: int = 0
    changed_count: int = 0
    swept_count: int = 0


def problem() -> str | None:
    """Why names can't be looked for here, in a sentence; None when they can."""
    model = settings.OLLIVE_DEEP_MODEL
    if not model:
        return "Deep redaction needs a spaCy model: name one in OLLIVE_DEEP_MODEL, such as en_core_web_sm."
    if importlib.util.find_spec("presidio_analyzer") is None or importlib.util.find_spec("spacy") is None:
        return "Deep redaction needs packages that are not installed: uv pip install -r requirements-extras.txt"
    is_folder = (Path(model) / "config.cfg").exists()
    if not is_folder and (not model.isidentifier() or importlib.util.find_spec(model) is None):
        return f"Deep redaction needs the spaCy model {model}, which is neither installed nor a folder with a model."
    return None


def redact_names(value: Any) -> Any:
    """A structured value with the names in its texts replaced by `[[PERSON]]`, `[[LOCATION]]`, `[[ORG]]`; field names stay."""
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict):
        # Who speaks and what kind of part this is are words of the protocol.
        return {name: inner if name in {"role", "type"} else redact_names(inner) for name, inner in value.items()}
    return [redact_names(inner) for inner in value] if isinstance(value, list) else value


def _redact_text(text: str) -> str:
    """A text, or JSON in one: its own punctuation hides names from the model."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict | list):
            redacted = redact_names(value)
            return text if redacted == value else json.dumps(redacted, ensure_ascii=False)
    return _without_names(text, settings.OLLIVE_DEEP_MODEL)


def run(now: datetime, *, seconds: float = 20.0) -> Done:
    """Look through rows that have not been looked through, oldest first, until none is left or the time is up."""
    done = Done()
    wanting = list(RedactionPolicy.objects.filter(is_deep=True).order_by("workspace_id"))
    if not wanting:
        return done
    if trouble := problem():
        log.warning("Names are not looked for.", reason=trouble)
        return done
    deadline = time.monotonic() + seconds
    touched: set[tuple[Any, UUID]] = set()
    for policy in wanting:
        if all(_run_through(table, policy, deadline, done, touched) for table in (InferenceLog, Span)):
            _remember(policy, now)
    done.swept_count = rewriting.sweep(touched)
    return done


def _run_through(table: type[Row], policy: RedactionPolicy, deadline: float, done: Done, touched: set[tuple[Any, UUID]]) -> bool:
    """True once this table has no row left that waits."""
    after: tuple[datetime, UUID] | None = None
    while rows := _waiting(table, policy, after):
        for row in rows:
            if time.monotonic() > deadline:
                return False
            changed = rewriting.rewrite(rewriting.Reading(row), redact_names, {"deep_redacted_at": Now()})
            done.seen_count += changed is not None
            if changed:
                done.changed_count += 1
                touched.add((row.day, row.workspace_id))
            after = row.received_at, row.id
    return True


def _waiting(table: type[Row], policy: RedactionPolicy, after: tuple[datetime, UUID] | None) -> list[Row]:
    waiting = table._default_manager.filter(workspace_id=policy.workspace_id, deep_redacted_at=None).exclude(status="in_progress")
    if policy.deep_from is not None:
        waiting = waiting.filter(received_at__gte=policy.deep_from)
    if after is not None:
        waiting = waiting.filter(Q(received_at__gt=after[0]) | Q(received_at=after[0], id__gt=after[1]))
    return list(waiting.order_by("received_at", "id")[:BATCH])


def _remember(policy: RedactionPolicy, now: datetime) -> None:
    """The next run need not look at what has been settled for long."""
    until = now - SETTLED
    running = InferenceLog.objects.filter(workspace_id=policy.workspace_id, status="in_progress")
    if policy.deep_from is not None:
        running = running.filter(received_at__gte=policy.deep_from)
    oldest = running.order_by("received_at").values_list("received_at", flat=True).first()
    from_at = min(until, oldest) if oldest else until
    RedactionPolicy.objects.filter(workspace_id=policy.workspace_id, deep_from=policy.deep_from).update(deep_from=from_at)


@lru_cache(maxsize=4096)
def _without_names(text: str, model: str) -> str:
    if not _LETTERS.search(text):
        return text
    return "".join(_replaced(chunk, model) for chunk in _chunks(text))


def _replaced(text: str, model: str) -> str:
    markers = [found.span() for found in _MARKER.finditer(text)]
    found = _analyzer(model).analyze(text=text, language="en", entities=list(KINDS))
    pieces, done = [], 0
    for entity in sorted(found, key=lambda entity: (entity.start, -entity.end)):
        if entity.start < done or any(start < entity.end and entity.start < end for start, end in markers):
            continue
        pieces += [text[done : entity.start], f"[[{KINDS[entity.entity_type]}]]"]
        done = entity.end
    return "".join([*pieces, text[done:]])


def _chunks(text: str) -> list[str]:
    """The text in parts that the model can take, cut between sentences where there are any."""
    chunks: list[str] = []
    start = 0
    while len(text) - start > CHUNK:
        breaks = [found.end() for found in _BREAK.finditer(text, start + CHUNK // 2, start + CHUNK)]
        space = text.rfind(" ", start + CHUNK // 2, start + CHUNK) + 1
        end = breaks[-1] if breaks else space or start + CHUNK
        chunks.append(text[start:end])
        start = end
    return [*chunks, text[start:]]


@lru_cache(maxsize=1)
def _analyzer(model: str) -> Any:
    """Presidio with the model's names alone: what has a form is removed long before."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    configuration = NerModelConfiguration(
        model_to_presidio_entity_mapping=LABELS_OF_MODELS, labels_to_ignore=[], low_score_entity_names=[]
    )
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": model}], ner_model_configuration=configuration)
    registry = RecognizerRegistry(recognizers=[SpacyRecognizer(supported_entities=list(KINDS))])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
