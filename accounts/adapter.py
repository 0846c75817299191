"""What Ollive decides about allauth: nobody signs up alone, an ended session closes the person's sockets, changes are noted."""

from functools import partial
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.mail import send_soon
from accounts.models import User
from accounts.sessions import sign_out_sockets
from accounts.sign_in_links import public_address, revoke_links

# What allauth tells of by mail, and what the audit log calls it.
NOTED = {
    "password_changed": audit.Action.PASSWORD_CHANGED,
    "password_set": audit.Action.PASSWORD_CHANGED,
    "password_reset": audit.Action.PASSWORD_CHANGED,
    "totp_activated": audit.Action.MFA_TURNED_ON,
    "totp_deactivated": audit.Action.MFA_TURNED_OFF,
    "webauthn_added": audit.Action.MFA_TURNED_ON,
    "webauthn_removed": audit.Action.MFA_TURNED_OFF,
    "recovery_codes_generated": audit.Action.RECOVERY_CODES_MADE,
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is published without types
    """The account rules."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """As allauth, but a deactivated person is told so in the form. Only who knows the password learns it."""
        user: User | None = super().authenticate(request, **credentials)
        if user is not None and not user.is_active:
            raise self.validation_error("account_inactive")
        return user

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_login"))

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        super().logout(request)
        if user.is_authenticated:
            transaction.on_commit(partial(sign_out_sockets, user.pk))

    def set_password(self, user: User, password: str) -> None:
        """A new password ends the other sessions: their hash no longer fits. Open links end too; sockets are told."""
        super().set_password(user, password)
        revoke_links(user)
        transaction.on_commit(partial(sign_out_sockets, user.pk))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("sign_in_settings")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Under the public address where there is one: a request may come by another name."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"}).replace("UID-KEY", key)
        return public_address(path) if settings.OLLIVE_PUBLIC_URL else str(self.request.build_absolute_uri(path))

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Only to who could sign in with what it leads to: whoever comes through a provider alone stays with it."""
        if user.is_active and (user.has_usable_password() or not user.socialaccount_set.exists()):  # type: ignore[attr-defined]
            super().send_password_reset_mail(user, email, context)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """allauth tells of each change here, whether or not a mail is wanted: so it is noted, too."""
        what = template_prefix.rpartition("/")[2]
        if action := NOTED.get(what):
            audit.note(action, user, now=timezone.now())
        if what == "password_reset":  # they have read a letter to it
            User.objects.filter(pk=user.pk).update(email_confirmed=True)
        super().send_notification_mail(template_prefix, user, context, email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        known = {"request": self.request, "email": email, "address": _address_of_ollive(self.request)}
        send_soon(self.render_mail(template_prefix, email, known | context))


def _address_of_ollive(request: HttpRequest) -> str:
    return public_address("/") if settings.OLLIVE_PUBLIC_URL else request.build_absolute_uri("/")
