"""How long things are kept, what the last run did, and the receipts of erasures."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from telemetry import retention
from telemetry.models import ErasureReceipt, RetentionPolicy


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(admin.ModelAdmin[RetentionPolicy]):
    """The installation's policy, and workspaces' shorter ones."""

    list_display = ("whose", "calls_kept", "sums_kept", "last_run_at", "last_outcome")
    fields = ("workspace", "raw_days", "rollup_days", "last_run_at", "last_outcome")
    readonly_fields = ("last_run_at", "last_outcome")
    ordering = ("id",)

    list_select_related = ("workspace",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if self.has_view_permission(request):
            retention.installation()  # before the first run there is none
        return super().changelist_view(request, extra_context)

    def get_readonly_fields(self, request: HttpRequest, obj: RetentionPolicy | None = None) -> tuple[str, ...]:
        """Whose policy it is is said once: another workspace needs one of its own."""
        return ("workspace", *self.readonly_fields) if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: RetentionPolicy | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.workspace_id is not None)

    @admin.display(description="for")
    def whose(self, policy: RetentionPolicy) -> str:
        return str(policy)

    @admin.display(description="calls are kept for")
    def calls_kept(self, policy: RetentionPolicy) -> str:
        return _days(policy.raw_days)

    @admin.display(description="sums are kept for")
    def sums_kept(self, policy: RetentionPolicy) -> str:
        return _days(policy.rollup_days)


@admin.register(ErasureReceipt)
class ErasureReceiptAdmin(admin.ModelAdmin[ErasureReceipt]):
    """Written by `manage.py erase_user`; nobody changes or deletes one."""

    list_display = ("id", "begun_at", "finished_at", "requested_by", "counts")
    ordering = ("-begun_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ErasureReceipt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ErasureReceipt | None = None) -> bool:
        return False


def _days(count: int | None) -> str:
    return "as the environment says" if count is None else f"{count} day{'' if count == 1 else 's'}"
