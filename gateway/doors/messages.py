"""`POST /v1/messages`: Anthropic's messages, of any model; `POST /v1/messages/count_tokens` estimates what a prompt takes."""

import asyncio
import re
from collections.abc import Mapping

import orjson

from accounts.entrance import Refused, Request, Response, as_json
from gateway import answers, wires
from gateway.completions.asked import Asked
from gateway.dialects import messages_in, messages_out
from gateway.dialects.fields import Fields
from gateway.streaming import answer
from telemetry import tokens

BETA = re.compile(r"[\w., -]{1,500}", re.ASCII)


async def tell(request: Request) -> Response:
    """Raises `Refused`."""
    fields = Fields.of_body(request.body)
    model = fields.text("model", is_needed=True)
    messages, parameters = messages_in.read(fields)
    body = messages_in.passed(fields)
    user = fields.object_of("metadata").get("user_id")
    asked = Asked(
        model,
        messages,
        parameters,
        is_stream=fields.flag("stream"),
        end_user=user[:300] if isinstance(user, str) else None,
        size=len(request.body),
    )
    beta = request.headers.get("anthropic-beta", "")
    source = wires.messages(body, beta=beta if BETA.fullmatch(beta) else "")
    return await answers.once(request, lambda: answer(request, asked, source, messages_out.Writer(model)))


async def count(request: Request) -> Response:
    """The prompt's tokens, as they are counted here: an estimate for models whose vocabulary isn't known. Raises `Refused`."""
    fields = Fields.of_body(request.body)
    model = fields.text("model", is_needed=True)
    messages, parameters = messages_in.read(Fields({"max_tokens": 1, **fields.given}))
    declared = orjson.dumps(parameters.get("tools") or []).decode()
    counted = await asyncio.to_thread(tokens.count_messages, messages, model)
    counted += await asyncio.to_thread(tokens.count, declared, model) if parameters.get("tools") else 0
    return as_json({"input_tokens": counted})


def refuse(refused: Refused, headers: Mapping[str, str]) -> Response:
    """An error as Anthropic's clients read it."""
    told = dict(refused.headers)
    if refused.retry_after is not None:
        told["retry-after"] = str(max(1, round(refused.retry_after)))
    return Response(refused.status, orjson.dumps(messages_out.error(refused)), told)
