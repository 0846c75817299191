"""Dashboards that people put together: whose each is, who may change it, and what can be done to its panels.

A person sees their own and the workspace's. Their own they change as they like, unless their role only reads; the workspace's
are changed by owners and admins. Every change of panels holds the row, so that two tabs never undo each other's.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.access import Act, may, require
from accounts.models import Membership
from telemetry.models import Dashboard
from telemetry.panels import Panel

MOST_OWN = 50
MOST_SHARED = 100
MOST_PANELS = 24
TITLE = 100
Raw = list[dict[str, Any]]


class NotPossible(Exception):
    """It does not fit; the message says what to do."""


def seen_by(workspace_id: uuid.UUID, user_id: uuid.UUID) -> QuerySet[Dashboard]:
    """The person's own of the workspace, and its shared ones."""
    return Dashboard.objects.filter(Q(owner_id=user_id) | Q(owner=None), workspace_id=workspace_id)


def found(workspace_id: uuid.UUID, user_id: uuid.UUID, board_id: uuid.UUID) -> Dashboard:
    """One of them. Another's does not exist: raises `Http404`."""
    board = seen_by(workspace_id, user_id).filter(pk=board_id).first()
    if board is None:
        raise Http404("There is no such dashboard.")
    return board


def may_change(part: Membership, board: Dashboard) -> bool:
    return may(part, Act.SHARE_DASHBOARDS if board.is_shared else Act.MAKE_DASHBOARDS)


def require_change(part: Membership, board: Dashboard) -> None:
    """Raises `PermissionDenied`."""
    require(part, Act.SHARE_DASHBOARDS if board.is_shared else Act.MAKE_DASHBOARDS)


def make(
    part: Membership,
    *,
    title: str,
    description: str = "",
    window: str = "7d",
    panels: Sequence[Panel] = (),
    is_shared: bool = False,
    now: datetime,
) -> Dashboard:
    """Raises `NotPossible`, `PermissionDenied`."""
    require(part, Act.SHARE_DASHBOARDS if is_shared else Act.MAKE_DASHBOARDS)
    _check_panels([panel.stored() for panel in panels])
    with transaction.atomic():
        _check_room(part, is_shared=is_shared)
        return Dashboard.objects.create(
            workspace_id=part.workspace_id,
            owner_id=None if is_shared else part.user_id,
            title=title,
            description=description,
            window=window,
            panels=[panel.stored() for panel in panels],
            created_at=now,
            updated_at=now,
        )


def change(part: Membership, board_id: uuid.UUID, *, now: datetime, **values: Any) -> Dashboard:
    """Its title, description, window, or all its panels. Raises `Http404`, `NotPossible`, `PermissionDenied`."""
    with transaction.atomic():
        board = _held(part, board_id)
        panels = values.pop("panels", None)
        if panels is not None:
            board.panels = [panel.stored() for panel in panels]
            _check_panels(board.panels)
        for name, value in values.items():
            setattr(board, name, value)
        board.updated_at = now
        board.save()
    return board


def share(part: Membership, board_id: uuid.UUID, *, is_shared: bool, now: datetime) -> Dashboard:
    """Make it the workspace's, or the person's own who takes it back. Raises as `change` does."""
    require(part, Act.SHARE_DASHBOARDS)
    with transaction.atomic():
        board = _held(part, board_id)
        if board.is_shared != is_shared:
            _check_room(part, is_shared=is_shared)
            board.owner_id = None if is_shared else part.user_id
            board.updated_at = now
            board.save()
    return board


def copy(part: Membership, board_id: uuid.UUID, *, now: datetime) -> Dashboard:
    """One of the person's own that begins as this one is. Raises as `make` does."""
    board = found(part.workspace_id, part.user_id, board_id)
    require(part, Act.MAKE_DASHBOARDS)
    with transaction.atomic():
        _check_room(part, is_shared=False)
        return Dashboard.objects.create(
            workspace_id=part.workspace_id,
            owner_id=part.user_id,
            title=f"{board.title[: TITLE - 7]} (copy)",
            description=board.description,
            window=board.window,
            panels=board.panels,
            created_at=now,
            updated_at=now,
        )


