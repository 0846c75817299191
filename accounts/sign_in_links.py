"""Links that sign one person in, once: the first start prints one, `manage.py sign_in_link` makes another."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import SignInLink, User

LIFETIME = timedelta(hours=24)
TOKEN_BYTES = 32
PREFIX = "olv_link_"  # the redactor knows it by its beginning: an address in a log does not let anybody in


def make_link(user: User, now: datetime) -> str:
    """A path, such as `/accounts/link/<token>/`. The token is here and nowhere else: the row has its SHA-256."""
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    SignInLink.objects.create(user=user, token_sha256=_sha256(token), created_at=now, expires_at=now + LIFETIME)
    return reverse("account_sign_in_link", args=[token])


def public_address(path: str) -> str:
    """The path as a person opens it in a browser."""
    base = settings.OLLIVE_PUBLIC_URL or f"http://{_host()}:{settings.OLLIVE_PORT}"
    return str(base).rstrip("/") + path


def address_for(request: HttpRequest, path: str) -> str:
    """The path as others open it: by the public address where one is set, else by the one that the asking person came by."""
    return public_address(path) if settings.OLLIVE_PUBLIC_URL else request.build_absolute_uri(path)


def _host() -> str:
    """A server that listens everywhere is reached at this machine's own name for itself."""
    host = str(settings.OLLIVE_HOST)
    return "localhost" if host in {"", "0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104


def person_behind(token: str, now: datetime) -> User | None:
    """Whom an unused link would sign in."""
    link = SignInLink.objects.select_related("user").filter(token_sha256=_sha256(token), used_at=None, expires_at__gt=now).first()
    return link.user if link and link.user.is_active else None


def use_link(token: str, now: datetime) -> User | None:
    """Spend the link and give the person, or None where it was spent, has expired or its person is deactivated."""
    # The conditions stand on the row itself: through a join, two requests at once would both see it unused.
    spent = SignInLink.objects.filter(token_sha256=_sha256(token), used_at=None, expires_at__gt=now).update(used_at=now)
    if not spent:
        return None
    user = SignInLink.objects.select_related("user").get(token_sha256=_sha256(token)).user
    return user if user.is_active else None


def revoke_links(user: User) -> None:
    """Make the person's open links useless, as a new password does."""
    SignInLink.objects.filter(user=user, used_at=None).delete()


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
