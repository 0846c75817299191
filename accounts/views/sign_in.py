"""Pages of signing in that allauth does not have."""

from allauth.account.utils import perform_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import audit
from accounts.audit import Action
from accounts.sign_in_links import person_behind, use_link


@sensitive_variables("token")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button, so that a mail scanner that opens links does not spend it; the button signs in."""
    if request.method != "POST":
        person = person_behind(token, timezone.now())
        context = {"expired": person is None, "email": person.email if person else ""}
        return render(request, "account/sign_in_link.html", context, status=200 if person else 410)
    now = timezone.now()
    person = use_link(token, now)
    if person is None:
        return render(request, "account/sign_in_link.html", {"expired": True, "email": ""}, status=410)
    audit.note(Action.SIGN_IN_LINK_USED, person, now=now, subject=person)
    response: HttpResponse = perform_login(request, person)
    return response
