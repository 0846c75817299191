"""Stored messages, titles and shared snapshots, redacted again by the engine and the rules of today."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from chat import sharing
from chat.models import Conversation, Feedback, Message, Prompt, Share, ToolUse
from chat.render import RENDERER_VERSION, render
from telemetry.policies import Rules
from telemetry.reredaction import BATCH, Done, Period, Report, count_of
from telemetry.values import shorten

TITLE_LIMIT = 500
LABEL_LIMIT = 255


def backfill(workspace_id: UUID, rules: Rules, period: Period, *, is_dry: bool, report: Report) -> Done:
    """Redact a workspace's messages and titles anew, those that were stamped by others. What it has done it finds done."""
    messages = Message.objects.filter(period.of("created_at"), conversation__workspace_id=workspace_id)
    messages = messages.exclude(status=Message.Status.STREAMING)
    titles = Conversation.objects.filter(period.of("created_at"), workspace_id=workspace_id)
    done = _walk(messages, rules, _of_message, is_dry=is_dry, report=report)
    done += _walk(titles, rules, _of_conversation, is_dry=is_dry, report=report)
    prompts = Prompt.objects.filter(period.of("updated_at"), workspace_id=workspace_id)
    done += _walk(prompts, rules, _of_prompt, is_dry=is_dry, report=report)
    shares = Share.objects.filter(period.of("created_at"), workspace_id=workspace_id)
    done += _walk(shares, rules, _of_share, is_dry=is_dry, report=report)
    uses = ToolUse.objects.filter(period.of("started_at"), message__conversation__workspace_id=workspace_id)
    done += _walk(uses.exclude(status=ToolUse.Status.RUNNING), rules, _of_use, is_dry=is_dry, report=report)
    judged = Feedback.objects.filter(period.of("created_at"), conversation__workspace_id=workspace_id)
    done += _walk(judged, rules, _of_feedback, is_dry=is_dry, report=report)
    return done


def _walk(
    rows: QuerySet[Any], rules: Rules, redact: Callable[[Any, Rules], dict[str, Any]], *, is_dry: bool, report: Report
) -> Done:
    done = Done()
    last = UUID(int=0)
    stale = rows.exclude(redaction_version=rules.version).order_by("id")
    while page := list(stale.filter(id__gt=last)[:BATCH]):
        for row in page:
            changed = {name: value for name, value in redact(row, rules).items() if value != getattr(row, name)}
            is_left = not is_dry and not _store(row, changed, rules)
            done += Done(1, int(bool(changed) and not is_left), int(is_left), Counter() if is_left else _gained(row, changed))
        last = page[-1].id
        report(len(page))
    return done


def _of_message(message: Message, rules: Rules) -> dict[str, Any]:
    texts = {name: rules.redactor.redact(getattr(message, name)).text for name in ("content", "reasoning", "error")}
    return texts | {"metadata": rules.redactor.redact_json(message.metadata)}


def _of_use(use: ToolUse, rules: Rules) -> dict[str, Any]:
    return {name: rules.redactor.redact(getattr(use, name)).text for name in ("arguments", "result")}


def _of_conversation(conversation: Conversation, rules: Rules) -> dict[str, Any]:
    return {
        **_of_title(conversation, rules),
        **_of_label(conversation, rules),
        "system_prompt": rules.redactor.redact(conversation.system_prompt).text,
    }


def _of_feedback(feedback: Feedback, rules: Rules) -> dict[str, Any]:
    return _of_label(feedback, rules) | {"comment": rules.redactor.redact(feedback.comment).text}


def _of_label(row: Conversation | Feedback, rules: Rules) -> dict[str, Any]:
    """What a program keeps with it."""
    label = shorten(rules.redactor.redact(row.end_user).text, LABEL_LIMIT)
    return {"end_user": label, "metadata": rules.redactor.redact_json(row.metadata)}


def _of_prompt(prompt: Prompt, rules: Rules) -> dict[str, Any]:
    return {"body": rules.redactor.redact(prompt.body).text}


def _of_title(conversation: Conversation | Share, rules: Rules) -> dict[str, Any]:
    return {"title": shorten(rules.redactor.redact(conversation.title).text, TITLE_LIMIT)}


def _of_share(share: Share, rules: Rules) -> dict[str, Any]:
    return _of_title(share, rules) | {"messages": sharing.reredacted(share, rules.redactor.redact)}


def _store(row: Message | Conversation | Share | ToolUse | Feedback, changed: dict[str, Any], rules: Rules) -> bool:
    """Write what changed, if the row is still as it was read."""
    stored: dict[str, Any] = {**changed, "redaction_version": rules.version}
    if isinstance(row, Message) and row.html and "content" in changed:
        stored |= {"html": render(changed["content"]), "renderer_version": RENDERER_VERSION}
    if isinstance(row, Message) and "reasoning" in changed:
        stored["reasoning_html"] = render(changed["reasoning"])
    read = {name: getattr(row, name) for name in changed}
    return bool(type(row)._default_manager.filter(id=row.id, **read).update(**stored))


def _gained(row: Any, changed: dict[str, Any]) -> Counter[str]:
    gained: Counter[str] = Counter()
    for name, value in changed.items():
        gained += count_of(value) - count_of(getattr(row, name))
    return gained
