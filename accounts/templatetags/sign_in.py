"""What the sign-in page offers besides a password."""

from typing import Any

from allauth.account.utils import passthrough_next_redirect_url
from django import template
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.oidc import PROVIDER_ID, is_configured, provider_name

register = template.Library()


@register.simple_tag(takes_context=True)
def ways_in(context: dict[str, Any]) -> dict[str, str]:
    """`provider` and `provider_url` where one is set up, `reset_url` where Ollive can send mail."""
    request: HttpRequest = context["request"]
    found = {}
    if is_configured():
        url = reverse("openid_connect_login", kwargs={"provider_id": PROVIDER_ID})
        found = {"provider": provider_name(), "provider_url": passthrough_next_redirect_url(request, url, "next")}
    if settings.OLLIVE_SENDS_MAIL:
        found["reset_url"] = reverse("reset_password")
    return found
