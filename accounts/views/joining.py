"""The page behind an invitation: join as who is signed in, or with a new account."""

from allauth.account.utils import perform_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import invitations, throttle
from accounts.access import SESSION_KEY, person
from accounts.joining import JoinForm, make_account
from accounts.models import Invitation, Membership

JOINING = "60/5m/ip"  # a whole office may come by one address


@sensitive_post_parameters("password")
@sensitive_variables("token", "form")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Opening it spends nothing; the button does."""
    if too_often := throttle.refusal(request, "join", JOINING):
        return too_often
    found = invitations.behind(token)
    if found is None:
        return _closed(request, "This invitation is not known here. See that the whole link was copied.", 404)
    if request.user.is_authenticated and (part := _part(request, found)):
        return _enter(request, part)
    state = invitations.state_of(found, timezone.now())
    if state != "open":
        return _closed(request, invitations.why_not(state), 410)
    return _join_as_self(request, found) if request.user.is_authenticated else _join_as_new(request, found)


def _join_as_self(request: HttpRequest, found: Invitation) -> HttpResponse:
    user = person(request)
    context = {"invitation": found, "is_for_another": bool(found.email) and found.email != user.email}
    if request.method != "POST":
        return render(request, "account/invitation.html", context)
    try:
        joined = invitations.accept(found, user, now=timezone.now())
    except invitations.Unusable as error:
        return _closed(request, str(error), 410)
    return _enter(request, joined.part)


def _join_as_new(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = JoinForm(found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            user = make_account(form, now=timezone.now())
        except invitations.Unusable as error:
            return _closed(request, str(error), 410)
        if user is not None:
            response: HttpResponse = perform_login(request, user)
            return response
    return render(request, "account/invitation.html", {"invitation": found, "form": form}, status=422 if form.errors else 200)


def _part(request: HttpRequest, found: Invitation) -> Membership | None:
    return Membership.objects.select_related("workspace").filter(user=person(request), workspace=found.workspace_id).first()


def _enter(request: HttpRequest, part: Membership) -> HttpResponse:
    request.session[SESSION_KEY] = str(part.workspace_id)
    return redirect("chat:home")


def _closed(request: HttpRequest, why: str, status: int) -> HttpResponse:
    return render(request, "account/invitation.html", {"why": why}, status=status)
