"""A person's profile, and which of their workspaces they are working in."""

import uuid

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.core.internal import ratelimit
from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import profile as profiles
from accounts.access import SESSION_KEY, membership, person
from accounts.profile import ProfileForm
from accounts.settings_pages import settings_page


@login_required
@require_GET
def settings(_request: HttpRequest) -> HttpResponse:
    return redirect("profile")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """A new address needs the password, or a second factor, of the last ten minutes."""
    user = person(request)
    if request.method != "POST":
        return settings_page(request, "settings/profile.html", {"form": ProfileForm(instance=user)})
    form = ProfileForm(request.POST, instance=user)
    if form.is_valid() and form.has_new_address:
        raise_if_reauthentication_required(request, app="allauth.mfa")
    if not form.is_valid() or not _save(request, form):
        user.refresh_from_db()  # the form has written what was refused into it, and the page shows the person
        return settings_page(request, "settings/profile.html", {"form": form}, status=422)
    return redirect("profile")


def _save(request: HttpRequest, form: ProfileForm) -> bool:
    user = person(request)
    new = form.cleaned_data["email"] if form.has_new_address else ""
    form.save_all_but_the_address()
    if not new:
        messages.success(request, "Saved.")
        return True
    if not ratelimit.consume(request, app="allauth.account", action="manage_email", user=user):
        form.add_error("email", "That was changed often just now. Try again in a minute.")
        return False
    if profiles.is_taken(new):
        form.add_error("email", profiles.TAKEN)
        return False
    if django_settings.OLLIVE_SENDS_MAIL:
        profiles.ask_to_confirm(user, new)
        messages.success(request, f"A link is on its way to {new}. Follow it, and the address is yours here.")
        return True
    try:
        profiles.take_address(user, new, is_confirmed=False)
    except ValueError as error:
        form.add_error("email", str(error))
        return False
    messages.success(request, f"Saved. You sign in with {new} from now on.")
    return True


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link in the mail; its button takes the address, so that a mail scanner does not."""
    email = profiles.address_to_confirm(person(request), token)
    if email is None:
        return settings_page(request, "settings/confirm_email.html", {"email": ""}, status=410)
    if request.method != "POST":
        return settings_page(request, "settings/confirm_email.html", {"email": email})
    try:
        profiles.take_address(person(request), email, is_confirmed=True)
    except ValueError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Saved. You sign in with {email} from now on.")
    return redirect("profile")


@login_required
@require_POST
def time_zone(request: HttpRequest) -> HttpResponse:
    """The browser's word, asked for once: `static/js/zone.js`."""
    known = profiles.note_zone(person(request), request.POST.get("time_zone", ""))
    return HttpResponse(status=204 if known else 422)


@login_required
@require_POST
def switch_workspace(request: HttpRequest) -> HttpResponse:
    """Work in another workspace of one's own from here on."""
    try:
        part = membership(person(request), uuid.UUID(request.POST.get("workspace", "")))
    except ValueError:
        raise Http404("There is no such workspace.") from None
    request.session[SESSION_KEY] = str(part.workspace_id)
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(wanted if is_ours else "chat:home")
