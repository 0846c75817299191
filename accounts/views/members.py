"""The members of a workspace: their roles, who goes, and invitations."""

import uuid
from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from accounts import invitation_mail, invitations, members, throttle
from accounts.access import Act, current_membership, may, person, posted_membership, require
from accounts.members import NotPossible
from accounts.models import Invitation, Membership
from accounts.settings_pages import settings_page
from accounts.sign_in_links import address_for

PAGE = 50
INVITING = "30/h/user"


class InvitationForm(forms.Form):
    """What the link lets people do."""

    id = forms.UUIDField(widget=forms.HiddenInput)  # made with the page: sending it twice makes one invitation
    role = forms.ChoiceField(choices=[])
    email = forms.EmailField(label="For one address (optional)", required=False, max_length=254)
    days = forms.TypedChoiceField(label="Works for", coerce=int, choices=list(invitations.LIFETIMES.items()), initial=7)
    max_uses = forms.IntegerField(
        label="How many people can use it", min_value=1, max_value=invitations.MOST_USES, initial=1, required=False
    )

    def __init__(self, part: Membership, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        roles = members.roles_to_give(part)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]
        self.fields["role"].initial = Membership.Role.MEMBER.value


@login_required
@require_GET
def members_page(request: HttpRequest) -> HttpResponse:
    """Who is in the workspace; for those who manage it, with the open invitations."""
    return _page(request, current_membership(request))


@login_required
@never_cache
@require_POST
@sensitive_variables("path", "link", "shown")
def invite(request: HttpRequest) -> HttpResponse:
    """Make a link and show it, this once."""
    part = posted_membership(request)
    if too_often := throttle.refusal(request, "invite", INVITING, user=person(request)):
        return too_often
    require(part, Act.MANAGE_MEMBERS)
    form = InvitationForm(part, request.POST)
    if not form.is_valid():
        return _page(request, part, form=form, status=422)
    given = form.cleaned_data
    try:
        invitation, path = invitations.create(
            part,
            given["id"],
            role=given["role"],
            days=given["days"],
            email=given["email"],
            max_uses=given["max_uses"] or 1,
            now=timezone.now(),
        )
    except NotPossible as error:
        form.add_error(None, str(error))
        return _page(request, part, form=form, status=422)
    link = address_for(request, path)
    is_sent = bool(invitation.email) and invitation_mail.can_send() and invitation_mail.send(invitation, link)
    shown = {"link": link, "made": invitation, "is_sent": is_sent, "can_send": invitation_mail.can_send()}
    return _page(request, part, shown=shown)


@login_required
@require_POST
def revoke_invitation(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    try:
        ended = invitations.revoke(part, invitation_id, now=timezone.now())
    except Invitation.DoesNotExist:
        raise Http404("There is no such invitation.") from None
    messages.success(request, "The invitation is revoked." if ended else "The invitation had been revoked already.")
    return redirect("members")


@login_required
@require_POST
def change_role(request: HttpRequest, member_id: int) -> HttpResponse:
    def change(part: Membership) -> str:
        role = request.POST.get("role", "")
        if role not in Membership.Role.values:
            raise NotPossible("Choose a role.")
        other = members.change_role(part, member_id, role, now=timezone.now())
        return f"{other.user} is now {other.get_role_display().lower()}."

    return _change(request, change)


@login_required
@require_POST
def transfer(request: HttpRequest, member_id: int) -> HttpResponse:
    def change(part: Membership) -> str:
        other = members.transfer(part, member_id, now=timezone.now())
        return f"{other.user} owns {other.workspace} now, and you are an admin of it."

    return _change(request, change)


@login_required
@require_POST
def remove(request: HttpRequest, member_id: int) -> HttpResponse:
    def change(part: Membership) -> str:
        other = members.remove(part, member_id, now=timezone.now())
        return f"{other.user} is no longer in {other.workspace}."

    return _change(request, change)


@login_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    part = posted_membership(request)
    try:
        members.leave(part, now=timezone.now())
    except NotPossible as error:
        messages.error(request, str(error))
        return redirect("workspace")
    if not Membership.objects.filter(user_id=part.user_id).exists():
        return redirect("chat:home")  # where who is in no workspace is told so
    messages.success(request, f"You have left {part.workspace}.")
    return redirect("workspace")


def _change(request: HttpRequest, change: Callable[[Membership], str]) -> HttpResponse:
    try:
        messages.success(request, change(posted_membership(request)))
    except NotPossible as error:
        messages.error(request, str(error))
    except Membership.DoesNotExist:
        raise Http404("There is no such member.") from None
    return redirect("members")


def _page(
    request: HttpRequest,
    part: Membership,
    *,
    form: InvitationForm | None = None,
    shown: dict[str, object] | None = None,
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    wanted = request.GET.get("q", "").strip()
    found = list(_found(part, wanted, request.GET.get("after", ""))[: PAGE + 1])
    is_managing = may(part, Act.MANAGE_MEMBERS)
    context = {
        "members": [{"part": other, "is_managed": members.may_manage(part, other)} for other in found[:PAGE]],
        "next_after": found[PAGE - 1].pk if len(found) > PAGE else None,
        "wanted": wanted,
        "roles": [(role, members.TOLD_OF[role]) for role in Membership.Role],
        "given_roles": members.roles_to_give(part),
        "is_managing": is_managing,
        "is_owner": may(part, Act.OWN),
        "invitations": list(invitations.open_ones(part.workspace_id, now)) if is_managing else [],
        "form": form or InvitationForm(part, initial={"id": uuid.uuid4()}),
        "can_send": invitation_mail.can_send(),
        "shown": shown,
    }
    return settings_page(request, "settings/members.html", context, status=status)


def _found(part: Membership, wanted: str, after: str) -> QuerySet[Membership]:
    """By the order of joining, from the one after `after` on."""
    found = Membership.objects.filter(workspace_id=part.workspace_id).select_related("user", "workspace").order_by("pk")
    if wanted:
        found = found.filter(Q(user__name__icontains=wanted) | Q(user__email__icontains=wanted))
    return found.filter(pk__gt=int(after)) if after.isdecimal() and len(after) < 19 else found
