"""One call of the log: what was said, what it cost and why, how it came, and what it belongs to."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.access import Act, current_membership, may, posted_membership, require
from accounts.audit import Action
from accounts.models import ApiKey, Membership, User
from accounts.programs import bearer_of
from telemetry import bills, erasure, payloads, reading, scores, token_gaps
from telemetry.exchange import as_json, exchange, with_chips
from telemetry.frame import observe_page
from telemetry.models import InferenceLog, Score, Span
from telemetry.queries import details, siblings

FOLDED_FROM = 6  # messages from which on the earlier ones are folded away
PREVIEWS = ("input_preview", "output_preview")


@login_required
@require_GET
@never_cache
def call_page(request: HttpRequest, inference_id: UUID) -> HttpResponse:
    """Everything that is known of a call; what others said stays hidden until the owner asks for it."""
    return _page(request, current_membership(request), inference_id, is_revealed=False)


@login_required
@require_POST
@never_cache
def reveal_call(request: HttpRequest, inference_id: UUID) -> HttpResponse:
    """The same with what another said. It is noted each time, so it is a form and no address."""
    part = posted_membership(request)
    bearer = bearer_of(part)
    call = reading.call_of(bearer, inference_id)
    if not reading.is_own(bearer, call.user_id):
        require(part, Act.SEE_CONTENT)
        reading.reveal(bearer, [(call.id, call.user_id)], now=timezone.now())
    return _page(request, part, inference_id, is_revealed=True)


@login_required
@require_POST
def delete_call(request: HttpRequest, inference_id: UUID) -> HttpResponse:
    """For good: the call, what was said in it, its steps, its scores, and its part in all sums."""
    part = posted_membership(request)
    call = reading.call_of(bearer_of(part), inference_id)
    require(part, Act.DELETE_LOGS)
    with transaction.atomic():
        erasure.erase_calls([call])
        audit.note(Action.DATA_ERASED, part.user_id, now=timezone.now(), workspace=part.workspace_id, subject=call)
    messages.success(request, "The call is deleted, and taken out of all sums.")
    return redirect("logs")


def _page(request: HttpRequest, part: Membership, inference_id: UUID, *, is_revealed: bool) -> HttpResponse:
    bearer = bearer_of(part)
    call = reading.call_of(bearer, inference_id)
    is_own = reading.is_own(bearer, call.user_id)
    may_read = is_own or is_revealed
    steps = details.steps_of(part.workspace_id, call.id)
    context = {
        "part": part,
        "workspace": part.workspace,
        "call": call,
        "is_own": is_own,
        "may_read": may_read,
        "may_reveal": not may_read and may(part, Act.SEE_CONTENT),
        "may_rerun": may(part, Act.CHAT) and (is_own or may(part, Act.SEE_CONTENT)),
        "may_delete": may(part, Act.DELETE_LOGS),
        "bill": bills.of(call),
        "gaps": token_gaps.of(call.token_times_ms),
        "moments": _moments(call),
        "attempts": siblings.attempts_of(call),
        "steps": [(step, _said_of(step) if may_read else ()) for step in steps],
        "judgements": [_judgement(score, may_read=may_read) for score in scores.of_call(part.workspace_id, call.id)],
        "who": _who(call),
        "facts": _facts(call),
        "ids": _ids(call),
        "parameters": _parameters(call, may_read=may_read),
        "usage": _block(call.usage),
        **(_content(call) if may_read else {}),
    }
    return observe_page(request, "observe/call.html", context)


def _content(call: InferenceLog) -> dict[str, Any]:
    said = exchange(payloads.shown_content_of(call))
    folded = len(said.messages) - FOLDED_FROM + 2 if len(said.messages) > FOLDED_FROM else 0
    return {
        "exchange": said,
        "folded": said.messages[:folded],
        "shown": said.messages[folded:],
        "previews": [with_chips(getattr(call, name)) for name in PREVIEWS if getattr(call, name)],
        "error_message": with_chips(call.error_message or ""),
        "metadata": _block(call.metadata),
    }


def _moments(call: InferenceLog) -> list[tuple[str, Any, int | None]]:
    """Name, time, and ms since the start, as far as each is known. The first is of our clock, the others of the caller's."""
    told = [("Started", call.started_at), ("First token", call.first_token_at), ("Ended", call.ended_at)]
    start = call.started_at
    known = [(name, at, round((at - start).total_seconds() * 1000) if start else None) for name, at in told if at]
    return [*known, ("Recorded here", call.received_at, None)]


