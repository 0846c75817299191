"""Lists paged by key: a page costs the same wherever it is, and nothing is counted."""

from datetime import datetime
from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

BEFORE, AFTER = "before", "after"
SEPARATOR = "~"


class KeysetChangeList(ChangeList):
    """Newest first by the admin's `keyset` fields; `older` and `newer` are the neighbouring pages' query strings or None."""

    older: str | None = None
    newer: str | None = None

    def get_filters_params(self, params: Any = None) -> Any:
        """Another filter or search begins at its first page again."""
        for name in (BEFORE, AFTER):
            self.filter_params.pop(name, None)
            self.params.pop(name, None)
        return super().get_filters_params(params)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return [f"-{name}" for name in self.keyset]

    def get_results(self, request: HttpRequest) -> None:
        after = self._cursor(request.GET.get(AFTER))
        before = None if after else self._cursor(request.GET.get(BEFORE))
        page: QuerySet[Any] = self.queryset
        if before:
            page = page.filter(_beyond(self.keyset, before, "lt"))
        if after:
            page = page.filter(_beyond(self.keyset, after, "gt")).order_by(*self.keyset)
        found = list(page[: self.list_per_page + 1])
        has_more = len(found) > self.list_per_page
        rows = found[: self.list_per_page]
        if after:
            rows.reverse()
        self._link(rows, has_older=bool(after) or has_more, has_newer=bool(before) or (bool(after) and has_more))
        self.result_list = rows
        # Equal counts tell the templates that there is one page: they offer neither page numbers nor "select all".
        self.result_count = self.full_result_count = len(rows)
        self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self._admin.annotate_page(rows)

    @property
    def keyset(self) -> tuple[str, ...]:
        return self._admin.keyset

    @property
    def _admin(self) -> "KeysetAdmin":
        return cast("KeysetAdmin", self.model_admin)

    def _link(self, rows: list[Any], *, has_older: bool, has_newer: bool) -> None:
        if rows and has_older:
            self.older = self.get_query_string({BEFORE: self._key(rows[-1])})
        if rows and has_newer:
            self.newer = self.get_query_string({AFTER: self._key(rows[0])})

    def _key(self, row: Any) -> str:
        values = (getattr(row, name) for name in self.keyset)
        return SEPARATOR.join(value.isoformat() if isinstance(value, datetime) else str(value) for value in values)

    def _cursor(self, text: str | None) -> tuple[Any, ...] | None:
        """A key from a link; None for anything else."""
        parts = (text or "").split(SEPARATOR)
        kinds = [self.model._meta.get_field(name).get_internal_type() for name in self.keyset]
        try:
            return tuple(_parse(kind, part) for kind, part in zip(kinds, parts, strict=True))
        except ValueError:
            return None


class KeysetAdmin(admin.ModelAdmin[Any]):
    """A read-only list of a large table."""

    keyset: ClassVar[tuple[str, ...]] = ("id",)
    change_list_template = "admin/keyset_list.html"
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions_selection_counter = True

    def annotate_page(self, rows: list[Any]) -> None:
        """Fetch at once what the rows of a page need besides."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _beyond(names: tuple[str, ...], values: tuple[Any, ...], direction: str) -> Q:
    """(a, b) < (x, y), said so that the first column alone can prune partitions."""
    if len(names) == 1:
        return Q(**{f"{names[0]}__{direction}": values[0]})
    strictly, equally = Q(**{f"{names[0]}__{direction}": values[0]}), Q(**{names[0]: values[0]})
    return Q(**{f"{names[0]}__{direction}e": values[0]}) & (strictly | (equally & _beyond(names[1:], values[1:], direction)))


def _parse(kind: str, text: str) -> Any:
    if kind == "DateTimeField":
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        return moment
    return UUID(text) if kind == "UUIDField" else int(text)
