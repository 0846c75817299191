"""The redaction policy of a workspace, as each process knows it: read at most every five seconds, never more than that behind.

Whoever redacts for a workspace takes its `rules_of` once and stamps what it wrote with their version. Where the rules can't be
read, those last known go on; where none are known, texts are withheld.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import F

from telemetry.models import RedactionPolicy, RedactionRule
from telemetry.redaction import (
    LABELS,
    VERSION,
    Config,
    CustomPattern,
    InvalidConfig,
    InvalidPattern,
    Redacted,
    Redactor,
    WordList,
)
from telemetry.redaction import redactor_for as built
from telemetry.redaction.withholding import WITHHELD

Mode = Literal["log_only", "mask", "block"]
Payloads = Literal["full", "preview", "none"]
STRICTNESS: dict[str, int] = {"full": 0, "preview": 1, "none": 2}
KEPT_SECONDS = 5.0
WAIT_SECONDS = 2.0  # that an event loop may be held up by the first look at a workspace
ENGINES = 1000  # versions of the engine that fit beside those of the rules

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """A workspace's choices. `vault` is how long originals are kept, None where they are not."""

    mode: Mode = "log_only"
    vault: timedelta | None = None
    config: Config = field(default_factory=Config)
    rules_version: int = 0
    is_deep: bool = False
    payloads: Payloads | None = None  # None: as the installation says

    @property
    def version(self) -> int:
        """What rows are stamped with: it changes with the engine and with the workspace's rules."""
        return self.rules_version * ENGINES + VERSION


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy with its redactor, and the version of both."""

    policy: Policy
    redactor: Redactor

    @property
    def version(self) -> int:
        return self.policy.version


class RulesAway(RuntimeError):
    """Nobody knows what has to be removed."""


class Closed(Redactor):
    """Stands in where the rules are not known: everything is withheld."""

    def __init__(self) -> None:
        super().__init__(built().rules)

    def redact(self, text: str, before: str = "", replace: Any = None) -> Redacted:
        return Redacted(WITHHELD, {"WITHHELD": 1}) if text else Redacted(text)

    def redact_json(self, value: Any) -> Any:
        return [WITHHELD] if isinstance(value, list | tuple) else WITHHELD

    def stages(self) -> list[Any]:
        return [ClosedStage()]


class ClosedStage:
    """Fails on any text, so that the stream withholds it."""

    kinds: Mapping[str, int] = {}
    held_count = 0

    def feed(self, piece: str) -> str:
        if piece:
            raise RulesAway
        return ""

    def flush(self) -> str:
        return ""


SECRETS = frozenset({"URL_CREDENTIALS", "JWT", "PRIVATE_KEY", "API_KEY", "PASSWORD"})
# With REDACT_PII off, which development alone allows, personal data stays; secrets are removed all the same.
KINDS_OFF = frozenset() if settings.REDACT_PII else frozenset(LABELS) - SECRETS - {"WITHHELD"}
PLAIN = Config(kinds_off=KINDS_OFF)
DEFAULT = Rules(Policy(config=PLAIN), built(PLAIN))
_known: dict[UUID, tuple[float, Rules]] = {}
_asking: dict[UUID, Future[Rules]] = {}
_lock = threading.Lock()
_reader = ThreadPoolExecutor(2, thread_name_prefix="policies")


def policy_of(workspace_id: UUID) -> Policy:
    return rules_of(workspace_id).policy


def redactor_of(workspace_id: UUID) -> Redactor:
    return rules_of(workspace_id).redactor


def version_of(workspace_id: UUID) -> int:
    return rules_of(workspace_id).version


def rules_of(workspace_id: UUID | None) -> Rules:
    """The rules that hold in a workspace now; the defaults for what belongs to none. Never raises."""
    if workspace_id is None:
        return DEFAULT
    read_at, rules = _known.get(workspace_id, (float("-inf"), None))
    age = time.monotonic() - read_at
    is_looping = age > KEPT_SECONDS / 2 and _is_looping()
    if rules is not None and age <= KEPT_SECONDS:
        if is_looping:
            _ask(workspace_id)  # in time, so that the loop need not wait for it
        return rules
    try:
        fresh = _ask(workspace_id).result(WAIT_SECONDS) if is_looping else _read(workspace_id)
    except (DatabaseError, FutureTimeoutError) as error:
        log.warning("The rules of a workspace can not be read.", workspace_id=str(workspace_id), error=type(error).__name__)
        fresh = rules or Rules(Policy(), Closed())
        with _lock:
            _known[workspace_id] = time.monotonic(), fresh  # nobody else waits for the same silence
    return fresh


def fresh(workspace_id: UUID) -> Rules | None:
    """The rules where they are in memory, asked for in time before they grow old; None where `rules_of` would wait."""
    read_at, rules = _known.get(workspace_id, (float("-inf"), None))
    age = time.monotonic() - read_at
    if rules is None or age > KEPT_SECONDS:
        return None
    if age > KEPT_SECONDS / 2:
        _ask(workspace_id)
    return rules


def kept(policy: Policy, asked: Payloads | None = None) -> Payloads:
    """How much of a call is kept: the least of what the installation, the workspace and the caller say."""
    said: list[Payloads | None] = [settings.OLLIVE_PAYLOADS, policy.payloads, asked]
    return max((one for one in said if one), key=lambda one: STRICTNESS[one])


def forget(workspace_id: UUID | None = None) -> None:
    """Read anew at the next question: this workspace, or all."""
    with _lock:
        if workspace_id is None:
            _known.clear()
        else:
            _known.pop(workspace_id, None)


def config_of(policy: RedactionPolicy | None, rules: list[RedactionRule]) -> Config:
    """What these rows ask for. Raises InvalidConfig, InvalidPattern."""
    chosen: dict[str, Any] = {"kinds_off": KINDS_OFF}
    if policy is not None:
        chosen = {
            "regions": tuple(sorted(policy.regions)),
            "national_ids": frozenset(policy.national_ids),
            "kinds_off": frozenset(policy.kinds_off) | KINDS_OFF,
        }
    patterns = [CustomPattern(rule.label, rule.source) for rule in rules if rule.form == RedactionRule.Form.PATTERN]
    lists = [WordList(rule.label, rule.words, rule.is_case_sensitive) for rule in rules if rule.form == RedactionRule.Form.WORDS]
    return Config(**chosen, patterns=tuple(patterns), word_lists=tuple(lists))


def rules_changed(workspace_id: UUID) -> None:
    """What is found in this workspace is another from now on: what was stamped before is to be redacted anew."""
    RedactionPolicy.objects.get_or_create(workspace_id=workspace_id)
    RedactionPolicy.objects.filter(workspace_id=workspace_id).update(rules_version=F("rules_version") + 1)
    forget(workspace_id)
    transaction.on_commit(lambda: forget(workspace_id))


def _is_looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _ask(workspace_id: UUID) -> "Future[Rules]":
    """Read in a thread; whoever asks meanwhile gets the same answer."""
    with _lock:
        asked = _asking.get(workspace_id)
        if asked is None:
            asked = _asking[workspace_id] = _reader.submit(_read_aside, workspace_id)
    return asked


def _read_aside(workspace_id: UUID) -> Rules:
    try:
        return _read(workspace_id)
    finally:
        with _lock:
            _asking.pop(workspace_id, None)
        connection.close()


def _read(workspace_id: UUID) -> Rules:
    asked_at = time.monotonic()
    stored = RedactionPolicy.objects.filter(workspace_id=workspace_id).first()
    rules = DEFAULT
    if stored is not None:
        rules = _rules(stored, list(RedactionRule.objects.filter(workspace_id=workspace_id, is_on=True).order_by("id")))
    with _lock:
        _known[workspace_id] = asked_at, rules
    return rules


def _rules(stored: RedactionPolicy, rows: list[RedactionRule]) -> Rules:
    try:
        config = config_of(stored, rows)
    except (InvalidConfig, InvalidPattern) as error:
        # Rows are checked before they are saved, so this is a newer program's row, or one written by hand.
        log.error("The rules of a workspace can not be followed: its texts are withheld.", error=str(error))
        return Rules(_policy(stored, Config()), Closed())
    return Rules(_policy(stored, config), built(config))


def _policy(stored: RedactionPolicy, config: Config) -> Policy:
    return Policy(
        mode=stored.mode,  # type: ignore[arg-type]
        vault=timedelta(hours=stored.vault_hours) if stored.keeps_originals else None,
        config=config,
        rules_version=stored.rules_version,
        is_deep=stored.is_deep,
        payloads=stored.payloads or None,  # type: ignore[arg-type]
    )