def _said_of(step: Span) -> list[tuple[str, Any]]:
    """What a step was given and gave back."""
    told = [("Given", step.arguments_preview), ("Returned", step.result_preview), ("Error", step.error_message)]
    return [(name, with_chips(text)) for name, text in told if text]


def _judgement(score: Score, *, may_read: bool) -> dict[str, Any]:
    """Comments are content; of them a reader without that right learns only that they are there."""
    if score.kind == Score.Kind.BOOLEAN:
        said: Any = "yes" if score.value else "no"
    elif score.kind == Score.Kind.NUMERIC and score.value is not None:
        said = f"{score.value:g}"
    else:
        said = score.label
    return {"score": score, "said": said, "comment": with_chips(score.comment) if may_read else "", "is_hidden": not may_read}


def _who(call: InferenceLog) -> list[tuple[str, str]]:
    """The person and the key, as people call them."""
    person = User.objects.filter(id=call.user_id).first() if call.user_id else None
    key = ApiKey.objects.filter(id=call.api_key_id, workspace_id=call.workspace_id).first() if call.api_key_id else None
    told = [
        ("Person", (person.email if person else "somebody who is gone") if call.user_id else ""),
        ("API key", (f"{key.name} (…{key.last_four})" if key else "a key that is gone") if call.api_key_id else ""),
        ("Program's user", call.end_user or ""),
    ]
    return [(name, text) for name, text in told if text]


def _facts(call: InferenceLog) -> list[tuple[str, str]]:
    told = [
        ("Operation", call.operation),
        ("Served by", call.served_model),
        ("Finish reason", call.finish_reason),
        ("Streamed", None if call.is_stream is None else "yes" if call.is_stream else "no"),
        ("Environment", call.environment),
        ("App", " ".join(part for part in (call.app, call.version) if part)),
        ("SDK", call.sdk_version),
        ("Tags", ", ".join(call.tags or [])),
        ("Cut or left out", ", ".join(call.cut_fields or [])),
        ("Redaction", None if call.redaction_version is None else f"version {call.redaction_version}"),
    ]
    return [(name, text) for name, text in told if text]


def _ids(call: InferenceLog) -> list[tuple[str, Any, str]]:
    """Each with where it leads to, if anywhere."""
    told = [
        ("Call", call.id, ""),
        ("Trace", call.trace_id, _address("trace", call.trace_id)),
        ("Span", call.span_id, ""),
        ("Parent span", call.parent_span_id, ""),
        ("Session", call.session_id, _address("session", call.session_id)),
        ("Conversation", call.conversation_id, "" if call.session_id else _address("session", call.conversation_id)),
        ("Message", call.message_id, ""),
    ]
    return [(name, identity, url) for name, identity, url in told if identity]


def _address(page: str, identity: Any) -> str:
    """Nowhere for an id that is none, or that no address can hold."""
    try:
        return reverse(page, args=[identity]) if identity else ""
    except NoReverseMatch:
        return ""


def _parameters(call: InferenceLog, *, may_read: bool) -> Any:
    """Texts among them may be content, numbers and switches are not."""
    given = call.parameters
    if not may_read:
        given = (
            {name: value for name, value in given.items() if isinstance(value, (int, float))} if isinstance(given, dict) else {}
        )
    return _block(given)


def _block(value: Any) -> Any:
    return with_chips(as_json(value)) if value else ""
