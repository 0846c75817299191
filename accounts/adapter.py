"""What Ollive decides about allauth: nobody signs up alone, and a session that ends closes the person's sockets."""

from functools import partial
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import User
from accounts.sessions import sign_out_sockets
from accounts.sign_in_links import revoke_links


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
