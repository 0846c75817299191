"""How a person signs in: password, second factor, provider, and the browsers that are in."""

from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.access import person
from accounts.oidc import is_configured, provider_name
from accounts.second_factor import second_factor
from accounts.sessions import end_other_sessions, end_session, open_sessions
from accounts.settings_pages import settings_page


@login_required
@never_cache
@require_GET
def sign_in_settings(request: HttpRequest) -> HttpResponse:
    user = person(request)
    sessions = open_sessions(user, request.session.session_key, timezone.now())
    context = {
        "second_factor": second_factor(user),
        "sessions": sessions,
        "has_others": any(not session.is_current for session in sessions),
        "provider": provider_name() if is_configured() else "",
        "identity": SocialAccount.objects.filter(user_id=user.pk).first(),
    }
    return settings_page(request, "settings/sign_in.html", context)


@login_required
@require_GET
def to_sign_in_settings(_request: HttpRequest) -> HttpResponse:
    """Where allauth sends people after a change of their second factor."""
    return redirect("sign_in_settings")


@login_required
@require_POST
def end_one_session(request: HttpRequest, token: str) -> HttpResponse:
    """Sign another browser out; its open pages close."""
    user = person(request)
    with transaction.atomic():
        if not end_session(user, token):
            raise Http404("There is no such session.")
        audit.note(audit.Action.SESSIONS_ENDED, user, now=timezone.now(), detail={"sessions": 1})
    messages.success(request, "That device is signed out.")
    return redirect("sign_in_settings")


@login_required
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    user = person(request)
    with transaction.atomic():
        count = end_other_sessions(user, request.session.session_key)
        if count:
            audit.note(audit.Action.SESSIONS_ENDED, user, now=timezone.now(), detail={"sessions": count})
    messages.success(request, "You are signed out everywhere else." if count else "You were signed in nowhere else.")
    return redirect("sign_in_settings")
