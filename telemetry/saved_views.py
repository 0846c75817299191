"""States of the list of calls that people keep: their own, and those of the whole workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q
from django.http import Http404

from accounts.access import Act, may, require
from accounts.models import Membership
from telemetry.listed import Look
from telemetry.models import SavedView

MOST = 50  # of a person, and of a workspace
LENGTH = 4_000  # of a list's address


class NotKept(Exception):
    """The view can't be kept; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A view as the page lists it. `is_open` says that the list is just so now."""

    view: SavedView
    is_open: bool
    may_delete: bool


def of(part: Membership, look: Look) -> Sequence[Shown]:
    """The person's own views and the workspace's, by name."""
    found = SavedView.objects.filter(workspace_id=part.workspace_id)
    found = found.filter(Q(owner_id=part.user_id) | Q(owner=None)).order_by(F("owner").asc(nulls_last=True), "name")
    return [Shown(view, view.query == look.query, _may_delete(part, view)) for view in found[: 2 * MOST]]


def keep(part: Membership, look: Look, name: str, *, is_shared: bool, now: datetime) -> SavedView:
    """Keep the list under a name, in place of what has this name. Raises `NotKept`, and `PermissionDenied` where it is shared."""
    name = " ".join(name.replace("\0", "").split())[:80]
    if not name:
        raise NotKept("Give the view a name.")
    if len(look.query) > LENGTH:
        raise NotKept("There are too many filters to keep: remove some.")
    if is_shared:
        require(part, Act.SHARE_DASHBOARDS)
    owner = None if is_shared else part.user_id
    mine = SavedView.objects.filter(workspace_id=part.workspace_id, owner_id=owner)
    if mine.exclude(name=name).count() >= MOST:
        raise NotKept(f"There are {MOST} views already: delete one first.")
    view, _ = SavedView.objects.update_or_create(
        workspace_id=part.workspace_id, owner_id=owner, name=name, defaults={"query": look.query, "created_at": now}
    )
    return view


def delete(part: Membership, view_id: UUID) -> str:
    """Returns its name. Raises `Http404` for others' views, `PermissionDenied` for the workspace's where the role forbids it."""
    view = SavedView.objects.filter(workspace_id=part.workspace_id, id=view_id).first()
    if view is None or view.owner_id not in (None, part.user_id):
        raise Http404("There is no such view.")
    if view.owner_id is None:
        require(part, Act.SHARE_DASHBOARDS)
    view.delete()
    return view.name


def _may_delete(part: Membership, view: SavedView) -> bool:
    return view.owner_id is not None or may(part, Act.SHARE_DASHBOARDS)
