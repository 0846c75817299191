"""The second factor: an authenticator app, passkeys, and codes for the day on which both are lost."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm as AllauthAuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as AllauthReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm as AllauthActivateTOTPForm
from django.core.cache import cache

from accounts.encryption import key_ring
from accounts.models import User

# allauth encrypts before there is a row, so a value is bound to the table alone.
CONTEXT = b"mfa_authenticator"
SEALED = ("secret", "seed")  # what is secret in an authenticator's data
CODE_SECONDS = 120  # longer than any code is good for


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is published without types
    """Secrets lie in the database under the installation's key ring."""

    def encrypt(self, text: str) -> str:
        return key_ring().seal(text, CONTEXT)

    def decrypt(self, encrypted_text: str) -> str:
        return key_ring().unseal(encrypted_text, CONTEXT)

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 (allauth's name)
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"


class _Digits:
    """The field for a code brings up the digits of a phone, and has the cursor."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs.update(inputmode="numeric", autofocus=True, autocapitalize="none", spellcheck="false")  # type: ignore[attr-defined]


class ActivateTOTPForm(_Digits, AllauthActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app that is being set up."""


class _Once(_Digits):
    """A code lets in once: allauth remembers a code for 30 seconds, and takes it for 90."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]  # of the form that this is mixed into
        user: User = self.user  # type: ignore[attr-defined]
        if not cache.add(f"accounts.used-code:{user.pk}:{normalize_user_code(code)}", 1, CODE_SECONDS):
            raise MFAAdapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(_Once, AllauthAuthenticateForm):  # type: ignore[misc]
    """The code that is asked for after the password."""


class ReauthenticateForm(_Once, AllauthReauthenticateForm):  # type: ignore[misc]
    """The code that is asked for again before something grave."""


@dataclass(frozen=True, slots=True)
class Passkey:
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(slots=True)
class SecondFactor:
    """What a person has set up."""

    app_since: datetime | None = None
    passkeys: list[Passkey] = field(default_factory=list)
    codes_left: int | None = None  # None: there are no codes

    @property
    def is_on(self) -> bool:
        return self.app_since is not None or bool(self.passkeys)


def second_factor(user: User) -> SecondFactor:
    found = SecondFactor()
    for row in Authenticator.objects.filter(user_id=user.pk).order_by("created_at", "pk"):
        kind: Any = row.wrap()
        if row.type == Authenticator.Type.TOTP:
            found.app_since = row.created_at
        elif row.type == Authenticator.Type.RECOVERY_CODES:
            found.codes_left = len(kind.get_unused_codes())
        else:
            found.passkeys.append(Passkey(row.pk, kind.name, row.created_at, row.last_used_at))
    return found


def sealed(row: Authenticator) -> dict[str, str]:
    """What is encrypted in it, by its name."""
    return {name: row.data[name] for name in SEALED if isinstance(row.data.get(name), str)}


def forget(user: User) -> int:
    """Remove whatever the person has set up, as an operator does for who lost it; how many there were."""
    count: int = Authenticator.objects.filter(user_id=user.pk).delete()[0]
    return count
