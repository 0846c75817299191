"""Keys for programs: `olv_` and 46 letters and digits, the last six of them a checksum. Shown once, stored as a fingerprint.

A mistyped key is refused without asking the database. A key is worth what its person may do at the moment: no longer in the
workspace, or deactivated, and it opens nothing.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.access import SCOPES_OF
from accounts.audit import Action
from accounts.entrance import NO_LIMITS, SCOPES, Bearer, Limits, Payloads
from accounts.models import ApiKey, Membership, User, Workspace
from accounts.models.limits import MOST, Limited

PREFIX = "olv_"
RANDOM_LENGTH = 40  # 238 bits
CHECKSUM_LENGTH = 6
ALPHABET = string.digits + string.ascii_letters
DEFAULT_SCOPES = ("chat", "ingest")
USE_IS_WRITTEN_EVERY = timedelta(minutes=1)
ROTATION_OVERLAP = timedelta(hours=24)  # in which the token before works beside the new one, unless told otherwise
LONGEST_OVERLAP = timedelta(days=90)
MOST_MODELS = 200
MODEL_NAME = re.compile(r"[\w.:@+-][\w.:@/+-]{0,298}\*?|\*", re.ASCII)
FROM_ENVIRONMENT = "CLIENT_API_TOKEN"


class InvalidKey(ValueError):
    """The key can't be issued as asked; the message says why."""


