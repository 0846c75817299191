"""The log for programs: a list by any filters, one call, and deleting one for good."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts import audit
from accounts.audit import Action
from accounts.entrance import Bearer
from accounts.programs import needs
from telemetry import asked, erasure, payloads, reading, scores, shapes
from telemetry.queries import details, pages

router = Router(tags=["Logs"])
SECONDS = 5.0  # that a page may take; then it says how far it came


class AskedList(asked.Asked):
    """The list's filters, and which page."""

    limit: int = Field(pages.LIMIT, ge=1, le=200)
    cursor: str | None = Field(None, description="next_cursor or previous_cursor of another page.", max_length=255)
    reveal: asked.Switch = Field(False, description="Show what others said, too. For the workspace's owner; each time is noted.")


class AskedCall(Schema):
    """Whether to show what another person said."""

    reveal: asked.Switch = Field(False, description="Show what another said. For the workspace's owner; each time is noted.")


@router.get("/logs", auth=needs("logs:read"), response=shapes.CallPage, summary="List calls")
def list_calls(request: HttpRequest, given: Query[AskedList]) -> Any:
    """Calls, newest first, page by page. Members see their own; owners and admins those of the whole workspace.

    What others said is left out unless `reveal=true` asks for it.
    """
    asked.check_names(request, AskedList)
    bearer = _bearer(request)
    filters = reading.narrowed(given.filters(bearer), bearer)
    cursor, is_newer = asked.understood(given.cursor)
    if filters is None:
        return shapes.CallPage(data=[], next_cursor=None, previous_cursor=None, searched_since=None)
    now = timezone.now()
    page = pages.logs_page(filters, cursor, given.limit, is_newer=is_newer, now=now, seconds=SECONDS)
    if given.reveal:
        reading.reveal(bearer, [(call.id, call.user_id) for call in page.lines], now=now)
    return shapes.CallPage(
        data=[shapes.line(call, may_read=given.reveal or reading.is_own(bearer, call.user_id)) for call in page.lines],
        next_cursor=asked.told(page.older),
        previous_cursor=asked.told(page.newer, is_newer=True),
        searched_since=page.searched_since,
    )


@router.get("/logs/{inference_id}", auth=needs("logs:read"), response=shapes.CallDetail, summary="Get a call")
def get_call(request: HttpRequest, inference_id: UUID, given: Query[AskedCall]) -> Any:
    """A call with what was said, its steps, and what is thought of it.

    Another person's content is there for the workspace's owner with `reveal=true`, and that is noted.
    """
    bearer = _bearer(request)
    call = reading.call_of(bearer, inference_id)
    is_own = reading.is_own(bearer, call.user_id)
    if given.reveal and not is_own:
        reading.reveal(bearer, [(call.id, call.user_id)], now=timezone.now())
    content = payloads.shown_content_of(call) if given.reveal or is_own else None
    steps = details.steps_of(bearer.workspace_id, inference_id)
    return shapes.detail(call, content, steps, scores.of_call(bearer.workspace_id, inference_id))


@router.delete("/logs/{inference_id}", auth=needs("logs:delete"), response={204: None}, summary="Delete a call")
def delete_call(request: HttpRequest, inference_id: UUID) -> Any:
    """For good: the call, what was said in it, its steps, its scores, and its part in all sums."""
    bearer = _bearer(request)
    call = reading.call_of(bearer, inference_id)
    with transaction.atomic():
        erasure.erase_calls([call])
        audit.note(
            Action.DATA_ERASED,
            bearer.user_id,
            now=timezone.now(),
            workspace=bearer.workspace_id,
            subject=call,
            detail={"api_key": str(bearer.api_key_id)},
        )
    return Status(204, None)


def _bearer(request: HttpRequest) -> Bearer:
    found: Bearer = request.auth  # type: ignore[attr-defined]  # `needs` put it there
    return found
