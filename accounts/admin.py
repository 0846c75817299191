"""People, workspaces and roles for the operator. Passwords and sign-in links are never shown."""

import contextlib
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import api_keys, audit
from accounts.access import person
from accounts.changelists import KeysetAdmin
from accounts.models import ApiKey, AuditEntry, Invitation, Membership, Session, SignInLink, User, Workspace
from accounts.models.limits import Limited
from accounts.second_factor import forget as forget_second_factor
from accounts.second_factor import second_factor
from accounts.sessions import sign_out_sockets
from accounts.sign_in_links import revoke_links

# A person has one address, that of the user; the provider is named by the environment; second factors are removed below.
for unused in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(unused)

# What goes with a person or a workspace without loss. Everything else, such as their chats, is deleted by its own app first.
GOES_ALONG = {ApiKey, Invitation, Membership, Session, SignInLink, EmailAddress, Authenticator, SocialAccount, LogEntry}

L = TypeVar("L", bound=Limited)
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent_calls")
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """A password given by the operator; it ends the person's sessions and open links."""

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        revoke_links(user)
        transaction.on_commit(partial(sign_out_sockets, user.pk))
        return user


class MembershipInline(admin.TabularInline[Membership, Any]):
    model = Membership
    extra = 0
    exclude = LIMITS
    autocomplete_fields = ("user", "workspace")