def issue(
    user: User,
    workspace: Workspace,
    *,
    name: str,
    now: datetime,
    scopes: Iterable[str] = DEFAULT_SCOPES,
    payloads: str | None = None,
    expires_at: datetime | None = None,
    models: Iterable[str] = (),
    limits: Limits = NO_LIMITS,
    by: User | None = None,
    key_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is nowhere else; `by` is who made it, None for a command. Raises `InvalidKey`."""
    models = checked_models(models)
    check_limits(limits)
    wanted = tuple(dict.fromkeys(scopes))
    membership = Membership.objects.filter(user=user, workspace=workspace).first()
    if membership is None:
        raise InvalidKey(f"{user.email} is not in the workspace {workspace}.")
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise InvalidKey(f"There is no scope {', '.join(unknown)}; there are {', '.join(SCOPES)}.")
    if not wanted:
        raise InvalidKey(f"A key needs a scope: {', '.join(SCOPES)}.")
    if beyond := [scope for scope in wanted if scope not in SCOPES_OF[membership.role]]:
        raise InvalidKey(f"The role of {user.email} ({membership.get_role_display()}) does not allow {', '.join(beyond)}.")
    if expires_at is not None and expires_at <= now:
        raise InvalidKey("The key would have expired already.")
    if key_id is not None and ApiKey.objects.filter(pk=key_id).exists():
        raise InvalidKey("This key was made already, and it was shown once. Rotate it to get another token.")
    token = make_token()
    with transaction.atomic():
        key = _store(
            token,
            user,
            workspace,
            name=name,
            scopes=wanted,
            payloads=payloads,
            now=now,
            expires_at=expires_at,
            key_id=key_id,
            models=models,
            limits=limits,
        )
        detail = {"scopes": list(wanted), "payloads": payloads or "", "expires_at": expires_at, "of": str(user.pk)}
        detail |= _told(key)
        audit.note(Action.KEY_CREATED, by, now=now, workspace=workspace, subject=key, detail=detail)
    return key, token


def verify(token: str, now: datetime) -> Bearer | None:
    """Who comes with this token, or None: mistyped, unknown, expired, revoked, or of a person who has left."""
    if not may_exist(token):
        return None
    key = _behind(token, now)
    if key is None or not is_valid(key, now) or not key.user.is_active:
        return None
    parts = Membership.objects.select_related("workspace")
    membership = parts.filter(user_id=key.user_id, workspace_id=key.workspace_id).first()
    if membership is None:
        return None
    _note_use(key, now)
    return Bearer(
        api_key_id=key.id,
        workspace_id=key.workspace_id,
        user_id=key.user_id,
        scopes=frozenset(key.scopes) & SCOPES_OF[membership.role],
        payloads=cast("Payloads | None", key.payloads or None),
        role=membership.role,
        models=tuple(key.allowed_models),
        key_limits=limits_of_key(key),
        person_limits=limits_of(membership) | limits_of(membership.workspace),
    )


def limits_of(limited: Limited) -> Limits:
    """What it has of its own."""
    return Limits(limited.requests_per_minute, limited.tokens_per_minute, limited.concurrent_calls)


def limits_of_key(key: ApiKey) -> Limits:
    """The key's own, and the installation's where it has none."""
    return limits_of(key) | default_limits()


def default_limits() -> Limits:
    """Those of a key that has none of its own."""
    return Limits(requests=settings.RATE_LIMIT_PER_MIN or None)


def is_valid(key: ApiKey, now: datetime) -> bool:
    """Neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def revoke(key: ApiKey, now: datetime, *, by: User | None = None) -> bool:
    """End the key; web processes notice within five seconds. False when it was revoked before."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
        if ended:
            audit.note(Action.KEY_REVOKED, by, now=now, workspace=key.workspace_id, subject=key)
    return bool(ended)


def change(key: ApiKey, now: datetime, *, name: str, models: Iterable[str], limits: Limits, by: User | None = None) -> None:
    """Give the key another name, other models or other limits; web processes notice within five seconds. Raises `InvalidKey`."""
    if not is_valid(key, now):
        raise InvalidKey("This key has ended. Make a new one.")
    key.name, key.allowed_models = name, list(checked_models(models))
    check_limits(limits)
    key.requests_per_minute, key.tokens_per_minute, key.concurrent_calls = limits.requests, limits.tokens, limits.concurrent
    with transaction.atomic():
        key.save(update_fields=["name", "allowed_models", "requests_per_minute", "tokens_per_minute", "concurrent_calls"])
        audit.note(Action.KEY_CHANGED, by, now=now, workspace=key.workspace_id, subject=key, detail=_told(key))


def checked_models(models: Iterable[str]) -> tuple[str, ...]:
    """Each of them once, without the spaces around. Raises `InvalidKey`."""
    found = tuple(dict.fromkeys(model.strip() for model in models if model.strip()))
    if len(found) > MOST_MODELS:
        raise InvalidKey(f"A key has {MOST_MODELS} models at most. Name them together, such as openai/*.")
    if wrong := next((model for model in found if not MODEL_NAME.fullmatch(model)), None):
        raise InvalidKey(f"{wrong[:100]} is no name of a model: write openai/gpt-4o-mini, a short name, or openai/*.")
    return found


def check_limits(limits: Limits) -> None:
    """Raises `InvalidKey`."""
    if any(limit is not None and not 1 <= limit <= MOST for limit in (limits.requests, limits.tokens, limits.concurrent)):
        raise InvalidKey(f"A limit is a number from 1 to {MOST:,}, or none.")


def rotate(key: ApiKey, now: datetime, *, overlap: timedelta = ROTATION_OVERLAP, by: User | None = None) -> str:
    """A new token for the same key; the one before works for the overlap, any older one no longer. Raises `InvalidKey`.

    The key keeps its id: its budgets, limits and logs go on.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidKey(f"The token before may work for {LONGEST_OVERLAP.days} days more at most.")
    if key.name == FROM_ENVIRONMENT:
        raise InvalidKey(f"This key is {FROM_ENVIRONMENT} of the environment. Change it there.")
    if not is_valid(key, now):
        raise InvalidKey("This key has ended. Make a new one.")
    token = make_token()
    with transaction.atomic():
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None, token_sha256=key.token_sha256).update(
            previous_sha256=F("token_sha256") if overlap else None,
            previous_last_four=F("last_four") if overlap else "",
            previous_expires_at=now + overlap if overlap else None,
            token_sha256=fingerprint(token),
            last_four=token[-4:],
        )
        if not changed:
            raise InvalidKey("Somebody else changed this key just now. Look again before you rotate it.")
        detail = {"overlap_hours": overlap.total_seconds() / 3600}
        audit.note(Action.KEY_ROTATED, by, now=now, workspace=key.workspace_id, subject=key, detail=detail)
    return token


