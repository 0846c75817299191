"""Prompts that a person keeps: their own, and those that others in the workspace share with everybody."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.models import Membership
from chat.models import Prompt
from telemetry.policies import Rules

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
VARIABLE = re.compile(r"\{\{\s*([^{}\n]{1,40}?)\s*\}\}")
LONGEST_BODY = 20_000
MOST_VARIABLES = 12
MOST_PROMPTS = 500  # of one person in one workspace
PAGE = 40
MOST_CHOICES = 500
PREVIEW = 90


class InvalidPromptError(Exception):
    """A prompt that can't be kept: the field, and a sentence for the person."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class Written:
    """What a person wrote, checked."""

    name: str
    body: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of prompts, and after which name the next one begins."""

    rows: list[Prompt]
    next_after: str


def visible_to(part: Membership) -> QuerySet[Prompt]:
    """The person's own and the shared ones of their workspace, by name."""
    mine = Q(owner=part.user_id) | Q(is_shared=True)
    return Prompt.objects.filter(mine, workspace=part.workspace_id).order_by("name", "id")


def page(part: Membership, *, after: str = "") -> Page:
    """The next prompts after a cursor; a broken one is the beginning."""
    found = visible_to(part).select_related("owner")
    name, _, hexadecimal = after.rpartition("_")
    if re.fullmatch(r"[0-9a-f]{32}", hexadecimal) and name:
        found = found.filter(Q(name__gt=name) | Q(name=name, id__gt=uuid.UUID(hexadecimal)))
    rows = list(found[: PAGE + 1])
    is_more = len(rows) > PAGE
    rows = rows[:PAGE]
    return Page(rows, f"{rows[-1].name}_{rows[-1].id.hex}" if is_more else "")


def choices(part: Membership) -> list[dict[str, str]]:
    """What the composer's list shows: names and how they begin."""
    rows = visible_to(part)[:MOST_CHOICES]
    return [{"id": str(row.id), "name": row.name, "preview": " ".join(row.body[: PREVIEW * 2].split())[:PREVIEW]} for row in rows]


def of(part: Membership, prompt_id: uuid.UUID) -> Prompt:
    """A prompt that the person may use. Raises `Http404`."""
    return _found(visible_to(part), prompt_id)


def own(part: Membership, prompt_id: uuid.UUID) -> Prompt:
    """A prompt of the person's own, which they may change. Raises `Http404`."""
    return _found(Prompt.objects.filter(workspace=part.workspace_id, owner=part.user_id), prompt_id)


def read(name: str, body: str, *, is_shared: bool) -> Written:
    """Check what was written. Raises `InvalidPromptError`."""
    name = re.sub(r"[\s_]+", "-", name.strip().removeprefix("/").lower())
    body = body.replace("\x00", "").replace("\r\n", "\n").strip()
    if not NAME.fullmatch(name):
        raise InvalidPromptError("name", "A name has up to 60 small letters, digits and hyphens: weekly-report.")
    if not body:
        raise InvalidPromptError("body", "Write the prompt first.")
    if len(body) > LONGEST_BODY:
        raise InvalidPromptError("body", f"This prompt has {len(body):,} characters; {LONGEST_BODY:,} is the most.")
    if len(variables(body)) > MOST_VARIABLES:
        raise InvalidPromptError("body", f"A prompt has at most {MOST_VARIABLES} variables.")
    return Written(name, body, is_shared)


def variables(body: str) -> list[str]:
    """The names between double braces, each once."""
    return list(dict.fromkeys(VARIABLE.findall(body)))


def save(prompt: Prompt, written: Written, *, rules: Rules, now: datetime) -> None:
    """Keep it, redacted. Raises `InvalidPromptError` where the name is taken or there are too many."""
    others = Prompt.objects.filter(workspace=prompt.workspace_id, owner=prompt.owner_id).exclude(id=prompt.id)
    if prompt._state.adding and others.count() >= MOST_PROMPTS:
        raise InvalidPromptError("name", f"You have {MOST_PROMPTS} prompts: delete one that you no longer use.")
    prompt.name = written.name
    prompt.body = rules.redactor.redact(written.body).text
    prompt.redaction_version = rules.version
    prompt.is_shared = written.is_shared
    prompt.updated_at = now
    try:
        with transaction.atomic():
            prompt.save()
    except IntegrityError as error:
        raise InvalidPromptError("name", f"You have a prompt called /{written.name} already.") from error


def _found(rows: QuerySet[Prompt], prompt_id: uuid.UUID) -> Prompt:
    prompt = rows.filter(id=prompt_id).first()
    if prompt is None:
        raise Http404("There is no such prompt.")
    return prompt