class LimitedAdmin(admin.ModelAdmin[L]):
    """What has limits: a change of them is noted."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if changed := set(form.changed_data).intersection(LIMITS):
            workspace_id = obj.pk if isinstance(obj, Workspace) else obj.workspace_id
            detail = {name: getattr(obj, name) for name in changed}
            audit.note(
                audit.Action.LIMITS_CHANGED,
                person(request),
                now=timezone.now(),
                workspace=workspace_id,
                subject=obj,
                detail=detail,
            )


class KeyAdminForm(ModelForm[ApiKey]):
    """Names of models are checked as everywhere."""

    def clean_allowed_models(self) -> list[str]:
        try:
            return list(api_keys.checked_models(self.cleaned_data["allowed_models"] or []))
        except api_keys.InvalidKey as error:
            raise ValidationError(str(error)) from None


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Only a superuser hands out powers or touches another superuser: a permission to edit people is not one to rule."""

    change_password_form = NewPasswordForm
    list_display = ("email", "name", "is_active", "is_staff", "workspace_count", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    date_hierarchy = "date_joined"
    readonly_fields = ("password_state", "second_step", "last_login", "date_joined")
    actions = ("remove_second_step",)
    filter_horizontal = ("groups", "user_permissions")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", "email_confirmed", "name", "password_state", "second_step")}),
        ("Access", {"fields": ("is_active", *POWERS)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(workspaces_of_user=Count("memberships"))

    @admin.display(description="workspaces", ordering="workspaces_of_user")
    def workspace_count(self, user: User) -> int:
        return int(getattr(user, "workspaces_of_user", 0))

    @admin.display(description="password")
    def password_state(self, user: User) -> str:
        state = "set" if user.has_usable_password() else "none: signs in by link"
        return format_html('{} – <a href="{}">change it</a>', state, reverse("admin:auth_user_password_change", args=[user.pk]))

    @admin.display(description="second step")
    def second_step(self, user: User) -> str:
        return "on" if second_factor(user).is_on else "off"

    @admin.action(description="Remove the second step of the selected people", permissions=["change"])
    def remove_second_step(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For who lost phone and codes: the operator has made sure that it is them."""
        people = [user for user in queryset if _may_touch(request, user) and forget_second_factor(user)]
        for user in people:
            audit.note(audit.Action.MFA_TURNED_OFF, person(request), now=timezone.now(), subject=user)
            self.log_change(request, user, "Removed the second step.")
        self.message_user(request, f"{len(people)} people sign in with their password alone now.")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if _rules(request) else (*fixed, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj) and not _has_belongings(obj)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            transaction.on_commit(partial(sign_out_sockets, obj.pk))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        transaction.on_commit(partial(sign_out_sockets, obj.pk))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user_id in queryset.values_list("pk", flat=True):
            transaction.on_commit(partial(sign_out_sockets, user_id))
        super().delete_queryset(request, queryset)


@admin.register(Workspace)
class WorkspaceAdmin(LimitedAdmin[Workspace]):
    list_display = ("name", "member_count", "created_at", "id")
    search_fields = ("name",)
    ordering = ("name",)
    readonly_fields = ("id", "created_at")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        return super().get_queryset(request).annotate(members_of_workspace=Count("memberships"))

    @admin.display(description="members", ordering="members_of_workspace")
    def member_count(self, workspace: Workspace) -> int:
        return int(getattr(workspace, "members_of_workspace", 0))

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _has_belongings(obj)


@admin.register(Membership)
class MembershipAdmin(LimitedAdmin[Membership]):
    list_display = ("user", "workspace", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "workspace")
    search_fields = ("user__email", "user__name", "workspace__name")
    ordering = ("workspace__name", "user__email")
    autocomplete_fields = ("user", "workspace")
    readonly_fields = ("created_at",)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Keys are made by `manage.py create_api_key`; here they get other limits, or are ended. The key itself is nowhere."""

    list_display = (
        "name",
        "last_four",
        "user",
        "workspace",
        "scope_list",
        "limits",
        "state",
        "last_used_at",
        "expires_at",
        "created_at",
    )
    form = KeyAdminForm
    list_filter = ("workspace",)
    list_select_related = ("user", "workspace")
    search_fields = ("name", "last_four", "user__email")
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("name", "last_four", "user", "workspace", "scopes", "payloads")}),
        ("Restrictions", {"fields": ("allowed_models", *LIMITS)}),
        ("Dates", {"fields": ("created_at", "expires_at", "last_used_at", "revoked_at")}),
    )
    readonly_fields = (
        *("name", "last_four", "user", "workspace", "scopes", "payloads"),
        *("created_at", "expires_at", "last_used_at", "revoked_at"),
    )
    actions = ("revoke",)

    @admin.display(description="scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="limits")
    def limits(self, key: ApiKey) -> str:
        return str(api_keys.limits_of_key(key)) or "none"

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "valid" if api_keys.is_valid(key, timezone.now()) else "expired"

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = timezone.now()
        revoked = [key for key in queryset if api_keys.revoke(key, now, by=person(request))]
        for key in revoked:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(revoked)} revoked. Programs that use them are refused within five seconds.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        is_over = obj is not None and not api_keys.is_valid(obj, timezone.now())
        return super().has_change_permission(request, obj) and not is_over

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool) -> None:
        api_keys.change(
            obj,
            timezone.now(),
            name=obj.name,
            models=obj.allowed_models,
            limits=api_keys.limits_of(obj),
            by=person(request),
        )


@admin.register(AuditEntry)
class AuditEntryAdmin(KeysetAdmin):
    """What was done, by ids. Nobody writes, changes or deletes an entry here; `manage.py verify_audit` checks the chain."""

    list_display = ("id", "at", "action", "actor_id", "workspace_id", "subject_kind", "subject_id")
    list_filter = ("action",)
    search_fields = ("subject_id",)
    search_help_text = "The whole id of a person, of a workspace, or of what an entry is about."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(subject_id=term)
        with contextlib.suppress(ValueError):
            found |= Q(actor_id=UUID(term)) | Q(workspace_id=UUID(term))
        return queryset.filter(found), False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False


def _rules(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    return person is None or not person.is_superuser or _rules(request)


def _has_belongings(owner: User | Workspace | None) -> bool:
    if owner is None:
        return False
    tables = [
        (relation.related_model, relation.field.name) for relation in owner._meta.related_objects if not relation.many_to_many
    ]
    return any(table not in GOES_ALONG and table._base_manager.filter(**{name: owner}).exists() for table, name in tables)