def may_exist(token: str) -> bool:
    """Whether it is worth asking the database: our form with the right checksum, or the environment's own token."""
    if is_of_our_form(token):
        return True
    given = settings.CLIENT_API_TOKEN
    return bool(given) and hmac.compare_digest(token.encode(), given.encode())


def is_of_our_form(token: str) -> bool:
    body, checksum = token[:-CHECKSUM_LENGTH], token[-CHECKSUM_LENGTH:]
    is_whole = len(token) == len(PREFIX) + RANDOM_LENGTH + CHECKSUM_LENGTH and token.startswith(PREFIX) and token.isascii()
    return is_whole and _checksum(body) == checksum


def make_token() -> str:
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + _checksum(body)


def fingerprint(token: str) -> str:
    """SHA-256; of a token that is not ours, and may be a word that can be guessed, keyed with the installation's secret."""
    if is_of_our_form(token):
        return hashlib.sha256(token.encode()).hexdigest()
    return hmac.new(settings.SECRET_KEY.encode(), token.encode(), "sha256").hexdigest()


def register_environments_key(owner: User, now: datetime) -> ApiKey | None:
    """Make `CLIENT_API_TOKEN` a key of the owner's first workspace, whatever its form. The one it replaces is revoked.

    One that was revoked by hand stays so.
    """
    others = ApiKey.objects.filter(name=FROM_ENVIRONMENT, revoked_at=None)
    token: str = settings.CLIENT_API_TOKEN
    if not token:
        others.update(revoked_at=now)
        return None
    others.exclude(token_sha256=fingerprint(token)).update(revoked_at=now)
    if known := ApiKey.objects.filter(token_sha256=fingerprint(token)).first():
        return known
    membership = owner.memberships.select_related("workspace").order_by("created_at", "pk").first()
    if membership is None:
        return None
    scopes = tuple(scope for scope in SCOPES if scope not in {"admin", "logs:delete"})
    return _store(token, owner, membership.workspace, name=FROM_ENVIRONMENT, scopes=scopes, now=now)


def _behind(token: str, now: datetime) -> ApiKey | None:
    """The key of this token, or of this token before its rotation, while that still works."""
    keys = ApiKey.objects.select_related("user")
    known = keys.filter(token_sha256=fingerprint(token)).first()
    return known or keys.filter(previous_sha256=fingerprint(token), previous_expires_at__gt=now).first()


def _store(
    token: str,
    user: User,
    workspace: Workspace,
    *,
    name: str,
    scopes: tuple[str, ...],
    now: datetime,
    payloads: str | None = None,
    expires_at: datetime | None = None,
    key_id: UUID | None = None,
    models: Iterable[str] = (),
    limits: Limits = NO_LIMITS,
) -> ApiKey:
    return ApiKey.objects.create(
        id=key_id or uuid4(),
        user=user,
        workspace=workspace,
        name=name,
        token_sha256=fingerprint(token),
        last_four=token[-4:] if len(token) >= 16 else "",
        scopes=list(scopes),
        payloads=payloads or "",
        created_at=now,
        expires_at=expires_at,
        allowed_models=list(models),
        requests_per_minute=limits.requests,
        tokens_per_minute=limits.tokens,
        concurrent_calls=limits.concurrent,
    )


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at >= USE_IS_WRITTEN_EVERY:
        # Of several processes that see it at once, one writes.
        ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at).update(last_used_at=now)


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _told(key: ApiKey) -> dict[str, Any]:
    """What the audit log says of a key's limits."""
    limits = limits_of(key)
    return {
        "models": key.allowed_models,
        "requests_per_minute": limits.requests,
        "tokens_per_minute": limits.tokens,
        "concurrent_calls": limits.concurrent,
    }
