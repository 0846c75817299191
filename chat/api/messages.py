"""The messages of a conversation, what they have cost, and what is thought of them. Asking is a door: `chat.doors.messages`."""

from typing import Annotated, Any

from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from accounts.programs import needs
from chat import access, branch_reading, costs, reports, wire
from chat.api.conversations import FURTHEST, bearer_of
from chat.api.shapes import Cost, FeedbackOut, MessagePage, NewFeedback
from chat.models import Feedback

router = Router(tags=["Conversations"])


@router.get(
    "/conversations/{conversation_id}/messages", response=MessagePage, auth=needs("chat"), url_name="conversation_messages"
)
def messages(
    request: HttpRequest,
    conversation_id: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Annotated[int, Query(ge=0, le=FURTHEST)] = 0,
) -> Any:
    """A page of the conversation's messages, oldest first."""
    found = access.conversation_for(bearer_of(request), conversation_id)
    page = branch_reading.page(found, now=timezone.now(), limit=limit, offset=offset)
    told = [wire.message(row, page.values) for row in page.rows]
    return {"messages": told, "total": page.total, "limit": limit, "offset": offset}


@router.get("/conversations/{conversation_id}/cost", response=Cost, auth=needs("chat"), url_name="conversation_cost")
def cost(request: HttpRequest, conversation_id: str) -> Any:
    """What the conversation has cost so far."""
    found = access.conversation_for(bearer_of(request), conversation_id)
    total = costs.total_of(found.id)
    sums = found.messages.aggregate(prompt=Sum("prompt_tokens"), completion=Sum("completion_tokens"))
    prompt, completion = sums["prompt"] or 0, sums["completion"] or 0
    return {
        "conversation_id": str(found.id),
        "total_cost_usd": float(total.usd),
        "priced_count": total.priced_count,
        "unpriced_count": total.unpriced_count,
        "is_estimated": total.is_estimated,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


@router.post(
    "/conversations/{conversation_id}/feedback",
    response={201: FeedbackOut},
    auth=needs("chat"),
    url_name="conversation_feedback",
)
def feedback(request: HttpRequest, conversation_id: str, given: NewFeedback) -> Any:
    """Report what your user thinks of a reply, or of the conversation."""
    found = access.conversation_for(bearer_of(request), conversation_id)
    report = reports.Report(
        kind=Feedback.Kind(given.feedback_type),
        message_id=given.message_id,
        end_user=given.user_id or "",
        rating=given.rating,
        comment=given.comment or "",
        metadata=given.metadata or {},
    )
    return Status(201, wire.feedback(reports.take(found, report, now=timezone.now())))
