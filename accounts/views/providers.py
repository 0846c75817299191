"""The way to the OpenID Connect provider and back."""

from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from requests import RequestException

from accounts.oidc import ProviderDoor, failed, is_configured


@never_cache
@require_GET
def provider_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _through(OAuth2LoginView, request, provider_id)


@never_cache
@require_GET
def provider_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _through(OAuth2CallbackView, request, provider_id)


def _through(view: type[OAuth2LoginView | OAuth2CallbackView], request: HttpRequest, provider_id: str) -> HttpResponse:
    if not is_configured():
        raise Http404("No provider is set up.")
    door = ProviderDoor(request, provider_id)
    try:
        response: HttpResponse = view.adapter_view(door)(request)
    except (RequestException, OAuth2Error, KeyError, ValueError) as error:  # away, or not as the protocol says
        return failed(request, error)
    return response
