"""Resetting a password by mail: closed where Ollive sends no mail."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as allauth_views
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache


def _with_mail(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def open_with_mail(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.OLLIVE_SENDS_MAIL:
            raise Http404("Ollive sends no mail here: an operator makes sign-in links.")
        return view(request, *args, **kwargs)

    return never_cache(open_with_mail)


reset = _with_mail(allauth_views.password_reset)
reset_done = _with_mail(allauth_views.password_reset_done)
reset_from_key = _with_mail(allauth_views.password_reset_from_key)
reset_from_key_done = _with_mail(allauth_views.password_reset_from_key_done)
