"""The first screen of a workspace: what is offered to who may configure it, until there is a model besides the demo."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.access import Act, may
from accounts.audit import Action
from accounts.models import Membership
from gateway import directory, listing, probes, providers, shelves, sources
from gateway.addresses import place
from gateway.directory import Kind
from gateway.models import DismissedWelcome, Provider
from gateway.protocol import ProviderError
from gateway.sources import Source

OLLAMA_HOST, OLLAMA_PORT = "127.0.0.1", 11434
PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the first screen shows. `demo_path` is empty where the demo model does not run."""

    demo_path: str
    kinds: list[Kind]


class NotReady(Exception):
    """What was given is no provider yet: a sentence for the person. `kinds` are what it may be, where that is the question."""

    def __init__(self, message: str, kinds: list[Kind] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kinds = kinds or []


def welcome_of(part: Membership) -> Welcome | None:
    """The first screen, for who may do something about it and has not put it away."""
    shelf = shelves.of(part.workspace_id)
    has_models = any(not source.is_demo for source in shelf.sources.values())
    if has_models or not may(part, Act.CONFIGURE):
        return None
    if DismissedWelcome.objects.filter(user_id=part.user_id, workspace_id=part.workspace_id).exists():
        return None
    demo = next((choice.path for choice in shelf.choices if choice.is_demo), "")
    return Welcome(demo, kinds_by_key())


def kinds_by_key() -> list[Kind]:
    """The kinds that need nothing but a key."""
    return [
        kind
        for kind in directory.kinds().values()
        if kind.needs_key and not (kind.needs_address or kind.is_for_commands or kind.models == "typed")
        if not any(described.is_required for described in kind.fields) and kind.name != sources.LOCAL
    ]


def take_key(part: Membership, key: str, kind_name: str, *, now: datetime) -> str:
    """Find out whose key it is, test it, and store it; the path that new chats begin with. Raises `NotReady`."""
    key = key.strip()
    if not key:
        raise NotReady("Paste a key first.")
    row = _row(part, _kind_of(key, kind_name))
    row.api_key = key
    source = sources.of_row(row)
    assert source is not None
    try:
        providers.check_key(source.kind, key)
    except ValidationError as error:
        raise NotReady(" ".join(error.messages)) from error
    outcome = probes.probe(source, names=probes.names_of(source))
    if not outcome.is_ok:
        raise NotReady(outcome.says)
    return _store(part, row, outcome, now=now)


def _kind_of(key: str, kind_name: str) -> Kind:
    by_name = {kind.name: kind for kind in kinds_by_key()}
    if kind_name:
        if kind_name not in by_name:
            raise NotReady("There is no such provider.")
        return by_name[kind_name]
    found = [kind for kind in directory.recognised(key) if kind.name in by_name]
    if len(found) == 1:
        return found[0]
    raise NotReady(
        f"Such keys are made by {_or([kind.label for kind in found])}. Choose whose it is."
        if found
        else "This key does not say whose it is. Choose the provider.",
        found or list(by_name.values()),
    )


def ollama_here() -> tuple[str, ...] | None:
    """The models of the Ollama of this machine; None where none answers in time."""
    source = Source("ollama", directory.kinds()["ollama"], f"http://{OLLAMA_HOST}:{OLLAMA_PORT}/v1", has_own_address=True)
    with ThreadPoolExecutor(1, "search-for-ollama") as pool:
        try:
            offers = pool.submit(asyncio.run, listing.ask(source, seconds=PROBE_SECONDS)).result()
        except ProviderError:
            return None
    return tuple(offer.name for offer in offers)


def take_ollama(part: Membership, *, now: datetime) -> str:
    """Store the Ollama of this machine, its address allowed by the owner who asks for it. Raises `NotReady`."""
    names = ollama_here()
    if names is None:
        raise NotReady("Ollama does not answer any more. Start it, and look again.")
    if not names:
        raise NotReady("Ollama runs, but has no model yet. Get one with: ollama pull llama3.2")
    row = _row(part, directory.kinds()["ollama"])
    row.base_url = f"http://{OLLAMA_HOST}:{OLLAMA_PORT}/v1"
    row.private_host, row.allowed_at = place(OLLAMA_HOST, OLLAMA_PORT), now
    outcome = probes.Outcome(True, f"It answers, and lists {len(names):,} model{'' if len(names) == 1 else 's'}.", 0)
    return _store(part, row, outcome, now=now)


def dismiss(part: Membership) -> None:
    DismissedWelcome.objects.get_or_create(user_id=part.user_id, workspace_id=part.workspace_id)


def _row(part: Membership, kind: Kind) -> Provider:
    taken = set(Provider.objects.filter(workspace=part.workspace).values_list("name", flat=True))
    names = (kind.name, *(f"{kind.name}-{number}" for number in range(2, len(taken) + 3)))
    return Provider(workspace=part.workspace, kind=kind.name, name=next(name for name in names if name not in taken))


def _store(part: Membership, row: Provider, outcome: probes.Outcome, *, now: datetime) -> str:
    row.tested_at, row.test_result = now, {"is_ok": outcome.is_ok, "says": outcome.says}
    with transaction.atomic():
        row.save(force_insert=True)
        detail = {"name": row.name, "kind": row.kind, "is_first": True}
        audit.note(Action.PROVIDER_CREATED, part.user, now=now, workspace=part.workspace, subject=row, detail=detail)
    sources.forget()
    source = shelves.of(part.workspace_id).sources[row.name]
    names = shelves.of(part.workspace_id).names(source)
    # Snapshots and previews are not what somebody begins with.
    best = next((name for name in names if not re.search(r"preview|\d{8}|\d{4}-\d\d-\d\d", name)), names[0] if names else "")
    return f"{row.name}/{best}" if best else ""


def _or(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} or {labels[-1]}"