def delete(part: Membership, board_id: uuid.UUID) -> Dashboard:
    """Raises `Http404`, `PermissionDenied`."""
    with transaction.atomic():
        board = _held(part, board_id)
        Dashboard.objects.filter(pk=board.pk).delete()
    return board


def put_panel(part: Membership, board_id: uuid.UUID, panel: Panel, *, now: datetime) -> None:
    """In the place of the one with its id, or last."""

    def put(panels: Raw) -> Raw:
        place = _place(panels, panel.id)
        stored = panel.stored()
        return [*panels, stored] if place is None else [*panels[:place], stored, *panels[place + 1 :]]

    _change_panels(part, board_id, put, now=now)


def move_panel(
    part: Membership, board_id: uuid.UUID, panel_id: str, where: Literal["first", "up", "down", "last"], *, now: datetime
) -> None:
    def move(panels: Raw) -> Raw:
        place = _needed(panels, panel_id)
        moved = panels[place]
        rest = [*panels[:place], *panels[place + 1 :]]
        target = {"first": 0, "up": max(0, place - 1), "down": place + 1, "last": len(rest)}[where]
        return [*rest[:target], moved, *rest[target:]]

    _change_panels(part, board_id, move, now=now)


def size_panel(part: Membership, board_id: uuid.UUID, panel_id: str, size: dict[str, str], *, now: datetime) -> None:
    """`size` has a width, a height, or both."""

    def resize(panels: Raw) -> Raw:
        place = _needed(panels, panel_id)
        return [*panels[:place], panels[place] | size, *panels[place + 1 :]]

    _change_panels(part, board_id, resize, now=now)


def copy_panel(part: Membership, board_id: uuid.UUID, panel_id: str, *, now: datetime) -> str:
    """Beside the one it is of; the id of the new one."""
    new_id = uuid.uuid4().hex[:12]

    def double(panels: Raw) -> Raw:
        place = _needed(panels, panel_id)
        return [*panels[: place + 1], panels[place] | {"id": new_id}, *panels[place + 1 :]]

    _change_panels(part, board_id, double, now=now)
    return new_id


def delete_panel(part: Membership, board_id: uuid.UUID, panel_id: str, *, now: datetime) -> None:
    def remove(panels: Raw) -> Raw:
        place = _needed(panels, panel_id)
        return [*panels[:place], *panels[place + 1 :]]

    _change_panels(part, board_id, remove, now=now)


def _change_panels(part: Membership, board_id: uuid.UUID, change_of: Callable[[Raw], Raw], *, now: datetime) -> None:
    """Raises `Http404`, `NotPossible`, `PermissionDenied`."""
    with transaction.atomic():
        board = _held(part, board_id)
        board.panels = change_of(board.panels)
        _check_panels(board.panels)
        board.updated_at = now
        board.save(update_fields=["panels", "updated_at"])


def _held(part: Membership, board_id: uuid.UUID) -> Dashboard:
    board = seen_by(part.workspace_id, part.user_id).select_for_update(of=("self",)).filter(pk=board_id).first()
    if board is None:
        raise Http404("There is no such dashboard.")
    require_change(part, board)
    return board


def _check_panels(panels: Raw) -> None:
    if len(panels) > MOST_PANELS:
        raise NotPossible(f"A dashboard has {MOST_PANELS} panels at most: put some into another one.")
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        raise NotPossible("Two panels have the same id: leave the ids out, and they are made up.")


def _check_room(part: Membership, *, is_shared: bool) -> None:
    own = Q(owner=None) if is_shared else Q(owner_id=part.user_id)
    most = MOST_SHARED if is_shared else MOST_OWN
    if Dashboard.objects.filter(own, workspace_id=part.workspace_id).count() >= most:
        whose = "The workspace has" if is_shared else "You have"
        raise NotPossible(f"{whose} {most} dashboards already: delete one first.")


def _place(panels: Raw, panel_id: str) -> int | None:
    return next((place for place, panel in enumerate(panels) if panel.get("id") == panel_id), None)


def _needed(panels: Raw, panel_id: str) -> int:
    place = _place(panels, panel_id)
    if place is None:
        raise Http404("There is no such panel.")
    return place
