"""Signing in at an OpenID Connect provider that the environment names, and who of its people gets in here.

Whoever was linked before is known by the provider's own id for them. Others are known by an address that the provider has
verified: that of an account, of an open invitation, or one in an allowed domain. Nobody else gets in, and no address that the
provider has not verified counts.
"""

from typing import Any, NoReturn

import structlog
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts import audit, invitations
from accounts.models import Invitation, Membership, User, Workspace

PROVIDER_ID = "oidc"
log = structlog.get_logger(__name__)

NOT_KNOWN = "There is no account for {email} here. Ask for an invitation."
NOT_VERIFIED = "{provider} has not verified your e-mail address, so it does not say who you are here. Ask whoever runs it."
NOT_CONFIRMED = (
    "There is an account with {email}, which was never confirmed to be its owner's. Sign in with its password, "
    "or ask your operator to confirm the address."
)
LINKED_TO_ANOTHER = "{email} belongs to an account that is linked to someone else at {provider}. Ask your operator."
INACTIVE = "This account is not active. Your operator can activate it."
CANCELED = "You did not sign in with {provider}."
FAILED = "{provider} could not be reached, or its answer was not right. Try again; your operator finds the reason in the log."


def is_configured() -> bool:
    return bool(settings.OLLIVE_OIDC_ISSUER and settings.OLLIVE_OIDC_CLIENT_ID)


def provider_name() -> str:
    return str(settings.OLLIVE_OIDC_NAME)


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth is published without types
    """The one provider of the environment, and the rule of who gets in."""

    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[SocialApp]:
        if not is_configured() or provider not in {None, PROVIDER_ID, "openid_connect"}:
            return []
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=PROVIDER_ID,
                name=provider_name(),
                client_id=settings.OLLIVE_OIDC_CLIENT_ID,
                secret=settings.OLLIVE_OIDC_CLIENT_SECRET,
                settings={"server_url": settings.OLLIVE_OIDC_ISSUER, "oauth_pkce_enabled": True},
            )
        ]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        found = super().get_provider(request, provider, client_id)
        found.oauth2_adapter_class = ProviderDoor  # so that the way there is checked like the way back
        return found

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if sociallogin.state.get("process") != AuthProcess.LOGIN:
            refuse(request, CANCELED)  # linking by a link that somebody else could have made
        if not sociallogin.is_existing:
            user = person_of(request, sociallogin)
            sociallogin.connect(request, user)
            audit.note(audit.Action.IDENTITY_LINKED, user, now=timezone.now())
        if not sociallogin.user.is_active:
            refuse(request, INACTIVE)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        if error == AuthError.CANCELLED:
            refuse(request, CANCELED)
        raise ImmediateHttpResponse(failed(request, exception or error))


def person_of(request: HttpRequest, login: SocialLogin) -> User:
    """Whom somebody who was never here by the provider is, by a verified address. Raises where that is nobody."""
    address: EmailAddress | None = login.email_addresses[0] if login.email_addresses else None
    if address is None or address.verified is not True:
        refuse(request, NOT_VERIFIED)
    email = str(address.email).strip().lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        user = _newcomer(email, _name(login))
        if user is None:
            refuse(request, NOT_KNOWN, email)
    elif not user.email_confirmed:
        refuse(request, NOT_CONFIRMED, email)
    elif SocialAccount.objects.filter(user_id=user.pk).exists():
        refuse(request, LINKED_TO_ANOTHER, email)
    return user


def refuse(request: HttpRequest, sentence: str, email: str = "") -> NoReturn:
    """Back to the sign-in page, which says why."""
    messages.error(request, sentence.format(provider=provider_name(), email=email))
    raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))


def failed(request: HttpRequest, error: object) -> HttpResponse:
    """The same, for what is not the person's doing; the reason is the operator's to read."""
    log.warning("Signing in at the provider failed", reason=repr(error))
    messages.error(request, FAILED.format(provider=provider_name()))
    return HttpResponseRedirect(reverse("account_login"))


def _name(login: SocialLogin) -> str:
    data = login.account.extra_data
    said = data.get("userinfo") or data.get("id_token") or {}
    return " ".join(str(said.get("name") or "").split())[:150]


@transaction.atomic
def _newcomer(email: str, name: str) -> User | None:
    """An account for who was invited by this address, or comes from an allowed domain; None for anybody else."""
    now = timezone.now()
    invited = [
        invitation
        for invitation in Invitation.objects.select_related("workspace", "created_by").filter(email=email)
        if invitations.state_of(invitation, now) == "open"
    ]
    is_ours = email.rpartition("@")[2] in settings.OLLIVE_OIDC_ALLOWED_DOMAINS
    if not invited and not is_ours:
        return None
    user = User.objects.create_user(email, None, name=name, date_joined=now)
    for invitation in invited:
        invitations.accept(invitation, user, now=now)
    workspace = Workspace.objects.order_by("created_at", "pk").first()
    if is_ours and not invited and workspace:
        part = Membership.objects.create(user=user, workspace=workspace, role=settings.OLLIVE_OIDC_ROLE, created_at=now)
        audit.note(audit.Action.MEMBER_ADDED, user, now=now, workspace=workspace, subject=part, detail={"role": part.role})
    return user


class ProviderDoor(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """As allauth's, but the ID token's signature counts, and the profile must be of the same person."""

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        if str(config.get("issuer", "")).rstrip("/") != settings.OLLIVE_OIDC_ISSUER:
            raise OAuth2Error(f"The provider calls itself {config.get('issuer')!r}, which is not OLLIVE_OIDC_ISSUER.")
        return config

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        id_token = kwargs["response"].get("id_token")
        if not id_token:
            raise OAuth2Error("The provider gave no ID token.")
        claims = self._decode_id_token(app, id_token)
        data = {"id_token": claims}
        if "email" not in claims or "email_verified" not in claims:
            data["userinfo"] = self._fetch_user_info(token.token)
            if data["userinfo"].get("sub") != claims["sub"]:
                raise OAuth2Error("The provider's profile is not of the person in its ID token.")
        return self.get_provider().sociallogin_from_response(request, data)

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return claims
